"""Neighbouring mel bands as channels, which makes a U-Net's image narrower and cheaper (as space-to-depth, along one axis)."""

from torch import Tensor


def folded(image: Tensor, fold: int) -> Tensor:
    """(B, C, T, M) -> (B, fold * C, T, M / fold): channel f * C + c holds channel c of every fold-th band from f on."""
    batch, channels, n_frames, n_mels = image.shape
    bands = image.view(batch, channels, n_frames, n_mels // fold, fold)
    return bands.permute(0, 4, 1, 2, 3).reshape(batch, fold * channels, n_frames, n_mels // fold)


def unfolded(image: Tensor, fold: int) -> Tensor:
    """What `folded` did, undone."""
    batch, channels, n_frames, width = image.shape
    bands = image.view(batch, fold, channels // fold, n_frames, width).permute(0, 2, 3, 4, 1)
    return bands.reshape(batch, channels // fold, n_frames, width * fold)
