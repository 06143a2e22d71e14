"""How English is read: abbreviations, dates, times, ordinals, units, fractions, Roman numerals. Order matters: see `RULES`."""

import re

from pipeline.text.numbers import NUMBER, SIGNS, in_words
from pipeline.text.rules import ROMAN, Rule, expanded, is_date, measured, roman_value, rule

_ABBREVIATIONS = {
    "mr": "mister", "mrs": "missus", "ms": "miz", "dr": "doctor", "prof": "professor", "jr": "junior", "sr": "senior", "st": "saint",
    "mt": "mount", "etc": "et cetera", "e.g": "for example", "i.e": "that is", "vs": "versus", "approx": "approximately",
    "dept": "department", "capt": "captain", "gen": "general", "sgt": "sergeant", "rev": "reverend", "hon": "honorable",
    "col": "colonel", "lt": "lieutenant", "gov": "governor", "ave": "avenue", "blvd": "boulevard", "inc": "incorporated",
    "ltd": "limited", "corp": "corporation", "co": "company",
}  # fmt: skip
SYMBOLS = {"%": "percent", "&": "and", "+": "plus", "=": "equals", "@": "at", "×": "times", "°": "degrees"}
_CURRENCY_NAMES = {"$": "dollars", "€": "euros", "£": "pounds", "¥": "yen"}
_UNITS = {
    "km/h": ("kilometer per hour", "kilometers per hour"), "mph": ("mile per hour", "miles per hour"), "km": ("kilometer", "kilometers"),
    "cm": ("centimeter", "centimeters"), "mm": ("millimeter", "millimeters"), "kg": ("kilogram", "kilograms"),
    "mg": ("milligram", "milligrams"), "ml": ("milliliter", "milliliters"), "kHz": ("kilohertz", "kilohertz"), "Hz": ("hertz", "hertz"),
    "MHz": ("megahertz", "megahertz"), "GHz": ("gigahertz", "gigahertz"), "dB": ("decibel", "decibels"), "kW": ("kilowatt", "kilowatts"),
    "GB": ("gigabyte", "gigabytes"), "MB": ("megabyte", "megabytes"), "KB": ("kilobyte", "kilobytes"), "ft": ("foot", "feet"),
    "lbs": ("pound", "pounds"), "lb": ("pound", "pounds"), "oz": ("ounce", "ounces"), "ms": ("millisecond", "milliseconds"),
    "°C": ("degree celsius", "degrees celsius"), "°F": ("degree fahrenheit", "degrees fahrenheit"),
    "° C": ("degree celsius", "degrees celsius"), "° F": ("degree fahrenheit", "degrees fahrenheit"), "°": ("degree", "degrees"),
}  # fmt: skip
_SPACED_UNITS = {
    "m": ("meter", "meters"), "g": ("gram", "grams"), "l": ("liter", "liters"), "s": ("second", "seconds"), "h": ("hour", "hours"),
    "min": ("minute", "minutes"), "W": ("watt", "watts"), "V": ("volt", "volts"), "hrs": ("hour", "hours"), "sec": ("second", "seconds"),
}  # fmt: skip
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_MONTH = "|".join(_MONTHS)
_SHORT_MONTHS = {month[:3]: month for month in _MONTHS if month != "May"} | {"Sept": "September"}
_FRACTIONS = {
    "2": "half",
    "3": "third",
    "4": "quarter",
    "5": "fifth",
    "6": "sixth",
    "7": "seventh",
    "8": "eighth",
    "9": "ninth",
    "10": "tenth",
}
_RULERS = (
    "Henry|Charles|Louis|George|Edward|Richard|James|William|Elizabeth|Mary|John|Paul|Pius|Benedict|Gregory|Leo|Innocent|Clement|Urban"
    "|Alexander|Philip|Napoleon|Nicholas|Catherine|Frederick|Francis|Peter|Wilhelm|Otto|Ludwig|Ramses"
)


def _ordinal(digits: str) -> str:
    return in_words(digits, "en", "ordinal")


def _year(digits: str) -> str:
    return in_words(digits, "en", "year")


def _date(day: str, month: str, year: str, match: re.Match[str]) -> str:
    if not is_date(int(day), int(month)):
        return match[0].replace("-", " ").replace("/", " ")
    return f"{_MONTHS[int(month) - 1]} {_ordinal(str(int(day)))} {_year(year)}"


def _slash_date(match: re.Match[str], *, day_first: bool) -> str:
    first, second = (match["b"], match["a"]) if day_first else (match["a"], match["b"])
    month, day = (second, first) if int(first) > 12 else (first, second)
    return _date(day, month, match["y"], match)


def _time(match: re.Match[str]) -> str:
    hour, minute, half = str(int(match["h"])), match["m"], match["half"]
    if minute == "00":
        spoken = hour if half else f"{hour} o'clock" if int(hour) <= 12 else f"{hour} hundred"
    else:
        spoken = f"{hour} oh {minute[1]}" if minute[0] == "0" else f"{hour} {minute}"
    return f"{spoken} {half.lower()} m" if half else spoken


def _decade(match: re.Match[str]) -> str:
    century, tens = match["century"] or "", match["tens"]
    if tens == "00":
        return f"{_year(century + '00')}s" if century != "20" else "two thousands"
    plural = f"{in_words(tens, 'en', 'cardinal')}s".replace("ys", "ies")
    return f"{in_words(century, 'en', 'cardinal')} {plural}" if century else plural


def _fraction(match: re.Match[str]) -> str:
    whole, top, bottom = match["whole"], match["top"], match["bottom"]
    if int(top) >= int(bottom):
        return match[0].replace("/", " ")
    part = f"{'a' if whole and top == '1' else in_words(top, 'en', 'cardinal')} {_FRACTIONS[bottom]}"
    plural = part if top == "1" else f"{part}s"
    return f"{whole} and {plural}" if whole else plural


_BEFORE_DATES = (
    rule(r"(?<=\w )([A-Z][a-z]+) St\.", r"\1 street"),
    rule(r"(?<![\w#])(?:No\.|Nos\.|#) ?(?=\d)", "number"),
    rule(r"\b(Mr|Mrs|Dr)\b(?!\.)", r"\1."),  # British style, without the dot
    rule(rf"\b({'|'.join(_SHORT_MONTHS)})\.?(?= \d)", lambda match: _SHORT_MONTHS[match[1]]),
    rule(rf"(?<=\d) ({'|'.join(_SHORT_MONTHS)})\b\.?", lambda match: _SHORT_MONTHS[match[1]]),
    expanded(_ABBREVIATIONS),
    rule(r"\b(?P<y>\d{4})-(?P<m>\d\d)-(?P<d>\d\d)\b(?!-)", lambda match: _date(match["d"], match["m"], match["y"], match)),
)
_AFTER_DATES = (
    rule(rf"\b({_MONTH}) +(\d{{1,2}})(?:st|nd|rd|th)?\b(?![:.,]\d)", lambda match: f"{match[1]} {_ordinal(match[2])}"),
    rule(rf"\b(?:the +)?(\d{{1,2}}) +({_MONTH})\b", lambda match: f"the {_ordinal(match[1])} of {match[2]}"),
    rule(r"\b(?P<h>[01]?\d|2[0-3]):(?P<m>[0-5]\d)(?!:?\d)(?: ?(?P<half>[apAP])\.?[mM]\b\.?)?", _time),
    rule(r"\b(\d{1,2}) ?([apAP])\.?[mM]\b\.?", lambda match: f"{match[1]} {match[2].lower()} m"),
    rule(r"(?<![\d'.,])(?P<century>1[1-9]|20)(?P<tens>\d0)'?s\b|(?<![\d.,])'?(?P<short>[2-9]0)'?s\b",
         lambda match: _decade(match) if match["tens"] else f"{in_words(match['short'], 'en', 'cardinal')}s".replace("ys", "ies")),
    rule(r"(?<![\d/.,])(?:(?P<whole>\d+) )?(?P<top>\d)/(?P<bottom>10|[2-9])(?![\d/.])", _fraction),
    rule(rf"(?P<sign>[{SIGNS}]) ?(?P<n>{NUMBER}) ?(?P<size>thousand|million|billion|trillion)\b",
         lambda match: f"{match['n']} {match['size']} {_CURRENCY_NAMES[match['sign']]}"),
    measured(NUMBER, _UNITS, _SPACED_UNITS),
    rule(r"(?<![\d-])(?<!\d[.,])(\d{1,3}|1[1-9]\d\d|20\d\d) ?– ?(\d{1,3}|1[1-9]\d\d|20\d\d)(?![\d-]|[.,]\d)", r"\1 to \2"),
    rule(r"(?<![\d-])(?<!\d[.,])(\d{1,3})-(\d{1,3})(?![\d-]|[.,]\d)", r"\1 to \2"),
    rule(r"(?<![\d-])(?<!\d[.,])(1[1-9]\d\d|20\d\d)-(1[1-9]\d\d|20\d\d)(?![\d-]|[.,]\d)", r"\1 to \2"),
    rule(rf"\b({_RULERS}) ({ROMAN})\b('s)?(?!\.\w)",
         lambda match: f"{match[1]} the {_ordinal(str(roman_value(match[2])))}{match[3] or ''}"),
    rule(rf"\b([A-Z][a-z]+|[Cc]hapter|[Pp]art|[Vv]olume) (?!I\b|V\b|X\b)({ROMAN})\b(?!\.\w)",
         lambda match: f"{match[1]} {roman_value(match[2])}"),
    rule(r"\b(Chapter|Part|Volume|Book|Act|Scene|Section|Phase|Type|Level) ([IVX])\b(?!\.\w|')",
         lambda match: f"{match[1]} {roman_value(match[2])}"),
    rule(r"\b(\d{1,15})(?:st|nd|rd|th)\b", lambda match: _ordinal(match[1]), ignore_case=True),
    rule(r"(?<![\d.,])(1[1-9]\d\d|20\d\d)(?![.,]?\d)", lambda match: _year(match[1])),
)  # fmt: skip


def rules(tag: str) -> tuple[Rule, ...]:
    """The rules of an English voice such as ``en-us``, where 3/4/2020 is in March; elsewhere it is in April."""
    day_first = not tag.endswith("us")
    slash = rule(r"(?<![\d/])(?P<a>\d{1,2})/(?P<b>\d{1,2})/(?P<y>\d{4})(?![\d/])", lambda match: _slash_date(match, day_first=day_first))
    return (*_BEFORE_DATES, slash, *_AFTER_DATES)
