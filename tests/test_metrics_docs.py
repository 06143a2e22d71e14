"""docs/metrics.md defines every measure, judge and parameter of the evaluation."""

import re

from schemas.params import EvaluateParams
from schemas.tables.evaluation import EVALUATION, MEASURE_DETAILS
from tests.conftest import PROJECT
from workflows.judges import JUDGES

PAGE = (PROJECT / "docs/metrics.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(\w+)` \| ([^|]*) \| ([^|]*) \| [^|]* \| (.+) \|$", PAGE, re.M)


def test_every_measure_has_its_row_in_the_order_of_the_table_and_says_which_value_is_better():
    assert [(name, better) for name, _, better, _ in ROWS] == [(name, measure.better) for name, measure in MEASURE_DETAILS.items()]
    assert [name for name, *_, text in ROWS if len(text) < 40] == []


def test_units_stand_in_the_names():
    assert [name for name, unit, *_ in ROWS if unit.startswith("dB") and not name.endswith("_db")] == []
    assert [name for name, unit, *_ in ROWS if unit.startswith("cents") and not name.endswith("_cents")] == []


def test_columns_that_are_no_measures_and_parameters_are_told_of():
    told = [name for name in EVALUATION.arrow.names if name.startswith("recognised_")]
    assert [name for name in [*told, *EvaluateParams.model_fields, *JUDGES] if name not in PAGE] == []


def test_packages_without_dependencies_are_pinned():
    lines = [line for line in (PROJECT / "nodeps.txt").read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    assert lines
    assert [line for line in lines if not re.fullmatch(r"[\w-]+==[\d.]+", line)] == []
