"""Layouts of feature shards, and training reads: ``OMP_NUM_THREADS=1 python -m benchmarks.shards --features data/extract/demo``.

The corpus's rows are repeated under new ids until there are `--rows` of them, and written with each layout:

MiB an hour    of speech
write, read    MB of float32 features a CPU second, all columns; read: all row groups of a shard in order
one group      CPU-ms to open a file that was never opened before and read one row group: what a random read costs

Training reads: batches of 16 utterances, shuffled and of like length, with the columns that training takes, as z-scores on tensors:
out of the shards by `workflows.batches`, and out of one .npz or one .npy a track and utterance, as most recipes keep features. Files
are in the page cache in both cases.
"""

import json
import os
import platform
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from itertools import count
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import typer

from pipeline.shards import read_table, shard_name, shard_paths, write_table
from schemas.tables.features import features_contract
from schemas.tables.speakers import CORPUS_ROW
from workflows.batches import Batches, InShards
from workflows.dataset import Vocabulary, collate, example_from, rows_of

BATCH = 16
TRACKS = ("duration_frames", "f0_hz", "energy_db", "mel_ln")
MEL_LEAF = "mel_ln.list.element.list.element"
NORM = {"log_f0_mean": 5.0, "log_f0_std": 0.3, "energy_mean_db": -30.0, "energy_std_db": 10.0}


def repeated(folder: Path, n_rows: int, n_mels: int) -> pa.Table:
    """The corpus's rows, all called training, until there are `n_rows`."""
    table = pa.concat_tables([read_table(path, features_contract(n_mels)) for path in shard_paths(folder)])
    table = pa.concat_tables([table] * -(-n_rows // len(table))).slice(0, n_rows)
    ids = pa.array([f"bench/speaker/{row:07d}" for row in range(n_rows)])
    table = table.set_column(0, table.schema.field(0), ids)
    at = table.schema.get_field_index("split")
    return table.set_column(at, table.schema.field(at), pa.array(["train"] * n_rows)).combine_chunks()


def cpu_s(task: Callable[[], Any], times: int = 3) -> float:
    """Least CPU seconds of some runs."""
    spent = []
    for _ in range(times):
        started = time.process_time()
        task()
        spent.append(time.process_time() - started)
    return min(spent)


def half(table: pa.Table) -> pa.Table:
    """The table with mel in float16."""
    at = table.schema.get_field_index("mel_ln")
    flat = table.column(at).combine_chunks()
    n_mels = flat.type.value_type.list_size
    values = pa.array(flat.flatten().flatten().to_numpy().astype(np.float16))
    kind = pa.list_(pa.field("element", pa.list_(pa.field("element", pa.float16(), nullable=False), n_mels), nullable=False))
    inner = pa.FixedSizeListArray.from_arrays(values, type=kind.value_type)
    return table.set_column(at, pa.field("mel_ln", kind, nullable=False), pa.ListArray.from_arrays(flat.offsets, inner, type=kind))


def layouts(table: pa.Table, folder: Path, hours: float) -> None:
    """Print the table of layouts."""
    megabytes = sum(pa.concat_tables([table]).select(list(TRACKS)).column(name).nbytes for name in TRACKS) / 1e6
    strings = [field.name for field in table.schema if pa.types.is_string(field.type)]
    shapes: dict[str, tuple[pa.Table, dict[str, Any]]] = {}
    for rows in (4, 16, 64, 256):
        shapes[f"float32, split streams, zstd 1, {rows} rows a group"] = table, _how(rows, strings, "zstd", 1, split=True)
    shapes["float32, plain, zstd 1, 16"] = table, _how(16, strings, "zstd", 1, split=False)
    shapes["float32, split streams, zstd 9, 16"] = table, _how(16, strings, "zstd", 9, split=True)
    shapes["float32, split streams, lz4, 16"] = table, _how(16, strings, "lz4", None, split=True)
    shapes["float32, plain, no compression, 16"] = table, _how(16, strings, "none", None, split=False)
    shapes["float16, split streams, zstd 1, 16"] = half(table), _how(16, strings, "zstd", 1, split=True)
    print("| layout of mel | MiB an hour | write MB/s | read MB/s | one group, CPU-ms |\n|---|---|---|---|---|")
    for name, (rows_of_it, how) in shapes.items():
        path = folder / "layout.parquet"
        written = cpu_s(partial(pq.write_table, rows_of_it, path, **how))
        read = cpu_s(partial(pq.read_table, path, use_threads=False, partitioning=None))
        one = cpu_s(partial(_single_groups, path, 20)) / 20
        size = path.stat().st_size / 2**20 / hours
        print(f"| {name} | {size:.0f} | {megabytes / written:.0f} | {megabytes / read:.0f} | {1000 * one:.1f} |", flush=True)
    mel = table.column("mel_ln").combine_chunks().flatten().flatten().to_numpy()
    error = np.abs(mel.astype(np.float16).astype(np.float32) - mel)
    print(f"\nfloat16 mel: error at most {error.max():.4f}, {error.mean():.5f} on average (natural logarithm)")


def _single_groups(path: Path, n: int) -> None:
    groups = pq.read_metadata(path).num_row_groups
    for at in range(n):
        pq.ParquetFile(path).read_row_group(at % groups, use_threads=False)


def _how(rows: int, strings: list[str], compression: str, level: int | None, *, split: bool) -> dict[str, Any]:
    encoded = {"use_dictionary": strings, "column_encoding": {MEL_LEAF: "BYTE_STREAM_SPLIT"}} if split else {"use_dictionary": strings}
    return {"row_group_size": rows, "compression": compression, "compression_level": level, **encoded}


def training_reads(table: pa.Table, folder: Path, n_mels: int, shuffled: int) -> None:
    """Print the table of training reads."""
    _write_shards(table, folder, n_mels)
    vocabulary = Vocabulary(("bench",), tuple(sorted({p for row in table.column("phones").to_pylist() for p in row})), (), ())
    statistics = {CORPUS_ROW: NORM}
    rows = rows_of(table.select(["utterance_id", "speaker", "emotion", "phones", *TRACKS]))
    _write_files(rows, folder)
    n_steps = len(table) // BATCH
    order = np.random.default_rng(0).permutation(len(rows))

    def by_files(load: Callable[[Path], dict[str, Any]]) -> None:
        for step in range(n_steps):
            mine = [rows[at] for at in order[step * BATCH : (step + 1) * BATCH]]
            loaded = [row | load(folder / str(row["utterance_id"]).rsplit("/", 1)[1]) for row in mine]
            collate([example_from(row, vocabulary, statistics) for row in loaded])

    def by_shards(held: int) -> Callable[[], None]:
        batches, epochs = Batches(InShards(shard_paths(folder), "train", n_mels, vocabulary, statistics), BATCH, held, 0), count()

        def epoch() -> None:
            first = next(epochs) * n_steps
            for step in range(first, first + n_steps):
                batches.at(step)

        return epoch

    ways: dict[str, Callable[[], None]] = {
        f"Parquet shards, {shuffled} of {len(rows)} utterances in memory": by_shards(shuffled),
        "Parquet shards, all in memory, after the first epoch": by_shards(len(rows)),
        "one .npy a track and utterance": lambda: by_files(lambda stem: {name: np.load(f"{stem}.{name}.npy") for name in TRACKS}),
        "one .npz an utterance": lambda: by_files(lambda stem: dict(np.load(f"{stem}.npz"))),
        "in memory: examples and padding alone": lambda: by_files(lambda _stem: {}),
    }
    print(f"\n| training reads, batches of {BATCH} | batches a second | CPU-ms a batch |\n|---|---|---|")
    for name, way in ways.items():
        way()
        started, cpu = time.perf_counter(), time.process_time()
        way()
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
        print(f"| {name} | {n_steps / seconds:.0f} | {1000 * cpu / n_steps:.2f} |", flush=True)


def _write_shards(table: pa.Table, folder: Path, n_mels: int) -> None:
    contract, n_shards = features_contract(n_mels), max(1, len(table) // 200)
    for shard in range(n_shards):
        write_table(folder / shard_name(shard, n_shards), table.take(list(range(shard, len(table), n_shards))), contract, 16)


def _write_files(rows: list[dict[str, Any]], folder: Path) -> None:
    """One .npz, and one .npy a track."""
    for row in rows:
        stem = folder / str(row["utterance_id"]).rsplit("/", 1)[1]
        np.savez(f"{stem}.npz", **{name: np.asarray(row[name]) for name in TRACKS})
        for name in TRACKS:
            np.save(f"{stem}.{name}.npy", np.asarray(row[name]))


def main(
    features: Annotated[Path, typer.Option(help="folder of one corpus's feature shards")],
    rows: Annotated[int, typer.Option(help="utterances to write, a multiple of 16")] = 2048,
    shuffled: Annotated[int, typer.Option(help="train.shuffle_utterances")] = 512,
) -> None:
    """Print Markdown tables."""
    n_mels = pq.read_schema(shard_paths(features)[0]).field("mel_ln").type.value_type.list_size
    table = repeated(features, rows, n_mels)
    hours = sum(table.column("n_frames").to_pylist()) * 256 / 22050 / 3600
    told = {name: version(name) for name in ("pyarrow", "numpy", "torch")}
    print(f"{rows} rows, {hours:.2f} h at 256 / 22050 s a frame; {platform.machine()}, {json.dumps(told)}, load {os.getloadavg()[0]:.1f}\n")
    with tempfile.TemporaryDirectory() as folder:
        layouts(table, Path(folder), hours)
        training_reads(table, Path(folder), n_mels, shuffled)


if __name__ == "__main__":
    typer.run(main)
