"""One row is a synthesised request; primary key request_id; sorted by request_id.

A re-synthesised utterance has its own id as request_id, set `split`, and a recording behind it: `utterance_id` and `copy_wav` are null
where there is none. Paths are relative to the stage's folder. `lineage` is the JSON that the checkpoint carries (dataset hash, params,
git commit) with this run's own parameters.
"""

from functools import cache

import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
import pyarrow.compute as pc

from schemas.tables.contract import Contract

SPLIT_SET = "split"  # set of the utterances of a split, spoken again
_PER_FRAME = ("mel_ln", "asked_f0_hz", "asked_energy_db")


def _summary(table: pa.Table) -> pd.DataFrame:
    rows: pd.DataFrame = table.select(["utterance_id", "copy_wav", "prosody", "intensity", "n_frames", "seconds"]).to_pandas()
    for name in _PER_FRAME:
        rows[f"{name}_length_error"] = pc.list_value_length(table.column(name)).to_pandas() - rows["n_frames"]
    rows["copy_without_recording"] = rows["utterance_id"].isna() != rows["copy_wav"].isna()
    return rows


@cache
def synthesis_contract(n_mels: int) -> Contract:
    """The contract of the synthesis table with `n_mels` mel bands."""
    mel = pa.list_(pa.field("element", pa.list_(pa.field("element", pa.float32(), nullable=False), n_mels), nullable=False))
    ints = pa.list_(pa.field("element", pa.int32(), nullable=False))
    floats = pa.list_(pa.field("element", pa.float32(), nullable=False))
    strings = pa.list_(pa.field("element", pa.string(), nullable=False))
    return Contract(
        name="synthesis",
        arrow=pa.schema(
            [
                pa.field("request_id", pa.string(), nullable=False),
                pa.field("utterance_id", pa.string(), nullable=True),  # the recording behind it; null: none
                pa.field("set", pa.string(), nullable=False),  # split, or the request table's name for a group
                pa.field("speaker", pa.string(), nullable=False),
                pa.field("emotion", pa.string(), nullable=False),  # as asked: a name, a mix, a schedule
                pa.field("intensity", pa.float64(), nullable=False),  # guidance scale
                pa.field("prosody", pa.string(), nullable=False),  # reference, predicted, copy:<utterance_id>
                pa.field("text", pa.string(), nullable=False),
                pa.field("phones", strings, nullable=False),
                pa.field("duration_frames", ints, nullable=False),  # as synthesised
                pa.field("predicted_duration_frames", ints, nullable=False),  # what the duration predictor says
                pa.field("n_frames", pa.int32(), nullable=False),
                pa.field("asked_f0_hz", floats, nullable=False),  # what the model was told to realise; NaN unvoiced
                pa.field("asked_energy_db", floats, nullable=False),
                pa.field("mel_ln", mel, nullable=False),  # as synthesised
                pa.field("model_wav", pa.string(), nullable=False),
                pa.field("copy_wav", pa.string(), nullable=True),  # the real mel through the vocoder
                pa.field("seed", pa.int64(), nullable=False),
                pa.field("seconds", pa.float64(), nullable=False),  # of audio
                pa.field("lineage", pa.string(), nullable=False),  # JSON
            ]
        ),
        primary_key="request_id",
        summary=_summary,
        rows=pandera.DataFrameSchema(
            {
                "prosody": pandera.Column(str, pandera.Check.str_matches(r"^(reference|predicted|copy:.+)$")),
                "intensity": pandera.Column(float, pandera.Check.ge(0)),
                "n_frames": pandera.Column("int32", pandera.Check.ge(1)),
                **{f"{name}_length_error": pandera.Column(checks=pandera.Check.eq(0)) for name in _PER_FRAME},
                "copy_without_recording": pandera.Column(bool, pandera.Check.eq(False)),
                "seconds": pandera.Column(float, pandera.Check.gt(0)),
            }
        ),
    )
