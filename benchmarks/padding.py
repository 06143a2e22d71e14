"""Share of padding in training batches: ``python -m benchmarks.padding --features data/extract/demo --batch-size 8``.

An epoch of `workflows.batches` over the training split's lengths, against batches of shuffled utterances of any length. Padding is what
encoder and mu compute for nothing; the score network sees windows.
"""

from pathlib import Path
from typing import Annotated

import numpy as np
import pyarrow.parquet as pq
import typer
from numpy.typing import NDArray

from pipeline.shards import shard_paths
from workflows.batches import Batches
from workflows.dataset import Example


class Lengths:
    """Examples of given lengths, and nothing in them."""

    def __init__(self, n_frames: NDArray[np.int64]) -> None:
        self.n_frames, self.block = n_frames, np.zeros(len(n_frames), np.int64)

    def read(self, rows: NDArray[np.int64]) -> list[Example]:
        """Empty examples."""
        return [_empty(int(self.n_frames[row])) for row in rows]


def _empty(n_frames: int) -> Example:
    track, mel_ln, voice = np.zeros(n_frames, np.float32), np.zeros((n_frames, 1), np.float32), np.zeros(0, np.float32)
    return Example("", 0, 0, (0.0, 1.0), np.ones(1, np.int64), np.array([n_frames]), track, track, track, mel_ln, voice)


def padding_share(batches: list[NDArray[np.int64]]) -> float:
    """Frames after a row's end among all frames of batches, each given by the lengths of its rows."""
    return 1.0 - sum(batch.sum() for batch in batches) / sum(len(batch) * batch.max() for batch in batches)


def main(
    features: Annotated[Path, typer.Option(help="Folder of one corpus's feature shards.")],
    batch_size: Annotated[int, typer.Option()] = 8,
    shuffle_utterances: Annotated[int, typer.Option()] = 4096,
    utterances: Annotated[int, typer.Option(help="As many, lengths drawn from the corpus's with replacement; 0: its own.")] = 0,
) -> None:
    """Print the share of padding with like lengths together, and without."""
    tables = [pq.read_table(path, columns=["n_frames", "split"]) for path in shard_paths(features)]
    rows = [(n, split) for table in tables for n, split in zip(*table.to_pydict().values(), strict=True)]
    n_frames = np.array([n for n, split in rows if split == "train"], np.int64)
    if utterances:
        n_frames = np.random.default_rng(1).choice(n_frames, utterances)
    batches = Batches(Lengths(n_frames), batch_size, shuffle_utterances, 0)
    as_is = [batches.at(step).durations.sum(-1).numpy() for step in range(batches.per_epoch)]
    shuffled = np.random.default_rng(0).permutation(n_frames)[: batches.per_epoch * batch_size].reshape(-1, batch_size)
    median, top = np.quantile(n_frames, [0.5, 0.95])
    print(f"{len(n_frames)} utterances, {median:.0f} frames (median), {top:.0f} (95 %), batches of {batch_size}")
    print(f"padding: {padding_share(as_is):.1%}; shuffled alone: {padding_share(list(shuffled)):.1%}")


if __name__ == "__main__":
    typer.run(main)
