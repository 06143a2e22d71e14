"""Shards whose workers die: the rows that end their process are found and set aside, and each shard is made without them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.cluster import map_alone, map_batches, map_suspecting, one_cluster
from schemas.errors import RowError

Done = TypeVar("Done")


@dataclass(frozen=True)
class ShardRows:
    """A shard's rows by their numbers in the two tables, in order of utterance id."""

    index: int
    utterances: NDArray[np.int64]
    alignments: NDArray[np.int64]

    def only(self, kept: NDArray[np.bool_]) -> "ShardRows":
        """Those of its rows that the mask keeps."""
        return ShardRows(self.index, self.utterances[kept], self.alignments[kept])

    def singly(self) -> list["ShardRows"]:
        """Each of its rows as a shard of one."""
        return [self.only(np.arange(len(self.alignments)) == at) for at in range(len(self.alignments))]


def map_shards(
    task: Callable[[list[ShardRows]], list[Done]],
    rehearse: Callable[[list[ShardRows]], None],
    batches: Sequence[list[ShardRows]],
    label: str,
) -> tuple[list[Done], dict[int, RowError]]:
    """Run ``task`` over batches of shards, as `map_batches` does, but a row that ends its process costs its shard nothing but that row.

    Parameters
    ----------
    task
        Makes shards for good.
    rehearse
        Computes as `task` does and keeps nothing; it is given shards of one row.

    Returns
    -------
    list[Done]
        What the tasks gave, in no order.
    dict[int, RowError]
        Number in the alignments table, and fault, of rows that no shard has: each ended several processes of its own.

    Raises
    ------
    ClusterError
        If a shard's workers die although none of its rows ends a process.
    """
    crashed: dict[int, RowError] = {}

    def set_aside(row: ShardRows, error: RowError) -> None:
        crashed[int(row.alignments[0])] = error

    suspects: list[ShardRows] = []
    with one_cluster():
        done = [one for part in map_suspecting(task, batches, label, suspects.extend) for one in part]
        rows = [row for shard in suspects for row in shard.singly()]
        for _ in map_alone(rehearse, rows, label, set_aside):
            pass
        rest = [shard.only(~np.isin(shard.alignments, list(crashed))) for shard in suspects]
        again = [[shard] for shard in rest if len(shard.alignments)]
        done += [one for part in map_batches(task, again, f"{label}, again") for one in part]
    return done, crashed
