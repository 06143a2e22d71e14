"""The training stage on made-up features: it learns, it resumes to the bit, it refuses what is not its own."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.shards import read_table, shard_paths, write_table
from schemas.errors import ParamsError, TableError
from schemas.tables.features import features_contract
from schemas.tables.voices import VOICE_CHANNELS, VOICES
from tests.conftest import PROJECT
from tests.workflows.synthetic_features import N_MELS, feature_row, write_corpus, write_voices
from tests.workflows.tiny_training import command_of, curves, params_of, train
from workflows.checkpoint import load_tts, read_header
from workflows.dataset import collate, example_from, read_voices
from workflows.train import read_corpus

CONTRACT = features_contract(N_MELS)
EXTERNAL = {"speaker": "external"}


def pictures(root: Path) -> dict[str, bytes]:
    folder = root / "plots" / "plots" / "images"
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_run_raised_from_10_to_20_steps_equals_the_unbroken_one_to_the_bit(
    tmp_path: Path, folders: tuple[Path, Path], unbroken: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(tmp_path, folders, max_steps=10)
    train(tmp_path, folders, max_steps=20)
    assert "goes on from step 10" in capsys.readouterr().err
    assert curves(tmp_path) == curves(unbroken) != {}
    assert pictures(tmp_path) == pictures(unbroken) != {}
    for name in ("tts.safetensors", "checkpoints/resume.safetensors"):
        assert (tmp_path / "models" / name).read_bytes() == (unbroken / "models" / name).read_bytes()


def test_a_finished_run_started_again_only_writes_the_model_again(tmp_path: Path, folders: tuple[Path, Path], unbroken: Path) -> None:
    minutes = train(tmp_path, folders)["minutes"]
    (tmp_path / "models" / "tts.safetensors").unlink()
    assert train(tmp_path, folders)["minutes"] == pytest.approx(minutes, abs=0.05)  # the time after the last checkpoint is not kept
    assert (tmp_path / "models" / "tts.safetensors").read_bytes() == (unbroken / "models" / "tts.safetensors").read_bytes()
    assert curves(tmp_path) == curves(unbroken)


def test_training_lowers_every_validation_loss_but_noise(tmp_path: Path, folders: tuple[Path, Path], unbroken: Path) -> None:
    early = json.loads((unbroken / "metrics.json").read_text(encoding="utf-8"))["validation"]
    late = train(tmp_path, folders, max_steps=80, checkpoint_every_steps=1000, validate_every_steps=1000)["validation"]
    for name in ("prior", "diffusion", "duration", "voiced", "energy"):
        assert late[name] < early[name], name
    assert late["prior"] < 0.5 * early["prior"]


def test_other_parameters_start_anew_and_say_so(tmp_path: Path, folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    train(tmp_path, folders, max_steps=2)
    train(tmp_path, folders, max_steps=3, learning_rate=1e-3)
    assert "starts anew" in capsys.readouterr().err
    assert read_header(tmp_path / "models/checkpoints/resume.safetensors")[0]["step"] == 3


def test_fewer_steps_than_the_checkpoint_start_anew(tmp_path: Path, folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    train(tmp_path, folders, max_steps=3)
    assert train(tmp_path, folders, max_steps=2)["steps"] == 2
    assert "past max_steps" in capsys.readouterr().err


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Sums in another order are other bits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
def test_a_killed_run_started_again_equals_the_unbroken_one_to_the_bit(
    tmp_path: Path, folders: tuple[Path, Path], one_thread: None
) -> None:
    settings = {"max_steps": 60, "checkpoint_every_steps": 7}
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    train(whole, folders, **settings)
    checkpoint = killed / "models" / "checkpoints" / "resume.safetensors"
    threads = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "MKL", "OPENBLAS")}
    process = subprocess.Popen(command_of(killed, folders, **settings), cwd=PROJECT, env=os.environ | threads)
    deadline_s = time.monotonic() + 120
    while not checkpoint.exists() or read_header(checkpoint)[0]["step"] < 14:
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert read_header(checkpoint)[0]["step"] < 60
    train(killed, folders, **settings)
    assert curves(killed) == curves(whole) != {}
    for name in ("tts.safetensors", "checkpoints/resume.safetensors"):
        assert (killed / "models" / name).read_bytes() == (whole / "models" / name).read_bytes()


def test_a_model_of_voices_speaks_as_a_voice_that_training_never_heard(tmp_path: Path, folders: tuple[Path, Path]) -> None:
    voices = write_voices(tmp_path / "voices")
    train(tmp_path, folders, EXTERNAL)
    model, metadata = load_tts(tmp_path / "models" / "tts.safetensors")
    assert metadata.lineage["voices"].keys() == {"toy"}
    row = feature_row(28, "validation")
    unseen = np.zeros(VOICE_CHANNELS, np.float32)
    unseen[7] = 1.0
    mean = read_voices(voices, metadata.vocabulary).means[metadata.vocabulary.speaker_id(row["speaker"])]

    def said(**changes: Any) -> torch.Tensor:
        batch = collate([example_from({**row, **changes}, metadata.vocabulary, metadata.statistics)])
        return model.mu(batch.conditions, batch.durations, batch.prosody)

    assert not torch.equal(said(voice=unseen), said())
    torch.testing.assert_close(said(voice=mean), said())  # a known speaker without a voice sounds like their mean one
    assert not torch.equal(said(speaker="toy/nobody", voice=unseen), said(speaker="toy/nobody"))


def test_other_voices_start_anew(tmp_path: Path, folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    voices = write_voices(tmp_path / "voices")

    def said() -> str:
        train(tmp_path, folders, EXTERNAL, max_steps=2, picture_utterances=0)
        return capsys.readouterr().err

    said()
    assert "starts anew" not in said()
    table = read_table(voices / "toy" / "voices.parquet", VOICES)
    write_table(voices / "toy" / "voices.parquet", table.slice(1), VOICES)
    assert "starts anew" in said()


def test_voices_that_are_wanted_and_not_there_are_named(tmp_path: Path, folders: tuple[Path, Path]) -> None:
    write_table(tmp_path / "voices" / "toy" / "voices.parquet", VOICES.table([]), VOICES)
    with pytest.raises(ParamsError, match=r"set voices\.embedding: resemblyzer"):
        train(tmp_path, folders, EXTERNAL)


def test_a_folder_without_shards_says_what_to_run(tmp_path: Path, folders: tuple[Path, Path]) -> None:
    params = params_of(tmp_path / "params.yaml")
    with pytest.raises(TableError, match="run `dvc repro extract`"):
        read_corpus(params, tmp_path, folders[1], tmp_path / "voices")


def test_validation_takes_at_most_64_utterances_spread_over_the_split(tmp_path: Path) -> None:
    features, normalise = write_corpus(tmp_path, n_training=2, n_validation=130)
    params = params_of(tmp_path / "params.yaml")
    names = [example.utterance_id for example in read_corpus(params, features, normalise, tmp_path / "voices").validation]
    there = [row["utterance_id"] for path in shard_paths(features / "toy") for row in read_table(path, CONTRACT).to_pylist()]
    held_out = [name for name in there if int(name[-3:]) >= 2]
    assert names == held_out[:128:2]
