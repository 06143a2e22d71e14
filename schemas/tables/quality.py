"""One row is an aligned utterance's quality; primary key utterance_id; sorted by utterance_id within its shard.

Rows stand for kept utterances and for those that a limit rejected, so that limits can be chosen from the distribution of all. What
each measure is, `pipeline.quality` says.
"""

import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa

from schemas.tables.contract import Contract

MEASURES = (
    "phone_rate_hz",
    "duration_outlier_share",
    "clipping_share",
    "snr_db",
    "voiced_share",
    "edge_level_db",
    "leading_silence_s",
    "trailing_silence_s",
    "longest_pause_s",
)


def _summary(table: pa.Table) -> pd.DataFrame:
    frame: pd.DataFrame = table.select(list(MEASURES)).to_pandas()
    return frame


_share = pandera.Column(float, pandera.Check.in_range(0, 1))
_seconds = pandera.Column(float, pandera.Check.ge(0))

QUALITY = Contract(
    name="quality",
    arrow=pa.schema(
        [
            pa.field("utterance_id", pa.string(), nullable=False),
            pa.field("alignment_score", pa.float64()),  # null where the aligner gives none
            *(pa.field(name, pa.float64(), nullable=False) for name in MEASURES),
            pa.field("rejected_for", pa.string(), nullable=False),  # the reason of the first limit broken; "" for none
            pa.field("fingerprint", pa.string(), nullable=False),  # of what the measures of the audio depend on
        ]
    ),
    primary_key="utterance_id",
    summary=_summary,
    rows=pandera.DataFrameSchema(
        {
            "phone_rate_hz": pandera.Column(float, pandera.Check.gt(0)),
            **dict.fromkeys(("duration_outlier_share", "clipping_share", "voiced_share"), _share),
            "snr_db": pandera.Column(float, pandera.Check.in_range(-20, 100)),
            "edge_level_db": pandera.Column(float, pandera.Check.in_range(-200, 200)),
            **dict.fromkeys(("leading_silence_s", "trailing_silence_s", "longest_pause_s"), _seconds),
        }
    ),
)
