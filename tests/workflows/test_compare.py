"""Comparing two runs whose differences are known."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from pipeline.shards import write_table
from schemas.errors import TableError
from schemas.tables.evaluation import EVALUATION
from tests.project import Project
from workflows.cli import app
from workflows.compare import compare, load

N = 40
NOISE = np.random.default_rng(3).normal(0, 0.2, N)


def table(changes: dict[str, np.ndarray], n: int = N) -> list[dict[str, object]]:
    """Rows of the model with the same values in each run but for `changes`."""
    base = {"mcd_db": np.linspace(4, 8, N), "f0_correlation": np.linspace(0.1, 0.8, N), "control_f0_bias_cents": np.full(N, -30.0)}
    values = {name: base[name] + changes.get(name, 0) for name in base}
    return [
        {
            "key": f"model|x/s/{i:03d}", "kind": "model", "request_id": f"x/s/{i:03d}", "utterance_id": f"x/s/{i:03d}", "set": "split",
            "split": "test", "speaker": "x/s", "emotion": "sad", "text": f"sentence {i}",
            **{name: float(of_rows[i]) for name, of_rows in values.items()},
        }
        for i in range(n)
    ]  # fmt: skip


def frame(changes: dict[str, np.ndarray], n: int = N) -> pd.DataFrame:
    return EVALUATION.table(table(changes, n)).to_pandas()


def by_measure(before: pd.DataFrame, after: pd.DataFrame) -> dict[str, dict[str, object]]:
    return {found.measure: asdict(found) for found in compare(before, after, n_examples=2, bootstrap_samples=500)}


def test_a_run_against_itself_differs_in_nothing():
    found = by_measure(frame({}), frame({}))
    assert set(found) == {"mcd_db", "f0_correlation", "control_f0_bias_cents"}
    for measure in found.values():
        assert (measure["n"], measure["difference"], measure["verdict"], measure["most_changed"]) == (N, 0.0, "none", [])


def test_a_known_shift_is_given_back_with_an_interval_around_it():
    found = by_measure(frame({}), frame({"mcd_db": -0.5 + NOISE}))["mcd_db"]
    assert found["difference"] == pytest.approx(-0.5 + NOISE.mean())
    assert found["low"] < -0.5 < found["high"] < 0
    assert found["verdict"] == "better"


def test_noise_around_nothing_is_no_difference():
    assert by_measure(frame({}), frame({"mcd_db": NOISE - NOISE.mean()}))["mcd_db"]["verdict"] == "none"


def test_higher_is_better_for_a_correlation_and_nearer_to_zero_for_a_bias():
    found = by_measure(frame({}), frame({"f0_correlation": np.full(N, 0.1), "control_f0_bias_cents": np.full(N, 80.0)}))
    assert found["f0_correlation"]["verdict"] == "better"
    assert (found["control_f0_bias_cents"]["a"], found["control_f0_bias_cents"]["b"]) == (30.0, 50.0)
    assert found["control_f0_bias_cents"]["verdict"] == "worse"


def test_requests_that_changed_most_come_first_with_both_values():
    change = np.zeros(N)
    change[[7, 21]] = [2.0, -3.0]
    found = by_measure(frame({}), frame({"mcd_db": change}))["mcd_db"]["most_changed"]
    assert [one["request_id"] for one in found] == ["x/s/021", "x/s/007"]
    assert found[0]["b"] - found[0]["a"] == pytest.approx(-3.0)
    assert found[0]["text"] == "sentence 21"


def test_only_requests_of_both_runs_count_and_none_is_an_error():
    assert by_measure(frame({}), frame({}, n=5))["mcd_db"]["n"] == 5
    with pytest.raises(TableError, match="no request in common"):
        compare(frame({}), frame({}, n=0), 3, 500)


def test_command_compares_two_folders_for_people_and_for_machines(tmp_path: Path):
    for run, changes in (("a", {}), ("b", {"mcd_db": -0.5 + NOISE})):
        write_table(tmp_path / run / "data/evaluate/evaluation.parquet", EVALUATION.table(table(changes)), EVALUATION)
    runs = [str(tmp_path / run) for run in ("a", "b")]
    told = json.loads(CliRunner().invoke(app, ["compare", *runs, "--json"], catch_exceptions=False).output)
    assert [one["verdict"] for one in told["measures"] if one["measure"] == "mcd_db"] == ["better"]
    shown = CliRunner().invoke(app, ["compare", *runs, "--examples", "1"], catch_exceptions=False).output
    assert "mcd_db" in shown
    assert "changed most in" in shown


def test_folder_without_a_run_ends_with_the_next_action(tmp_path: Path):
    with pytest.raises(TableError, match="dvc repro evaluate"):
        load(str(tmp_path), tmp_path)


@pytest.mark.slow
def test_a_git_revision_is_read_through_dvc_and_compared_with_the_folder_as_it_is(tmp_path: Path):
    project = Project(tmp_path)
    for command in (
        ("git", "init", "-q"),
        ("dvc", "init", "-q"),
        ("git", "config", "user.name", "a"),
        ("git", "config", "user.email", "a@b"),
    ):
        project.run(*command)
    for changes in ({}, {"mcd_db": -0.5 + NOISE}):
        write_table(tmp_path / "data/evaluate/evaluation.parquet", EVALUATION.table(table(changes)), EVALUATION)
        project.run("dvc", "add", "-q", "data/evaluate")
        project.commit("a run")
    assert by_measure(load("HEAD~1", tmp_path), load(str(tmp_path), tmp_path))["mcd_db"]["verdict"] == "better"
    with pytest.raises(TableError, match="name a commit, branch or tag"):
        load("no-such-revision", tmp_path)
