"""What a training step costs, against the published Grad-TTS decoder and diffusers' U-Net of equal size, in the same run.

``python -m benchmarks.step_speed``: for each preset, forward, backward and AdamW of the score network alone, by turns, on the same
made-up batch. Every figure is the median over the turns of the ratio to the plain network's fp32 step of the same turn.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from torch import Tensor, nn

from benchmarks.plain_grad_tts import PlainGradTts
from model.estimators.diffusers_unet import HEAD_CHANNELS, DiffusersUNet
from model.estimators.grad_unet import GradUNet
from model.prosody import PSD_CHANNELS
from model.style import N_WHO_CHANNELS, Style
from schemas.params import Params, load_params

PRESETS = {"tiny": 24, "small": 48, "base": 64}  # unet_channels
_SEQUENCE_CHANNELS, _EMOTION_CHANNELS, _LEVELS = 64, 32, 3


@dataclass(frozen=True)
class Rival:
    """A network with its optimiser, and how it is called."""

    network: nn.Module
    optimizer: torch.optim.Optimizer
    noise: Callable[[], Tensor]
    bf16: bool


def main(
    params: Annotated[Path, typer.Option(help="params.yaml, for batch, window, fold and kind of image")] = Path("params.yaml"),
    turns: Annotated[int, typer.Option(help="rounds that count, after one that does not")] = 10,
    threads: Annotated[int, typer.Option(help="threads of torch")] = 2,
    preset: Annotated[list[str] | None, typer.Option(help="tiny, small, base; none: all")] = None,
    with_diffusers: Annotated[bool, typer.Option("--diffusers/--no-diffusers", help="diffusers' U-Net as well")] = True,
) -> None:
    """Print a table: preset, network, precision, parameters, wall seconds a step (median), and its ratio to the plain one in fp32."""
    torch.set_num_threads(threads)
    given = load_params(params, Params)
    header = ("preset", "network", "precision", "parameters", "seconds a step", "ratio to plain fp32", "CPU time ratio")
    print("| " + " | ".join(header) + " |\n" + "|---" * len(header) + "|")
    for name in preset or PRESETS:
        rivals = _rivals(PRESETS[name], given, with_diffusers)
        wall, cpu = (np.array(times) for times in zip(*(_turn(rivals) for _ in range(turns + 1)), strict=True))
        for column, (who, rival) in enumerate(rivals.items()):
            ratios = [np.median(times[1:, column] / times[1:, 0]) for times in (wall, cpu)]
            n_parameters = sum(p.numel() for p in rival.network.parameters()) / 1e6
            precision = "bf16" if rival.bf16 else "fp32"
            seconds = np.median(wall[1:, column])
            print(
                f"| {name} | {who[0]} | {precision} | {n_parameters:.2f} M | {seconds:.3f} | {ratios[0]:.3f} | {ratios[1]:.3f} |",
                flush=True,
            )


def _rivals(channels: int, given: Params, with_diffusers: bool) -> dict[tuple[str, bool], Rival]:
    """The plain network in fp32 comes first."""
    torch.manual_seed(0)
    batch, window, fold, n_mels = given.train.batch_size, given.train.window_frames, given.model.unet_fold, given.mel.n_mels
    style_channels = N_WHO_CHANNELS + PSD_CHANNELS[given.model.psd_image]
    x_t, mu = torch.randn(2, batch, window, n_mels)
    t, mask = torch.rand(batch), torch.ones(batch, window, 1)
    style = Style(
        torch.randn(batch, style_channels, window, n_mels),
        torch.randn(batch, 1, _EMOTION_CHANNELS),
        torch.randn(batch, window, _SEQUENCE_CHANNELS),
    )
    plain = PlainGradTts(channels)
    ours = {
        f"grad_unet linear, fold {fold}": GradUNet(channels, _LEVELS, fold, style_channels, None),
        f"grad_unet cross, fold {fold}": GradUNet(channels, _LEVELS, fold, style_channels, _SEQUENCE_CHANNELS),
    }
    if with_diffusers:
        ours["diffusers_unet, fold 1"] = _diffusers(sum(p.numel() for p in plain.parameters()), style_channels)
    calls = {"plain Grad-TTS": (plain, lambda: plain(x_t, t, mu, mask))}
    calls |= {name: (network, lambda network=network: network(x_t, t, mu, mask, style)) for name, network in ours.items()}
    return {
        (name, bf16): Rival(network, torch.optim.AdamW(network.parameters()), noise, bf16)
        for name, (network, noise) in calls.items()
        for bf16 in (False, True)
    }


def _diffusers(n_parameters: int, style_channels: int) -> DiffusersUNet:
    """The one whose number of parameters is nearest."""

    def made(channels: int) -> DiffusersUNet:
        return DiffusersUNet(channels, _LEVELS, 1, style_channels, _SEQUENCE_CHANNELS, _EMOTION_CHANNELS)

    return min(
        (made(HEAD_CHANNELS * n) for n in range(1, 7)), key=lambda network: abs(sum(p.numel() for p in network.parameters()) - n_parameters)
    )


def _turn(rivals: dict[tuple[str, bool], Rival]) -> tuple[list[float], list[float]]:
    """One step of each: wall seconds, CPU seconds."""
    wall, cpu = [], []
    for rival in rivals.values():
        started, started_cpu = time.perf_counter(), time.process_time()
        with torch.autocast("cpu", torch.bfloat16, enabled=rival.bf16):
            loss = rival.noise().float().square().mean()
        rival.optimizer.zero_grad()
        loss.backward()
        rival.optimizer.step()
        wall.append(time.perf_counter() - started)
        cpu.append(time.process_time() - started_cpu)
    return wall, cpu


if __name__ == "__main__":
    typer.run(main)
