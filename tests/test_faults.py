"""The fault corpus through the real stages: every run ends, the good rows are there, each bad one is a reject with its own reason."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile as sf
import yaml

from pipeline import align, extract, ingest, normalise, shards
from schemas.params import Params
from tests.conftest import PROJECT
from tests.faults import CASES, LAYOUTS, NONE_LOST, PHONES, TONE, CorpusName, Place, build

STAGES = ("ingest", "align", "extract")


@dataclass(frozen=True)
class Outcome:
    """What became of a corpus: rejects as id to stage and reason, and the ids of the feature rows."""

    rejects: dict[str, tuple[str, str]]
    kept: set[str]
    details: dict[str, str]


def parameters(folder: Path) -> Params:
    """The project's parameters, with the four corpora, no limit on rejects and none on quality."""
    document = yaml.safe_load((PROJECT / "params.yaml").read_text(encoding="utf-8"))
    demo = document["corpora"]["demo"]
    document["corpora"] = {
        name: demo
        | {"adapter": layout.adapter, "aligner": layout.aligner, "root": str(folder / name), "textgrid_dir": "."}
        | {"table": layout.table.model_dump() if layout.table else None}
        for name, layout in LAYOUTS.items()
    }
    for stage in STAGES:
        document[stage]["max_reject_share"] = 1.0
    off = dict.fromkeys(document["quality"])  # tones labelled as phones are no speech; quality has tests of its own
    document["quality"] = off | {"outlier_z": 4.0}
    (folder / "params.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    return Params.model_validate(document)


def run_stages(folder: Path, name: CorpusName, params: Params) -> Outcome:
    """Ingest, align and extract one of the four corpora, with what happens to its files in between."""
    root, data = folder / name, folder / "data"
    places = build(root, name)
    block, out = params.corpora[name], {stage: data / stage / name for stage in STAGES}
    utterances, alignments = out["ingest"] / "utterances.parquet", out["align"] / "alignments.parquet"
    ingest.run(name, block, params.ingest, root, out["ingest"], folder / "ingest.json")
    happen_before("align", places)
    align.run(block, params.align, root, utterances, out["align"], folder / "align.json")
    happen_before("extract", places)
    chosen = {section: getattr(params, section) for section in extract.ExtractStageParams.model_fields}
    whole = extract.ExtractStageParams.model_construct(**chosen)
    extract.run(name, whole, root, utterances, alignments, out["extract"], folder / "extract.json")
    rejects = [row for stage in STAGES for row in pq.read_table(out[stage] / "rejects.parquet").to_pylist()]
    kept = [row["utterance_id"] for row in shards.iter_rows(shards.shard_paths(out["extract"]), ["utterance_id"])]
    return Outcome(
        {row["utterance_id"]: (row["stage"], row["reason"]) for row in rejects},
        set(kept),
        {row["utterance_id"]: row["detail"] for row in rejects},
    )


def happen_before(stage: str, places: dict[str, Place]) -> None:
    for case in CASES:
        if case.name in places and case.later is not None and case.later[0] == stage:
            case.later[1](places[case.name])


@pytest.fixture(scope="module")
def done(cluster: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[CorpusName, Outcome]]:
    """The four corpora after their stages, and normalise over what is left of them."""
    folder = tmp_path_factory.mktemp("faults")
    params = parameters(folder)
    outcomes = {name: run_stages(folder, name, params) for name in LAYOUTS}
    chosen = {section: getattr(params, section) for section in normalise.NormaliseStageParams.model_fields}
    normalise.run(normalise.NormaliseStageParams.model_construct(**chosen), folder / "data/extract", folder / "data/normalise")
    return folder, outcomes


def test_cases_have_names_and_ids_of_their_own():
    assert len(CASES) > 100
    assert len({case.name for case in CASES}) == len({case.row_id for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name[:60])
def test_case_is_kept_or_rejected_at_its_stage_with_its_reason(done: tuple[Path, dict[CorpusName, Outcome]], case):
    outcome = done[1][case.corpus]
    found = outcome.rejects.get(case.row_id)
    if case.fate is None:
        assert found is None, outcome.details[case.row_id]
        assert case.row_id in outcome.kept
    elif case.fate[0] == NONE_LOST:
        assert found is None
        assert case.row_id not in outcome.kept
    else:
        stage, reasons = case.fate
        assert found is not None
        assert (found[0], found[1] in reasons) == (stage, True), (found, outcome.details[case.row_id])
        assert case.row_id not in outcome.kept


@pytest.mark.parametrize("name", LAYOUTS)
def test_nothing_else_is_kept_or_rejected(done: tuple[Path, dict[CorpusName, Outcome]], name: CorpusName):
    known = {case.row_id for case in CASES if case.corpus == name}
    outcome = done[1][name]
    assert (outcome.kept | outcome.rejects.keys()) - known == set()
    assert not outcome.kept & outcome.rejects.keys()


def test_no_reason_is_a_surprise_and_every_detail_can_be_read(done: tuple[Path, dict[CorpusName, Outcome]]):
    for outcome in done[1].values():
        assert {reason for _, reason in outcome.rejects.values()} & {"internal_error", "contract_broken"} == set()
        assert all(0 < len(detail) <= 500 and str(done[0]) not in detail for detail in outcome.details.values())


def test_statistics_and_vocabulary_come_of_the_good_rows_alone(done: tuple[Path, dict[CorpusName, Outcome]]):
    vocabulary = json.loads((done[0] / "data/normalise/vocabulary.json").read_text(encoding="utf-8"))
    assert set(vocabulary["corpora"]) == set(LAYOUTS)
    assert max(map(len, vocabulary["phones"])) < 10


# --- memory --------------------------------------------------------------------------------------------------------------------


def peak_mib(folder: Path, root: Path, stage: str) -> float:
    """Peak of the largest process of a stage's real run with one worker on the corpus `grids` moved to `root`, MiB."""
    document = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))
    document["corpora"]["grids"]["root"] = str(root)
    (folder / "params.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    data = folder / "data" / root.name
    arguments = [
        "--corpus",
        "grids",
        "--out",
        str(data / stage),
        "--metrics",
        str(folder / "m.json"),
        "--params",
        str(folder / "params.yaml"),
    ]
    if stage != "ingest":
        arguments += ["--utterances", str(data / "ingest/utterances.parquet")]
    if stage == "extract":
        arguments += ["--alignments", str(data / "align/alignments.parquet")]
    environment = os.environ | {"ESPRESSIVO_SCHEDULER": "local", "ESPRESSIVO_WORKERS": "1"}
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", f"pipeline.{stage}", *arguments], cwd=PROJECT, env=environment, stderr=log)
        _, status, usage = os.wait4(process.pid, 0)  # the larger of its own peak and its children's
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, (folder / "log.txt").read_text(encoding="utf-8")
    return usage.ru_maxrss / 1024


def good_place(root: Path, name: str) -> Place:
    place = Place(root, "s", name)
    place.path().parent.mkdir(parents=True, exist_ok=True)
    place.record(TONE)
    place.say("A tone.")
    place.grid(*PHONES)
    return place


@pytest.mark.slow
def test_no_fault_makes_a_stage_take_much_more_memory_than_good_recordings_do(tmp_path: Path):
    """Ten minutes of sound (330 MB as floats), headers that claim gigabytes, labels and lines without end."""
    parameters(tmp_path)
    good_place(tmp_path / "good", "a")
    build(tmp_path / "grids", "grids")
    long = good_place(tmp_path / "grids", "ten_minutes_of_three_channels")
    with sf.SoundFile(long.path(), "w", 48000, 3) as file:
        for _ in range(600):
            file.write(np.repeat(TONE, 3)[:, None].repeat(3, axis=1))
    for stage in STAGES:
        good, bad = (peak_mib(tmp_path, tmp_path / name, stage) for name in ("good", "grids"))
        print(f"{stage}: {good:.0f} MiB with good recordings alone, {bad:.0f} MiB with faults")
        assert bad < good + 100
