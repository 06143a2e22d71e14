"""Batch synthesis: same seed, same bytes, whatever the batches, the workers and the kills; faults become rejects."""

import dataclasses
import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from threadpoolctl import threadpool_limits

from pipeline import shards
from pipeline.cluster import in_batches
from schemas.errors import EspressivoError
from schemas.params import load_params
from schemas.tables.rejects import REJECTS
from tests.conftest import PROJECT
from tests.workflows.made_up_model import CONTRACT, PARAMS, Spoken, made_up_model, rows_of
from tests.workflows.synthetic_features import EMOTIONS, N_MELS, SPEAKERS, write_corpus
from workflows import batch_synthesis
from workflows.batch_synthesis import Loaded, jobs_of, places, speak_batch
from workflows.requests import Requests, read_requests, request_of_utterance
from workflows.synthesize import SynthesizeStageParams, run
from workflows.wav_metadata import read_told

QUICK = PARAMS.model_copy(update={"synthesize": PARAMS.synthesize.model_copy(update={"vocoder": "world"})})
pytestmark = pytest.mark.xdist_group("batch synthesis")  # most compare with one run


def wishes(folder: Path) -> Requests:
    """Some of each kind, among them some that cannot be."""
    one = "toy/s1/u000"
    rows: list[dict[str, object]] = [
        {"request_id": f"r/{n}", "phones": ["a", "t", "i"][: 1 + n % 3], "speaker": SPEAKERS[n % 2], "emotion": EMOTIONS[n % 2], "seed": n}
        for n in range(4)
    ]
    rows += [
        {"request_id": "again", "utterance_id": one, "prosody": "reference", "intensity": 1.5},
        {"request_id": "copied", "phones": ["a", "b", "a"], "speaker": SPEAKERS[1], "emotion": "angry", "prosody": f"copy:{one}"},
        {"request_id": "mixed", "utterance_id": one, "emotion": "neutral > angry", "prosody": "predicted", "sampler": "sde"},
        {"request_id": "curved", "utterance_id": one, "prosody": "reference", "phone_rate": [1, 1, 1, 1, 1, 0.5], "rate": 2},
        {"request_id": "x/speaker", "phones": ["a"], "speaker": "toy/s3", "emotion": "angry"},
        {"request_id": "x/emotion", "phones": ["a"], "speaker": SPEAKERS[0], "emotion": "agry"},
        {"request_id": "x/phone", "phones": ["aa"], "speaker": SPEAKERS[0], "emotion": "angry"},
        {"request_id": "x/utterance", "utterance_id": "toy/s1/u00"},
{"request_id": "x/curve", "utterance_id": one, "phone_rate": [1, 1]},
        {"request_id": "x/text", "text": "…", "speaker": SPEAKERS[0], "emotion": "angry"},
    ]  # fmt: skip
    folder.mkdir(exist_ok=True)
    (folder / "wishes.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return read_requests(folder / "wishes.jsonl", PARAMS.synthesize)


def bytes_of(out: Path) -> dict[str, str]:
    return {str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(out.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def whole(spoken: Spoken, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    return spoken.speak(wishes(folder), folder / "out")


def test_every_wish_is_a_row_or_a_reject_with_the_nearest_that_exists(whole: Path):
    rows = shards.read_table(whole / "synthesis.parquet", CONTRACT)
    CONTRACT.check(rows)
    rejects = {row["utterance_id"]: row for row in shards.read_table(whole / "rejects.parquet", REJECTS).to_pylist()}
    assert rows.num_rows + len(rejects) == 14
    told = {name: (row["reason"], row["detail"]) for name, row in rejects.items()}
    assert told.pop("x/speaker") == ("request_unknown_name", "no speaker 'toy/s3'; did you mean 'toy/s2'? there are: toy/s1, toy/s2")
    assert "did you mean 'angry'?" in told.pop("x/emotion")[1]
    assert told.pop("x/phone")[0] == "phone_unknown"
    assert "did you mean 'toy/s1/u00" in told.pop("x/utterance")[1]
    assert "curves of 2 numbers for 6 phones, which are: a " in told.pop("x/curve")[1]
    assert told.pop("x/text")[0] == "text_empty"


def test_recordings_say_what_was_asked_and_of_which_dataset(whole: Path):
    told = read_told(whole / "wavs/model/r/2.wav")
    assert told["request"]["phones"] == ["a", "t", "i"]
    assert told["dataset"] == {"toy": "md5:1"}
    assert told["vocoder"] == "griffin_lim"
    row = rows_of(whole)["again"]
    assert (row["utterance_id"], row["prosody"], row["intensity"]) == ("toy/s1/u000", "reference", 1.5)
    assert read_told(whole / row["copy_wav"])["copy"]


def test_a_curve_changes_its_phone_on_top_of_the_whole(whole: Path):
    rows = rows_of(whole)
    own, curved = (np.array(rows[name]["duration_frames"]) for name in ("again", "curved"))
    assert np.abs(curved[:5] - own[:5] / 2).max() <= 1
    assert curved[5] == pytest.approx(own[5], abs=1)
    assert len(rows["curved"]["asked_f0_hz"]) == curved.sum()


def test_bytes_depend_on_no_batch_size_nor_order(spoken: Spoken, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(batch_synthesis, "BATCH_REQUESTS", 3)
    wanted = wishes(tmp_path)
    assert bytes_of(spoken.speak(Requests(wanted.sound[::-1], wanted.faulty), tmp_path / "out")) == bytes_of(whole)


def test_bytes_depend_on_no_number_of_threads(spoken: Spoken, whole: Path, tmp_path: Path):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with threadpool_limits(2):  # BLAS's
            assert bytes_of(spoken.speak(wishes(tmp_path), tmp_path / "out")) == bytes_of(whole)
    finally:
        torch.set_num_threads(before)


@pytest.mark.slow
def test_bytes_are_those_of_no_cluster_on_two_workers(
    spoken: Spoken, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cluster: str
):
    monkeypatch.setattr(batch_synthesis, "FEW_REQUESTS", 0)
    monkeypatch.setattr(batch_synthesis, "BATCH_REQUESTS", 2)
    assert bytes_of(spoken.speak(wishes(tmp_path), tmp_path / "out")) == bytes_of(whole)


def test_a_run_that_was_broken_off_keeps_what_stands_and_ends_the_same(spoken: Spoken, whole: Path, tmp_path: Path):
    wanted, out = wishes(tmp_path), tmp_path / "out"
    loaded = Loaded.of(spoken.model, PARAMS, None)
    jobs, _ = jobs_of(wanted, places(spoken.features, ["toy"], N_MELS), loaded)
    for batch in in_batches(jobs[:4], 2):
        speak_batch(batch, loaded, out)
    (out / "wavs/model" / ".half.wav.0123.partial").write_bytes(b"RIFF")
    stood = {path: path.stat().st_mtime_ns for path in out.rglob("*.wav")}
    assert stood
    spoken.speak(wanted, out)
    assert bytes_of(out) == bytes_of(whole)
    assert {path: path.stat().st_mtime_ns for path in stood} == stood


@pytest.mark.slow
def test_a_stage_that_was_killed_ends_the_same_when_it_is_run_again(
    spoken: Spoken, whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    wishes(tmp_path)
    params = yaml.safe_load((PROJECT / "params.yaml").read_text())
    params["mel"]["n_mels"] = N_MELS
    params["synthesize"] |= {"vocoder": "griffin_lim", "max_reject_share": 1.0, "requests": "wishes.jsonl"}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    out = tmp_path / "out"
    paths = {"features": spoken.features, "voices": tmp_path / "voices", "model": spoken.model, "out": out, "metrics": tmp_path / "m.json"}
    options = [str(part) for name, path in {**paths, "params": tmp_path / "params.yaml"}.items() for part in (f"--{name}", path)]
    command = [sys.executable, "-m", "workflows.synthesize", *options]
    first = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while first.poll() is None and not list(out.glob("parts/*.parquet")):
        time.sleep(0.05)
    first.kill()
    first.wait()
    run(load_params(tmp_path / "params.yaml", SynthesizeStageParams), tmp_path, **paths)
    assert "requests stand from a run before" in capsys.readouterr().out
    assert bytes_of(out) == bytes_of(whole)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"emotion": "agry"}, "did you mean 'angry'"),
        ({"prosody_from": "toy/s1/u00"}, "did you mean 'toy/s1"),
        ({"split": "test"}, "test_share"),
    ],
)
def test_what_all_rows_would_stumble_over_is_told_once(spoken: Spoken, tmp_path: Path, changes: dict[str, str], told: str):
    given = {"frames": PARAMS.frames, "mel": PARAMS.mel, "synthesize": PARAMS.synthesize.model_copy(update=changes)}
    with pytest.raises(EspressivoError, match=told):
        run(
            SynthesizeStageParams(**given),
            tmp_path,
            spoken.features,
            tmp_path / "voices",
            spoken.model,
            tmp_path / "out",
            tmp_path / "m.json",
        )


def test_what_is_no_longer_asked_for_goes_and_what_changed_is_spoken_again(spoken: Spoken, tmp_path: Path):
    ids = ["toy/s1/u000", "toy/s2/u001", "toy/s1/u002"]
    wanted = [request_of_utterance(name, PARAMS.synthesize) for name in ids]
    out = spoken.speak(Requests(wanted, []), tmp_path / "out", QUICK)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.wav")}
    changed = [wanted[0], dataclasses.replace(wanted[1], rate=0.5)]
    spoken.speak(Requests(changed, []), out, QUICK)
    after = {path: path.stat().st_mtime_ns for path in out.rglob("*.wav")}
    assert [path.stem for path in before if path not in after] == ["u002", "u002"]
    assert {path.stem for path, time in after.items() if before[path] != time} == {"u001"}


def test_a_recording_of_another_request_under_the_same_name_is_not_taken_for_it(spoken: Spoken, tmp_path: Path):
    first = request_of_utterance("toy/s1/u000", PARAMS.synthesize)
    other = dataclasses.replace(first, seed=5)
    out = spoken.speak(Requests([first], []), tmp_path / "out")
    wanted = bytes_of(out)
    loaded = Loaded.of(spoken.model, PARAMS, None)
    jobs, _ = jobs_of(Requests([other], []), places(spoken.features, ["toy"], N_MELS), loaded)
    speak_batch(jobs, loaded, out)  # and killed here
    assert bytes_of(spoken.speak(Requests([first], []), out)) == wanted


def test_a_damaged_table_of_a_run_before_is_made_again(spoken: Spoken, whole: Path, tmp_path: Path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "synthesis.parquet").write_bytes(b"PAR1")
    assert bytes_of(spoken.speak(wishes(tmp_path), out)) == bytes_of(whole)


def test_output_that_a_vocoder_chokes_on_is_a_reject_and_not_the_end_of_the_run(tmp_path: Path):
    features, normalise = write_corpus(tmp_path, n_training=2, n_validation=1)
    loud = Spoken(features, made_up_model(tmp_path, normalise, mel_std_ln=1e4))  # librosa's errors are neither RuntimeError nor ValueError
    wanted = [request_of_utterance("toy/s1/u000", PARAMS.synthesize)]
    out = loud.speak(Requests(wanted, []), tmp_path / "out")
    (reject,) = shards.read_table(out / "rejects.parquet", REJECTS).to_pylist()
    assert (reject["utterance_id"], reject["reason"]) == ("toy/s1/u000", "synthesis_failed")
