"""Parquet I/O: equal rows give equal bytes, and a file is whole or absent."""

import multiprocessing
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import shards
from schemas.errors import RowError, TableError
from schemas.reasons import Reason
from schemas.tables.rejects import REJECTS, reject_row
from schemas.tables.speakers import PITCH_LIMITS
from tests.rows import CONTRACT, feature_row


def rows(n: int) -> list[dict[str, object]]:
    return [feature_row(f"c/s/{number:03d}", text=f"text {number}") for number in range(n)]


def written(folder, name="a.parquet", n=7, order=1) -> bytes:
    shards.write_table(folder / name, CONTRACT.table(rows(n)[::order]), CONTRACT, row_group_rows=3)
    return (folder / name).read_bytes()


def write_elsewhere(folder) -> None:
    written(folder, "elsewhere.parquet")


def test_bytes_do_not_depend_on_the_order_of_rows_or_the_process(tmp_path):
    here = written(tmp_path)
    assert written(tmp_path, "b.parquet", order=-1) == here
    process = multiprocessing.get_context("spawn").Process(target=write_elsewhere, args=(tmp_path,))
    process.start()
    process.join()
    assert (tmp_path / "elsewhere.parquet").read_bytes() == here


def test_rows_come_back_as_they_were(tmp_path):
    written(tmp_path)
    table = shards.read_table(tmp_path / "a.parquet", CONTRACT)
    assert table.schema.equals(CONTRACT.arrow)
    assert repr(table.to_pylist()) == repr(CONTRACT.table(rows(7)).to_pylist())  # NaN is not equal to itself
    assert [row["text"] for row in shards.iter_rows([tmp_path / "a.parquet"], ["text"])] == [f"text {n}" for n in range(7)]


@pytest.mark.parametrize("n_rows", [0, 3, 8, 9])
def test_a_table_written_group_by_group_has_the_bytes_of_one_written_whole(tmp_path, n_rows):
    table = CONTRACT.table([feature_row(utterance_id=f"c/s/{at:02d}") for at in range(n_rows)])
    shards.write_table(tmp_path / "whole.parquet", table, CONTRACT, row_group_rows=4)
    groups = (table.slice(first, 4) for first in range(0, n_rows, 4))
    assert shards.write_groups(tmp_path / "groups.parquet", groups, CONTRACT) == n_rows
    assert (tmp_path / "groups.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()


def test_groups_out_of_order_are_refused_and_leave_nothing(tmp_path):
    table = CONTRACT.table([feature_row(utterance_id=f"c/s/{at}") for at in range(4)])
    with pytest.raises(TableError, match="must ascend from group to group"):
        shards.write_groups(tmp_path / "out" / "a.parquet", [table.slice(2), table.slice(0, 2)], CONTRACT)
    assert list((tmp_path / "out").iterdir()) == []


def test_rows_are_found_by_a_column_and_groups_without_them_are_passed_over(tmp_path):
    table = CONTRACT.table([feature_row(utterance_id=f"c/s/{at}") for at in range(9)])
    shards.write_table(tmp_path / "a.parquet", table, CONTRACT, row_group_rows=4)
    found = shards.rows_where([tmp_path / "a.parquet"], "utterance_id", {"c/s/1", "c/s/8", "nobody"}, ["utterance_id", "n_frames"])
    assert list(found) == [{"utterance_id": name, "n_frames": feature_row()["n_frames"]} for name in ("c/s/1", "c/s/8")]


def test_a_table_that_breaks_its_contract_is_not_written_and_leaves_nothing(tmp_path):
    with pytest.raises(TableError, match=r"c/s/9.*duration_sum_error"):
        shards.write_table(tmp_path / "a.parquet", CONTRACT.table([feature_row("c/s/9", n_frames=4)]), CONTRACT)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_holds_the_same_bytes_is_not_touched_and_another_is(tmp_path):
    table, path = CONTRACT.table(rows(3)), tmp_path / "a.parquet"
    shards.write_table(path, table, CONTRACT)
    os.utime(path, (1, 1))
    shards.write_table(path, table, CONTRACT)
    assert path.stat().st_mtime == 1
    shards.write_table(path, table.slice(1), CONTRACT)
    assert path.stat().st_mtime > 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.parquet"]


def test_a_file_with_other_columns_is_refused_by_name(tmp_path):
    shards.write_rejects(tmp_path / "a.parquet", [])
    with pytest.raises(TableError, match="table pitch_limits: missing speaker"):
        shards.read_table(tmp_path / "a.parquet", PITCH_LIMITS)


def test_a_missing_file_says_what_to_run(tmp_path):
    with pytest.raises(TableError, match="run `dvc repro`"):
        shards.read_table(tmp_path / "none.parquet", REJECTS)


def test_no_rejects_is_an_empty_table_not_a_missing_file(tmp_path):
    shards.write_rejects(tmp_path / "rejects.parquet", [])
    assert shards.read_table(tmp_path / "rejects.parquet", REJECTS).num_rows == 0
    shards.write_rejects(tmp_path / "rejects.parquet", [reject_row("b", "align", RowError(Reason.TEXT_EMPTY, "x", 1.0))])
    assert shards.read_table(tmp_path / "rejects.parquet", REJECTS).to_pylist()[0]["value"] == 1.0


@given(st.text(), st.integers(1, 500))
def test_a_shard_follows_from_the_id_and_is_in_range(utterance_id, n_shards):
    index = shards.shard_index(utterance_id, n_shards)
    assert 0 <= index < n_shards
    assert index == shards.shard_index(utterance_id, n_shards)


def test_ids_spread_evenly_over_shards():
    counts = [0] * 8
    for number in range(8000):
        counts[shards.shard_index(f"corpus/speaker/{number}", 8)] += 1
    assert min(counts) > 850


def test_shards_of_a_corpus_that_was_not_extracted_are_asked_for(tmp_path):
    written(tmp_path / "toy", "features-0000-of-0001.parquet")
    assert [path.name for path in shards.corpora_shards(tmp_path, ["toy"])] == ["features-0000-of-0001.parquet"]
    with pytest.raises(TableError, match=r"no feature shards of other; run `dvc repro extract`"):
        shards.corpora_shards(tmp_path, ["toy", "other"])
