"""One row is an aligned utterance; primary key utterance_id; sorted by utterance_id.

Phones tile the recording: the first starts at 0, each starts where the one before ends, and the last ends with the audio.
Silence is kept and is written `SILENCE`, speech that the aligner could not name is `SPOKEN_NOISE`.
"""

from dataclasses import dataclass

import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
import pyarrow.compute as pc

from schemas.tables.contract import Contract, field, list_of


@dataclass(frozen=True)
class Interval:
    """A labelled stretch of time, [start_s, end_s) in seconds from the recording's start."""

    label: str
    start_s: float
    end_s: float


SILENCE = "sil"
SPOKEN_NOISE = "spn"
SILENCE_LABELS = frozenset({"", "sil", "sp", "pau", "<eps>", "<sil>", "<s>", "</s>", "_", "#"})  # compared in lower case

_interval = pa.struct(
    [
        pa.field("label", pa.string(), nullable=False),
        pa.field("start_s", pa.float64(), nullable=False),
        pa.field("end_s", pa.float64(), nullable=False),
    ]
)

_ARROW = pa.schema(
    [
        field("utterance_id", pa.string(), "corpus/speaker/stem"),
        field("words", list_of(_interval), "intervals (label, start_s, end_s) without silences; may be empty"),
        field("phones", list_of(_interval), "intervals that tile [0, duration_s], silence included"),
        field("duration_s", pa.float64(), "of the recording, s"),
        field("score", pa.float64(), "mean log-likelihood a frame; null where the aligner gives none", nullable=True),
        field("text_read", pa.string(), "the words as read, after normalisation; '' for textgrid"),
        field("aligner", pa.string(), "name and version, such as 'pocketsphinx 5.1.1'"),
    ]
)


def _summary(table: pa.Table) -> pd.DataFrame:
    phones = table.column("phones").combine_chunks()
    row = pc.list_parent_indices(phones).to_numpy()
    flat = pc.list_flatten(phones)
    frame = pd.DataFrame({"row": row, "start_s": flat.field("start_s").to_numpy(), "end_s": flat.field("end_s").to_numpy()})
    frame["speech"] = pc.not_equal(flat.field("label"), SILENCE).to_numpy(zero_copy_only=False)
    frame["gap_s"] = (frame["start_s"] - frame["end_s"].shift(1)).where(frame["row"] == frame["row"].shift(1), 0.0).abs()
    frame["length_s"] = frame["end_s"] - frame["start_s"]
    rows = frame.groupby("row").agg(
        first_start_s=("start_s", "first"),
        last_end_s=("end_s", "last"),
        largest_gap_s=("gap_s", "max"),
        shortest_phone_s=("length_s", "min"),
        n_speech_phones=("speech", "sum"),
    )
    rows = rows.reindex(range(table.num_rows))  # a row without phones becomes NaN and fails
    rows["end_error_s"] = (rows["last_end_s"] - table.column("duration_s").to_numpy()).abs()
    return rows


_TILE_TOLERANCE_S = 1e-6

_ROWS = pandera.DataFrameSchema(
    {
        "first_start_s": pandera.Column(float, pandera.Check.in_range(-_TILE_TOLERANCE_S, _TILE_TOLERANCE_S)),
        "end_error_s": pandera.Column(float, pandera.Check.le(_TILE_TOLERANCE_S)),
        "largest_gap_s": pandera.Column(float, pandera.Check.le(_TILE_TOLERANCE_S)),
        "shortest_phone_s": pandera.Column(float, pandera.Check.gt(0)),
        "n_speech_phones": pandera.Column(pandera.Int, pandera.Check.ge(1), coerce=True),
    }
)

_FINGERPRINT = field("fingerprint", pa.string(), "of all that the row follows from")

ALIGNMENTS = Contract(name="alignments", arrow=_ARROW, primary_key="utterance_id", summary=_summary, rows=_ROWS)

# Phones after refinement and how well they fit, kept for the next run; `fingerprint` is of the first pass and of what the model learned on.
REFINED = Contract(
    name="refined",
    arrow=pa.schema(
        [
            _ARROW.field("utterance_id"),
            _ARROW.field("phones"),
            field("fit", pa.float64(), "log-likelihood a frame to that of the best phone, mean over speech"),
            _FINGERPRINT,
        ]
    ),
    primary_key="utterance_id",
    summary=lambda table: pd.DataFrame({"n_phones": pc.list_value_length(table.column("phones")).to_pandas()}),
    rows=pandera.DataFrameSchema({"n_phones": pandera.Column("int32", pandera.Check.ge(1))}),
)

# pocketsphinx's alignments before refinement, kept for the next run; `fingerprint` is of all that such a row depends on.
FIRST_PASS = Contract(
    name="first_pass",
    arrow=_ARROW.append(_FINGERPRINT),
    primary_key="utterance_id",
    summary=_summary,
    rows=_ROWS,
)
