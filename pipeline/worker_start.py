"""What dask runs first in each local worker: Ctrl-C is the driver's to answer, who ends its workers in order."""

import signal


def dask_setup(worker: object) -> None:  # noqa: ARG001  dask's signature
    """Let the terminal's interrupt pass by; dask calls this in the worker's main thread."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
