"""Stage extract: aligned utterances become Parquet shards of mel, pitch, energy and durations, on the cluster.

Workers read audio, compute, validate and write shards; the driver sees ids, counts and rejects alone. What an earlier run left and
`pipeline.fingerprints` says to be still true is not computed again, part by part, and a shard whose rows are unchanged is not written
again. Beside the features stands each utterance's quality, by whose limits it may be rejected: the limits, and the corpus's typical phone
lengths, are no part of a fingerprint, so changing them computes nothing again.
"""

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import typer
from numpy.typing import NDArray

from pipeline import shards
from pipeline.cluster import in_batches, one_cluster
from pipeline.features import Analysis, feature_table
from pipeline.files import remove_partials
from pipeline.fingerprints import (
    METADATA,
    FeatureParams,
    Recipe,
    digest,
    measures_of,
    part_fingerprints,
    recipe,
    row_fingerprint,
)
from pipeline.mel import mel_filterbank
from pipeline.pitch_limits import Limits, find_limits
from pipeline.quality import PhoneLengths, failure, phone_measures
from pipeline.shard_crashes import ShardRows, map_shards
from pipeline.stage import finish, run_main, write_json
from pipeline.storage import Root, absolute, opened
from pipeline.stored import StoredQuality, StoredShard, stored_faults
from schemas.errors import RowError, StorageError, TableError
from schemas.params import CorpusParams, ExtractParams, Name, QualityParams, corpus_params, load_params
from schemas.reasons import Reason
from schemas.tables.alignments import ALIGNMENTS, Interval
from schemas.tables.contract import Contract
from schemas.tables.features import PART_COLUMNS, features_contract
from schemas.tables.quality import QUALITY
from schemas.tables.rejects import reject_row
from schemas.tables.utterances import UTTERANCES

_SOUND = ("audio_path", "audio_sha256", "sample_rate_hz", "n_samples")
_PHONES = ("utterance_id", "phones", "duration_s", "score")
_QUALITY_GROUP_ROWS = 4096
_MOST_TASKS = 256  # each task reads both tables once, so many shards share a task


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
class Earlier:
    """What an earlier run left of a shard, and the faults of its rejects by fingerprint."""

    shard: StoredShard
    quality: StoredQuality
    faults: dict[str, RowError]


@dataclass(frozen=True)
class Identity:
    """What a row is made from: metadata, pitch limits and fingerprints as columns, and the fingerprints of its measures and faults."""

    columns: dict[str, Any]
    measures: str
    faults: str


@dataclass(frozen=True)
class Outcome:
    """One utterance of a shard: `row` is null where the stored one is still true, `fault` tells the limit of quality that it breaks."""

    row: dict[str, Any] | None
    quality: dict[str, object]
    fault: RowError | None
    computed: list[str]


@dataclass(frozen=True)
class ShardDone:
    """What comes back from a worker: the files that now hold the shard's rows, how many are kept, the rejects, and what was computed."""

    names: list[str]
    n_rows: int
    rejects: list[dict[str, object]]
    computed: Counter[str]


def run(
    corpus: str, params: ExtractStageParams, root: Root, utterances: Path, alignments: Path, out: Path, metrics: Path
) -> dict[str, int]:
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
        Folder of shards, `pitch_limits.parquet`, `pitch_samples.parquet`, `rejects.parquet` and `recipe.json`; what is there already is
        reused by fingerprint.
    metrics
        JSON of counts.

    Returns
    -------
    dict[str, int]
        How many rows each part (of `PART_COLUMNS`, and ``measures``) was computed for. It is printed, and stands in no file: outputs of
        an increment and of a run from scratch are equal.

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
    made_by = recipe(params)  # a missing package ends the run here, and not each of its rows
    places = Places(absolute(root), *(path.absolute() for path in (utterances, alignments, out)))  # workers may have started elsewhere
    known = shards.read_table(utterances, UTTERANCES, ["utterance_id"])
    ids = shards.read_table(alignments, ALIGNMENTS, ["utterance_id"]).column("utterance_id")
    at = _utterance_rows(ids, known.column("utterance_id"))
    plan = _plan(ids.to_pylist(), at, params.extract.n_shards)
    batches = in_batches(plan, -(-len(plan) // _MOST_TASKS) or 1)
    with one_cluster():
        limits = find_limits(corpus, params, places.root, places.utterances, places.out, at)
        given = places, params, CorpusFacts(limits, phone_lengths(alignments).typical())
        done, crashed = map_shards(partial(extract_shards, *given), partial(rehearse_shards, *given), batches, f"extract {corpus}")
    _prune(out, {name for shard in done for name in shard.names})
    rejects = [row for shard in done for row in shard.rejects]
    rejects += [reject_row(ids[row].as_py(), "extract", error) for row, error in crashed.items()]
    shards.write_rejects(out / "rejects.parquet", rejects)
    write_json(out / "recipe.json", made_by)
    found = sum((shard.computed for shard in done), Counter[str]())
    computed = {part: found[part] for part in (*PART_COLUMNS, "measures")}
    print(f"extract {corpus}: computed " + ", ".join(f"{part} {count}" for part, count in computed.items()), file=sys.stderr)
    finish(f"extract {corpus}", len(ids), sum(shard.n_rows for shard in done), rejects, params.extract.max_reject_share, metrics)
    return computed


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


def phone_lengths(alignments: Path) -> PhoneLengths:
    """Lengths of all phones of the corpus, a batch of alignments in memory at a time."""
    found = PhoneLengths()
    for batch in shards.iter_batches([alignments], ["phones"]):
        phones = pc.list_flatten(batch.column("phones"))
        lengths_s = pc.subtract(phones.field("end_s"), phones.field("start_s")).to_numpy()
        found.add(phones.field("label").to_pylist(), lengths_s)
    return found


def extract_shards(places: Places, params: ExtractStageParams, corpus: CorpusFacts, plan: list[ShardRows]) -> list[ShardDone]:
    """Task: bring these shards up to date."""
    faults = stored_faults(places.out / "rejects.parquet")
    utterances = _numbered(places.utterances, [shard.utterances for shard in plan], (*METADATA, *_SOUND))
    alignments = _numbered(places.alignments, [shard.alignments for shard in plan], _PHONES)
    done = []
    for shard in plan:
        numbers = zip(np.sort(shard.utterances).tolist(), shard.alignments.tolist(), strict=True)  # both tables are sorted by id
        rows = [(utterances[at], alignments[aligned_at]) for at, aligned_at in numbers]
        done.append(_extract_shard(places, params, corpus, faults, shard.index, rows))
    return done


def rehearse_shards(places: Places, params: ExtractStageParams, corpus: CorpusFacts, plan: list[ShardRows]) -> None:
    """Task: `extract_shards`, with what is there already in reach, but into a folder that is thrown away."""
    with TemporaryDirectory() as folder:
        for path in (path for shard in plan for path in places.out.glob(f"*-{shard.index:04d}-of-*.parquet")):
            (Path(folder) / path.name).symlink_to(path)  # writing renames over a link, and leaves the file behind it
        extract_shards(replace(places, out=Path(folder)), params, corpus, plan)


def _numbered(path: Path, rows: list[NDArray[np.int64]], columns: Sequence[str]) -> dict[int, dict[str, Any]]:
    """Rows of a table by their numbers, read in one go for all shards of a task."""
    numbers = np.sort(np.concatenate(rows))
    return dict(zip(numbers.tolist(), shards.read_rows(path, numbers, columns).to_pylist(), strict=True))


def _extract_shard(
    places: Places,
    params: ExtractStageParams,
    corpus: CorpusFacts,
    faults: dict[str, RowError],
    index: int,
    rows: list[tuple[dict[str, Any], dict[str, Any]]],
) -> ShardDone:
    contract = features_contract(params.mel.n_mels)
    path, quality_path = (places.out / shards.shard_name(index, params.extract.n_shards, table) for table in ("features", "quality"))
    earlier, made_by = Earlier(StoredShard(path), StoredQuality(quality_path), faults), recipe(params)
    outcomes: dict[str, Outcome] = {}
    identities: dict[str, Identity] = {}
    rejects = []
    for utterance, alignment in rows:
        identity = _identity(utterance, alignment, made_by, corpus.limits[utterance["speaker"]])
        utterance_id = utterance["utterance_id"]
        identities[utterance_id] = identity
        try:
            outcomes[utterance_id] = _outcome(identity, utterance, alignment, places, params, corpus, earlier)
        except StorageError:
            raise
        except Exception as error:
            rejects.append(reject_row(utterance_id, "extract", error, identity.faults))
    rejects += [reject_row(utterance_id, "extract", one.fault) for utterance_id, one in outcomes.items() if one.fault is not None]
    fresh, broken = _without_broken(feature_table([one.row for one in outcomes.values() if one.row is not None], contract), contract)
    rejects += [reject_row(utterance_id, "extract", error, identities[utterance_id].faults) for utterance_id, error in broken.items()]
    reused = [utterance_id for utterance_id, one in outcomes.items() if one.row is None and one.fault is None]
    computed = Counter(part for one in outcomes.values() for part in one.computed)
    names = _write_quality(quality_path, outcomes, earlier.quality)
    if not fresh.num_rows and reused == earlier.shard.ids and reused and shards.has_layout(path, params.extract.row_group_rows):
        return ShardDone([path.name, *names], len(reused), rejects, computed)
    table = pa.concat_tables([earlier.shard.rows(reused), fresh]).sort_by("utterance_id").combine_chunks() if reused else fresh
    if table.num_rows:
        shards.write_table(path, table, contract, params.extract.row_group_rows, rows_checked=True)
        names.append(path.name)
    return ShardDone(names, table.num_rows, rejects, computed)


def _identity(utterance: dict[str, Any], alignment: dict[str, Any], made_by: Recipe, limits: tuple[float, float]) -> Identity:
    if utterance["utterance_id"] != alignment["utterance_id"]:
        raise AssertionError(f"joined {utterance['utterance_id']} with {alignment['utterance_id']}, please report it")
    metadata = {name: utterance[name] for name in METADATA}
    parts = part_fingerprints(made_by, utterance["audio_sha256"], limits, alignment)
    whole = row_fingerprint(metadata, parts)
    columns = metadata | {"f0_floor_hz": limits[0], "f0_ceiling_hz": limits[1], "fingerprint": whole, "fingerprints": parts}
    return Identity(columns, measures_of(parts, alignment), digest(whole, utterance["audio_path"]))  # details of faults name the file


def _outcome(
    identity: Identity,
    utterance: dict[str, Any],
    alignment: dict[str, Any],
    places: Places,
    params: ExtractStageParams,
    corpus: CorpusFacts,
    earlier: Earlier,
) -> Outcome:
    """Features and quality of one utterance. What quality rejects gets no features, so that a rejected row needs its measures alone."""
    if identity.faults in earlier.faults:
        raise earlier.faults[identity.faults]
    columns = identity.columns
    utterance_id, limits = columns["utterance_id"], (columns["f0_floor_hz"], columns["f0_ceiling_hz"])
    same = earlier.shard.holds(utterance_id, columns["fingerprint"])
    measures = earlier.quality.measures(identity.measures)
    kept = {} if same and measures else earlier.shard.kept(utterance_id, columns["fingerprints"])
    analysis = Analysis(utterance, alignment, limits, places.root, params, kept, measures)
    phones = phone_measures([Interval(**phone) for phone in alignment["phones"]], corpus.lengths, params.quality.outlier_z)
    values = {"alignment_score": alignment["score"], **vars(analysis.measures()), **vars(phones)}
    fault = failure(values, params.quality)
    row = columns | analysis.columns() if fault is None and not same else None
    told = {"utterance_id": utterance_id, "rejected_for": fault.reason.value if fault else "", "fingerprint": identity.measures}
    return Outcome(row, values | told, fault, analysis.computed)


def _write_quality(path: Path, outcomes: dict[str, Outcome], stored: StoredQuality) -> list[str]:
    """Write the quality of a shard's utterances, unless it stands there already; the file's name, if there are any."""
    rows = [outcome.quality for outcome in outcomes.values()]
    if not rows:
        return []
    if not (stored.says(rows) and shards.has_layout(path, _QUALITY_GROUP_ROWS)):
        shards.write_table(path, QUALITY.table(rows), QUALITY, _QUALITY_GROUP_ROWS)
    return [path.name]


def _without_broken(table: pa.Table, contract: Contract) -> tuple[pa.Table, dict[str, RowError]]:
    """The table less rows that break the contract, and those rows' faults by id."""
    broken = contract.broken_rows(table) if table.num_rows else []
    ids = table.column("utterance_id")
    whole = np.ones(table.num_rows, dtype=bool)
    whole[[row.index for row in broken]] = False
    faults = {ids[row.index].as_py(): RowError(Reason.CONTRACT_BROKEN, row.detail) for row in broken}
    return table.filter(pa.array(whole)).combine_chunks() if broken else table, faults


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
    with opened(corpus_params(declared.corpora, corpus).root, params.parent, out) as root:
        run(corpus, declared, root, utterances, alignments, out, metrics)


if __name__ == "__main__":
    run_main("pipeline.extract")
