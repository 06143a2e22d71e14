"""Prosody at frames: its tracks, and the image that the score network sees of it (PSD: pitch, energy, duration)."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from model.alignment import Alignment

N_TRACKS = 4  # log-F0, voiced, energy, log duration
_ENERGY = 2  # place of energy among them
PSD_CHANNELS = {"repeat": N_TRACKS, "ridge": N_TRACKS + 1}  # by kind of PSD image
_RIDGE_FLOOR = 0.05  # of the mean over frequency; how deep a valley between harmonics is drawn, as noise fills real ones
_HARMONICS_A_BAND = (-1, 0, 1, 2)  # relative to the last harmonic below a band's centre


@dataclass(frozen=True)
class Prosody:
    """Frame-level prosody, each float of shape (B, T).

    Parameters
    ----------
    log_f0_z
        Log-F0 in standard deviations of the speaker, interpolated in log over unvoiced frames.
    voiced
        1 where voiced, 0 elsewhere.
    energy_z
        Energy in standard deviations of the speaker.
    """

    log_f0_z: Tensor
    voiced: Tensor
    energy_z: Tensor

    def to(self, device: torch.device) -> "Prosody":
        """The same on another device."""
        return Prosody(self.log_f0_z.to(device), self.voiced.to(device), self.energy_z.to(device))


class Drawn(NamedTuple):
    """Prosody as the networks see it, zero at padding: from `tracks`, float of shape (B, T, N_TRACKS), and `ridge`, (B, T, n_mels)."""

    tracks: Tensor
    harmonics: Tensor


def tracks(prosody: Prosody, alignment: Alignment) -> Tensor:
    """The four prosody tracks, float of shape (B, T, N_TRACKS): log-F0, voiced, energy, log duration; zero at padding."""
    stacked = torch.stack([prosody.log_f0_z, prosody.voiced, prosody.energy_z, alignment.log_duration - 2.0], dim=-1)
    return stacked * alignment.mask


def ridge(f0_hz: Tensor, voiced: Tensor, centres_hz: Tensor, widths_hz: Tensor) -> Tensor:
    """Pitch and its harmonics drawn where the mel would show them: ln of equal harmonics over their mean.

    Bands too wide to tell harmonics apart show about 0.

    Parameters
    ----------
    f0_hz, voiced
        Float of shape (B, T); F0 is finite and > 0 everywhere.
    centres_hz, widths_hz
        Centre of each band and standard deviation of its response to a sine, float of shape (n_mels,), see `pipeline.mel.band_shapes_hz`.

    Returns
    -------
    Tensor
        Float of shape (B, T, n_mels), 0 where unvoiced.
    """
    f0 = f0_hz.unsqueeze(-1)  # (B, T, 1)
    below = torch.floor(centres_hz / f0)  # (B, T, M)
    width = widths_hz.minimum(f0 / 2)  # wider ones are flat already, and would need more harmonics
    response = torch.zeros_like(below)
    for step in _HARMONICS_A_BAND:
        number = below + step
        response = response + torch.exp(-0.5 * ((centres_hz - number * f0) / width) ** 2) * (number >= 1)
    over_mean = response * f0 / (width * math.sqrt(2 * math.pi))
    return (over_mean + _RIDGE_FLOOR).log() * voiced.unsqueeze(-1)


def psd_image(kind: str, prosody_tracks: Tensor, harmonics: Tensor) -> Tensor:
    """The PSD image, float of shape (B, PSD_CHANNELS[kind], T, n_mels).

    Parameters
    ----------
    kind
        ``repeat``: each track over all bands. ``ridge``: a channel more, harmonics with energy as their brightness.
    prosody_tracks
        From `tracks`, float of shape (B, T, N_TRACKS).
    harmonics
        From `ridge`, float of shape (B, T, n_mels).
    """
    repeated = prosody_tracks.transpose(1, 2).unsqueeze(-1).expand(-1, -1, -1, harmonics.shape[-1])  # (B, N_TRACKS, T, M)
    if kind == "repeat":
        return repeated
    bright = harmonics + prosody_tracks[..., _ENERGY, None]
    return torch.cat([repeated, bright.unsqueeze(1)], dim=1)
