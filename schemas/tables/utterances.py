"""One row is an utterance that ingest kept; primary key utterance_id; sorted by utterance_id.

`utterance_id` is ``corpus/speaker/stem``. `audio_path` is relative to the corpus root, with forward slashes, so that the table's
bytes do not depend on where the corpus lies.
"""

from typing import get_args

import pandera.pandas as pandera
import pyarrow as pa

from schemas.params import SplitName
from schemas.tables.contract import Contract, field

EMOTIONS = (
    "neutral", "calm", "happy", "sad", "angry", "fearful", "disgusted", "surprised", "bored", "contemptuous", "excited",
    "amused", "sleepy", "anxious", "apologetic", "assertive", "concerned", "encouraging", "pleasant", "unknown",
)  # fmt: skip
SPLITS: tuple[str, ...] = get_args(SplitName)
GENDERS = ("female", "male", "other", "unknown")
MAX_ID_CHARS = 400

_ARROW = pa.schema(
    [
        field("utterance_id", pa.string(), "corpus/speaker/stem"),
        field("corpus", pa.string(), "name of its block under corpora in params.yaml"),
        field("speaker", pa.string(), "corpus/speaker, unique across corpora"),
        field("emotion", pa.string(), "canonical, one of EMOTIONS in schemas/tables/utterances.py"),
        field("emotion_label", pa.string(), "the corpus's own label; '' where it has none"),
        field("intensity", pa.float32(), "0 .. 1; null where the corpus has none", nullable=True),
        field("language", pa.string(), "espeak-ng voice name such as en-us"),
        field("gender", pa.string(), "female, male, other or unknown"),
        field("text", pa.string(), "as given by the corpus, outer white space removed"),
        field("audio_path", pa.string(), "relative to the corpus root"),
        field("audio_sha256", pa.string(), "of the file's bytes, hex"),
        field("sample_rate_hz", pa.int32(), "of the file, Hz"),
        field("n_samples", pa.int64(), "of the file, a channel"),
        field("n_channels", pa.int16(), "of the file"),
        field("duration_s", pa.float64(), "of the recording, s"),
        field("peak_db", pa.float32(), "dB re full scale of the loudest sample"),
        field("split", pa.string(), "train, validation or test"),
    ]
)


UTTERANCES = Contract(
    name="utterances",
    arrow=_ARROW,
    primary_key="utterance_id",
    rows=pandera.DataFrameSchema(
        {
            "utterance_id": pandera.Column(
                str, [pandera.Check.str_matches(r"^[^/]+/[^/]+/.+$"), pandera.Check.str_length(5, MAX_ID_CHARS)]
            ),
            "emotion": pandera.Column(str, pandera.Check.isin(EMOTIONS)),
            "intensity": pandera.Column("float32", pandera.Check.in_range(0, 1), nullable=True),
            "gender": pandera.Column(str, pandera.Check.isin(GENDERS)),
            "text": pandera.Column(str, pandera.Check.str_length(min_value=1)),
            "audio_path": pandera.Column(str, pandera.Check.str_matches(r"^(?!/)(?!.*(^|/)\.\.(/|$)).+$")),
            "audio_sha256": pandera.Column(str, pandera.Check.str_matches(r"^[0-9a-f]{64}$")),
            "sample_rate_hz": pandera.Column("int32", pandera.Check.in_range(4000, 384000)),
            "n_samples": pandera.Column("int64", pandera.Check.gt(0)),
            "n_channels": pandera.Column("int16", pandera.Check.in_range(1, 64)),
            "duration_s": pandera.Column(float, pandera.Check.gt(0)),
            "split": pandera.Column(str, pandera.Check.isin(SPLITS)),
        }
    ),
)
