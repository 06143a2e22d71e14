"""One row is an utterance and how its speaker's voice sounds in it; primary key utterance_id; sorted by utterance_id.

`voice` is a d-vector: a direction in a space where recordings of one person lie together, whoever it is. Rows are kept for the next run of
the stage voices, which listens again only to recordings whose bytes changed.
"""

import numpy as np
import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa

from schemas.tables.contract import Contract, field

VOICE_CHANNELS = 256
_NORM_TOLERANCE = 1e-3


def _summary(table: pa.Table) -> pd.DataFrame:
    voices = table.column("voice").combine_chunks().flatten().to_numpy(zero_copy_only=False).reshape(-1, VOICE_CHANNELS)
    return pd.DataFrame(
        {"voice_norm": np.linalg.norm(voices.astype(np.float64), axis=1), "audio_sha256": table.column("audio_sha256").to_pandas()}
    )


VOICES = Contract(
    name="voices",
    arrow=pa.schema(
        [
            field("utterance_id", pa.string(), "corpus/speaker/stem"),
            field("speaker", pa.string(), "corpus/speaker"),
            field("split", pa.string(), "as in utterances"),
            field("audio_sha256", pa.string(), "of the recording's bytes"),
            field("made_by", pa.string(), "versions of all that made the vector"),
            field("voice", pa.list_(pa.float32(), VOICE_CHANNELS), "d-vector, norm 1"),
        ]
    ),
    primary_key="utterance_id",
    summary=_summary,
    rows=pandera.DataFrameSchema(
        {
            "voice_norm": pandera.Column(float, pandera.Check.in_range(1 - _NORM_TOLERANCE, 1 + _NORM_TOLERANCE)),  # NaN fails as well
            "audio_sha256": pandera.Column(str, pandera.Check.str_matches(r"^[0-9a-f]{64}$")),
        }
    ),
)
