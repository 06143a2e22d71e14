"""`espressivo doctor`: everything is either there or comes with what to do."""

import json
from pathlib import Path

from typer.testing import CliRunner

from tests.conftest import PROJECT
from workflows.cli import app
from workflows.doctor import findings


def test_what_is_not_there_comes_with_the_next_action():
    found = list(findings(PROJECT))
    assert {"espeak-ng", "mfa", "GPU", "vocoder", "DVC remote", "model"} <= {finding.what for finding in found}
    helpful = ("pip install", "conda env", "apt-get", "dvc ", "make setup", "nvidia-smi", "not looked for")
    assert [f for f in found if f.state != "ok" and not any(word in f.detail + f.cure for word in helpful)] == []


def test_a_folder_without_parameters_is_told_and_ends_with_one(tmp_path: Path):
    done = CliRunner().invoke(app, ["doctor", "--project", str(tmp_path), "--json"])
    assert done.exit_code == 1
    missing = {finding["what"] for finding in json.loads(done.stdout) if finding["state"] == "missing"}
    assert "params.yaml" in missing


def test_a_remote_is_named(tmp_path: Path):
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc" / "config").write_text("[core]\n    remote = store\n['remote \"store\"']\n    url = /mnt/store\n")
    assert [f.detail for f in findings(tmp_path) if f.what == "DVC remote"] == ["store at /mnt/store"]
