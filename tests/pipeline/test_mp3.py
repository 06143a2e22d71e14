"""MP3 files with and without the tag that counts their frames."""

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from pipeline.audio import load, probe
from pipeline.mp3 import untagged_samples
from schemas.errors import RowError
from tests.faults import speech

ID3_V2 = b"ID3\x04\x00\x00\x00\x00\x01\x00" + bytes(128)
ID3_V1 = b"TAG" + bytes(125)


def encoded(path: Path, rate_hz: int, mode: str) -> int:
    """Write three seconds of noise, soft and loud and soft, as LAME does, with its tag; samples."""
    n, loudness = 3 * rate_hz, (0.001, 0.3, 0.01)
    with sf.SoundFile(path, "w", rate_hz, 1, format="MP3", subtype="MPEG_LAYER_III", bitrate_mode=mode, compression_level=0.5) as file:
        file.write(np.random.default_rng(0).normal(0, 0.3, n) * np.repeat(loudness, rate_hz))
    return n


def without_tag(path: Path) -> None:
    """Cut the first frame off, which holds nothing but the tag."""
    data = path.read_bytes()
    second = next(at for at in range(40, len(data)) if data[at : at + 2] == data[:2])
    path.write_bytes(data[second:])


@pytest.mark.parametrize("rate_hz", [16000, 22050, 44100, 48000])
@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
def test_file_with_the_tag_has_the_length_that_was_encoded(tmp_path: Path, rate_hz: int, mode: str) -> None:
    n = encoded(tmp_path / "a.mp3", rate_hz, mode)
    assert untagged_samples(tmp_path / "a.mp3") is None
    assert probe(tmp_path / "a.mp3", 30).n_samples == len(load(tmp_path / "a.mp3", rate_hz)) == n


@pytest.mark.parametrize("rate_hz", [16000, 22050, 24000, 44100, 48000])
@pytest.mark.parametrize(("before", "after"), [(b"", b""), (ID3_V2, b""), (b"", ID3_V1)])
def test_file_of_constant_bit_rate_without_the_tag_is_whole(tmp_path: Path, rate_hz: int, before: bytes, after: bytes) -> None:
    """Where frames are padded, the guess of libsndfile is off by less than a frame; such a file is not cut."""
    path = tmp_path / "a.mp3"
    n = encoded(path, rate_hz, "CONSTANT")
    without_tag(path)
    path.write_bytes(before + path.read_bytes() + after)
    found = probe(path, 30).n_samples
    assert n + 1105 <= found <= n + 1105 + 2 * 1152
    assert len(load(path, rate_hz)) == found == untagged_samples(path)


@pytest.mark.parametrize("rate_hz", [16000, 22050, 44100, 48000])
def test_file_of_varying_bit_rate_without_the_tag_that_is_guessed_too_short_is_rejected(tmp_path: Path, rate_hz: int) -> None:
    path = tmp_path / "a.mp3"
    encoded(path, rate_hz, "VARIABLE")
    without_tag(path)
    with pytest.raises(RowError, match="no Xing tag and a varying bit rate"):
        probe(path, 30)


def test_file_of_varying_bit_rate_that_is_guessed_too_long_is_whole(tmp_path: Path) -> None:
    path, samples = tmp_path / "a.mp3", speech()
    with sf.SoundFile(path, "w", 22050, 1, format="MP3", subtype="MPEG_LAYER_III", bitrate_mode="VARIABLE", compression_level=0.5) as file:
        file.write(samples)
    without_tag(path)
    with sf.SoundFile(path) as file:
        assert file.frames > 5 * len(samples)  # the trap
    assert len(samples) + 1105 <= probe(path, 5).n_samples <= len(samples) + 1105 + 2 * 1152


def test_length_limit_holds_for_the_count_of_frames(tmp_path: Path) -> None:
    encoded(tmp_path / "a.mp3", 22050, "CONSTANT")
    without_tag(tmp_path / "a.mp3")
    assert 3 < probe(tmp_path / "a.mp3", 4).duration_s < 3.2
    with pytest.raises(RowError, match=r"lasts 3\.\d+ s, at most 2 s"):
        probe(tmp_path / "a.mp3", 2)


def test_cut_file_with_the_tag_is_rejected(tmp_path: Path) -> None:
    encoded(tmp_path / "a.mp3", 22050, "CONSTANT")
    data = (tmp_path / "a.mp3").read_bytes()
    (tmp_path / "a.mp3").write_bytes(data[: len(data) // 2])
    with pytest.raises(RowError, match="is cut"):
        probe(tmp_path / "a.mp3", 30)


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"ID3", b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f", b"\xff\xfb" * 999, bytes(5000), b"\xff\xff\xff\xff" * 9]
)
def test_bytes_without_a_frame_have_no_length(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.mp3").write_bytes(data)
    assert untagged_samples(tmp_path / "a.mp3") is None
