"""Scores of texts that match their audio and of texts that do not: where `min_score` of `align.pocketsphinx` should lie.

    python -m benchmarks.mismatch --utterances data/ingest/mine/utterances.parquet --root ../my-corpus --picture scores.png

Aligns utterances spread over the corpus with their own text and with that of another (the first of another text, counted from half
the corpus further on), and prints both distributions of pocketsphinx's score a frame, and for each least score the
share of right texts that it would reject and of wrong ones that it would let pass. An utterance without a path is rejected by any.
"""

from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from pipeline import audio
from pipeline.align import AlignStageParams, spoken_of
from pipeline.aligners.alignment import Spoken
from pipeline.aligners.pocketsphinx import LOWEST_SCORE, SAMPLE_RATE_HZ, process_aligner
from pipeline.cluster import in_batches, map_batches
from pipeline.shards import read_table
from pipeline.stage import run_main
from schemas.errors import RowError
from schemas.params import PocketsphinxParams, load_params
from schemas.tables.utterances import UTTERANCES

LIMITS = (-25, -30, -35, -40, -45, -50, -55)
_BATCH = 20
_QUANTILES = (0, 1, 5, 50, 95, 99, 100)

Scores = NDArray[np.float64]  # NaN where no path was found


def score_batch(batch: list[tuple[Spoken, str]], root: Path, params: PocketsphinxParams) -> list[tuple[float, float]]:
    """A worker's task: scores with the utterance's own text and with the other."""
    return [(_score(one, one.text, root, params), _score(one, other, root, params)) for one, other in batch]


def with_other_texts(spoken: list[Spoken], limit: int) -> list[tuple[Spoken, str]]:
    """At most `limit` utterances, evenly spread, each with the text of another one."""
    chosen = [spoken[index] for index in np.unique(np.linspace(0, len(spoken) - 1, min(limit, len(spoken))).astype(int))]
    pairs = []
    for at, one in enumerate(chosen):
        later = [chosen[(at + len(chosen) // 2 + step) % len(chosen)].text for step in range(len(chosen))]
        other = next((text for text in later if text != one.text), None)
        if other is not None:
            pairs.append((one, other))
    return pairs


def rates(right: Scores, wrong: Scores, limit: float) -> tuple[float, float]:
    """Percent of right texts rejected, and of wrong texts let pass, by a least score."""
    return 100 * float(np.mean(~(right >= limit))), 100 * float(np.mean(wrong >= limit))


def _score(spoken: Spoken, text: str, root: Path, params: PocketsphinxParams) -> float:
    try:
        samples = audio.load(root / spoken.audio_path, SAMPLE_RATE_HZ)
        score = process_aligner(params).align(spoken.with_text(text), samples).score
    except RowError:
        return float("nan")
    return float("nan") if score is None else score


def _print(right: Scores, wrong: Scores, console: Console) -> None:
    table = Table("text", "n", "no path", *(f"{q} %" for q in _QUANTILES), title="score a frame")
    for name, scores in (("right", right), ("wrong", wrong)):
        found = scores[np.isfinite(scores)]
        quantiles = [f"{value:.1f}" for value in np.percentile(found, _QUANTILES)] if len(found) else []
        table.add_row(name, str(len(scores)), str(len(scores) - len(found)), *quantiles)
    console.print(table)
    limits = Table("min_score", "right text rejected, %", "wrong text let pass, %")
    for limit in LIMITS:
        limits.add_row(str(limit), *(f"{rate:.1f}" for rate in rates(right, wrong, limit)))
    console.print(limits)


def _draw(right: Scores, wrong: Scores, path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3), layout="constrained")
    axes = figure.subplots()
    bins = np.arange(-80, 0, 2.0)
    axes.hist(
        [right[np.isfinite(right)], wrong[np.isfinite(wrong)]], bins, histtype="stepfilled", alpha=0.6, label=["right text", "wrong text"]
    )
    axes.set(xlabel="score a frame", ylabel="utterances")
    axes.legend()
    figure.savefig(path)


def main(
    utterances: Annotated[Path, typer.Option(help="The utterances table.")],
    root: Annotated[Path, typer.Option(help="The corpus folder.")],
    limit: Annotated[int, typer.Option(min=2, help="Utterances to look at.")] = 120,
    picture: Annotated[Path | None, typer.Option(help="PNG file for the two distributions.")] = None,
    params: Annotated[Path, typer.Option(help="The parameters.")] = Path("params.yaml"),
) -> None:
    """Print scores of right and wrong texts."""
    given = load_params(params, AlignStageParams).align.pocketsphinx.model_copy(
        update={"min_score": LOWEST_SCORE, "min_score_mapped": LOWEST_SCORE}
    )
    pairs = with_other_texts(spoken_of(read_table(utterances, UTTERANCES)), limit)
    task = partial(score_batch, root=root.absolute(), params=given)
    both = np.array([scores for part in map_batches(task, in_batches(pairs, _BATCH), "scores") for scores in part])
    _print(both[:, 0], both[:, 1], Console(width=140))
    if picture is not None:
        _draw(both[:, 0], both[:, 1], picture)


if __name__ == "__main__":
    run_main("benchmarks.mismatch")
