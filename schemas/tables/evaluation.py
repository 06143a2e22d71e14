"""One row is a synthesised utterance measured against the real one; primary key key, which is ``kind|utterance_id``.

`kind` is `copy` (the real mel through the vocoder) or `model`. Measures are of the rendered audio, analysed again with the
pipeline's own extractors, except `predicted_duration_*`, which judge the duration predictor. NaN where undefined.
"""

import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa

from schemas.tables.contract import Contract

KINDS = ("copy", "model")
MEASURES = {
    "log_mel_distance_db": "root mean square difference of log-mel magnitudes over frames and bands, dB",
    "f0_rmse_cents": "root mean square difference of F0 where both are voiced, cents",
    "f0_correlation": "Pearson correlation of log-F0 where both are voiced",
    "f0_gross_error": "share of frames voiced in both whose F0 differs by more than 20 %",
    "voicing_error": "share of frames whose voicing differs",
    "energy_rmse_db": "root mean square difference of frame energy over frames that are not silence, dB",
    "energy_correlation": "Pearson correlation of frame energy in dB over frames that are not silence",
    "predicted_duration_mae_ms": "mean absolute difference of predicted and real phone durations, ms",
    "predicted_length_error": "relative difference of predicted and real total length",
}


def _summary(table: pa.Table) -> pd.DataFrame:
    frame: pd.DataFrame = table.to_pandas()
    return frame


EVALUATION = Contract(
    name="evaluation",
    arrow=pa.schema(
        [pa.field(name, pa.string(), nullable=False) for name in ("key", "kind", "utterance_id", "speaker", "emotion")]
        + [pa.field(name, pa.float64(), nullable=False) for name in MEASURES]
    ),
    primary_key="key",
    summary=_summary,
    rows=pandera.DataFrameSchema(
        {
            "kind": pandera.Column(str, pandera.Check.isin(KINDS)),
            "log_mel_distance_db": pandera.Column(float, pandera.Check.ge(0)),
            "f0_gross_error": pandera.Column(float, pandera.Check.in_range(0, 1), nullable=True),
            "voicing_error": pandera.Column(float, pandera.Check.in_range(0, 1), nullable=True),
        }
    ),
)
