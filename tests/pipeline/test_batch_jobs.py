"""Workers as jobs: scripts that a batch system gets, and the whole way through a stand-in that really starts them."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from pipeline import cluster as dask_cluster
from pipeline import cluster_watch
from pipeline.batch_jobs import submitted_cluster
from pipeline.cluster_profile import Batch
from schemas.errors import ClusterError
from tests.conftest import PROJECT
from tests.test_crashes import until

SLURM = {"kind": "slurm", "jobs": 2, "workers_per_job": 2, "worker_memory": "1 GiB", "walltime": "00:10:00", "interface": "lo"}


def profile(tmp_path: Path, **changes: Any) -> dict[str, Any]:
    return SLURM | {"log_dir": str(tmp_path / "logs"), "scratch_dir": str(tmp_path)} | changes


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Spool of a batch system whose commands are on PATH."""
    spool = tmp_path / "spool"
    spool.mkdir()
    monkeypatch.setenv("PATH", f"{PROJECT / 'tests/outside/bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("JOBS", str(spool))
    return spool


@pytest.fixture
def through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Set the environment to a profile's file."""

    def set_profile(**changes: Any) -> None:
        file = tmp_path / "cluster.yaml"
        file.write_text(yaml.safe_dump(profile(tmp_path, **changes)))
        monkeypatch.delenv("ESPRESSIVO_SCHEDULER", raising=False)
        monkeypatch.setenv("ESPRESSIVO_CLUSTER", str(file))

    return set_profile


def where(batch: list[int]) -> dict[str, Any]:
    names = ("OMP_NUM_THREADS", "FROM_SETUP")
    return {"numbers": batch, "pid": os.getpid(), "folder": str(Path.cwd()), **{name: os.environ.get(name) for name in names}}


def held(batch: list[str]) -> int:
    """Tell that work began, and wait until the file of that name is there."""
    (path,) = map(Path, batch)
    with path.with_suffix(".began").open("a") as told:
        told.write(f"{os.getpid()}\n")
    until(path.exists, lambda: "nobody let it go on")
    return os.getpid()


def living(jobs: Path) -> list[int]:
    return [int(path.read_text()) for path in jobs.glob("*.pid") if psutil.pid_exists(int(path.read_text()))]


def directives(script: str, sign: str) -> list[str]:
    return [line.removeprefix(sign).strip() for line in script.splitlines() if line.startswith(sign)]


def script_of(tmp_path: Path, **changes: Any) -> str:
    cluster = submitted_cluster(Batch.model_validate(profile(tmp_path, **changes)), {"OMP_NUM_THREADS": "1"})
    try:
        return str(cluster.job_script())
    finally:
        cluster.close()


def test_slurm_is_asked_for_what_the_profile_says(jobs: Path, tmp_path: Path):
    changes = {"queue": "cpu", "account": "speech", "directives": ["--constraint=avx512"], "setup": ["module load python/3.11"]}
    script = script_of(tmp_path, python="/venv/bin/python", **changes)
    asked = directives(script, "#SBATCH")
    assert {"-p cpu", "-A speech", "--cpus-per-task=2", "--mem=2G", "-t 00:10:00", "--constraint=avx512"} <= set(asked)
    lines = script.splitlines()
    module, threads, folder = (lines.index(line) for line in ("module load python/3.11", "export OMP_NUM_THREADS=1", f"cd '{PROJECT}'"))
    (worker,) = (number for number, line in enumerate(lines) if line.startswith("/venv/bin/python -m distributed.cli.dask_worker tcp://"))
    assert module < threads < folder < worker
    assert all(part in lines[worker] for part in ("--nthreads 1 ", "--nworkers 2 ", "--memory-limit 1.00GiB ", "--nanny "))
    assert "--interface lo" in lines[worker]


def test_pbs_and_grid_engine_are_asked_in_their_own_words(jobs: Path, tmp_path: Path):
    asked = directives(script_of(tmp_path, kind="pbs", queue="long", account="speech"), "#PBS")
    assert {"-q long", "-A speech", "-l walltime=00:10:00", "-l select=1:ncpus=2:mem=2048MB"} <= set(asked)
    asked = directives(script_of(tmp_path, kind="sge", queue="all.q", account="speech", directives=["-pe smp 2"]), "#$")
    assert {"-q all.q", "-P speech", "-l h_rt=00:10:00", "-pe smp 2"} <= set(asked)


@pytest.mark.parametrize(("kind", "n_jobs", "n_workers"), [("slurm", 2, 2), ("pbs", 2, 1), ("sge", 1, 2)])
def test_work_runs_in_the_jobs_and_the_jobs_end_with_it(
    jobs: Path, through: Callable[..., None], kind: str, n_jobs: int, n_workers: int, capfd
):
    through(kind=kind, jobs=n_jobs, workers_per_job=n_workers, setup=["export FROM_SETUP=yes"])
    found = list(dask_cluster.map_batches(where, [[1], [2], [3], [4]], "numbers"))
    assert sorted(number for one in found for number in one["numbers"]) == [1, 2, 3, 4]
    assert {one["folder"] for one in found} == {str(PROJECT)}
    assert {(one["OMP_NUM_THREADS"], one["FROM_SETUP"]) for one in found} == {("1", "yes")}
    until(lambda: not living(jobs), lambda: f"jobs {living(jobs)} live on")
    said = capfd.readouterr().err
    assert f"{n_jobs} {kind} jobs of {n_workers} workers" in said
    assert "dashboard http://127.0.0.1:" in said


@pytest.mark.slow
@pytest.mark.parametrize("workers_per_job", [1, 2])
def test_a_job_that_ends_is_submitted_again(
    jobs: Path, through: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, workers_per_job: int
):
    monkeypatch.setattr(cluster_watch, "_JOB_LOST_S", 1.0)
    monkeypatch.setattr(cluster_watch, "_LOOK_S", 0.5)
    through(jobs=1, workers_per_job=workers_per_job)
    go_on, began = tmp_path / "go_on", tmp_path / "go_on.began"
    results = dask_cluster.map_batches(held, [[str(go_on)]], "held")
    killed: list[int] = []

    def look(*_: object) -> None:
        """Called while `map_batches` waits: the job is killed once, and work goes on in the next one."""
        if began.exists() and not killed:
            killed.extend(living(jobs))
            os.killpg(killed[0], signal.SIGKILL)
        if began.exists() and len(began.read_text().split()) > 1:
            go_on.touch()

    watched = cluster_watch._Watch.look

    def both(watch: Any) -> None:
        look()
        watched(watch)

    monkeypatch.setattr(cluster_watch._Watch, "look", both)
    assert len(list(results)) == 1
    assert len(list(jobs.glob("*.sh"))) == 2


def test_a_host_that_cannot_submit_is_told(through: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    through()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ClusterError, match=r"`sbatch`, which is not on PATH; run on a host that can submit jobs"):
        list(dask_cluster.map_batches(where, [[1]], "numbers"))


def test_a_refused_job_is_told_in_the_words_of_the_batch_system(jobs: Path, through: Callable[..., None], monkeypatch: pytest.MonkeyPatch):
    through()
    monkeypatch.setenv("REFUSE", "invalid partition specified: cpu")
    with pytest.raises(ClusterError, match=r"(?s)`sbatch` refused the job: .*invalid partition specified: cpu"):
        list(dask_cluster.map_batches(where, [[1]], "numbers"))
