"""Mutated files: only rejects with a reason come out, in bounded time and memory. `tests/fuzz.py` makes and runs the cases."""

import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline import align, extract, ingest, shards
from tests import fuzz
from tests.conftest import PROJECT
from tests.faults import PHONES, TONE, Place
from tests.test_faults import parameters

CASES_A_KIND = 250


def fuzzed(kinds: tuple[str, ...], first: int, last: int, folder: Path) -> str:
    """What a process that runs these cases says; a crash of it names its kind and seed."""
    seed_file = folder / "seed.txt"
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", str(first), str(last), *kinds],
        cwd=PROJECT, env=os.environ | {"FUZZ_SEED_FILE": str(seed_file)}, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, (
        f"the process died with {done.returncode} at {seed_file.read_text(encoding='utf-8')}: {done.stderr[-2000:]}"
    )
    return done.stdout


@pytest.mark.parametrize("kinds", [fuzz.SOUNDS, fuzz.TEXTS], ids=["sounds", "texts"])
@pytest.mark.slow
def test_mutated_files_give_rows_or_row_errors_and_nothing_else(tmp_path: Path, kinds: tuple[str, ...]):
    assert CASES_A_KIND * len(fuzz.SOUNDS + fuzz.TEXTS) >= 2000
    assert fuzzed(kinds, 0, CASES_A_KIND, tmp_path) == ""


@pytest.mark.parametrize("kind", ["wav", "textgrid", "csv"])
def test_a_few_mutated_files_give_rows_or_row_errors_and_nothing_else(kind: str):
    assert list(fuzz.faults(kind, range(10_000, 10_025))) == []


@pytest.mark.parametrize("kind", ["wav", "aiff", "opus", "textgrid", "textgrid_short", "csv", "filelist"])
def test_mutations_leave_some_files_readable_and_spoil_others(tmp_path: Path, kind: str):
    """Otherwise the fuzzing would look at the first bytes alone, or at nothing."""
    run = fuzz.cases(kind, tmp_path)
    assert {run(seed) for seed in range(150)} == {True, False}


@pytest.mark.slow
def test_stages_take_mutated_recordings_textgrids_and_transcripts_among_good_ones(cluster: str, tmp_path: Path):
    params = parameters(tmp_path)
    root, good = tmp_path / "grids", {f"grids/s/good_{n}" for n in range(6)}
    for name in [*sorted(good), *(f"grids/s/{kind}_{seed}" for kind in ("wav", "flac", "grid", "text") for seed in range(60))]:
        _place(root, name.rpartition("/")[2])
    out = {stage: tmp_path / "data" / stage for stage in ("ingest", "align", "extract")}
    block, tables = params.corpora["grids"], (out["ingest"] / "utterances.parquet", out["align"] / "alignments.parquet")
    ingest.run("grids", block, params.ingest, root, out["ingest"], tmp_path / "m.json")
    align.run(block, params.align, root, tables[0], out["align"], tmp_path / "m.json")
    chosen = {section: getattr(params, section) for section in extract.ExtractStageParams.model_fields}
    extract.run("grids", extract.ExtractStageParams.model_construct(**chosen), root, *tables, out["extract"], tmp_path / "m.json")
    rejects = [row for folder in out.values() for row in pq.read_table(folder / "rejects.parquet").to_pylist()]
    kept = {row["utterance_id"] for row in shards.iter_rows(shards.shard_paths(out["extract"]), ["utterance_id"])}
    assert good <= kept
    assert len(kept) + len(rejects) == 246
    assert [row for row in rejects if row["reason"] in ("internal_error", "contract_broken")] == []
    assert len(kept) > 30
    assert len(rejects) > 60


def _place(root: Path, name: str) -> None:
    """A good recording, or one whose sound, TextGrid or text is mutated by the seed in its name."""
    place = Place(root, "s", name)
    place.path().parent.mkdir(parents=True, exist_ok=True)
    kind, _, seed = name.partition("_")
    place.record(TONE, suffix=".flac" if kind == "flac" else ".wav")
    place.grid(*PHONES)
    place.say("A tone, that is said 3 times.")
    spoilt = {"wav": ".wav", "flac": ".flac", "grid": ".TextGrid", "text": ".txt"}.get(kind)
    if spoilt is not None:
        place.path(spoilt).write_bytes(fuzz.mutated(place.path(spoilt).read_bytes(), int(seed)))
