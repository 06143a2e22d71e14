"""The map from any language's phones to English ones: known answers, and no phone of espeak-ng without a place."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.text import phone_map
from pipeline.text.espeak import pronounce
from pipeline.text.phone_map import ARPABET_IPA, OVERRIDES, arpabet_of, broad_class
from schemas.errors import RowError
from schemas.reasons import Reason

POCKETSPHINX = {*ARPABET_IPA, "ER"}
LANGUAGES = ("de", "fr", "es", "it", "pl", "nl", "pt", "sv", "da", "fi", "hu", "cs", "ru", "tr", "ro", "el")
PAGE = Path(__file__).resolve().parents[3] / "docs" / "languages.md"


def inventory(language: str) -> set[str]:
    """Phones that espeak-ng uses for some hundred numbers and, in Latin letters, the names of the letters."""
    numbers = " ".join(str(n) for n in [*range(60), *range(60, 1000, 37), 1000, 1_000_000])
    letters = " ".join("abcdefghijklmnopqrstuvwxyz" if language not in ("ru", "el") else "")
    return {phone.strip("ˈˌ") for word in pronounce(f"{numbers} {letters}", language) for phone in word}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_phone_of_a_language_has_english_neighbours(language: str) -> None:
    phones = inventory(language)
    assert len(phones) >= 18
    assert all(set(arpabet_of(phone)) <= POCKETSPHINX and arpabet_of(phone) for phone in phones)
    assert "other" not in {broad_class(phone) for phone in phones}


@pytest.mark.parametrize(
    ("phone", "arpabet"),
    [
        ("m", "M"), ("ʃ", "SH"), ("aʊ", "AW"), ("ɔø", "OY"), ("tʃ", "CH"), ("ts", "T S"), ("pf", "P F"), ("ˈoː", "OW"), ("eɪ", "EY"),
        ("ʁ", "R"), ("ç", "SH"), ("øː", "ER"), ("ɛ̃", "EH"), ("ʔe", "EY"), ("sː", "S"), ("n̩", "N"), ("dʲ", "D"),
    ],
)  # fmt: skip
def test_known_answers(phone: str, arpabet: str) -> None:
    assert arpabet_of(phone) == tuple(arpabet.split())


@given(
    st.lists(st.sampled_from([*(ipa for several in ARPABET_IPA.values() for ipa in several.split()), *OVERRIDES]), min_size=1, max_size=3)
)
def test_any_joined_phones_have_a_place(phones: list[str]) -> None:
    assert set(arpabet_of("".join(phones))) <= POCKETSPHINX


@pytest.mark.parametrize("phone", [phone for phone in OVERRIDES if phone not in ("ɚ", "ɝ")])
def test_features_alone_would_map_each_override_otherwise(phone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phone_map, "OVERRIDES", {})
    assert arpabet_of.__wrapped__(phone) != tuple(OVERRIDES[phone].split())


def test_what_is_no_sound_is_named() -> None:
    with pytest.raises(RowError, match="'7' is no IPA") as error:
        arpabet_of("7")
    assert error.value.reason is Reason.OUT_OF_VOCABULARY


def test_classes_are_the_same_in_arpabet_and_ipa() -> None:
    for arpabet, ipa in (
        ("CH", "tʃ"),
        ("IY", "iː"),
        ("Z", "z"),
        ("NG", "ŋ"),
        ("L", "l"),
        ("T", "tʰ"),
        ("ER", "ɚ"),
        ("HH", "h"),
        ("SH", "ç"),
    ):
        assert broad_class(arpabet) == broad_class(ipa)
    assert [broad_class(label) for label in ("sil", "spn", "ts", "ɾ̃")] == ["pause", "other", "affricate", "stop"]


def test_page_shows_the_german_map_as_it_is() -> None:
    rows = re.findall(r"^\| (\S+) \| ([A-Z ]+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) > 30
    assert {phone: tuple(names.split()) for phone, names in rows} == {phone: arpabet_of(phone) for phone, _ in rows}
    assert inventory("de") <= {phone for phone, _ in rows}
