"""BigVGAN (Lee et al. 2023, arXiv:2206.04658) through NVIDIA's package, from a generator of the user's with its ``config.json``."""

import warnings
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from schemas.errors import CheckpointError, DependencyError
from schemas.frames import FrameGrid
from schemas.params import MelParams
from workflows.vocoders.checkpoints import check_mel, read_config, read_state
from workflows.vocoders.interface import Vocoder

INSTALL = "pip install --no-deps bigvgan==2.4.1"  # what it asks for beside torch is for training


def load_bigvgan(checkpoint: Path, grid: FrameGrid, mel: MelParams) -> Vocoder:
    """The vocoder of a checkpoint.

    Raises
    ------
    DependencyError
        If the package is not installed.
    CheckpointError
        If the checkpoint is no BigVGAN generator.
    ParamsError
        If it was trained on another kind of mel.
    """
    config = read_config(checkpoint, "BigVGAN")
    check_mel(config, grid, mel)
    try:
        from bigvgan.bigvgan import BigVGAN
        from bigvgan.env import AttrDict
    except ImportError as error:
        raise DependencyError(f"vocoder: bigvgan needs its package ({error}): {INSTALL}") from None
    state = read_state(checkpoint)
    try:
        with warnings.catch_warnings(action="ignore", category=FutureWarning):  # its weight normalisation is torch's old one
            generator: torch.nn.Module = BigVGAN(AttrDict(config), use_cuda_kernel=False)
        generator.load_state_dict(state.get("generator", state))
        generator.remove_weight_norm()  # type: ignore[operator]
    except (RuntimeError, ValueError, KeyError, AttributeError) as error:
        raise CheckpointError(f"{checkpoint} is no BigVGAN of its config.json ({str(error)[:200]}); check vocoder_path") from None
    generator.train(False)

    def vocode(mel_ln: NDArray[np.float32], f0_hz: NDArray[np.float64] | None = None) -> NDArray[np.float32]:  # noqa: ARG001
        with torch.inference_mode():
            output: torch.Tensor = generator(torch.tensor(np.asarray(mel_ln, np.float32)).T.unsqueeze(0))  # (1, n_mels, T)
        return np.asarray(output.flatten().clamp(-1.0, 1.0).numpy(), dtype=np.float32)

    return vocode
