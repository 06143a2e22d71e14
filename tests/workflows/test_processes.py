"""Training on several processes: it learns what one learns, and a fault or a kill of one ends all."""

import os
import subprocess
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from pipeline.shards import read_table, shard_paths, write_table
from schemas.errors import ParamsError, TableError
from schemas.tables.features import features_contract
from tests.conftest import PROJECT
from tests.workflows.synthetic_features import N_MELS, write_corpus, write_voices
from tests.workflows.tiny_training import command_of, params_of, points, train
from workflows.batches import Batches
from workflows.checkpoint import read_header, read_tensors
from workflows.train import read_corpus

CONTRACT = features_contract(N_MELS)


def learn_together(root: Path, folders: tuple[Path, Path], speaker: str, *processes: int) -> Path:
    """A run of 10 steps without dropout, of which each process draws its own, in parts of so many processes each."""
    write_voices(root / "voices")
    for part, n in enumerate(processes, 1):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ESPRESSIVO_TRAIN_PROCESSES", str(n))
            model = {"dropout": 0.0, "speaker": speaker}
            train(root, folders, model, max_steps=10 * part // len(processes), validate_every_steps=5, batch_size=5)
    return root


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory, folders: tuple[Path, Path]) -> Callable[..., Path]:
    """`learn_together`, each run once."""
    return cache(lambda *kind: learn_together(tmp_path_factory.mktemp("together"), folders, *kind))


@pytest.mark.slow
@pytest.mark.xdist_group("processes")
@pytest.mark.parametrize(("speaker", "processes"), [("table", (2,)), ("external", (1, 2, 1))])
def test_processes_that_share_batches_learn_what_one_learns(learnt: Callable[..., Path], speaker: str, processes: tuple[int, ...]) -> None:
    alone, together = learnt(speaker, 1), learnt(speaker, *processes)
    assert points(alone).keys() == points(together).keys() != set()
    for name, curve in points(alone).items():
        np.testing.assert_allclose(points(together)[name], curve, rtol=1e-5, atol=1e-6, err_msg=name)
    weights = [read_tensors(root / "models/checkpoints/resume.safetensors", "model.") for root in (alone, together)]
    for name, value in weights[0].items():
        torch.testing.assert_close(weights[1][name], value, atol=1e-4, rtol=0, msg=name)


@pytest.mark.slow
@pytest.mark.xdist_group("processes")
def test_two_processes_give_the_same_bytes_again_and_write_what_one_writes(
    learnt: Callable[..., Path], tmp_path: Path, folders: tuple[Path, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    first = learnt("table", 2)
    capfd.readouterr()
    again = learn_together(tmp_path, folders, "table", 2)
    assert capfd.readouterr().err.count("step 10/10") == 1  # of both processes
    name = "models/checkpoints/resume.safetensors"
    assert (again / name).read_bytes() == (first / name).read_bytes()
    written = [{path.relative_to(root) for path in root.rglob("*") if path.is_file()} for root in (again, first, learnt("table", 1))]
    assert written[0] == written[1] == written[2]


@pytest.mark.slow
@pytest.mark.parametrize("place", [0, 1])
def test_a_fault_that_one_process_meets_stops_all_with_the_same_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    features, normalise = write_corpus(tmp_path, n_training=4)
    params = params_of(tmp_path / "params.yaml")
    corpus = read_corpus(params, features, normalise, tmp_path / "voices")
    victim = Batches(corpus.training, 4, params.train.shuffle_utterances, params.train.seed, (place, 2)).at(0).utterance_ids[0]
    for path in shard_paths(features / "toy"):
        rows = read_table(path, CONTRACT).to_pylist()
        for row in rows:
            if row["utterance_id"] == victim:
                row["mel_ln"][3][2] = float("nan")
        write_table(path, CONTRACT.table(rows), CONTRACT, rows_checked=True)
    monkeypatch.setenv("ESPRESSIVO_TRAIN_PROCESSES", "2")
    with pytest.raises(TableError, match=f"step 0: features of {victim} are not finite"):
        train(tmp_path, (features, normalise))


@pytest.mark.slow
def test_a_killed_process_ends_the_others_and_the_run_goes_on_from_the_last_checkpoint(
    tmp_path: Path, folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    command = command_of(tmp_path, folders, max_steps=100_000, checkpoint_every_steps=5, validate_every_steps=100_000)
    checkpoint = tmp_path / "models" / "checkpoints" / "resume.safetensors"
    environment = os.environ | {"ESPRESSIVO_TRAIN_PROCESSES": "2"}
    with subprocess.Popen(command, cwd=PROJECT, env=environment, stderr=subprocess.PIPE, text=True) as process:
        deadline_s = time.monotonic() + 120
        while not checkpoint.exists():
            assert process.poll() is None
            assert time.monotonic() < deadline_s
            time.sleep(0.05)
        (helper,) = (child for child in psutil.Process(process.pid).children() if "spawn_main" in " ".join(child.cmdline()))
        helper.kill()
        _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "ClusterError: a training process ended too early (exit code -9" in said
    reached = read_header(checkpoint)[0]["step"]
    train(tmp_path, folders, max_steps=reached + 1, checkpoint_every_steps=5, validate_every_steps=100_000)  # now one process
    assert f"goes on from step {reached}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("n", "message"),
    [("0", "must be a whole number"), ("two", "must be a whole number"), ("64", "64 processes cannot share batches of 4")],
)
def test_a_number_of_processes_that_cannot_be_is_refused(
    tmp_path: Path, folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, n: str, message: str
) -> None:
    monkeypatch.setenv("ESPRESSIVO_TRAIN_PROCESSES", n)
    with pytest.raises(ParamsError, match=message):
        train(tmp_path, folders)
