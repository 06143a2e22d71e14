"""Vocoders keep length, pitch and spectrum; checkpoints that do not fit are named."""

import json

import numpy as np
import pytest
import torch

from pipeline import mel, pitch
from pipeline.text import espeak
from schemas.errors import CheckpointError, ParamsError
from schemas.params import Params, load_params
from tests.conftest import PROJECT
from workflows import measures, vocoders

PARAMS = load_params(PROJECT / "params.yaml", Params)
GRID = PARAMS.frames.grid()
MEL = {name: getattr(PARAMS.mel, name) for name in ("n_mels", "f_min_hz", "f_max_hz", "amplitude_floor")}


def buzz(f0_hz: float, seconds: float = 1.0) -> np.ndarray:
    """A vowel-like harmonic tone: partials falling by 9 dB an octave, faded in and out."""
    t = np.arange(int(seconds * GRID.sample_rate_hz)) / GRID.sample_rate_hz
    tone = sum(k**-1.5 * np.sin(2 * np.pi * k * f0_hz * t) for k in range(1, int(7000 / f0_hz)))
    return (0.15 * tone * np.minimum(1, 20 * np.minimum(t, t[-1] - t))).astype(np.float32)


@pytest.fixture(scope="module", params=["hifigan", "griffin_lim"])
def vocode(request):
    return vocoders.load_vocoder(PARAMS.synthesize.model_copy(update={"vocoder": request.param}), GRID, PARAMS.mel)


def test_output_has_a_hop_a_frame_in_range_and_is_repeatable(vocode):
    mel_ln = mel.log_mel(buzz(140), GRID, **MEL)
    samples = vocode(mel_ln)
    assert samples.dtype == np.float32
    assert samples.shape == (len(mel_ln) * GRID.hop_samples,)
    assert np.abs(samples).max() <= 1
    assert (vocode(mel_ln) == samples).all()


def test_copy_synthesis_of_speech_keeps_spectrum_and_pitch(vocode):
    speech = espeak.speak("We were away a year ago.", espeak.VoiceSettings("en-us", 160, 45, 50, 100))
    samples = speech.samples.astype(np.float32) / 32768
    real, copy = samples, vocode(mel.log_mel(samples, GRID, **MEL))
    assert measures.log_mel_distance_db(mel.log_mel(real, GRID, **MEL)[:-1], mel.log_mel(copy, GRID, **MEL)[:-1]) < 6
    f0_hz = [pitch.extract_f0(x[: len(copy)], GRID, PARAMS.pitch, floor_hz=60, ceiling_hz=400) for x in (real, copy)]
    assert measures.f0_gross_error(*f0_hz) < 0.02
    assert measures.f0_correlation(*f0_hz) > 0.9


def test_a_vocoder_of_another_mel_is_refused_with_the_difference():
    with pytest.raises(ParamsError, match=r"num_mels: vocoder 80, params 100"):
        vocoders.load_vocoder(PARAMS.synthesize, GRID, PARAMS.mel.model_copy(update={"n_mels": 100}))


def test_a_checkpoint_without_config_says_what_to_put_beside_it(tmp_path):
    with pytest.raises(CheckpointError, match=r"config\.json"):
        vocoders.hifigan(tmp_path / "g_02500000", GRID, PARAMS.mel)


def test_a_checkpoint_of_something_else_is_named(tmp_path):
    config = json.loads((vocoders._universal_checkpoint().with_name("config.json")).read_text())
    (tmp_path / "config.json").write_text(json.dumps(config))
    torch.save({"generator": {"linear.weight": torch.zeros(2, 2)}}, tmp_path / "g")
    with pytest.raises(CheckpointError, match="not a HiFi-GAN generator"):
        vocoders.hifigan(tmp_path / "g", GRID, PARAMS.mel)


def test_a_pickle_with_code_in_it_is_not_run(tmp_path):
    config = (vocoders._universal_checkpoint().with_name("config.json")).read_text()
    (tmp_path / "config.json").write_text(config)
    torch.save({"generator": print}, tmp_path / "g")
    with pytest.raises(CheckpointError, match="cannot be read safely"):
        vocoders.hifigan(tmp_path / "g", GRID, PARAMS.mel)
