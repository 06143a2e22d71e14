"""Praat TextGrid files: reading what people and programs write, and writing."""

import re
from collections.abc import Iterator
from pathlib import Path

from schemas.errors import RowError
from schemas.reasons import Reason
from schemas.tables.alignments import SILENCE, Interval

MAX_FILE_BYTES = 5_000_000
MAX_TIERS = 1000

# Praat's own rule: strings, flags and numbers count only where they stand free; all other text (`xmin =`, `item [1]:`) is comment.
# So the long and the short format are one sequence of tokens.
_TOKEN = re.compile(r'"([^"]*+(?:""[^"]*+)*+)"|(?<!\S)(<\w+>)(?!\S)|(?<!\S)([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?!\S)')


def read_textgrid(path: Path) -> dict[str, list[Interval]]:
    """The interval tiers of a TextGrid, in file order.

    Long and short text format; UTF-8 or UTF-16, with or without BOM; any line ends. Intervals stay as they stand in the file: empty labels
    are kept, labels lose outer white space only, overlaps and gaps are left for the caller to judge. A second tier of the
    same name becomes ``name_2``. Point tiers are skipped.

    praatio is not used: it drops the sign of negative times, ends a short file that was cut off as if it were whole, and splits
    the file at labels that hold ``intervals [``.

    Parameters
    ----------
    path
        A file of at most `MAX_FILE_BYTES`.

    Returns
    -------
    dict
        Tier name to its intervals; times in seconds.

    Raises
    ------
    RowError
        `ALIGNMENT_UNREADABLE` if the file is missing, too large, not text, not a TextGrid, or ends early.
    """
    return read_document(path)[1]


def read_document(path: Path) -> tuple[float, dict[str, list[Interval]]]:
    """End of the file in seconds, and its interval tiers; raises as `read_textgrid`."""
    try:
        return _read_tokens(_tokens(_decode(path)))
    except OSError as error:
        raise unreadable(path, error.strerror or type(error).__name__) from None
    except StopIteration:
        raise unreadable(path, "the file ends before the intervals that it declares") from None
    except ValueError as error:
        raise unreadable(path, str(error)) from None


def write_textgrid(path: Path, tiers: dict[str, list[Interval]], duration_s: float) -> None:
    """Write interval tiers in the long format, UTF-8; gaps are filled and silence is written as an empty label.

    Parameters
    ----------
    path
        File to write; its folder is made.
    tiers
        Tier name to its intervals in order of time, without overlaps; times in seconds, kept to 1e-9 s.
    duration_s
        End of the file and of each tier, seconds.
    """
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", f"xmax = {duration_s:.9f}", "tiers? <exists>"]
    lines += [f"size = {len(tiers)}", "item []:"]
    for number, (name, intervals) in enumerate(tiers.items(), start=1):
        lines += [f"    item [{number}]:", '        class = "IntervalTier"', f"        name = {_quoted(name)}"]
        lines += _interval_lines(_without_gaps(intervals, duration_s), duration_s)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _interval_lines(intervals: list[Interval], duration_s: float) -> list[str]:
    lines = ["        xmin = 0", f"        xmax = {duration_s:.9f}", f"        intervals: size = {len(intervals)}"]
    for number, interval in enumerate(intervals, start=1):
        label = "" if interval.label == SILENCE else interval.label
        lines += [f"        intervals [{number}]:", f"            xmin = {interval.start_s:.9f}"]
        lines += [f"            xmax = {interval.end_s:.9f}", f"            text = {_quoted(label)}"]
    return lines


def _without_gaps(intervals: list[Interval], duration_s: float) -> list[Interval]:
    filled: list[Interval] = []
    at_s = 0.0
    for interval in intervals:
        if interval.start_s > at_s:
            filled.append(Interval("", at_s, interval.start_s))
        filled.append(interval)
        at_s = interval.end_s
    if at_s < duration_s:
        filled.append(Interval("", at_s, duration_s))
    return filled


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _decode(path: Path) -> str:
    with path.open("rb") as file:
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise ValueError(f"larger than {MAX_FILE_BYTES} bytes")
    if data.startswith(b"ooBinaryFile"):
        raise ValueError("is in Praat's binary format; save it as a text file")
    encoding = _encoding(data)
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        raise ValueError(f"not {encoding}; save it as UTF-8") from None


def _encoding(data: bytes) -> str:
    """By the byte order mark, or by where the first character, which is ASCII in any TextGrid, has its zero byte."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if len(data) > 1 and 0 in data[:2]:
        return "utf-16-le" if data[1] == 0 else "utf-16-be"
    return "utf-8-sig"


def _tokens(text: str) -> Iterator[str | float]:
    """Free-standing strings, flags and numbers in order."""
    for match in _TOKEN.finditer(text):
        string, flag, number = match.groups()
        if string is not None:
            yield string.replace('""', '"').strip()
        else:
            yield flag if flag is not None else float(number)


def _read_tokens(tokens: Iterator[str | float]) -> tuple[float, dict[str, list[Interval]]]:
    if not _string(tokens).startswith("ooTextFile") or _string(tokens) != "TextGrid":
        raise ValueError("not a TextGrid in Praat's long or short text format")
    _, end_s = _number(tokens), _number(tokens)
    tiers: dict[str, list[Interval]] = {}
    if _string(tokens) != "<exists>":
        return end_s, tiers
    n_tiers = _count(tokens)
    if n_tiers > MAX_TIERS:
        raise ValueError(f"declares {n_tiers:g} tiers, at most {MAX_TIERS}")
    for _ in range(n_tiers):
        kind, name, _, _ = _string(tokens), _string(tokens), _number(tokens), _number(tokens)
        if kind == "IntervalTier":
            tiers[_unused(name, tiers)] = _read_intervals(tokens)
        else:
            _skip_points(tokens)
    return end_s, tiers


def _read_intervals(tokens: Iterator[str | float]) -> list[Interval]:
    intervals = []
    for _ in range(_count(tokens)):
        start_s, end_s, label = _number(tokens), _number(tokens), _string(tokens)
        intervals.append(Interval(label, start_s, end_s))
    return intervals


def _skip_points(tokens: Iterator[str | float]) -> None:
    for _ in range(_count(tokens)):
        _number(tokens), _string(tokens)


def _unused(name: str, taken: dict[str, list[Interval]]) -> str:
    candidate, number = name, 1
    while candidate in taken:
        number += 1
        candidate = f"{name}_{number}"
    return candidate


def _string(tokens: Iterator[str | float]) -> str:
    token = next(tokens)
    if not isinstance(token, str):
        raise ValueError(f"has the number {token:g} where a text should stand")
    return token


def _number(tokens: Iterator[str | float]) -> float:
    token = next(tokens)
    if not isinstance(token, float):
        raise ValueError(f"has the text {token[:40]!r} where a number should stand")
    return token


def _count(tokens: Iterator[str | float]) -> int:
    count = _number(tokens)
    if count < 0 or not count.is_integer():
        raise ValueError(f"declares {count:g} items")
    return int(count)


def unreadable(path: Path, why: str) -> RowError:
    """The fault `ALIGNMENT_UNREADABLE` of a file."""
    return RowError(Reason.ALIGNMENT_UNREADABLE, f"{path.name}: {why}")
