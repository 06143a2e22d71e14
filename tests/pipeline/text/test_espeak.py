"""The binding: what it says is what was heard, in every process."""

import hashlib
import subprocess
import sys

import numpy as np
import parselmouth
import pytest

from pipeline.text.espeak import Speech, VoiceSettings, pronounce, speak
from schemas.errors import ParamsError, RowError
from schemas.reasons import Reason
from schemas.tables.alignments import SILENCE

TEXT = "Peter caught the big black cat, and an old man in a boat saw the apple on the shelf."
MALE = VoiceSettings("en-us+m3", rate_wpm=165, pitch=45, pitch_range=40, volume=60)


@pytest.fixture(scope="module")
def speech() -> Speech:
    return speak(TEXT, MALE)


def rms(speech: Speech, start_s: float, end_s: float) -> float:
    rate = speech.sample_rate_hz
    return float(np.sqrt(np.mean(speech.samples[round(start_s * rate) : round(end_s * rate)].astype(float) ** 2)))


def median_f0_hz(speech: Speech) -> float:
    sound = parselmouth.Sound(speech.samples / 32768, speech.sample_rate_hz)
    f0_hz = sound.to_pitch_ac(pitch_floor=60, pitch_ceiling=600).selected_array["frequency"]
    return float(np.median(f0_hz[f0_hz > 0]))


def test_phones_tile_the_audio(speech: Speech) -> None:
    assert speech.sample_rate_hz == 22050
    assert speech.phones[0].start_s == 0.0
    assert speech.phones[-1].end_s == len(speech.samples) / 22050
    assert all(before.end_s == after.start_s for before, after in zip(speech.phones, speech.phones[1:], strict=False))
    assert all(phone.end_s - phone.start_s > 0.005 for phone in speech.phones[:-1])


def test_phones_are_those_of_the_text(speech: Speech) -> None:
    labels = [phone.label for phone in speech.phones if phone.label != SILENCE]
    assert labels[:12] == ["p", "iː", "ɾ", "ɚ", "k", "ɔː", "t", "ð", "ə", "b", "ɪ", "ɡ"]


def test_silences_are_silent_and_vowels_sound(speech: Speech) -> None:
    loud = float(np.sqrt(np.mean(speech.samples.astype(float) ** 2)))
    silences = [phone for phone in speech.phones if phone.label == SILENCE]
    vowels = [phone for phone in speech.phones if phone.label in {"iː", "ɔː", "æ", "ɪ", "ɚ", "oʊ"}]
    assert len(silences) >= 3
    assert len(vowels) >= 6
    assert all(rms(speech, phone.start_s, phone.end_s) < 1.0 for phone in silences)
    assert all(rms(speech, phone.start_s, phone.end_s) > 0.5 * loud for phone in vowels)


def test_closure_of_a_stop_belongs_to_the_stop(speech: Speech) -> None:
    k = next(phone for phone in speech.phones if phone.label == "k")
    assert rms(speech, k.start_s, k.start_s + 0.03) < 1.0
    assert rms(speech, k.end_s - 0.03, k.end_s) > 100.0


def test_linking_glide_between_vowels_is_no_silence() -> None:
    labels = [phone.label for phone in speak("the apple", MALE).phones if phone.label != SILENCE]
    inner = speak("the apple", MALE).phones[1:-1]
    assert labels == ["ð", "ɪ", "æ", "p", "əl"]
    assert SILENCE not in {phone.label for phone in inner}


def test_l_sounded_inside_its_vowel_is_one_phone_with_it() -> None:
    assert "ɛl" in {phone.label for phone in speak("shelf", MALE).phones}


def test_vowel_after_a_nasal_starts_where_the_energy_jumps() -> None:
    speech = speak("again a man", MALE)
    vowel = next(phone for phone in speech.phones if phone.label == "æ")
    assert rms(speech, vowel.start_s, vowel.start_s + 0.015) > 2 * rms(speech, vowel.start_s - 0.015, vowel.start_s)


def test_words_hold_their_phones_and_joined_tokens_stay_joined(speech: Speech) -> None:
    assert [word.label for word in speech.words][:6] == ["peter", "caught", "the", "big", "black", "cat"]
    edges = {phone.start_s for phone in speech.phones} | {phone.end_s for phone in speech.phones}
    assert all({word.start_s, word.end_s} <= edges for word in speech.words)
    assert [word.label for word in speak("One of the 42 cats.", MALE).words] == ["one", "of the", "42", "cats"]


def test_higher_pitch_setting_raises_measured_f0() -> None:
    low, high = (median_f0_hz(speak(TEXT, VoiceSettings("en-us+m3", 165, pitch, 40, 60))) for pitch in (30, 70))
    assert 60 < low < 100
    assert high > 1.3 * low


def test_slower_rate_is_longer_and_volume_is_louder() -> None:
    slow = speak(TEXT, VoiceSettings("en-us+m3", 130, 45, 40, 60))
    fast = speak(TEXT, VoiceSettings("en-us+m3", 190, 45, 40, 30))
    assert len(slow.samples) > 1.2 * len(fast.samples)
    assert slow.samples.std() > 1.5 * fast.samples.std()


@pytest.mark.parametrize("voice", ["en-us+adam", "en-us+f1", "en-us+m3", "en-us+f2"])
def test_bytes_do_not_depend_on_what_was_spoken_before(voice: str) -> None:
    settings = VoiceSettings(voice, 165, 45, 40, 60)
    first = speak("She sells sea shells.", settings).samples.tobytes()
    speak("Something else, quite different!", VoiceSettings("en-us+f5", 220, 80, 99, 100))
    assert speak("She sells sea shells.", settings).samples.tobytes() == first


def test_bytes_are_the_same_in_another_process(speech: Speech) -> None:
    code = (
        "import hashlib, sys; from pipeline.text.espeak import *;"
        f"s = speak({TEXT!r}, {MALE!r}); print(hashlib.sha256(s.samples.tobytes() + repr(s.phones).encode()).hexdigest())"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert other == hashlib.sha256(speech.samples.tobytes() + repr(speech.phones).encode()).hexdigest()


def test_pronounce_gives_one_list_a_token() -> None:
    assert pronounce("hello of the bottle", "en-us") == [
        ["h", "ə", "l", "ˈoʊ"], ["ʌ", "v"], ["ð", "ə"], ["b", "ˈɑː", "ɾ", "əl"],
    ]  # fmt: skip
    assert pronounce("Straße", "de")[0][:3] == ["ʃ", "t", "ɾ"]
    assert pronounce("", "en-us") == []


def test_regional_tag_without_a_voice_of_its_own_is_read_by_the_language() -> None:
    assert pronounce("bonjour", "fr-fr") == pronounce("bonjour", "fr")


def test_text_with_nothing_to_say_is_rejected() -> None:
    with pytest.raises(RowError, match="nothing to say") as error:
        speak("   ", MALE)
    assert error.value.reason is Reason.TEXT_EMPTY


def test_endless_text_is_rejected() -> None:
    with pytest.raises(RowError, match="at most 10000"):
        speak("a " * 6000, MALE)


def test_unknown_voice_is_named() -> None:
    with pytest.raises(ParamsError, match="no voice 'xx-nowhere'"):
        pronounce("hello", "xx-nowhere")


def test_setting_out_of_range_is_named() -> None:
    with pytest.raises(ParamsError, match=r"pitch=120 is outside 0 .. 99"):
        VoiceSettings("en-us", 165, 120, 40, 60)
