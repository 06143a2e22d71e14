"""Recordings say what they are, to us and to every player."""

import numpy as np
import pytest
import soundfile

from schemas.errors import TableError
from workflows.wav_metadata import read_told, write_wav

TONE = (0.5 * np.sin(np.arange(1001) / 9)).astype(np.float32)


@pytest.mark.parametrize("n", [0, 1, 10_000])
def test_what_is_told_comes_back_and_the_samples_too(tmp_path, n):
    told = {"request": {"text": "ä“\n\0" + "x" * n}, "n": n}
    write_wav(tmp_path / "a.wav", TONE, 22050, told)
    assert read_told(tmp_path / "a.wav") == told
    samples, rate = soundfile.read(tmp_path / "a.wav", dtype="float32")
    assert (rate, soundfile.info(tmp_path / "a.wav").subtype) == (22050, "PCM_16")
    np.testing.assert_allclose(samples, TONE, atol=1e-4)


def test_short_comments_are_read_by_libsndfile(tmp_path):
    write_wav(tmp_path / "a.wav", TONE, 22050, {"a": 1})
    with soundfile.SoundFile(tmp_path / "a.wav") as file:
        assert file.comment == '{"a": 1}'


@pytest.mark.parametrize("content", [b"", b"RIFF", b"RIFF\x04\0\0\0WAVE", b"RIFF\xff\xff\xff\xffWAVELIST\xff\xff\xff\xffINFOICMT"])
def test_a_file_that_says_nothing_is_named(tmp_path, content):
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(TableError, match="does not say what it is"):
        read_told(tmp_path / "a.wav")
