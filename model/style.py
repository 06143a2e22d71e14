"""Style, what the score network sees beside mu and x_t: speaker, emotion and prosody as channels of its image, and as a sequence."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from model.prosody import N_TRACKS

N_WHO_CHANNELS = 2  # speaker, emotion


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
