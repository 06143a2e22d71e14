"""Words as read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.text.normalise import check_script, has_words, words
from schemas.errors import RowError
from schemas.reasons import Reason

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
    ("at 10:05, 7:00 pm or 9 a.m.", "at ten oh five seven p m or nine a m"),
    ("7:00 and 14:00", "seven o'clock and fourteen hundred"),
    ("on May 3, 1984", "on may third nineteen eighty four"),
    ("3 May 1984 or Dec. 24", "the third of may nineteen eighty four or december twenty fourth"),
    ("2020-12-25", "december twenty fifth twenty twenty"),
    ("12/25/2020 and 25/12/2020", "december twenty fifth twenty twenty and december twenty fifth twenty twenty"),
    ("99/99/2020", "ninety nine ninety nine twenty twenty"),
    ("the 1980s, the '90s, the 1900s", "the nineteen eighties the nineties the nineteen hundreds"),
    ("1/2 a cup, 3/4 of it, 2 1/2 and ½", "one half a cup three quarters of it two and a half and one half"),
    ("24/7, 9/11, and/or", "twenty four seven nine eleven and or"),
    (
        "5 km, 1 kg, 70 mph, 20 °C, 3.5 m",
        "five kilometers one kilogram seventy miles per hour twenty degrees celsius three point five meters",
    ),
    ("a 90° turn, 5 in the room, 4G, 5 Grand", "a ninety degrees turn five in the room four g five grand"),
    ("$1.5 million, ¥300", "one point five million dollars three hundred yen"),
    ("$1.01, £1 and €0.50", "one dollar one cent one pound and zero euro fifty cents"),
    ("pages 10-12, 1939–1945", "pages ten to twelve nineteen thirty nine to nineteen forty five"),
    ("Henry VIII, Chapter IV, World War II", "henry the eighth chapter four world war two"),
    ("I, V, X and Vitamin C; MIX, DVD, I'd", "i v x and vitamin c mix dvd i'd"),
    ("Malcolm X and Part I", "malcolm x and part one"),
    ("#5, No. 7", "number five number seven"),
    ("a 25-year-old", "a twenty five year old"),
    ("3 × 4 = 12", "three times four equals twelve"),
    ("1,000,000 or 0.05%", "one million or zero point zero five percent"),
    ("10\u202f000 men", "ten thousand men"),
    ("It's 5 o'clock; May I?", "it's five o'clock may i"),
    ("He may 3 times", "he may three times"),
    ("U.S.A. at 3.5x", "u s a at three point five x"),
    ("Louis XIV's court, Jan 5, version 2.0", "louis the fourteenth's court january fifth version two point zero"),
    ("at 221B Baker St. (1990-1995)", "at two hundred and twenty one b baker street nineteen ninety to nineteen ninety five"),
    ("Gov. Smith vs. Acme Inc.", "governor smith versus acme incorporated"),
]

GERMAN_READINGS = [
    ("am 25.12.2020", "am fünfundzwanzigsten dezember zweitausendzwanzig"),
    ("der 3. Mai 1984", "der dritte mai neunzehnhundertvierundachtzig"),
    ("Berlin, 3.5.", "berlin dritter mai"),
    ("2020-12-25", "fünfundzwanzigster dezember zweitausendzwanzig"),
    ("am 1. Dez. 1999", "am ersten dezember neunzehnhundertneunundneunzig"),
    ("um 14:30 Uhr, 9.05 Uhr, 1 Uhr, 0:15", "um vierzehn uhr dreißig neun uhr fünf ein uhr null uhr fünfzehn"),
    ("um 7:00 Uhr", "um sieben uhr"),
    ("der 3. Versuch, im 2. Stock, ein 1. Schritt", "der dritte versuch im zweiten stock ein erster schritt"),
    ("Er ist 3. Sie geht.", "er ist drei sie geht"),
    ("19. Jahrhundert", "neunzehnten jahrhundert"),
    ("Ludwig XIV. und der II. Weltkrieg, Kapitel IV", "ludwig der vierzehnte und der zweite weltkrieg kapitel vier"),
    ("die 80er, 1980er", "die achtziger neunzehnhundertachtziger"),
    ("1 km, 5 kg, -5 °C, 30 km/h", "ein kilometer fünf kilogramm minus fünf grad celsius dreißig kilometer pro stunde"),
    ("3,14 und 1.250,5", "drei komma eins vier und eintausendzweihundertfünfzig komma fünf"),
    ("5 %, § 7, 3 & 4", "fünf prozent paragraph sieben drei und vier"),
    ("3 Mio. € und 5 EUR", "drei millionen euro und fünf euro"),
    ("1 €, 2,50 €", "ein euro zwei euro und fünfzig cent"),
    ("1/2, 3/4, 2 1/2, 1½", "ein halb drei viertel zweieinhalb eineinhalb"),
    ("10-12 Leute, 1939–1945", "zehn bis zwölf leute neunzehnhundertneununddreißig bis neunzehnhundertfünfundvierzig"),
    ("die 1. und 2. Klasse, bis 1. Mai", "die erste und zweite klasse bis ersten mai"),
    ("1 Million Menschen, 1 Stunde, 1 Euro", "eine million menschen eine stunde ein euro"),
    ("Version 2.0 und 2,0", "version zwei null und zwei komma null"),
    ("Nr. 5, S. 7, z. B., d.h., v. Chr.", "nummer fünf seite sieben zum beispiel das heißt vor christus"),
    ("Dr. Müller, Hr. Maier usw.", "doktor müller herr maier und so weiter"),
    ("In 7 Stunden geht's los.", "in sieben stunden geht's los"),
    ("99.99.2020", "neunundneunzig neunundneunzig zweitausendzwanzig"),
    ("10\u00a0000 Menschen", "zehntausend menschen"),
    ("Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.",
     "sie haben es gerade hochgetragen und jetzt gehen sie wieder runter"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "read"), READINGS)
def test_english_is_spelled_as_it_is_read(text: str, read: str) -> None:
    assert words(text, "en-us") == read.split()


def test_dates_with_strokes_follow_the_country() -> None:
    assert words("3/4/2020", "en-us") == ["march", "fourth", "twenty", "twenty"]
    assert words("3/4/2020", "en-gb") == ["april", "third", "twenty", "twenty"]


@pytest.mark.parametrize(("text", "read"), GERMAN_READINGS)
def test_german_is_spelled_as_it_is_read(text: str, read: str) -> None:
    assert words(text, "de") == read.split()


@pytest.mark.parametrize(
    ("text", "language", "read"),
    [
        ("le 1er mai, la 2e fois", "fr-fr", "le premier mai la deuxième fois"),
        ("el 3º día, 25 %", "es", "el tercero día veinticinco por ciento"),
        ("1\u202f234", "fr-fr", "mille deux cent trente quatre"),
        ("21 km", "it", "ventuno km"),
        ("12 dní", "cs", "dvanáct dní"),
        ("5 книг", "ru", "пять книг"),
        ("3 ting", "nb", "tre ting"),
        ("7 kişi", "tr", "yedi kişi"),
        ("Für 3,50 €, z.B. 1.250 Leute.", "de", "für drei euro und fünfzig cent zum beispiel eintausendzweihundertfünfzig leute"),
        ("L’été, 21 jours", "fr-fr", "l'été vingt et un jours"),
        ("नमस्ते दुनिया", "hi", "नमस्ते दुनिया"),
    ],
)  # fmt: skip
def test_other_languages_are_read_their_own_way(text: str, language: str, read: str) -> None:
    assert words(text, language) == read.split()


def test_numbers_of_a_language_without_number_words_stay_digits() -> None:
    assert words("42 sawubona", "zu") == ["42", "sawubona"]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Hello, naïve café № 5 ½ 😀", "en-us"), ("Grüße, ſ ß", "de"), ("Привет, Tom", "ru"), ("東京タワーは高い", "ja"),
        ("你好 OK", "cmn"),
        ("नमस्ते", "hi"), ("123", "el"), ("sawubona", "zu"), ("ʻōlelo", "haw"), ("", "ru"),
    ],
)  # fmt: skip
def test_text_in_the_languages_own_script_passes_with_latin_names(text: str, language: str) -> None:
    check_script(text, language)


@pytest.mark.parametrize(
    ("text", "language", "says", "value"),
    [
        ("the cаt sat", "en-us", r"'cаt' has Cyrillic letters, 'en-us' is written in Latin", 1),
        ("Привет, мир", "de", "'Привет,' has Cyrillic letters", 9),
        ("Privet, mir", "ru", "'Privet,' has Latin letters, 'ru' is written in Cyrillic", 9),
        ("你好 Привет", "ru", "'你好' has Cjk letters", 2),
    ],
)
def test_text_in_another_script_is_told_by_word(text: str, language: str, says: str, value: float) -> None:
    with pytest.raises(RowError, match=says) as error:
        check_script(text, language)
    assert (error.value.reason, error.value.value) == (Reason.TEXT_SCRIPT, value)


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
