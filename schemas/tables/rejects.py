"""One row is an utterance that a stage could not keep; primary key utterance_id; sorted by utterance_id.

Ids are unique within a stage: an utterance is rejected once, for the first reason found. A file that gives no id of its own
(a duplicate, an unparsed name) is listed as ``corpus/?/path/of/the/file.wav``.
"""

import pandera.pandas as pandera
import pyarrow as pa

from schemas.errors import RowError
from schemas.reasons import LASTING, Reason
from schemas.tables.contract import Contract, field

STAGES = ("ingest", "align", "extract", "voices", "synthesize", "showcase", "evaluate")

_ARROW = pa.schema(
    [
        field("utterance_id", pa.string(), "corpus/speaker/stem"),
        field("stage", pa.string(), "that rejected it"),
        field("reason", pa.string(), "code, see docs/reasons.md"),
        field("detail", pa.string(), "what was seen, for a person"),
        field("value", pa.float64(), "the number that broke the rule; null where there is none", nullable=True),
        field(
            "fingerprint",
            pa.string(),
            "of all that a lasting reason follows from; null where the row is tried again in each run",
            nullable=True,
        ),
    ]
)


REJECTS = Contract(
    name="rejects",
    arrow=_ARROW,
    primary_key="utterance_id",
    rows=pandera.DataFrameSchema(
        {
            "stage": pandera.Column(str, pandera.Check.isin(STAGES)),
            "reason": pandera.Column(str, pandera.Check.isin([reason.value for reason in Reason])),
        }
    ),
)


def fault_of(error: Exception) -> RowError:
    """The fault of a row that an exception is; an unexpected one is `internal_error`."""
    return error if isinstance(error, RowError) else RowError(Reason.INTERNAL_ERROR, f"{type(error).__name__}: {error}")


def reject_row(utterance_id: str, stage: str, error: Exception, fingerprint: str | None = None) -> dict[str, object]:
    """A row of the rejects table for what `fault_of` makes of an exception.

    `fingerprint` of all that the fault may follow from is kept where the reason is `LASTING`.
    """
    fault = fault_of(error)
    detail = fault.detail.encode(errors="backslashreplace").decode()  # names of files may hold bytes that are not UTF-8
    detail = detail if len(detail) <= 500 else detail[:497] + "..."
    kept = fingerprint if fault.reason in LASTING else None
    told = {"reason": fault.reason.value, "detail": detail, "value": fault.value}
    return {"utterance_id": utterance_id, "stage": stage, **told, "fingerprint": kept}
