"""A speaker's limits from the F0 that a wide search found."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.pitch import limits_from_quartiles, log_f0_histogram, quartiles_hz
from schemas.params import Params, load_params
from tests.conftest import PROJECT

PARAMS = load_params(PROJECT / "params.yaml", Params).pitch


def speaker_limits(f0_hz: np.ndarray) -> tuple[float, float]:
    return limits_from_quartiles(quartiles_hz(log_f0_histogram(f0_hz)), PARAMS)


def test_quartiles_of_a_histogram_are_within_a_hundredth_of_an_octave():
    f0_hz = np.exp(np.random.default_rng(0).normal(np.log(180), 0.25, 20_000)).astype(np.float32)
    found = quartiles_hz(log_f0_histogram(np.concatenate([f0_hz, np.full(5000, np.nan, np.float32)])))
    assert found is not None
    assert np.abs(np.log2(np.array(found) / np.quantile(f0_hz, [0.25, 0.75]))).max() < 0.01


def test_histograms_add_up():
    low, high = np.full(10, 100, np.float32), np.full(30, 400, np.float32)
    np.testing.assert_array_equal(log_f0_histogram(low) + log_f0_histogram(high), log_f0_histogram(np.concatenate([high, low])))


def test_limits_are_rounded_outwards():
    assert limits_from_quartiles((113.9, 226.8), PARAMS) == (85.0, 500.0)


def test_limits_are_the_wide_ones_where_nothing_is_voiced():
    assert speaker_limits(np.full(50, np.nan, np.float32)) == (60.0, 700.0)


def test_limits_survive_a_few_more_utterances():
    rng = np.random.default_rng(1)
    many = np.exp(rng.normal(np.log(200), 0.2, 3000)).astype(np.float32)
    more = np.concatenate([many, np.exp(rng.normal(np.log(200), 0.2, 100)).astype(np.float32)])
    assert speaker_limits(many) == speaker_limits(more)


@given(st.lists(st.floats(21, 2400), min_size=1, max_size=50))
def test_limits_stay_inside_the_wide_ones_and_apart(f0_hz: list[float]):
    floor_hz, ceiling_hz = speaker_limits(np.array(f0_hz, np.float32).clip(60, 700))
    assert PARAMS.floor_hz <= floor_hz < ceiling_hz <= PARAMS.ceiling_hz
