"""From text to the phones that the pocketsphinx aligner would name: for speech that no recording stands behind."""

import re
from functools import cache
from pathlib import Path

from pipeline.text.g2p import arpabet
from pipeline.text.normalise import check_script, words
from pipeline.text.pronunciations import pronunciations
from schemas.errors import RowError
from schemas.reasons import Reason
from schemas.tables.alignments import SILENCE

# A full stop after a short capitalised word is an abbreviation's ("Dr. Smith"), and numbers hold commas and colons without a space after.
_PAUSE = re.compile(r"[,;:!?…]+[\"'”’)]*\s+|(?<!\b[A-Z])(?<!\b[A-Z]\w)(?<!\b[A-Z]\w\w)\.+[\"'”’)]*\s+|\s+[-–—]+\s+|—")


def phones_of(text: str, language: str) -> list[str]:
    """Phones of a text, with silence before, after, and where punctuation asks for a pause.

    Parameters
    ----------
    text
        As a person writes it.
    language
        As espeak-ng names voices. English gives ARPAbet without stress (the first pronunciation of pocketsphinx's dictionary, espeak-ng's
        for other words), other languages espeak-ng's IPA without stress: what the aligner of these names writes.

    Raises
    ------
    RowError
        TEXT_EMPTY, TEXT_SCRIPT or OUT_OF_VOCABULARY.
    ParamsError
        If espeak-ng has no such language.
    """
    check_script(text, language)
    phones = [SILENCE]
    for clause in clauses(text, language):
        for word in _pronounced(clause, language):
            phones += word
        phones.append(SILENCE)
    if len(phones) == 1:
        raise RowError(Reason.TEXT_EMPTY, f"no words in {text[:100]!r}; write what is to be said")
    return phones


def clauses(text: str, language: str) -> list[list[str]]:
    """Words of the text as read, parted where a pause is; a pause inside what is read as one (a date, an abbreviation) is none."""
    parts = [part for part in _PAUSE.split(text) if part]
    found = [read for part in parts if (read := words(part, language))]
    whole = words(text, language)
    if [word for clause in found for word in clause] != whole:
        return [whole] if whole else []
    return found


def _pronounced(clause: list[str], language: str) -> list[list[str]]:
    if language.lower().split("-")[0] == "en":
        return [_english(word) for word in clause]
    return [list(said[0].phones) for said in pronunciations(clause, language)]


def _english(word: str) -> list[str]:
    return list(_dictionary().get(word, ())) or arpabet(word)


@cache
def _dictionary() -> dict[str, tuple[str, ...]]:
    """First pronunciation of each word of pocketsphinx's English dictionary."""
    from pocketsphinx import get_model_path

    found: dict[str, tuple[str, ...]] = {}
    with Path(get_model_path("en-us/cmudict-en-us.dict")).open(encoding="utf-8") as file:
        for line in file:
            word, *phones = line.split()
            found.setdefault(word.partition("(")[0], tuple(phones))
    return found
