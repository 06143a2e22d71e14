"""The command: where it is installed from, what it is called in the documents, and what it says without a dataset."""

import tomllib
from importlib import import_module
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from schemas.errors import TableError
from tests.conftest import PROJECT
from workflows.cli import app
from workflows.dataset_verify import verify


def test_entry_point_leads_to_a_function():
    scripts = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["scripts"]
    module, _, name = scripts["espressivo"].partition(":")
    assert callable(getattr(import_module(module), name))


def test_every_command_is_in_the_documents():
    text = "\n".join(path.read_text(encoding="utf-8") for path in (PROJECT / "docs").glob("*.md"))
    groups = typer.main.get_group(app).commands
    commands = [f"espressivo {group} {name}".strip() for group, sub in groups.items() for name in getattr(sub, "commands", ("",))]
    assert len(commands) >= 6
    assert [command for command in commands if command not in text] == []


def test_help_of_each_command_says_what_it_does():
    for command, option in (("info", "--json"), ("diff", "--json"), ("verify", "--json"), ("show", "--random")):
        told = CliRunner().invoke(app, ["dataset", command, "--help"])
        assert told.exit_code == 0
        assert option in told.stdout


def test_folder_without_a_dataset_ends_with_the_next_action(tmp_path: Path):
    (tmp_path / "params.yaml").write_text((PROJECT / "params.yaml").read_text())
    with pytest.raises(TableError, match="run `dvc repro`"):
        list(verify(tmp_path))
