"""One row is a recording as it was decoded; primary key utterance_id; sorted by utterance_id.

Kept for the next run of ingest, which then hashes the file and decodes it only if its bytes changed. Rows stand also for recordings that a
limit rejected. What each number is, `pipeline.audio.AudioProbe` says.
"""

import pandera.pandas as pandera
import pyarrow as pa

from schemas.tables.contract import Contract, field

PROBES = Contract(
    name="probes",
    arrow=pa.schema(
        [
            field("utterance_id", pa.string(), "corpus/speaker/stem"),
            field("sample_rate_hz", pa.int32(), "of the file, Hz"),
            field("n_samples", pa.int64(), "of the file, a channel"),
            field("n_channels", pa.int16(), "of the file"),
            field("duration_s", pa.float64(), "of the recording, s"),
            field("peak_db", pa.float64(), "dB re full scale of the loudest sample"),
            field("swing_db", pa.float64(), "dB re full scale of the largest distance from a channel's own offset"),
            field("sha256", pa.string(), "of the file's bytes"),
            field("decoded_by", pa.string(), "versions and limit of what decoded it"),
        ]
    ),
    primary_key="utterance_id",
    rows=pandera.DataFrameSchema(
        {"n_samples": pandera.Column("int64", pandera.Check.gt(0)), "sample_rate_hz": pandera.Column("int32", pandera.Check.gt(0))}
    ),
)
