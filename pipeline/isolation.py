"""Items one at a time in a child process: which of them ends its process, and how. For batches that their workers died of.

A worker runs `isolated`; the child runs this module as its program. Only the item at hand is blamed for a death, and only after
several, so that a kill from outside costs nothing but time.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any, TypeVar

import psutil

from schemas.errors import ClusterError, RowError
from schemas.reasons import Reason

Item = TypeVar("Item")
Result = TypeVar("Result")

DEATHS = 3  # of a process with one item alone, before that item is blamed
_LOOK_S = 0.05
_MEMORY_SHARE = 0.95  # of the worker's limit: dask's own share for ending a worker


def isolated(items: list[Item], task: Callable[[list[Item]], Result]) -> list[Result | RowError]:
    """A worker's task: ``task([item])`` of each item in a child process; the `RowError` of an item that ended it `DEATHS` times.

    An exception that the task raises is raised here.

    Raises
    ------
    ClusterError
        If a child does not even start.
    """
    limit_bytes = _memory_limit()
    results: list[Result | RowError] = []
    child: _Child | None = None
    try:
        for item in items:
            for attempt in range(DEATHS):
                child = child or _Child(task, limit_bytes)
                try:
                    results.append(child.compute(item))
                    break
                except _DeathError as death:
                    child.end()
                    child = None
                    if attempt + 1 == DEATHS:
                        results.append(RowError(Reason.WORKER_CRASH, f"{death}, {DEATHS} times, with this item alone"))
    finally:
        if child is not None:
            child.end()
    return results


class _DeathError(Exception):
    """The child is gone; the message says how."""


class _Child:
    """A process that computes items; it ends when this one does."""

    def __init__(self, task: Callable[[list[Any]], Any], limit_bytes: int | None) -> None:
        self._limit_bytes = limit_bytes
        self._connection, theirs = Pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pipeline.isolation", str(theirs.fileno())],
            stdin=subprocess.PIPE,  # closed by the system when this process dies: the child waits for that
            pass_fds=[theirs.fileno()],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        theirs.close()
        try:
            self._connection.send(task)
            self._answer()
        except (_DeathError, OSError) as error:
            self.end()
            raise ClusterError(f"a process for single items does not start ({error}); see its message above") from error

    def compute(self, item: object) -> Any:
        try:
            self._connection.send(item)
        except OSError as error:
            raise self._death() from error
        return self._answer()

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()
        self._connection.close()

    def _answer(self) -> Any:
        try:
            while not self._connection.poll(_LOOK_S):
                self._check_memory()
            value, error = self._connection.recv()
        except (EOFError, OSError) as gone:
            raise self._death() from gone
        if error is not None:
            raise error
        return value

    def _check_memory(self) -> None:
        if self._limit_bytes is None:
            return
        try:
            used_bytes = psutil.Process(self._process.pid).memory_info().rss
        except psutil.NoSuchProcess:
            return  # the pipe tells
        if used_bytes > _MEMORY_SHARE * self._limit_bytes:
            raise _DeathError(f"its process took more than a worker's memory ({self._limit_bytes / 2**20:.0f} MiB)")

    def _death(self) -> _DeathError:
        code = self._process.wait()
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return _DeathError(f"its process died of {how}")


def _memory_limit() -> int | None:
    """The memory that dask grants this worker, bytes; None outside of a worker or without limit."""
    from distributed import get_worker

    try:
        limit: int | None = get_worker().memory_manager.memory_limit
    except ValueError:
        return None
    return limit


def _serve(connection: Connection) -> None:
    """The child's program: a task, then items until the parent goes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the driver answers it
    threading.Thread(target=_end_with_parent, daemon=True).start()
    task = connection.recv()
    connection.send((None, None))
    while True:
        item = connection.recv()
        answer: tuple[Any, Exception | None]
        try:
            answer = task([item]), None
        except Exception as error:
            answer = None, error
        connection.send(answer)


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


if __name__ == "__main__":
    _serve(Connection(int(sys.argv[1])))
