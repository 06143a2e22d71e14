"""Each measure on cases whose answer is known: identity, a known shift, a known stretch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows import measures

RNG = np.random.default_rng(5)
F0_HZ = np.where(np.arange(200) % 5 == 0, np.nan, 150 + 40 * np.sin(np.arange(200) / 9)).astype(np.float32)


def test_a_track_against_itself_has_no_error():
    assert measures.f0_rmse_cents(F0_HZ, F0_HZ) == 0
    assert measures.f0_gross_error(F0_HZ, F0_HZ) == 0
    assert measures.voicing_error(F0_HZ, F0_HZ) == 0
    assert measures.f0_correlation(F0_HZ, F0_HZ) == pytest.approx(1)
    mel = RNG.normal(size=(50, 80)).astype(np.float32)
    assert measures.log_mel_distance_db(mel, mel) == 0


@pytest.mark.parametrize(("semitones", "gross"), [(1, 0.0), (2, 0.0), (4, 1.0), (-4, 1.0)])
def test_a_shift_by_semitones_reads_as_that_many_hundred_cents(semitones, gross):
    shifted = F0_HZ * 2 ** (semitones / 12)
    assert measures.f0_rmse_cents(F0_HZ, shifted) == pytest.approx(100 * abs(semitones), rel=1e-4)
    assert measures.f0_gross_error(F0_HZ, shifted) == gross
    assert measures.f0_correlation(F0_HZ, shifted) == pytest.approx(1)


def test_ten_decibels_louder_is_ten_decibels_of_log_mel_distance():
    mel = RNG.normal(size=(50, 80))
    assert measures.log_mel_distance_db(mel, mel + 10 / measures.DB_PER_LN) == pytest.approx(10)


def test_voicing_error_is_the_share_of_frames_that_differ():
    other = F0_HZ.copy()
    other[1:21:5] = np.nan
    assert measures.voicing_error(F0_HZ, other) == pytest.approx(4 / 200)


def test_measures_without_a_common_voiced_frame_are_undefined():
    silent = np.full(200, np.nan, np.float32)
    assert np.isnan(measures.f0_rmse_cents(F0_HZ, silent))
    assert np.isnan(measures.f0_gross_error(F0_HZ, silent))
    assert np.isnan(measures.f0_correlation(F0_HZ, silent))


@given(st.lists(st.integers(0, 9), min_size=1, max_size=20))
def test_warp_between_equal_durations_is_the_identity(durations):
    frames = np.array(durations, np.int32)
    assert (measures.warp(frames, frames) == np.arange(frames.sum())).all()


def test_warp_stretches_each_phone_by_itself():
    index = measures.warp(np.array([2, 4], np.int32), np.array([4, 2], np.int32))
    assert index.tolist() == [0, 0, 1, 1, 3, 5]


def test_bootstrap_interval_holds_the_mean_and_narrows_with_more_values():
    mean, low, high = measures.bootstrap_interval(RNG.normal(3, 1, 400), 1000)
    assert low < mean < high
    assert abs(mean - 3) < 0.2
    _, few_low, few_high = measures.bootstrap_interval(RNG.normal(3, 1, 20), 1000)
    assert few_high - few_low > high - low


@pytest.mark.parametrize("quefrency", [1, 7, measures.MCD_ORDER])
def test_a_ripple_over_the_mel_bands_is_a_distortion_of_its_effective_value(quefrency):
    mel = RNG.normal(size=(50, 80))
    ripple_db = 6.0 * np.cos(np.pi * quefrency * (np.arange(80) + 0.5) / 80)
    assert measures.mcd_db(mel, mel + ripple_db / measures.DB_PER_LN) == pytest.approx(6.0 / np.sqrt(2))


def test_a_change_of_level_is_no_mel_cepstral_distortion():
    mel = RNG.normal(size=(50, 80))
    assert measures.mcd_db(mel, mel) == 0
    assert measures.mcd_db(mel, mel + 2.0) == pytest.approx(0, abs=1e-9)


def test_white_noise_of_a_known_level_is_a_distortion_of_that_level_times_the_share_of_the_bands_that_is_kept():
    noise_db = RNG.normal(0, 3.0, (4000, 80))
    expected = 3.0 * np.sqrt(measures.MCD_ORDER / 80)
    measured = measures.mcd_db(np.zeros((4000, 80)), noise_db / measures.DB_PER_LN)
    assert measured == pytest.approx(expected, rel=0.02)  # the mean of a root is 1 % below the root of the mean


@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.floats(0.01, 5))
def test_distortion_of_a_frame_is_never_above_its_log_mel_distance(seed, n_mels_over_order, spread):
    rng = np.random.default_rng(seed)
    real, other = rng.normal(0, spread, (2, 1, measures.MCD_ORDER + n_mels_over_order))
    assert measures.mcd_db(real, other) <= measures.log_mel_distance_db(real, other) + 1e-9


def test_warping_undoes_a_stretch_that_frame_by_frame_comparison_punishes():
    mel = np.cumsum(RNG.normal(0, 0.3, (60, 80)), axis=0)
    slow = np.repeat(mel, 2, axis=0)
    assert measures.mcd_dtw_db(mel, slow) == pytest.approx(0, abs=1e-9)
    assert measures.mcd_db(mel, slow[:60]) > 3


def test_warping_is_never_further_than_frames_in_step_and_needs_some():
    real, other = RNG.normal(size=(2, 40, 80))
    assert measures.mcd_dtw_db(real, other) <= measures.mcd_db(real, other)
    assert np.isnan(measures.mcd_dtw_db(real[:0], other))
    assert np.isnan(measures.mcd_db(real[:0], other[:0]))


@pytest.mark.parametrize("semitones", [-4, 0.5, 2])
def test_bias_gives_a_shift_back_with_its_sign_whatever_octave_errors_there_are(semitones):
    realised = F0_HZ * 2 ** (semitones / 12)
    realised[:40] *= 2
    assert measures.f0_bias_cents(F0_HZ, realised) == pytest.approx(100 * semitones, abs=0.1)
    assert np.isnan(measures.f0_bias_cents(F0_HZ, np.full(200, np.nan)))
