"""The only dask set-up: batches of work on local processes, on a scheduler that is there, or on jobs of a batch system.

Where is said by the environment (`pipeline.cluster_profile`), never by code and never by `params.yaml`. Workers may die at any time: dask
runs their tasks again, and a batch whose workers died `_DEATHS` times is computed item by item in processes of their own (`isolation`).
"""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pipeline import worker_start
from pipeline.batch_jobs import submitted_cluster
from pipeline.cluster_profile import Batch, Local, Profile, Remote, profile, workers_of
from pipeline.cluster_watch import finished
from pipeline.isolation import isolated
from schemas.errors import ClusterError, RowError

if TYPE_CHECKING:
    from distributed import Client

Item = TypeVar("Item")
Result = TypeVar("Result")

_shared: ContextVar["Client | None"] = ContextVar("shared", default=None)

_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
_NO_PAUSE = ("target", "spill", "pause")  # dask's measures against results kept on workers; we keep none, and a pause might never end
_DEATHS = 2  # of a batch's workers, before its items are tried alone; a foreign scheduler has an `allowed-failures` of its own
_ALONE_TRIES = 4  # `_DEATHS` times as often may workers die that only look on as items are tried alone
_ALONE_ITEMS = 8  # a task, when items are tried alone


def in_batches(items: Sequence[Item], size: int) -> list[list[Item]]:
    """Consecutive batches of at most `size` items."""
    return [list(items[start : start + size]) for start in range(0, len(items), size)]


def map_batches(
    task: Callable[[list[Item]], Result],
    batches: Sequence[list[Item]],
    label: str,
    lost: Callable[[Item, RowError], Result] | None = None,
) -> Iterator[Result]:
    """Run ``task(batch)`` for each batch on the cluster and yield the results as they come, in no order.

    The task and its batches travel by pickle, results come back to the driver: send paths and counts, not arrays. A task's
    exception is raised here after the other batches have finished. A batch whose workers died is computed again in batches of one.

    Parameters
    ----------
    task
        A function that workers can import (or a partial of one).
    batches
        One task each.
    label
        What the progress line says.
    lost
        The result for an item that ends each process that computes it, and why (`worker_crash`). None: such an item ends the run.

    Raises
    ------
    ClusterError
        If the scheduler went away, workers keep dying, or an item is lost and `lost` is None.
    """
    if not batches:
        return
    suspects: list[Item] = []
    with open_client() as client:
        yield from _suspecting(client, task, batches, label, suspects.extend)
        yield from _alone(client, task, suspects, label, lost)


def map_suspecting(
    task: Callable[[list[Item]], Result], batches: Sequence[list[Item]], label: str, suspect: Callable[[list[Item]], object]
) -> Iterator[Result]:
    """`map_batches`, but batches whose workers died are given to `suspect`, and yield nothing."""
    if batches:
        with open_client() as client:
            yield from _suspecting(client, task, batches, label, suspect)


def map_alone(
    task: Callable[[list[Item]], Result], items: Sequence[Item], label: str, lost: Callable[[Item, RowError], Result] | None
) -> Iterator[Result]:
    """``task([item])`` of each item in a process of its own, with `lost` and errors as for `map_batches`."""
    if items:
        with open_client() as client:
            yield from _alone(client, task, items, label, lost)


def _suspecting(
    client: "Client",
    task: Callable[[list[Item]], Result],
    batches: Sequence[list[Item]],
    label: str,
    suspect: Callable[[list[Item]], object],
) -> Iterator[Result]:
    from distributed import KilledWorker  # 0.5 s: only when work is at hand

    first_error: BaseException | None = None
    with _progress(label, len(batches)) as advance:
        for batch, future in finished(client, task, batches):
            error = future.exception() if future.status == "error" else None
            if isinstance(error, KilledWorker):
                suspect(batch)
            elif error is not None:
                first_error = first_error or error
            else:
                yield future.result()
            future.release()
            advance()
    if first_error is not None:
        raise first_error


def _alone(
    client: "Client",
    task: Callable[[list[Item]], Result],
    items: Sequence[Item],
    label: str,
    lost: Callable[[Item, RowError], Result] | None,
) -> Iterator[Result]:
    batches, label = in_batches(items, _ALONE_ITEMS), f"{label}, one by one"
    if batches:
        print(f"{label}: workers died of {len(items)} items; each is tried alone", file=sys.stderr, flush=True)
    for _ in range(_ALONE_TRIES):
        again: list[list[Item]] = []
        for pairs in _suspecting(client, partial(_pairs_alone, task=task), batches, label, again.append):
            for item, result in pairs:
                yield _or_lost(item, result, label, lost)
        batches = again
        if not batches:
            return
    raise ClusterError(f"{label}: workers keep dying, whatever they compute; read their messages, mend that, and run again")


def _pairs_alone(items: list[Item], task: Callable[[list[Item]], Result]) -> list[tuple[Item, Result | RowError]]:
    return list(zip(items, isolated(items, task), strict=True))


def _or_lost(item: Item, result: Result | RowError, label: str, lost: Callable[[Item, RowError], Result] | None) -> Result:
    if not isinstance(result, RowError):
        return result
    if lost is None:
        raise ClusterError(f"{label}: {str(item)[:200]}: {result.detail}; give workers more memory, or report it with the item's file")
    return lost(item, result)


@contextmanager
def one_cluster() -> Iterator[None]:
    """Calls of `map_batches` inside share one cluster: for stages that go over their rows several times."""
    with open_client() as client:
        token = _shared.set(client)
        try:
            yield
        finally:
            _shared.reset(token)


@contextmanager
def open_client() -> Iterator["Client"]:
    """A dask client of the cluster that the environment names, or that of `one_cluster` around.

    Raises
    ------
    ParamsError
        If the environment names none that could be.
    ClusterError
        If it cannot be had.
    """
    import dask
    import distributed  # noqa: F401  its defaults must be there before they are set, or leaving `set` takes them away

    shared = _shared.get()
    if shared is not None:
        yield shared
        return
    where = profile()
    settings: dict[str, Any] = {
        "distributed.nanny.pre-spawn-environ": _ONE_THREAD,
        "distributed.worker.multiprocessing-method": "spawn",  # fork after multi-threaded torch deadlocks
        "distributed.scheduler.allowed-failures": _DEATHS - 1,
        "distributed.worker.preload": [worker_start.__name__],
        **{f"distributed.worker.memory.{name}": False for name in _NO_PAUSE},
    }
    with dask.config.set(settings), _client(where) as client:
        print(f"dask: {_told(where)}, dashboard {client.dashboard_link}", file=sys.stderr, flush=True)
        yield client


@contextmanager
def _client(where: Profile) -> Iterator["Client"]:
    from distributed import Client, LocalCluster

    match where:
        case Remote():
            try:
                client = Client(where.address)
            except OSError as error:
                what = f"no scheduler answers at {where.address} ({error})"
                raise ClusterError(f"{what}; start one with `dask scheduler`, or name another (docs/clusters.md)") from None
            with client:
                yield client
        case Batch():
            no_pause = {f"DASK_DISTRIBUTED__WORKER__MEMORY__{name.upper()}": "false" for name in _NO_PAUSE}
            with submitted_cluster(where, _ONE_THREAD | no_pause) as cluster, Client(cluster) as client:
                yield client
        case Local():
            options = {} if where.worker_memory is None else {"memory_limit": where.worker_memory}
            n_workers = workers_of(where)
            with (
                LocalCluster(
                    n_workers=n_workers, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0", **options
                ) as cluster,
                Client(cluster) as client,
            ):
                yield client


def _told(where: Profile) -> str:
    match where:
        case Remote():
            return f"scheduler {where.address}"
        case Batch():
            return f"{where.jobs} {where.kind} jobs of {where.workers_per_job} workers asked for, logs in {where.log_dir}"
        case Local():
            n_workers = workers_of(where)
            return f"{n_workers} local worker{'s' if n_workers > 1 else ''}"


@contextmanager
def _progress(label: str, total: int) -> Iterator[Callable[[], None]]:
    """A bar on a terminal; in a log, plain lines a tenth apart."""
    if sys.stderr.isatty():
        columns = (TextColumn(label), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task(label, total=total)
            yield lambda: bar.advance(task)
        return
    started, done = time.monotonic(), 0

    def advance() -> None:
        nonlocal done
        done += 1
        if done == total or done * 10 // total > (done - 1) * 10 // total:
            print(f"{label}: {done}/{total} batches, {time.monotonic() - started:.1f} s", file=sys.stderr, flush=True)

    yield advance
