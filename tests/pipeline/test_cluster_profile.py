"""Where work runs, as the environment says it."""

import os
from pathlib import Path

import pytest
import yaml

from pipeline.cluster_profile import Batch, Local, Remote, local_workers, profile
from schemas.errors import ParamsError

BATCH = {"kind": "slurm", "jobs": 4, "workers_per_job": 16, "worker_memory": "3 GiB", "walltime": "02:00:00"}


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch):
    for name in [name for name in os.environ if name.startswith("ESPRESSIVO_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ESPRESSIVO_CLUSTER", str(tmp_path / "cluster.yaml"))
    return tmp_path / "cluster.yaml"


def test_nothing_said_is_this_machine_with_a_worker_a_core():
    assert profile() == Local(kind="local")
    assert local_workers() == len(os.sched_getaffinity(0))


def test_variables_alone_are_enough_for_one_machine_and_for_a_scheduler(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ESPRESSIVO_WORKERS", "3")
    monkeypatch.setenv("ESPRESSIVO_WORKER_MEMORY", "2 GiB")
    assert profile() == Local(kind="local", workers=3, worker_memory="2 GiB")
    assert local_workers() == 3
    monkeypatch.setenv("ESPRESSIVO_SCHEDULER", "tcp://node7:8786")
    assert profile() == Remote(kind="scheduler", address="tcp://node7:8786")


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("ESPRESSIVO_WORKERS", "0", "'0' must be a whole number of processes, 1 or more"),
        ("ESPRESSIVO_WORKERS", "²", "must be a whole number of processes"),
        ("ESPRESSIVO_WORKER_MEMORY", "much", "is 'much': must be an amount of memory of 512 MiB or more"),
        ("ESPRESSIVO_WORKER_MEMORY", "100 MB", "512 MiB or more"),
        ("ESPRESSIVO_SCHEDULER", "node7:8786", r"is 'node7:8786': .*tcp.*docs/clusters\.md"),
        ("ESPRESSIVO_CLUSTER", "/nowhere.yaml", r"/nowhere\.yaml: No such file or directory; name a file"),
    ],
)
def test_a_senseless_variable_is_told(monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str):
    monkeypatch.setenv(name, value)
    with pytest.raises(ParamsError, match=f"^{name}.*{told}"):
        profile()


def test_the_same_is_not_said_in_two_places(file: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ESPRESSIVO_WORKERS", "3")
    with pytest.raises(ParamsError, match="and ESPRESSIVO_WORKERS are both set; say it in the file, and unset the other"):
        profile()


def test_a_file_says_all_that_variables_can_and_more(file: Path):
    file.write_text(yaml.safe_dump({"kind": "local", "workers": 2, "worker_memory": "4 GB"}))
    assert profile() == Local(kind="local", workers=2, worker_memory="4 GB")
    file.write_text(yaml.safe_dump({"kind": "scheduler", "address": "tls://node7:8786"}))
    assert profile() == Remote(kind="scheduler", address="tls://node7:8786")
    file.write_text(yaml.safe_dump(BATCH | {"directives": ["--exclusive"]}))
    found = profile()
    assert isinstance(found, Batch)
    assert (found.workers_per_job, found.directives, found.queue) == (16, ("--exclusive",), None)
    assert local_workers() == len(os.sched_getaffinity(0))  # of the driver's own machine


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("kind: lsf", "`kind`: .*'slurm'"),
        ("workers: 3", "`kind`: .*kind"),
        ("- local", "`kind`: "),
        ("", "`kind`: "),
        ("kind: local\nworker: 3", "`worker`: extra inputs are not permitted"),
        ("kind: local\nworkers: 0", "`workers`: input should be greater than or equal to 1"),
        (yaml.safe_dump({key: value for key, value in BATCH.items() if key != "jobs"}), "`jobs`: field required"),
        (yaml.safe_dump(BATCH | {"setup": ["one\ntwo"]}), r"`setup\.0`: string should match"),
        (yaml.safe_dump(BATCH | {"worker_memory": 3}), "`worker_memory`: input should be a valid string"),
        ("kind: [", "is not valid YAML"),
    ],
)
def test_a_senseless_file_is_told_by_its_key(file: Path, text: str, told: str):
    file.write_text(text)
    with pytest.raises(ParamsError, match=rf"(?s)^ESPRESSIVO_CLUSTER=.*cluster\.yaml.*{told}"):
        profile()
