"""The folder of a synthesis: recordings, a table of one row for each request spoken, and at the end one table of all that were asked for.

A broken-off run leaves recordings and rows that stand: those whose fingerprint, in the row and in the recording itself, is a job's.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline import shards
from pipeline.files import remove_partials
from schemas.errors import RowError, TableError
from schemas.reasons import Reason
from schemas.tables.synthesis import synthesis_contract
from workflows.wav_metadata import read_told, write_wav


def write_recording(out: Path, kind: str, request_id: str, samples: NDArray[np.float32], rate_hz: int, told: dict[str, Any]) -> str:
    """Write a recording, of kind ``model`` or ``copy``, and return its path relative to `out`.

    Raises
    ------
    RowError
        PATH_OUTSIDE_ROOT, if the id leads out of the folder.
    """
    relative = Path("wavs") / kind / f"{request_id}.wav"
    if not (out / relative).resolve().is_relative_to((out / "wavs" / kind).resolve()):
        raise RowError(Reason.PATH_OUTSIDE_ROOT, f"the id {request_id!r} leaves the output folder; choose another")
    write_wav(out / relative, samples, rate_hz, told)
    return relative.as_posix()


def part_path(out: Path, fingerprint: str) -> Path:
    """File of the row of one request."""
    return out / "parts" / f"{fingerprint}.parquet"


def standing(out: Path, n_mels: int) -> dict[str, tuple[Path, int]]:
    """Where the row of each fingerprint lies whose recordings stand as well."""
    found: dict[str, tuple[Path, int]] = {}
    for path in [out / "synthesis.parquet", *sorted((out / "parts").glob("*.parquet"))]:
        try:
            rows = shards.read_table(path, synthesis_contract(n_mels), ["model_wav", "copy_wav", "lineage"]).to_pylist()
        except (TableError, pa.ArrowInvalid):  # none yet, of another version, or damaged: spoken again
            continue
        for at, row in enumerate(rows):
            fingerprint = str(json.loads(row["lineage"]).get("fingerprint"))
            if all(_says(out / name, fingerprint) for name in (row["model_wav"], row["copy_wav"]) if name is not None):
                found.setdefault(fingerprint, (path, at))
    return found


def _says(recording: Path, fingerprint: str) -> bool:
    try:
        return bool(read_told(recording).get("fingerprint") == fingerprint)
    except TableError:
        return False


def gathered(wanted: Mapping[str, str], out: Path, n_mels: int) -> Iterator[pa.Table]:
    """Rows that stand, in order of id, a row group at a time: mels of a whole corpus are more than memory holds.

    Parameters
    ----------
    wanted
        Request ids by fingerprint.
    """
    there = standing(out, n_mels)
    places = sorted((request_id, there[fingerprint]) for fingerprint, request_id in wanted.items() if fingerprint in there)
    for first in range(0, len(places), shards.GROUP_ROWS):
        at_rows: dict[Path, list[int]] = {}
        for _, (path, at) in places[first : first + shards.GROUP_ROWS]:
            at_rows.setdefault(path, []).append(at)
        taken = [shards.read_rows(path, np.array(sorted(rows)), synthesis_contract(n_mels).arrow.names) for path, rows in at_rows.items()]
        yield pa.concat_tables(taken).sort_by("request_id").combine_chunks()


def prune(out: Path, n_mels: int) -> None:
    """Remove parts, and recordings that no row names."""
    table = shards.read_table(out / "synthesis.parquet", synthesis_contract(n_mels), ["model_wav", "copy_wav"])
    named = {out / str(name) for column in table.columns for name in column.to_pylist() if name is not None}
    for path in [*(out / "wavs").rglob("*.wav"), *(out / "parts").glob("*.parquet")]:
        if path not in named:
            path.unlink()
    for folder in sorted((path for path in (out / "wavs").rglob("*") if path.is_dir()), reverse=True):
        remove_partials(folder)
        if not any(folder.iterdir()):
            folder.rmdir()
    if (out / "parts").is_dir():
        remove_partials(out / "parts")
        (out / "parts").rmdir()
