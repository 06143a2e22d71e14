"""A full check of the dataset in the working folder: every table against its contract, tables against each other, and DVC's hashes."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from pipeline import shards
from pipeline.audio import file_sha256
from pipeline.fingerprints import measures_of, part_fingerprints, row_fingerprint
from schemas.errors import RowError, TableError
from schemas.tables.alignments import ALIGNMENTS, FIRST_PASS, REFINED
from schemas.tables.contract import Contract
from schemas.tables.features import PART_COLUMNS, features_contract
from schemas.tables.probes import PROBES
from schemas.tables.quality import QUALITY
from schemas.tables.rejects import REJECTS
from schemas.tables.speakers import PITCH_LIMITS, PITCH_SAMPLES
from schemas.tables.utterances import UTTERANCES
from workflows.dataset_summary import STAGES
from workflows.dataset_version import DATA, Version

_TABLES: dict[str, dict[str, Contract]] = {
    "ingest": {"utterances": UTTERANCES, "probes": PROBES},
    "align": {"alignments": ALIGNMENTS},
    "extract": {"pitch_limits": PITCH_LIMITS, "pitch_samples": PITCH_SAMPLES},
}
_BULK = {name for columns in PART_COLUMNS.values() for name in columns}

Row = dict[str, Any]


def verify(project: Path, corpora: dict[str, Path] | None = None) -> Iterator[str]:
    """Faults of the dataset, each as a sentence that names the file; none if all is well.

    Parameters
    ----------
    project
        Folder with ``dvc.yaml``.
    corpora
        Roots of corpora by name, to hash their recordings too; None leaves these out.

    Raises
    ------
    TableError
        If there is no dataset.
    """
    version = Version(project)
    if not version.corpora:
        raise TableError(f"{project / DATA / 'extract'} has no features of any corpus of params.yaml; run `dvc repro`")
    for corpus in version.corpora:
        yield from _dvc_faults(version, [f"{DATA}/{stage}/{corpus}" for stage in STAGES])
        faults = list(_table_faults(project / DATA, corpus))
        yield from faults
        if not faults:  # else what follows would stumble over it
            yield from _relations(project / DATA, corpus)
        if corpora is not None:
            yield from _audio_faults(project / DATA / "ingest" / corpus / "utterances.parquet", corpora[corpus])


def _table_faults(data: Path, corpus: str) -> Iterator[str]:
    """Tables that are missing or break their contract in columns, order or rows."""
    for stage, tables in _TABLES.items():
        folder = data / stage / corpus
        for name, contract in {**tables, "rejects": REJECTS}.items():
            yield from _checked(folder / f"{name}.parquet", contract)
    for name, contract in {"first_pass": FIRST_PASS, "refined": REFINED}.items():  # of pocketsphinx alone
        if (path := data / "align" / corpus / f"{name}.parquet").exists():
            yield from _checked(path, contract)
    folder = data / "extract" / corpus
    for path in shards.shard_paths(folder):
        yield from _checked(path, None)
    for path in sorted(folder.glob("quality-*.parquet")):
        yield from _checked(path, QUALITY)


def _checked(path: Path, contract: Contract | None) -> Iterator[str]:
    try:
        known = contract or features_contract(shards.band_count(path))
        known.check(shards.read_table(path, known))
    except (TableError, OSError, ValueError) as error:  # Arrow's errors are of these
        yield f"{path}: {error}"


def _relations(data: Path, corpus: str) -> Iterator[str]:
    """What must hold between tables: rows in are rows out or rejects, shards are by hash of the id, rows made from what the tables hold."""
    utterances = _by_id(data / "ingest" / corpus / "utterances.parquet", UTTERANCES)
    alignments = _by_id(data / "align" / corpus / "alignments.parquet", ALIGNMENTS)
    folder = data / "extract" / corpus
    features = _shard_rows(folder, "features")
    yield from _misplaced(features)
    yield from _misplaced(_shard_rows(folder, "quality"))
    ids = {row["utterance_id"] for _, row in features}
    yield from _lost("align", corpus, set(utterances), set(alignments), data)
    yield from _lost("extract", corpus, set(alignments), ids, data)
    yield from _foreign(folder, features, utterances, alignments)


def _lost(stage: str, corpus: str, given: set[str], kept: set[str], data: Path) -> Iterator[str]:
    rejected = set(_by_id(data / stage / corpus / "rejects.parquet", REJECTS))
    for what, ids in (
        ("lost: neither kept nor rejected", given - kept - rejected),
        ("kept and rejected", kept & rejected),
        ("from nowhere: the stage before does not have them", (kept | rejected) - given),
    ):
        if ids:
            yield f"{data / stage / corpus}: {len(ids)} utterances {what}, the first is {min(ids)}; run `dvc repro -f {stage}`"


def _misplaced(rows: list[tuple[Path, Row]]) -> Iterator[str]:
    """Rows in the wrong shard, or in two."""
    seen: set[str] = set()
    for path, row in rows:
        kind, index, _, count = path.stem.split("-")
        if path.name != shards.shard_name(shards.shard_index(row["utterance_id"], int(count)), int(count), kind):
            yield f"{path}: {row['utterance_id']} does not belong into shard {int(index)} of {int(count)}; run `dvc repro -f extract`"
        if row["utterance_id"] in seen:
            yield f"{path}: {row['utterance_id']} stands in another shard too; run `dvc repro -f extract`"
        seen.add(row["utterance_id"])


def _foreign(folder: Path, features: list[tuple[Path, Row]], utterances: dict[str, Row], alignments: dict[str, Row]) -> Iterator[str]:
    """Rows whose fingerprints are not those of the recording, alignment, limits and metadata that the tables hold now."""
    made_by = json.loads((folder / "recipe.json").read_text(encoding="utf-8"))
    limits = _by_id(folder / "pitch_limits.parquet", PITCH_LIMITS)
    measured = {row["utterance_id"]: row["fingerprint"] for _, row in _shard_rows(folder, "quality")}
    for path, row in features:
        utterance_id = row["utterance_id"]
        utterance, alignment, speaker = utterances.get(utterance_id), alignments.get(utterance_id), limits.get(row["speaker"])
        if utterance is None or alignment is None or speaker is None:
            continue  # told already as from nowhere
        parts = part_fingerprints(made_by, utterance["audio_sha256"], (speaker["floor_hz"], speaker["ceiling_hz"]), alignment)
        stale = [part for part, fingerprint in parts.items() if row["fingerprints"][part] != fingerprint]
        stale += [] if row["fingerprint"] == row_fingerprint(utterance, row["fingerprints"]) else ["metadata"]
        stale += [] if measured.get(utterance_id) == measures_of(parts, alignment) else ["quality"]
        if stale:
            yield f"{path}: {', '.join(stale)} of {utterance_id} was not made from what the tables hold; run `dvc repro`"


def _audio_faults(utterances: Path, root: Path) -> Iterator[str]:
    for row in _by_id(utterances, UTTERANCES).values():
        try:
            if file_sha256(root / row["audio_path"]) != row["audio_sha256"]:
                yield f"{root / row['audio_path']}: other bytes than ingest hashed; restore it, or run `dvc repro`"
        except RowError as error:
            yield f"{root / row['audio_path']}: {error}"


def _dvc_faults(version: Version, folders: list[str]) -> Iterator[str]:
    """Folders whose contents are not what ``dvc.lock`` says; files are named where DVC's cache still lists the folder."""
    for folder in folders:
        locked = version.dvc_hash(folder)
        if not locked:
            yield f"{folder}: dvc.lock does not list it; run `dvc repro`"
            continue
        entries = [
            {"md5": _md5(path), "relpath": path.relative_to(version.project / folder).as_posix()}
            for path in sorted((version.project / folder).rglob("*"))
            if path.is_file()
        ]
        entries.sort(key=lambda entry: entry["relpath"])
        if f"{hashlib.md5(json.dumps(entries, sort_keys=True).encode()).hexdigest()}.dir" != locked:
            named = _changed_files(version.project, locked, entries)
            yield f"{folder}: its contents are not those of dvc.lock{named}; run `dvc checkout`, or `dvc repro`"


def _changed_files(project: Path, locked: str, entries: list[dict[str, str]]) -> str:
    listing = project / ".dvc" / "cache" / "files" / "md5" / locked[:2] / locked[2:]
    if not listing.is_file():
        return ""
    known = {(entry["relpath"], entry["md5"]) for entry in json.loads(listing.read_text(encoding="utf-8"))}
    return ": " + ", ".join(sorted({name for name, _ in known ^ {(entry["relpath"], entry["md5"]) for entry in entries}}))


def _shard_rows(folder: Path, kind: str) -> list[tuple[Path, Row]]:
    """Short columns of all rows with the shard that each stands in."""
    found: list[tuple[Path, Row]] = []
    for path in sorted(folder.glob(f"{kind}-*.parquet")):
        contract = features_contract(shards.band_count(path)) if kind == "features" else QUALITY
        columns = [name for name in contract.arrow.names if name not in _BULK]
        found += [(path, row) for row in shards.read_table(path, contract, columns).to_pylist()]
    return found


def _by_id(path: Path, contract: Contract) -> dict[str, Row]:
    table = shards.read_table(path, contract)
    keys = pc.cast(table.column(contract.primary_key), "string").to_pylist()
    return dict(zip(keys, table.to_pylist(), strict=True))


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()
