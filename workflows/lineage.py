"""Where a model comes from: the dataset's version, the commit, the parameters and the libraries. No times: equal runs give equal bytes."""

import hashlib
import platform
import subprocess
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from pipeline.shards import shard_paths

DVC_LOCK = Path("dvc.lock")
_LIBRARIES = ("torch", "lightning", "numpy", "pyarrow", "safetensors")


def lineage(
    features: Path, corpora: Sequence[str], normalise: Path, voices: Path | None, params: dict[str, Any], lock: Path = DVC_LOCK
) -> dict[str, Any]:
    """All that a checkpoint says of its origin, as plain JSON values.

    Parameters
    ----------
    features, corpora
        The folder of shards, and the corpora in it that were read.
    normalise
        The folder of statistics and vocabulary.
    voices
        The folder of the stage voices; None: not used.
    params
        The parameters used, as plain values.
    lock
        ``dvc.lock`` of the project.
    """
    return {
        "dataset": dataset_version(features, corpora, lock),
        "normalisation": {name: _sha256(normalise / name) for name in ("statistics.parquet", "vocabulary.json")},
        "voices": {} if voices is None else {name: _sha256(voices / name / "voices.parquet") for name in corpora},
        "git": git_commit(),
        "params": params,
        "libraries": {"python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}},
    }


def dataset_version(features: Path, corpora: Sequence[str], lock: Path = DVC_LOCK) -> dict[str, str]:
    """The version of each corpus's feature shards.

    DVC's hash where `lock` lists the corpus's folder with the size that it has now (a run outside `dvc repro` leaves an old lock
    behind); else the sha256 of the shards, ``sha256:...``.
    """
    locked = _locked_hashes(lock)
    folders = {name: features / name for name in corpora}
    return {name: locked.get((folder.resolve(), _size(folder))) or _shards_sha256(folder) for name, folder in folders.items()}


def _shards_sha256(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in shard_paths(folder):
        digest.update(f"{path.name} {_sha256(path)}\n".encode())
    return f"sha256:{digest.hexdigest()}"


def git_commit() -> dict[str, str | bool]:
    """Commit of the working folder, and whether tracked files differ from it; ``commit`` is "" where there is no git."""
    commit = _git("rev-parse", "HEAD")
    # dvc.lock changes while `dvc repro` runs.
    return {"commit": commit, "dirty": bool(commit and _git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!dvc.lock"))}


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _locked_hashes(lock: Path) -> dict[tuple[Path, int], str]:
    """Hash of each out that `lock` lists, by path and size."""
    try:
        stages = yaml.safe_load(lock.read_text(encoding="utf-8"))["stages"]
        outs = [out for stage in stages.values() for out in stage.get("outs", [])]
        return {
            ((lock.parent / PurePosixPath(out["path"])).resolve(), int(out["size"])): f"{out['hash']}:{out[out['hash']]}" for out in outs
        }
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError):
        return {}


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
