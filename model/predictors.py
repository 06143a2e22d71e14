"""Durations and prosody of phones, predicted from text, speaker and emotion."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from model.layers import ConvBlock


class PhoneProsody(NamedTuple):
    """What the predictors say of each phone; every field is float of shape (B, L).

    Attributes
    ----------
    log_frames
        ln(1 + duration in frames), so that a phone of no frame has a target too.
    log_f0_z
        Mean log-F0 of the phone's voiced frames in standard deviations of the speaker.
    voiced_logit
        Logit of the share of its frames that is voiced.
    energy_z
        Mean energy in standard deviations of the speaker.
    """

    log_frames: Tensor
    log_f0_z: Tensor
    voiced_logit: Tensor
    energy_z: Tensor


class PhonePredictor(nn.Module):
    """Two convolutions and a linear layer over phones, as FastSpeech 2's variance predictor (Ren et al. 2021, figure 1c)."""

    def __init__(self, channels_in: int, channels: int, n_outputs: int, dropout: float) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([ConvBlock(channels_in, channels, 3, dropout), ConvBlock(channels, channels, 3, dropout)])
        self.out = nn.Linear(channels, n_outputs)

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """(B, L, channels_in) float and (B, L, 1) of 0 and 1 -> (B, L, n_outputs)."""
        for block in self.blocks:
            hidden = block(hidden, mask)
        out: Tensor = self.out(hidden)
        return out


class ProsodyPredictor(nn.Module):
    """The duration predictor and the prosody predictors.

    Their losses shape the encoder too, as in FastSpeech 2 and unlike in Grad-TTS: an encoder whose mu is given prosody would otherwise not
    learn what text says of it.
    """

    def __init__(self, hidden_channels: int, style_channels: int, channels: int, dropout: float) -> None:
        super().__init__()
        self.duration = PhonePredictor(hidden_channels + style_channels, channels, 1, dropout)
        self.prosody = PhonePredictor(hidden_channels + style_channels, channels, 3, dropout)

    def forward(self, hidden: Tensor, style: Tensor, mask: Tensor) -> PhoneProsody:
        """Predict each phone.

        Parameters
        ----------
        hidden
            The encoder's output, float of shape (B, L, hidden_channels).
        style
            Speaker and emotion, float of shape (B, 1 or L, style_channels).
        mask
            1 at phones, 0 at padding, float of shape (B, L, 1).
        """
        spread = style.expand(-1, hidden.shape[1], -1)
        x = torch.cat([hidden, spread], dim=-1)
        pitch, voiced, energy = self.prosody(x, mask).float().unbind(-1)
        return PhoneProsody(self.duration(x, mask).float().squeeze(-1), pitch, voiced, energy)


def durations_from_log(log_frames: Tensor, mask: Tensor) -> Tensor:
    """Whole frames a phone, at least one, from ln(1 + frames).

    Boundaries are rounded, not lengths, so the total is not biased.

    Parameters
    ----------
    log_frames
        Float of shape (B, L).
    mask
        1 at phones, 0 at padding, float of shape (B, L, 1).

    Returns
    -------
    Tensor
        int64 of shape (B, L), >= 1 at phones and 0 at padding.
    """
    present = mask.squeeze(-1)
    ends = (log_frames.clamp(0.0, 8.0).expm1() * present).cumsum(-1).round().long()
    lengths = ends.diff(dim=-1, prepend=torch.zeros_like(ends[:, :1]))
    return lengths.clamp(min=1) * present.long()
