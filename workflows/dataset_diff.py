"""What changed between two versions of the dataset, utterance by utterance, and why."""

from dataclasses import asdict, dataclass, field
from typing import Any

from pipeline.fingerprints import METADATA, Recipe
from schemas.tables.features import PARTS
from workflows.dataset_summary import STAGES, reasons
from workflows.dataset_version import DATA, Version

_KEPT = "kept"
_LIMITS = ("f0_floor_hz", "f0_ceiling_hz")

Row = dict[str, Any]


@dataclass
class CorpusDiff:
    """Changes of one corpus from one version to another.

    Parameters
    ----------
    added, removed
        Utterances that the corpus did not have before, or has no more: id to ``kept`` or ``rejected: <stage>, <reason>``.
    decided
        Utterances in both that were kept and are rejected, or the other way round, or for another reason: id to ``before -> after``.
    changed
        Utterances kept in both whose rows differ: id to what changed.
    recipe
        What changed for all rows: parameters, tools, code, as ``part: name before -> after``.
    n_unchanged
        Utterances that are alike in both.
    """

    corpus: str
    added: dict[str, str] = field(default_factory=dict)
    removed: dict[str, str] = field(default_factory=dict)
    decided: dict[str, str] = field(default_factory=dict)
    changed: dict[str, list[str]] = field(default_factory=dict)
    recipe: list[str] = field(default_factory=list)
    n_unchanged: int = 0

    def plain(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)


def diff(before: Version, after: Version) -> list[CorpusDiff]:
    """Changes of each corpus that either version has.

    Raises
    ------
    TableError
        As `Version`.
    """
    return [_corpus_diff(before, after, corpus) for corpus in sorted({*before.corpora, *after.corpora})]


def _corpus_diff(before: Version, after: Version, corpus: str) -> CorpusDiff:
    old, new = _Side(before, corpus), _Side(after, corpus)
    found = CorpusDiff(corpus)
    parts = {part: _changes(old.recipe.get(part), new.recipe.get(part), part) for part in PARTS if old.recipe and new.recipe}
    found.recipe = [change for changes in parts.values() for change in changes]
    for utterance_id in sorted({*old.fates, *new.fates}):
        was, now = old.fates.get(utterance_id), new.fates.get(utterance_id)
        if was is None and now is not None:
            found.added[utterance_id] = now
        elif was is not None and now is None:
            found.removed[utterance_id] = was
        elif was != now:
            found.decided[utterance_id] = f"{was} -> {now}"
        elif was == _KEPT and old.rows[utterance_id]["fingerprint"] != new.rows[utterance_id]["fingerprint"]:
            found.changed[utterance_id] = _why(utterance_id, old, new, parts)
        else:
            found.n_unchanged += 1
    return found


class _Side:
    """One corpus in one version: fate of each utterance, rows of features, and what they were made of; empty without such a corpus."""

    def __init__(self, version: Version, corpus: str) -> None:
        self.recipe: Recipe = {}
        self.rows: dict[str, Row] = {}
        self.fates: dict[str, str] = {}
        self.hashes: dict[str, str] = {}
        self._phones: dict[str, Any] | None = None
        self._version, self._corpus = version, corpus
        if corpus not in version.corpora:
            return
        folder = f"{DATA}/extract/{corpus}"
        self.recipe = version.json(f"{folder}/recipe.json")
        self.rows = _by_id(version.tables(folder, "features", [*METADATA, *_LIMITS, "fingerprint", "fingerprints"]).to_pylist())
        sounds = version.table(f"{DATA}/ingest/{corpus}/utterances.parquet", ["utterance_id", "audio_sha256"]).to_pylist()
        self.hashes = {row["utterance_id"]: row["audio_sha256"] for row in sounds}
        rejected = {one: f"rejected: {stage}, {reason}" for stage in STAGES for one, reason in reasons(version, corpus, stage).items()}
        self.fates = rejected | dict.fromkeys(self.rows, _KEPT)

    def phones(self, utterance_id: str) -> Any:
        """Phones of an utterance; the table is read when first asked for."""
        if self._phones is None:
            path = f"{DATA}/align/{self._corpus}/alignments.parquet"
            self._phones = {row["utterance_id"]: row["phones"] for row in self._version.table(path, ["utterance_id", "phones"]).to_pylist()}
        return self._phones[utterance_id]


def _why(utterance_id: str, old: _Side, new: _Side, recipes: dict[str, list[str]]) -> list[str]:
    was, now = old.rows[utterance_id], new.rows[utterance_id]
    why = ["audio"] if old.hashes[utterance_id] != new.hashes[utterance_id] else []
    if was["text"] != now["text"]:
        why.append("text")
    if was["fingerprints"]["durations"] != now["fingerprints"]["durations"] and old.phones(utterance_id) != new.phones(utterance_id):
        why.append("alignment")
    why += [f"{name}: {was[name]} -> {now[name]}" for name in METADATA if name != "text" and was[name] != now[name]]
    if any(was[name] != now[name] for name in _LIMITS):
        why.append("pitch limits: " + " -> ".join(f"{side['f0_floor_hz']:g} .. {side['f0_ceiling_hz']:g} Hz" for side in (was, now)))
    return why + [change for part in PARTS if was["fingerprints"][part] != now["fingerprints"][part] for change in recipes[part]]


def _changes(before: Any, after: Any, name: str) -> list[str]:
    """Leaves of two nested mappings that differ, each as ``its.path before -> after``."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [change for key in sorted({*before, *after}) for change in _changes(before.get(key), after.get(key), f"{name}.{key}")]
    return [f"{name} {before} -> {after}"] if before != after else []


def _by_id(rows: list[Row]) -> dict[str, Row]:
    return {row["utterance_id"]: row for row in rows}
