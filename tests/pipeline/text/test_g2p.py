"""English words to ARPAbet."""

import re
from pathlib import Path

import numpy as np
import pocketsphinx
import pytest

from pipeline.text.g2p import arpabet, from_ipa
from schemas.errors import RowError
from schemas.reasons import Reason

_PHONES_LINE = "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH"
PHONES = frozenset(_PHONES_LINE.split())


@pytest.mark.parametrize(
    ("word", "phones"),
    [
        ("judge", "JH AH JH"),
        ("church", "CH ER CH"),
        ("nutshell", "N AH T SH EH L"),
        ("bottle", "B AA T AH L"),
        ("hurry", "HH ER IY"),
        ("measure", "M EH ZH ER"),
        ("thing", "TH IH NG"),
        ("boy", "B OY"),
        ("forty", "F AO R T IY"),
        ("zorvanna", "Z AO R V AE N AH"),
        ("don't", "D OW N T"),
    ],
)
def test_known_words_have_their_phones(word: str, phones: str) -> None:
    assert arpabet(word) == phones.split()


def test_word_of_another_script_gives_its_spelled_name_or_a_reason() -> None:
    assert set(arpabet("é")) <= PHONES


def test_sound_without_arpabet_phone_is_rejected_with_word_and_sound() -> None:
    with pytest.raises(RowError, match="'xhosa' holds the sound 'ǁ'") as error:
        from_ipa(["k", "ǁ"], "xhosa")
    assert error.value.reason is Reason.OUT_OF_VOCABULARY


def test_word_without_sound_is_rejected_and_named() -> None:
    with pytest.raises(RowError, match="no pronunciation for ''"):
        arpabet("")


def test_random_dictionary_words_agree_with_the_dictionary() -> None:
    entries = _dictionary()
    names = sorted(entries)
    chosen = [names[index] for index in np.random.default_rng(0).choice(len(names), 300, replace=False)]
    pairs = [min((_edits(arpabet(word), ref), len(ref)) for ref in entries[word]) for word in chosen]
    assert {phone for word in chosen for phone in arpabet(word)} <= PHONES
    assert sum(edits == 0 for edits, _ in pairs) / len(pairs) > 0.5  # 0.60 on 2000 words
    assert sum(edits for edits, _ in pairs) / sum(length for _, length in pairs) < 0.13  # 0.097 on 2000 words


def _dictionary() -> dict[str, list[list[str]]]:
    entries: dict[str, list[list[str]]] = {}
    for line in Path(pocketsphinx.get_model_path("en-us/cmudict-en-us.dict")).read_text(encoding="utf-8").splitlines():
        word, *phones = line.split()
        if match := re.fullmatch(r"([a-z]+(?:'[a-z]+)?)(?:\(\d+\))?", word):
            entries.setdefault(match[1], []).append(phones)
    return entries


def _edits(a: list[str], b: list[str]) -> int:
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, start=1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, start=1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[-1]


@pytest.mark.parametrize("word", ["你好", "привет", "नमस्ते", "مرحبا", "a你"])
def test_word_in_another_script_has_no_english_pronunciation(word: str) -> None:
    """espeak-ng would name the script: "Chinese letter"."""
    with pytest.raises(RowError, match="not written in Latin letters") as caught:
        arpabet(word)
    assert caught.value.reason == Reason.OUT_OF_VOCABULARY


def test_greek_letters_are_read_by_name() -> None:
    assert arpabet("π") == ["P", "AY"]
