"""Error rates whose answers are known, and recognisers on speech and on what is none."""

import numpy as np
import pytest
import soxr

from pipeline.text.espeak import VoiceSettings, speak
from schemas.errors import DependencyError
from workflows import recognisers
from workflows.judges import JUDGES

TEXT = "They usually finish their homework before supper."


def spoken(text: str) -> np.ndarray:
    speech = speak(text, VoiceSettings("en-us", rate_wpm=150, pitch=50, pitch_range=50, volume=60))
    return soxr.resample(speech.samples.astype(np.float32) / 32768, speech.sample_rate_hz, recognisers.SAMPLE_RATE_HZ)


def needs(judge: str) -> None:
    if JUDGES[judge].missing():
        pytest.skip(f"{JUDGES[judge].missing()} not installed: {JUDGES[judge].install}")


@pytest.mark.parametrize(
    ("text", "heard", "rate"),
    [
        ("abcd", "abcd", 0.0),
        ("abcd", "abd", 0.25),
        ("abcd", "abxd", 0.25),
        ("abcd", "abcde", 0.25),
        ("abcd", "", 1.0),
        ("ab", "cdefgh", 3.0),
    ],
)
def test_an_error_is_an_insertion_a_deletion_or_a_substitution(text, heard, rate):
    assert recognisers.error_rate(text, heard) == rate


def test_error_over_no_text_is_not_defined():
    assert np.isnan(recognisers.error_rate([], ["a"]))


def test_homophones_case_and_digits_are_no_phone_errors():
    heard = recognisers.heard_wrong("Their 9 clocks.", "there nine CLOCKS", "en-us")
    assert heard["phone_error_rate"] == 0
    assert heard["word_error_rate"] == pytest.approx(1 / 3)


def test_one_wrong_phone_in_a_known_number_is_that_share():
    heard = recognisers.heard_wrong("cat", "cap", "en-us")
    assert heard == {"phone_error_rate": pytest.approx(1 / 3), "word_error_rate": 1.0}
    assert recognisers.heard_wrong("Katze", "Tatze", "de")["phone_error_rate"] == pytest.approx(
        1 / len(recognisers.phones_of("Katze", "de"))
    )


def test_a_text_that_was_heard_right_has_no_errors_in_any_language():
    for text, language in ((TEXT, "en-us"), ("Der Lappen liegt auf dem Eisschrank.", "de"), ("Il fait beau.", "fr-fr")):
        assert set(recognisers.heard_wrong(text, text, language).values()) == {0.0}


def test_weights_that_are_not_the_ones_that_were_checked_are_not_loaded():
    with pytest.raises(DependencyError, match="install the version that docs"):
        recognisers._checked("schemas", "errors.py", "0" * 64)


@pytest.mark.slow
def test_whisper_hears_speech_and_not_noise():
    needs("whisper_base")
    hear = recognisers.whisper_base()
    assert recognisers.heard_wrong(TEXT, hear(spoken(TEXT), "en-us"), "en-us")["phone_error_rate"] < 0.3
    noise = np.random.default_rng(0).normal(0, 0.1, 48000).astype(np.float32)
    assert recognisers.heard_wrong(TEXT, hear(noise, "en-us"), "en-us")["phone_error_rate"] > 0.6


@pytest.mark.slow
def test_hama_hears_phones_the_same_each_time_and_not_in_noise():
    needs("hama")
    hear, phones = recognisers.hama(), recognisers.phones_of(TEXT, "en-us")
    heard = hear(spoken(TEXT))
    assert recognisers.error_rate(phones, heard.split()) < 0.35
    assert hear(spoken(TEXT)) == heard
    noise = np.random.default_rng(0).normal(0, 0.1, 48000).astype(np.float32)
    assert recognisers.error_rate(phones, hear(noise).split()) > 0.6
