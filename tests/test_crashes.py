"""Workers, driver and scheduler die, memory and disk run out: after a restart, the bytes are those of an undisturbed run.

Real processes: the stages run as users run them, on a small corpus of tones. What happens to them comes from outside
(`tests/outside/sitecustomize.py`, signals, limits of memory, a small file system).
"""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
import pytest
import soundfile as sf
import yaml

from pipeline.aligners.textgrid import write_textgrid
from schemas.tables.alignments import Interval
from tests.conftest import PROJECT
from tests.faults import RATE_HZ, tone

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("crashes")]

STAGES = ("ingest", "align", "extract")
N_UTTERANCES = 24
HELD = "u07.wav"
PATIENCE_S = 300.0  # a busy machine is no defect


@dataclass
class World:
    """A corpus, its stages' outputs in a folder of their own, and what happens to it from outside."""

    corpus: Path
    folder: Path
    extra: dict[str, str] = field(default_factory=dict)

    def start(self, stage: str) -> subprocess.Popen[str]:
        """A stage in a session of its own, with two local workers unless `extra` says otherwise."""
        out = self.out(stage)
        arguments = ["--corpus", "toy", "--out", str(out), "--metrics", str(self.folder / f"{stage}.json")]
        arguments += ["--params", str(self.folder / "params.yaml")]
        if stage != "ingest":
            arguments += ["--utterances", str(self.out("ingest") / "utterances.parquet")]
        if stage == "extract":
            arguments += ["--alignments", str(self.out("align") / "alignments.parquet")]
        return self.spawn([sys.executable, "-m", f"pipeline.{stage}", *arguments], self.folder / "log.txt")

    def spawn(self, command: list[str], log: Path) -> subprocess.Popen[str]:
        """A process with the world's environment; what it says goes to `log`."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("ESPRESSIVO_")}
        path = os.pathsep.join([str(PROJECT / "tests/outside"), str(PROJECT)])
        environment = own | {"ESPRESSIVO_WORKERS": "2", "OUTSIDE": str(self.outside), "PYTHONPATH": path} | self.extra
        environment = {name: value for name, value in environment.items() if value}
        with log.open("w") as file:
            return subprocess.Popen(command, cwd=PROJECT, env=environment, stderr=file, stdout=file, text=True, start_new_session=True)

    def run(self, stage: str, expect: int = 0) -> str:
        """Run a stage to its end, hold it to its exit code, and return what it said."""
        process = self.start(stage)
        try:
            code = process.wait(PATIENCE_S)
        finally:
            end(process)
        assert code == expect, self.said()
        return self.said()

    def said(self) -> str:
        """What the last stage said."""
        return (self.folder / "log.txt").read_text()

    def out(self, stage: str) -> Path:
        """A stage's folder."""
        return self.folder / "data" / stage

    @property
    def outside(self) -> Path:
        """Folder of what happens to files."""
        return self.folder / "outside"

    def hold(self, name: str) -> None:
        """Make processes wait that open this file."""
        (self.outside / f"hold.{name}").touch()

    def go_on(self, name: str) -> None:
        """Let them go on."""
        (self.outside / f"hold.{name}").unlink()

    def held(self, name: str, n: int = 1) -> list[int]:
        """Pids of processes that wait or waited for this file, when there are `n`."""
        told = self.outside / f"held.{name}"
        until(lambda: told.exists() and told.read_text().count("\n") >= n, self.said)
        return [int(pid) for pid in told.read_text().split()]

    def digests(self) -> dict[str, str]:
        """Hash of each file that the stages wrote; nothing else may lie there."""
        found = sorted(path for path in (self.folder / "data").rglob("*") if path.is_file())
        return {str(path.relative_to(self.folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}

    def rejects(self, stage: str) -> list[tuple[str, str, str]]:
        """Id, reason and detail of each reject."""
        rows = pq.read_table(self.out(stage) / "rejects.parquet").to_pylist()
        return [(row["utterance_id"], row["reason"], row["detail"]) for row in rows]

    def kept(self) -> set[str]:
        """Ids of the feature rows."""
        paths = self.out("extract").glob("features-*.parquet")
        return {
            utterance_id for path in paths for utterance_id in pq.read_table(path, columns=["utterance_id"])["utterance_id"].to_pylist()
        }

    def whole_tables(self) -> int:
        """Read every table under its final name, which fails for a half one, and count them."""
        return sum(1 for path in (self.folder / "data").rglob("[!.]*.parquet") if pq.read_table(path) is not None)


def until(true: Callable[[], bool], told: Callable[[], str]) -> None:
    """Wait until something is true; what is told stands in the failure."""
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, told()
        time.sleep(0.02)


def end(process: subprocess.Popen[str]) -> None:
    """Kill a process and all of its session."""
    for one in psutil.process_iter():
        try:
            if os.getsid(one.pid) == process.pid:
                one.kill()
        except (ProcessLookupError, PermissionError, psutil.Error):
            continue
    process.wait()


def session(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Living processes of a session that `start` began."""
    alive = []
    for one in psutil.process_iter():
        try:
            if os.getsid(one.pid) == process.pid and one.status() != psutil.STATUS_ZOMBIE:
                alive.append(one)
        except (ProcessLookupError, psutil.Error):
            continue
    return alive


def record(folder: Path, name: str, duration_s: float = 1.0, rate_hz: int = RATE_HZ) -> None:
    """A tone with its text and its TextGrid."""
    folder.mkdir(parents=True, exist_ok=True)
    sf.write(folder / f"{name}.flac" if rate_hz > RATE_HZ else folder / f"{name}.wav", tone(duration_s, rate_hz), rate_hz)
    (folder / f"{name}.txt").write_text("A tone.")
    phones = [Interval("", 0.0, 0.1), Interval("a", 0.1, duration_s - 0.1), Interval("", duration_s - 0.1, duration_s)]
    write_textgrid(folder / f"{name}.TextGrid", {"phones": phones}, duration_s)


def parameters(corpus: Path) -> dict[str, Any]:
    """The project's parameters with this corpus alone, few shards, no limits on quality."""
    document = yaml.safe_load((PROJECT / "params.yaml").read_text(encoding="utf-8"))
    document["corpora"] = {
        "toy": document["corpora"]["demo"] | {"adapter": "folder", "aligner": "textgrid", "root": str(corpus), "textgrid_dir": "."}
    }
    document["extract"]["n_shards"] = 4
    document["quality"] = dict.fromkeys(document["quality"]) | {"outlier_z": 4.0}
    return document


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The corpus after a run in which nothing happened."""
    folder = tmp_path_factory.mktemp("undisturbed")
    for at in range(N_UTTERANCES):
        record(folder / "corpus" / "s", f"u{at:02d}", 1.0 + at / 50)
    made = World(folder / "corpus", folder)
    made.outside.mkdir()
    (folder / "params.yaml").write_text(yaml.safe_dump(parameters(made.corpus)))
    for stage in STAGES:
        made.run(stage)
    assert len(made.kept()) == N_UTTERANCES
    return made


@pytest.fixture
def world(undisturbed: World, tmp_path: Path) -> Iterator[World]:
    """The same corpus with nothing extracted yet."""
    made = World(undisturbed.corpus, tmp_path)
    made.outside.mkdir()
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(parameters(made.corpus)))
    for stage in STAGES[:2]:
        shutil.copytree(undisturbed.out(stage), made.out(stage))
    return made


# --- processes die ----------------------------------------------------------------------------------------------------------


def test_a_worker_killed_again_and_again_costs_nothing(undisturbed: World, world: World):
    """Four kills in one row: of two workers, and of two processes in which the row was tried alone; it is not to blame."""
    world.hold(HELD)
    process = world.start("extract")
    try:
        for n in range(1, 5):
            os.kill(world.held(HELD, n)[-1], signal.SIGKILL)
        world.held(HELD, 5)
        world.go_on(HELD)
        assert process.wait(PATIENCE_S) == 0, world.said()
    finally:
        end(process)
    assert world.digests() == undisturbed.digests()


def test_workers_end_with_a_killed_driver_and_the_next_run_is_whole(undisturbed: World, world: World):
    world.hold(HELD)
    process = world.start("extract")
    try:
        world.held(HELD)
        workers = [one for one in session(process) if one.pid != process.pid]
        assert len(workers) >= 2
        process.kill()
        process.wait()
        until(lambda: not session(process), lambda: f"{session(process)} live on")
    finally:
        end(process)
    world.go_on(HELD)
    world.whole_tables()
    world.run("extract")
    assert world.digests() == undisturbed.digests()


def test_an_interrupt_ends_all_processes_with_130(undisturbed: World, world: World):
    world.hold(HELD)
    process = world.start("extract")
    try:
        world.held(HELD)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to driver and workers alike
        assert process.wait(PATIENCE_S) == 130, world.said()
        until(lambda: not session(process), lambda: f"{session(process)} live on")
    finally:
        end(process)
    assert "Traceback (most recent call last)" not in world.said()
    assert "interrupted" in world.said()
    world.go_on(HELD)
    world.run("extract")
    assert world.digests() == undisturbed.digests()


def test_a_scheduler_that_dies_ends_the_stage_with_what_to_do(undisturbed: World, world: World, tmp_path: Path):
    world.hold(HELD)
    scheduler, worker, address = remote(world)
    process = None
    try:
        world.extra = {"ESPRESSIVO_WORKERS": "", "ESPRESSIVO_SCHEDULER": address}
        process = world.start("extract")
        world.held(HELD)
        scheduler.kill()
        assert process.wait(PATIENCE_S) == 1, world.said()
        assert "ClusterError" in world.said()
        assert f"the scheduler at {address} went away" in world.said()
        assert "run the same command again" in world.said()
        world.go_on(HELD)
        until(lambda: not session(worker), lambda: f"{session(worker)} live on without their scheduler")
    finally:
        for one in (scheduler, worker, process):
            if one is not None:
                end(one)
    world.extra = {}
    world.run("extract")
    assert world.digests() == undisturbed.digests()


def remote(world: World) -> tuple[subprocess.Popen[str], subprocess.Popen[str], str]:
    """A scheduler and two workers as `docs/clusters.md` starts them, and the scheduler's address."""
    file = world.folder / "scheduler.json"
    dask, here = [sys.executable, "-m", "dask"], ["--dashboard-address", "127.0.0.1:0"]
    log = world.folder / "scheduler.txt"
    scheduler = world.spawn([*dask, "scheduler", "--host", "127.0.0.1", "--port", "0", *here, "--scheduler-file", str(file)], log)
    until(lambda: file.exists() and file.stat().st_size > 0, log.read_text)
    address = yaml.safe_load(file.read_text())["address"]
    worker = world.spawn([*dask, "worker", address, "--nworkers", "2", "--nthreads", "1", *here], world.folder / "worker.txt")
    return scheduler, worker, address


# --- rows that kill ---------------------------------------------------------------------------------------------------------


def test_an_utterance_that_segfaults_its_worker_is_rejected_and_its_shard_is_kept(undisturbed: World, world: World):
    (world.outside / "crash.u07.wav").touch()
    world.run("extract")
    ((utterance_id, reason, detail),) = world.rejects("extract")
    assert (utterance_id, reason) == ("toy/s/u07", "worker_crash")
    assert "SIGSEGV" in detail
    assert world.kept() == undisturbed.kept() - {"toy/s/u07"}
    (world.outside / "crash.u07.wav").unlink()  # mended
    world.run("extract")
    assert world.digests() == undisturbed.digests()


def test_workers_of_another_scheduler_reject_what_kills_them_too(undisturbed: World, world: World):
    (world.outside / "crash.u07.wav").touch()
    scheduler, worker, address = remote(world)
    try:
        world.extra = {"ESPRESSIVO_WORKERS": "", "ESPRESSIVO_SCHEDULER": address}
        world.run("extract")
    finally:
        end(scheduler)
        end(worker)
    ((utterance_id, reason, detail),) = world.rejects("extract")
    assert (utterance_id, reason) == ("toy/s/u07", "worker_crash")
    assert "SIGSEGV" in detail
    assert world.kept() == undisturbed.kept() - {"toy/s/u07"}


@pytest.mark.parametrize(("stage", "file"), [("ingest", "u03.wav"), ("align", "u03.TextGrid")])
def test_ingest_and_align_reject_what_kills_their_workers_alone(undisturbed: World, world: World, stage: str, file: str):
    (world.outside / f"crash.{file}").touch()
    said = world.run(stage)
    ((utterance_id, reason, detail),) = world.rejects(stage)
    assert (utterance_id, reason) == ("toy/s/u03", "worker_crash")
    assert "SIGSEGV" in detail
    assert f"{N_UTTERANCES} in, {N_UTTERANCES - 1} out, 1 rejected (worker_crash 1)" in said
    (world.outside / f"crash.{file}").unlink()
    world.run(stage)
    assert (world.out(stage) / "rejects.parquet").read_bytes() == (undisturbed.out(stage) / "rejects.parquet").read_bytes()


def test_an_utterance_that_needs_more_memory_than_a_worker_has_is_rejected(undisturbed: World, tmp_path: Path):
    corpus = tmp_path / "corpus"
    shutil.copytree(undisturbed.corpus, corpus)
    record(corpus / "s", "vast", 300.0, 192_000)  # 220 MiB in memory, beside 320 of code
    made = World(corpus, tmp_path)
    made.outside.mkdir()
    document = parameters(corpus)
    document["ingest"]["max_duration_s"] = 600.0
    document["pitch"]["adaptive"] = False  # spares the first pass
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(document))
    made.run("ingest")
    made.run("align")
    made.extra = {"ESPRESSIVO_WORKER_MEMORY": "512 MiB"}
    made.run("extract")
    ((utterance_id, reason, detail),) = made.rejects("extract")
    assert (utterance_id, reason) == ("toy/s/vast", "worker_crash")
    assert "more than a worker's memory (512 MiB)" in detail
    assert made.kept() == undisturbed.kept()
    made.extra = {"ESPRESSIVO_WORKERS": "1", "ESPRESSIVO_WORKER_MEMORY": "8 GiB"}
    made.run("extract")
    assert made.kept() == undisturbed.kept() | {"toy/s/vast"}


# --- the disk is full -------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(undisturbed: World, tmp_path: Path) -> Iterator[Path]:
    """A file system with room for half of what extract writes."""
    size = sum(path.stat().st_size for path in undisturbed.out("extract").iterdir()) // 2
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"this user may not mount a small file system: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_told_and_the_next_run_is_whole(undisturbed: World, world: World, small_disk: Path):
    out = world.out("extract")
    out.parent.mkdir(exist_ok=True)
    out.symlink_to(small_disk)
    said = world.run("extract", expect=1)
    assert "DiskError: cannot write" in said
    assert "No space left on device" in said
    assert "MiB are free on the disk of" in said
    assert "Traceback (most recent call last)" not in said
    assert world.whole_tables() < len(undisturbed.digests())
    assert list(small_disk.glob(".*")) == []
    out.unlink()
    shutil.copytree(small_disk, out)  # a larger disk
    world.run("extract")
    assert world.digests() == undisturbed.digests()
