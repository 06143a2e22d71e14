"""Extract's task on a worker: shards of features and quality brought up to date, from what the driver tells and what is there.

What an earlier run left and `pipeline.fingerprints` says to be still true is not computed again, part by part, and a shard whose rows are
unchanged is not written again.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline import shards
from pipeline.digests import digest
from pipeline.features import Analysis, feature_table
from pipeline.fingerprints import METADATA, FeatureParams, Recipe, measures_of, part_fingerprints, recipe, row_fingerprint
from pipeline.pitch_limits import Limits
from pipeline.quality import failure, phone_measures
from pipeline.shard_crashes import ShardRows
from pipeline.storage import Root
from pipeline.stored import DamagedError, StoredQuality, StoredShard, stored_faults
from schemas.errors import RowError, StorageError
from schemas.params import ExtractParams, QualityParams
from schemas.tables.alignments import Interval
from schemas.tables.features import features_contract
from schemas.tables.quality import QUALITY
from schemas.tables.rejects import reject_row

_SOUND = ("audio_path", "audio_sha256", "sample_rate_hz", "n_samples")
_PHONES = ("utterance_id", "phones", "duration_s", "score")
_QUALITY_GROUP_ROWS = 4096


class ExtractTaskParams(FeatureParams):
    """What the task reads of `params.yaml`."""

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


def extract_shards(places: Places, params: ExtractTaskParams, corpus: CorpusFacts, plan: list[ShardRows]) -> list[ShardDone]:
    """Task: bring these shards up to date."""
    faults = stored_faults(places.out / "rejects.parquet")
    utterances = _numbered(places.utterances, [shard.utterances for shard in plan], (*METADATA, *_SOUND))
    alignments = _numbered(places.alignments, [shard.alignments for shard in plan], _PHONES)
    done = []
    for shard in plan:
        numbers = zip(np.sort(shard.utterances).tolist(), shard.alignments.tolist(), strict=True)  # both tables are sorted by id
        rows = [(utterances[at], alignments[aligned_at]) for at, aligned_at in numbers]
        try:
            done.append(_extract_shard(places, params, corpus, faults, shard.index, rows))
        except DamagedError:  # as if it were not there
            _shard_path(places, params, shard.index, "features").unlink()
            done.append(_extract_shard(places, params, corpus, faults, shard.index, rows))
    return done


def rehearse_shards(places: Places, params: ExtractTaskParams, corpus: CorpusFacts, plan: list[ShardRows]) -> None:
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
    params: ExtractTaskParams,
    corpus: CorpusFacts,
    faults: dict[str, RowError],
    index: int,
    rows: list[tuple[dict[str, Any], dict[str, Any]]],
) -> ShardDone:
    contract = features_contract(params.mel.n_mels)
    path, quality_path = (_shard_path(places, params, index, table) for table in ("features", "quality"))
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
        except (StorageError, DamagedError):
            raise
        except Exception as error:
            rejects.append(reject_row(utterance_id, "extract", error, identity.faults))
    rejects += [reject_row(utterance_id, "extract", one.fault) for utterance_id, one in outcomes.items() if one.fault is not None]
    fresh, broken = contract.whole_rows(feature_table([one.row for one in outcomes.values() if one.row is not None], contract))
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


def _shard_path(places: Places, params: ExtractTaskParams, index: int, table: str) -> Path:
    return places.out / shards.shard_name(index, params.extract.n_shards, table)


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
    params: ExtractTaskParams,
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
