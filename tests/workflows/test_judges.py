"""Judges on cases with known answers: the same clip, another speaker, more and more noise; and what is said when they are missing."""

from pathlib import Path

import numpy as np
import pytest

from pipeline import audio
from schemas.params import Params, load_params
from tests.conftest import PROJECT
from workflows import judges
from workflows.judges import JUDGES, Judge

PARAMS = load_params(PROJECT / "params.yaml", Params)


def needs(judge: str) -> None:
    if JUDGES[judge].missing():
        pytest.skip(f"{JUDGES[judge].missing()} not installed: {JUDGES[judge].install}")


def clip(folder: Path, number: int) -> np.ndarray:
    return audio.load(sorted(folder.glob("*.flac"))[number], judges.SAMPLE_RATE_HZ)


def test_parameters_say_which_judges_are_asked():
    params = PARAMS.evaluate.model_copy(update={"recogniser": "hama", "predicted_mos": False})
    assert judges.asked(params) == ["hama", "speaker_similarity"]
    nobody = params.model_copy(update={"recogniser": None, "speaker_similarity": False})
    assert judges.asked(nobody) == []


def test_a_judge_that_is_not_installed_is_told_once_with_its_command(monkeypatch, capsys):
    monkeypatch.setitem(JUDGES, "an_oracle", Judge(("no_such_package",), "pip install no-such-package"))
    monkeypatch.setitem(JUDGES, "a_reader", Judge(("json",), "pip install json"))
    assert judges.at_hand(["an_oracle", "a_reader"]) == ["a_reader"]
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1
    assert "no an_oracle (no_such_package not installed)" in told[0]
    assert "`pip install no-such-package`" in told[0]


def test_nobody_asked_says_nothing():
    assert judges.heard(np.zeros(16000, np.float32), "text", "en-us", [], None) == {}


@pytest.mark.slow
def test_a_clip_is_like_itself_and_more_like_its_speaker_than_like_others(shared_data):
    needs("speaker_similarity")
    kathleen, emodb = shared_data / "kathleen_dev/wavs", shared_data / "emodb_dev/wav"
    voice = judges.voice_of([clip(kathleen, 0)])
    same, again, other = (
        judges.heard(samples, "", "en-us", ["speaker_similarity"], voice)["speaker_similarity"]
        for samples in (clip(kathleen, 0), clip(kathleen, 5), clip(emodb, 0))
    )
    assert same == pytest.approx(1, abs=1e-5)
    assert 0.7 < again < same
    assert other < again - 0.1


def test_silence_has_no_voice():
    needs("speaker_similarity")
    silence = np.zeros(16000, np.float32)
    assert judges.voice_of([silence]) is None
    assert judges.heard(silence, "", "en-us", ["speaker_similarity"], np.ones(256, np.float32) / 16) == {"speaker_similarity": None}


@pytest.mark.slow
def test_naturalness_falls_with_the_signal_to_noise_ratio(shared_data):
    needs("predicted_mos")
    speech = clip(shared_data / "kathleen_dev/wavs", 0)
    noise = np.random.default_rng(0).normal(size=len(speech)).astype(np.float32) * speech.std()
    rated = [
        judges.heard((speech + noise * 10 ** (-snr_db / 20)).astype(np.float32), "", "en-us", ["predicted_mos"], None)["predicted_mos"]
        for snr_db in (60, 20, 5, -10)
    ]
    assert rated == sorted(rated, reverse=True)
    assert rated[0] > 3 > rated[-1]
