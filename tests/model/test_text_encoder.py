"""Padding and places of phones in the encoder."""

import torch

from model.layers import rotate
from model.text_encoder import TextEncoder


def test_rotary_products_depend_on_distance_alone() -> None:
    q, k = torch.randn(2, 1, 8).double().expand(2, 20, 8)
    places = torch.arange(20.0)
    products = rotate(q, places) @ rotate(k, places).T
    torch.testing.assert_close(products[3, 5], products[10, 12], atol=1e-5, rtol=1e-5)


def test_padding_phones_change_nothing_of_the_others() -> None:
    encoder = TextEncoder(12, 32, 6, 2, 2, 0.1).eval()
    phones, style = torch.randint(1, 12, (2, 9)), torch.randn(2, 1, 6)
    longer = torch.nn.functional.pad(phones, (0, 5))
    torch.testing.assert_close(encoder(longer, style)[:, :9], encoder(phones, style), atol=1e-5, rtol=1e-5)
