"""Words as read: numbers, dates, times, units, money and abbreviations spelled out, punctuation gone, lower case."""

import re
import unicodedata
from collections.abc import Callable

from pipeline.text import english, german
from pipeline.text.numbers import NUMBER, SIGNS, in_words, money, number
from pipeline.text.rules import Rule, applied, expanded, rule
from schemas.errors import RowError
from schemas.reasons import Reason

_APOSTROPHES = str.maketrans(dict.fromkeys("‘’‛ʼʹ´`′＇", "'"))
_ENDLESS = re.compile(rf"\d[\d.,]{{60,}}[{SIGNS}]?")  # no number: read digit by digit before the rules, which would search from each digit
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
_FRACTION_SIGNS = str.maketrans({"½": " 1/2", "⅓": " 1/3", "⅔": " 2/3", "¼": " 1/4", "¾": " 3/4", "⅛": " 1/8"})
_NARROW_SPACES = re.compile("(?<=\\d)[\u00a0\u2009\u202f](?=\\d{3}(?!\\d))")  # between groups of thousands

_MINUS = rule(r"(?<![^\s(])[-−](?=\d)", "minus")
_FRENCH = (
    expanded({"m": "monsieur", "mme": "madame", "mlle": "mademoiselle", "dr": "docteur", "etc": "et cetera"}),
    rule(r"\b1(?:er|re)\b", "premier"),
    rule(r"\b(\d{1,6})(?:e|ème|es)\b", lambda match: in_words(match[1], "fr", "ordinal")),
)
_SPANISH = (
    expanded({"sr": "señor", "sra": "señora", "dr": "doctor", "dra": "doctora", "etc": "etcétera"}),
    rule(r"\b(\d{1,6})\.?[ºª]", lambda match: in_words(match[1], "es", "ordinal")),
)
_RULES: dict[str, Callable[[str], tuple[Rule, ...]]] = {
    "en": english.rules,
    "de": german.rules,
    "fr": lambda _: _FRENCH,
    "es": lambda _: _SPANISH,
}
_SYMBOLS: dict[str, dict[str, str]] = {
    "en": english.SYMBOLS,
    "de": german.SYMBOLS,
    "fr": {"%": "pour cent", "&": "et", "+": "plus", "=": "égale", "@": "arobase"},
    "es": {"%": "por ciento", "&": "y", "+": "más", "=": "igual", "@": "arroba"},
}

_SCRIPTS: dict[str, tuple[str, ...]] = {  # languages that are not written in Latin letters; a name as Unicode begins its letters' names
    **dict.fromkeys(("ru", "uk", "be", "bg", "mk", "sr", "kk", "ky", "tt", "ba", "cv"), ("CYRILLIC",)),
    **dict.fromkeys(("ar", "fa", "ur", "ug", "sd", "ku"), ("ARABIC",)),
    **dict.fromkeys(("hi", "mr", "ne", "kok"), ("DEVANAGARI",)),
    **dict.fromkeys(("zh", "cmn", "yue", "hak"), ("CJK", "BOPOMOFO")),
    "el": ("GREEK",), "grc": ("GREEK",), "he": ("HEBREW",), "ja": ("HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "CJK"),
    "ko": ("HANGUL", "CJK"), "th": ("THAI",), "ka": ("GEORGIAN",), "hy": ("ARMENIAN",), "bn": ("BENGALI",), "as": ("BENGALI",),
    "ta": ("TAMIL",), "te": ("TELUGU",), "kn": ("KANNADA",), "ml": ("MALAYALAM",), "gu": ("GUJARATI",), "pa": ("GURMUKHI", "ARABIC"),
    "or": ("ORIYA",), "si": ("SINHALA",), "my": ("MYANMAR",), "km": ("KHMER",), "lo": ("LAO",), "am": ("ETHIOPIC",), "chr": ("CHEROKEE",),
}  # fmt: skip
_KNOWN_SCRIPTS = frozenset({"LATIN", *(script for scripts in _SCRIPTS.values() for script in scripts)})


def words(text: str, language: str) -> list[str]:
    """Words of `text` in the order and form in which they are read.

    Parameters
    ----------
    text
        A transcript.
    language
        Tag such as ``en-us`` or ``de``. What comes after the hyphen matters for English dates written with strokes alone.

    Returns
    -------
    list of str
        Lower-case words of letters (with their marks) and inner apostrophes, "don't"; hyphens split words. Digits stay only where
        num2words does not know the language: espeak-ng reads them when the word's pronunciation is asked for. Empty if nothing
        is read.

    Notes
    -----
    English numbers of four digits between 1100 and 2099 without separator are read as years, German ones between 1100 and 1999.
    "St." is "street" after a capitalised word that does not begin the text ("on Main St."), and otherwise "saint". German
    ordinals take the ending that the word before them asks for; a German 1 before a noun stays "eins", as its gender is not known.
    Other languages have numbers, money and a few abbreviations.
    """
    tag = language.lower().replace("_", "-")
    short = tag.split("-")[0]
    text = _INVISIBLE.sub("", unicodedata.normalize("NFC", text)).translate(_APOSTROPHES).translate(_FRACTION_SIGNS)
    text = _NARROW_SPACES.sub("", text)
    text = _ENDLESS.sub(lambda match: " ".join(re.sub(r"\D", "", match[0])), text)
    text = applied(text, (_MINUS, *(_RULES[short](tag) if short in _RULES else ())))
    text = _spell_symbols(_spell_numbers(text, short), short)
    return _tokens(unicodedata.normalize("NFC", text.lower()))


def has_words(text: str) -> bool:
    """Whether `text` holds a letter or a digit: anything to read."""
    return any(unicodedata.category(char)[0] in "LN" for char in text)


def check_script(text: str, language: str) -> None:
    """Raise unless `text` is written in the language's script; Latin names inside another script are fine.

    Parameters
    ----------
    text
        A transcript.
    language
        As for `words`; a language that this module does not know is taken to be written in Latin letters.

    Raises
    ------
    RowError
        TEXT_SCRIPT for a letter of a third script (a Cyrillic "а" in English counts), or where no letter is of the language's own.
        The word is named; `value` is the number of such letters.
    """
    own = _SCRIPTS.get(language.lower().replace("_", "-").split("-")[0], ("LATIN",))
    scripts = {char: script for char in set(text) if (script := _script(char)) in _KNOWN_SCRIPTS}
    foreign = {char for char, script in scripts.items() if script not in own and script != "LATIN"}
    if not foreign and scripts and not any(script in own for script in scripts.values()):
        foreign = set(scripts)
    if foreign:
        word = next(word for word in text.split() if foreign & set(word))
        found = ", ".join(sorted({scripts[char].capitalize() for char in foreign}))
        detail = f"{word[:60]!r} has {found} letters, '{language}' is written in {own[0].capitalize()}"
        raise RowError(Reason.TEXT_SCRIPT, detail, float(sum(char in foreign for char in text)))


def _script(char: str) -> str:
    return unicodedata.name(char, "").partition(" ")[0] if char.isalpha() else ""


def _tokens(text: str) -> list[str]:
    kept = "".join(char if char == "'" or unicodedata.category(char)[0] in "LMN" else " " for char in text)
    stripped = (token.strip("'") for token in kept.split())
    return [re.sub("'{2,}", "'", token) for token in stripped if has_words(token)]


def _spell_symbols(text: str, language: str) -> str:
    for symbol, name in _SYMBOLS.get(language, {}).items():
        text = text.replace(symbol, f" {name} ")
    return text


def _spell_numbers(text: str, language: str) -> str:
    """Money and numbers of any language."""
    sign_last = rf"(?<!\d)(?<!\d[.,])(?P<amount_2>{NUMBER}) ?(?P<sign_2>[{SIGNS}])"  # from the first digit alone: else quadratic
    amount = rf"(?P<sign>[{SIGNS}]) ?(?P<amount>{NUMBER})|{sign_last}"
    return applied(
        text,
        (
            rule(amount, lambda match: money(match["amount"] or match["amount_2"], match["sign"] or match["sign_2"], language)),
            rule(NUMBER, lambda match: number(match[0], language)),
        ),
    )
