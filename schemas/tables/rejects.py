"""One row is an utterance that a stage could not keep; primary key utterance_id; sorted by utterance_id.

Ids are unique within a stage: an utterance is rejected once, for the first reason found. A file that gives no id of its own
(a duplicate, an unparsed name) is listed as ``corpus/?/path/of/the/file.wav``.
"""

import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa

from schemas.errors import RowError
from schemas.reasons import LASTING, Reason
from schemas.tables.contract import Contract

STAGES = ("ingest", "align", "extract", "synthesize", "showcase", "evaluate")

_ARROW = pa.schema(
    [
        pa.field("utterance_id", pa.string(), nullable=False),
        pa.field("stage", pa.string(), nullable=False),  # one of STAGES
        pa.field("reason", pa.string(), nullable=False),  # a value of schemas.reasons.Reason
        pa.field("detail", pa.string(), nullable=False),  # what was seen, for a person
        pa.field("value", pa.float64()),  # the number that broke the rule; null where there is none
        pa.field("fingerprint", pa.string()),  # of all that a lasting reason follows from; null where the row is tried again in each run
    ]
)


def _summary(table: pa.Table) -> pd.DataFrame:
    frame: pd.DataFrame = table.select(["stage", "reason"]).to_pandas()
    return frame


REJECTS = Contract(
    name="rejects",
    arrow=_ARROW,
    primary_key="utterance_id",
    summary=_summary,
    rows=pandera.DataFrameSchema(
        {
            "stage": pandera.Column(str, pandera.Check.isin(STAGES)),
            "reason": pandera.Column(str, pandera.Check.isin([reason.value for reason in Reason])),
        }
    ),
)


def reject_row(utterance_id: str, stage: str, error: Exception, fingerprint: str | None = None) -> dict[str, object]:
    """A row's fault as a row of the rejects table; an unexpected exception becomes `internal_error`.

    `fingerprint` of all that the fault may follow from is kept where the reason is `LASTING`.
    """
    if not isinstance(error, RowError):
        error = RowError(Reason.INTERNAL_ERROR, f"{type(error).__name__}: {error}")
    detail = error.detail.encode(errors="backslashreplace").decode()  # names of files may hold bytes that are not UTF-8
    detail = detail if len(detail) <= 500 else detail[:497] + "..."
    kept = fingerprint if error.reason in LASTING else None
    told = {"reason": error.reason.value, "detail": detail, "value": error.value}
    return {"utterance_id": utterance_id, "stage": stage, **told, "fingerprint": kept}
