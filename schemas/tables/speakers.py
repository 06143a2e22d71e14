"""Two small tables with one row a speaker; primary key speaker; sorted by speaker; and what the first of them is made of.

`PITCH_LIMITS` is what the extractor's first pass found, from `PITCH_SAMPLES`, one row an utterance that it listened to (primary key
utterance_id). `STATISTICS` is what the training split gives for reading features, with one further row, `CORPUS_ROW`, over all speakers
(for speakers unseen in training).
"""

import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
import pyarrow.compute as pc

from schemas.tables.contract import Contract, field, list_of

CORPUS_ROW = "*"


PITCH_LIMITS = Contract(
    name="pitch_limits",
    arrow=pa.schema(
        [
            field("speaker", pa.string(), "corpus/speaker"),
            field("floor_hz", pa.float64(), "lowest F0 of the second pass, Hz"),
            field("ceiling_hz", pa.float64(), "highest F0 of the second pass, Hz"),
            field(
                "quartile_1_hz",
                pa.float64(),
                "of F0 in the first pass, Hz; null where limits are fixed or nothing was voiced",
                nullable=True,
            ),
            field("quartile_3_hz", pa.float64(), "the same, third quartile", nullable=True),
            field("n_utterances", pa.int64(), "that the first pass looked at"),
        ]
    ),
    primary_key="speaker",
    rows=pandera.DataFrameSchema(
        {"floor_hz": pandera.Column(float, pandera.Check.gt(20)), "ceiling_hz": pandera.Column(float, pandera.Check.in_range(100, 2500))}
    ),
)

PITCH_SAMPLES = Contract(
    name="pitch_samples",
    arrow=pa.schema(
        [
            field("utterance_id", pa.string(), "corpus/speaker/stem"),
            field("speaker", pa.string(), "corpus/speaker"),
            field("histogram", list_of(pa.int32()), "voiced frames in bins of 1/100 octave from 20 Hz"),
            field("fingerprint", pa.string(), "of recording, widest limits and all that the search depends on"),
        ]
    ),
    primary_key="utterance_id",
    summary=lambda table: pd.DataFrame({"n_bins": pc.list_value_length(table.column("histogram")).to_pandas()}),
    rows=pandera.DataFrameSchema({"n_bins": pandera.Column("int32", pandera.Check.eq(700))}),
)

STATISTICS = Contract(
    name="statistics",
    arrow=pa.schema(
        [
            field("speaker", pa.string(), "corpus/speaker"),
            field("n_utterances", pa.int64(), "of the training split"),
            field("n_frames", pa.int64(), "of these utterances"),
            field("n_voiced_frames", pa.int64(), "of these frames"),
            field("log_f0_mean", pa.float64(), "mean of ln(F0 in Hz) over voiced frames"),
            field("log_f0_std", pa.float64(), "standard deviation of the same"),
            field("energy_mean_db", pa.float64(), "mean over frames of phones that are not silence, dB re full scale"),
            field("energy_std_db", pa.float64(), "standard deviation of the same"),
            field("mel_mean_ln", pa.float64(), "mean of log-mel over all frames and bands, ln"),
            field("mel_std_ln", pa.float64(), "standard deviation of the same"),
        ]
    ),
    primary_key="speaker",
    rows=pandera.DataFrameSchema(
        {
            "n_voiced_frames": pandera.Column("int64", pandera.Check.ge(1)),
            "log_f0_mean": pandera.Column(float, pandera.Check.in_range(3.0, 8.0)),
            "log_f0_std": pandera.Column(float, pandera.Check.gt(0)),
            "energy_std_db": pandera.Column(float, pandera.Check.gt(0)),
            "mel_std_ln": pandera.Column(float, pandera.Check.gt(0)),
        }
    ),
)
