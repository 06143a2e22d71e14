"""`espressivo say`: units, names with the nearest that exists, and equal bytes for an equal seed."""

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from schemas.errors import ParamsError
from tests.conftest import PROJECT
from tests.workflows.made_up_model import Spoken
from tests.workflows.synthetic_features import N_MELS
from workflows.cli import app
from workflows.requests import utterance_seed
from workflows.say import amount
from workflows.wav_metadata import read_told


@pytest.mark.parametrize(("text", "value"), [("+2st", 2.0), ("-1.5 ST", -1.5), ("0", 0.0), ("3", 3.0)])
def test_a_shift_is_a_number_with_or_without_its_unit(text, value):
    assert amount(text, "pitch") == value


@pytest.mark.parametrize("text", ["", "2 Hz", "high", "2dB", "1e3", "--2"])
def test_what_is_no_shift_is_named_with_an_example(text):
    with pytest.raises(ParamsError, match=r"write such as \+2st"):
        amount(text, "pitch")


def said(spoken: Spoken, out: Path, *options: str, text: str = "Hello!"):
    params = yaml.safe_load((PROJECT / "params.yaml").read_text())
    params["mel"]["n_mels"], params["synthesize"]["vocoder"] = N_MELS, "griffin_lim"
    path = out.parent / "params.yaml"
    path.write_text(yaml.safe_dump(params))
    given = ["--model", str(spoken.model), "--features", str(spoken.features), "--params", str(path), "--out", str(out)]
    return CliRunner().invoke(app, ["say", text, *given, *options])


def test_a_sentence_is_spoken_by_whom_and_as_asked_and_again_the_same(spoken, tmp_path):
    options = ["--emotion", "angry:0.7,neutral:0.3", "--intensity", "1.5", "--pitch", "-2st", "--rate", "0.9"]
    for name in ("a.wav", "b.wav"):
        done = said(spoken, tmp_path / name, *options)
        assert done.exit_code == 0, done.output
    assert "phones: sil HH AH L OW sil" in done.stdout
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()
    told = read_told(tmp_path / "a.wav")
    assert told["request"]["pitch_shift_semitones"] == -2.0
    assert told["request"]["seed"] == utterance_seed(7, "say")
    assert told["dataset"] == {"toy": "md5:1"}


def test_prosody_can_be_copied_from_a_recording(spoken, tmp_path):
    done = said(spoken, tmp_path / "a.wav", "--copy", "toy/s1/u000")
    assert done.exit_code == 0, done.output
    assert read_told(tmp_path / "a.wav")["request"]["prosody"] == "copy:toy/s1/u000"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--speaker", "toy/s3"], "did you mean 'toy/s2'"),
        (["--emotion", "angri"], "did you mean 'angry'"),
        (["--copy", "toy/s1/u00"], "did you mean 'toy/s1/u00"),
        (["--rate", "99"], "rate=99.0 fails in_range"),
        (["--model", "nowhere.safetensors"], "dvc repro train"),
    ],
)
def test_an_error_names_what_exists(spoken, tmp_path, options, message):
    done = said(spoken, tmp_path / "a.wav", *options)
    assert done.exit_code != 0
    assert message in str(done.exception)


def test_a_text_with_a_phone_that_the_model_does_not_know_is_told(spoken, tmp_path):
    assert "no phone 'G'" in str(said(spoken, tmp_path / "a.wav", text="Go.").exception)
