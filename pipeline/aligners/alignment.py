"""What aligners take and give, and the rule that turns any aligner's intervals into phones that tile the recording."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from schemas.errors import RowError
from schemas.reasons import Reason
from schemas.tables.alignments import SILENCE, SILENCE_LABELS, Interval

END_TOLERANCE_S = 0.05  # how far an alignment's end may lie from the audio's: aligners count whole frames, old files round
TOUCH_TOLERANCE_S = 1e-3  # ends and starts nearer than this are one boundary: files round their decimals, some to milliseconds
SHORTEST_S = 1e-6  # an interval shorter than this has no length


@dataclass(frozen=True)
class Spoken:
    """What an aligner needs to know of an utterance.

    Parameters
    ----------
    utterance_id, speaker, text, language
        As in the utterances table.
    audio_path
        Relative to the corpus root.
    duration_s
        Of the audio file, ``n_samples / sample_rate_hz``: the truth that phones must tile.
    """

    utterance_id: str
    speaker: str
    audio_path: str
    text: str
    language: str
    duration_s: float


@dataclass(frozen=True)
class Alignment:
    """An aligned utterance.

    Parameters
    ----------
    words
        Without silences, in order of time; empty where the aligner knows none.
    phones
        Tile [0, duration_s]; silence is `SILENCE`.
    duration_s
        Of the recording, seconds.
    score
        Mean log-likelihood a frame, or None.
    text_read
        The words as read, after normalisation; "" where the aligner read none.
    aligner
        Name and version.
    """

    words: tuple[Interval, ...]
    phones: tuple[Interval, ...]
    duration_s: float
    score: float | None
    text_read: str
    aligner: str


def tile(intervals: Sequence[Interval], duration_s: float) -> tuple[Interval, ...]:
    """Phones that tile [0, duration_s] exactly, from intervals as an aligner or a file gives them.

    Gaps become silence, silence labels become `SILENCE`, neighbouring silences become one. An end that passes the audio's by
    at most `END_TOLERANCE_S` is cut back; an end that falls short of it is followed by silence. No length is invented: a silence
    of no length is left out, a phone of no length (as given, or after the cut) is an error.

    Parameters
    ----------
    intervals
        In order of time, seconds.
    duration_s
        Of the recording, seconds, > 0.

    Raises
    ------
    RowError
        `ALIGNMENT_MISMATCH` if intervals overlap, run backwards, pass the audio's end, or a phone has no length;
        `ALIGNMENT_NO_SPEECH` if all is silence.
    """
    kept = clipped(intervals, duration_s)
    if all(interval.label == SILENCE for interval in kept):
        raise RowError(Reason.ALIGNMENT_NO_SPEECH, f"{len(intervals)} intervals, none with a phone")
    tiled: list[Interval] = []
    for interval in [*kept, Interval(SILENCE, duration_s, duration_s)]:
        at_s = tiled[-1].end_s if tiled else 0.0
        start_s = interval.start_s
        if start_s - at_s > TOUCH_TOLERANCE_S:
            _append(tiled, SILENCE, at_s, start_s)
        elif start_s > at_s:
            _stretch_last(tiled, start_s)
        if interval.end_s > start_s:
            _append(tiled, interval.label, start_s if tiled else 0.0, interval.end_s)
    return tuple(tiled)


def speech(intervals: Sequence[Interval], duration_s: float) -> tuple[Interval, ...]:
    """The intervals that are not silence, cut to the audio: words, which need not tile. Raises as `tile`, but may be empty."""
    return tuple(interval for interval in clipped(intervals, duration_s) if interval.label != SILENCE)


def clipped(intervals: Sequence[Interval], duration_s: float) -> list[Interval]:
    """Intervals cut to [0, duration_s] with canonical silence labels, after a check of their order; see `tile`."""
    kept: list[Interval] = []
    at_s = 0.0
    for interval in intervals:
        _check_order(interval, at_s, duration_s)
        at_s = interval.end_s
        label = SILENCE if interval.label.strip().lower() in SILENCE_LABELS else interval.label
        start_s, end_s = max(interval.start_s, kept[-1].end_s if kept else 0.0), min(interval.end_s, duration_s)
        if end_s - start_s > SHORTEST_S:
            kept.append(Interval(label, start_s, end_s))
        elif label != SILENCE:
            raise _mismatch(f"'{label}' at {interval.start_s:.4f} s has no length within the audio's {duration_s:.4f} s", end_s - start_s)
    return kept


def _append(tiled: list[Interval], label: str, start_s: float, end_s: float) -> None:
    if tiled and label == SILENCE == tiled[-1].label:
        start_s = tiled.pop().start_s
    tiled.append(Interval(label, start_s, end_s))


def _stretch_last(tiled: list[Interval], end_s: float) -> None:
    if tiled:
        tiled[-1] = Interval(tiled[-1].label, tiled[-1].start_s, end_s)


def _check_order(interval: Interval, at_s: float, duration_s: float) -> None:
    start_s, end_s = interval.start_s, interval.end_s
    shown = f"'{interval.label}' {start_s:.4f} .. {end_s:.4f} s"
    if not (isfinite(start_s) and isfinite(end_s)):
        raise _mismatch(f"{shown} is not a time", None)
    if end_s < start_s:
        raise _mismatch(f"{shown} runs backwards", end_s - start_s)
    if start_s < at_s - TOUCH_TOLERANCE_S:
        raise _mismatch(f"{shown} starts before {at_s:.4f} s, where the one before it ends", start_s - at_s)
    if end_s > duration_s + END_TOLERANCE_S:
        raise _mismatch(f"{shown} passes the audio's end at {duration_s:.4f} s", end_s - duration_s)


def _mismatch(detail: str, value: float | None) -> RowError:
    return RowError(Reason.ALIGNMENT_MISMATCH, detail, value)
