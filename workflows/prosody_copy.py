"""The prosody of one utterance on the phones of another: phone by phone where they are the same, by place where not. Pure, on rows.

Two sentences share phones by words that they share, and by chance. The sequences are aligned; runs of equal phones long enough to be no
chance take length, F0 and energy of the other's phones. Elsewhere the model's prediction is moved as far as the source lies from its own
prediction at that place: what is copied there is how the source was said, and not what its phones are.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.tables.alignments import SILENCE
from workflows.measures import warp
from workflows.prosody import at_frames

Row = dict[str, Any]

SHORTEST_RUN = 3  # equal phones in a row that are taken for the same word
_SMOOTHED_PHONES = 9  # phones over which deviations are averaged: a phone's own deviation says little of another phone
_VOWELS = frozenset("aeiouyɑɐæʌəɔɛɜɪɨɯøœʊʏɤɒɚ")
_SAME, _ALIKE, _UNLIKE, _GAP = 2.0, 0.2, -1.5, -0.6


def copied(onto: Row, source: Row, source_predicted: Row, shortest_run: int = SHORTEST_RUN) -> Row:
    """A row with the prosody of another.

    Parameters
    ----------
    onto
        With `phones` and predicted `duration_frames`, `f0_hz` (NaN where unvoiced), `energy_db`.
    source
        The utterance that is copied, its F0 and energy in the range of `onto`'s speaker.
    source_predicted
        What the model predicts for the source's phones, in the same range.
    shortest_run
        Phones in a row that must be equal to be copied one by one.

    Returns
    -------
    dict
        `onto` with other durations, F0 and energy: the source's own where all phones are equal.
    """
    if list(onto["phones"]) == list(source["phones"]):
        return {**onto, **{name: source[name] for name in ("duration_frames", "n_frames", "f0_hz", "energy_db")}}
    pairs = aligned(list(onto["phones"]), list(source["phones"]))
    same = runs(pairs, list(onto["phones"]), list(source["phones"]), shortest_run)
    places = _places(pairs, len(onto["phones"]), len(source["phones"]))
    stretch, pitch, energy = (np.interp(places, np.arange(len(moved)), moved) for moved in _deviations(source, source_predicted))
    own, theirs = (np.asarray(row["duration_frames"], np.int32) for row in (onto, source))
    same = {at: there for at, there in same.items() if theirs[there]}
    wanted = own.astype(np.float64) * np.exp(stretch)
    wanted[list(same)] = theirs[list(same.values())]
    lengths = _rounded(wanted, own)
    from_frame = warp(own, lengths)
    f0_hz, energy_db = (np.asarray(onto[name], np.float64)[from_frame] for name in ("f0_hz", "energy_db"))
    f0_hz, energy_db = f0_hz * np.exp(at_frames(pitch.tolist(), lengths)), energy_db + at_frames(energy.tolist(), lengths)
    starts, source_starts = np.cumsum(lengths) - lengths, np.cumsum(theirs) - theirs
    for at, there in same.items():
        inside = slice(starts[at], starts[at] + lengths[at])
        frames = source_starts[there] + warp(theirs[[there]], lengths[[at]])
        f0_hz[inside], energy_db[inside] = (np.asarray(source[name], np.float64)[frames] for name in ("f0_hz", "energy_db"))
    return {**onto, "duration_frames": lengths, "n_frames": int(lengths.sum()), "f0_hz": f0_hz, "energy_db": energy_db}


def aligned(ours: list[str], theirs: list[str]) -> list[tuple[int, int]]:
    """Pairs of places of two phone sequences in the alignment of the highest score (Needleman and Wunsch 1970), ascending in both."""
    scores = np.array([[_likeness(a, b) for b in theirs] for a in ours])
    best = np.zeros((len(ours) + 1, len(theirs) + 1))
    best[0], best[:, 0] = _GAP * np.arange(len(theirs) + 1), _GAP * np.arange(len(ours) + 1)
    for a in range(1, len(ours) + 1):
        for b in range(1, len(theirs) + 1):
            best[a, b] = max(best[a - 1, b - 1] + scores[a - 1, b - 1], best[a - 1, b] + _GAP, best[a, b - 1] + _GAP)
    pairs, a, b = [], len(ours), len(theirs)
    while a and b:
        if best[a, b] == best[a - 1, b - 1] + scores[a - 1, b - 1]:
            a, b = a - 1, b - 1
            pairs.append((a, b))
        elif best[a, b] == best[a - 1, b] + _GAP:
            a -= 1
        else:
            b -= 1
    return pairs[::-1]


def runs(pairs: list[tuple[int, int]], ours: list[str], theirs: list[str], shortest: int) -> dict[int, int]:
    """Places of ours whose phone is theirs, inside unbroken runs of at least `shortest` such, and silences that meet silences."""
    same = {a: b for a, b in pairs if _plain(ours[a]) == _plain(theirs[b])}
    kept: dict[int, int] = {}
    for a, b in same.items():
        first, last = a, a
        while same.get(first - 1, -2) == same[first] - 1:
            first -= 1
        while same.get(last + 1, -2) == same[last] + 1:
            last += 1
        if last - first + 1 >= shortest or ours[a] == SILENCE:
            kept[a] = b
    return kept


def _likeness(a: str, b: str) -> float:
    if _plain(a) == _plain(b):
        return _SAME
    if SILENCE in (a, b) or _is_vowel(a) != _is_vowel(b):
        return _UNLIKE
    return _ALIKE


def _plain(phone: str) -> str:
    """Without marks of stress and length."""
    return phone.strip("ˈˌ").rstrip("012ː")


def _is_vowel(phone: str) -> bool:
    return _plain(phone)[:1].lower() in _VOWELS and _plain(phone) != "Y"


def _places(pairs: list[tuple[int, int]], n_ours: int, n_theirs: int) -> NDArray[np.float64]:
    """Where each of our phones lies among theirs, (n_ours,): at its partner, or between those of its neighbours."""
    whole = [(-1, -1), *pairs, (n_ours, n_theirs)]
    places: NDArray[np.float64] = np.interp(np.arange(n_ours), [a for a, _ in whole], [b for _, b in whole])
    return places


def _deviations(source: Row, predicted: Row) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """How far each phone of the source lies from its prediction, averaged over neighbours: ln of length, ln F0, dB; each (n_phones,)."""
    lengths, expected = (np.asarray(row["duration_frames"], np.float64) for row in (source, predicted))
    spoken = np.array([phone != SILENCE for phone in source["phones"]], float)
    stretch = np.log((lengths + 0.5) / (expected + 0.5))
    pitch, voiced = _phone_means(np.log, "f0_hz", source, predicted)
    energy, heard = _phone_means(np.asarray, "energy_db", source, predicted)
    return _smoothed(stretch, spoken), _smoothed(pitch, voiced), _smoothed(energy, heard * spoken)


def _phone_means(scale: Any, name: str, source: Row, predicted: Row) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Difference of phone means where both have values, and 1 there."""
    means = []
    for row in (source, predicted):
        values, lengths = scale(np.asarray(row[name], np.float64)), np.asarray(row["duration_frames"], np.int64)
        of_frame, there = np.repeat(np.arange(len(lengths)), lengths), np.isfinite(values)
        n = np.bincount(of_frame[there], minlength=len(lengths))
        total = np.bincount(of_frame[there], values[there], minlength=len(lengths))
        means.append(np.where(n > 0, total / np.maximum(n, 1), np.nan))
    difference = means[0] - means[1]
    return np.nan_to_num(difference), np.isfinite(difference).astype(float)


def _smoothed(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weighted mean over a window of neighbours that falls off linearly; 0 where nothing has weight."""
    reach = _SMOOTHED_PHONES // 2 + 1
    window = 1.0 - np.abs(np.arange(-reach + 1, reach)) / reach
    total, weight = (np.convolve(x, window, "full")[reach - 1 : reach - 1 + len(values)] for x in (values * weights, weights))
    overall = (values * weights).sum() / max(weights.sum(), 1e-9)
    smoothed: NDArray[np.float64] = np.where(weight > 1e-9, total / np.maximum(weight, 1e-9), overall)
    return smoothed


def _rounded(wanted: NDArray[np.float64], own: NDArray[np.int32]) -> NDArray[np.int32]:
    """Boundaries rounded and not lengths; a phone that had a frame keeps one."""
    lengths = np.diff(np.rint(np.cumsum(wanted)), prepend=0.0).astype(np.int32)
    return np.maximum(lengths, (own > 0).astype(np.int32))
