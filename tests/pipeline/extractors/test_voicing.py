"""Evidence of voicing on signals whose answer is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.extractors import voicing
from pipeline.pitch import extract_f0
from schemas.frames import FrameGrid
from schemas.params import Params, load_params
from tests.conftest import PROJECT

PARAMS = load_params(PROJECT / "params.yaml", Params).pitch.model_copy(update={"extractor": "ac_voiced"})
RNG = np.random.default_rng(3)


def word(rate_hz: int, gain: float = 1.0) -> np.ndarray:
    """Half a second of faint noise, half a second of a harmonic tone of 150 Hz, a quarter of hiss, a quarter of faint noise."""
    t = np.arange(int(1.5 * rate_hz)) / rate_hz
    tone = sum(np.sin(2 * np.pi * 150 * k * t) / k for k in range(1, 20))
    noise = np.random.default_rng(0).standard_normal(len(t))
    sound = 1e-4 * noise + 0.2 * tone * ((t >= 0.5) & (t < 1.0)) + 0.05 * np.diff(noise, prepend=0) * ((t >= 1.0) & (t < 1.25))
    return (gain * sound).astype(np.float32)


def voiced_times_s(rate_hz: int, hop: int, gain: float = 1.0) -> np.ndarray:
    grid = FrameGrid(rate_hz, hop, 4 * hop, 4 * hop)
    f0_hz = extract_f0(word(rate_hz, gain), grid, PARAMS, floor_hz=75.0, ceiling_hz=500.0)
    return grid.centres_s(len(f0_hz))[np.isfinite(f0_hz)]


@pytest.mark.parametrize("rate_hz", [16000, 22050, 44100])
@pytest.mark.parametrize("gain", [1.0, 0.01])
def test_only_the_tone_is_voiced_and_its_ends_are_sharp(rate_hz, gain):
    times_s = voiced_times_s(rate_hz, rate_hz // 200, gain)
    assert times_s.min() == pytest.approx(0.5, abs=0.015)
    assert times_s.max() == pytest.approx(1.0, abs=0.015)
    assert len(times_s) > 90


def test_a_tone_without_a_pause_is_voiced_throughout():
    t = np.arange(22050) / 22050
    tone = sum(np.sin(2 * np.pi * 200 * k * t) / k for k in range(1, 15)).astype(np.float32)
    f0_hz = extract_f0(tone, FrameGrid(22050, 256, 1024, 1024), PARAMS, floor_hz=75.0, ceiling_hz=500.0)
    assert np.isfinite(f0_hz).mean() > 0.95


def test_periods_of_a_tone_are_alike_and_those_of_noise_are_not():
    t = np.arange(16000) / 16000
    centres, periods = np.arange(2000.0, 14000.0, 80), np.full(150, 100.0)
    assert voicing.period_likeness(np.sin(2 * np.pi * 160 * t).astype(np.float32), centres, periods).min() > 0.99
    assert np.median(voicing.period_likeness(RNG.standard_normal(16000).astype(np.float32), centres, periods)) < 0.4


def test_context_repeats_the_ends():
    values = np.arange(24.0).reshape(2, 12)
    assert voicing.with_context(values).shape == (2, 60)
    assert (voicing.with_context(values)[0, :12] == values[0]).all()
    assert (voicing.with_context(values)[0, -12:] == values[1]).all()


def test_weights_fit_the_measures_and_their_context():
    network = voicing.learned()
    hidden = len(network.weights)
    assert network.hidden_weights.shape == (len(voicing.CONTEXT) * len(voicing.MEASURES), hidden)
    assert network.hidden_biases.shape == (hidden,)


def test_running_median_follows_weight_and_ignores_a_lone_octave():
    values = np.full(101, 5.0)
    values[50] += np.log(2)
    np.testing.assert_array_equal(voicing.running_median(values, np.ones(101)), 5.0)
    heavy = np.where(np.arange(101) == 50, 100.0, 1.0)
    assert voicing.running_median(values, heavy)[55] == values[50]


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.floats(3, 7), st.floats(0.01, 1)), min_size=1, max_size=60))
def test_running_median_equals_a_loop(rows: list[tuple[float, float]]):
    values, weights = np.array(rows).T
    found = voicing.running_median(values, weights)
    for at in range(len(values)):
        near = slice(max(0, at - 10), at + 11)
        order = np.argsort(values[near], kind="stable")
        mass = np.cumsum(weights[near][order])
        lowest = values[near][order][np.searchsorted(mass, mass[-1] / 2 * (1 - 1e-12))]
        assert found[at] == pytest.approx(lowest)


def test_confidence_trades_frames_for_trust():
    samples, grid = word(22050) + 0.003 * RNG.standard_normal(33075).astype(np.float32), FrameGrid(22050, 110, 440, 440)
    counts = []
    for confidence in (0.05, 0.5, 0.95):
        params = PARAMS.model_copy(update={"min_confidence": confidence})
        counts.append(np.isfinite(extract_f0(samples, grid, params, floor_hz=75.0, ceiling_hz=500.0)).sum())
    assert counts == sorted(counts, reverse=True)
