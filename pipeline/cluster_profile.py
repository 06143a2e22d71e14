"""Where work runs, as the environment says it: typed, and checked before anything starts.

``ESPRESSIVO_CLUSTER``        a YAML file with one of the profiles below; or else, for one machine or a scheduler that is there already:
``ESPRESSIVO_SCHEDULER``      ``local`` (default: processes on this machine) or the address of a scheduler, ``tcp://host:8786``
``ESPRESSIVO_WORKERS``        local worker processes; default: one a core
``ESPRESSIVO_WORKER_MEMORY``  memory of one local worker, such as ``3 GiB``; default: the machine's, shared out evenly
"""

import os
from pathlib import Path
from typing import Annotated, Literal

import yaml
from dask.utils import parse_bytes
from pydantic import AfterValidator, Field, StringConstraints, TypeAdapter, ValidationError

from schemas.errors import ParamsError
from schemas.params import Section

LEAST_MEMORY_BYTES = 512 * 2**20  # a worker that has imported the stages takes 320 MiB
_ALONE = ("ESPRESSIVO_SCHEDULER", "ESPRESSIVO_WORKERS", "ESPRESSIVO_WORKER_MEMORY")


def _is_memory(text: str) -> str:
    try:
        enough = parse_bytes(text) >= LEAST_MEMORY_BYTES
    except ValueError:
        enough = False
    if not enough:
        raise ValueError("must be an amount of memory of 512 MiB or more, such as '4 GiB'")
    return text


Memory = Annotated[str, AfterValidator(_is_memory)]
Count = Annotated[int, Field(ge=1)]
Line = Annotated[str, StringConstraints(min_length=1, pattern=r"^[^\n]*$")]


class Local(Section):
    """Processes on this machine."""

    kind: Literal["local"]
    workers: Count | None = None
    worker_memory: Memory | None = None


class Remote(Section):
    """A scheduler that is there already, with its workers."""

    kind: Literal["scheduler"]
    address: Annotated[str, StringConstraints(pattern=r"^(tcp|tls|ucx|ws|wss)://\S+$")]


class Batch(Section):
    """Jobs of a batch system, submitted by the driver and cancelled at its end."""

    kind: Literal["slurm", "pbs", "sge"]
    jobs: Count
    workers_per_job: Count
    worker_memory: Memory
    walltime: Line
    queue: Line | None = None
    account: Line | None = None
    interface: Line | None = None
    log_dir: Line = "logs/cluster"
    scratch_dir: Line | None = None
    python: Line | None = None
    directives: tuple[Line, ...] = Field(default=(), strict=False)
    setup: tuple[Line, ...] = Field(default=(), strict=False)


Profile = Local | Remote | Batch
_PROFILES: TypeAdapter[Profile] = TypeAdapter(Annotated[Profile, Field(discriminator="kind")])


def profile() -> Profile:
    """What the environment says.

    Raises
    ------
    ParamsError
        If a variable or the file of ``ESPRESSIVO_CLUSTER`` is wrong, or both are given.
    """
    file = os.environ.get("ESPRESSIVO_CLUSTER", "")
    given = [name for name in _ALONE if os.environ.get(name)]
    if file and given:
        raise ParamsError(f"ESPRESSIVO_CLUSTER={file} and {', '.join(given)} are both set; say it in the file, and unset the other")
    return _from_file(Path(file)) if file else _from_variables()


def local_workers() -> int:
    """Processes that this machine may be given; raises `ParamsError` as `profile` does."""
    where = profile()
    return workers_of(where) if isinstance(where, Local) else _cores()


def workers_of(where: Local) -> int:
    """Worker processes of a local profile."""
    return where.workers or _cores()


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _from_variables() -> Profile:
    address, workers, memory = (os.environ.get(name, "") for name in _ALONE)
    if workers and (not workers.isdecimal() or int(workers) < 1):
        raise ParamsError(f"ESPRESSIVO_WORKERS={workers!r} must be a whole number of processes, 1 or more; unset it for one a core")
    try:
        if address not in ("", "local"):
            return Remote(kind="scheduler", address=address)
        return Local(kind="local", workers=int(workers) if workers else None, worker_memory=memory or None)
    except ValidationError as error:
        name = "ESPRESSIVO_SCHEDULER" if address not in ("", "local") else "ESPRESSIVO_WORKER_MEMORY"
        raise ParamsError(f"{name} is {error.errors()[0]['input']!r}: {_said(error.errors()[0]['msg'])}; see docs/clusters.md") from None


def _from_file(path: Path) -> Profile:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ParamsError(f"ESPRESSIVO_CLUSTER={path}: {error.strerror}; name a file as in docs/clusters.md") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ParamsError(f"ESPRESSIVO_CLUSTER={path} is not valid YAML: {error}; mend the line it names") from None
    try:
        return _PROFILES.validate_python(document)
    except ValidationError as error:
        faults = "; ".join(f"`{'.'.join(map(str, e['loc'][1:])) or 'kind'}`: {_said(e['msg'])}" for e in error.errors())
        raise ParamsError(f"ESPRESSIVO_CLUSTER={path}: {faults}; docs/clusters.md lists the keys") from None


def _said(message: str) -> str:
    text = message.removeprefix("Value error, ")
    return text[0].lower() + text[1:]
