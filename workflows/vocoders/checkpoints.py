"""Vocoders' checkpoints, which are foreign files: read without running code in them, and held to our mel."""

import json
import pickle
from pathlib import Path
from typing import Any

import torch

from schemas.errors import CheckpointError, ParamsError
from schemas.frames import FrameGrid
from schemas.params import MelParams


def read_config(checkpoint: Path, name: str) -> dict[str, Any]:
    """``config.json`` beside a checkpoint.

    Raises
    ------
    CheckpointError
        If it is missing or no JSON object.
    """
    path = checkpoint.with_name("config.json")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise CheckpointError(f"{path} is missing; put the config.json that the {name} checkpoint came with beside it") from None
    except ValueError as error:
        raise CheckpointError(f"{path} is no JSON ({error}); put the config.json that the {name} checkpoint came with there") from None
    if not isinstance(config, dict):
        raise CheckpointError(f"{path} is no mapping; put the config.json that the {name} checkpoint came with there")
    return config


def read_state(checkpoint: Path) -> dict[str, Any]:
    """A checkpoint's tensors, read as data: a pickle with code in it is refused.

    Raises
    ------
    CheckpointError
        If it is missing, damaged or holds code.
    """
    try:
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    except (OSError, pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise CheckpointError(f"{checkpoint} cannot be read safely: {str(error).splitlines()[:1]}; check synthesize.vocoder_path") from None
    if not isinstance(state, dict):
        raise CheckpointError(f"{checkpoint} holds {type(state).__name__} in place of tensors by name; check synthesize.vocoder_path")
    return state


def check_mel(config: dict[str, Any], grid: FrameGrid, mel: MelParams) -> None:
    """Hold a configuration of HiFi-GAN's kind to our mel.

    Raises
    ------
    ParamsError
        With each number that differs.
    """
    ours = {
        "sampling_rate": grid.sample_rate_hz,
        "hop_size": grid.hop_samples,
        "win_size": grid.window_samples,
        "n_fft": grid.n_fft,
        "num_mels": mel.n_mels,
        "fmin": mel.f_min_hz,
        "fmax": mel.f_max_hz,
    }
    refuse([f"{key}: vocoder {config.get(key)}, params {value}" for key, value in ours.items() if config.get(key) != value])


def refuse(faults: list[str]) -> None:
    """Raise `ParamsError` if a vocoder's mel differs from ours."""
    if faults:
        raise ParamsError(
            f"the vocoder was trained on another mel ({'; '.join(faults)}); set frames and mel so, or vocoder: world or griffin_lim"
        )
