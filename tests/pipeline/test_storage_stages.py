"""Ingest, align and extract of a corpus in a bucket, on workers: the bytes are those of the same corpus in a folder; faults mid-way."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow.parquet as pq
import pytest
import yaml

from pipeline import align, extract, ingest
from pipeline.aligners.mfa import align_mfa
from pipeline.storage import opened
from schemas.errors import StorageError, TooManyRejectsError
from tests.conftest import PROJECT
from tests.pipeline.aligners.test_mfa import Bench
from tests.s3 import Store, serving
from workflows import demo_corpus

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("s3")]

Stage = Literal["ingest", "align", "extract"]
STAGES: tuple[Stage, ...] = ("ingest", "align", "extract")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The server, and two worker processes that know it."""
    from distributed import LocalCluster

    with (
        serving(tmp_path_factory.mktemp("aws")) as store,
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0") as local,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("ESPRESSIVO_SCHEDULER", local.scheduler_address)
        yield store


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten utterances with TextGrids."""
    made = tmp_path_factory.mktemp("corpus")
    demo_corpus.make(made, sentences_per_emotion=1)
    return made


@dataclass(frozen=True)
class Project:
    """A folder with a params.yaml of one corpus, and stages as their commands run them."""

    folder: Path

    def run(self, stage: Stage) -> None:
        """Run a stage."""
        data, params = self.folder / "data", self.folder / "params.yaml"
        utterances, alignments = data / "ingest/utterances.parquet", data / "align/alignments.parquet"
        places = {"corpus": "demo", "out": data / stage, "metrics": self.folder / f"metrics/{stage}.json", "params": params}
        match stage:
            case "ingest":
                ingest.main(**places)
            case "align":
                align.main(**places, utterances=utterances)
            case "extract":
                extract.main(**places, utterances=utterances, alignments=alignments)

    def hashes(self) -> dict[str, str]:
        """SHA-256 of each file that stages wrote."""
        files = sorted(path for top in ("data", "metrics") for path in (self.folder / top).rglob("*") if path.is_file())
        return {str(path.relative_to(self.folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    def rejects(self, stage: Stage) -> dict[str, str]:
        """Reason of each rejected utterance of a stage."""
        rows = pq.read_table(self.folder / "data" / stage / "rejects.parquet").to_pylist()
        return {row["utterance_id"]: row["reason"] for row in rows}

    def recordings(self) -> dict[str, str]:
        """Path below the root of each ingested utterance."""
        rows = pq.read_table(self.folder / "data/ingest/utterances.parquet").to_pylist()
        return {row["utterance_id"]: row["audio_path"] for row in rows}


def project(folder: Path, root: str, aligner: str) -> Project:
    params = yaml.safe_load((PROJECT / "params.yaml").read_text())
    params["corpora"]["demo"] |= {"root": root, "aligner": aligner}
    params["extract"] |= {"n_shards": 4}
    params["align"]["pocketsphinx"] |= {"refine_min_utterances": 5}
    for stage in STAGES:
        params[stage] |= {"max_reject_share": 0.5}
    folder.mkdir()
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    return Project(folder)


@pytest.mark.parametrize("aligner", ["pocketsphinx", "textgrid"])
def test_a_bucket_gives_the_bytes_of_a_folder_and_each_recording_is_fetched_once_a_stage(
    store: Store, folder: Path, tmp_path: Path, aligner: str
) -> None:
    local = project(tmp_path / "local", str(folder), aligner)
    remote = project(tmp_path / "remote", store.upload(folder, "corpora/demo"), aligner)
    for stage in STAGES:
        local.run(stage)
        store.proxy.reset()
        remote.run(stage)
        fetched = {key: count for key, count in store.proxy.got.items() if key.endswith(".wav")}
        assert set(fetched.values()) == ({1} if (stage, aligner) != ("align", "textgrid") else set())
    assert len(local.recordings()) == 10
    assert len(local.hashes()) > 10
    assert remote.hashes() == local.hashes()


def test_objects_that_change_between_the_stages_are_rejects(store: Store, folder: Path, tmp_path: Path) -> None:
    url = store.upload(folder)
    remote = project(tmp_path / "remote", url, "textgrid")
    remote.run("ingest")
    remote.run("align")
    (gone, gone_path), (cut, cut_path), (refused, refused_path), *_ = remote.recordings().items()
    store.delete(f"{url}/{gone_path}")
    store.put(f"{url}/{cut_path}", (folder / cut_path).read_bytes()[:-1000])
    store.proxy.fault = lambda key: "forbid" if key == refused_path else None
    remote.run("extract")
    assert remote.rejects("extract") == {gone: "audio_missing", cut: "audio_changed", refused: "storage_failed"}


def test_a_server_that_goes_away_ends_the_stage_and_a_rerun_is_whole(store: Store, folder: Path, tmp_path: Path) -> None:
    url = store.upload(folder)
    remote = project(tmp_path / "remote", url, "textgrid")
    remote.run("ingest")
    whole = remote.hashes()

    def leave_after_five(key: str) -> None:
        store.proxy.away = sum(count for key, count in store.proxy.got.items() if key.endswith(".wav")) > 5

    store.proxy.reset()
    store.proxy.fault = leave_after_five
    with pytest.raises(StorageError, match=r"cannot be listed: .*; look at AWS_PROFILE"):
        remote.run("ingest")
    store.proxy.reset()
    remote.run("ingest")
    assert remote.hashes() == whole


def test_objects_that_are_all_refused_pass_the_limit_on_rejects(store: Store, folder: Path, tmp_path: Path) -> None:
    remote = project(tmp_path / "remote", store.upload(folder), "textgrid")
    store.proxy.fault = lambda key: "forbid" if key.endswith(".wav") else None
    with pytest.raises(TooManyRejectsError, match="storage_failed 10"):
        remote.run("ingest")


def test_mfa_is_given_copies_of_the_objects(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAND_IN_REPORT", str(tmp_path / "report.json"))
    bench = Bench(tmp_path)
    spoken = [bench.speak("a.wav", "one"), bench.speak("b.flac", "two"), bench.speak("c.ogg.wav", "two one", rate_hz=8000)]
    local = align_mfa(spoken, bench.root, bench.params, 1)
    with opened(store.upload(bench.root), tmp_path, tmp_path / "out") as root:
        store.proxy.reset()
        assert align_mfa(spoken, root, bench.params, 1) == local
    assert len(local) == 3
    assert {store.proxy.got[one.audio_path] for one in spoken} == {1}
