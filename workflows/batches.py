"""Training batches as a pure function of (seed, step), read from shards as they are needed.

An epoch is an order of row groups, each read once or twice in it; as many utterances as `train.shuffle_utterances` are in memory at a
time, shuffled among each other and put into batches of like length. A run that is resumed needs no state of the loader.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from model.batch import Batch, Part
from pipeline.shards import group_sizes, read_group, read_table
from schemas.errors import ParamsError
from schemas.params import SplitName
from schemas.tables.features import features_contract
from workflows.dataset import NO_VOICES, Example, Statistics, Vocabulary, Voices, collate, example_from, rows_of

_COLUMNS = ("utterance_id", "speaker", "emotion", "phones", "duration_frames", "f0_hz", "energy_db", "mel_ln")
_BUCKET_BATCHES = 8  # batches whose utterances are sorted by length together

Rows = NDArray[np.int64]


class Source(Protocol):
    """Examples that can be read by number.

    Attributes
    ----------
    n_frames
        Of each example, int64 of shape (n,).
    block
        Number of what each example is read together with, ascending, int64 of shape (n,).
    """

    n_frames: Rows
    block: Rows

    def read(self, rows: Rows) -> list[Example]:
        """The examples with these numbers, in their order."""


class InShards:
    """Examples of a split in feature shards; only their lengths are held.

    Parameters
    ----------
    paths
        Shards.
    split
        Which utterances.
    n_mels
        Of the shards' contract.
    vocabulary, statistics, voices
        What makes examples of rows.

    Raises
    ------
    TableError
        If a shard breaks the contract.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        split: SplitName,
        n_mels: int,
        vocabulary: Vocabulary,
        statistics: Statistics,
        voices: Voices = NO_VOICES,
    ) -> None:
        self._vocabulary, self._statistics, self.voices = vocabulary, statistics, voices
        self._groups: list[tuple[Path, int]] = []
        n_frames, block, within = [], [], []
        for path in paths:
            table = read_table(path, features_contract(n_mels), ["split", "n_frames"])
            sizes = group_sizes(path)
            wanted = np.flatnonzero(np.array(table.column("split").to_pylist()) == split)
            first = np.cumsum([0, *sizes])
            group = np.searchsorted(first, wanted, side="right") - 1
            n_frames.append(table.column("n_frames").to_numpy()[wanted])
            block.append(group + len(self._groups))
            within.append(wanted - first[group])
            self._groups += [(path, at) for at in range(len(sizes))]
        self.n_frames, self.block, self._within = (np.concatenate([np.empty(0, np.int64), *parts]) for parts in (n_frames, block, within))

    def __len__(self) -> int:
        return len(self.n_frames)

    def read(self, rows: Rows) -> list[Example]:
        """The examples with these numbers, in their order; each row group that holds one is read once."""
        found: dict[int, Example] = {}
        for block in np.unique(self.block[rows]):
            mine = rows[self.block[rows] == block]
            path, group = self._groups[block]
            table = rows_of(read_group(path, group, _COLUMNS))
            rows_here = {int(row): self.voices.given_to(table[self._within[row]]) for row in mine}
            found |= {row: example_from(values, self._vocabulary, self._statistics) for row, values in rows_here.items()}
        return [found[int(row)] for row in rows]


@dataclass(frozen=True)
class _Planned:
    """The part of a batch to come: the rows of its pool, ascending, its own, and the longest example's frames in the whole batch."""

    pool: Rows
    rows: Rows
    n_frames: int


class Batches:
    """The batch of each step.

    Parameters
    ----------
    source
        What is learnt from, at least one example.
    batch_size
        Examples a batch; of fewer examples than this, each batch is all.
    shuffle_utterances
        Examples in memory at a time, rounded down to whole batches.
    seed
        Of all orders.
    part
        Which of several processes this is, and how many share each batch; it gets every n-th row of a batch, so that all have like lengths.

    Raises
    ------
    ParamsError
        If a batch has fewer rows than processes.
    """

    def __init__(self, source: Source, batch_size: int, shuffle_utterances: int, seed: int, part: tuple[int, int] = (0, 1)) -> None:
        self._source, self._size, self._seed = source, min(batch_size, len(source.n_frames)), seed
        if part[1] > self._size:
            raise ParamsError(f"{part[1]} processes cannot share batches of {self._size}; raise train.batch_size, or use fewer processes")
        self._part = Part(*part, self._size)
        self._pool_size = max(1, shuffle_utterances // self._size) * self._size
        self._plan: tuple[int, list[_Planned]] = (-1, [])
        self._pool: tuple[Rows, dict[int, Example]] = (np.empty(0, np.int64), {})

    @property
    def per_epoch(self) -> int:
        """Batches an epoch; what does not fill a batch waits for another epoch's order."""
        return len(self._source.n_frames) // self._size

    def at(self, step: int) -> Batch:
        """The batch of a step, counted from 0. Steps in order cost a pool's reading once a pool."""
        epoch, place = divmod(step, self.per_epoch)
        if self._plan[0] != epoch:
            self._plan = epoch, self._planned(epoch)
        planned = self._plan[1][place]
        if not np.array_equal(self._pool[0], planned.pool):
            self._pool = planned.pool, {}  # the last pool goes before this one comes
            self._pool = planned.pool, dict(zip(planned.pool.tolist(), self._source.read(planned.pool), strict=True))
        return collate([self._pool[1][row] for row in planned.rows.tolist()], self._part, planned.n_frames)

    def _planned(self, epoch: int) -> list[_Planned]:
        random = np.random.default_rng((self._seed, epoch))
        blocks = random.permutation(np.unique(self._source.block))
        by_block = np.argsort(self._source.block, kind="stable")
        starts = np.searchsorted(self._source.block[by_block], np.stack([blocks, blocks + 1]))
        order = np.concatenate([random.permutation(by_block[start:end]) for start, end in starts.T])[: self.per_epoch * self._size]
        pools = [order[start : start + self._pool_size] for start in range(0, len(order), self._pool_size)]
        return [planned for pool in pools for planned in self._batches(pool, random)]

    def _batches(self, pool: Rows, random: np.random.Generator) -> Iterable[_Planned]:
        """The batches of a pool: groups of `_BUCKET_BATCHES` batches are sorted by length, and the batches shuffled."""
        shuffled, bucket = random.permutation(pool), self._size * _BUCKET_BATCHES
        buckets = [shuffled[start : start + bucket] for start in range(0, len(pool), bucket)]
        by_length = np.concatenate([rows[np.argsort(self._source.n_frames[rows], kind="stable")] for rows in buckets])
        batches = by_length.reshape(-1, self._size)
        n_frames, mine = self._source.n_frames[batches].max(axis=1), batches[:, self._part.first :: self._part.step]
        held = np.sort(mine.ravel())
        return [_Planned(held, mine[at], int(n_frames[at])) for at in random.permutation(len(batches))]
