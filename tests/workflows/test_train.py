"""The training stage on made-up features: it learns, it resumes to the bit, it refuses what is not its own."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
import yaml

from model.tts import Tts
from pipeline.shards import read_table, shard_paths, write_table
from schemas.errors import CheckpointError, ParamsError, TableError
from schemas.params import load_params
from schemas.tables.features import features_contract
from schemas.tables.voices import VOICE_CHANNELS, VOICES
from tests.conftest import PROJECT
from tests.workflows.synthetic_features import N_MELS, feature_row, write_corpus, write_voices
from workflows.batches import Batches
from workflows.checkpoint import load_tts, read_header, read_tensors, write_tensors
from workflows.dataset import collate, example_from, read_voices
from workflows.learner import Learner, step_seed
from workflows.lineage import dataset_version
from workflows.train import TrainStageParams, read_corpus, run, tts_config

CONTRACT = features_contract(N_MELS)
TINY = {
    "mel": {"n_mels": N_MELS},
    "model": {"unet_channels": 8, "unet_levels": 2, "encoder_channels": 32, "encoder_layers": 1, "predictor_channels": 32,
              "speaker_channels": 4, "emotion_channels": 4},
    "train": {"seed": 5, "max_steps": 20, "batch_size": 4, "window_frames": 16, "learning_rate": 2e-3, "warmup_steps": 5,
              "precision": "fp32", "validate_every_steps": 10, "checkpoint_every_steps": 10, "ema_decay": 0.9,
              "picture_utterances": 1},
}  # fmt: skip


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
    run(params, *folders, root / "voices", root / "models", root / "metrics.json", root / "plots")
    metrics: dict[str, Any] = json.loads((root / "metrics.json").read_text(encoding="utf-8"))
    return metrics


def curves(root: Path) -> dict[str, str]:
    folder = root / "plots"
    return {str(path.relative_to(folder)): path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.tsv"))}


def pictures(root: Path) -> dict[str, bytes]:
    folder = root / "plots" / "plots" / "images"
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


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
    params = load_params(params_file(tmp_path / "params.yaml"), TrainStageParams)
    corpus = read_corpus(params, *folders, tmp_path / "voices")
    *others, last = corpus.training.read(np.arange(4))
    mel_ln = last.mel_ln.copy()
    mel_ln[5, 2] = np.nan
    victim = dataclasses.replace(last, mel_ln=mel_ln)
    learner = Learner(Tts(tts_config(params, corpus)), params.train)
    with pytest.raises(TableError, match=f"features of {victim.utterance_id} are not finite"):
        learner.training_step(collate([victim, *others]))


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
    write_table(folder / "features-0001-of-0002.parquet", CONTRACT.table([feature_row(99, "train")]), CONTRACT)
    assert dataset_version(features, ["toy"], lock)["toy"].startswith("sha256:")
    assert dataset_version(features, ["toy"], tmp_path / "missing.lock")["toy"].startswith("sha256:")


def test_seeds_of_steps_are_distinct_and_fit_torch() -> None:
    seeds = {step_seed(seed, step) for seed in range(20) for step in range(50)}
    assert len(seeds) == 1000
    assert 0 <= min(seeds) <= max(seeds) < 2**63


def command_of(root: Path, folders: tuple[Path, Path], **train: Any) -> list[str]:
    """The stage as a process of its own."""
    params = params_file(root / "params.yaml", **train)
    paths = {
        "features": folders[0],
        "normalise": folders[1],
        "voices": root / "voices",
        "models": root / "models",
        "metrics": root / "metrics.json",
    }
    options = [text for name, path in {**paths, "plots": root / "plots", "params": params}.items() for text in (f"--{name}", str(path))]
    return [sys.executable, "-m", "workflows.train", *options]


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


def points(root: Path) -> dict[str, list[list[float]]]:
    found: dict[str, list[list[float]]] = read_header(root / "models/checkpoints/resume.safetensors")[0]["curve"]
    return found


def learn_together(root: Path, folders: tuple[Path, Path], speaker: str, *processes: int) -> Path:
    """A run of 10 steps without dropout, of which each process draws its own, in parts of so many processes each."""
    path = params_file(root / "params.yaml", validate_every_steps=5, batch_size=5)
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    document["model"] |= {"dropout": 0.0, "speaker": speaker}
    voices = write_voices(root / "voices")
    for part, n in enumerate(processes, 1):
        document["train"]["max_steps"] = 10 * part // len(processes)
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ESPRESSIVO_TRAIN_PROCESSES", str(n))
            run(load_params(path, TrainStageParams), *folders, voices, root / "models", root / "metrics.json", root / "plots")
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
    params = load_params(params_file(tmp_path / "params.yaml"), TrainStageParams)
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
        run(params, features, normalise, tmp_path / "voices", tmp_path / "models", tmp_path / "metrics.json", tmp_path / "plots")


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


def external(path: Path, **train: Any) -> TrainStageParams:
    document = yaml.safe_load(params_file(path, **train).read_text(encoding="utf-8"))
    document["model"]["speaker"] = "external"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return load_params(path, TrainStageParams)


def test_a_model_of_voices_speaks_as_a_voice_that_training_never_heard(tmp_path: Path, folders: tuple[Path, Path]) -> None:
    voices, params = write_voices(tmp_path / "voices"), external(tmp_path / "params.yaml")
    run(params, *folders, voices, tmp_path / "models", tmp_path / "metrics.json", tmp_path / "plots")
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
    voices, params = write_voices(tmp_path / "voices"), external(tmp_path / "params.yaml", max_steps=2, picture_utterances=0)
    outs = tmp_path / "models", tmp_path / "metrics.json", tmp_path / "plots"
    run(params, *folders, voices, *outs)
    run(params, *folders, voices, *outs)
    assert "starts anew" not in capsys.readouterr().err
    table = read_table(voices / "toy" / "voices.parquet", VOICES)
    write_table(voices / "toy" / "voices.parquet", table.slice(1), VOICES)
    run(params, *folders, voices, *outs)
    assert "starts anew" in capsys.readouterr().err


def test_voices_that_are_wanted_and_not_there_are_named(tmp_path: Path, folders: tuple[Path, Path]) -> None:
    write_table(tmp_path / "voices" / "toy" / "voices.parquet", VOICES.table([]), VOICES)
    params = external(tmp_path / "params.yaml")
    with pytest.raises(ParamsError, match=r"set voices\.embedding: resemblyzer"):
        run(params, *folders, tmp_path / "voices", tmp_path / "models", tmp_path / "metrics.json", tmp_path / "plots")


def test_a_folder_without_shards_says_what_to_run(tmp_path: Path, folders: tuple[Path, Path]) -> None:
    params = load_params(params_file(tmp_path / "params.yaml"), TrainStageParams)
    with pytest.raises(TableError, match="run `dvc repro extract`"):
        read_corpus(params, tmp_path, folders[1], tmp_path / "voices")


def test_validation_takes_at_most_64_utterances_spread_over_the_split(tmp_path: Path) -> None:
    features, normalise = write_corpus(tmp_path, n_training=2, n_validation=130)
    params = load_params(params_file(tmp_path / "params.yaml"), TrainStageParams)
    names = [example.utterance_id for example in read_corpus(params, features, normalise, tmp_path / "voices").validation]
    there = [row["utterance_id"] for path in shard_paths(features / "toy") for row in read_table(path, CONTRACT).to_pylist()]
    held_out = [name for name in there if int(name[-3:]) >= 2]
    assert names == held_out[:128:2]
