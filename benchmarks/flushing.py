"""What flushing a file before its rename costs: python -m benchmarks.flushing FOLDER."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from statistics import median

from pipeline.files import whole_file


@contextmanager
def renamed(path: Path) -> Iterator[Path]:
    """As `whole_file`, without flushing."""
    partial = path.with_name(f".{path.name}.partial")
    yield partial
    partial.replace(path)


def cost_ms(writer: Callable[[Path], AbstractContextManager[Path]], folder: Path, size: int, files: int = 60) -> tuple[float, float]:
    """Median wall time of a file, and mean CPU time."""
    data, walls = os.urandom(size), []
    started = time.process_time()
    for number in range(files):
        before = time.perf_counter()
        with writer(folder / f"flushing-{number}") as partial:
            partial.write_bytes(data)
        walls.append(time.perf_counter() - before)
    cpu = (time.process_time() - started) / files
    for path in folder.glob("flushing-*"):
        path.unlink()
    return 1000 * median(walls), 1000 * cpu


if __name__ == "__main__":
    for kib in (30, 3000):
        for name, writer in (("renamed", renamed), ("flushed and renamed", whole_file)):
            wall, cpu = cost_ms(writer, Path(sys.argv[1]), kib * 1024)
            print(f"{kib:5d} KiB, {name:20s} {wall:6.2f} ms wall, {cpu:5.2f} ms CPU")
