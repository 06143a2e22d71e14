"""Learn the weights of `pipeline.extractors.voicing`: ``python -m benchmarks.voicing --egg ../shared/data/emodb_dev/egg``.

Writes `pipeline/extractors/voicing_weights.py`. A frame's truth is "voiced, and the search's F0 within 20 %"; it is learned where both
references of `benchmarks.laryngograph` agree, from each clip as it is (with the speaker's limits and with the widest), with noise,
and within a telephone's band. `benchmarks.pitch` scores each speaker by weights learned from the other speakers.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import torch
import typer
from numpy.typing import NDArray

from benchmarks.laryngograph import CONDITIONS, Clip, read_clips, speakers_limits
from pipeline.extractors import voicing
from pipeline.extractors.ac_voiced import evidence
from schemas.params import PitchParams, Section, load_params

HIDDEN = 16
EPOCHS = 10
BATCH = 512
LEARNING_RATE = 3e-3
WEIGHT_DECAY = 0.03
RIGHT = 0.2  # of F0
WEIGHTS_FILE = Path("pipeline/extractors/voicing_weights.py")

Array = NDArray[np.float64]


class BenchmarkParams(Section):
    """What is read of `params.yaml`."""

    pitch: PitchParams


class Frames(NamedTuple):
    """Training frames: measures with their context (n, 60), truth (n,), speaker of each (n,)."""

    measures: Array
    truth: Array
    speakers: NDArray[np.str_]


def frames(clips: list[Clip], params: PitchParams) -> Frames:
    """Frames of all clips under all conditions that can be learned from."""
    widest = params.floor_hz, params.ceiling_hz
    limits = speakers_limits(clips, params.model_copy(update={"extractor": "praat_ac"}))
    parts = [_learnable(clip, params, widest) for clip in clips]
    for condition in CONDITIONS.values():
        parts += [_learnable(condition(clip), params, limits[clip.speaker]) for clip in clips]
    return Frames(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _learnable(clip: Clip, params: PitchParams, limits: tuple[float, float]) -> tuple[Array, Array, NDArray[np.str_]]:
    found = evidence(clip.samples.astype(np.float64), clip.grid.sample_rate_hz, params, *limits)
    if found is None:
        return np.empty((0, 60)), np.empty(0), np.empty(0, dtype=str)
    n = min(len(found.at_s), len(clip.cycles_hz))  # EmoDB's 16 kHz makes the frames of the clip those of the evidence
    f0_hz, first, second = np.exp(found.log_f0[:n]), clip.cycles_hz[:n], clip.autocorrelation_hz[:n]
    agree = (np.isfinite(first) == np.isfinite(second)) & ~clip.undecided[:n]
    right = (np.abs(f0_hz / first - 1) < RIGHT) & (np.abs(f0_hz / second - 1) < RIGHT)
    rows = voicing.with_context(found.measures)[:n][agree]
    return rows, right[agree].astype(np.float64), np.full(len(rows), clip.speaker)


def learn(data: Frames, without: str | None = None) -> voicing.Network:
    """A network learned from all speakers but `without`; the same at every call."""
    keep = data.speakers != without
    x, y = data.measures[keep], data.truth[keep]
    mean, std = x.mean(axis=0), x.std(axis=0) + 1e-6
    torch.manual_seed(0)
    inputs, truth = torch.tensor((x - mean) / std, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)
    net = torch.nn.Sequential(torch.nn.Linear(x.shape[1], HIDDEN), torch.nn.ReLU(), torch.nn.Linear(HIDDEN, 1))
    optimiser = torch.optim.AdamW(net.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    steps = EPOCHS * (len(x) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=steps)
    for at in _shuffled(len(x), steps):
        optimiser.zero_grad()
        torch.nn.functional.binary_cross_entropy_with_logits(net(inputs[at])[:, 0], truth[at]).backward()
        optimiser.step()
        schedule.step()
    w1, b1, w2, b2 = (tensor.detach().double().numpy() for tensor in net.parameters())
    hidden = (w1 / std).T
    return voicing.Network(hidden, b1 - mean @ hidden, w2[0], float(b2[0]))


def _shuffled(n: int, steps: int) -> Iterable[torch.Tensor]:
    an_epoch = n // BATCH
    for step in range(steps):
        if step % an_epoch == 0:
            order = torch.randperm(n)
        yield order[(step % an_epoch) * BATCH : (step % an_epoch + 1) * BATCH]


def as_module(net: voicing.Network) -> str:
    """The weights as source, three digits each."""
    rows = [*net.hidden_weights, net.hidden_biases, np.append(net.weights, net.bias)]
    lines = "\n".join(" ".join(f"{value:.3g}" for value in row) for row in rows)
    return f'"""Weights of `pipeline.extractors.voicing`, written by ``python -m benchmarks.voicing``."""\n\nWEIGHTS = """\n{lines}\n"""\n'


def main(
    egg: Annotated[Path, typer.Option(help="folder of two-channel recordings: microphone, laryngograph")],
    limit: Annotated[int | None, typer.Option(help="files to take, evenly over their names")] = None,
    params: Annotated[Path, typer.Option(help="params.yaml")] = Path("params.yaml"),
) -> None:
    """Learn from all speakers and write the weights."""
    pitch = load_params(params, BenchmarkParams).pitch
    data = frames(read_clips(egg, limit, pitch), pitch)
    print(f"{len(data.truth)} frames, {100 * data.truth.mean():.1f} % voiced with the right F0")
    WEIGHTS_FILE.write_text(as_module(learn(data)))
    print(f"wrote {WEIGHTS_FILE}")


if __name__ == "__main__":
    typer.run(main)
