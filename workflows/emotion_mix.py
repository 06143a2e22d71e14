"""Mixes of emotions as people write them: ``angry:0.6,sad:0.4``, and along an utterance ``neutral > angry > sad``."""

import numpy as np
import torch
from numpy.typing import NDArray

from model.emotions import EmotionMix
from schemas.errors import ParamsError
from schemas.names import unknown
from workflows.dataset import Vocabulary


def parse_mix(text: str, vocabulary: Vocabulary) -> NDArray[np.float64]:
    """Shares of each emotion id at evenly spaced places of an utterance.

    Parameters
    ----------
    text
        Mixes parted by ``>``; a mix is names with weights, ``name:weight,name:weight``; a name alone weighs 1.

    Returns
    -------
    NDArray[np.float64]
        Shape (n_mixes, n_emotions + 1), rows sum to 1; column 0 is the unknown emotion.

    Raises
    ------
    ParamsError
        If an emotion is not one that the model learnt, or a weight is no number, negative, or all of them are 0.
    """
    return np.stack([_parse_one(mix, text, vocabulary) for mix in text.split(">")])


def along_phones(shares: NDArray[np.float64], n_phones: int) -> NDArray[np.float64]:
    """Shares at each phone, (n_phones, n_emotions + 1): linear from the first mix, at the first phone, to the last at the last."""
    places = np.linspace(0.0, 1.0, n_phones) if n_phones > 1 else np.zeros(1)
    at = np.linspace(0.0, 1.0, len(shares)) if len(shares) > 1 else np.zeros(1)
    return np.stack([np.interp(places, at, column) for column in shares.T], axis=1)


def mix_of(shares: NDArray[np.float64], n_phones: list[int], space: str, scale: float) -> EmotionMix:
    """A batch's mix, each row's schedule laid over its own phones."""
    weights = np.zeros((len(n_phones), max(n_phones), shares.shape[1]), np.float32)
    weights[..., 0] = 1.0  # padding phones are of no emotion
    for row, length in enumerate(n_phones):
        weights[row, :length] = along_phones(shares, length)
    return EmotionMix(torch.from_numpy(weights), space, scale)


def _parse_one(mix: str, text: str, vocabulary: Vocabulary) -> NDArray[np.float64]:
    shares = np.zeros(len(vocabulary.emotions) + 1)
    for part in mix.split(","):
        name, _, weight = (piece.strip() for piece in part.partition(":"))
        if name not in vocabulary.emotions:
            raise ParamsError(f"emotion '{text}': {unknown('emotion', name, vocabulary.emotions)}; write such as angry:0.6,sad:0.4")
        try:
            shares[vocabulary.emotion_id(name)] += float(weight or 1.0)
        except ValueError:
            raise ParamsError(f"emotion '{text}': '{weight}' is no weight; write such as angry:0.6,sad:0.4") from None
    if not (shares >= 0).all() or not 0 < shares.sum() < np.inf:
        raise ParamsError(f"emotion '{text}': weights must be 0 or more and not all 0; write such as angry:0.6,sad:0.4")
    whole: NDArray[np.float64] = shares / shares.sum()
    return whole
