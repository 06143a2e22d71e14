"""Numbers, ordinals, years and money as words, by num2words, in the separators of the language."""

import re
from functools import lru_cache

NUMBER = r"\d+(?:[.,]\d+)*"
CURRENCIES = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY"}
SIGNS = "".join(map(re.escape, CURRENCIES))

_POINT_DECIMALS = frozenset({"en", "zh", "ja", "ko", "th", "he"})  # languages that write 1,250.5; the others write 1.250,5
_POINTS = {"en": "point", "de": "komma"}
_MAX_DIGITS = 15  # longer ones are codes and are read digit by digit
_NUM2WORDS_NAMES = {"kk": "kz", "nb": "no"}  # where it does not use the ISO code that espeak-ng uses


def number(written: str, language: str) -> str:
    """A run of digits and separators: a number if it is well formed, else its digits in groups ("1.2.3" as "one two three").

    Parameters
    ----------
    written
        As `NUMBER` matches.
    language
        Two or three letters, such as ``de``.
    """
    plain = _plain(written, language)
    if plain is None:
        return " ".join(_digits(group, language) for group in re.split(r"[.,]", written))
    whole, _, fraction = plain.partition(".")
    if fraction and not fraction.strip("0") and language in _POINTS:  # num2words drops it: "version 2.0"
        return " ".join(
            [in_words(whole, language, "cardinal"), _POINTS[language], *(in_words("0", language, "cardinal") for _ in fraction)]
        )
    return in_words(plain, language, "cardinal")


def money(written: str, sign: str, language: str) -> str:
    """An amount with its currency; where num2words lacks the currency, the bare number."""
    plain = _plain(written, language)
    if plain is None:
        return number(written, language)
    spelled = in_words(plain, language, f"currency {CURRENCIES[sign]}")
    if spelled == plain:
        return f"{in_words(plain, language, 'cardinal')}{' yen' if sign == '¥' else ''}"
    return spelled.replace("sterling", "")


@lru_cache(maxsize=10_000)
def in_words(digits: str, language: str, form: str) -> str:
    """num2words without hyphens, or the digits themselves for a language, form or currency that it does not know.

    Parameters
    ----------
    digits
        ``1250.5``: no separator but a decimal point.
    form
        ``cardinal``, ``ordinal``, ``year``, or ``currency USD``.
    """
    from num2words import num2words

    kind, _, currency = form.partition(" ")
    cents = float(digits) % 1 > 0
    options = {"currency": currency} if currency else {}
    if currency and not cents:
        options["separator"] = "|"  # what comes after it is "zero cents"
    value = float(digits) if currency or cents else int(digits.partition(".")[0])  # num2words takes a whole amount of money for cents
    try:
        spelled: str = num2words(value, lang=_NUM2WORDS_NAMES.get(language, language), to=kind, **options)
    except Exception:  # unfinished languages raise NotImplementedError, AttributeError, TypeError, KeyError ...
        return digits
    return spelled.partition("|")[0].replace("-", " ")


def _digits(group: str, language: str) -> str:
    if len(group) > _MAX_DIGITS or (group.startswith("0") and len(group) > 1):
        return " ".join(in_words(digit, language, "cardinal") for digit in group)
    return in_words(group, language, "cardinal")


def _plain(written: str, language: str) -> str | None:
    """``1,250.5`` as ``1250.5``, by the separators of the language; None if it is no number."""
    thousands, decimal = (",", ".") if language in _POINT_DECIMALS else (".", ",")
    whole, _, fraction = written.partition(decimal)
    grouped = re.fullmatch(rf"\d{{1,3}}(?:{re.escape(thousands)}\d{{3}})+", whole)
    digits = whole.replace(thousands, "") if grouped else whole
    if not digits.isdecimal() or (fraction and not fraction.isdecimal()) or len(digits) + len(fraction) > _MAX_DIGITS:
        return None
    if digits.startswith("0") and len(digits) > 1:
        return None
    return f"{digits}.{fraction}" if fraction else digits
