"""Folders as Hugging Face `datasets` loads them with its audio folder: audio files, and metadata.csv or metadata.jsonl with ``file_name``.

Datasets whose audio lies inside Parquet files are made such a folder by `pipeline.unpack`. Source: "Create an audio dataset" and "Structure
your repository" in the documentation of `datasets`, https://huggingface.co/docs/datasets/audio_dataset.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from pipeline.corpora.emotions import canonical_emotion
from pipeline.corpora.entries import Adapter, Candidate, Entry, Fault, unheard
from pipeline.corpora.tables import Row, is_no_text, read_table, require_columns, unreadable
from pipeline.corpora.tree import Tree
from schemas.errors import RowError
from schemas.params import CorpusParams, CsvTable, SplitName
from schemas.reasons import Reason
from schemas.tables.utterances import GENDERS

_METADATA = ("metadata.csv", "metadata.jsonl")
_AUDIO = "file_name"  # relative to the metadata file's own folder
_TEXT = ("text", "transcription", "transcript", "sentence")  # the first that a row has
_SPEAKER = ("speaker_id", "speaker")
_EMOTION = ("emotion",)
_SPLIT_WORDS: dict[str, SplitName] = {
    "train": "train", "training": "train", "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation",
    "test": "test", "testing": "test", "eval": "test", "evaluation": "test",
}  # fmt: skip


@dataclass(frozen=True)
class _Columns:
    """Columns to look at for each field, in order; the first that a row has counts."""

    audio: str
    text: tuple[str, ...]
    speaker: tuple[str, ...]
    emotion: tuple[str, ...]


class HuggingFace(Adapter):
    """Adapter of Hugging Face's audio folders."""

    layout = "audio files with metadata.csv or metadata.jsonl, as the audio folder of `datasets`; Parquet is unpacked by `pipeline.unpack`"

    def entries(self, tree: Tree, params: CorpusParams) -> Iterator[Entry]:
        """All from the metadata but the split, which is the folder's name; see `Adapter`."""
        columns = _columns(params.table)
        rows, twice = dict[str, Row](), set[str]()
        for found in _rows(tree, params.table, columns):
            if isinstance(found, Fault):
                yield found
            elif rows.setdefault(found[0], found[1]) != found[1]:
                twice.add(found[0])
        for path in tree.audio:
            yield _entry(path, rows.get(path), columns, path in twice)
        for path in sorted(rows.keys() - set(tree.audio)):
            why = f"the metadata names {path!r}, which is not there; restore it or remove the row"
            yield unheard(tree, path, why, _speaker(rows[path], columns), PurePosixPath(path).stem)


def split_of(path: str) -> SplitName:
    """The split that a path's names tell, as `datasets` reads them: the last word that is one; "train" where none is."""
    words = re.split(r"[^a-z]+", path.lower())
    return next((_SPLIT_WORDS[word] for word in reversed(words) if word in _SPLIT_WORDS), "train")


def _columns(table: CsvTable | None) -> _Columns:
    if table is None:
        return _Columns(_AUDIO, _TEXT, _SPEAKER, _EMOTION)
    one = [(column,) if column is not None else () for column in (table.text, table.speaker, table.emotion)]
    return _Columns(table.audio, *one)


def _rows(tree: Tree, table: CsvTable | None, columns: _Columns) -> Iterator[tuple[str, Row] | Fault]:
    """Each metadata row with the path, below the root, of the audio file that it names; and faults of lines that are no rows."""
    folders = sorted({folder.as_posix() for path in tree.audio for folder in PurePosixPath(path).parents})
    for folder in folders:
        for name in _METADATA if table is None else (table.file,):
            file = (PurePosixPath(folder) / name).as_posix()
            if not tree.has(file):
                continue
            read = read_table(tree, file, "," if table is None else table.delimiter)
            require_columns(tree, file, read.rows, [columns.audio])
            yield from read.faults
            yield from (((PurePosixPath(folder) / row.get(columns.audio, "").strip()).as_posix(), row) for row in read.rows)


def _first(row: Row, columns: tuple[str, ...]) -> str | None:
    return next((row[column].strip() for column in columns if column in row), None)


def _entry(path: str, row: Row | None, columns: _Columns, twice: bool) -> Entry:
    stem = PurePosixPath(path).stem
    if row is None:
        return Fault(path, RowError(Reason.TEXT_MISSING, f"no metadata file names {path}; add a row"))
    speaker = _speaker(row, columns)
    broken = unreadable("the metadata", row)
    if broken is not None:
        return Fault(path, broken, None if is_no_text(speaker) else speaker, stem)
    text = _first(row, columns.text)
    if text is None or twice:
        why = "names it twice with different values" if twice else f"has none of the columns {', '.join(columns.text)}; see `table:`"
        return Fault(path, RowError(Reason.TEXT_MISSING, f"the metadata of {path} {why}"), speaker, stem)
    label = _first(row, columns.emotion) or ""
    gender = row.get("gender", "").strip().lower()
    gender = {"f": "female", "m": "male"}.get(gender, gender)
    split = split_of(PurePosixPath(path).parent.as_posix())
    return Candidate(stem, path, speaker, text, canonical_emotion(label), label, gender if gender in GENDERS else "unknown", split=split)


def _speaker(row: Row, columns: _Columns) -> str:
    speaker = _first(row, columns.speaker)
    return "speaker" if speaker is None else speaker
