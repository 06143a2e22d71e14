"""The measure of boundary errors: what it pairs, and that leaving phones out cannot flatter it."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.alignment import BOTH_SIDES, error_summary, measure
from benchmarks.phone_pairs import as_ipa, difference, is_arpabet, pair, phone_class
from pipeline.aligners.textgrid import write_textgrid
from pipeline.shards import write_table
from schemas.errors import CorpusError
from schemas.tables.alignments import ALIGNMENTS, Interval


def phones(*spans: tuple[str, float]) -> list[Interval]:
    return [Interval(label, start_s, start_s + 0.05) for label, start_s in spans]


def paired(aligned: list[Interval], reference: list[Interval]) -> tuple[list[tuple[str, str]], list[str], list[str]]:
    """Labels that were paired, joined where one stands for two, and those left alone on either side."""
    found = pair(aligned, [p.label for p in aligned], reference, [p.label for p in reference])
    labels = [
        ("".join(p.label for p in aligned[i:i_end]), "".join(p.label for p in reference[j:j_end])) for i, i_end, j, j_end in found.paired
    ]
    return labels, [aligned[i].label for i in found.alone_aligned], [reference[j].label for j in found.alone_reference]


def test_phones_of_three_notations_are_the_same_phones() -> None:
    arpabet = [as_ipa({"CH", "IY1", "Z", "NG", "L", "T", "sil"})[label] for label in ("CH", "IY1", "Z", "NG", "L", "T", "sil")]
    sampa = as_ipa({"tS", "i:", "z", "N", "l", "t", "sil", "(gef"})
    assert arpabet == ["tʃ", "i", "z", "ŋ", "l", "t", ""]
    assert [sampa[label] for label in ("tS", "i:", "N", "sil", "(gef")] == ["tʃ", "iː", "ŋ", "", ""]
    classes = [phone_class(label, sampa[label]) for label in ("tS", "i:", "z", "N", "l", "t", "sil", "(gef")]
    assert classes == ["affricate", "vowel", "fricative", "nasal", "approximant", "stop", "pause", "other"]


def test_notation_is_told_by_all_symbols_together() -> None:
    assert is_arpabet({"AA1", "S", "T", "NG", "spn"})
    assert not is_arpabet({"S", "T", "N", "a", "E", "@"})


def test_near_phones_differ_less_than_far_ones() -> None:
    assert difference("ɪ", "i") < difference("ɪ", "ɑ") < difference("ɪ", "t")
    assert difference("d", "t") < difference("d", "n") < difference("d", "a")


def test_phone_far_off_stays_paired_and_counts() -> None:
    reference = phones(("t", 0.1), ("a", 0.2), ("s", 0.3))
    aligned = phones(("t", 0.1), ("a", 0.2), ("s", 0.9))
    assert paired(aligned, reference) == ([("t", "t"), ("a", "a"), ("s", "s")], [], [])


def test_dropped_and_added_phones_are_left_alone() -> None:
    aligned = phones(("b", 0.1), ("ə", 0.2), ("n", 0.25), ("d", 0.3))
    assert paired(aligned, phones(("b", 0.1), ("m", 0.2), ("d", 0.3))) == ([("b", "b"), ("n", "m"), ("d", "d")], ["ə"], [])
    assert paired(phones(("b", 0.1), ("m", 0.2), ("d", 0.3)), aligned) == ([("b", "b"), ("m", "n"), ("d", "d")], [], ["ə"])


def test_affricate_pairs_with_its_two_halves() -> None:
    whole, halves = phones(("a", 0.1), ("ts", 0.2), ("ə", 0.3)), phones(("a", 0.1), ("t", 0.2), ("s", 0.25), ("ə", 0.3))
    assert paired(whole, halves) == ([("a", "a"), ("ts", "ts"), ("ə", "ə")], [], [])
    assert paired(halves, whole) == ([("a", "a"), ("ts", "ts"), ("ə", "ə")], [], [])


def test_pause_pairs_with_pauses_only() -> None:
    aligned, reference = phones(("a", 0.1), ("sil", 0.2), ("t", 0.4)), phones(("a", 0.1), ("t", 0.25), ("sil", 0.4))
    assert paired(aligned, reference) == ([("a", "a"), ("t", "t")], ["sil"], ["sil"])


def test_reference_phone_without_partner_is_a_miss() -> None:
    summary = error_summary(np.array([0.001, -0.015, 0.2]), n_alone=1)
    assert summary["paired_percent"] == 75
    assert summary["within_20_ms"] == pytest.approx(66.67)
    assert summary["within_20_ms_of_all"] == 50
    assert summary["median_ms"] == 1


def test_table_is_measured_against_textgrids_of_another_notation(tmp_path: Path) -> None:
    aligned = [Interval("S", 0.0, 0.1), Interval("IY", 0.1, 0.3), Interval("NG", 0.3, 0.5)]
    row: dict[str, object] = {"utterance_id": "c/anna/a", "words": [], "phones": [vars(p) for p in aligned], "duration_s": 0.5}
    row |= {"score": None, "text_read": "", "aligner": "test"}
    write_table(tmp_path / "alignments.parquet", ALIGNMENTS.table([row]), ALIGNMENTS)
    reference = [Interval("s", 0.0, 0.09), Interval("iː", 0.09, 0.31), Interval("ŋ", 0.31, 0.5)]
    write_textgrid(tmp_path / "true" / "anna" / "a.TextGrid", {"phones": reference}, 0.5)
    measured = measure(tmp_path / "alignments.parquet", tmp_path / "true", "phones")
    assert measured["utterances_compared"] == 1
    whole = measured["all"]
    assert isinstance(whole, dict)
    assert (whole["paired_percent"], whole["mean_ms"], whole["mean_absolute_ms"]) == (100, 0.0, 6.67)
    both = measured[BOTH_SIDES]
    assert isinstance(both, dict)
    assert both["reference_phones"] == 2  # the first phone has no phone before it
    with pytest.raises(CorpusError, match="fits an utterance"):
        measure(tmp_path / "alignments.parquet", tmp_path / "true", "segments")
