"""Durations by rounding boundaries, and pools over phones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.duration import frames_between, phone_pools
from schemas.errors import RowError
from schemas.frames import FrameGrid
from schemas.tables.alignments import Interval

GRID = FrameGrid(22050, 256, 1024, 1024)
HOP_S = GRID.hop_s


def tiling(lengths_s: list[float]) -> list[Interval]:
    ends = np.cumsum(lengths_s)
    return [Interval(f"p{at}", float(end - length), float(end)) for at, (end, length) in enumerate(zip(ends, lengths_s, strict=True))]


@given(st.lists(st.floats(0.0005, 0.4), min_size=1, max_size=60), st.sampled_from([GRID, FrameGrid(48000, 513, 1025, 1025)]))
def test_kept_durations_sum_exactly_and_boundaries_are_within_half_a_hop(lengths_s: list[float], grid: FrameGrid):
    phones = tiling(lengths_s)
    n_frames = grid.n_frames(round(phones[-1].end_s * grid.sample_rate_hz))
    durations = frames_between(phones, grid, n_frames, "keep")
    assert durations.sum() == n_frames
    assert (durations >= 0).all()
    assert durations.dtype == np.int32
    begins = np.cumsum(durations)[:-1]
    truths = np.array([phone.start_s for phone in phones[1:]]) / grid.hop_s
    inside = truths < n_frames - 0.5
    assert (np.abs(begins - truths)[inside] <= 0.5 + 1e-6).all()


@given(st.lists(st.floats(0.0005, 0.2), min_size=1, max_size=40))
def test_borrowed_durations_sum_exactly_and_leave_no_phone_empty(lengths_s: list[float]):
    phones = tiling(lengths_s)
    n_frames = max(1, GRID.n_frames(round(phones[-1].end_s * 22050)))
    try:
        durations = frames_between(phones, GRID, n_frames, "borrow")
    except RowError:  # nobody could lend: `keep` shows that there was an empty phone
        durations = frames_between(phones, GRID, n_frames, "keep")
        assert (durations == 0).any()
    else:
        assert (durations >= 1).all()
    assert durations.sum() == n_frames


def test_rounding_lengths_would_drift_where_boundaries_do_not():
    """100 phones of 1.4 hops are 140 frames; rounded one by one they would be 100."""
    assert frames_between(tiling([1.4 * HOP_S] * 100), GRID, 140, "keep").sum() == 140


def test_zero_length_phone_borrows_from_the_longer_neighbour():
    phones = tiling([3 * HOP_S, 0.2 * HOP_S, 5 * HOP_S])
    assert frames_between(phones, GRID, 8, "keep").tolist() == [3, 0, 5]
    assert frames_between(phones, GRID, 8, "borrow").tolist() == [3, 1, 4]


def test_zero_length_phone_is_rejected_with_reason():
    with pytest.raises(RowError, match=r"zero_frame_phone: phone 1 `p1` .* holds no frame centre; zero_frame_phones is `reject`"):
        frames_between(tiling([3 * HOP_S, 0.2 * HOP_S, 5 * HOP_S]), GRID, 8, "reject")


def test_phone_whose_neighbours_have_one_frame_each_is_rejected():
    with pytest.raises(RowError, match="no neighbour has two frames"):
        frames_between(tiling([HOP_S, 0.2 * HOP_S, HOP_S]), GRID, 2, "borrow")


def test_sole_phone_takes_all_frames():
    assert frames_between(tiling([1.0]), GRID, 86, "borrow").tolist() == [86]


@pytest.mark.parametrize("n_frames", [9, 10, 11])
def test_a_frame_more_or_less_in_the_audio_lands_in_the_last_phone(n_frames: int):
    assert frames_between(tiling([4 * HOP_S, 6 * HOP_S]), GRID, n_frames, "borrow").tolist() == [4, n_frames - 4]


def test_pools_of_durations_zero_one_three_are_exact():
    """FastSpeech2 pools in place and gets [0, 0, 233] from this."""
    f0_hz = np.array([100, 200, 300, 400], np.float32)
    pools = phone_pools(f0_hz, np.array([-10, -20, -30, -40], np.float32), np.array([0, 1, 3], np.int32), HOP_S)
    np.testing.assert_allclose(pools.energy_db, [np.nan, -10, -30])
    np.testing.assert_allclose(pools.log_f0, [np.nan, np.log(100), np.log([200, 300, 400]).mean()], rtol=1e-6)
    assert np.isnan(pools.log_f0_slope[:2]).all()
    np.testing.assert_array_equal(f0_hz, [100, 200, 300, 400])


def test_slope_is_the_least_squares_line_over_voiced_frames_alone():
    time_s = np.arange(10) * HOP_S
    f0_hz = np.exp(5 + 3.5 * time_s).astype(np.float32)
    f0_hz[[2, 3, 7]] = np.nan
    pools = phone_pools(f0_hz, np.zeros(10, np.float32), np.array([10], np.int32), HOP_S)
    np.testing.assert_allclose(pools.log_f0_slope, [3.5], rtol=1e-4)


def test_unvoiced_phone_has_no_pitch():
    pools = phone_pools(np.full(3, np.nan, np.float32), np.zeros(3, np.float32), np.array([3], np.int32), HOP_S)
    assert np.isnan(pools.log_f0).all()
    assert np.isnan(pools.log_f0_slope).all()


@given(st.lists(st.integers(0, 6), min_size=1, max_size=20), st.integers(0, 2**32 - 1))
def test_pools_equal_a_loop_over_phones(durations: list[int], seed: int):
    rng, n = np.random.default_rng(seed), sum(durations)
    f0_hz = np.where(rng.random(n) < 0.6, rng.uniform(80, 400, n), np.nan).astype(np.float32)
    energy_db = rng.uniform(-60, 0, n).astype(np.float32)
    pools = phone_pools(f0_hz, energy_db, np.array(durations, np.int32), HOP_S)
    for at, (start, length) in enumerate(zip(np.cumsum([0, *durations]), durations, strict=False)):
        log_f0 = np.log(f0_hz[start : start + length].astype(np.float64))
        time_s = np.arange(length)[np.isfinite(log_f0)] * HOP_S
        log_f0 = log_f0[np.isfinite(log_f0)]
        np.testing.assert_allclose(pools.log_f0[at], log_f0.mean() if len(log_f0) else np.nan, rtol=1e-5)
        slope = np.polyfit(time_s, log_f0, 1)[0] if len(log_f0) > 1 else np.nan
        np.testing.assert_allclose(pools.log_f0_slope[at], slope, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(pools.energy_db[at], energy_db[start : start + length].mean() if length else np.nan, rtol=1e-5)
