"""Recordings with known samples, and files that lie."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.audio import SILENCE_PEAK_DB, file_sha256, load, load_unchanged, probe, resample, resampled_length
from schemas.errors import RowError
from schemas.reasons import Reason


def sine(seconds: float, rate_hz: int, f_hz: float = 220.0, amplitude: float = 0.5) -> NDArray[np.float32]:
    return (amplitude * np.sin(2 * np.pi * f_hz * np.arange(round(seconds * rate_hz)) / rate_hz)).astype(np.float32)


def reason_of(path: Path, max_duration_s: float = 30.0) -> Reason:
    with pytest.raises(RowError, match=r"\w+: ") as caught:
        probe(path, max_duration_s)
    assert str(path.parent) not in caught.value.detail  # tables must not depend on where the corpus lies
    return caught.value.reason


def test_probe_of_a_sine_gives_its_length_rate_peak_and_hash(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    sf.write(path, sine(1.5, 16000), 16000, subtype="PCM_16")
    found = probe(path, 30)
    assert (found.sample_rate_hz, found.n_samples, found.n_channels, found.duration_s) == (16000, 24000, 1, 1.5)
    assert found.peak_db == pytest.approx(20 * np.log10(0.5), abs=0.01)
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest() == file_sha256(path)


def test_peak_is_over_all_channels_and_all_blocks(tmp_path: Path) -> None:
    path, samples = tmp_path / "a.wav", np.zeros((400_000, 2), dtype=np.float32)
    samples[399_999, 1] = -0.25
    sf.write(path, samples, 48000, subtype="FLOAT")
    assert probe(path, 30).peak_db == pytest.approx(20 * np.log10(0.25), abs=1e-6)


def test_digital_silence_has_the_stated_finite_peak(tmp_path: Path) -> None:
    sf.write(tmp_path / "a.wav", np.zeros(800), 8000)
    assert probe(tmp_path / "a.wav", 30).peak_db == SILENCE_PEAK_DB


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3", "a.aiff", "ä ö.wav"])
def test_formats_of_libsndfile_probe_and_load_at_equal_length(tmp_path: Path, name: str) -> None:
    sf.write(tmp_path / name, sine(0.5, 16000), 16000)
    assert probe(tmp_path / name, 30).n_samples == len(load(tmp_path / name, 16000)) == 8000


def test_missing_file_is_audio_missing(tmp_path: Path) -> None:
    assert reason_of(tmp_path / "a.wav") == Reason.AUDIO_MISSING


def test_named_pipe_is_unreadable_and_does_not_block(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "a.wav")
    assert reason_of(tmp_path / "a.wav") == Reason.AUDIO_UNREADABLE


@pytest.mark.parametrize("data", [b"", b"no sound at all" * 99, b"RIFF\xff\xff\xff\xffWAVEfmt "])
@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.m4a", "a.raw"])
def test_bytes_that_are_no_audio_are_unreadable(tmp_path: Path, data: bytes, name: str) -> None:
    (tmp_path / name).write_bytes(data)
    assert reason_of(tmp_path / name) == Reason.AUDIO_UNREADABLE


def test_file_without_samples_is_empty(tmp_path: Path) -> None:
    sf.write(tmp_path / "a.wav", np.zeros(0), 16000)
    assert reason_of(tmp_path / "a.wav") == Reason.AUDIO_EMPTY


def test_long_file_is_rejected_with_its_length(tmp_path: Path) -> None:
    sf.write(tmp_path / "a.wav", sine(2, 8000), 8000)
    with pytest.raises(RowError, match=r"lasts 2\.000 s, at most 1\.5 s") as caught:
        probe(tmp_path / "a.wav", 1.5)
    assert (caught.value.reason, caught.value.value) == (Reason.AUDIO_TOO_LONG, 2.0)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_sample_that_is_not_finite_is_named(tmp_path: Path, wrong: float) -> None:
    samples = sine(1, 16000)
    samples[-1] = wrong
    sf.write(tmp_path / "a.wav", samples, 16000, subtype="FLOAT")
    assert reason_of(tmp_path / "a.wav") == Reason.AUDIO_NOT_FINITE


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.aiff", "a.ogg"])
def test_file_cut_in_half_is_never_taken_for_a_shorter_one(tmp_path: Path, name: str) -> None:
    sf.write(tmp_path / name, np.random.default_rng(0).normal(0, 0.1, 32000), 16000)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    assert reason_of(tmp_path / name) in {Reason.AUDIO_UNREADABLE, Reason.AUDIO_EMPTY}


def with_data_size(path: Path, size: int) -> None:
    data = bytearray(path.read_bytes())
    at = data.find(b"data") + 4
    data[at : at + 4] = size.to_bytes(4, "little")
    path.write_bytes(data)


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF, 16000 + 44])
def test_wav_header_of_a_pipe_or_of_a_sloppy_writer_is_read(tmp_path: Path, size: int) -> None:
    sf.write(tmp_path / "a.wav", sine(0.5, 16000), 16000)
    with_data_size(tmp_path / "a.wav", size)
    assert probe(tmp_path / "a.wav", 30).n_samples == 8000


@pytest.mark.parametrize(("offset", "claim"), [(10, 1000), (12, 0xFFFFFF)], ids=["channels", "rate"])
def test_header_with_an_absurd_claim_is_rejected_before_samples(tmp_path: Path, offset: int, claim: int) -> None:
    sf.write(tmp_path / "a.wav", sine(0.5, 16000), 16000)
    data = bytearray((tmp_path / "a.wav").read_bytes())
    at = data.find(b"fmt ") + offset
    data[at : at + 2 + 2 * (offset == 12)] = claim.to_bytes(2 + 2 * (offset == 12), "little")
    (tmp_path / "a.wav").write_bytes(data)
    assert reason_of(tmp_path / "a.wav") == Reason.AUDIO_UNREADABLE


def test_load_averages_channels(tmp_path: Path) -> None:
    left = sine(0.1, 8000)
    sf.write(tmp_path / "a.wav", np.stack([left, -left / 2], axis=1), 8000, subtype="FLOAT")
    loaded = load(tmp_path / "a.wav", 8000)
    assert loaded.dtype == np.float32
    np.testing.assert_allclose(loaded, left / 4, atol=1e-7)


def test_load_at_the_files_own_rate_changes_no_sample(tmp_path: Path) -> None:
    samples = sine(0.3, 22050)
    sf.write(tmp_path / "a.wav", samples, 22050, subtype="FLOAT")
    np.testing.assert_array_equal(load(tmp_path / "a.wav", 22050), samples)


@pytest.mark.parametrize(("from_hz", "to_hz"), [(16000, 22050), (48000, 22050), (44100, 16000), (8000, 48000)])
def test_resampled_sine_keeps_phase_and_amplitude(tmp_path: Path, from_hz: int, to_hz: int) -> None:
    sf.write(tmp_path / "a.wav", sine(1.0, from_hz), from_hz, subtype="FLOAT")
    loaded = load(tmp_path / "a.wav", to_hz)
    middle = slice(to_hz // 5, 4 * to_hz // 5)
    np.testing.assert_allclose(loaded[middle], sine(1.0, to_hz)[middle], atol=1e-4)


def test_one_sample_that_resampling_rounds_away_is_empty(tmp_path: Path) -> None:
    sf.write(tmp_path / "a.wav", np.ones(1) / 2, 48000)
    with pytest.raises(RowError, match="none is left at 22050 Hz"):
        load(tmp_path / "a.wav", 22050)


@given(st.integers(1, 3000), st.sampled_from([8000, 11025, 16000, 22050, 44100, 48000]), st.sampled_from([16000, 22050, 24000]))
def test_resampled_length_is_the_nearest_whole_number_and_holds_for_samples(n_samples: int, from_hz: int, to_hz: int) -> None:
    length = resampled_length(n_samples, from_hz, to_hz)
    assert abs(length - n_samples * to_hz / from_hz) <= 0.5
    assert len(resample(np.zeros(n_samples, dtype=np.float32), from_hz, to_hz)) == length


def test_swing_is_what_is_left_of_the_peak_without_offset_and_without_what_channels_cancel(tmp_path: Path) -> None:
    wave = sine(1.0, 16000, amplitude=0.25)
    for name, samples in {"offset": wave + 0.5, "cancel": np.stack([wave, -wave], axis=1), "alone": wave * 0 + 0.5}.items():
        sf.write(tmp_path / f"{name}.wav", samples, 16000, subtype="FLOAT")
    swings_db = {name: probe(tmp_path / f"{name}.wav", 30).swing_db for name in ("offset", "cancel", "alone")}
    assert swings_db == {"offset": pytest.approx(20 * np.log10(0.25), abs=0.01), "cancel": SILENCE_PEAK_DB, "alone": SILENCE_PEAK_DB}


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_damaged_page_of_an_ogg_file_is_not_passed_over(tmp_path: Path, subtype: str) -> None:
    """A page with a wrong checksum is skipped by libsndfile, and the samples before and after it come out as if they touched."""
    sf.write(tmp_path / "a.ogg", np.random.default_rng(0).normal(0, 0.1, 64000), 16000, subtype=subtype)
    whole = (tmp_path / "a.ogg").read_bytes()
    for at in range(len(whole) // 3, len(whole), len(whole) // 7):
        damaged = bytearray(whole)
        damaged[at] ^= 0x55
        (tmp_path / "a.ogg").write_bytes(damaged)
        assert reason_of(tmp_path / "a.ogg") == Reason.AUDIO_UNREADABLE


def test_load_unchanged_wants_the_bytes_that_were_hashed(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    sf.write(path, sine(0.5, 16000), 16000)
    sha256 = file_sha256(path)
    np.testing.assert_array_equal(load_unchanged(path, sha256, 16000), load(path, 16000))
    sf.write(path, sine(0.5, 16000, f_hz=221.0), 16000)
    with pytest.raises(RowError, match="other bytes than ingest hashed") as caught:
        load_unchanged(path, sha256, 16000)
    assert caught.value.reason == Reason.AUDIO_CHANGED
