"""From folders to the utterances table: every file in is a row or a reject, on the real cluster."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile as sf
import yaml

from pipeline.ingest import IngestStageParams, main, run
from pipeline.shards import write_table
from schemas.errors import CorpusError, TooManyRejectsError
from schemas.params import AdapterName, CorpusParams, IngestParams, load_params
from schemas.tables.probes import PROBES
from schemas.tables.rejects import REJECTS
from schemas.tables.utterances import UTTERANCES

PROJECT = Path(__file__).resolve().parents[2]
Ingested = Callable[..., dict[str, object]]
PARAMS = load_params(PROJECT / "params.yaml", IngestStageParams)


def ingest_params(**changes: object) -> IngestParams:
    fixed = {"min_duration_s": 0.3, "max_duration_s": 5.0, "min_peak_db": -50.0, "max_reject_share": 1.0}
    return PARAMS.ingest.model_copy(update={**fixed, **changes})


def corpus(**changes: object) -> CorpusParams:
    return PARAMS.corpora["demo"].model_copy(update={"adapter": "folder", "table": None, **changes})


def tone(path: Path, seconds: float = 0.5, amplitude: float = 0.5, text: str = "Said.") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    sf.write(path, amplitude * np.sin(np.arange(round(seconds * 16000)) / 8), 16000)
    path.with_suffix(".txt").write_text(text, encoding="utf-8")


def rows(out: Path, name: str) -> list[dict[str, object]]:
    table = pq.read_table(out / f"{name}.parquet")
    {"utterances": UTTERANCES, "rejects": REJECTS}[name].check(table)
    return table.to_pylist()


@pytest.fixture
def ingested(cluster: str, tmp_path: Path) -> Ingested:
    """Run the stage on ``tmp_path/root`` and give its metrics."""

    def ingest(**changes: object) -> dict[str, object]:
        run("c", corpus(), ingest_params(**changes), tmp_path / "root", tmp_path / "out", tmp_path / "m/c.json")
        return json.loads((tmp_path / "m/c.json").read_text(encoding="utf-8"))

    return ingest


def test_good_file_becomes_a_row_with_all_that_is_known_of_it(ingested: Ingested, tmp_path: Path) -> None:
    tone(tmp_path / "root/ann/a.wav", seconds=0.75, text=" Hello.\n")
    metrics = ingested()
    (row,) = rows(tmp_path / "out", "utterances")
    assert row.pop("audio_sha256")
    assert row.pop("peak_db") == pytest.approx(-6.02, abs=0.01)
    assert row == {
        "utterance_id": "c/ann/a", "corpus": "c", "speaker": "c/ann", "emotion": "unknown", "emotion_label": "", "intensity": None,
        "language": "en-us", "gender": "unknown", "text": "Hello.", "audio_path": "ann/a.wav", "sample_rate_hz": 16000,
        "n_samples": 12000, "n_channels": 1, "duration_s": 0.75, "split": "train",
    }  # fmt: skip
    assert metrics == {
        "rows_in": 1, "rows_out": 1, "rejected": 0, "reasons": {}, "audio_files": 1,
        "audio_files_ignored": 0, "splits": {"train": 1, "validation": 0, "test": 0},
        "split_by": "text", "split_forced_to_utterance": False, "speakers": 1, "emotions": {"unknown": 1}, "hours": 0.0002,
    }  # fmt: skip


def bad_files(root: Path) -> dict[str, str]:
    """Files with each fault that ingest knows, and the reason of each by id."""
    tone(root / "s/short.wav", seconds=0.2)
    tone(root / "s/long.wav", seconds=6)
    tone(root / "s/silent.wav", amplitude=0.001)
    tone(root / "s/empty.wav", seconds=0)
    tone(root / "s/wordless.wav", text="...")
    tone(root / "s/garbage.wav")
    (root / "s/garbage.wav").write_bytes(b"garbage")
    tone(root / "s/deep/good.wav")
    tone(root / "s/good.wav")
    tone(root / "s/untold.wav")
    (root / "s/untold.txt").unlink()
    sf.write(root / "s/nan.wav", np.full(16000, np.nan), 16000, subtype="FLOAT")
    (root / "s/nan.lab").write_text("Said.")
    (root / "s/outside.wav").symlink_to("/dev/null")
    return {
        "c/s/short": "audio_too_short", "c/s/long": "audio_too_long", "c/s/silent": "audio_silent", "c/s/empty": "audio_empty",
        "c/s/wordless": "text_empty", "c/s/garbage": "audio_unreadable", "c/?/s/good.wav": "duplicate_id", "c/s/untold": "text_missing",
        "c/s/nan": "audio_not_finite", "c/?/s/outside.wav": "path_outside_root",
    }  # fmt: skip


def test_each_bad_file_is_a_reject_with_its_reason_and_nothing_disappears(ingested: Ingested, tmp_path: Path) -> None:
    expected = bad_files(tmp_path / "root")
    metrics = ingested()
    assert {row["utterance_id"]: row["reason"] for row in rows(tmp_path / "out", "rejects")} == expected
    assert [row["audio_path"] for row in rows(tmp_path / "out", "utterances")] == ["s/deep/good.wav"]
    assert metrics["rows_in"] == metrics["audio_files"] == len(expected) + 1 == len(list((tmp_path / "root").rglob("*.wav")))


def test_tables_are_written_before_too_many_rejects_stop_the_stage(ingested: Ingested, tmp_path: Path) -> None:
    expected = bad_files(tmp_path / "root")
    with pytest.raises(TooManyRejectsError, match=f"{len(expected)} of {len(expected) + 1} rows rejected"):
        ingested(max_reject_share=0.5)
    assert len(rows(tmp_path / "out", "rejects")) == len(expected)
    assert len(rows(tmp_path / "out", "utterances")) == 1


def test_more_files_than_a_batch_give_equal_bytes_in_two_runs_and_two_places(cluster: str, tmp_path: Path) -> None:
    for place in ("first", "other/place"):
        for number in range(120):
            tone(tmp_path / place / f"s{number % 3}/u{number}.wav", seconds=0.3, text=f"Sentence {number % 40}.")
        (tmp_path / place / "s1/broken.flac").write_bytes(b"fLaC")
        run("c", corpus(), ingest_params(), tmp_path / place, tmp_path / "out" / place, tmp_path / "m.json")
    for name in ("utterances.parquet", "rejects.parquet"):
        assert (tmp_path / "out/first" / name).read_bytes() == (tmp_path / "out/other/place" / name).read_bytes()
    found = rows(tmp_path / "out/first", "utterances")
    assert len(found) == 120
    assert all(len({row["split"] for row in found if row["text"] == text}) == 1 for text in {row["text"] for row in found})
    assert {row["split"] for row in found} == {"train", "validation", "test"}


def test_second_run_touches_nothing_and_an_increment_equals_a_run_from_scratch(ingested: Ingested, tmp_path: Path) -> None:
    bad_files(tmp_path / "root")
    for number in range(3):
        tone(tmp_path / f"root/s/u{number}.wav", seconds=0.4 + 0.1 * number)
    ingested()
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in (tmp_path / "out").iterdir()}
    ingested()
    assert {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in (tmp_path / "out").iterdir()} == before
    tone(tmp_path / "root/s/u0.wav", seconds=0.9)
    (tmp_path / "root/s/u1.wav").unlink()
    tone(tmp_path / "root/s/new.wav", text="New.")
    ingested(min_peak_db=-3.0)
    run("c", corpus(), ingest_params(min_peak_db=-3.0), tmp_path / "root", tmp_path / "scratch", tmp_path / "m.json")
    for name in ("utterances.parquet", "rejects.parquet", "probes.parquet"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "scratch" / name).read_bytes()
    assert len(rows(tmp_path / "out", "rejects")) > 3  # those of 0.5 are silent now


def test_unchanged_file_is_not_decoded_again(ingested: Ingested, tmp_path: Path) -> None:
    """The kept peak is another than the file's: a file that is decoded again would bring its own back."""
    tone(tmp_path / "root/s/a.wav")
    tone(tmp_path / "root/s/b.wav")
    ingested()
    kept = pq.read_table(tmp_path / "out/probes.parquet").to_pylist()
    write_table(tmp_path / "out/probes.parquet", PROBES.table([row | {"peak_db": -1.5} for row in kept]), PROBES)
    tone(tmp_path / "root/s/b.wav", seconds=0.7)
    ingested()
    assert [row["peak_db"] for row in rows(tmp_path / "out", "utterances")] == [-1.5, pytest.approx(-6.02, abs=0.01)]


def test_one_sentence_by_all_is_split_by_utterance_and_the_metric_says_so(ingested: Ingested, tmp_path: Path) -> None:
    for number in range(12):
        tone(tmp_path / f"root/s/u{number}.wav", seconds=0.3)
    assert ingested()["split_forced_to_utterance"] is True
    assert {row["split"] for row in rows(tmp_path / "out", "utterances")} == {"train", "validation", "test"}


def test_folder_without_audio_is_a_corpus_error_and_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    with pytest.raises(CorpusError, match="no audio file in"):
        run("c", corpus(), ingest_params(), tmp_path / "root", tmp_path / "out", tmp_path / "m.json")
    assert not (tmp_path / "out").exists()


def test_main_takes_the_root_relative_to_the_params_file(cluster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tone(tmp_path / "project/speech/s/a.wav")
    document = yaml.safe_load((PROJECT / "params.yaml").read_text(encoding="utf-8"))
    document["corpora"]["demo"] |= {"adapter": "folder", "root": "speech"}
    (tmp_path / "project/params.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    main("demo", Path("out"), Path("m.json"), Path("project/params.yaml"))
    assert [row["utterance_id"] for row in rows(tmp_path / "out", "utterances")] == ["demo/s/a"]


@pytest.mark.parametrize(("folder", "adapter"), [("emodb_dev", "emodb"), ("kathleen_dev", "ljspeech")])
def test_real_corpus_comes_through_whole(cluster: str, shared_data: Path, tmp_path: Path, folder: str, adapter: AdapterName) -> None:
    if not (shared_data / folder).is_dir():
        pytest.skip(f"{folder} is not in ../shared/data")
    run("c", corpus(adapter=adapter), ingest_params(max_duration_s=30.0), shared_data / folder, tmp_path, tmp_path / "m.json")
    n_files = len([path for path in (shared_data / folder).rglob("*.flac") if path.parent.name != "egg"])
    assert len(rows(tmp_path, "utterances")) + len(rows(tmp_path, "rejects")) == n_files > 0
    assert not rows(tmp_path, "rejects")
