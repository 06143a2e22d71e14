"""The rule that makes any intervals tile the recording."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.aligners.alignment import END_TOLERANCE_S, speech, tile
from schemas.errors import RowError
from schemas.reasons import Reason
from schemas.tables.alignments import SILENCE, SILENCE_LABELS, Interval


def intervals(*spans: tuple[str, float, float]) -> list[Interval]:
    return [Interval(*span) for span in spans]


def test_gaps_become_silence_and_neighbouring_silences_become_one() -> None:
    given_spans = intervals(("sp", 0.1, 0.2), ("a", 0.3, 0.4), ("", 0.4, 0.5), ("SIL", 0.5, 0.6))
    assert tile(given_spans, 1.0) == (Interval(SILENCE, 0.0, 0.3), Interval("a", 0.3, 0.4), Interval(SILENCE, 0.4, 1.0))


@pytest.mark.parametrize("label", sorted(SILENCE_LABELS))
def test_every_silence_label_is_silence(label: str) -> None:
    tiled = tile(intervals((label.upper(), 0.0, 0.5), ("a", 0.5, 1.0)), 1.0)
    assert tiled[0].label == SILENCE


def test_end_a_little_past_the_audio_is_cut_back_and_the_end_is_exact() -> None:
    assert tile(intervals(("a", 0.0, 0.5), ("b", 0.5, 1.04)), 1.0)[-1] == Interval("b", 0.5, 1.0)
    assert tile(intervals(("a", 0.0, 0.5), ("b", 0.5, 0.9999)), 1.0)[-1] == Interval("b", 0.5, 1.0)


def test_silence_wholly_past_the_end_is_left_out_but_a_phone_there_is_a_mismatch() -> None:
    assert tile(intervals(("a", 0.0, 1.0), ("", 1.0, 1.03)), 1.0) == (Interval("a", 0.0, 1.0),)
    with pytest.raises(RowError, match=r"'b' at 1\.0000 s has no length") as error:
        tile(intervals(("a", 0.0, 1.0), ("b", 1.0, 1.03)), 1.0)
    assert error.value.reason == Reason.ALIGNMENT_MISMATCH


@pytest.mark.parametrize(
    ("spans", "message"),
    [
        ([("a", 0.0, 0.5), ("b", 0.4, 1.0)], "starts before 0.5000"),
        ([("a", 0.5, 0.4)], "runs backwards"),
        ([("a", -0.2, 0.4)], "starts before 0.0000"),
        ([("a", 0.0, 1.0 + 2 * END_TOLERANCE_S)], "passes the audio's end"),
        ([("a", 0.0, float("nan"))], "is not a time"),
        ([("a", 0.3, 0.3), ("b", 0.3, 1.0)], "'a' at 0.3000 s has no length"),
    ],
)
def test_impossible_times_are_a_mismatch_and_named(spans: list[tuple[str, float, float]], message: str) -> None:
    with pytest.raises(RowError, match=message) as error:
        tile(intervals(*spans), 1.0)
    assert error.value.reason == Reason.ALIGNMENT_MISMATCH


@pytest.mark.parametrize("spans", [[], [("", 0.0, 1.0)], [("sil", 0.0, 0.4), ("sp", 0.4, 1.0)]])
def test_silence_alone_is_no_speech(spans: list[tuple[str, float, float]]) -> None:
    with pytest.raises(RowError, match="none with a phone") as error:
        tile(intervals(*spans), 1.0)
    assert error.value.reason == Reason.ALIGNMENT_NO_SPEECH


def test_words_may_be_silent_throughout() -> None:
    assert speech(intervals(("", 0.0, 1.0)), 1.0) == ()


spans = st.lists(st.tuples(st.integers(0, 300), st.integers(2, 300), st.sampled_from(["a", "b", "", "sp"])), min_size=1, max_size=12)


@given(spans, st.integers(0, 200))
def test_tiles_touch_cover_the_audio_and_keep_every_phone(parts: list[tuple[int, int, str]], tail_ms: int) -> None:
    at_ms, given_spans = 0, []
    for gap_ms, length_ms, label in parts:
        given_spans.append(Interval(label, (at_ms + gap_ms) / 1000, (at_ms + gap_ms + length_ms) / 1000))
        at_ms += gap_ms + length_ms
    phones = [i.label for i in given_spans if i.label in "ab" and i.label]
    duration_s = (at_ms + tail_ms) / 1000
    if not phones:
        return
    tiled = tile(given_spans, duration_s)
    assert tiled[0].start_s == 0.0
    assert tiled[-1].end_s == duration_s
    assert all(one.end_s == following.start_s for one, following in pairwise(tiled))
    assert [i.label for i in tiled if i.label != SILENCE] == phones
    assert not any(one.label == following.label == SILENCE for one, following in pairwise(tiled))
