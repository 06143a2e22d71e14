"""What aligners give: rows of the alignments table and of the rejects table."""

from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any, NamedTuple

from pipeline.aligners.alignment import Alignment, Spoken
from schemas.errors import RowError, StorageError
from schemas.tables.alignments import Interval
from schemas.tables.rejects import reject_row

BATCH_UTTERANCES = 40  # a task

Row = dict[str, Any]


class Results(NamedTuple):
    """Rows of both tables; each utterance is in one of them."""

    aligned: list[Row]
    rejected: list[Row]


def align_each(batch: list[Spoken], align: Callable[[Spoken], Alignment]) -> Results:
    """Align each utterance; what one raises is its reject."""
    done = Results([], [])
    for one in batch:
        try:
            alignment = align(one)
            done.aligned.append({"utterance_id": one.utterance_id, **asdict(alignment)})
        except StorageError:
            raise
        except Exception as error:  # any fault of one row is a reject; an unexpected one is named internal_error
            done.rejected.append(reject_row(one.utterance_id, "align", error))
    return done


def phones_of(row: Row) -> list[Interval]:
    """Phones of a row of the alignments table."""
    return [Interval(**phone) for phone in row["phones"]]


def crashed(one: Spoken, error: RowError) -> Results:
    """What became of an utterance that ends each process that aligns it."""
    return Results([], [reject_row(one.utterance_id, "align", error)])


def joined(parts: Iterable[Results]) -> Results:
    """All parts as one, in their order."""
    done = Results([], [])
    for part in parts:
        done.aligned.extend(part.aligned)
        done.rejected.extend(part.rejected)
    return done
