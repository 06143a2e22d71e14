"""What a version of a corpus holds: hours by speaker, emotion and split, rejects by reason, and what its features were made with."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

from pipeline.fingerprints import Recipe
from workflows.dataset_version import DATA, Version

STAGES = ("ingest", "align", "extract")

Place = tuple[str, str, str]  # speaker, emotion, split


@dataclass(frozen=True)
class CorpusSummary:
    """One corpus in one version.

    Parameters
    ----------
    seconds, utterances
        Of kept utterances, by speaker, emotion and split.
    rejects
        Utterances by stage and reason.
    recipe
        What all rows were made with, see `pipeline.fingerprints.recipe`.
    aligners
        Utterances by name and version of their aligner.
    n_shards
        Files of features.
    """

    corpus: str
    languages: list[str]
    seconds: dict[Place, float]
    utterances: dict[Place, int]
    rejects: dict[tuple[str, str], int]
    recipe: Recipe
    aligners: dict[str, int]
    n_shards: int

    @property
    def hours(self) -> float:
        """Of all kept utterances."""
        return sum(self.seconds.values()) / 3600

    def names(self, axis: int) -> list[str]:
        """Speakers (0), emotions (1) or splits (2), sorted."""
        return sorted({place[axis] for place in self.utterances})

    def of(self, **where: str) -> tuple[int, float]:
        """Utterances and seconds of a ``speaker``, ``emotion`` and ``split``, each of which may be left out."""
        wanted = [where.get(axis) for axis in ("speaker", "emotion", "split")]
        found = [place for place in self.utterances if all(want in (None, have) for want, have in zip(wanted, place, strict=True))]
        return sum(self.utterances[place] for place in found), sum(self.seconds[place] for place in found)

    def plain(self) -> dict[str, Any]:
        """As plain JSON values."""
        rows = [
            {"speaker": place[0], "emotion": place[1], "split": place[2], "utterances": n, "seconds": round(self.seconds[place], 3)}
            for place, n in sorted(self.utterances.items())
        ]
        rejects = [{"stage": stage, "reason": reason, "utterances": n} for (stage, reason), n in self.rejects.items()]
        return {
            "corpus": self.corpus,
            "languages": self.languages,
            "hours": round(self.hours, 4),
            "utterances": sum(self.utterances.values()),
            "speakers": self.names(0),
            "emotions": self.names(1),
            "kept": rows,
            "rejects": rejects,
            "aligners": self.aligners,
            "recipe": self.recipe,
            "n_shards": self.n_shards,
        }


def summarise(version: Version, corpus: str) -> CorpusSummary:
    """One corpus of a version.

    Raises
    ------
    TableError
        As `Version`.
    """
    folder = f"{DATA}/extract/{corpus}"
    made_by = recipe(version, corpus)
    kept = version.tables(folder, "features", ["speaker", "emotion", "split", "language", "n_frames"]).to_pylist()
    frames: dict[Place, int] = defaultdict(int)
    for row in kept:
        frames[row["speaker"], row["emotion"], row["split"]] += row["n_frames"]
    rejects = {
        (stage, reason): count for stage in STAGES for reason, count in Counter(reasons(version, corpus, stage).values()).most_common()
    }
    aligners = version.table(f"{DATA}/align/{corpus}/alignments.parquet", ["aligner"]).column("aligner").to_pylist()
    return CorpusSummary(
        corpus=corpus,
        languages=sorted({row["language"] for row in kept}),
        seconds={place: count * hop_s(made_by) for place, count in frames.items()},
        utterances=Counter((row["speaker"], row["emotion"], row["split"]) for row in kept),
        rejects=rejects,
        recipe=made_by,
        aligners=dict(Counter(aligners).most_common()),
        n_shards=len([name for name in version.names(folder) if name.startswith("features-")]),
    )


def recipe(version: Version, corpus: str) -> Recipe:
    """What all rows of a corpus's features were made with."""
    found: Recipe = version.json(f"{DATA}/extract/{corpus}/recipe.json")
    return found


def hop_s(made_by: Recipe) -> float:
    """Distance between frames, s."""
    clock = made_by["durations"]["params"]["frames"]
    return float(clock["hop_samples"] / clock["sample_rate_hz"])


def reasons(version: Version, corpus: str, stage: str) -> dict[str, str]:
    """Reason of each utterance that a stage rejected."""
    rows = version.table(f"{DATA}/{stage}/{corpus}/rejects.parquet", ["utterance_id", "reason"]).to_pylist()
    return {row["utterance_id"]: row["reason"] for row in rows}
