"""The only Parquet I/O: tables and feature shards, byte-identical for equal rows, never half-written under their final name."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.files import whole_file
from schemas.errors import TableError
from schemas.reasons import LASTING
from schemas.tables.contract import Contract
from schemas.tables.rejects import REJECTS

UNUSABLE = (TableError, pa.ArrowInvalid, OSError)  # what reading a file raises that is missing, damaged or of another contract

_COMPRESSION = {"compression": "zstd", "compression_level": 1}
_MEL_LEAF = "mel_ln.list.element.list.element"
GROUP_ROWS = 4096  # of a Parquet row group, where nothing else is asked for


def write_table(path: Path, table: pa.Table, contract: Contract, row_group_rows: int = GROUP_ROWS, *, rows_checked: bool = False) -> None:
    """Check `table` against its contract and write it: equal rows give equal bytes, and a file that holds these already is not touched.

    Parameters
    ----------
    path
        Final name; `whole_file` sees to it that a crash leaves no half file.
    table
        Sorted by the contract's primary key.
    row_group_rows
        Rows a Parquet row group.
    rows_checked
        True where the caller has found no row among `Contract.broken_rows`: then columns and order alone are checked here.

    Raises
    ------
    TableError
        If columns, order or rows break the contract.
    DiskError
        If the file cannot be written.
    """
    (contract.check_order if rows_checked else contract.check)(table)
    with whole_file(path) as partial:
        pq.write_table(_plain(table, contract), partial, row_group_size=row_group_rows, **_COMPRESSION, **_encodings(contract.arrow))


def write_groups(path: Path, groups: Iterable[pa.Table], contract: Contract) -> int:
    """Write a table that is never whole in memory, and return its rows; the bytes are those of `write_table` with groups of this size.

    Parameters
    ----------
    groups
        Row groups, each sorted by the contract's primary key and of as many rows, but for the last; keys ascend from group to group.

    Raises
    ------
    TableError
        If columns, order or rows break the contract.
    DiskError
        If the file cannot be written.
    """
    n_rows, last = 0, None
    with whole_file(path) as partial, pq.ParquetWriter(partial, contract.arrow, **_COMPRESSION, **_encodings(contract.arrow)) as file:
        for group in groups:
            contract.check(group)
            keys = group.column(contract.primary_key)
            if last is not None and not last < keys[0].as_py():
                raise TableError(f"table {contract.name}: {contract.primary_key} must ascend from group to group; sort before writing")
            file.write_table(_plain(group, contract), row_group_size=len(group))
            n_rows, last = n_rows + len(group), keys[-1].as_py()
        if not n_rows:
            file.write_table(contract.arrow.empty_table())
    return n_rows


def read_table(path: Path, contract: Contract, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a table (or some of its columns) and check that the file has exactly the contract's columns.

    Raises
    ------
    TableError
        If the file is missing or its columns are not the contract's.
    """
    try:
        schema = pq.read_schema(path)
    except FileNotFoundError:
        raise TableError(f"{path} is not there; run `dvc repro` for the stage that writes it") from None
    contract.check_columns(schema.empty_table())
    return pq.read_table(path, columns=list(columns) if columns is not None else None, partitioning=None)


def rows_before(path: Path, contract: Contract) -> list[dict[str, Any]]:
    """Rows of a table that an earlier run left; none where the file is `UNUSABLE`, so that its rows are made again."""
    try:
        rows: list[dict[str, Any]] = read_table(path, contract).to_pylist()
    except UNUSABLE:
        return []
    return rows


def read_columns(file: IO[bytes], name: str, columns: Sequence[str]) -> pa.Table:
    """Columns of an open Parquet file that may be of another version of a contract.

    Raises
    ------
    TableError
        If it is no Parquet or lacks a column; `name` is what the message calls it.
    """
    try:
        with pq.ParquetFile(file) as table:
            missing = [column for column in columns if column not in table.schema_arrow.names]
            if missing:
                raise TableError(f"{name} has no column {', '.join(missing)}: another version of this code wrote it; run `dvc repro`")
            return table.read(columns=list(columns)).select(list(columns))
    except pa.ArrowInvalid as error:
        raise TableError(f"{name} is damaged ({error}); run `dvc checkout` or `dvc repro`") from None


def band_count(path: Path) -> int:
    """Mel bands of a shard of features, as its file says.

    Raises
    ------
    TableError
        If the file holds no mel.
    """
    schema = pq.read_schema(path)
    kind = schema.field("mel_ln").type if "mel_ln" in schema.names else pa.null()
    if not (pa.types.is_list(kind) and pa.types.is_fixed_size_list(kind.value_type)):
        raise TableError(f"{path} is no shard of features; run `dvc repro extract`")
    return int(kind.value_type.list_size)


def write_rejects(path: Path, rows: list[dict[str, object]]) -> None:
    """Write the rejects table of a stage, sorted, also when it is empty."""
    write_table(path, REJECTS.table(rows), REJECTS)


def lasting_rejects(path: Path) -> list[dict[str, Any]]:
    """Rejects that an earlier run left with a fingerprint: while that holds they would come again (`LASTING`)."""
    return [row for row in rows_before(path, REJECTS) if row["fingerprint"] and row["reason"] in LASTING]


def shard_index(utterance_id: str, n_shards: int) -> int:
    """Shard of an utterance: a function of its id alone, so other utterances coming or going move nothing."""
    return int.from_bytes(hashlib.sha256(utterance_id.encode()).digest()[:8], "big") % n_shards


def shard_name(index: int, n_shards: int, table: str = "features") -> str:
    """File name of a shard, such as ``features-0003-of-0008.parquet``."""
    return f"{table}-{index:04d}-of-{n_shards:04d}.parquet"


def shard_paths(folder: Path) -> list[Path]:
    """The feature shards of one corpus, in order of name."""
    return sorted(folder.glob("features-*.parquet"))


def corpora_shards(features: Path, corpora: Sequence[str]) -> list[Path]:
    """The feature shards of these corpora, in order of path. Folders of corpora that are no longer in use are not read.

    Parameters
    ----------
    features
        Folder with one folder of shards a corpus.

    Raises
    ------
    TableError
        If a corpus has no shards.
    """
    missing = [name for name in corpora if not shard_paths(features / name)]
    if missing or not corpora:
        raise TableError(f"{features} has no feature shards of {', '.join(missing) or 'any corpus'}; run `dvc repro extract`")
    return [path for name in sorted(corpora) for path in shard_paths(features / name)]


def iter_rows(paths: Sequence[Path], columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
    """Rows of several shards in order, one row group in memory at a time."""
    for batch in iter_batches(paths, columns):
        yield from batch.to_pylist()


def iter_batches(paths: Sequence[Path], columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Rows of several shards in order as Arrow batches of at most 64 rows, one row group in memory at a time."""
    for path in paths:
        with pq.ParquetFile(path) as file:
            yield from file.iter_batches(batch_size=64, columns=list(columns) if columns is not None else None)


def read_rows(path: Path, rows: NDArray[np.int64], columns: Sequence[str]) -> pa.Table:
    """The rows with these ascending numbers, in that order; the file passes through memory a batch at a time."""
    with pq.ParquetFile(path) as file:
        taken, first = [file.schema_arrow.empty_table().select(list(columns))], 0
        for batch in file.iter_batches(batch_size=4096, columns=list(columns)):
            inside = rows[(rows >= first) & (rows < first + len(batch))] - first
            taken.append(pa.Table.from_batches([batch]).select(list(columns)).take(pa.array(inside)))
            first += len(batch)
    return pa.concat_tables(taken).combine_chunks()


def group_sizes(path: Path) -> list[int]:
    """Rows of each row group of a file."""
    file = pq.read_metadata(path)
    return [file.row_group(at).num_rows for at in range(file.num_row_groups)]


def read_group(path: Path, group: int, columns: Sequence[str]) -> pa.Table:
    """Some columns of one row group. Files stay open, the last 64 of them."""
    return _opened(path, path.stat().st_mtime_ns).read_row_group(group, columns=list(columns), use_threads=False)


@lru_cache(maxsize=64)
def _opened(path: Path, _changed_ns: int) -> pq.ParquetFile:
    return pq.ParquetFile(path)


def rows_where(paths: Sequence[Path], key: str, wanted: set[str], columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Columns of the rows whose `key` is wanted; of row groups without such a row, no more than the key is read."""
    for path in paths:
        for group in range(len(group_sizes(path))):
            keys = read_group(path, group, [key]).column(key).to_pylist()
            keep = [at for at, name in enumerate(keys) if name in wanted]
            yield from read_group(path, group, columns).take(keep).to_pylist() if keep else ()


def has_layout(path: Path, row_group_rows: int) -> bool:
    """Whether `write_table` with this `row_group_rows`, in this version of Arrow, would lay the file's rows out as they are."""
    sizes = group_sizes(path)
    full = all(size == row_group_rows for size in sizes[:-1]) and all(0 < size <= row_group_rows for size in sizes[-1:])
    return full and bool(pq.read_metadata(path).created_by == f"parquet-cpp-arrow version {pa.__version__}")


def _plain(table: pa.Table, contract: Contract) -> pa.Table:
    """The rows in one chunk, without metadata of pandas or of an order."""
    return pa.Table.from_batches(table.combine_chunks().to_batches(), schema=contract.arrow)


def _encodings(schema: pa.Schema) -> dict[str, Any]:
    """Byte-stream-split for mel (a tenth smaller), dictionaries for all but it."""
    if "mel_ln" not in schema.names:
        return {}
    leaves = [f.name for f in schema if pa.types.is_string(f.type)]
    return {"use_dictionary": leaves, "column_encoding": {_MEL_LEAF: "BYTE_STREAM_SPLIT"}}
