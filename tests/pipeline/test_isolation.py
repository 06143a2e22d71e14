"""Items alone in processes of their own: deaths are counted, told, and blamed on the item at hand alone."""

import ctypes
import os
import signal
from functools import partial
from pathlib import Path

import pytest

from pipeline import cluster as dask_cluster
from pipeline.isolation import DEATHS, isolated
from schemas.errors import ClusterError, RowError
from schemas.reasons import Reason


def halves(batch: list[int], folder: Path) -> list[float]:
    """Half of each number. 13 reads address 0, 7 is killed from outside the first two times, 5 is a fault of the row."""
    for number in batch:
        with (folder / f"{number}").open("a") as tries:
            tries.write("|")
        if number == 13:
            ctypes.string_at(0)
        if number == 7 and len((folder / "7").read_text()) < DEATHS:
            os.kill(os.getpid(), signal.SIGKILL)
        if number == 5:
            raise RowError(Reason.AUDIO_EMPTY, "five")
        if number == 3:
            os._exit(4)
    return [number / 2 for number in batch]


@pytest.fixture
def a_local_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ESPRESSIVO_SCHEDULER", raising=False)
    monkeypatch.setenv("ESPRESSIVO_WORKERS", "1")


def named_lost(item: int, error: RowError) -> list[float]:
    assert error.reason is Reason.WORKER_CRASH
    return [-float(item)]


def test_only_the_item_at_hand_is_blamed_and_only_after_several_deaths(tmp_path: Path):
    results = isolated([1, 13, 7, 3, 2], partial(halves, folder=tmp_path))
    first, killer, unlucky, leaver, last = results
    assert (first, unlucky, last) == ([0.5], [3.5], [1.0])
    assert isinstance(killer, RowError)
    assert isinstance(leaver, RowError)
    assert (killer.reason, killer.detail) == (Reason.WORKER_CRASH, "its process died of SIGSEGV, 3 times, with this item alone")
    assert leaver.detail == "its process died of exit code 4, 3 times, with this item alone"
    assert {path.name: path.read_text().count("|") for path in tmp_path.iterdir()} == {"1": 1, "13": 3, "7": 3, "3": 3, "2": 1}


def test_a_tasks_own_error_is_raised(tmp_path: Path):
    with pytest.raises(RowError, match="five"):
        isolated([5], partial(halves, folder=tmp_path))


@pytest.mark.slow
def test_batches_that_hold_a_killer_lose_it_and_nothing_else(a_local_worker: None, tmp_path: Path):
    batches = [[1, 2], [13, 4], [6, 8]]
    results = dask_cluster.map_batches(partial(halves, folder=tmp_path), batches, "halves", named_lost)
    assert sorted(number for part in results for number in part) == [-13.0, 0.5, 1.0, 2.0, 3.0, 4.0]


@pytest.mark.slow
def test_where_nothing_may_be_lost_a_killer_ends_the_run(a_local_worker: None, tmp_path: Path):
    with pytest.raises(ClusterError, match=r"halves, one by one: 13: its process died of SIGSEGV.*; give workers more memory"):
        list(dask_cluster.map_batches(partial(halves, folder=tmp_path), [[13]], "halves"))
