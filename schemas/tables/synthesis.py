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

from schemas.tables.contract import Contract, field, list_of

SPLIT_SET = "split"  # set of the utterances of a split, spoken again
_PER_FRAME = ("mel_ln", "asked_f0_hz", "asked_energy_db")


def _summary(table: pa.Table) -> pd.DataFrame:
    rows: pd.DataFrame = table.select(["utterance_id", "copy_wav", "prosody", "intensity", "n_frames", "seconds"]).to_pandas()
    for name in _PER_FRAME:
        rows[f"{name}_length_error"] = pc.list_value_length(table.column(name)).to_pandas() - rows["n_frames"]
    rows["copy_without_recording"] = rows["utterance_id"].isna() != rows["copy_wav"].isna()
    return rows


def _arrow(n_mels: int) -> pa.Schema:
    ints, floats = list_of(pa.int32()), list_of(pa.float32())
    return pa.schema(
        [
            field("request_id", pa.string(), "name of the request; of a re-synthesised split the utterance_id"),
            field("utterance_id", pa.string(), "of the recording behind it; null where there is none", nullable=True),
            field("set", pa.string(), "split, or the request table's own name for a group"),
            field("speaker", pa.string(), "corpus/speaker"),
            field("emotion", pa.string(), "as asked: a name, a mix such as angry:0.6,sad:0.4, or a schedule"),
            field("intensity", pa.float64(), "of the emotion: 0 none, 1 as learnt"),
            field("prosody", pa.string(), "reference, predicted or copy:<utterance_id>"),
            field("text", pa.string(), "what is said"),
            field("phones", list_of(pa.string()), "in order, silence included (written sil)"),
            field("duration_frames", ints, "of each phone, as synthesised"),
            field("predicted_duration_frames", ints, "of each phone, as the duration predictor says"),
            field("n_frames", pa.int32(), "as synthesised"),
            field("asked_f0_hz", floats, "F0 of each frame that the model was told to realise, Hz; NaN where unvoiced"),
            field("asked_energy_db", floats, "level of each frame that the model was told to realise, dB re full scale"),
            field("mel_ln", list_of(list_of(pa.float32(), n_mels)), "a frame as synthesised; natural log of magnitude in each mel band"),
            field("model_wav", pa.string(), "path of the synthesis inside the stage's folder"),
            field("copy_wav", pa.string(), "path of the recording's mel through the vocoder; null without a recording", nullable=True),
            field("seed", pa.int64(), "of the start noise"),
            field("seconds", pa.float64(), "of audio"),
            field("lineage", pa.string(), "JSON: dataset, parameters and commit that it comes from"),
        ]
    )


@cache
def synthesis_contract(n_mels: int) -> Contract:
    """The contract of the synthesis table with `n_mels` mel bands."""
    return Contract(
        name="synthesis",
        arrow=_arrow(n_mels),
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
