"""Requests for speech: read from a table of the user's, or made of a split; faulty rows become rejects with what would be right."""

import csv
import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.errors import RowError, TableError
from schemas.names import unknown
from schemas.params import SynthesizeParams
from schemas.reasons import Reason
from schemas.tables.requests import COPY, CURVES, REQUESTS
from schemas.tables.synthesis import SPLIT_SET
from workflows.prosody import PhoneCurves, ProsodyEdit

_FORMATS = (".csv", ".jsonl", ".parquet")
_WITHOUT = {"phone_pitch_shift_semitones": 0.0, "phone_energy_shift_db": 0.0, "phone_rate": 1.0}  # a curve that is not given

# What each check that a row fails means, by the column or column of the summary that it names.
_TOLD = {
    "what_to_say": "give either text or phones, or utterance_id",
    "nobody_speaks": "give a speaker",
    "no_emotion": "give an emotion",
    "reference_without_recording": "prosody 'reference' needs utterance_id; use predicted or copy:<utterance_id>",
    "curves_of_unequal_length": f"phones and {', '.join(CURVES)} must have one length",
}


@dataclass(frozen=True)
class Request:
    """One wish for speech, whole: columns as in `schemas.tables.requests`, in which nothing is left to defaults."""

    request_id: str
    set: str
    text: str | None
    phones: tuple[str, ...] | None
    utterance_id: str | None
    language: str
    speaker: str | None
    emotion: str | None
    intensity: float
    prosody: str
    pitch_shift_semitones: float
    pitch_range_scale: float
    energy_shift_db: float
    rate: float
    phone_pitch_shift_semitones: tuple[float, ...] | None
    phone_energy_shift_db: tuple[float, ...] | None
    phone_rate: tuple[float, ...] | None
    sampler: str
    n_steps: int
    temperature: float
    seed: int

    @property
    def copied_from(self) -> str | None:
        """Id of the utterance whose prosody is copied."""
        return self.prosody.removeprefix(COPY) if self.prosody.startswith(COPY) else None

    @property
    def edit(self) -> ProsodyEdit:
        """Changes of the whole."""
        return ProsodyEdit(self.pitch_shift_semitones, self.pitch_range_scale, self.energy_shift_db, self.rate)

    @property
    def curves(self) -> PhoneCurves | None:
        """Changes of single phones."""
        given = {name: getattr(self, name) for name in CURVES}
        n_phones = next((len(curve) for curve in given.values() if curve is not None), None)
        if n_phones is None:
            return None
        pitch, energy, rate = ([_WITHOUT[name]] * n_phones if curve is None else curve for name, curve in given.items())
        return PhoneCurves(pitch, energy, rate)

    def plain(self) -> dict[str, Any]:
        """As JSON has it, without what is not given."""
        return {name: value for name, value in asdict(self).items() if value is not None}


class Requests(NamedTuple):
    """Sound requests in order of id, and for each faulty row its id and its fault."""

    sound: list[Request]
    faulty: list[tuple[str, RowError]]


def utterance_seed(seed: int, request_id: str) -> int:
    """Seed of one request's noise where it names none: it depends on nothing but the two, so neither batches nor other rows matter."""
    return int.from_bytes(hashlib.sha256(f"{seed}|{request_id}".encode()).digest()[:7], "big")


def request_of_utterance(utterance_id: str, params: SynthesizeParams) -> Request:
    """The wish to hear an utterance of a split again, with what the parameters say of prosody and emotion."""
    given = {"request_id": utterance_id, "utterance_id": utterance_id, "set": SPLIT_SET, "prosody": params.prosody}
    return from_row(completed(given, params, SPLIT_SET, utterance_id))


def read_requests(path: Path, params: SynthesizeParams) -> Requests:
    """Requests of a table: CSV with a header, JSONL with an object a line, or Parquet.

    Columns are those of `schemas.tables.requests`; only what is said, who speaks and how are needed, the rest comes from `params`. In CSV,
    lists are numbers or phones with spaces between. Without `request_id` a row is ``<file's stem>/<number>``.

    Raises
    ------
    TableError
        If the file is missing, of another format, unreadable as a whole, empty, or has a column that is not known.
    """
    if path.suffix not in _FORMATS:
        raise TableError(f"{path} is no request table; write one of {', '.join(_FORMATS)}")
    if not path.is_file():
        raise TableError(f"{path} is not there; write the table, or set synthesize.requests to null (docs/synthesis.md)")
    rows: dict[str, dict[str, object]] = {}
    faulty: list[tuple[str, RowError]] = []
    for number, raw in enumerate(_rows(path), 1):
        fallback = f"{path.stem}/{number:05d}"
        try:
            row = completed(raw() if callable(raw) else raw, params, path.stem, fallback)
            request_id = str(row["request_id"])
            if request_id in rows:
                raise RowError(Reason.DUPLICATE_ID, f"row {number}: '{request_id}' stands there twice; the first was kept, rename one")
            rows[request_id] = row
        except RowError as error:
            faulty.append((f"{path.stem}/row {number:05d}", error))
    if not rows and not faulty:
        raise TableError(f"{path} holds no request; write one row at least (docs/synthesis.md)")
    sound, broken = _checked(rows)
    return Requests(sound, sorted(faulty + broken, key=lambda pair: pair[0]))


def request_from(raw: Mapping[str, object], params: SynthesizeParams, request_id: str) -> Request:
    """One request from what is given of it.

    Raises
    ------
    RowError
        REQUEST_INVALID, with what to give.
    """
    found = _checked({request_id: completed(raw, params, request_id, request_id)})
    for _, fault in found.faulty:
        raise fault
    return found.sound[0]


def completed(raw: Mapping[str, object], params: SynthesizeParams, name: str, fallback_id: str) -> dict[str, object]:
    """A row of the contract from what is given of it: values of the contract's types, what is not given from `params`.

    Raises
    ------
    RowError
        REQUEST_INVALID for a column that is not known or a value that is not of its type.
    """
    given = {key: value for key, value in raw.items() if value is not None and value != ""}
    for key in given:
        if key not in REQUESTS.arrow.names:
            raise RowError(Reason.REQUEST_INVALID, unknown("column", str(key), REQUESTS.arrow.names))
    typed = {key: _typed(key, value) for key, value in given.items()}
    row: dict[str, object] = dict.fromkeys(REQUESTS.arrow.names) | _defaults(params, "utterance_id" in given)
    row |= {"request_id": fallback_id, "set": name} | typed
    if "seed" not in typed:
        row["seed"] = utterance_seed(params.seed, str(row["request_id"]))
    return row


def from_row(row: Mapping[str, Any]) -> Request:
    """A request from a whole row of the contract."""
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
    return Request(**values)


def _defaults(params: SynthesizeParams, has_recording: bool) -> dict[str, object]:
    prosody = f"{COPY}{params.prosody_from}" if params.prosody_from is not None else "predicted"
    same = ("language", "emotion", "pitch_shift_semitones", "pitch_range_scale", "energy_shift_db", "rate", "sampler", "n_steps")
    own: dict[str, object] = {key: getattr(params, key) for key in (*same, "temperature")}
    if has_recording and params.prosody_from is None:
        prosody = params.prosody
    return {**own, "intensity": params.emotion_scale, "prosody": prosody}


def _checked(rows: dict[str, dict[str, object]]) -> Requests:
    table = REQUESTS.table(list(rows.values()))
    broken = {row.index: row.detail for row in REQUESTS.broken_rows(table)}
    ordered = [rows[request_id] for request_id in sorted(rows)]
    sound = [from_row(row) for index, row in enumerate(ordered) if index not in broken]
    return Requests(sound, [(str(ordered[at]["request_id"]) or "(empty)", _fault(detail)) for at, detail in broken.items()])


def _fault(detail: str) -> RowError:
    meant = [told for name, told in _TOLD.items() if name in detail]
    return RowError(Reason.REQUEST_INVALID, "; ".join(meant or [detail]))


def _rows(path: Path) -> Iterator[Any]:
    """Raw rows; a callable where reading a row may itself fail."""
    try:
        if path.suffix == ".parquet":
            _check_columns(path, pq.read_schema(path).names)
            for batch in pq.ParquetFile(path).iter_batches():
                yield from batch.to_pylist()
            return
        with path.open(encoding="utf-8-sig", newline="") as file:
            if path.suffix == ".csv":
                reader = csv.DictReader(file, restkey="(too many cells)")
                _check_columns(path, reader.fieldnames or [])
                yield from reader
            else:
                yield from (_line(line) for line in file if line.strip())
    except (OSError, UnicodeDecodeError, csv.Error, pa.ArrowException) as error:
        raise TableError(f"{path} cannot be read ({type(error).__name__}: {error}); write UTF-8 CSV, JSONL or Parquet") from None


def _line(line: str) -> Any:
    def parse() -> dict[str, object]:
        try:
            row = json.loads(line)
        except ValueError as error:
            raise RowError(Reason.REQUEST_INVALID, f"not JSON: {error}; write one object a line") from None
        if not isinstance(row, dict):
            raise RowError(Reason.REQUEST_INVALID, f"{type(row).__name__} in place of an object; write one object a line")
        return row

    return parse


def _check_columns(path: Path, names: Any) -> None:
    wrong = [name for name in names if name not in REQUESTS.arrow.names]
    if wrong:
        raise TableError(f"{path}: {unknown('column', str(wrong[0]), REQUESTS.arrow.names)}. Rename or remove it")


def _typed(name: str, value: object) -> object:
    """A value as the contract's type has it; CSV gives text for all."""
    wanted = REQUESTS.arrow.field(name).type
    try:
        if pa.types.is_list(wanted):
            parts = value.split() if isinstance(value, str) else list(value)  # type: ignore[call-overload]
            return [_scalar(part, wanted.value_type) for part in parts]
        return _scalar(value, wanted)
    except (TypeError, ValueError):
        raise RowError(Reason.REQUEST_INVALID, f"{name} is {value!r}, not {wanted}; write it so") from None


def _scalar(value: object, wanted: pa.DataType) -> object:
    if pa.types.is_string(wanted):
        if not isinstance(value, str):
            raise TypeError
        return value.strip()
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TypeError
    if pa.types.is_floating(wanted):
        number = float(value)
        if not math.isfinite(number):
            raise ValueError
        return number
    whole = int(value)  # not by way of float: seeds have up to 63 bits
    if (whole != value and not isinstance(value, str)) or not 0 <= whole < 2**63:
        raise ValueError
    return whole
