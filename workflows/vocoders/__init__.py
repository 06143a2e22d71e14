"""From log-mel to sound: five vocoders behind one call, named in `synthesize.vocoder`."""

from pathlib import Path

from pipeline.audio import file_sha256
from schemas.errors import CheckpointError, ParamsError
from schemas.frames import FrameGrid
from schemas.params import MelParams, SynthesizeParams
from workflows.vocoders.bigvgan import load_bigvgan
from workflows.vocoders.griffin_lim import load_griffin_lim
from workflows.vocoders.hifigan import load_hifigan, universal_checkpoint
from workflows.vocoders.interface import Vocoder
from workflows.vocoders.vocos import load_vocos
from workflows.vocoders.world import load_world

__all__ = ["Vocoder", "load_vocoder", "vocoder_identity"]

_FROM_WEIGHTS = {"hifigan": load_hifigan, "bigvgan": load_bigvgan, "vocos": load_vocos}
_WITHOUT = {"griffin_lim": load_griffin_lim, "world": load_world}


def load_vocoder(params: SynthesizeParams, grid: FrameGrid, mel: MelParams) -> Vocoder:
    """The vocoder that the parameters name.

    Raises
    ------
    DependencyError
        If its package or the default weights are not installed.
    CheckpointError
        If the checkpoint is not one of this vocoder, or the default's bytes are not the pinned ones.
    ParamsError
        If it was trained on another kind of mel, or `vocoder_path` is needed and null.
    """
    if params.vocoder in _WITHOUT:
        return _WITHOUT[params.vocoder](grid, mel)
    return _FROM_WEIGHTS[params.vocoder](_weights(params), grid, mel)


def vocoder_identity(params: SynthesizeParams) -> str:
    """Name of the vocoder and hash of its weights: what speech depends on of it."""
    if params.vocoder in _WITHOUT:
        return params.vocoder
    path = _weights(params)
    if not path.is_file():
        raise CheckpointError(f"{path} is not there; check synthesize.vocoder_path, or set it to null with vocoder: hifigan")
    return f"{params.vocoder} {file_sha256(path)}"


def _weights(params: SynthesizeParams) -> Path:
    if params.vocoder_path is not None:
        return Path(params.vocoder_path)
    if params.vocoder == "hifigan":
        return universal_checkpoint()
    raise ParamsError(f"vocoder: {params.vocoder} needs weights; name their file in synthesize.vocoder_path, or use hifigan")
