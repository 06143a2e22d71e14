"""The training stage on made-up features: it learns, it resumes to the bit, it refuses what is not its own."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from model.tts import Tts
from pipeline.shards import write_table
from schemas.errors import CheckpointError, TableError
from schemas.params import load_params
from schemas.tables.features import features_contract
from tests.conftest import PROJECT
from tests.workflows.synthetic_features import N_MELS, feature_row, write_corpus
from workflows.batches import Batches, InMemory
from workflows.checkpoint import load_tts, read_header, read_tensors, write_tensors
from workflows.lineage import dataset_version
from workflows.train import Learner, TrainStageParams, read_corpus, run, step_seed, tts_config

TINY = {
    "mel": {"n_mels": N_MELS},
    "model": {"unet_channels": 8, "unet_levels": 2, "encoder_channels": 32, "encoder_layers": 1, "predictor_channels": 32,
              "speaker_channels": 4, "emotion_channels": 4},
    "train": {"seed": 5, "max_steps": 20, "batch_size": 4, "window_frames": 16, "learning_rate": 2e-3, "warmup_steps": 5,
              "precision": "fp32", "validate_every_steps": 10, "checkpoint_every_steps": 10, "ema_decay": 0.9},
}  # fmt: skip


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_corpus(tmp_path_factory.mktemp("toy"))


def params_file(path: Path, **train: Any) -> Path:
    document = yaml.safe_load((PROJECT / "params.yaml").read_text(encoding="utf-8"))
    for section, values in TINY.items():
        document[section] |= values
    document["train"] |= train
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


def train(root: Path, folders: tuple[Path, Path], **train: Any) -> dict[str, Any]:
    params = load_params(params_file(root / "params.yaml", **train), TrainStageParams)
    run(params, *folders, root / "models", root / "metrics.json", root / "plots")
    metrics: dict[str, Any] = json.loads((root / "metrics.json").read_text(encoding="utf-8"))
    return metrics


def curves(root: Path) -> dict[str, str]:
    folder = root / "plots"
    return {str(path.relative_to(folder)): path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.tsv"))}


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory, folders: tuple[Path, Path]) -> Path:
    root = tmp_path_factory.mktemp("unbroken")
    train(root, folders)
    return root


def test_a_run_raised_from_10_to_20_steps_equals_the_unbroken_one_to_the_bit(
    tmp_path: Path, folders: tuple[Path, Path], unbroken: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(tmp_path, folders, max_steps=10)
    train(tmp_path, folders, max_steps=20)
    assert "goes on from step 10" in capsys.readouterr().err
    assert curves(tmp_path) == curves(unbroken) != {}
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


def test_the_model_file_holds_averaged_weights_vocabulary_statistics_and_lineage(unbroken: Path) -> None:
    model, metadata = load_tts(unbroken / "models" / "tts.safetensors")
    average = read_tensors(unbroken / "models/checkpoints/resume.safetensors", "average.")
    assert average.keys() == model.state_dict().keys()
    assert all(torch.equal(value, average[name]) for name, value in model.state_dict().items())
    assert metadata.vocabulary.emotions == ("angry", "neutral")
    assert metadata.statistics["toy/s2"]["log_f0_mean"] == 5.5
    assert metadata.lineage["params"]["train"]["max_steps"] == 20
    assert metadata.lineage["dataset"]["toy"].startswith("sha256:")
    assert not model.training


def test_not_finite_features_stop_the_run_and_name_the_utterance(tmp_path: Path, folders: tuple[Path, Path]) -> None:
    corpus = read_corpus(*folders, N_MELS)
    *others, last = corpus.training.read(np.arange(4))
    mel_ln = last.mel_ln.copy()
    mel_ln[5, 2] = np.nan
    victim = dataclasses.replace(last, mel_ln=mel_ln)
    params = load_params(params_file(tmp_path / "params.yaml"), TrainStageParams)
    learner = Learner(Tts(tts_config(params, corpus)), params.train)
    with pytest.raises(TableError, match=f"features of {victim.utterance_id} are not finite"):
        learner.training_step(Batches(InMemory([victim, *others]), 4, 100, 0).at(0))


@pytest.mark.parametrize(
    ("content", "message"), [(None, "is not there"), (b"\x80\x04pickle", "is no checkpoint"), (b"", "is no checkpoint")]
)
def test_a_file_that_is_no_model_is_refused(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "tts.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CheckpointError, match=message):
        load_tts(path)


def test_a_model_whose_tensors_or_sizes_were_changed_is_refused(tmp_path: Path, unbroken: Path) -> None:
    whole = unbroken / "models" / "tts.safetensors"
    header, _ = read_header(whole)
    tensors = read_tensors(whole)
    write_tensors(tmp_path / "short.safetensors", dict(list(tensors.items())[1:]), header)
    with pytest.raises(CheckpointError, match="1 tensors do not fit the model"):
        load_tts(tmp_path / "short.safetensors")
    huge = {**header, "config": {**header["config"], "n_phones": 10**12}}
    write_tensors(tmp_path / "huge.safetensors", tensors, huge)
    with pytest.raises(CheckpointError, match=r"do not fit the model, such as encoder\.embedding"):
        load_tts(tmp_path / "huge.safetensors")
    write_tensors(tmp_path / "odd.safetensors", tensors, {**header, "config": {**header["config"], "n_mels": "many"}})
    with pytest.raises(CheckpointError, match="does not fit this code"):
        load_tts(tmp_path / "odd.safetensors")


def test_dataset_version_is_dvcs_when_the_lock_fits_and_a_sha256_otherwise(tmp_path: Path) -> None:
    features, _ = write_corpus(tmp_path / "data")
    lock, folder = tmp_path / "dvc.lock", features / "toy"
    size = sum(path.stat().st_size for path in folder.iterdir())
    out = {"path": "data/extract/toy", "hash": "md5", "md5": "abc.dir", "size": size, "nfiles": 2}
    lock.write_text(yaml.safe_dump({"schema": "2.0", "stages": {"extract@toy": {"cmd": "x", "outs": [out]}}}), encoding="utf-8")
    assert dataset_version(features, ["toy"], lock) == {"toy": "md5:abc.dir"}
    contract = features_contract(N_MELS)
    write_table(folder / "features-0001-of-0002.parquet", contract.table([feature_row(99, "train")]), contract)
    assert dataset_version(features, ["toy"], lock)["toy"].startswith("sha256:")
    assert dataset_version(features, ["toy"], tmp_path / "missing.lock")["toy"].startswith("sha256:")


def test_seeds_of_steps_are_distinct_and_fit_torch() -> None:
    seeds = {step_seed(seed, step) for seed in range(20) for step in range(50)}
    assert len(seeds) == 1000
    assert 0 <= min(seeds) <= max(seeds) < 2**63


def command_of(root: Path, folders: tuple[Path, Path], **train: Any) -> list[str]:
    """The stage as a process of its own."""
    params = params_file(root / "params.yaml", **train)
    paths = {"features": folders[0], "normalise": folders[1], "models": root / "models", "metrics": root / "metrics.json"}
    options = [text for name, path in {**paths, "plots": root / "plots", "params": params}.items() for text in (f"--{name}", str(path))]
    return [sys.executable, "-m", "workflows.train", *options]


@pytest.mark.slow
def test_a_killed_run_started_again_equals_the_unbroken_one_to_the_bit(tmp_path: Path, folders: tuple[Path, Path]) -> None:
    settings = {"max_steps": 60, "checkpoint_every_steps": 7}
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    # All runs are processes with one thread: sums in another order are other bits, and dask leaves its thread limits in our environment.
    environment = os.environ | {f"{library}_NUM_THREADS": "1" for library in ("OMP", "MKL", "OPENBLAS")}
    subprocess.run(command_of(whole, folders, **settings), cwd=PROJECT, env=environment, check=True)
    command = command_of(killed, folders, **settings)
    checkpoint = killed / "models" / "checkpoints" / "resume.safetensors"
    process = subprocess.Popen(command, cwd=PROJECT, env=environment)
    deadline_s = time.monotonic() + 120
    while not checkpoint.exists() or read_header(checkpoint)[0]["step"] < 14:
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert read_header(checkpoint)[0]["step"] < 60
    subprocess.run(command, cwd=PROJECT, env=environment, check=True)
    assert curves(killed) == curves(whole) != {}
    for name in ("tts.safetensors", "checkpoints/resume.safetensors"):
        assert (killed / "models" / name).read_bytes() == (whole / "models" / name).read_bytes()
