"""Files that appear under their final name whole or not at all, also when the power fails."""

import filecmp
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import disk_usage
from uuid import uuid4

from schemas.errors import DiskError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A name beside `path` to write to; the file goes to the disk and then under its final name when the block ends well.
    A file that holds the same bytes already is not touched.

    What a killed process leaves is named ``.<name>.<random>.partial``; `remove_partials` takes it away.

    Raises
    ------
    DiskError
        If the disk is full or refuses to be written.
    """
    partial = path.with_name(f".{path.name}.{uuid4().hex[:12]}.partial")  # random: writers may be on several hosts
    try:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            yield partial
            if path.is_file() and filecmp.cmp(partial, path, shallow=False):
                return
            _flush(partial)
            partial.replace(path)
            with suppress(OSError):  # some network file systems flush no folders
                _flush(path.parent)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise DiskError(_told(path, error)) from error


def remove_partials(folder: Path) -> None:
    """Remove what killed processes left in a folder; only for the driver, after its last task."""
    for path in folder.glob(".*.partial"):
        path.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    """Let the system write the file, or the folder's names, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _told(path: Path, error: OSError) -> str:
    there = next((folder for folder in path.parents if folder.exists()), Path.cwd())
    free = f"{disk_usage(there).free / 2**20:.0f} MiB are free on the disk of {there}"
    what = error.strerror or str(error)
    return f"cannot write {path}: {what}; {free}. Make room or let it be written, and run the same command again: finished shards are kept"
