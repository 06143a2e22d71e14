"""Layers over sequences (B, T, C) that encoder, predictors and estimators share."""

import torch
from torch import Tensor, nn

_ROTARY_BASE = 10000.0


class SequenceConv(nn.Module):
    """Convolution over time that reads zeros outside the mask, so padding changes nothing.

    Parameters
    ----------
    channels_in, channels_out
        Widths.
    kernel
        Odd number of positions.
    """

    def __init__(self, channels_in: int, channels_out: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(channels_in, channels_out, kernel, padding=kernel // 2)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, T, channels_in) float and (B, T, 1) of 0 and 1 -> (B, T, channels_out), zero outside the mask."""
        y: Tensor = self.conv((x * mask).transpose(1, 2)).transpose(1, 2)  # (B, T, channels_out)
        return y * mask


class ConvBlock(nn.Module):
    """Convolution, ReLU, layer norm, dropout: the block of FastSpeech's predictors and of Grad-TTS's prenet."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.conv = SequenceConv(channels_in, channels_out, kernel)
        self.norm = nn.LayerNorm(channels_out)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, T, channels_in) float and (B, T, 1) of 0 and 1 -> (B, T, channels_out), zero outside the mask."""
        y: Tensor = self.dropout(self.norm(self.conv(x, mask).relu()))
        return y * mask


def rotate(x: Tensor, positions: Tensor) -> Tensor:
    """Rotary position embedding (Su et al. 2021, equation 34): channel pairs (i, i + D/2) turned by an angle that grows with position.

    Parameters
    ----------
    x
        Queries or keys, float of shape (..., L, D), D even.
    positions
        Float of shape (L,).

    Returns
    -------
    Tensor
        Same shape and type; the product of a rotated query and key depends on the distance of their positions alone.
    """
    width = x.shape[-1]
    rates = _ROTARY_BASE ** (-torch.arange(0, width, 2, device=x.device, dtype=torch.float32) / width)  # (D / 2,)
    angles = positions.unsqueeze(-1) * rates  # (L, D / 2)
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], dim=-1)
