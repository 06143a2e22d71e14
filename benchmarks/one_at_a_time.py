"""What do equal bytes cost? ``python -m benchmarks.one_at_a_time --model models/tts.safetensors --features data/extract``.

Test utterances are spoken in padded batches and one by one, on one thread and on two: CPU seconds, and how many of the mels, and of
the vocoder's samples, have the same bits. Times are `process_time`, so that another's load on the machine counts little.
"""

import time
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from numpy.typing import NDArray

from benchmarks.spoken import opened
from schemas.params import Params, load_params


def main(
    model: Annotated[Path, typer.Option(help="models/tts.safetensors")],
    features: Annotated[Path, typer.Option(help="folder of the stage extract")],
    limit: Annotated[int, typer.Option(help="test utterances")] = 8,
    threads: Annotated[list[int] | None, typer.Option(help="numbers of threads")] = None,
    params: Annotated[Path, typer.Option(help="params.yaml")] = Path("params.yaml"),
) -> None:
    """Print a table."""
    bench = opened(model, features, load_params(params, Params), limit)
    rows = bench.rows
    ways = {f"batch of {len(rows)}": lambda: bench.say(rows), "one by one": lambda: [bench.say([row])[0] for row in rows]}
    rendered: dict[int, NDArray[np.float32]] = {}
    print("| threads | way | sampling, CPU s a second | same bits as alone on one thread | largest difference |\n|---|---|---|---|---|")
    reference: list[NDArray[np.float32]] = []
    for n in threads or [1, 2]:
        torch.set_num_threads(n)
        bench.say(rows[:1])
        for name, way in reversed(ways.items()):
            started = time.process_time()
            mels = way()
            spent = (time.process_time() - started) / bench.seconds
            reference = reference or mels
            same = sum(np.array_equal(a, b) for a, b in zip(mels, reference, strict=True))
            apart = max(float(np.abs(a - b).max()) for a, b in zip(mels, reference, strict=True))
            print(f"| {n} | {name} | {spent:.3f} | {same} of {len(rows)} | {apart:.1e} |", flush=True)
        started = time.process_time()
        rendered[n] = bench.vocode(reference[0])
        spent = (time.process_time() - started) / (rows[0]["n_frames"] * bench.params.frames.grid().hop_s)
        same_samples = np.array_equal(rendered[n], next(iter(rendered.values())))
        print(f"| {n} | vocoder, one utterance | {spent:.3f} | {int(same_samples)} of 1 | |", flush=True)


if __name__ == "__main__":
    typer.run(main)
