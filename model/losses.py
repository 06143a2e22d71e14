"""What training lowers: errors of mu, of the predictors, and of the score network on random windows with conditions hidden at random.

All that is random is drawn for a whole batch, of which the rows at hand take theirs, so that processes that share a batch draw alike.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812  torch's own habit
from torch import Tensor

from model.alignment import Alignment, align, pool, spread
from model.batch import UNKNOWN_STYLE, Batch, Part
from model.diffusion import diffuse
from model.predictors import PhoneProsody
from model.prosody import Drawn
from model.style import Style
from model.tts import Tts

_T_MIN = 1e-4  # keeps the noise scale off zero


@dataclass(frozen=True)
class Mean:
    """A weighted mean before its division, so that the parts of a batch that several processes hold add up to the whole batch's.

    Parameters
    ----------
    total, weight
        Scalars: the weighted sum, and the sum of weights.
    """

    total: Tensor
    weight: Tensor

    @property
    def value(self) -> Tensor:
        """The mean, 0 where there is nothing to average."""
        return self.total / self.weight.clamp(min=1.0)


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


class _Window(NamedTuple):
    """What the score network sees of a batch, each (B, W, channels)."""

    mel: Tensor
    mu: Tensor
    mask: Tensor
    drawn: Drawn


def losses(model: Tts, batch: Batch, window_frames: int, drop: DropRates, generator: torch.Generator) -> dict[str, Mean]:
    """The losses of a batch; the sum of their values is what training lowers.

    Parameters
    ----------
    batch
        Utterances.
    window_frames
        Length of the random window that the score network sees.
    drop
        Shares of rows whose speaker, emotion and prosody, each alone, are hidden from the score network.
    generator
        Draws windows, times, noise and hidden conditions: those of the whole batch, of which the rows at hand take theirs.

    Returns
    -------
    dict
        Means over the rows at hand: `prior` and `diffusion` (squares of normalised mel and of noise), `duration` (of ln(1 + frames)),
        `pitch` and `energy` (of z-scores a phone), `voiced` (cross-entropy a phone).
    """
    said = model.encode(batch.conditions)
    alignment = align(batch.durations, batch.mel_ln.shape[1])
    drawn = model.draw(batch.conditions, batch.prosody, alignment)
    mu = model.mu_decoder(spread(said.hidden, alignment), alignment, *drawn)
    mel = (batch.mel_ln - model.mel_mean_ln) / model.mel_std_ln * alignment.mask
    at = window_places(alignment.mask, window_frames, batch.part, generator)
    mel_cut, mu_cut, mask_cut, *drawn_cut = (_cut(x, at) for x in (mel, mu, alignment.mask, *drawn))
    shown = shown_conditions(batch.part, drop, generator, mel.device)
    return {
        "prior": masked_mean_square(mel - mu, alignment.mask),
        "diffusion": _diffusion_loss(model, batch, _Window(mel_cut, mu_cut, mask_cut, Drawn(*drawn_cut)), shown, generator),
        **_phone_losses(model.predictor(*said, batch.conditions.present), batch, alignment),
    }


def masked_mean_square(difference: Tensor, mask: Tensor) -> Mean:
    """Mean of squares over what the mask holds.

    Parameters
    ----------
    difference
        Float of shape (B, T, C).
    mask
        1 at frames, 0 at padding, float of shape (B, T, 1).
    """
    return Mean(((difference * mask) ** 2).sum(), mask.sum() * difference.shape[-1])


def window_places(mask: Tensor, window_frames: int, part: Part, generator: torch.Generator) -> Tensor:
    """Indices of a random window a row, int64 of shape (B, min(window_frames, T)); rows shorter than it start at 0."""
    lengths = mask.sum(dim=(1, 2))  # (B,)
    room = (lengths - window_frames).clamp(min=0)
    draw = part.of(torch.rand(part.n_rows, generator=generator, device=generator.device)).to(mask)
    first = (draw * (room + 1)).long().minimum(room.long())
    width = min(window_frames, mask.shape[1])
    return first.unsqueeze(-1) + torch.arange(width, device=mask.device)


def shown_conditions(part: Part, drop: DropRates, generator: torch.Generator, device: torch.device) -> Shown:
    """Hide each condition of each row alone with its own probability."""
    rates = torch.tensor([drop.speaker, drop.emotion, drop.prosody]).unsqueeze(-1)
    speaker, emotion, prosody = (torch.rand(3, part.n_rows, generator=generator, device=generator.device) >= rates).to(device)
    return Shown(part.of(speaker), part.of(emotion), part.of(prosody))


def _cut(x: Tensor, window: Tensor) -> Tensor:
    """(B, T, C) at the window's frames, (B, W, C)."""
    return x.gather(1, window.unsqueeze(-1).expand(-1, -1, x.shape[-1]))


def _diffusion_loss(model: Tts, batch: Batch, cut: _Window, shown: Shown, generator: torch.Generator) -> Mean:
    x_0, mu, mask, part = cut.mel, cut.mu, cut.mask, batch.part
    # Times spread evenly over the batch from one random start: the same mean as independent ones, less variance.
    start = torch.rand(1, generator=generator, device=generator.device)
    t = part.of((start + torch.arange(part.n_rows) / part.n_rows) % 1.0).clamp(min=_T_MIN).to(x_0.device)
    noise = part.of(torch.randn((part.n_rows, *x_0.shape[1:]), generator=generator, device=generator.device)).to(x_0)
    x_t = diffuse(x_0, mu, noise, t, model.schedule) * mask
    return masked_mean_square(model.score(x_t, t, mu, mask, _style(model, batch, cut.drawn, shown)) - noise, mask)


def _style(model: Tts, batch: Batch, drawn: Drawn, shown: Shown) -> Style:
    """The window's style, with what is hidden replaced by the nulls."""
    given = batch.conditions
    speaker = model.speakers(torch.where(shown.speaker, given.speaker, UNKNOWN_STYLE), given.voice * shown.speaker.unsqueeze(-1))
    emotion = model.emotions(torch.where(shown.emotion, given.emotion, UNKNOWN_STYLE)).unsqueeze(1)
    return model.style(speaker, emotion, drawn, shown.prosody)


def _phone_losses(said: PhoneProsody, batch: Batch, alignment: Alignment) -> dict[str, Mean]:
    n_phones, present = batch.durations.shape[1], batch.conditions.present.squeeze(-1)
    ones = torch.ones_like(batch.prosody.voiced)
    pitch, voiced_frames = pool(batch.prosody.log_f0_z, batch.prosody.voiced, alignment, n_phones)
    voiced, frames = pool(batch.prosody.voiced, ones, alignment, n_phones)
    energy, _ = pool(batch.prosody.energy_z, ones, alignment, n_phones)
    log_frames = batch.durations.float().log1p()
    sounding = present * (frames > 0)
    cross_entropy = F.binary_cross_entropy_with_logits(said.voiced_logit, voiced.clamp(0, 1), reduction="none")
    return {
        "duration": _mean((said.log_frames - log_frames) ** 2, present),
        "pitch": _mean((said.log_f0_z - pitch) ** 2, present * (voiced_frames > 0)),
        "voiced": _mean(cross_entropy, sounding),
        "energy": _mean((said.energy_z - energy) ** 2, sounding),
    }


def _mean(values: Tensor, weight: Tensor) -> Mean:
    return Mean((values * weight).sum(), weight.sum())
