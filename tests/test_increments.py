"""Increments and versions as a user meets them: real `dvc` in a repository of its own, a corpus with alignments beside it."""

import hashlib
import json
import shutil
from pathlib import Path

import datasets
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile as sf
import yaml

from pipeline.shards import shard_index, shard_name
from tests.project import Project, clone_into
from workflows import demo_corpus

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("increments")]

N_SHARDS = 48
SMALL = {"extract": {"n_shards": N_SHARDS}, "pitch": {"adaptive": False}, "ingest": {"max_reject_share": 0.5}}
FOLDERS = ("data/ingest/demo", "data/align/demo", "data/extract/demo")
EDITED, DELETED, NEW = "demo/0011/0011_000004", "demo/0015/0015_000015", "demo/0015/0015_000099"
TRANSCRIPT, EMOTION = "demo/0011/0011_000005", "demo/0011/0011_000007"


def clone(folder: Path) -> Project:
    made = clone_into(folder, SMALL)
    params = yaml.safe_load((made.folder / "params.yaml").read_text())
    params["corpora"]["demo"]["aligner"] = "textgrid"
    (made.folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    return made


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """30 utterances after `dvc repro card`, committed and pushed; then five changes, `dvc repro card` and no commit."""
    made = clone(tmp_path_factory.mktemp("increments") / "clone")
    demo_corpus.make(made.folder / "data/corpora/demo", sentences_per_emotion=3)
    made.commit("clone")
    made.run("dvc", "repro", "card")
    made.run("dvc", "remote", "add", "-d", "store", str(made.folder.parent / "store"))
    made.run("dvc", "push")
    made.commit("first version")
    shutil.copytree(made.folder / "data", made.folder.parent / "before", copy_function=shutil.copy2)
    change(made.folder / "data/corpora/demo")
    made.run("dvc", "repro", "card")
    return made


def change(root: Path) -> None:
    """Add, edit and delete a recording, change a transcript and an emotion."""
    samples, rate_hz = sf.read(root / "0011/Angry/0011_000004.wav", dtype="int16")
    sf.write(root / "0011/Angry/0011_000004.wav", samples // 2, rate_hz)
    (root / "0015/Surprise/0015_000015.wav").unlink()
    shutil.copy(root / "0015/Neutral/0015_000001.wav", root / "0015/Neutral/0015_000099.wav")
    shutil.copy(root / "true_phones/0015/0015_000001.TextGrid", root / "true_phones/0015/0015_000099.TextGrid")
    lines = (root / "0015/0015.txt").read_text().splitlines()
    text = lines[0].split("\t")[1]
    (root / "0015/0015.txt").write_text("\n".join([*lines[:-1], f"0015_000099\t{text}\tNeutral"]) + "\n")
    lines = [line.split("\t") for line in (root / "0011/0011.txt").read_text().splitlines()]
    lines[4][1] += " Indeed."
    lines[6][2] = "Sad"
    (root / "0011/Sad/0011_000007.wav").write_bytes((root / "0011/Happy/0011_000007.wav").read_bytes())
    (root / "0011/Happy/0011_000007.wav").unlink()
    (root / "0011/0011.txt").write_text("\n".join("\t".join(line) for line in lines) + "\n")


def files(folder: Path) -> dict[str, tuple[str, int]]:
    """Hash and time of each file of the data stages and of the card, by path."""
    paths = [path for name in FOLDERS for path in (folder / name).rglob("*")] + [folder / "data/README.md"]
    return {str(p.relative_to(folder)): (hashlib.sha256(p.read_bytes()).hexdigest(), p.stat().st_mtime_ns) for p in paths if p.is_file()}


def shards_of(*utterance_ids: str) -> set[str]:
    return {shard_name(shard_index(utterance_id, N_SHARDS), N_SHARDS) for utterance_id in utterance_ids}


def test_rerun_after_nothing_changed_touches_nothing(project: Project):
    before = files(project.folder)
    assert len(before) > 50
    project.run("dvc", "repro", "card")
    assert files(project.folder) == before
    project.run("dvc", "repro", "-f", "extract")  # the stages themselves, too
    assert files(project.folder) == before


def test_changed_utterances_alone_are_rewritten_and_the_result_is_that_of_a_run_from_scratch(project: Project):
    after = files(project.folder)
    old = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in (project.folder.parent / "before/extract/demo").glob("features-*")}
    new = {Path(path).name: digest for path, (digest, _) in after.items() if "/features-" in path}
    changed = {name for name in {*old, *new} if old.get(name) != new.get(name)}
    assert changed == shards_of(EDITED, DELETED, NEW, TRANSCRIPT, EMOTION)
    scratch = clone(project.folder.parent / "scratch")
    shutil.copytree(project.folder / "data/corpora", scratch.folder / "data/corpora")
    scratch.commit("scratch")
    scratch.run("dvc", "repro", "card")
    assert {path: digest for path, (digest, _) in files(scratch.folder).items()} == {path: digest for path, (digest, _) in after.items()}
    assert DELETED.encode() not in b"".join(path.read_bytes() for name in FOLDERS for path in (project.folder / name).iterdir())


def test_push_uploads_about_what_changed(project: Project):
    store = project.folder.parent / "store"
    before = {path for path in store.rglob("*") if path.is_file()}
    project.run("dvc", "push")
    uploaded = sum(path.stat().st_size for path in store.rglob("*") if path.is_file() and path not in before)
    whole = sum(path.stat().st_size for path in (project.folder / "data/extract").rglob("*") if path.is_file())
    share_of_shards = len(shards_of(EDITED, DELETED, NEW, TRANSCRIPT, EMOTION)) / N_SHARDS
    assert 0 < uploaded < (2.5 * share_of_shards + 0.1) * whole  # shards differ in size; tables of the corpus are small


def test_diff_names_each_change_and_why(project: Project):
    (found,) = json.loads(project.run("python", "-m", "workflows.cli", "dataset", "diff", "HEAD", "--json"))
    assert found["added"] == {NEW: "kept"}
    assert {**found["removed"], **found["decided"]}.keys() == {DELETED}
    assert found["changed"] == {EDITED: ["audio"], TRANSCRIPT: ["text", "split: validation -> train"], EMOTION: ["emotion: happy -> sad"]}
    assert found["recipe"] == []
    told = project.run("python", "-m", "workflows.cli", "dataset", "diff", "HEAD")
    assert f"~ {EDITED}  audio" in told


def test_info_of_the_folder_and_of_a_revision(project: Project):
    now = json.loads(project.run("python", "-m", "workflows.cli", "dataset", "info", "--json"))["corpora"][0]
    then = json.loads(project.run("python", "-m", "workflows.cli", "dataset", "info", "--rev", "HEAD", "--json"))["corpora"][0]
    assert (now["utterances"], then["utterances"]) == (30, 30)
    assert now["dvc_md5"] != then["dvc_md5"]
    assert now["dvc_md5"] == yaml.safe_load((project.folder / "dvc.lock").read_text())["stages"]["extract@demo"]["outs"][0]["md5"]
    assert then["speakers"] == ["demo/0011", "demo/0015"]
    assert then["recipe"]["energy"]["params"]["energy"] == {"floor_db": -100.0}
    assert "textgrid (30)" in project.run("python", "-m", "workflows.cli", "dataset", "info")


def test_unknown_revision_and_data_that_is_nowhere_are_told_with_the_next_action(project: Project, tmp_path: Path):
    told = project.run("python", "-m", "workflows.cli", "dataset", "info", "--rev", "nowhere", code=1)
    assert "name a commit, branch or tag" in told
    lost = Project(Path(shutil.copytree(project.folder, tmp_path / "lost")))
    shutil.rmtree(lost.folder / ".dvc/cache")
    lost.run("dvc", "remote", "add", "-f", "-d", "store", str(tmp_path / "empty"))
    told = lost.run("python", "-m", "workflows.cli", "dataset", "diff", "HEAD", code=1)
    assert "dvc fetch" in told


def overwrite(path: Path, column: str, value: object) -> None:
    """The table with one value in all rows of a column."""
    table = pq.read_table(path)
    at = table.schema.get_field_index(column)
    same = pa.array([value] * len(table), table.schema.field(at).type)
    pq.write_table(table.set_column(at, table.schema.field(at), same), path)


def test_verify_passes_what_is_whole_and_names_what_is_not(project: Project, tmp_path: Path):
    assert "whole" in project.run("python", "-m", "workflows.cli", "dataset", "verify", "--audio")
    broken = Project(Path(shutil.copytree(project.folder, tmp_path / "broken")))
    shards = sorted((broken.folder / "data/extract/demo").glob("features-*.parquet"))
    overwrite(shards[0], "n_frames", 1)
    shards[1].write_bytes(shards[1].read_bytes()[:-9])
    (broken.folder / "data/corpora/demo/0011/Neutral/0011_000001.wav").unlink()
    faults = json.loads(broken.run("python", "-m", "workflows.cli", "dataset", "verify", "--audio", "--json", code=1))["faults"]
    assert len(faults) == 4
    assert f"{shards[0].name}, {shards[1].name}; run `dvc checkout`" in faults[0]
    assert shards[0].name in faults[1]
    assert "n_frames" in faults[1] or "duration_sum_error" in faults[1]
    assert shards[1].name in faults[2]
    assert "audio_missing" in faults[3]


def test_verify_finds_rows_that_are_lost_misplaced_or_of_other_recordings(project: Project, tmp_path: Path):
    broken = Project(Path(shutil.copytree(project.folder, tmp_path / "broken")))
    shards = sorted((broken.folder / "data/extract/demo").glob("features-*.parquet"))
    shards[0].unlink()
    shards[1].rename(shards[0])
    utterances = broken.folder / "data/ingest/demo/utterances.parquet"
    overwrite(utterances, "audio_sha256", "0" * 64)
    told = broken.run("python", "-m", "workflows.cli", "dataset", "verify", code=1)
    for fault in ("neither kept nor rejected", "does not belong into shard", "was not made from what the tables hold"):
        assert fault in told


def test_shards_are_read_by_datasets_and_polars_as_they_are(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    paths = sorted((project.folder / "data/extract/demo").glob("features-*.parquet"))
    ours = {row["utterance_id"]: row for path in paths for row in pq.read_table(path).to_pylist()}
    loaded = datasets.load_dataset("parquet", data_files=[str(path) for path in paths], split="train", cache_dir=str(tmp_path))
    assert len(loaded) == 30
    row = loaded[0]
    assert row["duration_frames"] == ours[row["utterance_id"]]["duration_frames"]
    assert sum(row["duration_frames"]) == row["n_frames"] == len(row["mel_ln"])
    frame = polars.read_parquet(paths)
    assert frame["utterance_id"].to_list() == [one for path in paths for one in pq.read_table(path).column("utterance_id").to_pylist()]
    assert frame["n_frames"].sum() == sum(row["n_frames"] for row in ours.values())
    assert frame["mel_ln"].list.len().to_list() == frame["n_frames"].to_list()


def test_card_names_the_shards_for_hugging_face_and_counts_hours(project: Project, tmp_path: Path):
    text = (project.folder / "data/README.md").read_text()
    header = yaml.safe_load(text.split("---\n")[1])
    assert [config["config_name"] for config in header["configs"]] == ["demo", "demo-quality"]
    for config in header["configs"]:
        assert len(list((project.folder / "data").glob(config["data_files"]))) > 20
    assert "| demo/0011 | angry |" in text
    assert "`energy.floor_db: -100.0`" in text
    assert "### Rejected\n\nNone." in text
    hub = tmp_path / "hub"
    shutil.copytree(project.folder / "data/extract", hub / "extract")
    shutil.copy(project.folder / "data/README.md", hub / "README.md")
    assert len(datasets.load_dataset(str(hub), "demo", split="train", cache_dir=str(tmp_path / "cache"))) == 30
