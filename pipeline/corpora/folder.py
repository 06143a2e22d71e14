"""Any folder of recordings: a transcript file beside each, or one CSV for all (`table:` in params.yaml)."""

import codecs
import csv
import io
import unicodedata
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from pipeline.corpora.emotions import canonical_emotion
from pipeline.corpora.entries import Candidate, Entry, Fault
from pipeline.corpora.transcripts import MAX_METADATA_BYTES, MAX_TRANSCRIPT_BYTES, decode
from pipeline.corpora.tree import Tree
from schemas.errors import CorpusError, RowError
from schemas.params import CorpusParams, CsvTable
from schemas.reasons import Reason

_TRANSCRIPT_SUFFIXES = (".txt", ".lab")
_QUOTED = frozenset(",;")  # fields parted by anything else hold stray quotes as text


class Folder:
    """Adapter of folders without a layout of their own."""

    layout = "audio files at any depth, each with a .txt or .lab of the same name beside it, or a CSV (`table:`)"
    ignored_folders: tuple[str, ...] = ()

    def entries(self, tree: Tree, params: CorpusParams) -> Iterator[Entry]:
        """The speaker is the table's, or the first folder below the root; see `Adapter`."""
        if params.table is None:
            return (_from_files(tree, path) for path in tree.audio)
        return _from_table(tree, params.table)


def _speaker_and_stem(path: str) -> tuple[str, str]:
    name = PurePosixPath(path)
    return (name.parts[0] if len(name.parts) > 1 else "speaker"), name.stem


def _from_files(tree: Tree, path: str) -> Entry:
    speaker, stem = _speaker_and_stem(path)
    for suffix in _TRANSCRIPT_SUFFIXES:
        beside = PurePosixPath(path).with_suffix(suffix).as_posix()
        try:
            return Candidate(stem, path, speaker, decode(tree.read(beside, MAX_TRANSCRIPT_BYTES)))
        except RowError as error:
            if error.reason != Reason.TEXT_MISSING:
                return Fault(path, error, speaker, stem)
    missing = RowError(Reason.TEXT_MISSING, f"neither {' nor '.join(_TRANSCRIPT_SUFFIXES)} of the same name is beside {path}; add one")
    return Fault(path, missing, speaker, stem)


def _from_table(tree: Tree, table: CsvTable) -> Iterator[Entry]:
    by_name = {PurePosixPath(path).with_suffix("").as_posix(): path for path in reversed(tree.audio)}
    audio, rows = frozenset(tree.audio), dict[str, dict[str, str]]()
    twice: set[str] = set()
    for row in _rows(tree, table):
        named = PurePosixPath(row[table.audio].strip()).as_posix()
        path = named if named in audio else by_name.get(named, named)
        if rows.setdefault(path, row) != row:
            twice.add(path)
    for path in sorted(audio):
        yield _entry(table, path, rows.get(path), path in twice)
    for path in sorted(rows.keys() - audio):
        yield _unheard(tree, table, path, rows[path])


def _entry(table: CsvTable, path: str, row: dict[str, str] | None, twice: bool) -> Entry:
    speaker, stem = _speaker_and_stem(path)
    if row is None:
        return Fault(path, RowError(Reason.TEXT_MISSING, f"{table.file} has no row for {path}; add one"), speaker, stem)
    speaker = _speaker(table, path, row)
    if twice:
        return Fault(path, RowError(Reason.TEXT_MISSING, f"{table.file} has different rows for {path}; keep one"), speaker, stem)
    unreadable = _unreadable(table, row)
    if unreadable is not None:
        return Fault(path, unreadable, None if _is_no_text(speaker) else speaker, stem)
    label = row[table.emotion].strip() if table.emotion is not None else ""
    return Candidate(stem, path, speaker, row[table.text], canonical_emotion(label), label)


def _unheard(tree: Tree, table: CsvTable, path: str, row: dict[str, str]) -> Fault:
    try:
        tree.inside(path)
    except RowError as error:
        return Fault(path, error)
    missing = RowError(Reason.AUDIO_MISSING, f"{table.file} names {path}, which is not there; restore it or remove the row")
    return Fault(path, missing, _speaker(table, path, row), _speaker_and_stem(path)[1])


def _unreadable(table: CsvTable, row: dict[str, str]) -> RowError | None:
    broken = [column for column, field in row.items() if _is_no_text(field)]
    if not broken:
        return None
    return RowError(Reason.TEXT_UNREADABLE, f"{table.file} has bytes that are not UTF-8 in {', '.join(broken)}; convert it with iconv")


def _is_no_text(field: str) -> bool:
    return any(unicodedata.category(character) == "Cs" for character in field)


def _speaker(table: CsvTable, path: str, row: dict[str, str]) -> str:
    return row[table.speaker].strip() if table.speaker is not None else _speaker_and_stem(path)[0]


def _rows(tree: Tree, table: CsvTable) -> Iterator[dict[str, str]]:
    """Rows of the table with each named column, "" where a row is short; bytes that are no UTF-8 are left as surrogates."""
    try:
        text = tree.read(table.file, MAX_METADATA_BYTES).removeprefix(codecs.BOM_UTF8).decode(errors="surrogateescape")
    except RowError as error:
        raise CorpusError(f"corpus '{tree.name}': {table.file}: {error.detail}; see `corpora.{tree.name}.table.file`") from None
    quoting: Any = csv.QUOTE_MINIMAL if table.delimiter in _QUOTED else csv.QUOTE_NONE
    csv.field_size_limit(MAX_METADATA_BYTES)  # an open quote takes in all that follows; one such row must not end the run
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=table.delimiter, quoting=quoting, restval="")
    wanted = [column for column in (table.audio, table.text, table.speaker, table.emotion) if column is not None]
    missing = [column for column in wanted if column not in (reader.fieldnames or ())]
    if missing:
        has = ", ".join(reader.fieldnames or ()) or "none"
        raise CorpusError(f"corpus '{tree.name}': {table.file} lacks {', '.join(missing)}; its columns are {has}. Mend `table:`")
    try:
        yield from ({column: row[column] for column in wanted} for row in reader)
    except csv.Error as error:
        raise CorpusError(f"corpus '{tree.name}': {table.file}, line {reader.line_num}: {error}; mend the line") from None
