"""What do equal bytes cost? ``python -m benchmarks.one_at_a_time --model models/tts.safetensors --features data/extract``.

Test utterances are spoken in padded batches and one by one, on one thread and on two: CPU seconds, and how many of the mels, and of
the vocoder's samples, have the same bits. Times are `process_time`, so that another's load on the machine counts little.
"""

import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from numpy.typing import NDArray

from benchmarks.control import rows_of
from model.tts import Sampling
from schemas.params import Params, load_params
from workflows.checkpoint import load_tts
from workflows.dataset import collate, example_from
from workflows.requests import utterance_seed
from workflows.speaking import speak
from workflows.vocoders import load_vocoder


def main(
    model: Annotated[Path, typer.Option(help="models/tts.safetensors")],
    features: Annotated[Path, typer.Option(help="folder of the stage extract")],
    limit: Annotated[int, typer.Option(help="test utterances")] = 8,
    threads: Annotated[list[int] | None, typer.Option(help="numbers of threads")] = None,
    params: Annotated[Path, typer.Option(help="params.yaml")] = Path("params.yaml"),
) -> None:
    """Print a table."""
    given = load_params(params, Params)
    tts, metadata = load_tts(model)
    chosen = given.synthesize
    rows = rows_of(features, metadata.vocabulary.corpora, chosen.split, given.mel.n_mels, limit)
    sampling = Sampling(chosen.sampler, chosen.n_steps, chosen.temperature)
    vocode = load_vocoder(chosen, given.frames.grid(), given.mel)

    def spoken(some: list[dict[str, Any]]) -> list[NDArray[np.float32]]:
        batch = collate([example_from(row, metadata.vocabulary, metadata.statistics) for row in some])
        mels = speak(tts, batch, [utterance_seed(chosen.seed, row["utterance_id"]) for row in some], sampling).mel_ln
        return [mel_ln[: row["n_frames"]] for mel_ln, row in zip(mels, some, strict=True)]

    seconds = sum(row["n_frames"] for row in rows) * given.frames.grid().hop_s
    ways = {f"batch of {len(rows)}": lambda: spoken(rows), "one by one": lambda: [spoken([row])[0] for row in rows]}
    rendered: dict[int, NDArray[np.float32]] = {}
    print("| threads | way | sampling, CPU s a second | same bits as alone on one thread | largest difference |\n|---|---|---|---|---|")
    reference: list[NDArray[np.float32]] = []
    for n in threads or [1, 2]:
        torch.set_num_threads(n)
        spoken(rows[:1])
        for name, way in reversed(ways.items()):
            started = time.process_time()
            mels = way()
            spent = (time.process_time() - started) / seconds
            reference = reference or mels
            same = sum(np.array_equal(a, b) for a, b in zip(mels, reference, strict=True))
            apart = max(float(np.abs(a - b).max()) for a, b in zip(mels, reference, strict=True))
            print(f"| {n} | {name} | {spent:.3f} | {same} of {len(rows)} | {apart:.1e} |", flush=True)
        started = time.process_time()
        rendered[n] = vocode(np.ascontiguousarray(reference[0]))
        spent = (time.process_time() - started) / (rows[0]["n_frames"] * given.frames.grid().hop_s)
        same_samples = np.array_equal(rendered[n], next(iter(rendered.values())))
        print(f"| {n} | vocoder, one utterance | {spent:.3f} | {int(same_samples)} of 1 | |", flush=True)


if __name__ == "__main__":
    typer.run(main)
