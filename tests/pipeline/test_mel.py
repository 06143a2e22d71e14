"""Log-mel against independent implementations, and its frames against time."""

import os
import subprocess
import sys

import librosa
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.mel import band_shapes_hz, log_mel, mel_filterbank
from schemas.errors import ParamsError
from schemas.frames import FrameGrid

GRID = FrameGrid(22050, 256, 1024, 1024)
BANDS = {"n_mels": 80, "f_min_hz": 0.0, "f_max_hz": 8000.0}
RATES_HZ = [16000, 22050, 24000, 44100, 48000]


def noise(n: int, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(n)).astype(np.float32)


def reflected(position: int, n: int) -> int:
    """Index of the sample that stands at `position` of a signal of n samples mirrored at its ends for ever."""
    if n == 1:
        return 0
    position = abs(position) % (2 * n - 2)
    return position if position < n else 2 * n - 2 - position


def plain_log_mel(samples: np.ndarray, grid: FrameGrid, frame: int) -> np.ndarray:
    """The formula for one frame, written out: sample by sample, and the transform as a sum of cosines and sines."""
    first = frame * grid.hop_samples - grid.pad_samples + (grid.n_fft - grid.window_samples) // 2
    at = np.arange(grid.window_samples)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * at / grid.window_samples)
    weighted = window * [float(samples[reflected(first + k, len(samples))]) for k in at]
    angle = 2 * np.pi * np.outer(np.arange(grid.n_fft // 2 + 1), at) / grid.n_fft
    magnitude = np.sqrt((np.cos(angle) @ weighted) ** 2 + (np.sin(angle) @ weighted) ** 2 + 1e-9)
    bank = librosa.filters.mel(sr=grid.sample_rate_hz, n_fft=grid.n_fft, n_mels=80, fmin=0, fmax=8000)
    return np.log(np.maximum(bank @ magnitude, 1e-5))


@pytest.mark.parametrize("n_samples", [256, 300, 700, 5000])
@pytest.mark.parametrize("grid", [GRID, FrameGrid(22050, 255, 801, 1025), FrameGrid(16000, 200, 800, 1024)])
def test_mel_equals_the_formula_written_out(n_samples: int, grid: FrameGrid):
    samples = noise(n_samples)
    mel_ln = log_mel(samples, grid, **BANDS, amplitude_floor=1e-5)
    expected = [plain_log_mel(samples, grid, frame) for frame in range(grid.n_frames(n_samples))]
    np.testing.assert_allclose(mel_ln, expected, atol=2e-4)


def test_mel_equals_hifigan_with_torch():
    samples = noise(22050)
    padded = torch.nn.functional.pad(torch.tensor(samples)[None, None], (384, 384), mode="reflect")[0]
    complex_bins = torch.stft(padded, 1024, 256, 1024, torch.hann_window(1024), center=False, return_complex=True)
    magnitude = torch.sqrt(torch.view_as_real(complex_bins).pow(2).sum(-1) + 1e-9)
    bank = torch.tensor(librosa.filters.mel(sr=22050, n_fft=1024, n_mels=80, fmin=0, fmax=8000))
    expected = torch.log(torch.clamp(bank @ magnitude, min=1e-5))[0].T.numpy()
    np.testing.assert_allclose(log_mel(samples, GRID, **BANDS, amplitude_floor=1e-5), expected, atol=1e-4)


@pytest.mark.parametrize(("rate_hz", "n_fft", "n_mels"), [(22050, 1024, 80), (16000, 512, 40), (48000, 2048, 128)])
def test_filterbank_equals_librosas(rate_hz: int, n_fft: int, n_mels: int):
    bank = mel_filterbank(FrameGrid(rate_hz, 256, n_fft, n_fft), n_mels=n_mels, f_min_hz=20.0, f_max_hz=7600.0)
    expected = librosa.filters.mel(sr=rate_hz, n_fft=n_fft, n_mels=n_mels, fmin=20, fmax=7600)
    np.testing.assert_allclose(bank.toarray(), expected, atol=1e-7)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 3000), st.sampled_from([GRID, FrameGrid(8000, 33, 100, 257), FrameGrid(44100, 512, 512, 2048)]))
def test_every_length_gives_whole_hops_of_finite_frames(n_samples: int, grid: FrameGrid):
    mel_ln = log_mel(noise(n_samples), grid, n_mels=20, f_min_hz=0.0, f_max_hz=4000.0, amplitude_floor=1e-5)
    assert mel_ln.shape == (grid.n_frames(n_samples), 20)
    assert mel_ln.dtype == np.float32
    assert np.isfinite(mel_ln).all()


def test_digital_silence_reads_the_floors():
    mel_ln = log_mel(np.zeros(1024, np.float32), GRID, **BANDS, amplitude_floor=1e-5)
    bank_sums = mel_filterbank(GRID, **BANDS).sum(axis=1)
    np.testing.assert_allclose(mel_ln[0], np.log(np.maximum(np.sqrt(1e-9) * bank_sums, 1e-5)), atol=1e-5)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_click_peaks_in_the_frame_that_holds_it(rate_hz: int):
    grid = FrameGrid(rate_hz, 256, 1024, 1024)
    samples = np.zeros(40 * 256, np.float32)
    samples[17 * 256 + 128] = 1.0
    total = np.exp(log_mel(samples, grid, n_mels=40, f_min_hz=0.0, f_max_hz=7000.0, amplitude_floor=1e-5)).sum(axis=1)
    assert total.argmax() == 17
    np.testing.assert_allclose(total[16], total[18], rtol=1e-4)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(RATES_HZ), st.integers(32, 512), st.integers(0, 10_000))
def test_click_is_where_its_mel_is_within_a_millisecond_at_any_hop(rate_hz: int, hop: int, place: int):
    """A click's magnitude in a frame is the window's value at it: the place whose window fits the mel's trace best is the click's."""
    window = 1024 + hop % 2
    grid, click = FrameGrid(rate_hz, hop, window, window), 10 * hop + window + place % (5 * hop)
    samples = np.zeros(click + 10 * hop + window, np.float32)
    samples[click] = 1.0
    trace = np.exp(log_mel(samples, grid, n_mels=40, f_min_hz=0.0, f_max_hz=7000.0, amplitude_floor=1e-5)).sum(axis=1)
    centres, offsets = (np.arange(len(trace)) + 0.5) * hop, np.arange(-100, 101) + click
    shape = np.cos(np.pi * np.clip((centres - offsets[:, None]) / window, -0.5, 0.5)) ** 2
    best = offsets[np.argmax((shape @ trace) / np.linalg.norm(shape, axis=1))]
    assert abs(best - click) / rate_hz < 1e-3


def test_bytes_do_not_depend_on_the_number_of_blas_threads():
    code = (
        "import hashlib, numpy as np; from pipeline.mel import log_mel; from schemas.frames import FrameGrid;"
        "x = np.random.default_rng(0).standard_normal(200000).astype(np.float32);"
        "m = log_mel(x, FrameGrid(22050, 256, 1024, 1024), n_mels=80, f_min_hz=0.0, f_max_hz=8000.0, amplitude_floor=1e-5);"
        "print(hashlib.sha256(m.tobytes()).hexdigest())"
    )
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    digests = {
        subprocess.run(
            [sys.executable, "-c", code], env=os.environ | dict.fromkeys(names, threads), capture_output=True, text=True, check=True
        ).stdout
        for threads in ("1", "2", "4")
    }
    assert len(digests) == 1


def test_band_edge_above_half_the_rate_is_named():
    with pytest.raises(ParamsError, match=r"set mel.f_max_hz to 8000.0 or less"):
        mel_filterbank(FrameGrid(16000, 256, 1024, 1024), n_mels=80, f_min_hz=0.0, f_max_hz=8001.0)


def test_band_without_a_bin_is_named():
    with pytest.raises(ParamsError, match=r"bands hold no bin of n_fft=256 .* raise frames.n_fft or lower mel.n_mels"):
        mel_filterbank(FrameGrid(22050, 64, 256, 256), n_mels=128, f_min_hz=0.0, f_max_hz=8000.0)


def test_band_shapes_say_where_and_how_wide_a_sine_shows():
    grid = FrameGrid(22050, 256, 1024, 1024)
    centres_hz, widths_hz = band_shapes_hz(grid, n_mels=80, f_min_hz=0.0, f_max_hz=8000.0)
    band, sines_hz = 10, np.arange(200.0, 700.0, 5.0)
    times_s = np.arange(4096) / grid.sample_rate_hz
    response = [
        np.exp(
            log_mel(np.sin(2 * np.pi * hz * times_s).astype(np.float32), grid, n_mels=80, f_min_hz=0, f_max_hz=8000, amplitude_floor=1e-5)[
                8
            ]
        )
        for hz in sines_hz
    ]
    weights = np.asarray(response)[:, band] / np.asarray(response)[:, band].sum()
    mean_hz = (weights * sines_hz).sum()
    assert centres_hz[band] == pytest.approx(mean_hz, abs=8.0)
    assert widths_hz[band] == pytest.approx(np.sqrt((weights * (sines_hz - mean_hz) ** 2).sum()), rel=0.25)
