"""Which phone of one alignment is which of another, where the symbols (ARPAbet, IPA, SAMPA) and some phones differ.

Phones are paired in order by dynamic programming. A pair costs 0.8 times the difference of their articulatory features (panphon's,
weighted, at most 1.5; of phones with two segments the mean of first with first and last with last), a phone left alone 0.7, and up to 0.2
more is asked for starts that lie up to 0.2 s apart (a tie-break: a phone that is far off stays paired and counted). A pause pairs only
with a pause, and stays alone for 0.3. A phone of two segments (ts, iɐ) may also pair with two phones, each of its segments with one: the
starts of both are compared, and there is no boundary inside; that costs 0.1 more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from pipeline.text.phone_map import ARPABET_IPA, broad_class, features, segments_of
from schemas.tables.alignments import SILENCE, SPOKEN_NOISE, Interval

PAUSE = "pause"
CLASSES = ("vowel", "stop", "affricate", "fricative", "nasal", "approximant", "other", PAUSE)

_FEATURE_COST, _LARGEST_DIFFERENCE = 0.8, 1.5
_ALONE_COST, _PAUSE_ALONE_COST, _NEVER = 0.7, 0.3, 99.0
_TOGETHER_COST = 0.1
_STEPS = ((1, 1), (1, 0), (0, 1), (1, 2), (2, 1))  # phones of the aligned and of the reference that a step takes in
_TIME_COST, _TIME_RANGE_S = 0.2, 0.2

_ARPABET = {name: several.split()[-1] for name, several in ARPABET_IPA.items()} | {
    "ER": "ɚ",
    "AX": "ə",
    "AXR": "ɚ",
    "IX": "ɨ",
    "DX": "ɾ",
    "Q": "ʔ",
}
_SAMPA = str.maketrans(
    "EINS6COXYUV4B?H9@DGLRZTAQMJ&2378", "ɛɪŋʃɐçɔχʏʊʋɾβʔɦœəðɣʎʀʒθɑɒɯɲœøɜœɵ"
)  # as the hand labels of EmoDB use it: V is the labiodental approximant
_NO_PHONE = frozenset("()[]+!")  # remarks of the labellers, such as "(gef"


@dataclass(frozen=True)
class Pairs:
    """Spans of phones that were paired, in order, and indices of the phones of each side that were left alone.

    `paired` has tuples (i, i_end, j, j_end): phones i .. i_end - 1 of the aligned and j .. j_end - 1 of the reference are the same.
    """

    paired: tuple[tuple[int, int, int, int], ...]
    alone_aligned: tuple[int, ...]
    alone_reference: tuple[int, ...]


def as_ipa(labels: set[str]) -> dict[str, str]:
    """IPA of each label of a corpus, "" for a pause and for what is no phone; the notation is told by all labels together."""
    if is_arpabet(labels):
        return {label: _ARPABET.get(label.rstrip("012").upper(), "") for label in labels}
    ascii_only = all(label.isascii() for label in labels)
    spelled = {label: label.translate(_SAMPA).replace(":", "ː") if ascii_only else label for label in labels}
    return {label: "" if label in (SILENCE, SPOKEN_NOISE) or set(label) & _NO_PHONE else ipa for label, ipa in spelled.items()}


def is_arpabet(labels: set[str]) -> bool:
    """Whether a corpus's symbols are ARPAbet: no other notation has all its symbols among ARPAbet's, stress aside."""
    phones = labels - {SILENCE, SPOKEN_NOISE}
    known = sum(label.rstrip("012").upper() in _ARPABET for label in phones)
    return known > 0.9 * len(phones) and any(len(label.rstrip("012")) == 2 and label.isupper() for label in phones)


def phone_class(label: str, ipa: str) -> str:
    """Broad class of a phone, of those in `CLASSES`."""
    return PAUSE if label == SILENCE else broad_class(ipa) if ipa else "other"


def pair(aligned: Sequence[Interval], aligned_ipa: Sequence[str], reference: Sequence[Interval], reference_ipa: Sequence[str]) -> Pairs:
    """Pair phones and pauses in order at the least cost; see the module's text for the costs."""
    costs = _pair_costs(aligned, aligned_ipa, reference, reference_ipa)
    steps = _steps(costs, _alone_costs(aligned), _alone_costs(reference), list(aligned_ipa), list(reference_ipa))
    i_end, j_end = len(aligned), len(reference)
    paired, alone_aligned, alone_reference = [], [], []
    while i_end or j_end:
        i, j = i_end - _STEPS[steps[i_end, j_end]][0], j_end - _STEPS[steps[i_end, j_end]][1]
        if i == i_end:
            alone_reference.append(j)
        elif j == j_end:
            alone_aligned.append(i)
        else:
            paired.append((i, i_end, j, j_end))
        i_end, j_end = i, j
    return Pairs(tuple(reversed(paired)), tuple(reversed(alone_aligned)), tuple(reversed(alone_reference)))


@cache
def difference(one: str, other: str) -> float:
    """How much two phones (IPA) differ, 0 .. 1.5; 1 where one is no phone."""
    a, b = segments_of(one), segments_of(other)
    if not a or not b:
        return 1.0
    ends = [(a[0], b[0]), (a[-1], b[-1])]
    return min(_LARGEST_DIFFERENCE, float(np.mean([_apart(x, y) for x, y in ends])))


def _apart(one: str, other: str) -> float:
    return float(np.abs(features(one) - features(other)).sum())


def _pair_costs(
    aligned: Sequence[Interval], aligned_ipa: Sequence[str], reference: Sequence[Interval], reference_ipa: Sequence[str]
) -> NDArray[np.float64]:
    apart_s = np.abs(np.subtract.outer([a.start_s for a in aligned], [r.start_s for r in reference]))
    costs: NDArray[np.float64] = _TIME_COST * np.minimum(apart_s / _TIME_RANGE_S, 1)
    for i, (own, own_ipa) in enumerate(zip(aligned, aligned_ipa, strict=True)):
        for j, (other, other_ipa) in enumerate(zip(reference, reference_ipa, strict=True)):
            if SILENCE in (own.label, other.label):
                costs[i, j] += 0.0 if own.label == other.label else _NEVER
            else:
                costs[i, j] += _FEATURE_COST * difference(own_ipa, other_ipa)
    return costs


def _alone_costs(phones: Sequence[Interval]) -> list[float]:
    return [_PAUSE_ALONE_COST if phone.label == SILENCE else _ALONE_COST for phone in phones]


def _steps(
    costs: NDArray[np.float64], alone_aligned: list[float], alone_reference: list[float], aligned_ipa: list[str], reference_ipa: list[str]
) -> NDArray[np.int8]:
    """Best last step of each prefix pair, as an index of `_STEPS`; shape (n + 1, m + 1)."""
    n, m = costs.shape
    total = np.zeros((n + 1, m + 1))
    total[1:, 0], total[0, 1:] = np.cumsum(alone_aligned), np.cumsum(alone_reference)
    steps = np.zeros((n + 1, m + 1), dtype=np.int8)
    steps[1:, 0], steps[0, 1:] = 1, 2
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            options = (
                total[i - 1, j - 1] + costs[i - 1, j - 1],
                total[i - 1, j] + alone_aligned[i - 1],
                total[i, j - 1] + alone_reference[j - 1],
                total[i - 1, j - 2] + _one_for_two(aligned_ipa[i - 1], reference_ipa[j - 2 : j]) if j > 1 else _NEVER,
                total[i - 2, j - 1] + _one_for_two(reference_ipa[j - 1], aligned_ipa[i - 2 : i]) if i > 1 else _NEVER,
            )
            steps[i, j] = int(np.argmin(options))
            total[i, j] = options[steps[i, j]]
    return steps


def _one_for_two(one: str, two: list[str]) -> float:
    """Cost of a phone of two segments against two phones of one."""
    segments = segments_of(one)
    if len(segments) != 2 or any(len(segments_of(single)) != 1 for single in two):
        return _NEVER
    return _TOGETHER_COST + _FEATURE_COST * (difference(segments[0], two[0]) + difference(segments[1], two[1])) / 2
