"""Edits of prosody do what their numbers say, and nothing else."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workflows.synthetic_features import feature_row
from workflows.prosody import PhoneCurves, ProsodyEdit, at_frames, edited, scaled_durations


def row() -> dict[str, Any]:
    return feature_row(3, "test")


def test_an_edit_that_changes_nothing_changes_nothing() -> None:
    before, after = row(), edited(row(), ProsodyEdit())
    for name in ("duration_frames", "f0_hz", "energy_db"):
        np.testing.assert_allclose(after[name], before[name])


def test_twelve_semitones_double_f0_and_leave_voicing_and_energy() -> None:
    after = edited(row(), ProsodyEdit(pitch_shift_semitones=12.0))
    np.testing.assert_allclose(after["f0_hz"], 2 * np.asarray(row()["f0_hz"]))
    np.testing.assert_allclose(after["energy_db"], row()["energy_db"])


def test_range_scale_spreads_log_f0_around_its_own_mean() -> None:
    log_f0, wide = np.log(row()["f0_hz"]), np.log(edited(row(), ProsodyEdit(pitch_range_scale=2.0))["f0_hz"])
    assert np.nanmean(wide) == pytest.approx(np.nanmean(log_f0))
    assert np.nanstd(wide) == pytest.approx(2 * np.nanstd(log_f0))
    assert np.nanstd(edited(row(), ProsodyEdit(pitch_range_scale=0.0))["f0_hz"]) == pytest.approx(0, abs=1e-9)


def test_energy_shift_is_added_in_db() -> None:
    np.testing.assert_allclose(edited(row(), ProsodyEdit(energy_shift_db=-6.0))["energy_db"], np.asarray(row()["energy_db"]) - 6.0)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=20).filter(any), st.floats(0.25, 4.0))
def test_a_rate_divides_the_whole_length_within_a_frame_a_phone(durations: list[int], rate: float) -> None:
    lengths = scaled_durations(np.array(durations, np.int32), np.full(len(durations), rate))
    assert abs(int(lengths.sum()) - sum(durations) / rate) <= len(durations)
    assert ((lengths > 0) >= (np.array(durations) > 0)).all()


def test_a_faster_row_is_still_a_row_whose_tracks_fit_its_durations() -> None:
    after = edited(row(), ProsodyEdit(rate=1.7))
    assert sum(after["duration_frames"]) == after["n_frames"] == len(after["f0_hz"]) == len(after["energy_db"])


def test_curves_move_the_phones_they_name() -> None:
    before, n_phones = row(), len(row()["phones"])
    rates, semitones = np.ones(n_phones), np.zeros(n_phones)
    rates[2], semitones[-1] = 0.5, 12.0
    after = edited(before, ProsodyEdit(), PhoneCurves(semitones.tolist(), [3.0] * n_phones, rates.tolist()))
    assert after["duration_frames"][2] == 2 * before["duration_frames"][2]
    np.testing.assert_allclose(after["energy_db"][:5], np.asarray(before["energy_db"])[:5] + 3.0)
    start = sum(before["duration_frames"][:2])
    np.testing.assert_allclose(after["f0_hz"][:start], before["f0_hz"][:start])


def test_phone_values_are_met_at_phone_centres() -> None:
    assert at_frames([0.0, 4.0], np.array([1, 3], np.int32)).tolist() == [0.0, 2.0, 4.0, 4.0]
    with pytest.raises(ValueError, match="1 values for 2 phones"):
        at_frames([0.0], np.array([1, 3], np.int32))


def test_a_rate_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="rates must be above 0"):
        edited(row(), ProsodyEdit(rate=0.0))
