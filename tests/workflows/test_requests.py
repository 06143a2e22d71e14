"""Request tables: what is read, what is filled in, and what is refused with what would be right."""

import json
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import RowError, TableError
from schemas.params import Params, load_params
from schemas.reasons import Reason
from schemas.tables.requests import REQUESTS
from tests.conftest import PROJECT
from workflows.requests import Requests, completed, read_requests, request_of_utterance

PARAMS = load_params(PROJECT / "params.yaml", Params).synthesize
ROW = {"text": "Hello, you.", "speaker": "toy/s1", "emotion": "angry"}


def read(folder: Path, *rows: object, name: str = "mine.jsonl") -> Requests:
    (folder / name).write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows), encoding="utf-8")
    return read_requests(folder / name, PARAMS)


def test_what_a_row_leaves_out_comes_from_the_parameters(tmp_path):
    (request,) = read(tmp_path, ROW).sound
    assert (request.request_id, request.set, request.prosody) == ("mine/00001", "mine", "predicted")
    assert (request.sampler, request.n_steps, request.intensity) == (PARAMS.sampler, PARAMS.n_steps, PARAMS.emotion_scale)
    assert request.curves is None


def test_one_table_in_three_formats_is_the_same_requests(tmp_path):
    rows = [
        ROW | {"request_id": "a", "intensity": 1.5, "seed": 3},
        {"request_id": "b", "phones": ["a", "t"], "phone_rate": [1.0, 0.5], "speaker": "s", "emotion": "angry:0.6,sad:0.4"},
    ]
    csv = 'request_id,text,phones,phone_rate,speaker,emotion,intensity,seed\na,"Hello, you.",,,toy/s1,angry,1.5,3\n'
    csv += 'b,,a t,1.0 0.5,s,"angry:0.6,sad:0.4",,\n'
    columns = dict.fromkeys([*rows[0], *rows[1]])
    pq.write_table(pa.Table.from_pylist([columns | row for row in rows]), tmp_path / "mine.parquet")
    found = [read(tmp_path, *rows), read(tmp_path, csv, name="mine.csv"), read_requests(tmp_path / "mine.parquet", PARAMS)]
    assert [request.request_id for request in found[0].sound] == ["a", "b"]
    assert found[0].sound == found[1].sound == found[2].sound
    assert not any(requests.faulty for requests in found)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"speaker": "s", "emotion": "sad"}, "give either text or phones, or utterance_id"),
        (ROW | {"utterance_id": "c/s/1"}, "give either text or phones, or utterance_id"),
        ({"text": "a", "emotion": "sad"}, "give a speaker"),
        ({"text": "a", "speaker": "s"}, "give an emotion"),
        (ROW | {"prosody": "reference"}, "needs utterance_id"),
        (ROW | {"prosody": "copied"}, "prosody=copied"),
        (ROW | {"rate": 9.0}, "rate=9.0"),
        (ROW | {"rate": "fast"}, "rate is 'fast', not double"),
        (ROW | {"n_steps": 1.5}, "n_steps is 1.5, not int64"),
        (ROW | {"intensity": float("nan")}, "intensity is nan"),
        (ROW | {"seed": -1}, "seed is -1"),
        (ROW | {"seed": 10**30}, "seed"),
        (ROW | {"sampler": "heun"}, "sampler=heun"),
        (ROW | {"emotoin": "sad"}, "did you mean 'emotion'?"),
        (ROW | {"phones": ["a", "b"], "phone_rate": [1.0]}, "must have one length"),
        (ROW | {"request_id": "../../etc/passwd"}, "request_id="),
        (ROW | {"request_id": "a/./b"}, "request_id="),
        (ROW | {"request_id": "/root"}, "request_id="),
        ("{", "not JSON"),
        ("[1]", "list in place of an object"),
    ],
)
def test_a_faulty_row_is_a_reject_that_says_what_to_give_and_harms_no_other(tmp_path, row, told):
    found = read(tmp_path, ROW, row)
    assert len(found.sound) == 1
    ((_, fault),) = found.faulty
    assert fault.reason is Reason.REQUEST_INVALID
    assert told in fault.detail


def test_the_second_row_of_one_id_is_a_reject(tmp_path):
    found = read(tmp_path, ROW | {"request_id": "a"}, ROW | {"request_id": "a", "rate": 2.0})
    assert [request.rate for request in found.sound] == [1.0]
    assert found.faulty[0][1].reason is Reason.DUPLICATE_ID


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.xlsx", "", "write one of .csv, .jsonl, .parquet"),
        ("a.csv", "", "holds no request"),
        ("a.csv", "text,emotoin\na,b\n", "did you mean 'emotion'"),
        ("a.parquet", "no parquet", "cannot be read"),
    ],
)
def test_a_table_that_is_none_stops_the_run_with_the_next_action(tmp_path, name, content, told):
    (tmp_path / name).write_text(content)
    with pytest.raises(TableError, match=told):
        read_requests(tmp_path / name, PARAMS)
    with pytest.raises(TableError, match=r"is not there|is no request table"):
        read_requests(tmp_path / f"missing{name}", PARAMS)


def test_a_split_is_requests_too():
    request = request_of_utterance("c/s/1", PARAMS)
    assert (request.request_id, request.utterance_id, request.set, request.prosody) == ("c/s/1", "c/s/1", "split", "reference")


def test_curves_that_are_not_given_change_nothing(tmp_path):
    (request,) = read(tmp_path, ROW | {"phone_energy_shift_db": [1, 2]}).sound
    assert request.curves is not None
    assert request.curves.energy_shift_db == (1.0, 2.0)
    assert list(request.curves.rate) == [1.0, 1.0]


VALUES = st.none() | st.text() | st.integers() | st.floats() | st.lists(st.text())


@given(st.dictionaries(st.sampled_from(["text", "speaker", "seed", "rate", "phones", "nonsense"]), VALUES))
def test_any_row_is_completed_or_refused_as_invalid(raw):
    with suppress(RowError):
        row = completed(raw, PARAMS, "set", "id")
        assert set(row) == set(REQUESTS.arrow.names)
        assert row["request_id"] == "id"
