"""The pages of the documentation that the code itself writes: parameters, tables, commands, modules.

`docs/site_hooks.py` puts them into the site, so that no copy of them can go stale.
"""

import importlib
import inspect
import pkgutil
import re
from pathlib import Path
from typing import Any

import typer
import yaml
from typer.cli import get_docs_for_click

import schemas.tables
from schemas.tables.contract import Contract
from workflows.markdown import columns, prose, table

PACKAGES = ("schemas", "pipeline", "model", "workflows")
_N_MELS = 80  # in the shown types of tables whose width is a parameter
_LINK_INTO_DOCS = re.compile(r"\]\(docs/")
_LINK_TO_FOLDER = re.compile(r"\]\(corpora/?\)")


def pages(project: Path) -> dict[str, str]:
    """Markdown by path inside the site.

    Parameters
    ----------
    project
        Folder of README.md, params.yaml and dvc.yaml.
    """
    modules = {f"reference/api/{name}.md": _module_page(name) for name in PACKAGES}
    return {
        "index.md": _inside_docs((project / "README.md").read_text(encoding="utf-8")),
        "changelog.md": _inside_docs((project / "CHANGELOG.md").read_text(encoding="utf-8")),
        "reference/params.md": params_page((project / "params.yaml").read_text(encoding="utf-8")),
        "reference/tables.md": tables_page(),
        "reference/commands.md": commands_page((project / "dvc.yaml").read_text(encoding="utf-8")),
        **modules,
    }


def params_page(text: str) -> str:
    """`params.yaml` as a table a section: key, value, meaning with unit and range."""
    sections: list[tuple[str, list[list[str]]]] = []
    for line in text.splitlines():
        head = re.match(r"^(\w+):", line)
        if head:
            sections.append((head[1], []))
        entry = re.match(r"^ +([\w]+):\s*(.*?)\s*#\s*(.+)$", line)
        more = re.match(r"^ +#\s*(.+)$", line)
        if entry and sections:
            sections[-1][1].append([f"`{entry[1]}`", f"`{entry[2]}`" if entry[2] else "", prose(entry[3])])
        elif more and sections and sections[-1][1]:
            sections[-1][1][-1][2] += " " + prose(more[1])
    parts = [f"## {name}\n\n{table(['key', 'value', 'meaning, [unit], range'], rows)}" for name, rows in sections if rows]
    return "# Parameters\n\nEvery knob, from `params.yaml` itself.\n\n" + "\n\n".join(parts) + "\n"


def contracts() -> list[Contract]:
    """Every table's contract, by name."""
    found: dict[str, Contract] = {}
    for info in pkgutil.iter_modules(schemas.tables.__path__):
        for name, value in vars(importlib.import_module(f"schemas.tables.{info.name}")).items():
            if isinstance(value, Contract):
                found[value.name] = value
            elif name.endswith("_contract") and callable(value) and "n_mels" in inspect.signature(value).parameters:
                made = value(_N_MELS)
                found[made.name] = made
    return [found[name] for name in sorted(found)]


def tables_page() -> str:
    """Every table's columns."""
    parts = [f"## {one.name}\n\nKey and order: `{one.primary_key}`.\n\n{columns(one)}" for one in contracts()]
    return f"# Tables\n\nWidths are those of {_N_MELS} mel bands.\n\n" + "\n\n".join(parts) + "\n"


def commands_page(dvc: str) -> str:
    """Help of `espressivo` and of every stage's module."""
    from workflows.cli import app

    parts = ["# Commands", get_docs_for_click(**_click(app, "espressivo"), indent=1)]
    for module in stage_modules(yaml.safe_load(dvc)):
        stage = typer.Typer(add_completion=False)
        stage.command()(importlib.import_module(module).main)
        parts.append(get_docs_for_click(**_click(stage, f"python -m {module}"), indent=1))
    return "\n\n".join(parts)


def stage_modules(dvc: dict[str, Any]) -> list[str]:
    """Modules that stages of `dvc.yaml` run, in its order."""
    modules: dict[str, None] = {}
    for stage in dvc["stages"].values():
        command = stage.get("do", stage)["cmd"]
        modules |= dict.fromkeys(re.findall(r"python -m ([\w.]+)", command if isinstance(command, str) else " ".join(command)))
    return list(modules)


def _click(app: typer.Typer, name: str) -> dict[str, Any]:
    command = typer.main.get_command(app)
    return {"obj": command, "ctx": typer.Context(command), "name": name}


def _module_page(package: str) -> str:
    root = importlib.import_module(package)
    names = sorted(info.name for info in pkgutil.walk_packages(root.__path__, f"{package}."))
    return f"# {package}\n\n" + "\n\n".join(f"::: {name}" for name in names) + "\n"


def _inside_docs(text: str) -> str:
    """A file of the project's root with its links as they are from `docs/`."""
    inside = _LINK_TO_FOLDER.sub("](corpora/README.md)", _LINK_INTO_DOCS.sub("](", text))
    return inside.replace("](CHANGELOG.md)", "](changelog.md)")
