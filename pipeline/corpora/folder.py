"""Any folder of recordings: a transcript file beside each, or one CSV for all (`table:` in params.yaml)."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from pipeline.corpora.emotions import canonical_emotion
from pipeline.corpora.entries import Adapter, Candidate, Entry, Fault, unheard
from pipeline.corpora.tables import Row, Table, is_no_text, read_table, require_columns, unreadable
from pipeline.corpora.transcripts import MAX_TRANSCRIPT_BYTES, decode
from pipeline.corpora.tree import Tree
from schemas.errors import RowError
from schemas.params import CorpusParams, CsvTable
from schemas.reasons import Reason

_TRANSCRIPT_SUFFIXES = (".txt", ".lab")


class Folder(Adapter):
    """Adapter of folders without a layout of their own."""

    layout = "audio files at any depth, each with a .txt or .lab of the same name beside it, or a CSV (`table:`)"

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
    audio, rows = frozenset(tree.audio), dict[str, Row]()
    twice: set[str] = set()
    listed = _listed(tree, table)
    yield from listed.faults
    for row in listed.rows:
        named = PurePosixPath(row[table.audio].strip()).as_posix()
        path = named if named in audio else by_name.get(named, named)
        if rows.setdefault(path, row) != row:
            twice.add(path)
    for path in sorted(audio):
        yield _entry(table, path, rows.get(path), path in twice)
    for path in sorted(rows.keys() - audio):
        why = f"{table.file} names {path}, which is not there; restore it or remove the row"
        yield unheard(tree, path, why, _speaker(table, path, rows[path]), _speaker_and_stem(path)[1])


def _entry(table: CsvTable, path: str, row: Row | None, twice: bool) -> Entry:
    speaker, stem = _speaker_and_stem(path)
    if row is None:
        return Fault(path, RowError(Reason.TEXT_MISSING, f"{table.file} has no row for {path}; add one"), speaker, stem)
    speaker = _speaker(table, path, row)
    if twice:
        return Fault(path, RowError(Reason.TEXT_MISSING, f"{table.file} has different rows for {path}; keep one"), speaker, stem)
    broken = unreadable(table.file, row)
    if broken is not None:
        return Fault(path, broken, None if is_no_text(speaker) else speaker, stem)
    label = row[table.emotion].strip() if table.emotion is not None else ""
    return Candidate(stem, path, speaker, row[table.text], canonical_emotion(label), label)


def _speaker(table: CsvTable, path: str, row: Row) -> str:
    return row[table.speaker].strip() if table.speaker is not None else _speaker_and_stem(path)[0]


def _listed(tree: Tree, table: CsvTable) -> Table:
    """The table with each named column and no other."""
    wanted = [column for column in (table.audio, table.text, table.speaker, table.emotion) if column is not None]
    read = read_table(tree, table.file, table.delimiter)
    require_columns(tree, table.file, read.rows, wanted)
    return Table([{column: row.get(column, "") for column in wanted} for row in read.rows], read.faults)
