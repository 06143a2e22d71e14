"""One row is an aligned utterance's quality; primary key utterance_id; sorted by utterance_id within its shard.

Rows stand for kept utterances and for those that a limit rejected, so that limits can be chosen from the distribution of all. What
each measure is, `pipeline.quality` says.
"""

import pandera.pandas as pandera
import pyarrow as pa

from schemas.tables.contract import Contract, field

MEASURES = {
    "phone_rate_hz": "phones a second of speech",
    "duration_outlier_share": "phones far from their typical length among all, 0 .. 1",
    "clipping_share": "samples on flat tops among all, 0 .. 1",
    "snr_db": "speech over the quietest twentieth of the recording, dB",
    "voiced_share": "voiced frames among those of speech, 0 .. 1",
    "edge_level_db": "louder of the first and last 20 ms, dB re speech",
    "leading_silence_s": "before the first phone, s",
    "trailing_silence_s": "after the last phone, s",
    "longest_pause_s": "between two phones, s",
}


_share = pandera.Column(float, pandera.Check.in_range(0, 1))
_seconds = pandera.Column(float, pandera.Check.ge(0))

QUALITY = Contract(
    name="quality",
    arrow=pa.schema(
        [
            field("utterance_id", pa.string(), "corpus/speaker/stem"),
            field("alignment_score", pa.float64(), "the aligner's own; null where it gives none", nullable=True),
            *(field(name, pa.float64(), description) for name, description in MEASURES.items()),
            field("rejected_for", pa.string(), "reason code of the first limit that it breaks; '' for none"),
            field("fingerprint", pa.string(), "of what the measures of the audio depend on"),
        ]
    ),
    primary_key="utterance_id",
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
