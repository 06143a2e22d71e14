"""Does the Gaussian guess of the noise help? See ``python -m benchmarks.noise_guess --help``.

Equal short trainings but for `model.residual_spread`: as in params.yaml, and null (the network predicts all of the noise, as in Grad-TTS).
Batches, windows, times and noise are the same, as is everything but the score network's start. Printed for each: the validation loss of the
averaged weights (mean square of the noise's error), and the distance of validation mels, sampled with their own prosody, to the real
ones, by number of evaluations of ode2 and euler.
"""

from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

from model.samplers import start_noise
from model.tts import Sampling, Tts
from schemas.params import Params, load_params
from workflows.checkpoint import load_tts
from workflows.dataset import Example, collate
from workflows.learner import Learner, validation_losses
from workflows.measures import DB_PER_LN
from workflows.train import TrainStageParams, read_corpus, run

SAMPLINGS = [("ode2", 2), ("ode2", 4), ("ode2", 8), ("euler", 8), ("euler", 50)]


def distances_db(model: Tts, examples: list[Example], temperature: float) -> dict[str, float]:
    """Root mean square of the log-mel difference, dB, mean over utterances: of mu, and of each sampling."""
    found: dict[str, list[float]] = {}
    for number, example in enumerate(examples):
        batch, real = collate([example]), torch.tensor(example.mel_ln)
        given = batch.conditions, batch.durations, batch.prosody
        noise = start_noise([number], [len(real)], real.shape[1])
        mels = {"mu": model.mu(*given)}
        for sampler, n_steps in SAMPLINGS:
            mels[f"{sampler} {n_steps}"] = model.synthesise(*given, lambda _, noise=noise: noise, Sampling(sampler, n_steps, temperature))
        for name, mel_ln in mels.items():
            found.setdefault(name, []).append(float((mel_ln[0] - real).square().mean().sqrt()) * DB_PER_LN)
    return {name: float(np.mean(values)) for name, values in found.items()}


def main(
    features: Annotated[Path, typer.Option()],
    normalise: Annotated[Path, typer.Option()],
    out: Annotated[Path, typer.Option(help="Folder for the models.")],
    steps: Annotated[int, typer.Option()] = 400,
    seed: Annotated[int, typer.Option()] = 1,
    unet_channels: Annotated[int, typer.Option()] = 24,
    utterances: Annotated[int, typer.Option(help="Of the validation split, for the distances.")] = 6,
    params_file: Annotated[Path, typer.Option("--params")] = Path("params.yaml"),
) -> None:
    """Train with and without the guess, and compare."""
    params = load_params(params_file, Params)
    short = params.train.model_copy(update={"max_steps": steps, "seed": seed, "picture_utterances": 0})
    for spread in (params.model.residual_spread, None):
        model = params.model.model_copy(update={"residual_spread": spread, "unet_channels": unet_channels})
        folder = out / f"{spread}-{unet_channels}-{seed}"
        settings = TrainStageParams(frames=params.frames, mel=params.mel, model=model, train=short)
        run(settings, features, normalise, out / "voices", folder, folder / "metrics.json", folder / "plots")
        tts, _ = load_tts(folder / "tts.safetensors")
        examples = read_corpus(settings, features, normalise, out / "voices").validation
        loss = validation_losses(Learner(tts, short), examples)["diffusion"]
        far = distances_db(tts, examples[:utterances], params.synthesize.temperature)
        print(f"residual_spread {spread}, {steps} steps, seed {seed}: diffusion {loss:.4f}; dB to the real mel: ", end="")
        print(", ".join(f"{name} {value:.2f}" for name, value in far.items()), flush=True)


if __name__ == "__main__":
    typer.run(main)
