"""The world outside of the pipeline, for tests of crashes: Python imports this first in every process that has this folder on its path.

``OUTSIDE`` is a folder with an empty file for each recording (or other file) that something happens to when a process opens it:

``crash.<name>``  the process reads address 0 and dies of SIGSEGV, as in a decoder that a damaged file trips up
``hold.<name>``   the process waits until the file is taken away, as on a slow disk; it tells its pid in ``held.<name>``
"""

import ctypes
import os
import sys
import time
from pathlib import Path

FOLDER = Path(os.environ.get("OUTSIDE", "."))


def _happens(event: str, arguments: tuple) -> None:
    if event != "open" or not isinstance(arguments[0], (str, bytes, os.PathLike)):
        return
    name = Path(os.fsdecode(arguments[0])).name
    if (FOLDER / f"crash.{name}").exists():
        ctypes.string_at(0)
    if (FOLDER / f"hold.{name}").exists():
        told = os.open(FOLDER / f"held.{name}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(told, f"{os.getpid()}\n".encode())
        os.close(told)
        while (FOLDER / f"hold.{name}").exists():
            time.sleep(0.02)


if "OUTSIDE" in os.environ:
    sys.addaudithook(_happens)
