"""Layers over sequences (B, T, C) that encoder and predictors share."""

from torch import Tensor, nn


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
