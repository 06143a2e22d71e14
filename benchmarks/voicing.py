"""Learn the weights of `pipeline.voicing`: ``python -m benchmarks.voicing --egg ../shared/data/emodb_dev/egg``.

Prints, for each speaker, the voicing error with weights learned from the other speakers, beside praat's; then the weights
learned from all, to be pasted into the module. The reference is the laryngograph's, as in `benchmarks.pitch`.
"""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from benchmarks.pitch import BenchmarkParams, Clip, adaptive, fixed, read_clip, spread
from pipeline import voicing
from pipeline.pitch import speaker_limits, voicing_evidence
from schemas.params import PitchParams, load_params

RIDGE = 1e-4  # on standardised measures, a frame

Rows = NDArray[np.float64]
Truth = NDArray[np.bool_]


def evidence(clips: list[Clip], params: PitchParams) -> list[Rows]:
    """Measures with their context at the frames of each clip; limits are the speaker's own."""
    wide = [fixed([clip], params, params.floor_hz, params.ceiling_hz)[0] for clip in clips]
    tracks = {
        name: np.concatenate([t for c, t in zip(clips, wide, strict=True) if c.speaker == name]) for name in {c.speaker for c in clips}
    }
    limits = {name: speaker_limits(track, params) for name, track in tracks.items()}
    rows = []
    for clip in clips:
        samples = clip.samples.astype(np.float64)
        floor_hz, ceiling_hz = limits[clip.speaker]
        rows.append(voicing.with_context(voicing_evidence(samples, clip.grid.sample_rate_hz, params, floor_hz, ceiling_hz).measures))
    return rows


def learn(rows: list[Rows], truths: list[Truth]) -> tuple[Rows, float]:
    """Weights and bias of a logistic model, ridge-regularised on standardised measures, in raw units."""
    x, y = np.concatenate(rows), np.concatenate(truths).astype(np.float64)
    mean, std = x.mean(axis=0), x.std(axis=0)
    z = np.column_stack([(x - mean) / std, np.ones(len(x))])

    def loss(w: Rows) -> tuple[float, Rows]:
        odds = z @ w
        penalty = np.append(w[:-1], 0.0)
        value = np.mean(np.logaddexp(0, odds) - y * odds) + RIDGE * (penalty**2).sum()
        return float(value), z.T @ (expit(odds) - y) / len(y) + 2 * RIDGE * penalty

    w = minimize(loss, np.zeros(z.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 500}).x
    weights = w[:-1] / std
    return weights, float(w[-1] - weights @ mean)


def error(rows: list[Rows], truths: list[Truth], weights: Rows, bias: float) -> float:
    """Share of times whose voicing differs."""
    return float(np.mean((np.concatenate(rows) @ weights + bias > 0) != np.concatenate(truths)))


def main(
    egg: Annotated[Path, typer.Option(help="folder of two-channel recordings: microphone, laryngograph")],
    limit: Annotated[int | None, typer.Option(help="files to take, evenly over their names")] = None,
    params: Annotated[Path, typer.Option(help="params.yaml")] = Path("params.yaml"),
) -> None:
    """Print scores of left-out speakers, then weights of all."""
    pitch = load_params(params, BenchmarkParams).pitch.model_copy(update={"extractor": "praat_ac"})
    clips = [read_clip(path) for path in spread(sorted(egg.glob("*.flac")), limit)]
    rows = evidence(clips, pitch)
    truths = [np.isfinite(clip.reference_hz) for clip in clips]  # EmoDB's 16 kHz makes the benchmark's frames those of the evidence
    praat = [np.isfinite(track) != np.isfinite(clip.reference_hz) for clip, track in zip(clips, adaptive(clips, pitch), strict=True)]
    print("| speaker left out | praat_ac, adaptive | learned from the others |\n|---|---|---|")
    for speaker in sorted({clip.speaker for clip in clips}):
        among = np.array([clip.speaker == speaker for clip in clips])
        pick = lambda items, keep: [item for item, kept in zip(items, keep, strict=True) if kept]  # noqa: E731
        weights, bias = learn(pick(rows, ~among), pick(truths, ~among))
        learned = error(pick(rows, among), pick(truths, among), weights, bias)
        print(f"| {speaker} | {100 * np.mean(np.concatenate(pick(praat, among))):.2f} % | {100 * learned:.2f} % |")
    weights, bias = learn(rows, truths)
    table = np.round(weights.reshape(len(voicing.CONTEXT), len(voicing.MEASURES)), 5)
    print("\nWEIGHTS = (")
    for row in table:
        print(f"    ({', '.join(f'{value:g}' for value in row)}),")
    print(f")\nBIAS = {bias:.5f}")


if __name__ == "__main__":
    typer.run(main)
