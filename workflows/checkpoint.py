"""Checkpoints as safetensors with JSON in the header; never pickle.

Files are foreign: names and shapes are checked before memory is taken.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from model.config import TtsConfig
from model.tts import Tts
from schemas.errors import CheckpointError, ParamsError
from workflows.dataset import Statistics, Vocabulary

FORMAT = "espressivo-tts-1"
_HEADER_KEY = "espressivo"  # one key alone: safetensors writes several in no fixed order


@dataclass(frozen=True)
class TtsMetadata:
    """What stands beside the weights: names of the ids, statistics that features were read with, frames and mel, and the lineage."""

    vocabulary: Vocabulary
    statistics: Statistics
    frames: dict[str, Any]
    mel: dict[str, Any]
    lineage: dict[str, Any]


def save_tts(path: Path, config: TtsConfig, weights: Mapping[str, Tensor], metadata: TtsMetadata) -> None:
    """Write a model: equal weights and metadata give equal bytes.

    Parameters
    ----------
    path
        Final name; written beside it and renamed.
    weights
        The state dict of a ``Tts(config)``.
    """
    write_tensors(path, weights, {"format": FORMAT, "config": asdict(config), **asdict(metadata)})


def load_tts(path: Path) -> tuple[Tts, TtsMetadata]:
    """Read a model, in evaluation mode on the CPU.

    Raises
    ------
    CheckpointError
        If the file is missing, is no checkpoint of this format, or its tensors are not those of its configuration.
    """
    header, shapes = read_header(path)
    if header.get("format") != FORMAT:
        raise CheckpointError(f"{path} has format {header.get('format')!r}, this code reads {FORMAT!r}; train again with this version")
    config, metadata = _parsed(path, header)
    with torch.device("meta"):
        wanted = {name: tuple(value.shape) for name, value in Tts(config).state_dict().items()}
    if wanted != shapes:
        differing = sorted(name for name in wanted.keys() | shapes.keys() if wanted.get(name) != shapes.get(name))
        raise CheckpointError(
            f"{path}: {len(differing)} tensors do not fit the model, such as {differing[0]}; train again with this version"
        )
    model = Tts(config)
    model.load_state_dict(read_tensors(path))
    return model.eval(), metadata


def write_tensors(path: Path, tensors: Mapping[str, Tensor], header: dict[str, Any]) -> None:
    """Write tensors and a JSON header beside `path`, then rename: a kill at any moment leaves the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")  # one name: what a kill leaves is written over, not heaped up
    contiguous = {name: value.detach().contiguous() for name, value in tensors.items()}
    try:
        save_file(contiguous, partial, metadata={_HEADER_KEY: json.dumps(header, sort_keys=True)})
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def read_header(path: Path) -> tuple[dict[str, Any], dict[str, tuple[int, ...]]]:
    """The JSON header and the shape of each tensor, without reading the tensors.

    Raises
    ------
    CheckpointError
        If the file is missing, is not safetensors, or carries no header of ours.
    """
    try:
        with safe_open(path, "pt") as file:
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118  not a mapping
            header = json.loads((file.metadata() or {})[_HEADER_KEY])
    except FileNotFoundError:
        raise CheckpointError(f"{path} is not there; run `dvc repro train`, or `dvc pull` it") from None
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise CheckpointError(f"{path} is no checkpoint of Espressivo ({type(error).__name__}: {error}); train again") from None
    if not isinstance(header, dict):
        raise CheckpointError(f"{path} has a header that is no mapping; train again")
    return header, shapes


def read_tensors(path: Path, prefix: str = "") -> dict[str, Tensor]:
    """The tensors whose name begins with `prefix`, by the rest of the name."""
    with safe_open(path, "pt") as file:
        return {name.removeprefix(prefix): file.get_tensor(name) for name in file.keys() if name.startswith(prefix)}  # noqa: SIM118


def _parsed(path: Path, header: dict[str, Any]) -> tuple[TtsConfig, TtsMetadata]:
    try:
        config = TypeAdapter(TtsConfig).validate_python(header["config"])
        metadata = TypeAdapter(TtsMetadata).validate_python({key: header[key] for key in TtsMetadata.__dataclass_fields__})
    except (ValidationError, ParamsError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} has a header that does not fit this code ({error}); train again with this version") from None
    return config, metadata
