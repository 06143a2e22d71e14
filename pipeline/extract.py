"""Stage extract: aligned utterances become Parquet shards of mel, pitch, energy and durations, on the cluster.

Workers read audio, compute, validate and write shards; the driver sees ids, counts and rejects alone. A row whose fingerprint
(audio hash, phones, metadata, parameters, pitch limits, versions) stands in the shard already is not computed again, and a
shard whose rows are unchanged is not written again.
"""

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from heapq import nsmallest
from pathlib import Path
from typing import Annotated

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import typer
from numpy.typing import NDArray

from pipeline import shards
from pipeline.cluster import in_batches, map_batches
from pipeline.features import METADATA, FeatureParams, feature_table, features, fingerprinted, load_hashed
from pipeline.mel import mel_filterbank
from pipeline.pitch import extract_f0, limits_from_quartiles, log_f0_histogram, quartiles_hz
from pipeline.stage import finish, run_main
from schemas.errors import RowError, TableError
from schemas.params import CorpusParams, ExtractParams, Name, PitchParams, corpus_params, load_params
from schemas.reasons import Reason
from schemas.tables.alignments import ALIGNMENTS
from schemas.tables.contract import Contract
from schemas.tables.features import features_contract
from schemas.tables.rejects import reject_row
from schemas.tables.speakers import PITCH_LIMITS
from schemas.tables.utterances import UTTERANCES

_SOUND = ("audio_path", "audio_sha256")
_PHONES = ("utterance_id", "phones", "duration_s")
_SAMPLE_BATCH = 16  # utterances a task of the first pass
_MOST_TASKS = 256  # each task reads both tables once, so many shards share a task

Limits = dict[str, tuple[float, float]]  # speaker -> floor and ceiling, Hz


class ExtractStageParams(FeatureParams):
    """What this stage reads of `params.yaml`."""

    corpora: dict[Name, CorpusParams]
    extract: ExtractParams


@dataclass(frozen=True)
class Places:
    """Where a corpus's inputs and outputs lie."""

    root: Path
    utterances: Path
    alignments: Path
    out: Path


@dataclass(frozen=True)
class ShardRows:
    """A shard's rows by their numbers in the two tables, in order of utterance id."""

    index: int
    utterances: NDArray[np.int64]
    alignments: NDArray[np.int64]


@dataclass(frozen=True)
class ShardDone:
    """What comes back from a worker: `name` is null where no row is left to store."""

    name: str | None
    n_rows: int
    rejects: list[dict[str, object]]


def run(corpus: str, params: ExtractStageParams, root: Path, utterances: Path, alignments: Path, out: Path, metrics: Path) -> None:
    """Extract one corpus.

    Parameters
    ----------
    corpus
        Its name, for messages.
    root
        The corpus folder, which `audio_path` is relative to.
    utterances, alignments
        The tables of ingest and align.
    out
        Folder of shards, `pitch_limits.parquet` and `rejects.parquet`; shards already there are reused by fingerprint.
    metrics
        JSON of counts.

    Raises
    ------
    TableError
        If an alignment has no utterance.
    ParamsError
        If the mel bands do not fit the frames.
    TooManyRejectsError
        If more than `extract.max_reject_share` of the rows were rejected.
    """
    mel_filterbank(params.frames.grid(), n_mels=params.mel.n_mels, f_min_hz=params.mel.f_min_hz, f_max_hz=params.mel.f_max_hz)
    places = Places(root, utterances, alignments, out)
    speakers = shards.read_table(utterances, UTTERANCES, ["utterance_id", "speaker"])
    ids = shards.read_table(alignments, ALIGNMENTS, ["utterance_id"]).column("utterance_id")
    at = _utterance_rows(ids, speakers.column("utterance_id"))
    limits = _find_limits(corpus, params, places, speakers, at)
    plan = _plan(ids.to_pylist(), at, params.extract.n_shards)
    task = partial(extract_shards, places, params, limits)
    batches = in_batches(plan, -(-len(plan) // _MOST_TASKS) or 1)
    done = [shard for results in map_batches(task, batches, f"extract {corpus}") for shard in results]
    _prune(out, {shard.name for shard in done})
    rejects = [row for shard in done for row in shard.rejects]
    shards.write_rejects(out / "rejects.parquet", rejects)
    finish(f"extract {corpus}", len(ids), sum(shard.n_rows for shard in done), rejects, params.extract.max_reject_share, metrics)


def _utterance_rows(ids: pa.ChunkedArray, known: pa.ChunkedArray) -> NDArray[np.int64]:
    """Row number in the utterances table of each aligned utterance."""
    at = pc.index_in(ids, value_set=known)
    if at.null_count:
        lost = ids.filter(pc.is_null(at))
        raise TableError(
            f"{len(lost)} aligned utterances are not in the utterances table, the first is {lost[0].as_py()}; "
            "run `dvc repro` from ingest so that both tables belong together"
        )
    rows: NDArray[np.int64] = at.to_numpy().astype(np.int64)
    return rows


def _plan(ids: list[str], utterance_rows: NDArray[np.int64], n_shards: int) -> list[ShardRows]:
    indices = np.array([shards.shard_index(utterance_id, n_shards) for utterance_id in ids], dtype=np.int64)
    plan = []
    for index in np.unique(indices):
        rows = np.flatnonzero(indices == index)
        plan.append(ShardRows(int(index), utterance_rows[rows], rows))
    return plan


def _prune(out: Path, names: set[str | None]) -> None:
    """Remove shards of rows that are gone, and what crashed workers left."""
    for path in [*out.glob("features-*.parquet"), *out.glob(".*.partial")]:
        if path.name not in names:
            path.unlink()


# --- first pass: a speaker's pitch limits -----------------------------------------------------------------------------------


def _find_limits(corpus: str, params: ExtractStageParams, places: Places, speakers: pa.Table, at: NDArray[np.int64]) -> Limits:
    """Write `pitch_limits.parquet` and return its limits."""
    ids, names = speakers.column("utterance_id").to_pylist(), speakers.column("speaker").to_pylist()
    by_speaker: dict[str, list[int]] = defaultdict(list)
    for row in at:
        by_speaker[names[row]].append(int(row))
    histograms: dict[str, list[NDArray[np.int64]]] = {name: [] for name in by_speaker}
    if params.pitch.adaptive:
        sampled = [_sample(rows, ids, params.pitch.sample_utterances) for _, rows in sorted(by_speaker.items())]
        batches = [batch for rows in sampled for batch in in_batches(rows, _SAMPLE_BATCH)]
        for results in map_batches(partial(sample_f0, places, params), batches, f"extract {corpus}: pitch limits"):
            for name, histogram in results:
                histograms[name].append(histogram)
    table = PITCH_LIMITS.table([_limits_row(name, found, params.pitch) for name, found in histograms.items()])
    shards.write_table(places.out / "pitch_limits.parquet", table, PITCH_LIMITS)
    return {row["speaker"]: (row["floor_hz"], row["ceiling_hz"]) for row in table.to_pylist()}


def _sample(rows: list[int], ids: list[str], size: int) -> list[int]:
    """The rows whose ids hash lowest, in order of row: an utterance more or less changes one of them at most."""
    return sorted(nsmallest(size, rows, key=lambda row: hashlib.sha256(ids[row].encode()).digest()))


def sample_f0(places: Places, params: ExtractStageParams, rows: list[int]) -> list[tuple[str, NDArray[np.int64]]]:
    """Task: speaker and F0 histogram of each of these utterances, searched between the widest limits."""
    table = shards.read_rows(places.utterances, np.array(rows, dtype=np.int64), [*METADATA, *_SOUND])
    grid, wide = params.frames.grid(), {"floor_hz": params.pitch.floor_hz, "ceiling_hz": params.pitch.ceiling_hz}
    found = []
    for utterance in table.to_pylist():
        try:
            samples = load_hashed(utterance, places.root, grid.sample_rate_hz)
            found.append((utterance["speaker"], log_f0_histogram(extract_f0(samples, grid, params.pitch, **wide))))
        except Exception:  # the second pass meets the same fault and rejects the row with its reason
            continue
    return found


def _limits_row(speaker: str, histograms: list[NDArray[np.int64]], pitch: PitchParams) -> dict[str, object]:
    quartiles = quartiles_hz(np.sum(histograms, axis=0)) if histograms else None
    floor_hz, ceiling_hz = limits_from_quartiles(quartiles, pitch)
    first, third = quartiles or (None, None)
    return {
        "speaker": speaker,
        "floor_hz": floor_hz,
        "ceiling_hz": ceiling_hz,
        "quartile_1_hz": first,
        "quartile_3_hz": third,
        "n_utterances": len(histograms),
    }


# --- second pass: shards ----------------------------------------------------------------------------------------------------


def extract_shards(places: Places, params: ExtractStageParams, limits: Limits, plan: list[ShardRows]) -> list[ShardDone]:
    """Task: bring these shards up to date."""
    return [_extract_shard(places, params, limits, shard) for shard in plan]


def _extract_shard(places: Places, params: ExtractStageParams, limits: Limits, shard: ShardRows) -> ShardDone:
    utterances = shards.read_rows(places.utterances, np.sort(shard.utterances), [*METADATA, *_SOUND]).to_pylist()
    alignments = shards.read_rows(places.alignments, shard.alignments, _PHONES).to_pylist()
    contract = features_contract(params.mel.n_mels)
    path = places.out / shards.shard_name(shard.index, params.extract.n_shards)
    stored = _stored_fingerprints(path, contract)
    reused, computed, rejects = [], [], []
    for utterance, alignment in zip(utterances, alignments, strict=True):
        try:
            row = fingerprinted(utterance, alignment, params, limits[utterance["speaker"]])
            if stored.get(row["utterance_id"]) == row["fingerprint"]:
                reused.append(row["utterance_id"])
            else:
                computed.append(row | features(row, utterance, alignment, places.root, params))
        except Exception as error:
            rejects.append(reject_row(utterance["utterance_id"], "extract", error))
    if not computed and reused == list(stored) and stored and shards.has_layout(path, params.extract.row_group_rows):
        return ShardDone(path.name, len(reused), rejects)
    fresh, broken = _without_broken(feature_table(computed, contract), contract)
    table = _merge(path, contract, reused, fresh)
    if table.num_rows:
        shards.write_table(path, table, contract, params.extract.row_group_rows)
    return ShardDone(path.name if table.num_rows else None, table.num_rows, rejects + broken)


def _stored_fingerprints(path: Path, contract: Contract) -> dict[str, str]:
    """Fingerprint by utterance id, in the file's order; empty where there is no shard that this code could have written."""
    try:
        table = shards.read_table(path, contract, ["utterance_id", "fingerprint"])
    except (TableError, pa.ArrowInvalid, OSError):
        return {}
    return dict(zip(table.column("utterance_id").to_pylist(), table.column("fingerprint").to_pylist(), strict=True))


def _merge(path: Path, contract: Contract, reused: list[str], fresh: pa.Table) -> pa.Table:
    """Reused rows of the stored shard and fresh ones, sorted by id."""
    if not reused:
        return fresh
    stored = shards.read_table(path, contract)
    kept = stored.filter(pc.is_in(stored.column("utterance_id"), value_set=pa.array(reused, pa.string())))
    return pa.concat_tables([kept, fresh]).sort_by("utterance_id").combine_chunks()


def _without_broken(table: pa.Table, contract: Contract) -> tuple[pa.Table, list[dict[str, object]]]:
    """The table less rows that break the contract, and rejects for those."""
    broken = contract.broken_rows(table) if table.num_rows else []
    if not broken:
        return table, []
    ids = table.column("utterance_id")
    rejects = [reject_row(ids[row.index].as_py(), "extract", RowError(Reason.CONTRACT_BROKEN, row.detail)) for row in broken]
    whole = np.ones(table.num_rows, dtype=bool)
    whole[[row.index for row in broken]] = False
    return table.filter(pa.array(whole)).combine_chunks(), rejects


def main(
    corpus: Annotated[str, typer.Option(help="name of the corpus in params.yaml")],
    utterances: Annotated[Path, typer.Option(help="table of ingest")],
    alignments: Annotated[Path, typer.Option(help="table of align")],
    out: Annotated[Path, typer.Option(help="folder of shards")],
    metrics: Annotated[Path, typer.Option(help="JSON of counts")],
    params: Annotated[Path, typer.Option(help="params.yaml")] = Path("params.yaml"),
) -> None:
    """Extract mel, pitch, energy and durations of one corpus."""
    declared = load_params(params, ExtractStageParams)
    root = params.parent / corpus_params(declared.corpora, corpus).root
    run(corpus, declared, root, utterances, alignments, out, metrics)


if __name__ == "__main__":
    run_main("pipeline.extract")
