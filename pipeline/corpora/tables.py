"""Metadata in tables inside the corpus: CSV with a header, or JSON lines."""

import codecs
import csv
import io
import json
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.corpora.entries import Fault
from pipeline.corpora.transcripts import MAX_METADATA_BYTES
from pipeline.corpora.tree import Tree
from schemas.errors import CorpusError, RowError
from schemas.reasons import Reason

Row = dict[str, str]

_QUOTED = frozenset(",;")  # fields parted by anything else hold stray quotes as text


@dataclass
class Table:
    """Rows by column, "" where a row is short or a value is null; bytes that are no UTF-8 are left as surrogates, see `unreadable`.

    Attributes
    ----------
    faults
        Of lines that are no rows.
    """

    rows: list[Row] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def read_table(tree: Tree, file: str, delimiter: str) -> Table:
    """A table of metadata.

    Parameters
    ----------
    file
        Below the root; ``.jsonl`` is JSON lines, all else CSV.
    delimiter
        Of a CSV.

    Raises
    ------
    CorpusError
        If the table as a whole cannot be read.
    """
    try:
        text = tree.read(file, MAX_METADATA_BYTES).removeprefix(codecs.BOM_UTF8).decode(errors="surrogateescape")
    except RowError as error:
        raise CorpusError(f"corpus '{tree.name}': {file}: {error.detail}; see `corpora.{tree.name}.table.file`") from None
    return _json_table(file, text) if file.endswith(".jsonl") else Table(list(_csv_rows(tree, file, text, delimiter)))


def require_columns(tree: Tree, file: str, rows: Sequence[Row], wanted: Sequence[str]) -> None:
    """Raise `CorpusError` if a table with rows lacks a wanted column."""
    has = dict.fromkeys(column for row in rows for column in row)
    missing = [column for column in wanted if column not in has]
    if rows and missing:
        raise CorpusError(f"corpus '{tree.name}': {file} lacks {', '.join(missing)}; its columns are {', '.join(has)}. Mend `table:`")


def unreadable(file: str, row: Row) -> RowError | None:
    """Why a row of `file` cannot be used: bytes that are not UTF-8."""
    broken = [column for column, value in row.items() if is_no_text(value)]
    if not broken:
        return None
    return RowError(Reason.TEXT_UNREADABLE, f"{file} has bytes that are not UTF-8 in {', '.join(broken)}; convert it with iconv")


def is_no_text(value: str) -> bool:
    """Whether a field holds bytes that are not UTF-8."""
    return any(unicodedata.category(character) == "Cs" for character in value)


def _csv_rows(tree: Tree, file: str, text: str, delimiter: str) -> Iterator[Row]:
    quoting: Any = csv.QUOTE_MINIMAL if delimiter in _QUOTED else csv.QUOTE_NONE
    csv.field_size_limit(MAX_METADATA_BYTES)  # an open quote takes in all that follows; one such row must not end the run
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting, restval="")
    try:
        for row in reader:
            yield {column: value for column, value in row.items() if column is not None}
    except csv.Error as error:
        raise CorpusError(f"corpus '{tree.name}': {file}, line {reader.line_num}: {error}; mend the line") from None


def _json_table(file: str, text: str) -> Table:
    table = Table()
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if isinstance(row, dict):
            table.rows.append({column: "" if value is None else str(value) for column, value in row.items()})
        else:
            broken = RowError(Reason.TEXT_UNREADABLE, f"line {number} of {file} is no JSON object; mend it", number)
            table.faults.append(Fault(f"{file}:{number}", broken))
    return table
