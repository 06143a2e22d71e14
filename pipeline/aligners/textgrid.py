"""Praat TextGrid files: reading, writing, and the aligner that uses those which exist."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from pipeline.aligners.alignment import END_TOLERANCE_S, Alignment, Spoken, speech, tile
from pipeline.storage import Bucket, Root
from schemas.errors import RowError
from schemas.params import TextGridParams
from schemas.reasons import Reason
from schemas.tables.alignments import SILENCE, Interval

MAX_FILE_BYTES = 5_000_000
MAX_TIERS = 1000
MAX_PHONE_CHARS = 100  # a longer label is a text, not a phone

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
    return _read_document(path)[1]


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


class TextGridFolder:
    """The ``<stem>.TextGrid`` files below a folder, found once and looked up by an audio file's path.

    Parameters
    ----------
    folder
        A folder, or the same in a bucket. Searched to any depth; links to folders are not followed.

    Raises
    ------
    StorageError
        If the bucket cannot be listed.
    """

    def __init__(self, folder: Root) -> None:
        self._name = PurePosixPath(str(folder)).name
        self._by_stem: dict[str, list[PurePosixPath]] = {}
        for path in sorted(_files_below(folder)):
            if path.suffix.lower() == ".textgrid":
                self._by_stem.setdefault(path.stem, []).append(path)

    def find(self, audio_path: str, stem_is_shared: bool) -> PurePosixPath:
        """The TextGrid of an audio file, below the folder: of those with its stem, the one whose last folders are most like the audio's.

        Parameters
        ----------
        audio_path
            Relative to the corpus root.
        stem_is_shared
            Whether other recordings have the same stem; then a TextGrid from another folder may be another recording's, and is
            not taken.

        Raises
        ------
        RowError
            `ALIGNMENT_MISSING` if there is none, `ALIGNMENT_UNREADABLE` if several could be meant.
        """
        audio = PurePosixPath(audio_path)
        named = self._by_stem.get(audio.stem, [])
        likest = max((_likeness(path, audio) for path in named), default=0)
        found = [path for path in named if _likeness(path, audio) == likest]
        if not found or (stem_is_shared and not likest):
            raise RowError(Reason.ALIGNMENT_MISSING, f"no TextGrid for {audio_path} under {self._name}/")
        if len(found) > 1:
            raise RowError(Reason.ALIGNMENT_UNREADABLE, f"{len(found)} TextGrids could be meant: {', '.join(map(str, found))}")
        return found[0]


def _files_below(folder: Root) -> Iterator[PurePosixPath]:
    """Files by their paths below `folder`, less links that leave it."""
    if isinstance(folder, Bucket):
        yield from (PurePosixPath(path) for path, _ in folder.objects() if PurePosixPath(path).as_posix() == path)
        return
    real = folder.resolve()
    for path in folder.rglob("*"):
        if path.is_file() and path.resolve().is_relative_to(real):
            yield PurePosixPath(path.relative_to(folder).as_posix())


def _likeness(path: PurePosixPath, audio: PurePosixPath) -> int:
    """How many folders above the file, from the last, have the same names; one more if all."""
    if path.parent == audio.parent:
        return len(audio.parts)
    pairs = zip(reversed(path.parent.parts), reversed(audio.parent.parts), strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(path.parent.parts), len(audio.parent.parts)))


def align_textgrid(path: Path, spoken: Spoken, params: TextGridParams) -> Alignment:
    """The alignment that a TextGrid holds, as phones that tile the recording.

    Raises
    ------
    RowError
        As `read_textgrid` and `tile`; `ALIGNMENT_UNREADABLE` without the phone tier, `ALIGNMENT_MISMATCH` if the file is for
        audio of another length.
    """
    end_s, tiers = _read_document(path)
    if abs(end_s - spoken.duration_s) > END_TOLERANCE_S:
        detail = f"{path.name} is {end_s:.4f} s long, the audio {spoken.duration_s:.4f} s"
        raise RowError(Reason.ALIGNMENT_MISMATCH, detail, end_s - spoken.duration_s)
    phone_tier = _tier(tiers, params.phone_tier)
    if phone_tier is None:
        raise _unreadable(path, f"no interval tier '{params.phone_tier}'; it has {', '.join(tiers) or 'none'}")
    for interval in phone_tier:
        if len(interval.label) > MAX_PHONE_CHARS:
            raise _unreadable(path, f"the phone tier has a label of {len(interval.label)} characters; is it the tier with phones?")
    return Alignment(
        words=speech(_tier(tiers, params.word_tier) or [], spoken.duration_s),
        phones=tile(phone_tier, spoken.duration_s),
        duration_s=spoken.duration_s,
        score=None,
        text_read="",
        aligner="textgrid",
    )


def _tier(tiers: dict[str, list[Interval]], name: str) -> Sequence[Interval] | None:
    """The tier called `name`, alone or after a speaker (``speaker - phones``, as MFA writes); "*" is the fullest, first of equals."""
    if name == "*":
        return max(tiers.values(), key=len, default=None)
    if name in tiers:
        return tiers[name]
    of_speakers = [intervals for full_name, intervals in tiers.items() if full_name.endswith(f" - {name}")]
    return of_speakers[0] if len(of_speakers) == 1 else None


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


def _read_document(path: Path) -> tuple[float, dict[str, list[Interval]]]:
    """End of the file in seconds, and its interval tiers; raises as `read_textgrid`."""
    try:
        return _read_tokens(_tokens(_decode(path)))
    except OSError as error:
        raise _unreadable(path, error.strerror or type(error).__name__) from None
    except StopIteration:
        raise _unreadable(path, "the file ends before the intervals that it declares") from None
    except ValueError as error:
        raise _unreadable(path, str(error)) from None


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


def _unreadable(path: Path, why: str) -> RowError:
    return RowError(Reason.ALIGNMENT_UNREADABLE, f"{path.name}: {why}")
