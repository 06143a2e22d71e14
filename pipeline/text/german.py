"""How German is read: abbreviations, dates, times, ordinals with their endings, units, fractions, Roman numerals."""

import re

from pipeline.text.numbers import NUMBER, in_words
from pipeline.text.rules import ROMAN, Rule, expanded, is_date, measured, roman_value, rule

_ABBREVIATIONS = {
    "dr": "doktor", "prof": "professor", "hr": "herr", "fr": "frau", "usw": "und so weiter", "z.b": "zum beispiel", "d.h": "das heißt",
    "bzw": "beziehungsweise", "ca": "circa", "str": "straße", "u.a": "unter anderem", "evtl": "eventuell", "ggf": "gegebenenfalls",
    "inkl": "inklusive", "exkl": "exklusive", "vgl": "vergleiche", "abb": "abbildung", "jh": "jahrhundert", "v.chr": "vor christus",
    "n.chr": "nach christus", "o.ä": "oder ähnliches", "i.d.r": "in der regel", "u.u": "unter umständen", "s.o": "siehe oben",
    "s.u": "siehe unten", "mio": "millionen", "mrd": "milliarden", "tsd": "tausend", "tel": "telefon", "st": "sankt", "geb": "geboren",
    "sog": "sogenannt", "zzgl": "zuzüglich", "mind": "mindestens", "u.v.m": "und vieles mehr", "etc": "et cetera",
}  # fmt: skip
SYMBOLS = {"%": "prozent", "&": "und", "+": "plus", "=": "gleich", "@": "at", "§": "paragraph", "×": "mal", "°": "grad"}
_UNITS = {
    unit: (name, name)
    for unit, name in {
        "km/h": "kilometer pro stunde", "km": "kilometer", "cm": "zentimeter", "mm": "millimeter", "kg": "kilogramm", "mg": "milligramm",
        "ml": "milliliter", "kHz": "kilohertz", "MHz": "megahertz", "GHz": "gigahertz", "Hz": "hertz", "dB": "dezibel", "kW": "kilowatt",
        "GB": "gigabyte", "MB": "megabyte", "ms": "millisekunden", "°C": "grad celsius", "° C": "grad celsius", "°F": "grad fahrenheit",
        "°": "grad",
    }.items()
}  # fmt: skip
_SPACED_UNITS = {
    "m": ("meter", "meter"), "g": ("gramm", "gramm"), "l": ("liter", "liter"), "s": ("sekunde", "sekunden"), "h": ("stunde", "stunden"),
    "t": ("tonne", "tonnen"), "min": ("minute", "minuten"), "Min.": ("minute", "minuten"), "Std.": ("stunde", "stunden"),
    "W": ("watt", "watt"), "V": ("volt", "volt"), "m²": ("quadratmeter", "quadratmeter"), "km²": ("quadratkilometer", "quadratkilometer"),
    "EUR": ("euro", "euro"), "Euro": ("euro", "euro"), "USD": ("dollar", "dollar"), "CHF": ("schweizer franken", "schweizer franken"),
    "Mio. €": ("million euro", "millionen euro"), "Mrd. €": ("milliarde euro", "milliarden euro"),
}  # fmt: skip
_MONTHS = (
    "Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember",
)  # fmt: skip
_MONTH = "|".join(_MONTHS)
_SHORT_MONTHS = {month[:3]: month for month in _MONTHS if month != "Mai"} | {"Sept": "September"}
_FRACTIONS = {
    "2": "halb",
    "3": "drittel",
    "4": "viertel",
    "5": "fünftel",
    "6": "sechstel",
    "7": "siebtel",
    "8": "achtel",
    "9": "neuntel",
    "10": "zehntel",
}
_ARTICLES = "der|die|das|den|dem|des|am|im|zum|zur|vom|beim|bis|ab|seit|nach|vor|ein|eine|einen|einem|jeder|jede|jedes|jeden|jedem|ihr|sein"
_BEFORE = rf"(?:(?P<before>(?i:{_ARTICLES}))\s+)?"
_COUNT = r"(?<![\d-])(?<!\d[.,])(\d{1,3}|1[1-9]\d\d|20\d\d)"
_LAST = r"(\d{1,3}|1[1-9]\d\d|20\d\d)(?![\d-]|[.,]\d)"
_WITH_E, _WITH_ER = {"der", "die", "das", "eine", "jede"}, {"", "ein", "ihr", "sein"}  # after all others -en; "ein" may be -es too
_RULERS = (
    "Ludwig|Karl|Heinrich|Friedrich|Wilhelm|Otto|Franz|Johannes|Paul|Pius|Benedikt|Gregor|Leo|Georg|Eduard|Richard|Jakob|Elisabeth"
    "|Napoleon|Katharina|Philipp|Alexander|Nikolaus|Peter"
)


def _ordinal(digits: str, before: str | None) -> str:
    """The ordinal with the ending that the word before it asks for: "der dritte", "am dritten", "dritter"."""
    stem = in_words(digits, "de", "ordinal").removesuffix("e")
    word = (before or "").lower()
    ending = "e" if word in _WITH_E else "er" if word in _WITH_ER else "en"
    return f"{before or ''} {stem}{ending}"


def _year(digits: str) -> str:
    return in_words(digits, "de", "year")


def _date(match: re.Match[str]) -> str:
    day, month, year = str(int(match["d"])), int(match["m"]), match["y"]
    if not is_date(int(day), month):
        return match[0].replace(".", " ").replace("-", " ")
    return f"{_ordinal(day, match['before'])} {_MONTHS[month - 1]} {_year(year) if year and len(year) == 4 else year or ''}"


def _time(match: re.Match[str]) -> str:
    hour, minute = str(int(match["h"])), int(match["m"] or 0)
    return f"{'ein' if hour == '1' else hour} uhr {minute or ''}"


def _fraction(match: re.Match[str]) -> str:
    whole, top, bottom = match["whole"], match["top"], match["bottom"]
    if int(top) >= int(bottom):
        return match[0].replace("/", " ")
    if whole and (top, bottom) == ("1", "2"):
        return "eineinhalb" if whole == "1" else f"{in_words(whole, 'de', 'cardinal')}einhalb"
    part = f"{'ein' if top == '1' else in_words(top, 'de', 'cardinal')} {_FRACTIONS[bottom]}"
    return f"{whole} {part}" if whole else part


_RULES = (
    rule(r"(?<![\w#])(?:Nr\.|No\.|#) ?(?=\d)", "nummer"),
    rule(r"\bS\. ?(?=\d)", "seite"),
    rule(rf"(?<=\d\.) ?({'|'.join(_SHORT_MONTHS)})\.", lambda match: _SHORT_MONTHS[match[1]]),
    measured(NUMBER, _UNITS, _SPACED_UNITS),
    expanded(_ABBREVIATIONS),
    rule(rf"\b{_BEFORE}(?P<y>\d{{4}})-(?P<m>\d\d)-(?P<d>\d\d)\b(?!-)", _date),
    rule(rf"\b{_BEFORE}(?P<d>\d{{1,2}})\.\s?(?P<m>\d{{1,2}})\.(?:\s?(?P<y>\d{{4}}|\d\d)\b)?(?![.,]?\d)", _date),
    rule(rf"\b{_BEFORE}(?P<d>\d{{1,2}})\.\s*(?P<month>{_MONTH})\b",
         lambda match: f"{_ordinal(match['d'], match['before'])} {match['month']}"),
    rule(r"\b(?P<h>[01]?\d|2[0-4])[:.](?P<m>[0-5]\d)\s?[Uu]hr\b|\b(?P<h2>[01]?\d|2[0-4])\s?[Uu]hr\b",
         lambda match: _time(match) if match["h"] else f"{'ein' if match['h2'] == '1' else int(match['h2'])} uhr"),
    rule(r"\b(?P<h>[01]?\d|2[0-3]):(?P<m>[0-5]\d)(?!:?\d)", _time),
    rule(r"(?<![\d.,])(\d{1,4})(er|ern)\b", lambda match: in_words(match[1], "de", "year") + match[2]),
    rule(r"(?<![\d/.,])(?:(?P<whole>\d+) )?(?P<top>\d)/(?P<bottom>10|[2-9])(?![\d/.])", _fraction),
    rule(rf"{_COUNT}(?: ?– ?|-){_LAST}", r"\1 bis \2"),
    rule(rf"\b({_RULERS}) ({ROMAN})\b\.?", lambda match: f"{match[1]} {_ordinal(str(roman_value(match[2])), 'der')}"),
    rule(rf"\b{_BEFORE}(?P<n>{ROMAN})\.(?=\s+[A-ZÄÖÜ][a-zäöü])",
         lambda match: _ordinal(str(roman_value(match["n"])), match["before"]) if match["before"] else match[0]),
    rule(rf"\b(Kapitel|Teil|Band|Buch|Akt|Szene|Abschnitt|Phase|Typ|Klasse|Weltkrieg) ({ROMAN})\b",
         lambda match: f"{match[1]} {roman_value(match[2])}"),
    rule(rf"\b{_BEFORE}(?P<n>\d{{1,3}})\.(?=\s+[A-Za-zÄÖÜäöü])",
         lambda match: _ordinal(match["n"], match["before"]) if match["before"] else match[0]),
    rule(r"\b(\w+t(e[nr]?))\s+(und|oder|bis)\s+(\d{1,3})\.(?=\s+[A-ZÄÖÜ])",
         lambda match: f"{match[1]} {match[3]} {in_words(match[4], 'de', 'ordinal').removesuffix('e')}{match[2]}"),
    rule(r"\b(?P<n>\d{1,3})\.(?=\s+Jahrhundert)", lambda match: _ordinal(match["n"], "im").removeprefix("im ")),
    rule(r"(?<![\d.,])(1[1-9]\d\d)(?![.,]?\d)", lambda match: _year(match[1])),
    rule(r"(?<![\d.,])1(?= (?:kilo|zenti|milli(?!on)|mega|giga|meter|gramm|liter|watt|volt|euro|dollar|prozent|grad|hertz|dezibel|%))",
         "ein", ignore_case=True),
    rule(r"(?<![\d.,])1(?= (?:sekunde|stunde|minute|tonne|milliarde|million)\b)", "eine", ignore_case=True),
)  # fmt: skip


def rules(tag: str) -> tuple[Rule, ...]:  # noqa: ARG001 - all voices of German read alike; English ones do not
    """The rules of a German voice."""
    return _RULES
