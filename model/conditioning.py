"""Length regulation, prosody tracks, and the conditions as channels of the score network's input image."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

N_TRACKS = 4  # log-F0, voiced, energy, log duration
_ENERGY = 2  # place of energy among them
N_WHO_CHANNELS = 2  # speaker, emotion
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


@dataclass(frozen=True)
class Alignment:
    """Which frame belongs to which phone.

    Parameters
    ----------
    phone_of_frame
        Index of each frame's phone, int64 of shape (B, T).
    position
        Place of the frame's centre inside its phone, float of shape (B, T), 0 .. 1.
    log_duration
        ln of the frames of its phone, float of shape (B, T).
    mask
        1 at frames, 0 at padding, float of shape (B, T, 1).
    """

    phone_of_frame: Tensor
    position: Tensor
    log_duration: Tensor
    mask: Tensor


@dataclass(frozen=True)
class Style:
    """What the score network sees beside mu and x_t.

    Parameters
    ----------
    image
        Speaker, emotion and PSD image as channels, float of shape (B, N_WHO_CHANNELS + PSD_CHANNELS[kind], T, n_mels).
    emotion
        Embedding, float of shape (B, 1 or T, emotion_channels).
    sequence
        Speaker, emotion and tracks of each frame for cross-attention's keys and values, float of shape (B, T, channels); None without.
    """

    image: Tensor
    emotion: Tensor
    sequence: Tensor | None


@dataclass(frozen=True)
class EmotionMix:
    """Emotions in shares that may change along the utterance.

    Parameters
    ----------
    weights
        Share of each emotion id at each phone, float of shape (B, L, n_emotions), rows sum to 1.
    space
        ``embedding``: one evaluation with the mean of the emotions' embeddings. ``noise``: the mean of each emotion's noise.
    scale
        Intensity: how far to go from speech without emotion, 0 (none) .. 1 (as learnt) and more.
    """

    weights: Tensor
    space: str
    scale: float


@dataclass(frozen=True)
class DropRates:
    """Share of training rows from which each condition is hidden, 0 .. 1."""

    speaker: float
    emotion: float
    prosody: float


@dataclass(frozen=True)
class Shown:
    """Which conditions the score network is shown, each bool of shape (B,); a hidden one is replaced by a learned null."""

    speaker: Tensor
    emotion: Tensor
    prosody: Tensor


def align(durations: Tensor, n_frames: int) -> Alignment:
    """Lay phones over frames.

    Parameters
    ----------
    durations
        Frames a phone, int64 of shape (B, L), >= 0. A phone of no frame is passed over.
    n_frames
        T, at least the longest row's sum.
    """
    ends = durations.cumsum(-1)  # (B, L)
    frame = torch.arange(n_frames, device=durations.device).expand(len(durations), -1).contiguous()  # (B, T)
    phone = torch.searchsorted(ends, frame, right=True).clamp(max=durations.shape[1] - 1)
    length = durations.gather(1, phone).clamp(min=1).float()
    inside = frame - (ends - durations).gather(1, phone) + 0.5
    mask = (frame < ends[:, -1:]).unsqueeze(-1).float()
    return Alignment(phone, (inside / length).clamp(0.0, 1.0), length.log(), mask)


def spread(values: Tensor, alignment: Alignment) -> Tensor:
    """Values of phones, (B, L, C), at each frame, (B, T, C); zero at padding."""
    index = alignment.phone_of_frame.unsqueeze(-1).expand(-1, -1, values.shape[-1])
    return values.gather(1, index) * alignment.mask.to(values.dtype)


def pool(track: Tensor, weight: Tensor, alignment: Alignment, n_phones: int) -> tuple[Tensor, Tensor]:
    """Weighted mean of a frame track over each phone.

    Parameters
    ----------
    track, weight
        Float of shape (B, T); weights are >= 0.
    n_phones
        L.

    Returns
    -------
    tuple of Tensor
        Means, float of shape (B, L), 0 where the weights sum to 0; and the sums of weights, same shape.
    """
    weight = weight * alignment.mask.squeeze(-1)
    zeros = torch.zeros(len(track), n_phones, dtype=track.dtype, device=track.device)
    total = zeros.scatter_add(1, alignment.phone_of_frame, track * weight)
    weights = zeros.scatter_add(1, alignment.phone_of_frame, weight)
    return total / weights.clamp(min=1e-6), weights


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


def between_centres(values: Tensor, alignment: Alignment) -> Tensor:
    """Phone values at frames, linear between phone centres, so that a predicted contour has no steps.

    Parameters
    ----------
    values
        Float of shape (B, L).

    Returns
    -------
    Tensor
        Float of shape (B, T); constant before the first and after the last phone's centre.
    """
    phone, position = alignment.phone_of_frame, alignment.position
    last = (phone * alignment.mask.squeeze(-1).long()).amax(dim=-1, keepdim=True)
    other = torch.where(position < 0.5, phone - 1, phone + 1).clamp(min=0).minimum(last)
    share = (position - 0.5).abs()
    return values.gather(1, phone) * (1 - share) + values.gather(1, other) * share


class StyleImage(nn.Module):
    """Conditions as input channels: speaker and emotion by ``embedding -> MLP -> n_mels`` repeated over time, and the PSD image.

    Row 0 of the speaker and emotion tables is the null that stands for a hidden or unknown one.
    """

    def __init__(self, speaker_channels: int, emotion_channels: int, n_mels: int, psd_channels: int) -> None:
        super().__init__()
        self.speaker = _mlp(speaker_channels, n_mels)
        self.emotion = _mlp(emotion_channels, n_mels)
        self.null_psd = nn.Parameter(torch.zeros(psd_channels))

    def forward(self, speaker: Tensor, emotion: Tensor, psd: Tensor, psd_shown: Tensor) -> Tensor:
        """Draw the image, float of shape (B, N_WHO_CHANNELS + psd_channels, T, n_mels).

        Parameters
        ----------
        speaker, emotion
            Embeddings, float of shape (B, speaker_channels) and (B, 1 or T, emotion_channels), nulls put in already.
        psd
            From `psd_image`, float of shape (B, psd_channels, T, n_mels).
        psd_shown
            bool of shape (B,); where false the image is a learned constant a channel.
        """
        shown = torch.where(psd_shown[:, None, None, None], psd, self.null_psd[:, None, None])
        along = [bands.expand(-1, psd.shape[2], -1) for bands in (self.speaker(speaker).unsqueeze(1), self.emotion(emotion))]  # (B, T, M)
        return torch.cat([torch.stack(along, dim=1), shown], dim=1)


class StyleSequence(nn.Module):
    """Conditions as a sequence that content attends to: speaker, emotion and tracks of each frame through two linear layers."""

    def __init__(self, speaker_channels: int, emotion_channels: int, channels: int) -> None:
        super().__init__()
        self.null_tracks = nn.Parameter(torch.zeros(N_TRACKS))
        self.layers = nn.Sequential(
            nn.Linear(speaker_channels + emotion_channels + N_TRACKS, channels), nn.Mish(), nn.Linear(channels, channels)
        )

    def forward(self, speaker: Tensor, emotion: Tensor, prosody_tracks: Tensor, shown: Tensor) -> Tensor:
        """Speaker (B, S), emotion (B, 1 or T, E), tracks (B, T, N_TRACKS), whether rows' tracks are shown (B,) -> (B, T, channels)."""
        n_frames = prosody_tracks.shape[1]
        seen = torch.where(shown[:, None, None], prosody_tracks, self.null_tracks)
        who = torch.cat([speaker.unsqueeze(1).expand(-1, n_frames, -1), emotion.expand(-1, n_frames, -1)], dim=-1)
        sequence: Tensor = self.layers(torch.cat([who, seen], dim=-1))
        return sequence


def _mlp(channels: int, n_mels: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(channels, 4 * channels), nn.Mish(), nn.Linear(4 * channels, n_mels))
