"""Scores of texts that match their audio and of texts that do not: where the limits of `align.pocketsphinx` should lie.

    python -m benchmarks.mismatch --utterances data/ingest/mine/utterances.parquet --root ../my-corpus --picture scores.png

Aligns utterances spread over the corpus with their own text and with that of another (the first of another text, counted from half
the corpus further on), and prints both distributions of pocketsphinx's score a frame (`min_score`, `min_score_mapped`) and of the fit to a
model learned on the corpus (`refine_min_fit`), and for each limit the share of right texts that it would reject and of wrong ones that
it would let pass. An utterance without a path is rejected by any. The model is learned from the right texts, and with
`--wrong-share` from that share of wrong ones among them.
"""

from collections.abc import Sequence
from dataclasses import replace
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
from pipeline.aligners.refine import Model
from pipeline.aligners.refine_corpus import FirstPass, learn_refinement, learned_on, refine_batch
from pipeline.cluster import in_batches, map_batches, one_cluster
from pipeline.shards import read_table
from pipeline.stage import run_main
from schemas.errors import RowError
from schemas.params import PocketsphinxParams, load_params
from schemas.tables.utterances import UTTERANCES

SCORE_LIMITS = (-25, -30, -35, -40, -45, -50, -55, -60)
FIT_LIMITS = (-2, -2.5, -3, -3.5, -4, -4.5, -5, -6)
_BATCH = 20
_QUANTILES = (0, 1, 5, 50, 95, 99, 100)

Scores = NDArray[np.float64]  # NaN where no path was found
Found = tuple[float, FirstPass | None]


def align_batch(batch: list[Spoken], root: Path, params: PocketsphinxParams) -> list[tuple[str, Found]]:
    """A worker's task: ids, scores and first alignments."""
    return [(one.utterance_id, _aligned(one, root, params)) for one in batch]


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


def _aligned(spoken: Spoken, root: Path, params: PocketsphinxParams) -> Found:
    try:
        done = process_aligner(params).align(spoken, audio.load(root / spoken.audio_path, SAMPLE_RATE_HZ))
    except RowError:
        return float("nan"), None
    score = float("nan") if done.score is None else done.score
    return score, FirstPass(spoken.utterance_id, list(done.phones), spoken.audio_path)


def _scores(spoken: list[Spoken], root: Path, params: PocketsphinxParams) -> list[Found]:
    task = partial(align_batch, root=root, params=params)
    found = dict(pair for part in map_batches(task, in_batches(spoken, _BATCH), "scores") for pair in part)
    return [found[one.utterance_id] for one in spoken]


def _fits(found: list[Found], root: Path, params: PocketsphinxParams, model: Model) -> Scores:
    first = [one for _, one in found if one is not None]
    task = partial(refine_batch, root=root, model=model, reach_s=params.refine_reach_s)
    fits = {one.utterance_id: one.fit for part in map_batches(task, in_batches(first, _BATCH), "fits") for one in part.moved}
    return np.array([fits[one.utterance_id] if one is not None else np.nan for _, one in found])


def _print(name: str, right: Scores, wrong: Scores, limits: Sequence[float], console: Console) -> None:
    table = Table("text", "n", "no path", *(f"{q} %" for q in _QUANTILES), title=name)
    for text, scores in (("right", right), ("wrong", wrong)):
        found = scores[np.isfinite(scores)]
        quantiles = [f"{value:.1f}" for value in np.percentile(found, _QUANTILES)] if len(found) else []
        table.add_row(text, str(len(scores)), str(len(scores) - len(found)), *quantiles)
    console.print(table)
    told = Table("limit", "right text rejected, %", "wrong text let pass, %")
    for limit in limits:
        told.add_row(str(limit), *(f"{rate:.1f}" for rate in rates(right, wrong, limit)))
    console.print(told)


def _draw(measures: dict[str, tuple[Scores, Scores]], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 5), layout="constrained")
    for axes, (name, both) in zip(figure.subplots(len(measures), 1), measures.items(), strict=True):
        found = [scores[np.isfinite(scores)] for scores in both]
        axes.hist(found, 50, histtype="stepfilled", alpha=0.6, label=["right text", "wrong text"])
        axes.set(xlabel=name, ylabel="utterances")
        axes.legend()
    figure.savefig(path)


def main(
    utterances: Annotated[Path, typer.Option(help="The utterances table.")],
    root: Annotated[Path, typer.Option(help="The corpus folder.")],
    limit: Annotated[int, typer.Option(min=2, help="Utterances to look at.")] = 120,
    wrong_share: Annotated[float, typer.Option(min=0, max=1, help="Share of the model's utterances that have wrong texts.")] = 0.0,
    picture: Annotated[Path | None, typer.Option(help="PNG file for the two distributions.")] = None,
    params: Annotated[Path, typer.Option(help="The parameters.")] = Path("params.yaml"),
) -> None:
    """Print scores and fits of right and wrong texts."""
    given = load_params(params, AlignStageParams).align.pocketsphinx.model_copy(
        update={"min_score": LOWEST_SCORE, "min_score_mapped": LOWEST_SCORE}
    )
    root = root.absolute()
    pairs = with_other_texts(spoken_of(read_table(utterances, UTTERANCES)), limit)
    with one_cluster():
        right = _scores([one for one, _ in pairs], root, given)
        wrong = _scores([replace(one, text=other) for one, other in pairs], root, given)
        n_wrong = round(wrong_share * len(pairs))
        heard = [one for _, one in [*wrong[:n_wrong], *right[n_wrong:]] if one is not None]
        model = learn_refinement(learned_on(heard, given, root), given, root)
        fits = (_fits(right, root, given, model), _fits(wrong, root, given, model))
    scores = (np.array([score for score, _ in right]), np.array([score for score, _ in wrong]))
    console = Console(width=140)
    _print("pocketsphinx's score a frame", *scores, SCORE_LIMITS, console)
    _print("fit to the corpus's own model", *fits, FIT_LIMITS, console)
    if picture is not None:
        _draw({"score a frame": scores, "fit": fits}, picture)


if __name__ == "__main__":
    run_main("benchmarks.mismatch")
