"""Work spread over real worker processes."""

import os
import threading

import dask
import pytest
from distributed import LocalCluster

from pipeline import cluster as dask_cluster
from pipeline import cluster_watch
from schemas.errors import ClusterError, ParamsError, RowError
from schemas.reasons import Reason


def squares(batch: list[int]) -> tuple[int, list[int]]:
    return os.getpid(), [number**2 for number in batch]


def picky(batch: list[int]) -> list[int]:
    if 3 in batch:
        raise RowError(Reason.AUDIO_EMPTY, "three", 3.0)
    return batch


def test_batches_hold_all_items_in_order():
    assert dask_cluster.in_batches(list(range(7)), 3) == [[0, 1, 2], [3, 4, 5], [6]]
    assert dask_cluster.in_batches([], 3) == []


def test_every_batch_comes_back_once_and_both_workers_had_some(cluster):
    results = list(dask_cluster.map_batches(squares, dask_cluster.in_batches(list(range(40)), 2), "squares"))
    assert sorted(number for _, numbers in results for number in numbers) == [number**2 for number in range(40)]
    pids = {pid for pid, _ in results}
    assert len(pids) == 2
    assert os.getpid() not in pids


def test_no_batches_start_no_cluster():
    assert list(dask_cluster.map_batches(squares, [], "nothing")) == []


def test_a_tasks_error_is_raised_with_its_content_after_the_others_finished(cluster):
    came: list[int] = []
    results = dask_cluster.map_batches(picky, [[1], [3], [5], [7]], "picky")
    with pytest.raises(RowError, match="three") as error:
        came.extend(number for batch in results for number in batch)
    assert sorted(came) == [1, 5, 7]
    assert (error.value.reason, error.value.value) == (Reason.AUDIO_EMPTY, 3.0)


def test_a_log_gets_a_plain_line_with_the_label(cluster, capsys):
    list(dask_cluster.map_batches(squares, [[1], [2]], "counting"))
    assert "counting: 2/2 batches" in capsys.readouterr().err


def test_local_workers_have_one_thread_for_the_signal_libraries(monkeypatch):
    monkeypatch.delenv("ESPRESSIVO_SCHEDULER", raising=False)
    monkeypatch.setenv("ESPRESSIVO_WORKERS", "1")
    assert list(dask_cluster.map_batches(threads, [["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"]], "threads")) == [["1", "1"]]


def threads(names: list[str]) -> list[str | None]:
    return [os.environ.get(name) for name in names]


def test_a_senseless_number_of_workers_is_told(monkeypatch):
    monkeypatch.delenv("ESPRESSIVO_SCHEDULER", raising=False)
    monkeypatch.setenv("ESPRESSIVO_WORKERS", "many")
    with pytest.raises(ParamsError, match="ESPRESSIVO_WORKERS='many' must be a whole number"):
        list(dask_cluster.map_batches(squares, [[1]], "x"))


def test_calls_inside_one_cluster_share_its_workers(monkeypatch):
    monkeypatch.delenv("ESPRESSIVO_SCHEDULER", raising=False)
    monkeypatch.setenv("ESPRESSIVO_WORKERS", "1")
    with dask_cluster.one_cluster():
        first, second = (list(dask_cluster.map_batches(squares, [[1]], "squares")) for _ in range(2))
    (after,) = dask_cluster.map_batches(squares, [[1]], "squares")
    assert first[0][0] == second[0][0] != after[0]


def test_a_scheduler_that_is_not_there_is_told_with_what_to_do(monkeypatch):
    monkeypatch.setenv("ESPRESSIVO_SCHEDULER", "tcp://127.0.0.1:1")
    told = r"no scheduler answers at tcp://127\.0\.0\.1:1 .*`dask scheduler`"
    with dask.config.set({"distributed.comm.timeouts.connect": "1s"}), pytest.raises(ClusterError, match=told):
        list(dask_cluster.map_batches(squares, [[1]], "x"))


def test_a_cluster_tells_its_dashboard_once(monkeypatch, capfd):
    monkeypatch.delenv("ESPRESSIVO_SCHEDULER", raising=False)
    monkeypatch.setenv("ESPRESSIVO_WORKERS", "1")
    with dask_cluster.one_cluster():
        for _ in range(2):
            list(dask_cluster.map_batches(squares, [[1]], "squares"))
    assert capfd.readouterr().err.count("dask: 1 local worker, dashboard http://127.0.0.1:") == 1


@pytest.mark.slow
def test_a_scheduler_without_workers_is_waited_for_aloud(monkeypatch, capfd):
    monkeypatch.setattr(cluster_watch, "_LOOK_S", 0.2)
    monkeypatch.setattr(cluster_watch, "_TELL_S", 0.5)
    with LocalCluster(n_workers=0, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0") as bare:
        monkeypatch.setenv("ESPRESSIVO_SCHEDULER", bare.scheduler_address)
        later = threading.Timer(3.0, lambda: bare.scale(1))
        later.start()
        assert [squared for _, (squared,) in dask_cluster.map_batches(squares, [[3]], "squares")] == [9]
        later.join()
    assert f"waiting: {bare.scheduler_address} has no workers yet" in capfd.readouterr().err
