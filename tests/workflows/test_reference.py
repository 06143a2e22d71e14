"""The documents that are written by the code say all of it."""

import importlib

import typer
import yaml

from schemas.params import Params, load_params
from tests.conftest import PROJECT
from workflows import reference
from workflows.markdown import table

PARAMS, DVC = ((PROJECT / name).read_text(encoding="utf-8") for name in ("params.yaml", "dvc.yaml"))


def test_every_parameter_has_a_row_with_its_meaning():
    page = reference.params_page(PARAMS)
    sections = {part.splitlines()[0]: part for part in page.split("\n## ")[1:]}
    for name, section in load_params(PROJECT / "params.yaml", Params).model_dump().items():
        keys = next(iter(section.values())) if name == "corpora" else section
        assert [key for key in keys if not isinstance(keys[key], dict) and f"| `{key}` |" not in sections[name]] == []


def test_a_comment_over_several_lines_is_told_whole():
    page = reference.params_page("a:\n  key: 1   # <stem> starts here; 0 .. 2\n           # and ends here\n")
    assert "| `key` | `1` | &lt;stem> starts here; 0 .. 2 and ends here |" in page


def test_every_column_of_every_table_is_described():
    contracts = reference.contracts()
    assert {"utterances", "alignments", "features", "quality", "rejects", "synthesis", "evaluation"} <= {one.name for one in contracts}
    assert [(one.name, name) for one in contracts for name, told in one.descriptions.items() if not told] == []


def test_every_stage_and_every_command_has_its_help():
    page = reference.commands_page(DVC)
    modules = reference.stage_modules(yaml.safe_load(DVC))
    assert len(modules) >= 9
    assert [name for name in modules if f"`python -m {name}`" not in page] == []
    assert "`espressivo dataset diff`" in page


def test_every_command_and_each_of_its_options_says_what_it_is_for():
    from workflows.cli import app

    silent = []
    waiting = [("espressivo", typer.main.get_command(app))]
    for module in reference.stage_modules(yaml.safe_load(DVC)):
        stage = typer.Typer()
        stage.command()(importlib.import_module(module).main)
        waiting.append((module, typer.main.get_command(stage)))
    while waiting:
        name, command = waiting.pop()
        silent += [name] * (not command.help) + [f"{name} {option.name}" for option in command.params if not option.help]
        waiting += [(f"{name} {below}", one) for below, one in getattr(command, "commands", {}).items()]
    assert silent == []


def test_links_of_the_readme_and_the_changelog_lead_into_the_site():
    made = reference.pages(PROJECT)
    assert "](docs/" not in made["index.md"] + made["changelog.md"]
    assert "](corpora/README.md)" in made["index.md"]
    assert "](synthesis.md)" in made["changelog.md"]


def test_a_bar_inside_a_cell_does_not_end_it():
    assert table(["a"], [["x | y"]]).splitlines()[-1] == "| x \\| y |"
