"""What the cluster costs: CPU time, wall time and memory of extract over many short utterances.

Overhead is the CPU time of driver, scheduler and workers that is not spent inside a task, against that which is, in the same run: two runs
compared would differ more by what else the machine does. What starting workers costs is measured apart, as it does not grow::

    python -m benchmarks.overhead --n 1000 --n 10000 --kind plain --kind dask --work /tmp/overhead
    python -m benchmarks.overhead --n 2000 --kind dask --a-shard 10 --a-shard 50 --a-shard 200 --a-shard 1000 --work /tmp/overhead
    python -m benchmarks.overhead --n 100000 --n 1000000 --kind driver --work /tmp/overhead
"""

import json
import multiprocessing
import os
import platform
import resource
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import pyarrow as pa
import soundfile as sf
import typer

from benchmarks.in_process import tasks_in_process
from pipeline import cluster, extract, extract_task, pitch_limits, shards
from pipeline.audio import probe
from pipeline.fingerprints import FeatureParams
from pipeline.shard_crashes import ShardRows
from pipeline.storage import Root
from schemas.params import load_params
from schemas.tables.alignments import ALIGNMENTS, SILENCE
from schemas.tables.contract import Contract
from schemas.tables.utterances import UTTERANCES

CORPUS, N_DISTINCT = "made", 200
RATE_HZ, DURATION_S, PHONE_S = 22050, 0.8, 0.08
PHONES = ("AA1", "B", "IY0", "S", "T", "EH1", "N", "ER0")


class Cost(NamedTuple):
    """Of one run: seconds, and MiB at the peak of the driver and of the largest worker."""

    wall_s: float
    driver_cpu_s: float
    workers_cpu_s: float
    tasks_cpu_s: float
    driver_mib: float
    worker_mib: float


def make_recordings(root: Path) -> list[dict[str, object]]:
    """Voiced tones between silences, in noise; columns of the utterances table that depend on the file, of each."""
    root.mkdir(parents=True, exist_ok=True)
    rows = []
    for number in range(N_DISTINCT):
        random = np.random.default_rng(number)
        at_s = np.arange(round(DURATION_S * RATE_HZ)) / RATE_HZ
        tone = sum(np.sin(2 * np.pi * (100 + number / 2) * k * at_s) / k for k in range(1, 20))
        spoken = (at_s > PHONE_S) & (at_s < DURATION_S - PHONE_S)
        path = root / f"{number:03d}.wav"
        sf.write(path, 0.1 * tone * spoken + random.normal(scale=0.002, size=len(at_s)), RATE_HZ, subtype="PCM_16")
        found = probe(path, 10)
        rows.append({"audio_path": path.name, "audio_sha256": found.sha256, "n_samples": found.n_samples, "peak_db": found.peak_db})
    return rows


def make_tables(folder: Path, recordings: list[dict[str, object]], n: int) -> None:
    """Both tables of `n` utterances, which share the recordings, with phones and a text of their own: rows that are alike cost nothing."""
    at = np.arange(n)
    ids = [f"{CORPUS}/s{10 * k // n}/{k:07d}" for k in at]
    fixed = {"corpus": CORPUS, "emotion": "neutral", "emotion_label": "", "intensity": None, "language": "en-us", "gender": "unknown"}
    fixed |= {"sample_rate_hz": RATE_HZ, "n_channels": 1, "duration_s": DURATION_S, "split": "train"}
    columns: dict[str, object] = {name: [value] * n for name, value in fixed.items()}
    columns |= {name: pa.array([row[name] for row in recordings]).take(pa.array(at % N_DISTINCT)) for name in recordings[0]}
    columns |= {"utterance_id": ids, "speaker": [one.rpartition("/")[0] for one in ids], "text": [f"A sentence, {k} by name." for k in at]}
    _write(folder / "utterances.parquet", columns, UTTERANCES)
    fixed = {"words": [], "duration_s": DURATION_S, "score": -20.0, "text_read": "", "aligner": "made"}
    columns = {name: [value] * n for name, value in fixed.items()} | {"utterance_id": ids, "phones": _phones(n)}
    _write(folder / "alignments.parquet", columns, ALIGNMENTS)


def _phones(n: int) -> pa.Array:
    labels = [SILENCE, *PHONES, SILENCE]
    edges_s = np.tile(np.linspace(0, DURATION_S, len(labels) + 1), (n, 1))
    edges_s[:, 1:-1] += np.random.default_rng(n).uniform(-PHONE_S / 4, PHONE_S / 4, (n, len(labels) - 1))
    kind = ALIGNMENTS.arrow.field("phones").type
    parts = [pa.array(labels * n), pa.array(edges_s[:, :-1].ravel()), pa.array(edges_s[:, 1:].ravel())]
    flat = pa.StructArray.from_arrays(parts, fields=[kind.value_type.field(k) for k in range(3)])
    return pa.ListArray.from_arrays(pa.array(np.arange(n + 1) * len(labels), pa.int32()), flat, type=kind)


def _write(path: Path, columns: dict[str, object], contract: Contract) -> None:
    arrays = [columns[field.name] for field in contract.arrow]
    whole = [one if isinstance(one, pa.Array) else pa.array(one, field.type) for one, field in zip(arrays, contract.arrow, strict=True)]
    shards.write_table(
        path, pa.table([one.cast(f.type) for one, f in zip(whole, contract.arrow, strict=True)], schema=contract.arrow), contract
    )


def run_extract(folder: Path, root: Path, n: int, a_shard: int) -> None:
    """The stage, with limits of quality that let made sounds pass."""
    params = load_params(Path("params.yaml"), extract.ExtractStageParams)
    whole = params.model_dump()
    whole["extract"] |= {"n_shards": max(1, n // a_shard)}
    whole["quality"] = {name: value if name == "outlier_z" else None for name, value in whole["quality"].items()}
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    params = extract.ExtractStageParams.model_validate(whole)
    extract.run(CORPUS, params, root, folder / "utterances.parquet", folder / "alignments.parquet", out, folder / "counts.json")


def child(kind: str, folder: Path, root: Path, n: int, n_workers: int, a_shard: int) -> None:
    """The process that is measured."""
    os.environ["ESPRESSIVO_WORKERS"] = str(n_workers)
    started = time.monotonic()
    match kind:
        case "plain":
            with tasks_in_process():
                run_extract(folder, root, n, a_shard)
        case "dask":
            extract.extract_shards, pitch_limits.sample_f0 = _timed_shards, _timed_samples
            with cluster.one_cluster():
                run_extract(folder, root, n, a_shard)
        case "driver":
            extract.extract_shards = _counted
            with cluster.one_cluster():
                run_extract(folder, root, n, a_shard)
        case "start":
            with cluster.one_cluster():
                list(cluster.map_batches(_import_all, [[number] for number in range(n_workers)], "start"))
    own, of_workers = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    seconds = {"wall_s": time.monotonic() - started, "driver_cpu_s": own.ru_utime + own.ru_stime}
    (folder / "cost.json").write_text(json.dumps(seconds | {"workers_cpu_s": of_workers.ru_utime + of_workers.ru_stime}))


_extract_shards, _sample_f0 = extract.extract_shards, pitch_limits.sample_f0


def _timed_shards(
    places: extract_task.Places, params: extract.ExtractStageParams, corpus: extract_task.CorpusFacts, plan: list[ShardRows]
) -> list[extract_task.ShardDone]:
    with _noted(places.out.parent):
        return _extract_shards(places, params, corpus, plan)


def _timed_samples(root: Root, utterances: Path, params: FeatureParams, rows: list[int]) -> list[dict[str, Any]]:
    with _noted(utterances.parent):
        return _sample_f0(root, utterances, params, rows)


@contextmanager
def _noted(folder: Path) -> Iterator[None]:
    """Note the CPU time of the process during a task."""
    started = time.process_time()
    yield
    with (folder / f"tasks-{os.getpid()}.txt").open("a") as file:
        file.write(f"{time.process_time() - started}\n")


def _counted(places: extract_task.Places, _: object, __: object, plan: list[ShardRows]) -> list[extract_task.ShardDone]:  # noqa: ARG001
    """A task that computes and reads nothing."""
    return [extract_task.ShardDone([], len(shard.alignments), [], Counter()) for shard in plan]


def _import_all(_: list[int]) -> None:
    """What a worker's first task brings with it."""


def measured(kind: str, folder: Path, root: Path, n: int, n_workers: int, a_shard: int) -> Cost:
    """Run `child` in a process of its own, and watch it and its descendants."""
    for noted in folder.glob("tasks-*.txt"):
        noted.unlink()
    process = multiprocessing.get_context("spawn").Process(target=child, args=(kind, folder, root, n, n_workers, a_shard))
    process.start()
    peaks: dict[int, float] = {}
    while process.is_alive():
        for pid in _descendants(process.pid or 0):
            peaks[pid] = max(peaks.get(pid, 0.0), _peak_mib(pid))
        process.join(0.25)
    if process.exitcode:
        raise SystemExit(f"{kind} with {n} utterances ended with code {process.exitcode}; read what it printed")
    workers = [mib for pid, mib in peaks.items() if pid != process.pid]
    tasks_s = sum(float(line) for path in folder.glob("tasks-*.txt") for line in path.read_text().split())
    return Cost(
        **json.loads((folder / "cost.json").read_text()),
        tasks_cpu_s=tasks_s,
        driver_mib=peaks[process.pid or 0],
        worker_mib=max(workers, default=0.0),
    )


def _descendants(pid: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found


def _peak_mib(pid: int) -> float:
    """Highest resident memory so far, as the kernel keeps it."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0.0)


@contextmanager
def _folder(work: Path, name: str) -> Iterator[Path]:
    folder = work / name
    folder.mkdir(parents=True, exist_ok=True)
    yield folder
    shutil.rmtree(folder)


def main(
    n: Annotated[list[int], typer.Option(help="Numbers of utterances.")],
    kinds: Annotated[list[str], typer.Option("--kind", help="plain: without dask | dask | driver: on dask, but shards are not computed.")],
    work: Annotated[Path, typer.Option(help="Folder for the made corpus; 4 GB for 100,000 utterances.")],
    workers: Annotated[int, typer.Option(help="Worker processes.")] = 2,
    a_shard: Annotated[list[int], typer.Option(help="Utterances a shard, which is a task; several are compared.")] = [200],  # noqa: B006
) -> None:
    """Print a table of costs."""
    root = work / "corpus"
    recordings = make_recordings(root)
    tools = ", ".join(f"{name} {version(name)}" for name in ("dask", "distributed", "pyarrow", "pandera"))
    print(f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, {tools}; {workers} workers")
    with _folder(work, "start") as folder:
        start = measured("start", folder, root, 0, workers, 1)
    start_s = start.driver_cpu_s + start.workers_cpu_s
    print(f"start of the cluster alone: {start_s:.1f} CPU-s; driver {start.driver_mib:.0f} MiB, worker {start.worker_mib:.0f} MiB")
    print("| utterances | run | wall s | CPU-s | of them the driver | in tasks | overhead | less the start | driver MiB | worker MiB |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for size in n:
        with _folder(work, f"n{size}") as folder:
            make_tables(folder, recordings, size)
            for kind in kinds:
                for each in a_shard:
                    print(_row(f"{size}, {each} a shard", kind, measured(kind, folder, root, size, workers, each), start_s), flush=True)


def _row(size: str, kind: str, cost: Cost, start_s: float) -> str:
    whole_s = cost.driver_cpu_s + cost.workers_cpu_s
    shares = [f"{100 * (spent_s / cost.tasks_cpu_s - 1):.1f} %" if kind == "dask" else "" for spent_s in (whole_s, whole_s - start_s)]
    numbers = [size, kind, f"{cost.wall_s:.1f}", f"{whole_s:.1f}", f"{cost.driver_cpu_s:.1f}", f"{cost.tasks_cpu_s:.1f}", *shares]
    return "| " + " | ".join(str(one) for one in [*numbers, f"{cost.driver_mib:.0f}", f"{cost.worker_mib:.0f}"]) + " |"


if __name__ == "__main__":
    typer.run(main)
