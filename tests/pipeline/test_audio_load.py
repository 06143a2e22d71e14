"""`pipeline.audio.load` is exact: samples, scale, rate and time, in every format that it reads."""

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import soxr
from numpy.typing import NDArray

from pipeline.audio import load
from tests.faults import speech

RATES_HZ = [16000, 22050, 24000, 44100, 48000]


def noise(n: int, seed: int = 0) -> NDArray[np.float32]:
    return np.clip(np.random.default_rng(seed).normal(0, 0.2, n), -1, 1).astype(np.float32)


def lag_samples(reference: NDArray[np.floating], heard: NDArray[np.floating]) -> float:
    """Samples by which `heard` is late: the peak of the cross-correlation, between samples by a parabola."""
    n_fft = len(reference) + len(heard)
    correlation = np.fft.irfft(np.conj(np.fft.rfft(reference, n_fft)) * np.fft.rfft(heard, n_fft), n_fft)
    at = int(np.argmax(correlation))
    left, peak, right = correlation[at - 1], correlation[at], correlation[(at + 1) % n_fft]
    return (at if at < n_fft // 2 else at - n_fft) + (left - right) / (2 * (left - 2 * peak + right))


@pytest.mark.parametrize("to_hz", RATES_HZ)
@pytest.mark.parametrize("from_hz", [8000, 11025, *RATES_HZ, 96000])
def test_resampling_is_soxr_at_very_high_quality_bit_for_bit(tmp_path: Path, from_hz: int, to_hz: int) -> None:
    samples = noise(from_hz // 3)
    sf.write(tmp_path / "a.wav", samples, from_hz, subtype="FLOAT")
    expected = samples if from_hz == to_hz else soxr.resample(samples, from_hz, to_hz, quality="VHQ")
    np.testing.assert_array_equal(load(tmp_path / "a.wav", to_hz), expected)


@pytest.mark.parametrize("to_hz", RATES_HZ)
@pytest.mark.parametrize("from_hz", [16000, 22050, 44100, 48000])
@pytest.mark.parametrize("f_hz", [110.0, 1000.0, 6000.0])
def test_sine_keeps_amplitude_and_time_at_any_rate(tmp_path: Path, from_hz: int, to_hz: int, f_hz: float) -> None:
    """Amplitude to 1e-4, time to 2e-4 of a sample, up to three quarters of the lower rate's band: no delay, and linear phase."""
    time_s = np.arange(from_hz) / from_hz
    sf.write(tmp_path / "a.wav", 0.5 * np.sin(2 * np.pi * f_hz * time_s), from_hz, subtype="DOUBLE")
    loaded = load(tmp_path / "a.wav", to_hz)
    assert len(loaded) == to_hz
    middle = np.arange(to_hz // 4, 3 * to_hz // 4)
    turn = np.exp(-2j * np.pi * f_hz * middle / to_hz)
    basis = np.stack([turn.imag, turn.real], axis=1)
    (minus_sine, cosine), *_ = np.linalg.lstsq(basis, loaded[middle].astype(np.float64), rcond=None)
    assert np.hypot(minus_sine, cosine) == pytest.approx(0.5, abs=1e-4)
    late_samples = np.arctan2(-cosine, -minus_sine) / (2 * np.pi * f_hz) * to_hz
    assert abs(late_samples) < 2e-4


def test_channels_become_their_mean_and_nothing_else(tmp_path: Path) -> None:
    channels = np.stack([noise(5000, seed) for seed in range(6)], axis=1)
    sf.write(tmp_path / "a.wav", channels, 16000, subtype="FLOAT")
    np.testing.assert_allclose(load(tmp_path / "a.wav", 16000), channels.astype(np.float64).mean(axis=1), atol=1e-7)


@pytest.mark.parametrize(("subtype", "bits"), [("PCM_U8", 8), ("PCM_16", 16), ("PCM_24", 24), ("PCM_32", 32)])
def test_full_scale_of_integers_is_one(tmp_path: Path, subtype: str, bits: int) -> None:
    """The lowest number is -1 exactly, the highest a step less than 1, and 0 is 0."""
    step = 2.0 ** (1 - bits)
    wanted = np.array([-1.0, -0.5, -step, 0.0, step, 0.25, 1 - step])
    sf.write(tmp_path / "a.wav", (wanted * 2**31).astype(np.int64).astype(np.int32), 16000, subtype=subtype)
    np.testing.assert_array_equal(load(tmp_path / "a.wav", 16000), wanted.astype(np.float32))


@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
def test_floats_are_taken_as_they_are_also_above_one(tmp_path: Path, subtype: str) -> None:
    samples = noise(4000) * 4
    sf.write(tmp_path / "a.wav", samples, 16000, subtype=subtype)
    np.testing.assert_array_equal(load(tmp_path / "a.wav", 16000), samples)


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
@pytest.mark.parametrize("suffix", [".flac", ".aiff", ".w64", ".rf64", ".caf", ".au"])
def test_lossless_formats_are_equal_to_wav(tmp_path: Path, suffix: str, subtype: str) -> None:
    samples = (noise(20_000).astype(np.float64) * 2**31).astype(np.int64).clip(-(2**31), 2**31 - 1).astype(np.int32)
    for path in (tmp_path / "a.wav", tmp_path / f"b{suffix}"):
        sf.write(path, samples, 22050, subtype=subtype)  # integers: of floats each format would make its own
    np.testing.assert_array_equal(load(tmp_path / f"b{suffix}", 16000), load(tmp_path / "a.wav", 16000))


@pytest.mark.parametrize("rate_hz", [16000, 24000, 44100, 48000])
@pytest.mark.parametrize(("name", "options"), [("a.ogg", {}), ("a.opus", {"format": "OGG", "subtype": "OPUS"}), ("a.mp3", {})])
def test_lossy_formats_keep_time_and_sound(tmp_path: Path, name: str, options: dict[str, str], rate_hz: int) -> None:
    """Measured: correlation 0.994 or more, at most 0.01 samples late; MP3 because LAME's tag says how long its delay is."""
    if name == "a.opus" and rate_hz == 44100:
        pytest.skip("Opus has no such rate")
    samples = soxr.resample(speech(), 22050, rate_hz, quality="VHQ")
    sf.write(tmp_path / name, samples, rate_hz, compression_level=0.5, **options)
    loaded = load(tmp_path / name, rate_hz)
    assert len(loaded) == len(samples)
    assert np.corrcoef(samples, loaded)[0, 1] > 0.99
    assert abs(lag_samples(samples, loaded)) < 0.1  # 6 us at 16 kHz


@pytest.mark.parametrize("rate_hz", [16000, 22050, 44100])
def test_mp3_without_the_tag_is_late_by_lame_and_decoder(tmp_path: Path, rate_hz: int) -> None:
    """576 samples of LAME and 529 of any decoder, which nothing in the file tells; docs/corpora.md says so."""
    samples = soxr.resample(speech(), 22050, rate_hz, quality="VHQ")
    path = tmp_path / "a.mp3"
    with sf.SoundFile(
        path, "w", rate_hz, 1, format="MP3", subtype="MPEG_LAYER_III", bitrate_mode="CONSTANT", compression_level=0.5
    ) as file:
        file.write(samples)
    data = path.read_bytes()
    path.write_bytes(data[next(at for at in range(40, len(data)) if data[at : at + 2] == data[:2]) :])
    assert lag_samples(samples, load(path, rate_hz)) == pytest.approx(1105, abs=0.1)
