"""What the model is given: what to say and as whom, and, to learn from, how it was said."""

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from model.prosody import Prosody

PADDING_PHONE = 0
UNKNOWN_PHONE = 1
UNKNOWN_STYLE = 0  # row of the speaker and emotion tables for an unknown or hidden one


@dataclass(frozen=True)
class Conditions:
    """What to say, and as whom.

    Parameters
    ----------
    phones
        int64 of shape (B, L); `PADDING_PHONE` fills the end of rows.
    speaker, emotion
        int64 of shape (B,); `UNKNOWN_STYLE` where unknown.
    pitch_scale
        Mean and standard deviation of the speaker's log-F0 (ln Hz), by which its z-scores become Hz, float of shape (B, 2).
    voice
        How the speaker sounds, for a model that takes that: d-vectors, float of shape (B, voice_channels). Zeros, or no channels: as the
        training speaker with that id does.
    """

    phones: Tensor
    speaker: Tensor
    emotion: Tensor
    pitch_scale: Tensor
    voice: Tensor

    @property
    def present(self) -> Tensor:
        """1 at phones, 0 at padding, float of shape (B, L, 1)."""
        return (self.phones != PADDING_PHONE).unsqueeze(-1).float()

    def to(self, device: torch.device) -> "Conditions":
        """The same on another device."""
        return Conditions(*(getattr(self, field.name).to(device) for field in fields(self)))


@dataclass(frozen=True)
class Part:
    """Which rows of a batch are at hand, where several processes share it: `first`, `first + step`, and so on of `n_rows`."""

    first: int
    step: int
    n_rows: int

    def of(self, whole: Tensor) -> Tensor:
        """These rows of what was drawn for the whole batch, (n_rows, ...)."""
        return whole[self.first :: self.step]


@dataclass(frozen=True)
class Batch:
    """Utterances to learn from.

    Parameters
    ----------
    utterance_ids
        B ids, for messages.
    conditions
        What is said.
    durations
        Frames a phone, int64 of shape (B, L), 0 at padding.
    prosody
        Frame-level prosody, (B, T).
    mel_ln
        Log-mel (natural log), float of shape (B, T, n_mels); T is that of the whole batch.
    part
        Which rows of the whole batch these B are.
    """

    utterance_ids: tuple[str, ...]
    conditions: Conditions
    durations: Tensor
    prosody: Prosody
    mel_ln: Tensor
    part: Part

    def to(self, device: torch.device) -> "Batch":
        """The same on another device."""
        moved = self.durations.to(device), self.prosody.to(device), self.mel_ln.to(device)
        return Batch(self.utterance_ids, self.conditions.to(device), *moved, self.part)
