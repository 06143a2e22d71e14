"""One row is a synthesised utterance; primary key utterance_id; sorted by utterance_id.

Paths are relative to the stage's folder. `lineage` is the JSON that the checkpoint carries (dataset hash, params, git commit)
with this run's own parameters.
"""

from functools import cache

import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
import pyarrow.compute as pc

from schemas.tables.contract import Contract


def _summary(table: pa.Table) -> pd.DataFrame:
    rows: pd.DataFrame = table.select(["n_frames", "seconds"]).to_pandas()
    rows["mel_length_error"] = pc.list_value_length(table.column("mel_ln")).to_pandas() - rows["n_frames"]
    return rows


@cache
def synthesis_contract(n_mels: int) -> Contract:
    """The contract of the synthesis table with `n_mels` mel bands."""
    mel = pa.list_(pa.field("element", pa.list_(pa.field("element", pa.float32(), nullable=False), n_mels), nullable=False))
    ints = pa.list_(pa.field("element", pa.int32(), nullable=False))
    strings = pa.list_(pa.field("element", pa.string(), nullable=False))
    return Contract(
        name="synthesis",
        arrow=pa.schema(
            [
                pa.field("utterance_id", pa.string(), nullable=False),
                pa.field("speaker", pa.string(), nullable=False),
                pa.field("emotion", pa.string(), nullable=False),
                pa.field("text", pa.string(), nullable=False),
                pa.field("phones", strings, nullable=False),
                pa.field("duration_frames", ints, nullable=False),  # as synthesised
                pa.field("predicted_duration_frames", ints, nullable=False),  # what the duration predictor says
                pa.field("n_frames", pa.int32(), nullable=False),
                pa.field("mel_ln", mel, nullable=False),  # as synthesised
                pa.field("model_wav", pa.string(), nullable=False),
                pa.field("copy_wav", pa.string(), nullable=False),  # the real mel through the vocoder
                pa.field("seed", pa.int64(), nullable=False),
                pa.field("seconds", pa.float64(), nullable=False),  # of audio
                pa.field("lineage", pa.string(), nullable=False),  # JSON
            ]
        ),
        primary_key="utterance_id",
        summary=_summary,
        rows=pandera.DataFrameSchema(
            {
                "n_frames": pandera.Column("int32", pandera.Check.ge(1)),
                "mel_length_error": pandera.Column(checks=pandera.Check.eq(0)),
                "seconds": pandera.Column(float, pandera.Check.gt(0)),
            }
        ),
    )
