"""One row is a request for speech; primary key request_id; sorted by request_id.

What is said is `text`, or `phones` (the text is then for people), or the words of the recording `utterance_id`. The prosody is that of
the recording (`reference`), the model's (`predicted`) or another recording's (`copy:<utterance_id>`), with edits of the whole and,
in lists with a number a phone, of single phones.
"""

import re
from typing import get_args

import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
import pyarrow.compute as pc

from schemas.params import Sampler
from schemas.tables.contract import Contract, field, list_of
from schemas.tables.utterances import MAX_ID_CHARS

CURVES = {
    "phone_pitch_shift_semitones": "a number a phone, added to its F0, semitones",
    "phone_energy_shift_db": "a number a phone, added to its energy, dB",
    "phone_rate": "a number a phone, its speed",
}
COPY = "copy:"
MAX_TEXT_CHARS = 2000
_ID = r"^(?!.*(^|/)\.{0,2}(/|$))[^\x00-\x1f\\]+$"  # a path below the folder of recordings

_ARROW = pa.schema(
    [
        field("request_id", pa.string(), "name of the request and of its recording"),
        field("set", pa.string(), "group that the request belongs to, such as grid or ladder"),
        field("text", pa.string(), "what to say; null: phones, or the recording's words", nullable=True),
        field("phones", list_of(pa.string()), "what to say in the model's phones; null: from the text", nullable=True),
        field("utterance_id", pa.string(), "recording to speak again; null: none", nullable=True),
        field("language", pa.string(), "of the text, as espeak-ng names voices"),
        field("speaker", pa.string(), "corpus/speaker; null: the recording's", nullable=True),
        field("emotion", pa.string(), "a name, a mix or a schedule; null: the recording's", nullable=True),
        field("intensity", pa.float64(), "of the emotion: 0 none, 1 as learnt, up to 10"),
        field("prosody", pa.string(), "reference, predicted or copy:<utterance_id>"),
        field("pitch_shift_semitones", pa.float64(), "added to F0, semitones"),
        field("pitch_range_scale", pa.float64(), "multiplies the distance of log-F0 from its mean"),
        field("energy_shift_db", pa.float64(), "added to energy, dB"),
        field("rate", pa.float64(), "speed: 2 halves every duration"),
        *(field(name, list_of(pa.float64()), text, nullable=True) for name, text in CURVES.items()),
        field("sampler", pa.string(), "euler, ode2 or sde"),
        field("n_steps", pa.int64(), "network evaluations"),
        field("temperature", pa.float64(), "divides the start noise's standard deviation"),
        field("seed", pa.int64(), "of the noise"),
    ]
)
_SCALARS = [column.name for column in _ARROW if not pa.types.is_list(column.type)]
RANGES = {
    "intensity": (0, 10), "pitch_shift_semitones": (-24, 24), "pitch_range_scale": (0, 5), "energy_shift_db": (-40, 40), "rate": (0.2, 5),
    "n_steps": (1, 1000), "temperature": (1, 10), "seed": (0, 2**63 - 1),
}  # fmt: skip


def _summary(table: pa.Table) -> pd.DataFrame:
    rows: pd.DataFrame = table.select(_SCALARS).to_pandas()
    given = {name: ~table.column(name).to_pandas().isna() for name in ("text", "phones", "utterance_id")}
    rows["what_to_say"] = (given["text"] | given["phones"]).astype(int) + given["utterance_id"].astype(int)
    rows["nobody_speaks"] = rows["speaker"].isna() & ~given["utterance_id"]
    rows["no_emotion"] = rows["emotion"].isna() & ~given["utterance_id"]
    rows["reference_without_recording"] = (rows["prosody"] == "reference") & ~given["utterance_id"]
    lengths = pd.DataFrame({name: pc.list_value_length(table.column(name)).to_pandas() for name in ("phones", *CURVES)})
    rows["curves_of_unequal_length"] = lengths.nunique(axis=1) > 1  # nulls do not count
    return rows


def _false() -> pandera.Column:
    return pandera.Column(bool, pandera.Check.eq(False))


REQUESTS = Contract(
    name="requests",
    arrow=_ARROW,
    primary_key="request_id",
    summary=_summary,
    rows=pandera.DataFrameSchema(
        {
            "request_id": pandera.Column(str, [pandera.Check.str_matches(_ID), pandera.Check.str_length(1, MAX_ID_CHARS)]),
            "set": pandera.Column(str, pandera.Check.str_matches(r"^[\w .+-]{1,64}$")),
            "text": pandera.Column(str, pandera.Check.str_length(1, MAX_TEXT_CHARS), nullable=True),
            "prosody": pandera.Column(str, pandera.Check.str_matches(rf"^(reference|predicted|{re.escape(COPY)}.+)$")),
            "sampler": pandera.Column(str, pandera.Check.isin(get_args(Sampler))),
            **{name: pandera.Column(checks=pandera.Check.in_range(*limits)) for name, limits in RANGES.items()},
            "what_to_say": pandera.Column(int, pandera.Check.eq(1)),
            **{name: _false() for name in ("nobody_speaks", "no_emotion", "reference_without_recording", "curves_of_unequal_length")},
        }
    ),
)
