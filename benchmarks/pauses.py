"""How much voice an alignment calls silence: ``python -m benchmarks.pauses --features data/extract/demo``.

It needs no reference: where F0 is found in a pause, the alignment is wrong or the pitch is.
"""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from pipeline.shards import iter_rows, shard_paths
from schemas.tables.alignments import SILENCE

_MANY = 5  # voiced frames in an utterance's silences


def main(features: Annotated[Path, typer.Option(help="Folder of one corpus's feature shards.")]) -> None:
    """Print voiced frames in silence as a share of all voiced ones, and utterances with many of them."""
    in_silence, voiced = [], 0
    for row in iter_rows(shard_paths(features), ["phones", "duration_frames", "voiced"]):
        silent = np.repeat(np.array(row["phones"]) == SILENCE, row["duration_frames"])
        in_silence.append(int((silent & np.array(row["voiced"])).sum()))
        voiced += int(np.sum(row["voiced"]))
    many = np.mean(np.array(in_silence) > _MANY)
    found = f"{sum(in_silence) / voiced:.2%} of voiced frames"
    print(f"{len(in_silence)} utterances; in silence {found}; more than {_MANY} in {many:.1%} of utterances")


if __name__ == "__main__":
    typer.run(main)
