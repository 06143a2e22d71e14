"""Boundary errors of an alignments table against reference TextGrids, whose phone symbols may be others.

    python -m benchmarks.alignment --alignments data/align/demo/alignments.parquet --reference-dir data/corpora/demo/true_phones

The error is the start of the aligner's phone or pause less that of the reference's it is paired with (`benchmarks.phone_pairs`);
the pause at the start is left out, for it starts at 0 in both. Two rows sum up the phones: `all` has every pair, `both sides` those
whose phone before is paired too and stands directly before on both sides, so that the boundary is one between the same two phones. The
ends of speech stand in the row `pause`.

What is not paired counts: the share paired is printed, and `within_20_ms_of_all` takes an unpaired reference phone as a miss.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.phone_pairs import CLASSES, PAUSE, as_ipa, pair, phone_class
from pipeline.aligners.textgrid import read_textgrid
from pipeline.aligners.textgrid_aligner import TextGridFolder
from pipeline.shards import read_table
from pipeline.stage import run_main, write_json
from schemas.errors import CorpusError, RowError
from schemas.tables.alignments import ALIGNMENTS, SILENCE, SILENCE_LABELS, Interval

LIMITS_MS = (10, 20, 25, 50)

BOTH_SIDES = "both sides"


@dataclass(frozen=True)
class Errors:
    """Of one utterance: class of the reference phone, error of its start in seconds, whether both sides are the same; and what is alone."""

    boundaries: tuple[tuple[str, float, bool], ...]
    alone_reference: tuple[str, ...]
    n_alone_aligned: int


def utterance_errors(
    aligned: Sequence[Interval], aligned_ipa: dict[str, str], reference: Sequence[Interval], reference_ipa: dict[str, str]
) -> Errors:
    """Errors of one utterance; the dictionaries give the IPA of each label (`phone_pairs.as_ipa`)."""
    pairs = pair(aligned, [aligned_ipa[p.label] for p in aligned], reference, [reference_ipa[p.label] for p in reference])
    ends = {(i_end, j_end) for _, i_end, _, j_end in pairs.paired}
    classes = [phone_class(p.label, reference_ipa[p.label]) for p in reference]
    return Errors(
        tuple(
            (classes[j], aligned[i].start_s - reference[j].start_s, (i, j) in ends)
            for i, _, j, _ in pairs.paired
            if not (i == j == 0 and classes[j] == PAUSE)
        ),
        tuple(classes[j] for j in pairs.alone_reference if classes[j] != PAUSE),
        sum(aligned[i].label != SILENCE for i in pairs.alone_aligned),
    )


def error_summary(errors_s: NDArray[np.float64], n_alone: int) -> dict[str, float]:
    """Numbers of one class, in ms and percent; `n_alone` reference phones without partner."""
    errors_ms = errors_s * 1000
    n_all = len(errors_ms) + n_alone
    summary = {"reference_phones": float(n_all), "paired_percent": 100 * len(errors_ms) / max(n_all, 1)}
    if len(errors_ms):
        size = np.abs(errors_ms)
        summary |= {"mean_ms": float(errors_ms.mean()), "median_ms": float(np.median(errors_ms))}
        summary |= {"mean_absolute_ms": float(size.mean()), "median_absolute_ms": float(np.median(size))}
        summary |= {f"within_{limit}_ms": 100 * float(np.mean(size <= limit + 1e-6)) for limit in LIMITS_MS}
        summary["within_20_ms_of_all"] = 100 * float(np.sum(size <= 20 + 1e-6)) / n_all
    return {name: round(value, 2) for name, value in summary.items()}


def _phones(intervals: Sequence[Interval]) -> list[Interval]:
    """Intervals with one label for silence."""
    return [replace(i, label=SILENCE) if i.label.strip().lower() in SILENCE_LABELS else i for i in intervals]


def _aligned_phones(alignments: Path) -> dict[str, list[Interval]]:
    rows = read_table(alignments, ALIGNMENTS, ["utterance_id", "phones"]).to_pylist()
    return {row["utterance_id"]: _phones([Interval(**phone) for phone in row["phones"]]) for row in rows}


def _reference_phones(ids: Sequence[str], folder: Path, tier: str) -> dict[str, list[Interval]]:
    """Reference phones of the utterances that have some, found by speaker and stem."""
    files = TextGridFolder(folder)
    stems = Counter(PurePosixPath(utterance_id).name for utterance_id in ids)
    found: dict[str, list[Interval]] = {}
    for utterance_id in ids:
        path = PurePosixPath(utterance_id)
        try:
            tiers = read_textgrid(folder / files.find(f"{path.parent.name}/{path.name}.wav", stem_is_shared=stems[path.name] > 1))
        except RowError:
            continue
        if tier in tiers:
            found[utterance_id] = _phones(tiers[tier])
    return found


def measure(alignments: Path, reference_dir: Path, tier: str) -> dict[str, object]:
    """All numbers: counts of utterances, and a summary over all phones and of each class.

    Raises
    ------
    CorpusError
        If no utterance has a reference.
    """
    aligned = _aligned_phones(alignments)
    reference = _reference_phones(list(aligned), reference_dir, tier)
    if not reference:
        raise CorpusError(f"no TextGrid under {reference_dir} with a tier '{tier}' fits an utterance of {alignments}; check both")
    aligned_ipa, reference_ipa = (as_ipa({p.label for phones in side.values() for p in phones}) for side in (aligned, reference))
    errors, alone, extra = defaultdict(list), Counter[str](), 0
    for utterance_id, phones in reference.items():
        found = utterance_errors(aligned[utterance_id], aligned_ipa, phones, reference_ipa)
        for name, error_s, both in found.boundaries:
            errors[name].append(error_s)
            if both and name != PAUSE:
                errors[BOTH_SIDES].append(error_s)
        alone.update(found.alone_reference)
        extra += found.n_alone_aligned
    in_classes = [name for name in CLASSES if name in errors.keys() | alone.keys()]
    all_errors_s = np.array([error_s for name in in_classes if name != PAUSE for error_s in errors[name]])
    return {
        "utterances_aligned": len(aligned),
        "utterances_compared": len(reference),
        "references_without_alignment": sum(1 for _ in reference_dir.rglob("*.TextGrid")) - len(reference),
        "aligned_phones_alone": extra,
        "all": error_summary(all_errors_s, alone.total()),
        BOTH_SIDES: error_summary(np.array(errors[BOTH_SIDES]), 0),
        "classes": {name: error_summary(np.array(errors[name]), alone[name]) for name in in_classes},
    }


def _print(measured: dict[str, object], console: Console) -> None:
    counts = {name: value for name, value in measured.items() if isinstance(value, int)}
    console.print(", ".join(f"{value} {name.replace('_', ' ')}" for name, value in counts.items()))
    whole, both, classes = measured["all"], measured[BOTH_SIDES], measured["classes"]
    assert isinstance(whole, dict)
    assert isinstance(both, dict)
    assert isinstance(classes, dict)
    table = Table("phones", *(name.replace("_", " ") for name in whole), title="start of phones, aligner less reference")
    for name, summary in [("all", whole), (BOTH_SIDES, both), *classes.items()]:
        table.add_row(name, *(f"{summary[key]:g}" if key in summary else "" for key in whole))
    console.print(table)


def main(
    alignments: Annotated[Path, typer.Option(help="The alignments table.")],
    reference_dir: Annotated[Path, typer.Option(help="Folder of reference TextGrids, searched to any depth.")],
    tier: Annotated[str, typer.Option(help="Name of the reference's phone tier.")] = "phones",
    out: Annotated[Path | None, typer.Option(help="JSON file for the numbers.")] = None,
) -> None:
    """Print boundary errors by phone class."""
    measured = measure(alignments, reference_dir, tier)
    _print(measured, Console(width=200))
    if out is not None:
        write_json(out, measured)


if __name__ == "__main__":
    run_main("benchmarks.alignment")
