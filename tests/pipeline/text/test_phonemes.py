"""Text to phones as the aligner names them, with pauses where punctuation asks for them."""

import pytest

from pipeline.text.phonemes import clauses, phones_of
from schemas.errors import RowError
from schemas.reasons import Reason


def test_english_is_the_aligners_dictionary_with_silence_around_and_between():
    assert phones_of("Take the cat, Tolvek!", "en-us")[:9] == ["sil", "T", "EY", "K", "DH", "AH", "K", "AE", "T"]
    assert phones_of("Take the cat, Tolvek!", "en-us").count("sil") == 3


def test_a_word_of_no_dictionary_is_pronounced_by_espeak():
    assert phones_of("Drenholt", "en-us")[1:3] == ["D", "R"]


def test_german_is_ipa():
    assert phones_of("Ja, genau.", "de")[:4] == ["sil", "j", "ɑː", "sil"]


@pytest.mark.parametrize(
    ("text", "n_clauses"),
    [("Dr. Smith left.", 1), ("He left. She stayed.", 2), ("At 10:30, or 3.5?", 2), ("Well – yes", 2), ("so-called", 1), ("U.S. Mail", 1)],
)
def test_pauses_are_where_a_reader_makes_them(text, n_clauses):
    assert len(clauses(text, "en-us")) == n_clauses


@pytest.mark.parametrize(("text", "reason"), [("…", Reason.TEXT_EMPTY), ("Привет", Reason.TEXT_SCRIPT)])
def test_text_that_cannot_be_said_is_refused(text, reason):
    with pytest.raises(RowError) as caught:
        phones_of(text, "en-us")
    assert caught.value.reason is reason
