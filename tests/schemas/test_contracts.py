"""Contracts name what is wrong: columns always, rows one by one."""

from dataclasses import astuple

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import RowError, TableError
from schemas.params import SynthesizeParams
from schemas.reasons import Reason
from schemas.tables.alignments import ALIGNMENTS
from schemas.tables.features import features_contract
from schemas.tables.rejects import REJECTS, reject_row
from schemas.tables.requests import RANGES
from schemas.tables.utterances import UTTERANCES
from tests.rows import CONTRACT, alignment_row, feature_row, utterance_row


def test_a_sound_row_passes():
    CONTRACT.check(CONTRACT.table([feature_row()]))
    ALIGNMENTS.check(ALIGNMENTS.table([alignment_row()]))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"duration_frames": [1, 3]}, "duration_sum_error=1"),
        ({"duration_frames": [3]}, "duration_frames_length_error=-1"),
        ({"duration_frames": [4, -1]}, "shortest_phone_frames=-1"),
        ({"voiced": [True, True, True]}, "voicing_disagreements=1"),
        ({"f0_hz": [float("nan"), 100.0]}, "f0_hz_length_error=-1"),
        ({"f0_hz": [float("nan"), 5.0, 100.0]}, "f0_low_hz=5"),
        ({"energy_db": [-50.0, -20.0, 90.0]}, "energy_high_db=90"),
        ({"mel_ln": [[float("nan")] * 16] * 3}, "mel_not_finite=3"),
        ({"emotion": "hangry"}, "emotion=hangry"),
        ({"phones": [], "duration_frames": []}, "duration_sum_error=-3"),
    ],
)
def test_a_broken_feature_row_is_found_by_index_and_check(changes, named):
    table = CONTRACT.table([feature_row("c/s/1"), feature_row("c/s/2", **changes), feature_row("c/s/3")])
    broken = CONTRACT.broken_rows(table)
    assert [row.index for row in broken] == [1]
    assert named in broken[0].detail


@pytest.mark.parametrize("intensity", [None, 0.0, 1.0])
def test_intensity_of_an_utterance_is_a_share_or_null(intensity):
    assert UTTERANCES.broken_rows(UTTERANCES.table([utterance_row(intensity=intensity)])) == []
    broken = UTTERANCES.broken_rows(UTTERANCES.table([utterance_row("c/s/1", intensity=intensity), utterance_row("c/s/2", intensity=1.5)]))
    assert [row.index for row in broken] == [1]
    assert "intensity=1.5" in broken[0].detail


@pytest.mark.parametrize(
    ("phones", "named"),
    [
        ([("a", 0.1, 1.0)], "first_start_s"),
        ([("a", 0.0, 0.9)], "end_error_s"),
        ([("a", 0.0, 0.4), ("b", 0.5, 1.0)], "largest_gap_s"),
        ([("a", 0.0, 0.6), ("b", 0.5, 1.0)], "largest_gap_s"),
        ([("a", 0.0, 0.0), ("b", 0.0, 1.0)], "shortest_phone_s"),
        ([("sil", 0.0, 1.0)], "n_speech_phones"),
        ([], "n_speech_phones"),
    ],
)
def test_phones_that_do_not_tile_the_recording_are_found(phones, named):
    intervals = [{"label": label, "start_s": start, "end_s": end} for label, start, end in phones]
    broken = ALIGNMENTS.broken_rows(ALIGNMENTS.table([alignment_row("a"), alignment_row("b", phones=intervals)]))
    assert [row.index for row in broken] == [1]
    assert named in broken[0].detail


def test_wrong_missing_and_unknown_columns_are_all_named():
    table = CONTRACT.table([feature_row()])
    table = table.drop_columns(["n_frames"]).append_column("extra", pa.array([1]))
    table = table.set_column(table.schema.get_field_index("text"), "text", pa.array([7]))
    with pytest.raises(TableError, match=r"missing n_frames: int32; unknown extra; text is int64, wants string not null"):
        CONTRACT.check(table)


def test_another_number_of_mel_bands_is_another_schema():
    with pytest.raises(TableError, match="mel_ln is"):
        features_contract(80).check(CONTRACT.table([feature_row()]))


def test_rows_out_of_order_or_with_one_key_twice_are_refused():
    one, two = CONTRACT.table([feature_row("c/s/1")]), CONTRACT.table([feature_row("c/s/2")])
    for table in (pa.concat_tables([two, one]), pa.concat_tables([one, one])):
        with pytest.raises(TableError, match="unique and ascending"):
            CONTRACT.check(table)


@given(st.lists(st.text(min_size=1), unique=True, max_size=12))
def test_any_ids_are_sorted_as_the_order_check_wants(ids):
    REJECTS.check(REJECTS.table([reject_row(name, "align", RowError(Reason.TEXT_EMPTY, "x")) for name in ids if name.isprintable()]))


def test_an_unexpected_exception_becomes_an_internal_error_with_its_message():
    row = reject_row("c/s/1", "extract", ZeroDivisionError("by zero" + "!" * 900))
    assert row["reason"] == "internal_error"
    assert str(row["detail"]).startswith("ZeroDivisionError: by zero!")
    assert len(str(row["detail"])) == 500


def test_detail_with_bytes_that_are_not_utf_8_can_be_written():
    row = reject_row("c/s/1", "align", RowError(Reason.TEXT_EMPTY, "in \udcff/a.TextGrid"))
    assert REJECTS.table([row]).column("detail").to_pylist() == ["in \\udcff/a.TextGrid"]


def test_a_request_may_ask_for_what_params_may_ask_for_all():
    shared = RANGES.keys() & SynthesizeParams.model_fields.keys() - {"seed"}  # of a request it is a hash
    limits = {name: [value for limit in SynthesizeParams.model_fields[name].metadata for value in astuple(limit)] for name in shared}
    assert len(shared) == 6
    assert {name: tuple(sorted(found)) for name, found in limits.items()} == {name: RANGES[name] for name in shared}
