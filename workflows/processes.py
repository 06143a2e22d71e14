"""Training on several processes of one machine: how many, started and ended together, and what they tell each other.

Their number comes from the environment, never from `params.yaml`: it changes no loss but by the rounding of sums (and dropout's masks), as
threads do. The process that the user started is the first of them and the only one that writes.
"""

import os
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import connection, get_context, parent_process
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch
import torch.distributed
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.pytorch.strategies import DDPStrategy
from torch import Tensor

from schemas.errors import ClusterError, EspressivoError, ParamsError

VARIABLE = "ESPRESSIVO_TRAIN_PROCESSES"
_GRACE_S = 10.0  # a process that broke the others' talk is dead by then


@dataclass(frozen=True)
class Place:
    """Which process this is, `rank` of `n`."""

    rank: int
    n: int


ALONE = Place(0, 1)


def wanted_processes() -> int:
    """How many the environment asks for, 1 or more.

    Raises
    ------
    ParamsError
        If the variable is no such number, or there are GPUs but fewer.
    """
    text = os.environ.get(VARIABLE, "1")
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ParamsError(f"{VARIABLE}={text!r} must be a whole number of processes, 1 or more; unset it for one")
    if torch.cuda.is_available() and int(text) > torch.cuda.device_count():
        raise ParamsError(f"{VARIABLE}={text}, but there are {torch.cuda.device_count()} GPUs; each process takes one, lower it")
    return int(text)


def strategy(place: Place) -> DDPStrategy | str:
    """Lightning's strategy for a process that `together` has placed."""
    return "auto" if place.n == 1 else DDPStrategy(cluster_environment=_Placed(place))


@contextmanager
def together(n: int, work: Callable[..., None], *args: Any) -> Iterator[None]:
    """Run the block as the first of `n` processes; each other one calls ``work(place, *args)``, and all end with the block.

    Parameters
    ----------
    work
        A function of a module, importable by name; its arguments go to a new interpreter by pickle.

    Raises
    ------
    ClusterError
        If another process ended before the block did.
    """
    if n == 1:
        yield
        return
    threads = torch.get_num_threads()
    context = get_context("spawn")  # forking after torch has started threads deadlocks
    with tempfile.TemporaryDirectory(prefix="espressivo-train-") as folder:
        meeting, others, ready = Path(folder) / "store", list[BaseProcess](), list[Connection]()
        try:
            for rank in range(1, n):
                here, there = context.Pipe(duplex=False)
                others.append(context.Process(target=_join, args=(Place(rank, n), meeting, threads, there, work, args), daemon=True))
                ready.append(here)
                others[-1].start()
                there.close()
            _wait_for(others, ready)
            with _ended_explained(others), _group(Place(0, n), meeting, threads):
                yield
        finally:
            for other in others:
                other.kill()  # they hold nothing that is not here too
                other.join()
            torch.set_num_threads(threads)


def summed(values: Tensor) -> Tensor:
    """The sum over processes of tensors of one shape."""
    if torch.distributed.is_initialized():
        torch.distributed.all_reduce(values)
    return values


def gathered(value: Any) -> list[Any]:
    """What each process has, by rank."""
    if not torch.distributed.is_initialized():
        return [value]
    found = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(found, value)
    return found


class _Placed(LightningEnvironment):
    """Processes that are there already: Lightning would start its own by running the program's command line again, also a test's."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place

    @property
    def creates_processes_externally(self) -> bool:
        return True

    def local_rank(self) -> int:
        return self.place.rank


@contextmanager
def _group(place: Place, meeting: Path, threads: int) -> Iterator[None]:
    """The processes' line to each other, met through a file (a port could be taken by the time it is used)."""
    torch.set_num_threads(max(1, threads // place.n))
    backend = "nccl" if torch.cuda.is_available() else "gloo"
    torch.distributed.init_process_group(backend, init_method=meeting.as_uri(), rank=place.rank, world_size=place.n)
    try:
        yield
    finally:
        torch.distributed.destroy_process_group()


def _join(place: Place, meeting: Path, threads: int, ready: Connection, work: Callable[..., None], args: tuple[Any, ...]) -> None:
    """What each other process does. An error of ours is told by the first process, which meets the same."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the first process ends the others
    threading.Thread(target=_end_with_parent, daemon=True).start()
    ready.send(None)
    try:
        with _group(place, meeting, threads):
            work(place, *args)
    except EspressivoError:
        sys.exit(1)
    except Exception:
        traceback.print_exc()
        sys.exit(1)


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    os._exit(1)


def _wait_for(others: list[BaseProcess], ready: list[Connection]) -> None:
    """Until all have started: one that ends before it joins would keep the rest waiting."""
    for other, end in zip(others, ready, strict=True):
        if end not in connection.wait([end, other.sentinel]) or not _said(end):
            raise _ended([other])


def _said(end: Connection) -> bool:
    try:
        end.recv()
    except EOFError:
        return False
    return True


@contextmanager
def _ended_explained(others: list[BaseProcess]) -> Iterator[None]:
    """Torch says only that a connection closed; the exit code says more."""
    try:
        yield
    except RuntimeError as error:
        ended = connection.wait([other.sentinel for other in others], timeout=_GRACE_S)
        if ended:
            raise _ended([other for other in others if other.sentinel in ended]) from error
        raise


def _ended(others: list[BaseProcess]) -> ClusterError:
    for other in others:
        other.join()
    codes = ", ".join(str(other.exitcode) for other in others)
    return ClusterError(
        f"a training process ended too early (exit code {codes}; if it wrote a message, it is above; -9 is often too little memory); "
        "start the stage again, it goes on from the last checkpoint"
    )
