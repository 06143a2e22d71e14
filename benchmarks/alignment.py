"""Boundary errors of an alignments table against reference TextGrids, whose phone symbols may be others.

    python -m benchmarks.alignment --alignments data/align/demo/alignments.parquet --reference-dir data/corpora/demo/true_phones

Method. Silences are left out. Phones of both sides are put into broad classes (vowel, stop, affricate, fricative, nasal,
approximant), which ARPAbet, IPA and SAMPA share, and paired in order by dynamic programming over the classes: a pair of one
class costs 0, of two classes 1.2, a phone left alone 0.7, and up to 0.2 more is asked for starts that lie up to 0.2 s apart (a
tie-break: a phone that is far off stays paired and counted). The error is the start of the aligner's phone less that of the reference.

What is not paired counts: the share paired is printed, and `within_20_ms_of_all` takes an unpaired reference phone as a miss.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from pipeline.aligners.textgrid import TextGridFolder, read_textgrid
from pipeline.shards import read_table
from pipeline.stage import run_main, write_json
from schemas.errors import CorpusError, RowError
from schemas.tables.alignments import ALIGNMENTS, SILENCE_LABELS, SPOKEN_NOISE, Interval

LIMITS_MS = (10, 20, 25, 50)

_OTHER_CLASS_COST = 1.2
_ALONE_COST = 0.7
_TIME_COST, _TIME_RANGE_S = 0.2, 0.2

_ARPABET_CLASSES = {
    "vowel": "AA AE AH AO AW AX AXR AY EH ER EY IH IX IY OW OY UH UW",
    "stop": "B D G K P T DX Q",
    "affricate": "CH JH",
    "fricative": "DH F HH S SH TH V Z ZH",
    "nasal": "M N NG",
    "approximant": "L R W Y",
}
_ARPABET = {phone: name for name, phones in _ARPABET_CLASSES.items() for phone in phones.split()}
_AFFRICATES = ("tS", "dZ", "tʃ", "dʒ", "t͡ʃ", "d͡ʒ", "ts", "pf", "t͡s", "p͡f", "ʧ", "ʤ")
_FIRST_LETTER_CLASSES = {  # IPA, SAMPA and espeak-ng's mnemonics, by the first letter; all else is a vowel
    "stop": "pbtdkgɡʔ?qcɟʈɖɾ4",
    "fricative": "fvszʃʒθðçxɣχʁβɸhɦSZTDCXGBHɬʂʐɕʑ",
    "nasal": "mnŋɲɱNMJɴɳ",
    "approximant": "lrɹjwRLʀʎɻɫʋɥɭ",
}
_FIRST_LETTER = {letter: name for name, letters in _FIRST_LETTER_CLASSES.items() for letter in letters}
_MARKS = "ˈˌ'\",%ː:̩̃ʰ_~"


@dataclass(frozen=True)
class Paired:
    """Pairs of one utterance.

    Parameters
    ----------
    errors
        Class of the reference phone, and start of the aligner's phone less the reference's in seconds.
    alone_reference, alone_aligned
        Classes of the phones that found no partner.
    """

    errors: tuple[tuple[str, float], ...]
    alone_reference: tuple[str, ...]
    alone_aligned: tuple[str, ...]


def phone_classes(labels: Sequence[str], arpabet: bool) -> list[str]:
    """Broad class of each phone."""
    return [_arpabet_class(label) if arpabet else _first_letter_class(label) for label in labels]


def is_arpabet(labels: set[str]) -> bool:
    """Whether a corpus's symbols are ARPAbet: no other notation has all its symbols among ARPAbet's, stress aside."""
    known = sum(label.rstrip("012").upper() in _ARPABET or label == SPOKEN_NOISE for label in labels)
    return known > 0.9 * len(labels) and any(len(label.rstrip("012")) == 2 and label.isupper() for label in labels)


def pair(
    aligned: Sequence[Interval], aligned_classes: Sequence[str], reference: Sequence[Interval], reference_classes: Sequence[str]
) -> Paired:
    """Pair phones in order at the least cost; see the module's text for the costs."""
    steps = _steps(_pair_costs(aligned, aligned_classes, reference, reference_classes))
    i, j = len(aligned), len(reference)
    errors: list[tuple[str, float]] = []
    alone_aligned, alone_reference = [], []
    while i or j:
        step = steps[i, j]
        i, j = i - (step != 2), j - (step != 1)
        if step == 0:
            errors.append((reference_classes[j], aligned[i].start_s - reference[j].start_s))
        elif step == 1:
            alone_aligned.append(aligned_classes[i])
        else:
            alone_reference.append(reference_classes[j])
    return Paired(tuple(reversed(errors)), tuple(alone_reference), tuple(alone_aligned))


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


def _arpabet_class(label: str) -> str:
    return _ARPABET.get(label.rstrip("012").upper(), "other")


def _first_letter_class(label: str) -> str:
    bare = label.lstrip(_MARKS)
    if label == SPOKEN_NOISE or not bare:
        return "other"
    if bare.startswith(_AFFRICATES):
        return "affricate"
    return _FIRST_LETTER.get(bare[0], "vowel")


def _pair_costs(
    aligned: Sequence[Interval], aligned_classes: Sequence[str], reference: Sequence[Interval], reference_classes: Sequence[str]
) -> NDArray[np.float64]:
    apart_s = np.abs(np.subtract.outer([a.start_s for a in aligned], [r.start_s for r in reference]))
    differ = np.not_equal.outer(np.asarray(aligned_classes, dtype=object), np.asarray(reference_classes, dtype=object)).astype(float)
    costs: NDArray[np.float64] = _OTHER_CLASS_COST * differ + _TIME_COST * np.minimum(apart_s / _TIME_RANGE_S, 1)
    return costs


def _steps(costs: NDArray[np.float64]) -> NDArray[np.int8]:
    """Best last step of each prefix pair: 0 a pair, 1 an aligned phone alone, 2 a reference phone alone. Shape (n + 1, m + 1)."""
    n, m = costs.shape
    total = np.zeros((n + 1, m + 1))
    total[:, 0] = np.arange(n + 1) * _ALONE_COST
    total[0, :] = np.arange(m + 1) * _ALONE_COST
    steps = np.zeros((n + 1, m + 1), dtype=np.int8)
    steps[1:, 0], steps[0, 1:] = 1, 2
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            options = (total[i - 1, j - 1] + costs[i - 1, j - 1], total[i - 1, j] + _ALONE_COST, total[i, j - 1] + _ALONE_COST)
            steps[i, j] = int(np.argmin(options))
            total[i, j] = options[steps[i, j]]
    return steps


def _speech(intervals: Sequence[Interval]) -> list[Interval]:
    return [interval for interval in intervals if interval.label.strip().lower() not in SILENCE_LABELS]


def _aligned_phones(alignments: Path) -> dict[str, list[Interval]]:
    rows = read_table(alignments, ALIGNMENTS, ["utterance_id", "phones"]).to_pylist()
    return {row["utterance_id"]: _speech([Interval(**phone) for phone in row["phones"]]) for row in rows}


def _reference_phones(ids: Sequence[str], folder: Path, tier: str) -> dict[str, list[Interval]]:
    """Reference phones of the utterances that have some, found by speaker and stem."""
    files = TextGridFolder(folder)
    stems = Counter(PurePosixPath(utterance_id).name for utterance_id in ids)
    found: dict[str, list[Interval]] = {}
    for utterance_id in ids:
        path = PurePosixPath(utterance_id)
        try:
            tiers = read_textgrid(files.find(f"{path.parent.name}/{path.name}.wav", stem_is_shared=stems[path.name] > 1))
        except RowError:
            continue
        if tier in tiers:
            found[utterance_id] = _speech(tiers[tier])
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
    aligned_arpabet, reference_arpabet = (
        is_arpabet({p.label for phones in side.values() for p in phones}) for side in (aligned, reference)
    )
    errors, alone, extra = defaultdict(list), Counter[str](), 0
    for utterance_id, phones in reference.items():
        own = aligned[utterance_id]
        own_classes = phone_classes([p.label for p in own], aligned_arpabet)
        paired = pair(own, own_classes, phones, phone_classes([p.label for p in phones], reference_arpabet))
        for name, error_s in paired.errors:
            errors[name].append(error_s)
        alone.update(paired.alone_reference)
        extra += len(paired.alone_aligned)
    all_errors_s = np.array([error_s for of_class in errors.values() for error_s in of_class])
    return {
        "utterances_aligned": len(aligned),
        "utterances_compared": len(reference),
        "references_without_alignment": sum(1 for _ in reference_dir.rglob("*.TextGrid")) - len(reference),
        "aligned_phones_alone": extra,
        "all": error_summary(all_errors_s, alone.total()),
        "classes": {name: error_summary(np.array(errors[name]), alone[name]) for name in sorted(errors.keys() | alone.keys())},
    }


def _print(measured: dict[str, object], console: Console) -> None:
    counts = {name: value for name, value in measured.items() if isinstance(value, int)}
    console.print(", ".join(f"{value} {name.replace('_', ' ')}" for name, value in counts.items()))
    whole, classes = measured["all"], measured["classes"]
    assert isinstance(whole, dict)
    assert isinstance(classes, dict)
    table = Table("phones", *(name.replace("_", " ") for name in whole), title="start of phones, aligner less reference")
    for name, summary in [("all", whole), *classes.items()]:
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
