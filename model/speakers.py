"""Who speaks, as an embedding: a row learnt for each speaker, or a function of how the voice sounds, which any voice has."""

import math

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


class SpeakerTable(nn.Module):
    """A learnt row for each speaker; row 0 stands for an unknown or hidden one."""

    def __init__(self, n_speakers: int, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(nn.init.normal_(torch.empty(n_speakers, channels)))

    def forward(self, speaker: Tensor, voice: Tensor) -> Tensor:  # noqa: ARG002  one signature for both kinds
        """Ids, int64 of shape (B,), and voices, which are not looked at -> (B, channels)."""
        return F.embedding(speaker, self.weight)


class ExternalSpeaker(nn.Module):
    """A linear function of the voice's d-vector, as in Jia et al. 2018; a learnt vector for an unknown or hidden one.

    Parameters
    ----------
    n_speakers
        Ids, 0 for unknown included.
    voice_channels, channels
        Sizes of the d-vector and of the embedding.
    """

    means: Tensor
    centre: Tensor

    def __init__(self, n_speakers: int, voice_channels: int, channels: int) -> None:
        super().__init__()
        self.layer = nn.Linear(voice_channels, channels)
        self.unknown = nn.Parameter(torch.zeros(channels))
        self.register_buffer("means", torch.zeros(n_speakers, voice_channels))
        self.register_buffer("centre", torch.zeros(voice_channels))

    def set_means(self, means: Tensor) -> None:
        """Take over the training speakers' mean d-vectors, float of shape (n_speakers, voice_channels), zero where there is none."""
        self.means.copy_(means)
        self.centre.copy_(means[means.any(-1)].mean(0))

    def forward(self, speaker: Tensor, voice: Tensor) -> Tensor:
        """Ids, int64 of shape (B,), and voices, float of shape (B, voice_channels) -> (B, channels).

        A voice of zeros, or of no channels, is the mean one of the speaker with that id, and unknown where that is zero.
        """
        means = self.means[speaker]
        heard = torch.where(voice.any(-1, keepdim=True), voice, means) if voice.shape[-1] else means
        # Voices differ by a fraction of their norm 1: centred and scaled, each channel is of the order of one, as layers like it.
        embedding = self.layer((heard - self.centre) * math.sqrt(heard.shape[-1]))
        return torch.where(heard.any(-1, keepdim=True), embedding, self.unknown)
