"""Vocos (Siuzdak 2023, arXiv:2306.00814) through its package, from weights of the user's: ``pytorch_model.bin``, ``config.yaml``."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from numpy.typing import NDArray

from schemas.errors import CheckpointError, DependencyError
from schemas.frames import FrameGrid
from schemas.params import MelParams
from workflows.vocoders.checkpoints import read_state, refuse
from workflows.vocoders.interface import Vocoder

INSTALL = "pip install vocos torchaudio; beside torch for CPUs, torchaudio with --index-url https://download.pytorch.org/whl/cpu"
_PARTS = ("backbone", "head")


def load_vocos(checkpoint: Path, grid: FrameGrid, mel: MelParams) -> Vocoder:
    """The vocoder of a checkpoint: its backbone and head; the mels are ours.

    Raises
    ------
    DependencyError
        If the package is not installed.
    CheckpointError
        If the checkpoint is no Vocos, or its configuration names a class that is not of the package.
    ParamsError
        If it was trained on another kind of mel.
    """
    config = _read_config(checkpoint.with_name("config.yaml"))
    _check_mel(config["feature_extractor"].get("init_args", {}), config["head"].get("init_args", {}), grid, mel)
    try:
        from vocos import heads, models
    except (ImportError, OSError) as error:
        raise DependencyError(f"vocoder: vocos needs its package and torchaudio, built as torch is ({error}): {INSTALL}") from None
    state = read_state(checkpoint)
    built = {}
    for part, module in zip(_PARTS, (models, heads), strict=True):
        built[part] = _built(config[part], module, checkpoint)
        own = {name.removeprefix(f"{part}."): tensor for name, tensor in state.items() if name.startswith(f"{part}.")}
        try:
            built[part].load_state_dict(own)
        except RuntimeError as error:
            raise CheckpointError(f"{checkpoint} is no Vocos of its config.yaml ({str(error)[:200]}); check vocoder_path") from None
        built[part].train(False)

    def vocode(mel_ln: NDArray[np.float32], f0_hz: NDArray[np.float64] | None = None) -> NDArray[np.float32]:  # noqa: ARG001
        with torch.inference_mode():
            output = built["head"](built["backbone"](torch.tensor(np.asarray(mel_ln, np.float32)).T.unsqueeze(0))).flatten()
        wanted = len(mel_ln) * grid.hop_samples
        samples = torch.nn.functional.pad(output, (0, max(0, wanted - len(output))))[:wanted]  # of centred frames it makes one hop less
        return np.asarray(samples.clamp(-1.0, 1.0).numpy(), dtype=np.float32)

    return vocode


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        return {part: dict(config[part]) for part in ("feature_extractor", *_PARTS)}
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} cannot be read ({error!r}); put the config.yaml that the Vocos checkpoint came with there") from None


def _built(described: dict[str, Any], module: Any, checkpoint: Path) -> torch.nn.Module:
    """An instance of a class of the package itself: the file is foreign and must not name any other."""
    where, _, name = str(described.get("class_path")).rpartition(".")
    if where != module.__name__ or not isinstance(getattr(module, name, None), type):
        raise CheckpointError(f"{checkpoint}: class {described.get('class_path')!r} is none of {module.__name__}; use a Vocos of its")
    try:
        built: torch.nn.Module = getattr(module, name)(**described.get("init_args", {}))
    except TypeError as error:
        raise CheckpointError(f"{checkpoint}: {described.get('class_path')}: {error}; use the config.yaml that it came with") from None
    return built


def _check_mel(mel_args: dict[str, Any], head: dict[str, Any], grid: FrameGrid, mel: MelParams) -> None:
    ours = {"sample_rate": grid.sample_rate_hz, "n_fft": grid.n_fft, "hop_length": grid.hop_samples, "n_mels": mel.n_mels}
    faults = [f"{key}: vocoder {mel_args.get(key)}, params {value}" for key, value in ours.items() if mel_args.get(key) != value]
    faults += [f"head's {key}: {head[key]}, params {ours[key]}" for key in ("n_fft", "hop_length") if head.get(key, ours[key]) != ours[key]]
    refuse(faults)
