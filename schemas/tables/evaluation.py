"""One row is a recording measured; primary key key, which is ``kind|request_id``; sorted by key.

`kind` is `real` (the recording itself), `copy` (its mel through the vocoder) or `model` (synthesis). Measures are of audio, analysed again
with the pipeline's own extractors, except `predicted_*`, which judge the duration predictor. Null where a measure does not apply, is not
defined, or was not taken; `docs/metrics.md` defines each.
"""

from dataclasses import dataclass
from typing import Literal

import pandera.pandas as pandera
import pyarrow as pa

from schemas.tables.contract import Contract, field

KINDS = ("real", "copy", "model")


@dataclass(frozen=True)
class Measure:
    """A column of the table: what it says in a line, where its values may lie, and which of two is better."""

    text: str
    low: float
    high: float
    better: Literal["lower", "higher", "nearer to 0"]


_INFINITE = float("inf")


def _error(text: str, most: float = _INFINITE) -> Measure:
    return Measure(text, 0.0, most, "lower")


def _bias(text: str) -> Measure:
    return Measure(text, -_INFINITE, _INFINITE, "nearer to 0")


def _score(text: str, low: float, high: float) -> Measure:
    return Measure(text, low, high, "higher")


MEASURE_DETAILS = {
    "log_mel_distance_db": _error("root mean square difference of log-mel magnitudes over frames and bands, dB"),
    "mcd_db": _error("mel-cepstral distortion over frames of speech, aligned by the known durations, dB"),
    "mcd_dtw_db": _error("mel-cepstral distortion over frames of speech, aligned by dynamic time warping, dB"),
    "f0_rmse_cents": _error("root mean square difference of F0 where both are voiced, cents"),
    "f0_correlation": _score("Pearson correlation of log-F0 where both are voiced", -1.0, 1.0),
    "f0_gross_error": _error("share of frames voiced in both whose F0 differs by more than 20 %", 1.0),
    "voicing_error": _error("share of frames whose voicing differs", 1.0),
    "energy_rmse_db": _error("root mean square difference of frame energy over frames that are not silence, dB"),
    "energy_correlation": _score("Pearson correlation of frame energy in dB over frames that are not silence", -1.0, 1.0),
    "predicted_duration_mae_ms": _error("mean absolute difference of predicted and real phone durations, ms"),
    "predicted_length_error": _bias("relative difference of predicted and real total length"),
    "control_f0_bias_cents": _bias("median of realised minus asked F0 where both are voiced, cents"),
    "control_f0_rmse_cents": _error("root mean square difference of realised and asked F0 where both are voiced, cents"),
    "control_f0_correlation": _score("Pearson correlation of realised and asked log-F0 where both are voiced", -1.0, 1.0),
    "control_voicing_error": _error("share of frames whose voicing is not as asked", 1.0),
    "control_energy_bias_db": _bias("mean of realised minus asked energy over frames that are not silence, dB"),
    "control_energy_rmse_db": _error("root mean square difference of realised and asked energy over frames that are not silence, dB"),
    "emotion_recognised": _score("1 where the classifier finds the emotion asked for likeliest, else 0", 0.0, 1.0),
    "emotion_probability": _score("the classifier's probability of the emotion asked for", 0.0, 1.0),
    "phone_error_rate": _error("phones that an offline recogniser heard otherwise, over phones of the text"),
    "word_error_rate": _error("words that an offline recogniser heard otherwise, over words of the text"),
    "speaker_similarity": _score("cosine of speaker embeddings with the speaker's real training clips", -1.0, 1.0),
    "predicted_mos": _score("naturalness as a network predicts listeners' mean opinion", 1.0, 5.0),
}  # fmt: skip
MEASURES = {name: measure.text for name, measure in MEASURE_DETAILS.items()}


def _in_range(measure: Measure) -> pandera.Column:
    slack = 1e-6  # of a correlation or a cosine in floating point
    return pandera.Column(float, pandera.Check.in_range(measure.low - slack, measure.high + slack), nullable=True)


EVALUATION = Contract(
    name="evaluation",
    arrow=pa.schema(
        [
            field("key", pa.string(), "kind|request_id"),
            field("kind", pa.string(), "real (the recording), copy (its mel through the vocoder) or model (synthesis)"),
            field("request_id", pa.string(), "of the synthesis table"),
            field("utterance_id", pa.string(), "of the recording; null where there is none", nullable=True),
            field("set", pa.string(), "as the synthesis table has it"),
            field("split", pa.string(), "of the recording", nullable=True),
            field("speaker", pa.string(), "corpus/speaker"),
            field("emotion", pa.string(), "kind model: as asked; else the recording's own"),
            field("text", pa.string(), "what is said"),
            field("recognised_emotion", pa.string(), "what the classifier finds likeliest; null where it was not asked", nullable=True),
            field("recognised_text", pa.string(), "what the recogniser heard; null where it was not asked", nullable=True),
        ]
        + [field(name, pa.float64(), text, nullable=True) for name, text in MEASURES.items()]
    ),
    primary_key="key",
    rows=pandera.DataFrameSchema(
        {"kind": pandera.Column(str, pandera.Check.isin(KINDS)), **{name: _in_range(measure) for name, measure in MEASURE_DETAILS.items()}}
    ),
)
