"""Every F0 extractor against signals whose F0 is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.extractors.praat import praat_pitch
from pipeline.extractors.registry import EXTRACTORS
from pipeline.pitch import extract_f0
from schemas.frames import FrameGrid
from schemas.params import Params, PitchParams, load_params
from tests.conftest import PROJECT

RATES_HZ = [16000, 22050, 24000, 44100, 48000]
PARAMS = load_params(PROJECT / "params.yaml", Params).pitch
WITHIN_CENTS = {"ac_voiced": 1.0, "praat_ac": 1.0, "dio": 4.0, "harvest": 1.0, "swift_f0": 25.0}
NOISE_VOICED = {"ac_voiced": 0.05, "praat_ac": 0.1, "dio": 0.1, "harvest": 0.6, "swift_f0": 0.1}


def by(extractor: str) -> PitchParams:
    return PARAMS.model_copy(update={"extractor": extractor})


def harmonics(phase: np.ndarray, n: int = 10) -> np.ndarray:
    return sum(0.3 / k * np.sin(k * phase) for k in range(1, n + 1)).astype(np.float32)


def test_every_extractor_is_tested_here():
    assert set(WITHIN_CENTS) == set(NOISE_VOICED) == set(EXTRACTORS)


@settings(deadline=None, max_examples=150)
@given(st.integers(1, 30_000), st.sampled_from(RATES_HZ), st.integers(32, 1100), st.sampled_from([30.0, 60.0, 75.0, 120.0, 300.0]))
def test_praat_frames_stand_on_ours_for_every_length_rate_hop_and_floor(n_samples: int, rate_hz: int, hop: int, floor_hz: float):
    grid = FrameGrid(rate_hz, hop, 2 * hop, 2 * hop + hop % 2)
    n_frames = grid.n_frames(n_samples)
    if n_frames:
        times_s = praat_pitch(np.ones(n_samples), grid, PARAMS, floor_hz, 700.0).xs()
        np.testing.assert_allclose(times_s, grid.centres_s(n_frames), atol=1e-6, rtol=0)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("hop", [160, 256, 257])
@pytest.mark.parametrize(("extractor", "cents"), WITHIN_CENTS.items())
def test_steady_tone_is_found(rate_hz: int, hop: int, extractor: str, cents: float):
    grid = FrameGrid(rate_hz, hop, 1024, 1024 + hop % 2)
    samples = harmonics(2 * np.pi * 187.3 * np.arange(int(0.6 * rate_hz)) / rate_hz)
    f0_hz = extract_f0(samples, grid, by(extractor), floor_hz=75.0, ceiling_hz=600.0)
    inner = f0_hz[len(f0_hz) // 4 : -len(f0_hz) // 4]
    assert len(f0_hz) == grid.n_frames(len(samples))
    assert f0_hz.dtype == np.float32
    assert np.abs(1200 * np.log2(inner / 187.3)).max() < cents


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("hop", [128, 256, 257])
@pytest.mark.parametrize("extractor", sorted(EXTRACTORS))
def test_chirp_lags_less_than_a_millisecond(rate_hz: int, hop: int, extractor: str):
    """F0 rises by 200 Hz a second, so a track that is off by 1 ms is off by 0.2 Hz; the mean lag is read off the error."""
    grid, slope_hz_s = FrameGrid(rate_hz, hop, 1024, 1024 + hop % 2), 200.0
    time_s = np.arange(rate_hz) / rate_hz
    samples = harmonics(2 * np.pi * (120 * time_s + slope_hz_s * time_s**2 / 2))
    f0_hz = extract_f0(samples, grid, by(extractor), floor_hz=75.0, ceiling_hz=600.0)
    centres_s = grid.centres_s(len(f0_hz))
    inner = (centres_s > 0.2) & (centres_s < 0.8)
    lag_s = (120 + slope_hz_s * centres_s[inner] - f0_hz[inner]) / slope_hz_s
    assert np.isfinite(lag_s).all()
    assert abs(lag_s.mean()) < 1e-3
    assert np.abs(lag_s).max() < 6e-3  # 1.2 Hz: jitter of DIO, not a lag


@pytest.mark.parametrize("extractor", sorted(EXTRACTORS))
def test_silence_is_unvoiced(extractor: str):
    grid = FrameGrid(22050, 256, 1024, 1024)
    assert np.isnan(extract_f0(np.zeros(22050, np.float32), grid, by(extractor), floor_hz=75.0, ceiling_hz=600.0)).all()


@pytest.mark.parametrize(("extractor", "most"), NOISE_VOICED.items())
def test_white_noise_is_mostly_unvoiced(extractor: str, most: float):
    """Harvest is known to call much noise voiced; the bound holds it to what it is."""
    grid = FrameGrid(22050, 256, 1024, 1024)
    samples = (0.1 * np.random.default_rng(0).standard_normal(44100)).astype(np.float32)
    assert np.isfinite(extract_f0(samples, grid, by(extractor), floor_hz=75.0, ceiling_hz=600.0)).mean() < most


@pytest.mark.parametrize("extractor", sorted(EXTRACTORS))
@pytest.mark.parametrize("n_samples", [0, 1, 255, 256, 257, 511, 700, 1024, 1500])
def test_very_short_signals_have_their_frames(extractor: str, n_samples: int):
    grid = FrameGrid(22050, 256, 1024, 1024)
    samples = harmonics(2 * np.pi * 150 * np.arange(n_samples) / 22050)
    f0_hz = extract_f0(samples, grid, by(extractor), floor_hz=60.0, ceiling_hz=700.0)
    assert f0_hz.shape == (grid.n_frames(n_samples),)
    assert extract_f0(np.zeros(n_samples, np.float32), grid, by(extractor), floor_hz=60.0, ceiling_hz=700.0).shape == f0_hz.shape
