"""Checkpoints that training goes on from: whether one is this run's own, writing it, and putting it back bit for bit."""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import torch

from pipeline.stage import write_json
from schemas.errors import CheckpointError
from workflows.checkpoint import read_header, read_tensors, write_tensors
from workflows.learner import Learner
from workflows.training_log import Curve

CODE_VERSION = 2  # raise it when a change to model or training makes old checkpoints wrong to go on from
RESUME_NAME = "resume.safetensors"
_CLOCK_NAME = "clock.json"
_MOMENTS = ("exp_avg", "exp_avg_sq")


def fingerprint_of(settings: dict[str, Any], origin: dict[str, Any]) -> str:
    """What must be equal for one run to go on from another's checkpoint: data, parameters that decide weights, and this code's version.

    Parameters
    ----------
    settings
        The stage's parameters as plain values.
    origin
        `workflows.lineage.lineage` of the run.
    """
    deciding = {name: value for name, value in settings["train"].items() if name not in ("max_steps", "picture_utterances")}
    made_from = {name: origin[name] for name in ("dataset", "normalisation", "voices")}
    document = {"code": CODE_VERSION, "params": {**settings, "train": deciding}, **made_from}
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def find_resume(checkpoint: Path, fingerprint: str, max_steps: int) -> dict[str, Any] | None:
    """Header of the checkpoint to go on from; None, and a line that says why, where training starts anew."""
    if not checkpoint.exists():
        return None
    try:
        header, _ = read_header(checkpoint)
        fits = header.get("fingerprint") == fingerprint
        reason = f"it is at step {header.get('step')}, past max_steps" if fits else "it is of other data, parameters or code"
        if fits and header["step"] <= max_steps:
            print(f"train: goes on from step {header['step']} of {checkpoint}", file=sys.stderr)
            return header
    except (CheckpointError, KeyError) as error:
        reason = str(error)
    print(f"train: starts anew, {checkpoint} is not used: {reason}", file=sys.stderr)
    return None


def write_resume(path: Path, learner: Learner, optimizer: torch.optim.Optimizer, fingerprint: str, curve: Curve) -> None:
    """Write weights, average and AdamW's moments, each by the parameter's name, over the last checkpoint."""
    tensors = {f"{part}.{name}": value for part in ("model", "average") for name, value in getattr(learner, part).state_dict().items()}
    for name, parameter in learner.model.named_parameters():
        tensors |= {f"{moment}.{name}": optimizer.state[parameter][moment] for moment in _MOMENTS}
    write_tensors(path, tensors, {"fingerprint": fingerprint, "step": learner.steps_done, "curve": curve.points})


def read_resume(path: Path, learner: Learner, optimizer: torch.optim.Optimizer) -> None:
    """Put a checkpoint of `write_resume` back, bit for bit."""
    learner.model.load_state_dict(read_tensors(path, "model."))
    read_average(path, learner)
    moments = {moment: read_tensors(path, f"{moment}.") for moment in _MOMENTS}
    for name, parameter in learner.model.named_parameters():
        state = {moment: moments[moment][name].to(parameter.device) for moment in _MOMENTS}
        optimizer.state[parameter] = {"step": torch.tensor(float(learner.steps_done)), **state}


def read_average(path: Path, learner: Learner) -> None:
    """Put the averaged weights of a checkpoint back."""
    learner.average.load_state_dict(read_tensors(path, "average."))


def write_minutes(checkpoint: Path, minutes: float) -> None:
    """Keep the wall time behind a checkpoint; it stands beside it, not in it, so that equal runs give equal checkpoints."""
    write_json(checkpoint.with_name(_CLOCK_NAME), {"minutes": minutes})


def minutes_spent(checkpoint: Path) -> float:
    """Wall time behind a checkpoint; 0 where it is not known."""
    try:
        return float(json.loads(checkpoint.with_name(_CLOCK_NAME).read_text(encoding="utf-8"))["minutes"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0.0
