"""Bands as channels and back."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from model.estimators.folding import folded, unfolded


@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 5), st.integers(1, 6), st.sampled_from([1, 2, 4]))
def test_unfolding_undoes_folding_bit_for_bit(batch: int, channels: int, n_frames: int, width: int, fold: int):
    image = torch.randn(batch, channels, n_frames, width * fold)
    narrow = folded(image, fold)
    assert narrow.shape == (batch, fold * channels, n_frames, width)
    assert torch.equal(unfolded(narrow, fold), image)


def test_a_folded_place_holds_neighbouring_bands_of_its_own_frame():
    image = torch.arange(8.0).view(1, 1, 2, 4)  # frames 0 1 2 3 and 4 5 6 7
    assert folded(image, 2)[0, :, 0].tolist() == [[0.0, 2.0], [1.0, 3.0]]
    assert folded(image, 2)[0, :, 1].tolist() == [[4.0, 6.0], [5.0, 7.0]]
