"""One row is an utterance's features; primary key utterance_id; sorted by utterance_id within its shard.

``sum(duration_frames) == n_frames == len(f0_hz) == len(voiced) == len(energy_db) == len(mel_ln)`` holds for every row.
The number of mel bands is a parameter, so the schema is made for it: `features_contract(n_mels)`.
"""

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from schemas.tables.contract import Contract, field, list_of
from schemas.tables.utterances import EMOTIONS, SPLITS

_A_FRAME = ("f0_hz", "voiced", "energy_db", "mel_ln")
_A_PHONE = ("duration_frames", "phone_log_f0", "phone_log_f0_slope", "phone_energy_db")

PARTS = ("mel", "pitch", "energy", "durations")  # each with its own fingerprint
PART_COLUMNS = {
    "mel": ("mel_ln",),
    "pitch": ("f0_hz", "voiced"),
    "energy": ("energy_db",),
    "durations": ("phones", "duration_frames", "n_frames"),
    "pools": ("phone_log_f0", "phone_log_f0_slope", "phone_energy_db"),  # of pitch, energy and durations
}


_parts = pa.struct([pa.field(part, pa.string(), nullable=False) for part in PARTS])


def _arrow(n_mels: int) -> pa.Schema:
    return pa.schema(
        [
            field("utterance_id", pa.string(), "corpus/speaker/stem"),
            field("corpus", pa.string(), "name of its block under corpora in params.yaml"),
            field("speaker", pa.string(), "corpus/speaker"),
            field("emotion", pa.string(), "canonical emotion"),
            field("intensity", pa.float32(), "0 .. 1; null where the corpus has none", nullable=True),
            field("language", pa.string(), "espeak-ng voice name such as en-us"),
            field("split", pa.string(), "train, validation or test"),
            field("text", pa.string(), "as given by the corpus"),
            field("phones", list_of(pa.string()), "in order, silence included (written sil)"),
            field("duration_frames", list_of(pa.int32()), "of each phone, by cumulative rounding; sums to n_frames"),
            field("n_frames", pa.int32(), "frames of the recording"),
            field("f0_hz", list_of(pa.float32()), "F0 of each frame, Hz; NaN where unvoiced"),
            field("voiced", list_of(pa.bool_()), "of each frame"),
            field("energy_db", list_of(pa.float32()), "level of each frame, dB re full scale"),
            field("mel_ln", list_of(list_of(pa.float32(), n_mels)), "a frame; natural log of magnitude in each mel band"),
            field("phone_log_f0", list_of(pa.float32()), "of each phone: mean ln(F0 in Hz) of voiced frames; NaN where none"),
            field("phone_log_f0_slope", list_of(pa.float32()), "of each phone: slope of ln(F0), a second; NaN below 2 voiced frames"),
            field("phone_energy_db", list_of(pa.float32()), "of each phone: mean energy_db; NaN where it has 0 frames"),
            field("f0_floor_hz", pa.float32(), "lowest F0 that the extractor looked for, Hz"),
            field("f0_ceiling_hz", pa.float32(), "highest F0 that the extractor looked for, Hz"),
            field("fingerprint", pa.string(), "SHA-256 of all that the row depends on"),
            field("fingerprints", _parts, "of mel, pitch, energy and durations, each alone (pipeline.fingerprints)"),
        ]
    )


def _lengths(table: pa.Table, column: str) -> NDArray[np.int64]:
    lengths: NDArray[np.int64] = pc.list_value_length(table.column(column)).to_numpy().astype(np.int64)
    return lengths


def _flat(table: pa.Table, column: str) -> NDArray[Any]:
    """Values of a list column, those of all rows after each other."""
    values: NDArray[Any] = pc.list_flatten(table.column(column).combine_chunks()).to_numpy(zero_copy_only=False)
    return values


def _each(reduce: np.ufunc, values: NDArray[Any], lengths: NDArray[np.int64], empty: float) -> NDArray[np.float64]:
    """`reduce` over the values of each row; `empty` for rows of none."""
    some = lengths > 0
    reduced = np.full(len(lengths), empty)
    if some.any():
        reduced[some] = reduce.reduceat(values, (np.cumsum(lengths) - lengths)[some])
    return reduced


def _summary(table: pa.Table) -> pd.DataFrame:
    n_frames = table.column("n_frames").to_numpy()
    lengths = {column: _lengths(table, column) for column in (*_A_FRAME, *_A_PHONE)}
    rows: dict[str, Any] = {
        "emotion": table.column("emotion").to_pandas(),
        "split": table.column("split").to_pandas(),
        "n_frames": n_frames,
    }
    n_phones = _lengths(table, "phones")
    rows |= {f"{column}_length_error": lengths[column] - n_frames for column in _A_FRAME}
    rows |= {f"{column}_length_error": lengths[column] - n_phones for column in _A_PHONE}
    durations = _flat(table, "duration_frames").astype(np.int64)
    rows["duration_sum_error"] = _each(np.add, durations, lengths["duration_frames"], 0) - n_frames
    rows["shortest_phone_frames"] = _each(np.minimum, durations, lengths["duration_frames"], -1)
    f0_hz, voiced, energy = (_flat(table, column) for column in ("f0_hz", "voiced", "energy_db"))
    rows["f0_low_hz"], rows["f0_high_hz"] = (_each(least, f0_hz, lengths["f0_hz"], np.nan) for least in (np.fmin, np.fmax))
    comparable = lengths["f0_hz"] == lengths["voiced"]  # of the others the length check speaks
    sounding, masked = (
        track[np.repeat(comparable, lengths[column])] for column, track in (("f0_hz", np.isfinite(f0_hz)), ("voiced", voiced))
    )
    rows["voicing_disagreements"] = _each(np.add, (sounding != masked).astype(np.int64), np.where(comparable, lengths["f0_hz"], 0), 0)
    rows["energy_low_db"], rows["energy_high_db"] = (
        _each(least, energy, lengths["energy_db"], np.nan) for least in (np.minimum, np.maximum)
    )
    mel = pc.list_flatten(pc.list_flatten(table.column("mel_ln").combine_chunks())).to_numpy(zero_copy_only=False)
    n_mels = table.schema.field("mel_ln").type.value_type.list_size
    broken = ~np.isfinite(mel).reshape(-1, n_mels).all(axis=1)
    rows["mel_not_finite"] = _each(np.add, broken.astype(np.int64), lengths["mel_ln"], 0)
    return pd.DataFrame(rows)


_ZERO = pandera.Check.eq(0)


@cache
def features_contract(n_mels: int) -> Contract:
    """The contract of a feature shard with `n_mels` mel bands."""
    return Contract(
        name="features",
        arrow=_arrow(n_mels),
        primary_key="utterance_id",
        summary=_summary,
        rows=pandera.DataFrameSchema(
            {
                "emotion": pandera.Column(str, pandera.Check.isin(EMOTIONS)),
                "split": pandera.Column(str, pandera.Check.isin(SPLITS)),
                "n_frames": pandera.Column("int32", pandera.Check.ge(1)),
                **{f"{column}_length_error": pandera.Column(checks=_ZERO) for column in (*_A_FRAME, *_A_PHONE)},
                "duration_sum_error": pandera.Column(checks=_ZERO),
                "shortest_phone_frames": pandera.Column(checks=pandera.Check.ge(0)),
                "f0_low_hz": pandera.Column(float, pandera.Check.gt(20), nullable=True, coerce=True),
                "f0_high_hz": pandera.Column(float, pandera.Check.lt(2500), nullable=True, coerce=True),
                "voicing_disagreements": pandera.Column(checks=_ZERO),
                "energy_low_db": pandera.Column(float, pandera.Check.ge(-200.01), coerce=True),
                "energy_high_db": pandera.Column(float, pandera.Check.le(20), coerce=True),
                "mel_not_finite": pandera.Column(checks=_ZERO),
            }
        ),
    )
