"""Prosody copied onto other words: of equal phones as it was, elsewhere the manner of it."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workflows.synthetic_features import feature_row
from workflows.prosody import ProsodyEdit, edited
from workflows.prosody_copy import aligned, copied, runs

PHONES = st.lists(st.sampled_from(["sil", "AA", "T", "S", "IY", "R"]), min_size=1, max_size=12)


def row_of(phones: list[str], duration: int = 6, f0_hz: float = 120.0, energy_db: float = -20.0) -> dict[str, Any]:
    n_frames = duration * len(phones)
    return {
        "phones": phones, "duration_frames": [duration] * len(phones), "n_frames": n_frames, "f0_hz": np.full(n_frames, f0_hz),
        "energy_db": np.full(n_frames, energy_db),
    }  # fmt: skip


def test_prosody_copied_from_the_same_phones_is_the_sources_own() -> None:
    onto = feature_row(3, "test")
    source = edited(onto, ProsodyEdit(pitch_shift_semitones=5.0, rate=0.8))
    after = copied(onto, source, onto)
    for name in ("duration_frames", "f0_hz", "energy_db"):
        np.testing.assert_array_equal(after[name], source[name])


def test_a_word_that_both_have_is_copied_frame_by_frame() -> None:
    onto = row_of(["sil", "D", "IY", "K", "AE", "T", "sil"])
    source = row_of(["sil", "K", "AE", "T", "R", "AE", "N", "sil"])
    source["duration_frames"] = [5, 9, 11, 4, 6, 6, 6, 7]
    n_frames = source["n_frames"] = sum(source["duration_frames"])
    source["f0_hz"], source["energy_db"] = np.linspace(100, 200, n_frames), np.linspace(-30, -10, n_frames)
    after = copied(onto, source, row_of(source["phones"]))
    assert after["duration_frames"][3:6].tolist() == [9, 11, 4]
    start = after["duration_frames"][:3].sum()
    np.testing.assert_array_equal(after["f0_hz"][start : start + 24], source["f0_hz"][5:29])
    np.testing.assert_array_equal(after["energy_db"][start : start + 24], source["energy_db"][5:29])


def test_where_nothing_is_shared_the_manner_is_copied_and_not_the_phones() -> None:
    onto, source = row_of(["S", "AA", "T"], duration=4), row_of(["R", "IY", "R", "IY"], 12, f0_hz=240.0, energy_db=-14.0)
    after = copied(onto, source, row_of(source["phones"], 6, f0_hz=200.0, energy_db=-20.0))
    assert after["duration_frames"].sum() == pytest.approx(12 * 12.5 / 6.5, abs=1)
    np.testing.assert_allclose(after["f0_hz"], 120.0 * 1.2)
    np.testing.assert_allclose(after["energy_db"], -14.0)


def test_marks_of_stress_and_length_do_not_part_phones() -> None:
    ours, theirs = ["AA1", "iː", "T"], ["AA", "i", "T"]
    assert runs(aligned(ours, theirs), ours, theirs, 3) == {0: 0, 1: 1, 2: 2}


@given(PHONES, PHONES)
def test_an_alignment_runs_forward_in_both(ours: list[str], theirs: list[str]) -> None:
    pairs = aligned(ours, theirs)
    assert all(a < c and b < d for (a, b), (c, d) in pairwise(pairs))
    assert aligned(ours, ours) == [(at, at) for at in range(len(ours))]


@given(PHONES, PHONES)
def test_any_two_utterances_give_a_whole_row(ours: list[str], theirs: list[str]) -> None:
    after = copied(row_of(ours), row_of(theirs, 9), row_of(theirs))
    assert sum(after["duration_frames"]) == after["n_frames"] == len(after["f0_hz"]) == len(after["energy_db"])
    assert (np.asarray(after["duration_frames"]) > 0).all()
    assert np.isfinite(after["f0_hz"]).all()
