"""Several pronunciations of each word, in the language's phones and in ARPAbet."""

import pytest

from pipeline.text.pronunciations import pronunciations
from schemas.errors import ParamsError


def said(words: str, language: str) -> list[list[str]]:
    return [[" ".join(one.phones) for one in word] for word in pronunciations(words.split(), language)]


def test_german_schwas_before_sonorants_may_be_dropped() -> None:
    assert said("der lappen", "de")[1] == ["l a p ə n", "l a p n"]


def test_schwas_are_dropped_one_by_one() -> None:
    (forms,) = said("genommene", "de")
    assert forms[0].count("ə") == 3
    assert len(forms) == len(set(forms)) == 4


def test_last_and_first_schwas_stay() -> None:
    assert said("habe", "de") == [["h ɑː b ə"]]


def test_french_liaison_is_made_beside_the_word_alone() -> None:
    assert said("les amis sont dans un arbre", "fr-fr")[3] == ["d ɑ̃ z", "d ɑ̃"]


def test_arpabet_stands_beside_each_phone() -> None:
    (word,) = pronunciations(["zeit"], "de")
    assert word[0].phones == ("ts", "aɪ", "t")
    assert word[0].arpabet == (("T", "S"), ("AY",), ("T",))
    assert word[0].spelled() == "T S AY T"


def test_language_without_a_voice_is_named() -> None:
    with pytest.raises(ParamsError, match="no voice 'xx'"):
        pronunciations(["a"], "xx")
