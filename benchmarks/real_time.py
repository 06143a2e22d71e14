"""How long synthesis takes, per preset, in seconds a second of speech.

``python -m benchmarks.real_time``: made-up text of given length through an untrained model (time does not depend on the weights) with
the sampler of params.yaml, through the vocoder, and beside it the published Grad-TTS decoder by Euler steps.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

from benchmarks.plain_grad_tts import PlainGradTts
from benchmarks.step_speed import PRESETS
from model.batch import Conditions
from model.config import TtsConfig
from model.prosody import Prosody
from model.samplers import start_noise
from model.tts import Sampling, Tts
from pipeline.mel import band_shapes_hz
from schemas.params import Params, load_params
from workflows.vocoders import load_vocoder

ENCODER = {"tiny": (128, 3), "small": (192, 4), "base": (256, 6)}  # channels of encoder and predictors, encoder layers
_FRAMES_A_PHONE = 7


def main(
    params: Annotated[Path, typer.Option(help="params.yaml")] = Path("params.yaml"),
    seconds: Annotated[float, typer.Option(help="of speech")] = 4.0,
    threads: Annotated[int, typer.Option(help="threads of torch")] = 2,
    steps: Annotated[list[int] | None, typer.Option(help="evaluations to try; none: that of params.yaml, and 10")] = None,
    turns: Annotated[int, typer.Option(help="runs that count, after one that does not")] = 5,
) -> None:
    """Print a table: what, evaluations, wall seconds a second of speech (median, least)."""
    torch.set_num_threads(threads)
    given = load_params(params, Params)
    n_phones = round(seconds / given.frames.grid().hop_s / _FRAMES_A_PHONE)
    spoken = n_phones * _FRAMES_A_PHONE * given.frames.grid().hop_s
    print("| what | evaluations | wall s a second, median | least |\n|---|---|---|---|")

    def row(what: str, evaluations: int | str, work: Callable[[], object]) -> None:
        times = [_wall(work) / spoken for _ in range(turns + 1)][1:]
        print(f"| {what} | {evaluations} | {np.median(times):.4f} | {min(times):.4f} |", flush=True)

    for name in PRESETS:
        model = _untrained(name, given)
        for n_steps in steps or (given.synthesize.n_steps, 10):
            row(f"{name}, {given.synthesize.sampler}", n_steps, lambda m=model, n=n_steps: _speak(m, n_phones, n, given))
    plain = PlainGradTts().eval()
    for n_steps in (10, 50):
        row("plain Grad-TTS decoder, 64 channels, euler", n_steps, lambda n=n_steps: _plain(plain, n_phones * _FRAMES_A_PHONE, n))
    vocode = load_vocoder(given.synthesize, given.frames.grid(), given.mel)
    mel_ln = np.full((n_phones * _FRAMES_A_PHONE, given.mel.n_mels), -5.0, np.float32)
    row(f"vocoder {given.synthesize.vocoder}", "", lambda: vocode(mel_ln))


def _untrained(preset: str, given: Params) -> Tts:
    channels, layers = ENCODER[preset]
    sizes = {"unet_channels": PRESETS[preset], "encoder_channels": channels, "encoder_layers": layers, "predictor_channels": channels}
    mel = given.mel
    centres_hz, widths_hz = band_shapes_hz(given.frames.grid(), n_mels=mel.n_mels, f_min_hz=mel.f_min_hz, f_max_hz=mel.f_max_hz)
    config = TtsConfig(
        **{**given.model.model_dump(), **sizes},
        n_phones=50,
        n_speakers=3,
        n_emotions=6,
        n_mels=mel.n_mels,
        mel_centres_hz=tuple(centres_hz.tolist()),
        mel_widths_hz=tuple(widths_hz.tolist()),
        mel_mean_ln=-5.0,
        mel_std_ln=2.0,
    )
    return Tts(config).eval()


def _speak(model: Tts, n_phones: int, n_steps: int, given: Params) -> None:
    """One utterance from its own durations and prosody."""
    n_frames = n_phones * _FRAMES_A_PHONE
    conditions = Conditions(
        torch.full((1, n_phones), 5), torch.tensor([1]), torch.tensor([1]), torch.tensor([[5.0, 0.2]]), torch.zeros(1, 0)
    )
    durations = torch.full((1, n_phones), _FRAMES_A_PHONE)
    prosody = Prosody(torch.zeros(1, n_frames), torch.ones(1, n_frames), torch.zeros(1, n_frames))
    sampling = Sampling(given.synthesize.sampler, n_steps, given.synthesize.temperature)
    model.synthesise(conditions, durations, prosody, lambda draw: start_noise([draw], [n_frames], given.mel.n_mels), sampling)


@torch.inference_mode()
def _plain(network: PlainGradTts, n_frames: int, n_steps: int) -> None:
    """Evaluations alone, of the padded length."""
    mu = torch.zeros(1, n_frames + -n_frames % 4, 80)
    mask = torch.ones(*mu.shape[:2], 1)
    x = torch.randn_like(mu)
    for step in range(n_steps):
        x = x - network(x, torch.full((1,), 1 - (step + 0.5) / n_steps), mu, mask) / n_steps


def _wall(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    typer.run(main)
