"""The measure of boundary errors: what it pairs, and that leaving phones out cannot flatter it."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.alignment import error_summary, is_arpabet, measure, pair, phone_classes
from pipeline.aligners.textgrid import write_textgrid
from pipeline.shards import write_table
from schemas.errors import CorpusError
from schemas.tables.alignments import ALIGNMENTS, Interval


def phones(*spans: tuple[str, float]) -> list[Interval]:
    return [Interval(label, start_s, start_s + 0.05) for label, start_s in spans]


def test_phones_of_two_notations_fall_into_the_same_classes() -> None:
    arpabet = phone_classes(["CH", "IY1", "Z", "NG", "L", "T"], arpabet=True)
    assert arpabet == ["affricate", "vowel", "fricative", "nasal", "approximant", "stop"]
    assert phone_classes(["tʃ", "iː", "z", "ŋ", "l", "t"], arpabet=False) == arpabet
    assert phone_classes(["tS", "i:", "z", "N", "l", "t"], arpabet=False) == arpabet


def test_notation_is_told_by_all_symbols_together() -> None:
    assert is_arpabet({"AA1", "S", "T", "NG", "spn"})
    assert not is_arpabet({"S", "T", "N", "a", "E", "@"})


def test_phone_far_off_stays_paired_and_counts() -> None:
    reference = phones(("t", 0.1), ("a", 0.2), ("s", 0.3))
    aligned = phones(("t", 0.1), ("a", 0.2), ("s", 0.9))
    classes = ["stop", "vowel", "fricative"]
    paired = pair(aligned, classes, reference, classes)
    assert [name for name, _ in paired.errors] == classes
    assert [error_s for _, error_s in paired.errors] == pytest.approx([0, 0, 0.6])


def test_missing_and_added_phones_are_left_alone_and_told() -> None:
    reference = phones(("t", 0.1), ("a", 0.2), ("s", 0.3))
    aligned = phones(("t", 0.1), ("a", 0.21), ("l", 0.27))
    paired = pair(aligned, ["stop", "vowel", "approximant"], reference, ["stop", "vowel", "fricative"])
    assert (len(paired.errors), paired.alone_reference, paired.alone_aligned) == (3, (), ())  # one sound, heard as another class
    paired = pair(aligned[:2], ["stop", "vowel"], reference, ["stop", "vowel", "fricative"])
    assert (len(paired.errors), paired.alone_reference) == (2, ("fricative",))
    paired = pair(aligned, ["stop", "vowel", "approximant"], reference[:2], ["stop", "vowel"])
    assert (len(paired.errors), paired.alone_aligned) == (2, ("approximant",))


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
    with pytest.raises(CorpusError, match="fits an utterance"):
        measure(tmp_path / "alignments.parquet", tmp_path / "true", "segments")
