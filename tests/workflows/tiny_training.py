"""A short training on the made-up corpus, and what it leaves."""

import json
import sys
from pathlib import Path
from typing import Any

import yaml

from schemas.params import load_params
from tests.conftest import PROJECT
from tests.workflows.synthetic_features import N_MELS
from workflows.checkpoint import read_header
from workflows.train import TrainStageParams, run

TINY = {
    "mel": {"n_mels": N_MELS},
    "model": {"unet_channels": 8, "unet_levels": 2, "encoder_channels": 32, "encoder_layers": 1, "predictor_channels": 32,
              "speaker_channels": 4, "emotion_channels": 4},
    "train": {"seed": 5, "max_steps": 20, "batch_size": 4, "window_frames": 16, "learning_rate": 2e-3, "warmup_steps": 5,
              "precision": "fp32", "validate_every_steps": 10, "checkpoint_every_steps": 10, "ema_decay": 0.9,
              "picture_utterances": 1},
}  # fmt: skip


def params_of(path: Path, model: dict[str, Any] | None = None, **train: Any) -> TrainStageParams:
    """Small parameters, with changes of the sections model and train, written to a file and read from it."""
    document = yaml.safe_load((PROJECT / "params.yaml").read_text(encoding="utf-8"))
    for section, values in TINY.items():
        document[section] |= values
    document["model"] |= model or {}
    document["train"] |= train
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return load_params(path, TrainStageParams)


def train(root: Path, folders: tuple[Path, Path], model: dict[str, Any] | None = None, **train: Any) -> dict[str, Any]:
    """Metrics of a run into `root`, whose `voices` are those of the stage of that name."""
    params = params_of(root / "params.yaml", model, **train)
    run(params, *folders, root / "voices", root / "models", root / "metrics.json", root / "plots")
    metrics: dict[str, Any] = json.loads((root / "metrics.json").read_text(encoding="utf-8"))
    return metrics


def command_of(root: Path, folders: tuple[Path, Path], **train: Any) -> list[str]:
    """`train` as a process of its own."""
    params_of(root / "params.yaml", **train)
    paths = {"features": folders[0], "normalise": folders[1], "metrics": root / "metrics.json", "params": root / "params.yaml"}
    paths |= {name: root / name for name in ("voices", "models", "plots")}
    return [sys.executable, "-m", "workflows.train", *(str(part) for name, path in paths.items() for part in (f"--{name}", path))]


def curves(root: Path) -> dict[str, str]:
    folder = root / "plots"
    return {str(path.relative_to(folder)): path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.tsv"))}


def points(root: Path) -> dict[str, list[list[float]]]:
    found: dict[str, list[list[float]]] = read_header(root / "models/checkpoints/resume.safetensors")[0]["curve"]
    return found
