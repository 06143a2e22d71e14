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

from model.tts import Tts
from pipeline import cluster, shards
from schemas.errors import EspressivoError
from schemas.params import Params, load_params
from schemas.tables.rejects import REJECTS
from schemas.tables.speakers import CORPUS_ROW
from schemas.tables.synthesis import synthesis_contract
from tests.conftest import PROJECT
from tests.model.tiny_model import CONFIG
from tests.workflows.synthetic_features import EMOTIONS, N_MELS, PHONES, SPEAKERS, write_corpus
from workflows import batch_synthesis
from workflows.batch_synthesis import SynthesisParams, _jobs, places, speak_batch, synthesise
from workflows.checkpoint import TtsMetadata, save_tts
from workflows.dataset import Vocabulary, read_statistics
from workflows.requests import Requests, read_requests, request_of_utterance
from workflows.synthesize import SynthesizeStageParams, run
from workflows.wav_metadata import read_told

ALL = load_params(PROJECT / "params.yaml", Params)
PARAMS = SynthesisParams(
    frames=ALL.frames,
    mel=ALL.mel.model_copy(update={"n_mels": N_MELS}),
    synthesize=ALL.synthesize.model_copy(update={"vocoder": "griffin_lim", "max_reject_share": 1.0}),
)
CONTRACT = synthesis_contract(N_MELS)


@dataclasses.dataclass(frozen=True)
class Project:
    """Features and a model that fit each other."""

    features: Path
    model: Path

    def speak(self, wanted: Requests, out: Path, params: SynthesisParams = PARAMS) -> Path:
        """The folder after a run."""
        recorded = places(self.features, ["toy"], N_MELS)
        synthesise("synthesize", wanted, recorded, self.model, params, out, out.with_suffix(".json"))
        return out


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("project")
    features, normalise = write_corpus(folder, n_training=8, n_validation=2)
    torch.manual_seed(0)
    phones = (*PHONES, "AH", "HH", "L", "OW")  # of "hello"
    config = dataclasses.replace(CONFIG, n_phones=len(phones) + 2, n_speakers=3, n_emotions=3)
    tts = Tts(config)
    for parameter in tts.estimator.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    statistics = read_statistics(normalise)
    assert CORPUS_ROW in statistics
    vocabulary = Vocabulary(("toy",), phones, SPEAKERS, EMOTIONS)
    metadata = TtsMetadata(vocabulary, statistics, PARAMS.frames.model_dump(), PARAMS.mel.model_dump(), {"dataset": {"toy": "md5:1"}})
    save_tts(folder / "tts.safetensors", config, tts.state_dict(), metadata)
    return Project(features, folder / "tts.safetensors")


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
def whole(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    return project.speak(wishes(folder), folder / "out")


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
    row = next(r for r in shards.read_table(whole / "synthesis.parquet", CONTRACT).to_pylist() if r["request_id"] == "again")
    assert (row["utterance_id"], row["prosody"], row["intensity"]) == ("toy/s1/u000", "reference", 1.5)
    assert read_told(whole / row["copy_wav"])["copy"]


def test_a_curve_changes_its_phone_on_top_of_the_whole(whole: Path):
    rows = {row["request_id"]: row for row in shards.read_table(whole / "synthesis.parquet", CONTRACT).to_pylist()}
    own, curved = (np.array(rows[name]["duration_frames"]) for name in ("again", "curved"))
    assert np.abs(curved[:5] - own[:5] / 2).max() <= 1
    assert curved[5] == pytest.approx(own[5], abs=1)
    assert len(rows["curved"]["asked_f0_hz"]) == curved.sum()


def test_bytes_depend_on_no_batch_size_nor_order(project: Project, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(batch_synthesis, "BATCH_REQUESTS", 3)
    wanted = wishes(tmp_path)
    assert bytes_of(project.speak(Requests(wanted.sound[::-1], wanted.faulty), tmp_path / "out")) == bytes_of(whole)


def test_bytes_depend_on_no_number_of_threads(project: Project, whole: Path, tmp_path: Path):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert bytes_of(project.speak(wishes(tmp_path), tmp_path / "out")) == bytes_of(whole)
    finally:
        torch.set_num_threads(before)


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_bytes_depend_on_no_number_of_workers(project: Project, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: str):
    monkeypatch.setattr(batch_synthesis, "FEW_REQUESTS", 0)
    monkeypatch.setattr(batch_synthesis, "BATCH_REQUESTS", 2)
    monkeypatch.setenv("ESPRESSIVO_WORKERS", workers)
    assert bytes_of(project.speak(wishes(tmp_path), tmp_path / "out")) == bytes_of(whole)


def test_a_run_that_was_broken_off_keeps_what_stands_and_ends_the_same(project: Project, whole: Path, tmp_path: Path):
    wanted, out = wishes(tmp_path), tmp_path / "out"
    jobs, _ = _jobs(wanted, places(project.features, ["toy"], N_MELS), project.model, PARAMS)
    for batch in cluster.in_batches(jobs[:4], 2):
        speak_batch(batch, project.model, PARAMS, out)
    (out / "wavs/model" / ".half.wav.0123.partial").write_bytes(b"RIFF")
    stood = {path: path.stat().st_mtime_ns for path in out.rglob("*.wav")}
    assert stood
    project.speak(wanted, out)
    assert bytes_of(out) == bytes_of(whole)
    assert {path: path.stat().st_mtime_ns for path in stood} == stood


@pytest.mark.slow
def test_a_stage_that_was_killed_ends_the_same_when_it_is_run_again(project: Project, whole: Path, tmp_path: Path):
    wishes(tmp_path)
    params = yaml.safe_load((PROJECT / "params.yaml").read_text())
    params["mel"]["n_mels"] = N_MELS
    params["synthesize"] |= {"vocoder": "griffin_lim", "max_reject_share": 1.0, "requests": "wishes.jsonl"}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    out = tmp_path / "out"
    paths = {
        "features": project.features,
        "voices": tmp_path / "voices",
        "model": project.model,
        "out": out,
        "metrics": tmp_path / "m.json",
    }
    paths["params"] = tmp_path / "params.yaml"
    command = [sys.executable, "-m", "workflows.synthesize", *(str(part) for name, path in paths.items() for part in (f"--{name}", path))]
    first = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while first.poll() is None and not list(out.glob("parts/*.parquet")):
        time.sleep(0.05)
    first.kill()
    first.wait()
    again = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    assert "requests stand from a run before" in again.stdout
    assert bytes_of(out) == bytes_of(whole)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"emotion": "agry"}, "did you mean 'angry'"),
        ({"prosody_from": "toy/s1/u00"}, "did you mean 'toy/s1"),
        ({"split": "test"}, "test_share"),
    ],
)
def test_what_all_rows_would_stumble_over_is_told_once(project: Project, tmp_path: Path, changes: dict[str, str], told: str):
    given = {"frames": PARAMS.frames, "mel": PARAMS.mel, "synthesize": PARAMS.synthesize.model_copy(update=changes)}
    with pytest.raises(EspressivoError, match=told):
        run(
            SynthesizeStageParams(**given),
            tmp_path,
            project.features,
            tmp_path / "voices",
            project.model,
            tmp_path / "out",
            tmp_path / "m.json",
        )


def test_what_is_no_longer_asked_for_goes_and_what_changed_is_spoken_again(project: Project, tmp_path: Path):
    ids = ["toy/s1/u000", "toy/s2/u001", "toy/s1/u002"]
    wanted = [request_of_utterance(name, PARAMS.synthesize) for name in ids]
    out = project.speak(Requests(wanted, []), tmp_path / "out")
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.wav")}
    changed = [wanted[0], dataclasses.replace(wanted[1], rate=0.5)]
    project.speak(Requests(changed, []), out)
    after = {path: path.stat().st_mtime_ns for path in out.rglob("*.wav")}
    assert [path.stem for path in before if path not in after] == ["u002", "u002"]
    assert {path.stem for path, time in after.items() if before[path] != time} == {"u001"}


def test_a_recording_of_another_request_under_the_same_name_is_not_taken_for_it(project: Project, tmp_path: Path):
    first = request_of_utterance("toy/s1/u000", PARAMS.synthesize)
    other = dataclasses.replace(first, seed=5)
    out = project.speak(Requests([first], []), tmp_path / "out")
    wanted = bytes_of(out)
    jobs, _ = _jobs(Requests([other], []), places(project.features, ["toy"], N_MELS), project.model, PARAMS)
    speak_batch(jobs, project.model, PARAMS, out)  # and killed here
    assert bytes_of(project.speak(Requests([first], []), out)) == wanted


def test_a_damaged_table_of_a_run_before_is_made_again(project: Project, whole: Path, tmp_path: Path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "synthesis.parquet").write_bytes(b"PAR1")
    assert bytes_of(project.speak(wishes(tmp_path), out)) == bytes_of(whole)
