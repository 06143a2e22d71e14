"""Rejected by the limits of `quality`: how many good utterances, and how many that were spoiled on purpose.

The corpus itself and spoiled copies of some of its clips go through the real stages align and extract as one corpus, so that typical
phone lengths and pitch limits come from a mixture, as they would. Ingest must have run::

    python -m benchmarks.quality --corpus demo --utterances data/ingest/demo/utterances.parquet --work /tmp/quality
"""

import hashlib
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import soundfile as sf
import typer
from numpy.typing import NDArray

from pipeline import align, extract, shards
from pipeline.aligners.textgrid import read_textgrid, write_textgrid
from pipeline.audio import load, probe
from schemas.params import CorpusParams, corpus_params, load_params
from schemas.tables.alignments import Interval
from schemas.tables.quality import MEASURES, QUALITY
from schemas.tables.rejects import REJECTS
from schemas.tables.utterances import UTTERANCES

Samples = NDArray[np.float32]
Row = dict[str, Any]
GOOD = "as it is"


class Recording(NamedTuple):
    """Samples at a rate, and a generator of its own."""

    samples: Samples
    rate_hz: int
    random: np.random.Generator


def clipped(recording: Recording, over_db: float) -> Samples:
    """Limited `over_db` below the peak, and not at full scale."""
    limit = float(np.abs(recording.samples).max()) * 10 ** (-over_db / 20)
    return np.clip(recording.samples, -limit, limit) * (0.8 * 10 ** (over_db / 20))


def noisy(recording: Recording, snr_db: float) -> Samples:
    """White noise below the mean power of the louder half of 20 ms frames."""
    n_frame = round(0.02 * recording.rate_hz)
    frames = recording.samples[: len(recording.samples) // n_frame * n_frame].reshape(-1, n_frame)
    power = np.sort((frames.astype(np.float64) ** 2).mean(axis=1))
    noise = recording.random.normal(size=len(recording.samples)) * np.sqrt(power[len(power) // 2 :].mean() * 10 ** (-snr_db / 10))
    spoiled = recording.samples + noise.astype(np.float32)
    return spoiled * np.float32(0.99 / max(0.99, float(np.abs(spoiled).max())))


def truncated(recording: Recording, kept: float) -> Samples:
    """The beginning alone."""
    return recording.samples[: round(kept * len(recording.samples))]


def padded(recording: Recording, seconds: float) -> Samples:
    """Faint noise after the end."""
    noise = recording.random.normal(size=round(seconds * recording.rate_hz)) * 1e-4
    return np.concatenate([recording.samples, noise.astype(np.float32)])


SPOILED: dict[str, Callable[[Recording], Samples]] = {
    "clipped 3 dB": lambda recording: clipped(recording, 3),
    "clipped 10 dB": lambda recording: clipped(recording, 10),
    "noise at 20 dB": lambda recording: noisy(recording, 20),
    "noise at 10 dB": lambda recording: noisy(recording, 10),
    "noise at 0 dB": lambda recording: noisy(recording, 0),
    "cut after 90 %": lambda recording: truncated(recording, 0.9),
    "cut after 60 %": lambda recording: truncated(recording, 0.6),
    "10 s of near silence added": lambda recording: padded(recording, 10),
    "another clip's transcript": lambda recording: recording.samples,
}
SWAPPED = "another clip's transcript"


def main(
    corpus: Annotated[str, typer.Option(help="Key under `corpora` in params.yaml.")],
    utterances: Annotated[Path, typer.Option(help="Its utterances table.")],
    work: Annotated[Path, typer.Option(help="Folder to work in.")],
    spoiled: Annotated[int, typer.Option(help="Clips a kind of damage.")] = 30,
    limit: Annotated[int, typer.Option(help="Clips that are taken as they are, at most.")] = 10**6,
    seed: Annotated[int, typer.Option(help="Chooses clips and noise.")] = 1,
    distributions: Annotated[bool, typer.Option(help="Print quantiles of each measure too.")] = False,
    params: Annotated[Path, typer.Option(help="The parameters.")] = Path("params.yaml"),
) -> None:
    """Print a table: kind of damage, how many were rejected, for which reasons."""
    block = corpus_params(load_params(params, align.AlignStageParams).corpora, corpus)
    rows = shards.read_table(utterances, UTTERANCES).to_pylist()
    rows.sort(key=lambda row: hashlib.sha256(f"{seed} {row['utterance_id']}".encode()).digest())
    folder = work / corpus
    shutil.rmtree(folder, ignore_errors=True)
    made = _mixture(rows[:limit], block, params.parent / block.root, folder / "root", spoiled, seed)
    shards.write_table(folder / "utterances.parquet", UTTERANCES.table(made), UTTERANCES)
    _run_stages(corpus, block, folder, params)
    _print(folder, Counter(_kind(row["utterance_id"]) for row in made), distributions)


def _mixture(rows: list[Row], block: CorpusParams, root: Path, into: Path, n_spoiled: int, seed: int) -> list[Row]:
    made = [_placed(row, GOOD, root, into, block, seed, None) for row in rows]
    for number, kind in enumerate(SPOILED):
        chosen = [rows[(number * n_spoiled + at) % len(rows)] for at in range(min(n_spoiled, len(rows)))]
        others = chosen[1:] + chosen[:1]
        made += [_placed(row, kind, root, into, block, seed, other) for row, other in zip(chosen, others, strict=True)]
    return made


def _placed(row: Row, kind: str, root: Path, into: Path, block: CorpusParams, seed: int, other: Row | None) -> Row:
    """The row of a copy of its recording, damaged, with its TextGrid if it has one."""
    source = root / row["audio_path"]
    stem = Path(row["audio_path"]).stem if kind == GOOD else f"{Path(row['audio_path']).stem}~{list(SPOILED).index(kind)}"
    path = into / "audio" / row["speaker"] / f"{stem}.flac"
    path.parent.mkdir(parents=True, exist_ok=True)
    rate_hz = row["sample_rate_hz"]
    digest = hashlib.sha256(f"{seed} {row['utterance_id']} {kind}".encode()).digest()
    random = np.random.default_rng(int.from_bytes(digest[:8], "big"))
    samples = load(source, rate_hz)
    sf.write(path, samples if kind == GOOD else SPOILED[kind](Recording(samples, rate_hz, random)), rate_hz, subtype="PCM_16")
    text, grid_of = (other["text"], other) if kind == SWAPPED and other else (row["text"], row)
    if block.aligner == "textgrid":
        _place_textgrid(root / block.textgrid_dir, grid_of, into / "textgrid" / row["speaker"] / f"{stem}.TextGrid", row, kind)
    found = probe(path, 600)
    return row | {
        "utterance_id": f"{row['utterance_id'].rpartition('/')[0]}/{stem}",
        "text": text,
        "audio_path": str(path.relative_to(into)),
        "audio_sha256": found.sha256,
        "n_samples": found.n_samples,
        "n_channels": 1,
        "duration_s": found.duration_s,
        "peak_db": found.peak_db,
    }


def _place_textgrid(folder: Path, grid_of: Row, path: Path, row: Row, kind: str) -> None:
    """Its own TextGrid as it is; for a swap another clip's, stretched to this one's length."""
    found = sorted(folder.rglob(f"{Path(grid_of['audio_path']).stem}.TextGrid"))
    if not found:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind != SWAPPED:
        shutil.copyfile(found[0], path)
        return
    stretch = row["duration_s"] / grid_of["duration_s"]
    tiers = {
        name: [Interval(one.label, one.start_s * stretch, min(one.end_s * stretch, row["duration_s"])) for one in intervals]
        for name, intervals in read_textgrid(found[0]).items()
    }
    write_textgrid(path, tiers, row["duration_s"])


def _run_stages(corpus: str, block: CorpusParams, folder: Path, params: Path) -> None:
    moved = block.model_copy(update={"textgrid_dir": "textgrid"})
    aligning = load_params(params, align.AlignStageParams).align.model_copy(update={"max_reject_share": 1.0})
    align.run(moved, aligning, folder / "root", folder / "utterances.parquet", folder / "align", folder / "align.json")
    extracting = load_params(params, extract.ExtractStageParams)
    extracting = extracting.model_copy(update={"extract": extracting.extract.model_copy(update={"max_reject_share": 1.0})})
    tables = folder / "utterances.parquet", folder / "align" / "alignments.parquet"
    extract.run(corpus, extracting, folder / "root", *tables, folder / "extract", folder / "extract.json")


def _kind(utterance_id: str) -> str:
    _, tilde, number = utterance_id.rpartition("~")
    return list(SPOILED)[int(number)] if tilde else GOOD


def _print(folder: Path, counts: Counter[str], distributions: bool) -> None:
    reasons: dict[str, Counter[str]] = {kind: Counter() for kind in [GOOD, *SPOILED]}
    for stage in ("align", "extract"):
        for row in shards.read_table(folder / stage / "rejects.parquet", REJECTS).to_pylist():
            reasons[_kind(row["utterance_id"])][row["reason"]] += 1
    print("| damage | clips | rejected | reasons |\n|---|---|---|---|")
    for kind, found in reasons.items():
        told = ", ".join(f"`{reason}` {count}" for reason, count in found.most_common())
        print(f"| {kind} | {counts[kind]} | {100 * found.total() / max(1, counts[kind]):.1f} % | {told} |")
    if distributions:
        _print_distributions(folder)


def _print_distributions(folder: Path) -> None:
    paths = sorted((folder / "extract").glob("quality-*.parquet"))
    frame = pa.concat_tables([shards.read_table(path, QUALITY) for path in paths]).to_pandas()
    kinds = frame["utterance_id"].map(_kind)
    for name in ("alignment_score", *MEASURES):
        quantiles: pd.DataFrame = frame.groupby(kinds)[name].quantile([0, 0.01, 0.05, 0.5, 0.95, 0.99, 1]).unstack()
        print(f"\n{name}\n{quantiles.reindex([GOOD, *SPOILED]).round(4).to_string()}")


if __name__ == "__main__":
    typer.run(main)
