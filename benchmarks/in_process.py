"""Extract without a cluster: its tasks one after the other in this process, so that their cost is seen alone."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any
from unittest.mock import patch

from pipeline import extract, pitch_limits


@contextmanager
def tasks_in_process() -> Iterator[None]:
    """Inside, `pipeline.extract` starts no workers."""
    with (
        patch.multiple(extract, map_shards=_map_shards, one_cluster=nullcontext),
        patch.object(pitch_limits, "map_batches", _map_batches),
    ):
        yield


def _map_batches(task: Callable[[Any], Any], batches: Sequence[Any], _label: str, _lost: object = None) -> Iterator[Any]:
    return (task(batch) for batch in batches)


def _map_shards(
    task: Callable[[Any], list[Any]], _rehearse: object, batches: Sequence[Any], _label: str
) -> tuple[list[Any], dict[int, Any]]:
    return [done for batch in batches for done in task(batch)], {}
