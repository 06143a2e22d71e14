"""Mixes of emotions and their intensity: how far predictions, mu and noise each go from what they are without emotion."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from model.alignment import Alignment, spread
from model.batch import UNKNOWN_STYLE


@dataclass(frozen=True)
class EmotionMix:
    """Emotions in shares that may change along the utterance.

    Parameters
    ----------
    weights
        Share of each emotion id at each phone, float of shape (B, L, n_emotions), rows sum to 1.
    space
        Where the score network's noises are mixed. ``embedding``: one evaluation with the mean of the emotions' embeddings. ``noise``: the
        mean of each emotion's noise. In predictions and mu a mix is the mean embedding in any case.
    scale
        Intensity: how far to go from speech without emotion, 0 (none) .. 1 (as learnt) and more.
    """

    weights: Tensor
    space: str
    scale: float

    def to(self, device: torch.device) -> "EmotionMix":
        """The same on another device."""
        return EmotionMix(self.weights.to(device), self.space, self.scale)


def at_intensity(said: Callable[[EmotionMix | None], list[Tensor]], mix: EmotionMix | None) -> list[Tensor]:
    """What `said` gives for a mix, `mix.scale` times as far from what it gives without emotion."""
    asked = said(mix)
    if mix is None or mix.scale == 1.0:
        return asked
    return [torch.lerp(plain, whole, mix.scale) for plain, whole in zip(said(without_emotion(mix)), asked, strict=True)]


def without_emotion(mix: EmotionMix) -> EmotionMix:
    """A mix's emotions in equal shares, where it has any: the encoder, from which training hides no emotion, knows no other middle."""
    unknown = mix.weights[..., UNKNOWN_STYLE, None]  # (B, L, 1)
    shares = ((1.0 - unknown) / (mix.weights.shape[-1] - 1)).expand_as(mix.weights).clone()
    shares[..., UNKNOWN_STYLE] = unknown.squeeze(-1)
    return EmotionMix(shares, "embedding", 1.0)


def guidance(mix: EmotionMix, alignment: Alignment, table: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Emotions whose noises are to be summed: ``hidden + scale sum_i weight_i (emotion_i - hidden)`` (Ho and Salimans 2022).

    Parameters
    ----------
    alignment
        Where the mix's phones lie.
    table
        Embeddings of emotions by id, `UNKNOWN_STYLE` the hidden one's, float of shape (n_emotions, emotion_channels).

    Returns
    -------
    list of tuple
        Embeddings, float of shape (B, 1 or T, emotion_channels), and weights, which broadcast to (B, T, n_mels).
    """
    at_frames = spread(mix.weights, alignment)  # (B, T, n_emotions)
    scale = at_frames.new_tensor(mix.scale)

    def alone(emotion: int) -> Tensor:
        return table[emotion].expand(len(at_frames), 1, -1)

    if mix.space == "embedding":
        terms = [(at_frames @ table, scale)]
    else:
        used = [emotion for emotion in range(len(table)) if bool(at_frames[..., emotion].any())]
        terms = [(alone(emotion), scale * at_frames[..., emotion, None]) for emotion in used]
    return terms if mix.scale == 1.0 else [(alone(UNKNOWN_STYLE), 1.0 - scale), *terms]
