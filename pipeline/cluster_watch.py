"""Waiting for work on a cluster, never in silence: missing workers are told of or replaced, a dead scheduler is found out."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

from pipeline.cluster_profile import Batch, Local, profile, workers_of
from schemas.errors import ClusterError

if TYPE_CHECKING:
    from distributed import Client, Future

Item = TypeVar("Item")

_LOOK_S = 5.0
_SILENCE_S = 60.0  # a scheduler that does not answer for so long is gone
_TELL_S = 30.0
_JOB_LOST_S = 60.0  # without a worker: its nanny would have started a new one
_MOST_REPLACED = 3  # times the number of jobs

_seen_s: "WeakKeyDictionary[Client, dict[str, float]]" = WeakKeyDictionary()  # when each of a cluster's jobs was last seen with a worker


def finished(client: "Client", task: Callable[..., Any], batches: Sequence[list[Item]]) -> Iterator[tuple[list[Item], "Future[Any]"]]:
    """Run ``task(batch)`` for each batch, and give it with its future as they finish.

    Raises
    ------
    ClusterError
        If the scheduler went away.
    """
    if not batches:
        return
    done: SimpleQueue[Future[Any]] = SimpleQueue()
    futures = client.map(task, batches, pure=False)
    pending = {future.key: (batch, future) for future, batch in zip(futures, batches, strict=True)}
    for future in futures:
        future.add_done_callback(done.put)
    del futures, future
    watch = _Watch(client)
    while pending:
        watch.look()
        try:
            one = done.get(timeout=_LOOK_S)
        except Empty:
            continue
        if one.status in ("cancelled", "lost"):
            raise _scheduler_gone(client)
        yield pending.pop(one.key)


class _Watch:
    """Looks after the cluster at times: tells of missing workers, has lost ones replaced, finds a dead scheduler."""

    def __init__(self, client: "Client") -> None:
        self._client = client
        self._looked_s = self._told_s = time.monotonic()
        self._seen_s = _seen_s.setdefault(client, {})

    def look(self) -> None:
        now_s = time.monotonic()
        if now_s - self._looked_s < _LOOK_S:
            return
        self._looked_s = now_s
        names = self._workers()
        self._replace_lost(names)
        if not names and now_s - self._told_s >= _TELL_S:
            self._told_s = now_s
            print(f"waiting: {_address(self._client)} has no workers yet", file=sys.stderr, flush=True)

    def _workers(self) -> list[str]:
        from distributed import TimeoutError as NoAnswer

        scheduler = self._client.scheduler
        if scheduler is None:
            raise _scheduler_gone(self._client)
        try:
            found = self._client.sync(scheduler.identity, n_workers=-1, callback_timeout=_SILENCE_S)
        except (NoAnswer, OSError, RuntimeError) as error:
            raise _scheduler_gone(self._client) from error
        return [str(worker["name"]) for worker in found["workers"].values()]

    def _replace_lost(self, names: list[str]) -> None:
        """Have workers that dask gave up started again (it does so with those that are slow to come back), and jobs that ended."""
        where, cluster = profile(), self._client.cluster
        if cluster is None:
            return
        if isinstance(where, Local):
            cluster.scale(workers_of(where))
        elif isinstance(where, Batch):
            now_s = time.monotonic()
            self._seen_s |= dict.fromkeys((_job_of(name, where) for name in names), now_s)
            n_lost = sum(now_s - seen_s > _JOB_LOST_S for seen_s in self._seen_s.values()) if where.workers_per_job > 1 else 0
            wanted = where.jobs + min(n_lost, _MOST_REPLACED * where.jobs)
            cluster.scale(jobs=max(wanted, len(cluster.worker_spec)))  # the lost count as well; fewer would cancel any of them


def _job_of(worker: str, where: Batch) -> str:
    return worker.rpartition("-")[0] if where.workers_per_job > 1 else worker


def _scheduler_gone(client: "Client") -> ClusterError:
    return ClusterError(
        f"the scheduler at {_address(client)} went away or does not answer; start it again if it is yours (docs/clusters.md), "
        "and run the same command again: finished shards are kept"
    )


def _address(client: "Client") -> str:
    return str(client.scheduler.address) if client.scheduler is not None else "its address"
