"""The end of a stage: counts that add up, the limit on rejects, errors without a traceback."""

import json
import subprocess
import sys

import pytest

from pipeline.stage import finish
from schemas.errors import RowError, TooManyRejectsError
from schemas.reasons import Reason
from schemas.tables.rejects import reject_row
from tests.conftest import PROJECT


def rejects(n: int, reason: Reason = Reason.TEXT_EMPTY) -> list[dict[str, object]]:
    return [reject_row(f"c/s/{reason}{number}", "align", RowError(reason, "x")) for number in range(n)]


def test_counts_and_reasons_are_written(tmp_path, capsys):
    finish("align c", 10, 8, rejects(2), 0.5, tmp_path / "m.json", {"hours": 1.5})
    expected = {"rows_in": 10, "rows_out": 8, "rejected": 2, "reasons": {"text_empty": 2}, "hours": 1.5}
    assert json.loads((tmp_path / "m.json").read_text()) == expected
    assert "align c: 10 in, 8 out, 2 rejected (text_empty 2)" in capsys.readouterr().err


def test_a_lost_row_is_our_defect(tmp_path):
    with pytest.raises(AssertionError, match="10 rows in, 7 out and 2 rejected; rows were lost"):
        finish("align", 10, 7, rejects(2), 1.0, tmp_path / "m.json")


def test_too_many_rejects_stop_with_the_commonest_reasons_after_the_counts_are_written(tmp_path):
    many = rejects(4) + rejects(2, Reason.AUDIO_EMPTY)
    with pytest.raises(TooManyRejectsError, match=r"6 of 10 rows rejected.*Commonest: text_empty 4, audio_empty 2.*raise the limit"):
        finish("align", 10, 4, many, 0.5, tmp_path / "m.json")
    assert json.loads((tmp_path / "m.json").read_text())["rejected"] == 6


def test_exactly_the_limit_is_not_too_many(tmp_path):
    finish("align", 10, 5, rejects(5), 0.5, tmp_path / "m.json")


def test_a_stage_ends_with_one_line_and_no_traceback(tmp_path):
    command = [sys.executable, "-m", "pipeline.normalise", "--features", "x", "--out", "y", "--params", str(tmp_path / "none.yaml")]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "ParamsError: " in done.stderr
    assert "is not there; run from the project's folder or pass --params" in done.stderr
    assert "Traceback" not in done.stderr
