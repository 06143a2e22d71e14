"""Pronunciations of English words that stand in no dictionary: espeak-ng's IPA, written in the phones of pocketsphinx's cmudict."""

import unicodedata
from functools import lru_cache
from itertools import zip_longest

from pipeline.text.espeak import pronounce
from schemas.errors import RowError
from schemas.reasons import Reason

LANGUAGE = "en-us"

_CONSONANTS = {
    "b": "B", "d": "D", "ð": "DH", "f": "F", "ɡ": "G", "g": "G", "h": "HH", "j": "Y", "k": "K", "l": "L", "m": "M", "n": "N",
    "ŋ": "NG", "p": "P", "s": "S", "ʃ": "SH", "t": "T", "θ": "TH", "v": "V", "w": "W", "z": "Z", "ʒ": "ZH", "ɹ": "R", "r": "R",
    "tʃ": "CH", "dʒ": "JH",
    "ɾ": "T",  # flap: cmudict writes the stop of the spelling, which is t four times out of five
    "ʔ": "T",  # glottal stop before a syllabic n, as in button
    "x": "K", "ç": "HH", "ɬ": "L", "ɲ": "N Y", "ʍ": "W",  # of borrowed names: loch, Llanelli
    "n̩": "AH N", "m̩": "AH M", "l̩": "AH L",
}  # fmt: skip
_VOWELS = {
    "ɑː": "AA", "ɑ": "AA", "ɒ": "AA", "æ": "AE", "a": "AE", "aː": "AA", "ʌ": "AH", "ə": "AH", "ɐ": "AH", "ɔː": "AO", "ɔ": "AO",
    "ɛ": "EH", "e": "EH", "ɪ": "IH", "ᵻ": "IH", "iː": "IY", "i": "IY", "ʊ": "UH", "uː": "UW", "u": "UW",
    "aʊ": "AW", "aɪ": "AY", "eɪ": "EY", "oʊ": "OW", "o": "OW", "oː": "AO", "ɔɪ": "OY",
    "ɜː": "ER", "ɚ": "ER", "ɜːɹ": "ER", "ɚɹ": "ER", "iə": "IY AH", "aɪə": "AY AH", "aɪɚ": "AY ER", "eə": "EH",
    "ɑ̃": "AA N", "ɔ̃": "AO N", "ɛ̃": "AE N",
}  # fmt: skip
_ARPABET = _CONSONANTS | _VOWELS
_VOWEL_LETTERS = frozenset(symbol[0] for symbol in _VOWELS)
_READ_SCRIPTS = ("LATIN", "GREEK")  # espeak-ng names the script of any other letter: "Chinese letter"
_LONGEST = max(map(len, _ARPABET))


def arpabet(word: str) -> list[str]:
    """ARPAbet phones of an English word, without stress, in the 39 speech phones of pocketsphinx's cmudict.

    Parameters
    ----------
    word
        One lower-case word, such as `pipeline.text.normalise.words` gives.

    Returns
    -------
    list of str
        At least one phone. A word that espeak-ng reads letter by letter gives the letters' names.

    Raises
    ------
    RowError
        OUT_OF_VOCABULARY if the word is in another script, espeak-ng says nothing, or it uses a sound that has no ARPAbet phone; the word
        and the letter or sound are named.

    Notes
    -----
    On 2000 words of pocketsphinx's cmudict 61 % agree exactly with one of its pronunciations, and the phone error rate is 9.9 %
    (``python -m benchmarks.g2p``). The rest is mostly unstressed vowels (AH for IH) and foreign names.
    """
    foreign = next((letter for letter in word if letter.isalpha() and not unicodedata.name(letter, "").startswith(_READ_SCRIPTS)), None)
    if foreign is not None:
        raise RowError(Reason.OUT_OF_VOCABULARY, f"{word!r} is not written in Latin letters: {foreign!r}; write it as it is said")
    phones = [phone for token in _pronounced(word) for phone in from_ipa(list(token), word)]
    if not phones:
        raise RowError(Reason.OUT_OF_VOCABULARY, f"espeak-ng has no pronunciation for {word!r}; write it another way in the transcript")
    return phones


@lru_cache(maxsize=50_000)
def _pronounced(word: str) -> tuple[tuple[str, ...], ...]:
    """IPA of a word, remembered: loading espeak-ng takes 5 ms, and rare words come again within a corpus."""
    return tuple(map(tuple, pronounce(word, LANGUAGE)))


def from_ipa(ipa: list[str], word: str) -> list[str]:
    """ARPAbet phones of espeak-ng's IPA phones (`word` is for the message).

    The longest entry of the table wins inside a phone of espeak-ng (diphthongs, r-coloured vowels). Phones are not joined, so
    the t and sh of "nutshell" stay two, except that a vowel which holds an r takes a following r in ("hurry" is HH ER IY).

    Raises
    ------
    RowError
        OUT_OF_VOCABULARY for a sound that the table lacks.
    """
    phones: list[str] = []
    for symbol in _rejoined([phone.lstrip("ˈˌ") for phone in ipa]):
        while symbol:
            piece = next((symbol[:n] for n in range(min(_LONGEST, len(symbol)), 0, -1) if symbol[:n] in _ARPABET), None)
            if piece is None:
                raise RowError(Reason.OUT_OF_VOCABULARY, f"{word!r} holds the sound {symbol!r}, which has no ARPAbet phone")
            phones += _ARPABET[piece].split()
            symbol = symbol[len(piece) :]
    return phones


def _rejoined(symbols: list[str]) -> list[str]:
    """Symbols as cmudict hears neighbours: ɜːɹ and ɚɹ are one ER, and a short ɪ before a vowel is IY ("geriatric")."""
    kept: list[str] = []
    for symbol, following in zip_longest(symbols, symbols[1:], fillvalue=""):
        if symbol == "ɹ" and kept and kept[-1] in ("ɜː", "ɚ"):
            continue
        kept.append("iː" if symbol in ("ɪ", "ᵻ") and following[:1] in _VOWEL_LETTERS else symbol)
    return kept
