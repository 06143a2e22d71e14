"""Phones of any language as the nearest English ones, by articulatory features: what lets an English acoustic model align them.

A phone of one segment goes to the ARPAbet phone whose features (panphon's, with its weights) differ least. A phone of several
segments (ts, aʊ, ʔe) goes to an ARPAbet affricate or diphthong where one is near, else to one ARPAbet phone a segment; it stays one
phone of its language whatever number of ARPAbet phones stand for it. `OVERRIDES` holds what features get wrong for an acoustic model.
"""

import unicodedata
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from schemas.errors import RowError
from schemas.reasons import Reason
from schemas.tables.alignments import SILENCE, SPOKEN_NOISE

if TYPE_CHECKING:
    from panphon import FeatureTable

Vector = NDArray[np.float64]

ARPABET_IPA = {
    "B": "b", "D": "d", "DH": "ð", "F": "f", "G": "ɡ", "HH": "h", "K": "k", "L": "l", "M": "m", "N": "n", "NG": "ŋ", "P": "p", "R": "ɹ",
    "S": "s", "SH": "ʃ", "T": "t", "TH": "θ", "V": "v", "W": "w", "Y": "j", "Z": "z", "ZH": "ʒ",
    "AA": "ɑ", "AE": "æ", "AH": "ʌ", "AO": "ɔ", "EH": "ɛ", "IH": "ɪ", "IY": "i", "UH": "ʊ", "UW": "u", "EY": "e eɪ", "OW": "o oʊ",
    "AW": "aʊ", "AY": "aɪ", "OY": "ɔɪ", "CH": "tʃ", "JH": "dʒ",
}  # fmt: skip
OVERRIDES = {
    "ts": "T S", "dz": "D Z", "sx": "SH", "iə": "IY AH",  # affricates that English lacks, Swedish sj; features say CH, JH
    "ɐ": "AH", "ɚ": "ER", "ɝ": "ER",
    "ɾ": "R", "r": "R", "ʀ": "R", "ʁ": "R", "ɽ": "R",  # r-sounds differ in place and manner, yet pattern alike; features say L, HH, ZH
    "y": "IY", "ø": "ER", "œ": "ER", "ɵ": "UH",  # front rounded vowels: lips lower the third formant as in ER; features say UW, EY, AO
    "ɯ": "UW", "ɨ": "IH", "ɒ": "AA",
    "x": "HH", "χ": "HH", "ħ": "HH", "ʕ": "AA",
    "ʋ": "V", "ɥ": "Y", "ɲ": "N", "ɬ": "L", "ʔ": "T",
}  # fmt: skip

_CLASSES = {
    "stop": frozenset("pbtdkɡqcɟʈɖɾʔ"), "fricative": frozenset("fvszʃʒθðçxɣχʁβɸhɦɬʂʐɕʑʝħʕ"), "nasal": frozenset("mnŋɲɱɴɳ"),
    "approximant": frozenset("lrɹjwʀʎɻɫʋɥɭɰʟ"),
}  # fmt: skip
_WEIGHTED = (  # columns of panphon's file of weights, which are not in the order of its features; the rest is tone
    "syl", "son", "cons", "cont", "delrel", "lat", "nas", "strid", "voi", "sg", "cg", "ant", "cor", "distr", "lab", "hi", "lo", "back",
    "round", "tense", "long", "velaric",
)  # fmt: skip
_NEAR = 1.0  # a diphthong or affricate stands for a phone of two segments whose features differ by less than this in all
_SPELLINGS = str.maketrans({"g": "ɡ", "ᵻ": "ɨ", "'": None, "ˈ": None, "ˌ": None, "?": "ʔ", "ǝ": "ə", "ε": "ɛ"})  # look-alikes and marks


@cache
def arpabet_of(phone: str) -> tuple[str, ...]:
    """ARPAbet phones that stand for a phone of espeak-ng.

    Parameters
    ----------
    phone
        IPA as espeak-ng writes it, with or without stress, length and other marks.

    Returns
    -------
    tuple of str
        At least one of the 38 phones of `ARPABET_IPA` and ER.

    Raises
    ------
    RowError
        OUT_OF_VOCABULARY if `phone` holds no sound that panphon knows.
    """
    segments = segments_of(phone)
    if "".join(segments) in OVERRIDES:
        return tuple(OVERRIDES["".join(segments)].split())
    if not segments:
        raise RowError(Reason.OUT_OF_VOCABULARY, f"the sound {phone!r} is no IPA that panphon knows; write the word another way")
    if len(segments) > 1 and segments[0] == "ʔ":  # creaky onset of a vowel (Danish): no sound of its own
        segments = segments[1:]
    if len(segments) == 2:
        apart, best = min((_apart(segments, ipa), name) for ipa, name in _targets(2))
        if apart < _NEAR:
            return (best,)
    mapped = [_nearest(segment) for segment in segments]
    return tuple(name for at, name in enumerate(mapped) if at == 0 or name != mapped[at - 1])


def _nearest(segment: str) -> str:
    base = "".join(char for char in unicodedata.normalize("NFD", segment) if not unicodedata.combining(char))[:1]
    if base in OVERRIDES:
        return OVERRIDES[base]
    return min((_apart([segment], ipa), name) for ipa, name in _targets(1))[1]


def _targets(n_segments: int) -> list[tuple[list[str], str]]:
    spelt = ((list(ipa), name) for name, several in ARPABET_IPA.items() for ipa in several.split())
    return [(segments, name) for segments, name in spelt if len(segments) == n_segments]


@cache
def broad_class(phone: str) -> str:
    """stop, affricate, fricative, nasal, approximant or vowel; of ARPAbet and IPA; "pause" for silence, "other" for what is no phone."""
    if phone == SILENCE:
        return "pause"
    ipa = ARPABET_IPA.get(phone, "ɚ" if phone == "ER" else phone).split()[-1]
    letters = [
        char for char in unicodedata.normalize("NFC", ipa.translate(_SPELLINGS)) if unicodedata.category(char) == "Ll"
    ]  # NFD would cut ç
    if not letters or phone == SPOKEN_NOISE:
        return "other"
    name = next((name for name, members in _CLASSES.items() if letters[0] in members), "vowel")
    return "affricate" if name == "stop" and letters[-1] in _CLASSES["fricative"] else name


@cache
def segments_of(phone: str) -> list[str]:
    """Segments of a phone; r-coloured vowels, which panphon lacks, stay as they are."""
    plain = unicodedata.normalize("NFD", phone.translate(_SPELLINGS)).replace("\u0361", "")
    pieces: list[str] = []
    for part in plain.replace("ɚ", "|ɚ|").replace("ɝ", "|ɝ|").split("|"):
        pieces += [part] if part in ("ɚ", "ɝ") else _table().ipa_segs(part)
    return pieces


def _apart(one: list[str], other: list[str]) -> float:
    """Weighted features that differ, summed over the segments."""
    return sum(float(np.abs(features(a) - features(b)).sum()) for a, b in zip(one, other, strict=True))


@cache
def features(segment: str) -> Vector:
    """Weighted features of a segment, so that the sum of absolute differences of two is how far they are apart; shape (22,)."""
    known = {"ɚ": "ə", "ɝ": "ɜ"}.get(segment, segment)
    vector = dict(zip(_table().names, _table().word_to_vector_list(known, numeric=True)[0], strict=True))
    weighted: Vector = np.array([vector[name] for name in _WEIGHTED], dtype=np.float64) * np.asarray(_table().weights) / 2
    return weighted


@cache
def _table() -> "FeatureTable":
    from panphon import FeatureTable  # 1 s: only for languages other than English

    return FeatureTable()
