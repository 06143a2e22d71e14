"""Metadata in tables inside the corpus: CSV with a header, or JSON lines."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from typing import Any

from pipeline.corpora.transcripts import MAX_METADATA_BYTES, decode
from pipeline.corpora.tree import Tree
from schemas.errors import CorpusError, RowError

Row = dict[str, str]

_QUOTED = frozenset(",;")  # fields parted by anything else hold stray quotes as text


def read_rows(tree: Tree, file: str, delimiter: str) -> list[Row]:
    """Rows of a table by column; "" where a row is short or a value is null.

    Parameters
    ----------
    file
        Below the root, UTF-8; ``.jsonl`` is JSON lines, all else CSV.
    delimiter
        Of a CSV.

    Raises
    ------
    CorpusError
        If the table as a whole cannot be read.
    """
    try:
        text = decode(tree.read(file, MAX_METADATA_BYTES))
    except RowError as error:
        raise CorpusError(f"corpus '{tree.name}': {file}: {error.detail}; see `corpora.{tree.name}.table.file`") from None
    return list(_json_rows(tree, file, text) if file.endswith(".jsonl") else _csv_rows(tree, file, text, delimiter))


def require_columns(tree: Tree, file: str, rows: Sequence[Row], wanted: Sequence[str]) -> None:
    """Raise `CorpusError` if a table with rows lacks a wanted column."""
    has = list(dict.fromkeys(column for row in rows for column in row))
    missing = [column for column in wanted if column not in has]
    if rows and missing:
        raise CorpusError(f"corpus '{tree.name}': {file} lacks {', '.join(missing)}; its columns are {', '.join(has)}. Mend `table:`")


def _csv_rows(tree: Tree, file: str, text: str, delimiter: str) -> Iterator[Row]:
    quoting: Any = csv.QUOTE_MINIMAL if delimiter in _QUOTED else csv.QUOTE_NONE
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting, restval="")
    try:
        for row in reader:
            yield {column: value for column, value in row.items() if column is not None}
    except csv.Error as error:
        raise CorpusError(f"corpus '{tree.name}': {file}, line {reader.line_num}: {error}; mend the line") from None


def _json_rows(tree: Tree, file: str, text: str) -> Iterator[Row]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise CorpusError(f"corpus '{tree.name}': {file}, line {number}: {error}; mend the line") from None
        if not isinstance(row, dict):
            raise CorpusError(f"corpus '{tree.name}': {file}, line {number} is no JSON object; mend the line")
        yield {column: "" if value is None else str(value) for column, value in row.items()}
