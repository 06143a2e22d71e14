"""Words as read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.text.normalise import has_words, words

READINGS = [
    ("Hello, World!", "hello world"),
    ("It’s 7:30 — “don’t” well-known 🙂", "it's seven thirty don't well known"),
    ("rock 'n' roll, the dogs' bowl", "rock n roll the dogs bowl"),
    ("Mr. Smith, Mrs Jones and Dr. Who, etc.", "mister smith missus jones and doctor who et cetera"),
    ("St. John lives on Main St. near No. 5", "saint john lives on main street near number five"),
    ("the 3rd and 21st of May 1984", "the third and twenty first of may nineteen eighty four"),
    ("1,250 people, 3.14 and -5", "one thousand two hundred and fifty people three point one four and minus five"),
    ("$25.50, €3 and £2.50", "twenty five dollars fifty cents three euro and two pounds fifty pence"),
    ("50% of R&D", "fifty percent of r and d"),
    ("agent 007", "agent zero zero seven"),
    ("version 1.2.3", "version one two three"),
    ("12345678901234567", "one two three four five six seven eight nine zero one two three four five six seven"),
    ("", ""),
    ("?! … 🙂", ""),
]


@pytest.mark.parametrize(("text", "read"), READINGS)
def test_english_is_spelled_as_it_is_read(text: str, read: str) -> None:
    assert words(text, "en-us") == read.split()


@pytest.mark.parametrize(
    ("text", "language", "read"),
    [
        ("Für 3,50 €, z.B. 1.250 Leute.", "de", "für drei euro und fünfzig cent zum beispiel eintausendzweihundertfünfzig leute"),
        ("L’été, 21 jours", "fr-fr", "l'été vingt et un jours"),
        ("नमस्ते दुनिया", "hi", "नमस्ते दुनिया"),
    ],
)  # fmt: skip
def test_other_languages_are_read_their_own_way(text: str, language: str, read: str) -> None:
    assert words(text, language) == read.split()


def test_numbers_of_a_language_without_number_words_stay_digits() -> None:
    assert words("42 sawubona", "zu") == ["42", "sawubona"]


@given(st.text(max_size=60), st.sampled_from(["en-us", "de", "fr-fr", "zu"]))
def test_words_are_clean_and_reading_them_again_changes_nothing(text: str, language: str) -> None:
    read = words(text, language)
    assert all(word == word.strip("' ") and word for word in read)
    assert words(" ".join(read), language) == read


@given(st.text(max_size=60))
def test_text_without_letters_or_digits_gives_no_words(text: str) -> None:
    assert has_words(text) or words(text, "zu") == []


@given(st.text("0123456789.,-$€%: ", max_size=30))
def test_any_run_of_digits_and_signs_is_read(text: str) -> None:
    assert bool(words(text, "en-us")) == (has_words(text) or "%" in text)


@pytest.mark.parametrize(("text", "n_words"), [("9" * 60_000, 60_000), ("1." * 30_000, 30_000), ("9" * 20_000 + "$", 20_000)])
def test_number_without_end_is_read_digit_by_digit(text: str, n_words: int) -> None:
    """A search from each of its digits took 20 s."""
    assert len(words(text, "en-us")) == n_words
