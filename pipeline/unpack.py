"""Audio out of a Hugging Face dataset's Parquet files, as a folder that `adapter: huggingface` reads.

Not a stage: every later stage wants plain files, so a dataset is unpacked once, before ingest. Equal datasets give equal bytes.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.parquet as pq
import typer

from pipeline.corpora.huggingface import split_of
from pipeline.corpora.tree import has_control_characters, is_audio
from pipeline.stage import run_main
from schemas.errors import CorpusError, ParamsError

_BATCH_ROWS = 16  # recordings in memory at a time
_MAGIC = ((b"fLaC", ".flac"), (b"OggS", ".ogg"), (b"ID3", ".mp3"), (b"\xff\xfb", ".mp3"), (b"FORM", ".aiff"))
_MAX_NAME_BYTES = 200


def unpack(dataset: Path, out: Path) -> int:
    """Write ``<out>/<split>/<clip>`` and ``<out>/<split>/metadata.jsonl`` for each row of the Parquet files below `dataset`.

    A clip keeps the file name that the dataset stores with it if that is a sound one and no earlier clip of its split has it; else
    it is named by split and row number. Columns of text and numbers go to the metadata, class labels by their names. A row without
    audio bytes is named in the metadata alone, so that ingest rejects it as `audio_missing`.

    Parameters
    ----------
    dataset
        Folder with Parquet files at any depth; their paths tell the split, as `pipeline.corpora.huggingface.split_of` reads them.
    out
        A folder that is not there yet, or is empty.

    Returns
    -------
    int
        Rows.

    Raises
    ------
    CorpusError
        If there is no Parquet file, one cannot be read, or has not exactly one column of audio.
    ParamsError
        If `out` holds anything.
    """
    files = sorted(dataset.rglob("*.parquet"))
    if not files:
        raise CorpusError(f"no .parquet file in {dataset}; give the folder that the dataset was downloaded to")
    if out.exists() and any(out.iterdir()):
        raise ParamsError(f"{out} is not empty; remove it, or give another --out")
    by_split: dict[str, list[Path]] = {}
    for file in files:
        by_split.setdefault(split_of(file.relative_to(dataset).with_suffix("").as_posix()), []).append(file)
    return sum(_unpack_split(split, paths, out / split) for split, paths in sorted(by_split.items()))


def _unpack_split(split: str, files: list[Path], out: Path) -> int:
    out.mkdir(parents=True)
    taken: set[str] = set()
    number = 0
    with (out / "metadata.jsonl").open("w", encoding="utf-8", newline="\n") as metadata:
        for number, (audio, fields) in enumerate(_rows(files), start=1):
            data = audio.get("bytes")
            name = _name(audio.get("path"), taken) or f"{split}-{number - 1:08d}{_suffix(data or b'')}"
            taken.add(name.casefold())
            if data is not None:
                (out / name).write_bytes(data)
            metadata.write(json.dumps({**fields, "file_name": name}, ensure_ascii=False, sort_keys=True) + "\n")
    return number


def _rows(files: list[Path]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Audio, and the other fields, of each row."""
    for path in files:
        try:
            with pq.ParquetFile(path) as file:
                yield from _rows_of(file, path)
        except (pa.ArrowException, OSError) as error:
            raise CorpusError(f"{path} cannot be read as Parquet: {error}; download it again") from None


def _rows_of(file: pq.ParquetFile, path: Path) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    schema = file.schema_arrow
    audio = [f.name for f in schema if pa.types.is_struct(f.type) and f.type.get_field_index("bytes") >= 0]
    if len(audio) != 1:
        raise CorpusError(f"{path} has {len(audio)} columns of audio bytes among {', '.join(schema.names)}, wants one; drop the others")
    plain = [f.name for f in schema if pa.types.is_primitive(f.type) or pa.types.is_string(f.type) or pa.types.is_large_string(f.type)]
    names = _class_names(schema)
    for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=[*audio, *plain]):
        for row in batch.to_pylist():
            yield row[audio[0]] or {}, {column: _labelled(row[column], names.get(column)) for column in plain}


def _class_names(schema: pa.Schema) -> dict[str, list[str]]:
    """Names of each column of class labels, from what `datasets` keeps in the schema's metadata."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {column: feature["names"] for column, feature in features.items() if feature.get("_type") == "ClassLabel"}
    except (KeyError, ValueError, TypeError, AttributeError):
        return {}


def _labelled(value: Any, names: list[str] | None) -> Any:
    if names is not None and isinstance(value, int):
        return names[value] if 0 <= value < len(names) else None
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _name(path: str | None, taken: set[str]) -> str | None:
    name = PurePosixPath((path or "").replace("\\", "/")).name
    sound = is_audio(name) and not name.startswith(".") and not has_control_characters(name) and len(name.encode()) <= _MAX_NAME_BYTES
    return name if sound and name.casefold() not in taken and not re.fullmatch(r"(train|validation|test)-\d{8}\.\w+", name) else None


def _suffix(data: bytes) -> str:
    return next((suffix for magic, suffix in _MAGIC if data.startswith(magic)), ".wav")


def main(
    dataset: Annotated[Path, typer.Option(help="Folder of the downloaded dataset.")],
    out: Annotated[Path, typer.Option(help="New folder for audio and metadata: the corpus's root in params.yaml.")],
) -> None:
    """Unpack the audio of a Hugging Face dataset's Parquet files."""
    print(f"unpack: {unpack(dataset, out)} rows in {out}; set `adapter: huggingface` and this root in params.yaml")


if __name__ == "__main__":
    run_main("pipeline.unpack")
