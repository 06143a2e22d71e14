"""Stage extract: aligned utterances become Parquet shards of mel, pitch, energy and durations, on the cluster.

Workers read audio, compute, validate and write shards; the driver sees ids, counts and rejects alone. A row whose fingerprint
(audio hash, phones, metadata, parameters, pitch limits, versions) stands in the shard already is not computed again, and a
shard whose rows are unchanged is not written again. Beside the features stands each utterance's quality, by whose limits it may be
rejected: the limits, and the corpus's typical phone lengths, are no part of a fingerprint, so changing them computes nothing again.
"""

import dataclasses
import hashlib
from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from heapq import nsmallest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import typer
from numpy.typing import NDArray

from pipeline import shards
from pipeline.cluster import in_batches, map_batches, one_cluster
from pipeline.features import METADATA, FeatureParams, feature_table, features, fingerprinted, load_hashed, tool_versions
from pipeline.files import remove_partials
from pipeline.mel import mel_filterbank
from pipeline.pitch import extract_f0, limits_from_quartiles, log_f0_histogram, quartiles_hz
from pipeline.quality import AudioMeasures, PhoneLengths, failure, measures_fingerprint, phone_measures
from pipeline.shard_crashes import ShardRows, map_shards
from pipeline.stage import finish, run_main
from pipeline.storage import Root, absolute, opened
from schemas.errors import RowError, StorageError, TableError
from schemas.params import CorpusParams, ExtractParams, Name, PitchParams, QualityParams, corpus_params, load_params
from schemas.reasons import Reason
from schemas.tables.alignments import ALIGNMENTS, Interval
from schemas.tables.contract import Contract
from schemas.tables.features import features_contract
from schemas.tables.quality import QUALITY
from schemas.tables.rejects import reject_row
from schemas.tables.speakers import PITCH_LIMITS
from schemas.tables.utterances import UTTERANCES

_SOUND = ("audio_path", "audio_sha256", "sample_rate_hz")
_PHONES = ("utterance_id", "phones", "duration_s", "score")
_SAMPLE_BATCH = 16  # utterances a task of the first pass
_MOST_TASKS = 256  # each task reads both tables once, so many shards share a task

Limits = dict[str, tuple[float, float]]  # speaker -> floor and ceiling, Hz


class ExtractStageParams(FeatureParams):
    """What this stage reads of `params.yaml`."""

    corpora: dict[Name, CorpusParams]
    extract: ExtractParams
    quality: QualityParams


@dataclass(frozen=True)
class Places:
    """Where a corpus's inputs and outputs lie."""

    root: Root
    utterances: Path
    alignments: Path
    out: Path


@dataclass(frozen=True)
class CorpusFacts:
    """What the first pass found: pitch limits by speaker, and typical lengths by phone (see `PhoneLengths.typical`)."""

    limits: Limits
    lengths: dict[str, tuple[float, float]]


@dataclass(frozen=True)
class Outcome:
    """One utterance of a shard: `row` is null where the stored one is still true, `fault` tells the limit of quality that it breaks."""

    row: dict[str, Any] | None
    quality: dict[str, object]
    fault: RowError | None


@dataclass(frozen=True)
class ShardDone:
    """What comes back from a worker: the files that now hold the shard's rows, how many are kept, and the rejects."""

    names: list[str]
    n_rows: int
    rejects: list[dict[str, object]]


def run(corpus: str, params: ExtractStageParams, root: Root, utterances: Path, alignments: Path, out: Path, metrics: Path) -> None:
    """Extract one corpus.

    Parameters
    ----------
    corpus
        Its name, for messages.
    root
        The corpus, which `audio_path` is relative to.
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
    DependencyError
        If the extractor's package is not installed.
    TooManyRejectsError
        If more than `extract.max_reject_share` of the rows were rejected.
    """
    mel_filterbank(params.frames.grid(), n_mels=params.mel.n_mels, f_min_hz=params.mel.f_min_hz, f_max_hz=params.mel.f_max_hz)
    tool_versions(params.pitch.extractor)  # a missing package ends the run here, and not each of its rows
    places = Places(absolute(root), *(path.absolute() for path in (utterances, alignments, out)))  # workers may have started elsewhere
    speakers = shards.read_table(utterances, UTTERANCES, ["utterance_id", "speaker"])
    ids = shards.read_table(alignments, ALIGNMENTS, ["utterance_id"]).column("utterance_id")
    at = _utterance_rows(ids, speakers.column("utterance_id"))
    limits = _find_limits(corpus, params, places, speakers, at)
    plan = _plan(ids.to_pylist(), at, params.extract.n_shards)
    given = places, params, CorpusFacts(limits, phone_lengths(alignments).typical())
    batches = in_batches(plan, -(-len(plan) // _MOST_TASKS) or 1)
    done, crashed = map_shards(partial(extract_shards, *given), partial(rehearse_shards, *given), batches, f"extract {corpus}")
    _prune(out, {name for shard in done for name in shard.names})
    rejects = [row for shard in done for row in shard.rejects]
    rejects += [reject_row(ids[row].as_py(), "extract", error) for row, error in crashed.items()]
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


def _prune(out: Path, names: set[str]) -> None:
    """Remove shards of rows that are gone, and what crashed workers left."""
    for path in [*out.glob("features-*.parquet"), *out.glob("quality-*.parquet")]:
        if path.name not in names:
            path.unlink()
    remove_partials(out)


# --- first pass: the corpus's phone lengths, a speaker's pitch limits -------------------------------------------------------


def phone_lengths(alignments: Path) -> PhoneLengths:
    """Lengths of all phones of the corpus, a batch of alignments in memory at a time."""
    found = PhoneLengths()
    for batch in shards.iter_batches([alignments], ["phones"]):
        phones = pc.list_flatten(batch.column("phones"))
        lengths_s = pc.subtract(phones.field("end_s"), phones.field("start_s")).to_numpy()
        found.add(phones.field("label").to_pylist(), lengths_s)
    return found


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
        for results in map_batches(partial(sample_f0, places, params), batches, f"extract {corpus}: pitch limits", lambda *_: []):
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
            samples = load_hashed(utterance, places.root, grid.sample_rate_hz, again=True)
            found.append((utterance["speaker"], log_f0_histogram(extract_f0(samples, grid, params.pitch, **wide))))
        except StorageError:
            raise
        except Exception:  # the second pass meets the same fault, or death, and rejects the row with its reason
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


def extract_shards(places: Places, params: ExtractStageParams, corpus: CorpusFacts, plan: list[ShardRows]) -> list[ShardDone]:
    """Task: bring these shards up to date."""
    return [_extract_shard(places, params, corpus, shard) for shard in plan]


def rehearse_shards(places: Places, params: ExtractStageParams, corpus: CorpusFacts, plan: list[ShardRows]) -> None:
    """Task: `extract_shards`, with what is there already in reach, but into a folder that is thrown away."""
    with TemporaryDirectory() as folder:
        for path in (path for shard in plan for path in places.out.glob(f"*-{shard.index:04d}-of-*.parquet")):
            (Path(folder) / path.name).symlink_to(path)  # writing renames over a link, and leaves the file behind it
        extract_shards(dataclasses.replace(places, out=Path(folder)), params, corpus, plan)


def _extract_shard(places: Places, params: ExtractStageParams, corpus: CorpusFacts, shard: ShardRows) -> ShardDone:
    utterances = shards.read_rows(places.utterances, np.sort(shard.utterances), [*METADATA, *_SOUND]).to_pylist()
    alignments = shards.read_rows(places.alignments, shard.alignments, _PHONES).to_pylist()
    contract = features_contract(params.mel.n_mels)
    path, quality_path = (places.out / shards.shard_name(shard.index, params.extract.n_shards, table) for table in ("features", "quality"))
    stored, measured = _stored_fingerprints(path, contract), _stored_measures(quality_path)
    outcomes: dict[str, Outcome] = {}
    rejects = []
    for utterance, alignment in zip(utterances, alignments, strict=True):
        try:
            outcomes[utterance["utterance_id"]] = _outcome(utterance, alignment, places, params, corpus, stored, measured)
        except StorageError:
            raise
        except Exception as error:
            rejects.append(reject_row(utterance["utterance_id"], "extract", error))
    computed = feature_table([outcome.row for outcome in outcomes.values() if outcome.row is not None], contract)
    fresh, broken = _without_broken(computed, contract)
    fresh, failed = _without_failed(fresh, outcomes, {row["utterance_id"] for row in broken})
    rejects += broken + failed
    reused = [utterance_id for utterance_id, outcome in outcomes.items() if outcome.row is None and outcome.fault is None]
    names = _write_quality(quality_path, outcomes)
    if not fresh.num_rows and reused == list(stored) and stored and shards.has_layout(path, params.extract.row_group_rows):
        return ShardDone([path.name, *names], len(reused), rejects)
    table = _merge(path, contract, reused, fresh)
    if table.num_rows:
        shards.write_table(path, table, contract, params.extract.row_group_rows, rows_checked=True)
        names.append(path.name)
    return ShardDone(names, table.num_rows, rejects)


def _outcome(
    utterance: dict[str, Any],
    alignment: dict[str, Any],
    places: Places,
    params: ExtractStageParams,
    corpus: CorpusFacts,
    stored: dict[str, str],
    measured: dict[str, AudioMeasures],
) -> Outcome:
    """Features and quality of one utterance; neither is computed again where what is stored is still true."""
    row = fingerprinted(utterance, alignment, params, corpus.limits[utterance["speaker"]])
    audio = measured.get(measures_fingerprint(row["fingerprint"]))
    fresh = features(row, utterance, alignment, places.root, params) if audio is None else None
    audio = fresh["audio_measures"] if fresh is not None else audio
    phones = phone_measures([Interval(**phone) for phone in alignment["phones"]], corpus.lengths, params.quality.outlier_z)
    values = {"alignment_score": alignment["score"], **vars(audio), **vars(phones)}
    fault = failure(values, params.quality)
    if fault is None and fresh is None and stored.get(utterance["utterance_id"]) != row["fingerprint"]:
        fresh = features(row, utterance, alignment, places.root, params)  # a limit that rejected it was moved
    quality = {"utterance_id": row["utterance_id"], **values, "rejected_for": fault.reason.value if fault else ""}
    quality["fingerprint"] = measures_fingerprint(row["fingerprint"])
    return Outcome(row | fresh if fresh is not None else None, quality, fault)


def _without_failed(table: pa.Table, outcomes: dict[str, Outcome], told: set[object]) -> tuple[pa.Table, list[dict[str, object]]]:
    """The table less rows that break a limit of quality, and rejects for all such utterances but those that were `told` already."""
    failed = {utterance_id: outcome.fault for utterance_id, outcome in outcomes.items() if outcome.fault is not None}
    rejects = [reject_row(utterance_id, "extract", fault) for utterance_id, fault in failed.items() if utterance_id not in told]
    kept = pc.invert(pc.is_in(table.column("utterance_id"), value_set=pa.array(failed, pa.string())))
    return table.filter(kept).combine_chunks(), rejects


def _write_quality(path: Path, outcomes: dict[str, Outcome]) -> list[str]:
    """Write the quality of a shard's utterances; the file's name, if there are any."""
    if not outcomes:
        return []
    shards.write_table(path, QUALITY.table([outcome.quality for outcome in outcomes.values()]), QUALITY)
    return [path.name]


def _stored_measures(path: Path) -> dict[str, AudioMeasures]:
    """Measures of audio by their fingerprint; empty where there is no table that this code could have written."""
    names = [field.name for field in dataclasses.fields(AudioMeasures)]
    try:
        rows = shards.read_table(path, QUALITY, [*names, "fingerprint"]).to_pylist()
    except (TableError, pa.ArrowInvalid, OSError):
        return {}
    return {row.pop("fingerprint"): AudioMeasures(**row) for row in rows}


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
    with opened(corpus_params(declared.corpora, corpus).root, params.parent, out) as root, one_cluster():  # for both passes
        run(corpus, declared, root, utterances, alignments, out, metrics)


if __name__ == "__main__":
    run_main("pipeline.extract")
