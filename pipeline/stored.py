"""What an earlier run left in its output folder, as far as it is still true: features by part, measures, rejects that would come again.

A file that is missing, damaged or of another contract counts as empty: its rows are computed again.
"""

import dataclasses
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import shards
from pipeline.quality import AudioMeasures
from schemas.errors import RowError
from schemas.reasons import Reason
from schemas.tables.features import PART_COLUMNS, PARTS, features_contract
from schemas.tables.quality import QUALITY
from schemas.tables.speakers import PITCH_SAMPLES

_POOLED = ("pitch", "energy", "durations")

Row = dict[str, Any]


class _Identity(NamedTuple):
    at: int
    fingerprint: str
    parts: dict[str, str]


class DamagedError(Exception):
    """A shard's rows cannot be read, although their fingerprints can."""


class StoredShard:
    """A shard of features as an earlier run left it; its bands may be of another number."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._contract = features_contract(shards.band_count(path))
            names = shards.read_table(path, self._contract, ["utterance_id", "fingerprint", "fingerprints"]).to_pylist()
        except shards.UNUSABLE:
            names = []
        self._rows = {row["utterance_id"]: _Identity(at, row["fingerprint"], row["fingerprints"]) for at, row in enumerate(names)}

    @property
    def ids(self) -> list[str]:
        """Utterance ids in the file's order."""
        return list(self._rows)

    def holds(self, utterance_id: str, fingerprint: str) -> bool:
        """Whether the whole row is still true."""
        return utterance_id in self._rows and self._rows[utterance_id].fingerprint == fingerprint

    def kept(self, utterance_id: str, parts: dict[str, str]) -> dict[str, Row]:
        """Columns by part (see `PART_COLUMNS`) of those parts of the row whose fingerprints are `parts`'; list columns as arrays.

        Raises
        ------
        DamagedError
            As `rows`.
        """
        if utterance_id not in self._rows:
            return {}
        row = self._rows[utterance_id]
        same = [part for part in PARTS if row.parts[part] == parts[part]]
        same += ["pools"] if set(_POOLED) <= set(same) else []
        return {part: {name: _plain(self._table.column(name)[row.at]) for name in PART_COLUMNS[part]} for part in same}

    def rows(self, utterance_ids: list[str]) -> pa.Table:
        """These rows, whole, in the file's order; raises `DamagedError`."""
        return self._table.filter(pc.is_in(self._table.column("utterance_id"), value_set=pa.array(utterance_ids, pa.string())))

    @cached_property
    def _table(self) -> pa.Table:
        try:
            return shards.read_table(self._path, self._contract).combine_chunks()
        except shards.UNUSABLE as error:
            raise DamagedError(self._path.name) from error


def _plain(value: pa.Scalar) -> Any:
    """A column of one row as `feature_table` takes it."""
    if not pa.types.is_list(value.type) or pa.types.is_string(value.type.value_type):
        return value.as_py()
    if pa.types.is_fixed_size_list(value.type.value_type):
        n_bands = value.type.value_type.list_size
        bands: np.ndarray = value.values.flatten().to_numpy().reshape(-1, n_bands)
        return bands
    return value.values.to_numpy(zero_copy_only=False)


class StoredQuality:
    """A shard of quality as an earlier run left it."""

    def __init__(self, path: Path) -> None:
        self._rows = shards.rows_before(path, QUALITY)
        names = [field.name for field in dataclasses.fields(AudioMeasures)]
        self._measures = {row["fingerprint"]: AudioMeasures(**{name: row[name] for name in names}) for row in self._rows}

    def measures(self, fingerprint: str) -> AudioMeasures | None:
        """Measures of the audio, if they are still true."""
        return self._measures.get(fingerprint)

    def says(self, rows: list[Row]) -> bool:
        """Whether the file holds just these rows, in order of id."""
        return bool(rows) and self._rows == sorted(rows, key=lambda row: str(row["utterance_id"]))


def stored_samples(path: Path) -> dict[str, Row]:
    """Rows of the first pass's histograms by their fingerprint."""
    return {row["fingerprint"]: row for row in shards.rows_before(path, PITCH_SAMPLES)}


def stored_faults(path: Path) -> dict[str, RowError]:
    """Why rows were rejected, by the fingerprint of all that their fault follows from."""
    rows = shards.lasting_rejects(path)
    return {row["fingerprint"]: RowError(Reason(row["reason"]), row["detail"], row["value"]) for row in rows}
