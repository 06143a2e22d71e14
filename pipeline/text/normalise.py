"""Words as read: numbers, money and abbreviations spelled out, punctuation gone, lower case."""

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

_POINT_DECIMALS = frozenset({"en", "zh", "ja", "ko", "th", "he"})  # languages that write 1,250.5; the others write 1.250,5
_MAX_NUMBER_DIGITS = 15  # longer ones are codes and are read digit by digit

_APOSTROPHES = str.maketrans(dict.fromkeys("‘’‛ʼʹ´`′＇", "'"))
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")

_ABBREVIATIONS: dict[str, dict[str, str]] = {  # written with a dot, compared in lower case
    "en": {
        "mr": "mister", "mrs": "missus", "ms": "miz", "dr": "doctor", "prof": "professor", "jr": "junior", "sr": "senior", "st": "saint",
        "mt": "mount", "etc": "et cetera", "e.g": "for example", "i.e": "that is", "vs": "versus", "approx": "approximately",
        "dept": "department", "capt": "captain", "gen": "general", "sgt": "sergeant", "rev": "reverend", "hon": "honorable",
    },
    "de": {
        "dr": "doktor", "prof": "professor", "hr": "herr", "fr": "frau", "usw": "und so weiter", "z.b": "zum beispiel", "d.h": "das heißt",
        "bzw": "beziehungsweise", "ca": "circa", "str": "straße", "u.a": "unter anderem",
    },
    "fr": {"m": "monsieur", "mme": "madame", "mlle": "mademoiselle", "dr": "docteur", "etc": "et cetera"},
    "es": {"sr": "señor", "sra": "señora", "dr": "doctor", "dra": "doctora", "etc": "etcétera"},
}  # fmt: skip
_SYMBOLS: dict[str, dict[str, str]] = {
    "en": {"%": "percent", "&": "and", "+": "plus", "=": "equals", "@": "at"},
    "de": {"%": "prozent", "&": "und", "+": "plus", "=": "gleich", "@": "at"},
    "fr": {"%": "pour cent", "&": "et", "+": "plus", "=": "égale", "@": "arobase"},
    "es": {"%": "por ciento", "&": "y", "+": "más", "=": "igual", "@": "arroba"},
}
_CURRENCIES = {"$": "USD", "€": "EUR", "£": "GBP"}

_NUMBER = r"\d+(?:[.,]\d+)*"
_SIGN = "".join(map(re.escape, _CURRENCIES))


def words(text: str, language: str) -> list[str]:
    """Words of `text` in the order and form in which they are read.

    Parameters
    ----------
    text
        A transcript.
    language
        Tag such as ``en-us`` or ``de``; what comes after the hyphen is not looked at.

    Returns
    -------
    list of str
        Lower-case words of letters (with their marks) and inner apostrophes, "don't"; hyphens split words. Digits stay only where
        num2words does not know the language: espeak-ng reads them when the word's pronunciation is asked for. Empty if nothing
        is read.

    Notes
    -----
    English numbers of four digits between 1100 and 2099 without separator are read as years. "St." is "street" after a
    capitalised word that does not begin the text ("on Main St."), and otherwise "saint".
    """
    short = language.lower().replace("_", "-").split("-")[0]
    text = _INVISIBLE.sub("", unicodedata.normalize("NFC", text)).translate(_APOSTROPHES)
    text = _spell_symbols(_spell_numbers(_spell_abbreviations(text, short), short), short)
    return _tokens(unicodedata.normalize("NFC", text.lower()))


def has_words(text: str) -> bool:
    """Whether `text` holds a letter or a digit: anything to read."""
    return any(unicodedata.category(char)[0] in "LN" for char in text)


def _tokens(text: str) -> list[str]:
    kept = "".join(char if char == "'" or unicodedata.category(char)[0] in "LMN" else " " for char in text)
    stripped = (token.strip("'") for token in kept.split())
    return [re.sub("'{2,}", "'", token) for token in stripped if has_words(token)]


def _spell_abbreviations(text: str, language: str) -> str:
    table = _ABBREVIATIONS.get(language, {})
    if language == "en":
        text = re.sub(r"(?<=[a-z] )([A-Z][a-z]+) St\.", r"\1 street", text)
        text = re.sub(r"\bNo\. ?(?=\d)", "number ", text)
        text = re.sub(r"\b(Mr|Mrs|Dr)\b(?!\.)", r"\1.", text)  # British style, without the dot
    names = sorted(table, key=len, reverse=True)
    if not names:
        return text
    pattern = rf"(?<![\w.'])({'|'.join(map(re.escape, names))})\.(?!\w)"
    return re.sub(pattern, lambda match: f" {table[match[1].lower()]} ", text, flags=re.IGNORECASE)


def _spell_symbols(text: str, language: str) -> str:
    for symbol, name in _SYMBOLS.get(language, {}).items():
        text = text.replace(symbol, f" {name} ")
    return text


def _spell_numbers(text: str, language: str) -> str:
    def spelled(spell: Callable[[re.Match[str]], str]) -> Callable[[re.Match[str]], str]:
        return lambda match: f" {spell(match)} "

    money = spelled(lambda m: _money(m["amount"] or m["amount_2"], _CURRENCIES[m["sign"] or m["sign_2"]], language))
    amount_first = rf"(?<!\d)(?<!\d[.,])(?P<amount_2>{_NUMBER}) ?(?P<sign_2>[{_SIGN}])"  # from the first digit alone: else quadratic
    text = re.sub(rf"(?P<sign>[{_SIGN}]) ?(?P<amount>{_NUMBER})|{amount_first}", money, text)
    if language == "en":
        text = re.sub(r"\b(\d{1,15})(?:st|nd|rd|th)\b", spelled(lambda m: _in_words(m[1], language, "ordinal")), text, flags=re.IGNORECASE)
        text = re.sub(r"(?<![\d.,])(1[1-9]\d\d|20\d\d)(?![.,]?\d)", spelled(lambda m: _in_words(m[1], language, "year")), text)
    text = re.sub(r"(?<![^\s(])[-−](?=\d)", " minus ", text)
    return re.sub(_NUMBER, spelled(lambda m: _number(m[0], language)), text)


def _number(written: str, language: str) -> str:
    """A run of digits and separators: a number if it is well formed, else its digits in groups."""
    plain = _plain(written, language)
    if plain is None:
        return " ".join(_digits(group, language) for group in re.split(r"[.,]", written))
    return _in_words(plain, language, "cardinal")


def _digits(group: str, language: str) -> str:
    if len(group) > _MAX_NUMBER_DIGITS or (group.startswith("0") and len(group) > 1):
        return " ".join(_in_words(digit, language, "cardinal") for digit in group)
    return _in_words(group, language, "cardinal")


def _plain(written: str, language: str) -> str | None:
    """``1,250.5`` as ``1250.5``, by the separators of the language; None if it is no number."""
    thousands, decimal = (",", ".") if language in _POINT_DECIMALS else (".", ",")
    whole, _, fraction = written.partition(decimal)
    grouped = re.fullmatch(rf"\d{{1,3}}(?:{re.escape(thousands)}\d{{3}})+", whole)
    digits = whole.replace(thousands, "") if grouped else whole
    if not digits.isdecimal() or (fraction and not fraction.isdecimal()) or len(digits) + len(fraction) > _MAX_NUMBER_DIGITS:
        return None
    if digits.startswith("0") and len(digits) > 1:
        return None
    return f"{digits}.{fraction}" if fraction else digits


def _money(written: str, currency: str, language: str) -> str:
    plain = _plain(written, language)
    if plain is None:
        return _number(written, language)
    spelled = _in_words(plain, language, f"currency {currency}")
    return _in_words(plain, language, "cardinal") if spelled == plain else spelled.replace("sterling", "")


@lru_cache(maxsize=10_000)
def _in_words(number: str, language: str, form: str) -> str:
    """num2words, or the digits themselves for a language or currency that it does not know."""
    from num2words import num2words

    kind, _, currency = form.partition(" ")
    cents = float(number) % 1 > 0
    options = {"currency": currency} if currency else {}
    if currency and not cents:
        options["separator"] = "|"  # what comes after it is "zero cents"
    value = float(number) if currency or cents else int(number.partition(".")[0])  # num2words takes a whole amount of money for cents
    try:
        spelled: str = num2words(value, lang=language, to=kind, **options)
    except Exception:  # unfinished languages raise NotImplementedError, AttributeError, TypeError, KeyError ...
        return number
    return spelled.partition("|")[0].replace("-", " ")
