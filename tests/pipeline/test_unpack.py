"""Parquet with audio bytes becomes plain files that ingest reads, whatever names and bytes the dataset holds."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile as sf

from pipeline.corpora import ADAPTERS
from pipeline.corpora.listing import list_corpus
from pipeline.unpack import main, unpack
from schemas.errors import CorpusError, ParamsError
from schemas.params import CorpusParams, CsvTable
from schemas.reasons import Reason


def recording(format_name: str = "WAV", seed: int = 0) -> bytes:
    data = io.BytesIO()
    sf.write(data, 0.5 * np.sin(np.arange(800) / (8 + seed)), 16000, format=format_name)
    return data.getvalue()


def write(path: Path, rows: list[dict[str, Any]], emotions: list[str] | None = None) -> None:
    """A Parquet file as `datasets` writes them, with its features in the schema's metadata."""
    fields = [pa.field("audio", pa.struct([("bytes", pa.binary()), ("path", pa.string())])), pa.field("text", pa.string())]
    fields += [pa.field("emotion", pa.int64()), pa.field("speaker_id", pa.string()), pa.field("tokens", pa.list_(pa.int32()))]
    features = {
        "audio": {"_type": "Audio"},
        "emotion": {"_type": "ClassLabel", "names": emotions or ["anger", "joy"]},
        "text": {"_type": "Value"},
    }
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=pa.schema(fields, metadata=metadata)), path)


def row(path: str | None, data: bytes | None, text: str = "Hi.", emotion: int | None = 0, speaker: str = "s") -> dict[str, Any]:
    return {"audio": {"bytes": data, "path": path}, "text": text, "emotion": emotion, "speaker_id": speaker, "tokens": [1]}


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def files(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def test_rows_become_files_with_the_dataset_s_names_in_a_folder_a_split(tmp_path: Path) -> None:
    write(tmp_path / "in/data/train-00000-of-00002.parquet", [row("EB0_anger_1.wav", recording(), "Grüß\nGott.")])
    write(tmp_path / "in/data/train-00001-of-00002.parquet", [row("x/EB0_joy_2.flac", recording("FLAC"), emotion=1)])
    write(tmp_path / "in/data/test-00000-of-00001.parquet", [row("EB0_anger_3.wav", recording(), emotion=None)])
    assert unpack(tmp_path / "in", tmp_path / "out") == 3
    assert lines(tmp_path / "out/train/metadata.jsonl") == [
        {"file_name": "EB0_anger_1.wav", "text": "Grüß\nGott.", "emotion": "anger", "speaker_id": "s"},
        {"file_name": "EB0_joy_2.flac", "text": "Hi.", "emotion": "joy", "speaker_id": "s"},
    ]
    assert (tmp_path / "out/train/EB0_anger_1.wav").read_bytes() == recording()
    assert lines(tmp_path / "out/test/metadata.jsonl")[0]["emotion"] is None


def test_unpacked_folder_is_read_by_the_adapter_with_its_splits(tmp_path: Path) -> None:
    write(tmp_path / "in/train.parquet", [row("a.wav", recording(), "One."), row("gone.wav", None, "Two.")])
    write(tmp_path / "in/validation.parquet", [row("b.wav", recording(), "Three.", 1)])
    unpack(tmp_path / "in", tmp_path / "out")
    table = CsvTable(file="metadata.jsonl", delimiter=",", audio="file_name", text="text", speaker="speaker_id", emotion="emotion")
    for given in (None, table):
        params = CorpusParams(adapter="huggingface", root="", language="de", aligner="textgrid", textgrid_dir=".", table=given)
        listing = list_corpus("c", params, tmp_path / "out", ADAPTERS["huggingface"])
        assert {key: (c.text, c.emotion, c.split) for key, c in listing.candidates.items()} == {
            "c/s/a": ("One.", "angry", "train"), "c/s/b": ("Three.", "happy", "validation"),
        }  # fmt: skip
        assert {key: error.reason for key, error in listing.faults.items()} == {"c/s/gone": Reason.AUDIO_MISSING}


def test_names_that_leave_the_folder_clash_or_say_nothing_are_replaced(tmp_path: Path) -> None:
    names = [
        "../../evil.wav",
        "/etc/passwd",
        None,
        "evil.wav",
        "EVIL.WAV",
        "a\nb.wav",
        ".hidden.wav",
        "x" * 300 + ".wav",
        "train-00000009.wav",
        "c\\d.wav",
    ]
    write(tmp_path / "in/data.parquet", [row(name, recording("FLAC" if name is None else "WAV")) for name in names])
    assert unpack(tmp_path / "in", tmp_path / "out/deep") == len(names)
    assert [line["file_name"] for line in lines(tmp_path / "out/deep/train/metadata.jsonl")] == [
        "evil.wav", "train-00000001.wav", "train-00000002.flac", "train-00000003.wav", "train-00000004.wav", "train-00000005.wav",
        "train-00000006.wav", "train-00000007.wav", "train-00000008.wav", "d.wav",
    ]  # fmt: skip
    assert len(files(tmp_path / "out")) == len(files(tmp_path / "out/deep/train")) == len(names) + 1


def test_equal_datasets_give_equal_bytes(tmp_path: Path) -> None:
    write(tmp_path / "in/train-0.parquet", [row(f"{number}.wav", recording(seed=number)) for number in range(40)])
    for place in ("first", "second"):
        unpack(tmp_path / "in", tmp_path / place)
    assert files(tmp_path / "first") == files(tmp_path / "second")
    assert len(files(tmp_path / "first")) == 41


def test_class_label_outside_its_names_is_null(tmp_path: Path) -> None:
    write(tmp_path / "in/train.parquet", [row("a.wav", recording(), emotion=7), row("b.wav", recording(), emotion=-1)])
    unpack(tmp_path / "in", tmp_path / "out")
    assert [line["emotion"] for line in lines(tmp_path / "out/train/metadata.jsonl")] == [None, None]


def test_what_cannot_be_unpacked_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(CorpusError, match=r"no \.parquet file in"):
        unpack(tmp_path / "empty", tmp_path / "out")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/a.parquet").write_bytes(b"PAR1 and nothing more")
    with pytest.raises(CorpusError, match="cannot be read as Parquet"):
        unpack(tmp_path / "broken", tmp_path / "out1")
    (tmp_path / "text").mkdir()
    pq.write_table(pa.table({"text": ["Hi."]}), tmp_path / "text/a.parquet")
    with pytest.raises(CorpusError, match="0 columns of audio bytes among text, wants one"):
        unpack(tmp_path / "text", tmp_path / "out2")
    write(tmp_path / "in/a.parquet", [row("a.wav", recording())])
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine.wav").write_bytes(b"mine")
    with pytest.raises(ParamsError, match="full is not empty; remove it"):
        unpack(tmp_path / "in", tmp_path / "full")
    assert files(tmp_path / "full") == {"mine.wav": b"mine"}


def test_main_tells_what_to_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "in/a.parquet", [row("a.wav", recording())])
    main(tmp_path / "in", tmp_path / "out")
    assert "unpack: 1 rows" in capsys.readouterr().out
