"""What the rules of all languages share: a rule, Roman numerals, dates that exist."""

import re
from collections.abc import Callable
from typing import NamedTuple

_ROMAN = {"I": 1, "V": 5, "X": 10}
ROMAN = r"(?:X{0,3}(?:IX|IV|V?I{1,3}|V)|X{1,3})"  # 1 .. 39 with at least one of I, V, X; longer ones look like words and initials


class Rule(NamedTuple):
    """What stands in a text, and what is read for it; the reading may hold digits for later rules."""

    pattern: re.Pattern[str]
    read: Callable[[re.Match[str]], str]


def rule(pattern: str, read: Callable[[re.Match[str]], str] | str, *, ignore_case: bool = False) -> Rule:
    r"""A rule from a pattern and a function of the match, or a template such as ``\g<1> percent``."""
    compiled = re.compile(pattern, re.IGNORECASE if ignore_case else 0)
    if isinstance(read, str):
        template = read
        return Rule(compiled, lambda match: match.expand(template))
    return Rule(compiled, read)


def applied(text: str, rules: tuple[Rule, ...]) -> str:
    """The text with each rule applied in turn; readings stand between spaces."""
    for one in rules:
        text = one.pattern.sub(lambda match, one=one: f" {one.read(match)} ", text)  # type: ignore[misc]
    return text


def expanded(table: dict[str, str]) -> Rule:
    """A rule for abbreviations that are written with a dot, whatever their case; a space may stand after an inner dot ("z. B.")."""
    names = sorted(table, key=len, reverse=True)
    choice = "|".join(re.escape(name).replace(r"\.", r"\.\s?") for name in names)
    return rule(rf"(?<![\w.'])({choice})\.(?!\w)", lambda match: table[re.sub(r"\s", "", match[1].lower())], ignore_case=True)


def measured(number: str, units: dict[str, tuple[str, str]], spaced: dict[str, tuple[str, str]]) -> Rule:
    """A rule for units after a number (one, many); those of `spaced` need a space before them. Digits stay digits."""
    known = units | spaced
    close, apart = ("|".join(map(re.escape, sorted(table, key=len, reverse=True))) for table in (units, spaced))
    pattern = rf"(?P<n>{number})(?:\s?(?P<u>{close})|\s(?P<v>{apart}))(?![\w'’/])"
    return rule(pattern, lambda match: f"{match['n']} {known[match['u'] or match['v']][match['n'] != '1']}")


def roman_value(numeral: str) -> int:
    """Value of a numeral that `ROMAN` matches."""
    values = [_ROMAN[letter] for letter in numeral]
    return sum(-value if value < later else value for value, later in zip(values, [*values[1:], 0], strict=True))


def is_date(day: int, month: int) -> bool:
    """Whether a year may have this day."""
    return 1 <= month <= 12 and 1 <= day <= (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month - 1]
