"""What a network evaluation more brings.

``python -m benchmarks.sampling --model models/tts.safetensors --features data/extract``: test utterances from their own prosody, by each
sampler at several numbers of steps: log-mel distance to the recording, and F0 error after the vocoder.
"""

import time
from itertools import product
from pathlib import Path
from typing import Annotated

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import torch
import typer

from benchmarks.control import analysed, changes
from benchmarks.spoken import Bench, opened
from benchmarks.vocoders import load_judge
from model.samplers import SAMPLERS
from model.tts import Sampling
from schemas.params import Params, load_params
from workflows.measures import log_mel_distance_db

STEPS = (1, 2, 3, 4, 6, 10, 50)


def main(
    model: Annotated[Path, typer.Option(help="models/tts.safetensors")],
    features: Annotated[Path, typer.Option(help="folder of the stage extract")],
    limit: Annotated[int, typer.Option(help="test utterances")] = 8,
    temperature: Annotated[list[float] | None, typer.Option(help="temperatures to try; none: that of params.yaml")] = None,
    sampler: Annotated[list[str] | None, typer.Option(help="samplers to try; none: all")] = None,
    steps: Annotated[list[int] | None, typer.Option(help="numbers of evaluations to try; none: 1 .. 50")] = None,
    heard: Annotated[bool, typer.Option(help="also vocode, for F0 error and naturalness")] = True,
    picture: Annotated[Path | None, typer.Option(help="PNG of the curves")] = None,
    params: Annotated[Path, typer.Option(help="params.yaml")] = Path("params.yaml"),
) -> None:
    """Print a table of the samplers, temperatures and steps."""
    torch.set_num_threads(1)
    given = load_params(params, Params)
    bench = opened(model, features, given, limit)
    curves: dict[str, list[tuple[int, float]]] = {}
    header = (
        "sampler",
        "temperature",
        "evaluations",
        "log-mel distance dB",
        "roughness re the recording",
        "F0 cents",
        "predicted MOS",
        "CPU s a s",
    )
    print("| " + " | ".join(header) + " |\n" + "|---" * len(header) + "|")
    for name, warmth, n_steps in product(sampler or SAMPLERS, temperature or [given.synthesize.temperature], steps or STEPS):
        distance, *others = measured(bench, Sampling(name, n_steps, warmth), heard)
        curves.setdefault(f"{name}, temperature {warmth:g}", []).append((n_steps, distance))
        rough, cents, mos, cost = others
        numbers = f"{distance:.3f} | {rough:.3f} | {cents:.1f} | {mos:.2f} | {cost:.3f}"
        print(f"| {name} | {warmth:g} | {n_steps} | {numbers} |", flush=True)
    if picture is not None:
        _draw(curves, picture)


def measured(bench: Bench, sampling: Sampling, heard: bool) -> tuple[float, float, float, float, float]:
    """Log-mel distance, dB; roughness re recordings'; F0 error, cents, and predicted MOS, NaN unless heard; CPU s a second."""
    started = time.process_time()
    mels = [bench.say([row], sampling)[0] for row in bench.rows]
    cost = (time.process_time() - started) / bench.seconds
    real = [np.asarray(row["mel_ln"]) for row in bench.rows]
    distance = float(np.mean([log_mel_distance_db(own, mel) for own, mel in zip(real, mels, strict=True)]))
    rough = float(np.mean([_roughness(mel) / _roughness(own) for own, mel in zip(real, mels, strict=True)]))
    if not heard:
        return distance, rough, float("nan"), float("nan"), cost
    judge = load_judge(bench.params.frames.sample_rate_hz)
    mos = float(np.mean([judge(bench.vocode(mel)) for mel in mels]))
    realised = [analysed(mel, row, bench.vocode, bench.params) for mel, row in zip(mels, bench.rows, strict=True)]
    return distance, rough, changes(realised, realised)["f0_cents"], mos, cost


def _roughness(mel_ln: np.ndarray) -> float:
    """Root mean square change of log-mel from frame to frame: a smoothed mel has too little of it."""
    return float(np.sqrt(np.mean(np.diff(mel_ln, axis=0) ** 2)))


def _draw(curves: dict[str, list[tuple[int, float]]], picture: Path) -> None:
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for name, points in curves.items():
        axes.plot(*zip(*points, strict=True), "o-", label=name)
    axes.set(xscale="log", xlabel="network evaluations", ylabel="log-mel distance to the recording, dB", xticks=STEPS, xticklabels=STEPS)
    axes.legend()
    figure.savefig(picture, dpi=80)


if __name__ == "__main__":
    typer.run(main)
