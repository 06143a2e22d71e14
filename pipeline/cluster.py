"""The only dask set-up: where work runs is configuration from the environment, never code and never `params.yaml`.

``ESPRESSIVO_SCHEDULER``  ``local`` (default: processes on this machine) or the address of a scheduler, ``tcp://host:8786``
``ESPRESSIVO_WORKERS``    local worker processes; default: one a core
"""

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from schemas.errors import ParamsError

if TYPE_CHECKING:
    from distributed import Client

Item = TypeVar("Item")
Result = TypeVar("Result")

_shared: ContextVar["Client | None"] = ContextVar("shared", default=None)

_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")


def in_batches(items: Sequence[Item], size: int) -> list[list[Item]]:
    """Consecutive batches of at most `size` items."""
    return [list(items[start : start + size]) for start in range(0, len(items), size)]


def map_batches(task: Callable[[list[Item]], Result], batches: Sequence[list[Item]], label: str) -> Iterator[Result]:
    """Run ``task(batch)`` for each batch on the cluster and yield the results as they come, in no order.

    The task and its batches travel by pickle, results come back to the driver: send paths and counts, not arrays. A task's
    exception is raised here after the other batches have finished.

    Parameters
    ----------
    task
        A function that workers can import (or a partial of one).
    batches
        One task each.
    label
        What the progress line says.
    """
    if not batches:
        return
    from distributed import as_completed  # 0.5 s: only when work is at hand

    first_error: BaseException | None = None
    with open_client() as client, _progress(label, len(batches)) as advance:
        futures = client.map(task, batches, pure=False)
        for future in as_completed(futures, raise_errors=False):
            if future.status == "error":
                first_error = first_error or future.exception()
            else:
                yield future.result()
            future.release()
            advance()
    if first_error is not None:
        raise first_error


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
    """A dask client for the scheduler that the environment names, or that of `one_cluster` around."""
    import dask
    from distributed import Client, LocalCluster

    shared = _shared.get()
    if shared is not None:
        yield shared
        return

    address = os.environ.get("ESPRESSIVO_SCHEDULER", "local")
    if address != "local":
        with Client(address) as client:
            yield client
        return
    settings: dict[str, Any] = {
        "distributed.nanny.pre-spawn-environ": _ONE_THREAD,
        "distributed.worker.multiprocessing-method": "spawn",  # fork after multi-threaded torch deadlocks
    }
    with (
        dask.config.set(settings),
        LocalCluster(n_workers=local_workers(), threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster) as client,
    ):
        yield client


def local_workers() -> int:
    """Processes that this machine may be given; raises `ParamsError` where ``ESPRESSIVO_WORKERS`` is no number."""
    text = os.environ.get("ESPRESSIVO_WORKERS", "")
    if not text:
        return len(os.sched_getaffinity(0))
    if not text.isdigit() or int(text) < 1:
        raise ParamsError(f"ESPRESSIVO_WORKERS={text!r} must be a whole number of processes, 1 or more; unset it for one a core")
    return int(text)


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
