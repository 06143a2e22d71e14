"""What the page plays and draws, against known answers."""

import base64
import io

import numpy as np
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from workflows.page import as_json
from workflows.page_clips import MEL_STEP_LN, Word, mel_png, mp3, number, summary, words_of

HOP_S = 0.01


def test_a_mel_reads_back_within_half_a_grey_level():
    mel_ln = np.random.default_rng(0).uniform(-11.5, 1.0, (30, 16)).astype(np.float32)
    drawn = mel_png(mel_ln)
    image = np.asarray(Image.open(io.BytesIO(base64.b64decode(drawn["png"]))))
    back = drawn["black_ln"] + drawn["step_ln"] * image[::-1].T.astype(float)
    assert back.shape == mel_ln.shape
    assert np.abs(back - mel_ln).max() <= MEL_STEP_LN / 2 + 1e-5


def test_a_sound_keeps_its_length_and_pitch_as_mp3():
    seconds = np.arange(22050) / 22050
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(mp3(np.sin(2 * np.pi * 220 * seconds).astype(np.float32), 22050))))
    spectrum = np.abs(np.fft.rfft(samples[2000:20000] * np.hanning(18000)))
    assert rate == 22050
    assert abs(len(samples) - 22050) < 2500
    assert abs(spectrum.argmax() * rate / 18000 - 220) < 2


def test_words_cover_the_phones_whose_middle_lies_in_them():
    words = [{"label": "one", "start_s": 0.1, "end_s": 0.3}, {"label": "two", "start_s": 0.3, "end_s": 0.5}]
    found = words_of({"words": words}, np.array([10, 9, 12, 19, 10], np.int32), HOP_S)
    assert found == [Word("one", 1, 2), Word("two", 3, 1)]


def test_prosody_is_summed_up_over_speech_alone():
    f0_hz = np.array([np.nan] * 10 + [100.0] * 10 + [200.0] * 10, np.float32)
    energy_db = np.array([-90.0] * 10 + [-20.0] * 20, np.float32)
    found = summary(f0_hz, energy_db, ["sil", "a", "b"], np.array([10, 10, 10], np.int32), HOP_S)
    assert found == {"f0_median_hz": 150.0, "f0_spread_semitones": 6.0, "energy_db": -20.0, "phone_rate_hz": 10.0}


def test_silence_alone_has_no_prosody():
    found = summary(np.full(5, np.nan, np.float32), np.full(5, -90, np.float32), ["sil"], np.array([5], np.int32), HOP_S)
    assert all(np.isnan(value) for value in found.values())


def test_numbers_that_json_lacks_are_none():
    assert [number(value, 3) for value in (np.nan, np.inf, None, 1.23456)] == [None, None, None, 1.23]


@given(st.text())
def test_no_text_ends_a_script_element(text):
    written = as_json({"text": text})
    assert "<" not in written
    assert "\u2028" not in written
