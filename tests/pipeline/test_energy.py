"""Frame energy against known levels and against time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.energy import frame_energy_db
from schemas.frames import FrameGrid

GRID = FrameGrid(22050, 256, 1024, 1024)


def sine(hz: float, rate_hz: int, n: int) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(n) / rate_hz).astype(np.float32)


@pytest.mark.parametrize("rate_hz", [16000, 22050, 24000, 44100, 48000])
@pytest.mark.parametrize("hop", [128, 256, 300])
def test_full_scale_sine_reads_minus_three_decibels(rate_hz: int, hop: int):
    energy_db = frame_energy_db(sine(1000, rate_hz, rate_hz), FrameGrid(rate_hz, hop, 1024, 1024), floor_db=-100.0)
    np.testing.assert_allclose(energy_db[5:-5], -3.0103, atol=0.01)


def test_square_wave_of_half_scale_reads_minus_six_decibels():
    energy_db = frame_energy_db(0.5 * np.sign(sine(441, 22050, 22050) + 1e-3).astype(np.float32), GRID, floor_db=-100.0)
    np.testing.assert_allclose(energy_db, -6.0206, atol=1e-3)


def test_silence_reads_the_floor():
    assert frame_energy_db(np.zeros(600, np.float32), GRID, floor_db=-100.0).tolist() == [-100.0, -100.0]


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 3000), st.floats(-60, 0))
def test_gain_shifts_every_frame_by_its_decibels(n_samples: int, gain_db: float):
    samples = np.random.default_rng(n_samples).uniform(-1, 1, n_samples).astype(np.float32)
    loud = frame_energy_db(samples, GRID, floor_db=-200.0)
    quiet = frame_energy_db((samples * 10 ** (gain_db / 20)).astype(np.float32), GRID, floor_db=-200.0)
    assert loud.shape == (GRID.n_frames(n_samples),)
    np.testing.assert_allclose(quiet, loud + gain_db, atol=1e-3)


@pytest.mark.parametrize("rate_hz", [16000, 22050, 24000, 44100, 48000])
@pytest.mark.parametrize("hop", [64, 100, 256, 512])
def test_click_is_where_its_energy_is_within_a_millisecond(rate_hz: int, hop: int):
    """The click's time from three frames: log-energy of w² about its peak, fitted over the click's whole trace."""
    grid = FrameGrid(rate_hz, hop, 1024, 1024)
    for click in (20 * hop + 3, 20 * hop + hop // 2, 21 * hop - 1):
        samples = np.zeros(40 * hop, np.float32)
        samples[click] = 1.0
        power = 10 ** (frame_energy_db(samples, grid, floor_db=-200.0).astype(np.float64) / 10)
        offsets = np.arange(-200, 201) + click  # best place of the window's known shape
        centres = (np.arange(40) + 0.5) * hop
        shape = np.cos(np.pi * np.clip((centres - offsets[:, None]) / 1024, -0.5, 0.5)) ** 4
        best = offsets[np.argmax((shape @ power) / np.linalg.norm(shape, axis=1))]
        assert abs(best - click) / rate_hz < 1e-3


def test_samples_are_left_as_they_are():
    samples = sine(200, 22050, 3000)
    before = samples.copy()
    frame_energy_db(samples, GRID, floor_db=-100.0)
    np.testing.assert_array_equal(samples, before)
