"""Errors that stop a run, and the one that rejects a row.

EspressivoError
├── ParamsError        params.yaml has an unknown, missing or ill-typed key
├── CorpusError        the corpus folder as a whole cannot be read (missing root, no audio, no metadata)
├── StorageError       the object storage of a corpus cannot be reached at all
├── TableError         a table breaks its contract: wrong column, dtype or invariant
├── DependencyError    a program or optional package is missing
├── TooManyRejectsError the share of rejected rows passed `max_reject_share`
├── CheckpointError    a checkpoint does not fit the code, the data or the parameters
├── ClusterError       workers or their scheduler cannot be had, went away, or are not of this code
├── DiskError          a file cannot be written: the disk is full, or refuses
└── RowError           one row's fault; stages catch it and write a reject, it never ends a run

Every message ends in the next action.
"""

from schemas.reasons import Reason


class EspressivoError(Exception):
    """Base of every error raised on purpose."""


class ParamsError(EspressivoError):
    """`params.yaml` does not say what the code needs."""


class CorpusError(EspressivoError):
    """The corpus folder as a whole cannot be read."""


class StorageError(EspressivoError):
    """The object storage of a corpus cannot be reached: no address, no credentials, no permission, no bucket."""


class TableError(EspressivoError):
    """A table breaks its contract."""


class DependencyError(EspressivoError):
    """A program or optional package is missing."""


class TooManyRejectsError(EspressivoError):
    """The share of rejected rows passed `max_reject_share`."""


class CheckpointError(EspressivoError):
    """A checkpoint does not fit the code, the data or the parameters."""


class ClusterError(EspressivoError):
    """Workers or their scheduler cannot be had, went away, or are not of this code."""


class DiskError(EspressivoError):
    """A file cannot be written."""


class RowError(EspressivoError):
    """One row's fault: the stage catches it and writes a reject.

    Parameters
    ----------
    reason
        Code from the closed list in `schemas.reasons`.
    detail
        What was seen, for a person: names, numbers, the offending word.
    value
        The number that broke the rule, where there is one.
    """

    def __init__(self, reason: Reason, detail: str, value: float | None = None) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail
        self.value = value

    def __reduce__(self) -> tuple[type["RowError"], tuple[Reason, str, float | None]]:
        """Survive the trip from a dask worker (the default pickles `args`, which is the joined message)."""
        return (RowError, (self.reason, self.detail, self.value))
