"""Normalisation that knows padding."""

import torch

from model.estimators.grad_unet import group_norm


def test_masked_group_norm_equals_torchs_on_the_valid_part() -> None:
    norm = torch.nn.GroupNorm(8, 16)
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    x = torch.randn(2, 16, 10, 4)
    mask = torch.zeros(2, 1, 10, 1)
    mask[:, :, :7] = 1.0
    torch.testing.assert_close(group_norm(x, mask, norm)[:, :, :7], norm(x[:, :, :7]), atol=1e-5, rtol=1e-5)
