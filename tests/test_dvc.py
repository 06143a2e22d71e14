"""dvc.yaml tells the truth: code dependencies, parameters and descriptions of every stage."""

import ast
import importlib
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.test_imports import PROJECT, first_party_imports

STAGES: dict[str, dict[str, Any]] = {
    name: stage.get("do", stage) for name, stage in yaml.safe_load((PROJECT / "dvc.yaml").read_text(encoding="utf-8"))["stages"].items()
}
EXPECTED = ["ingest", "align", "extract", "voices", "card", "normalise", "train", "synthesize", "showcase", "evaluate", "report"]


def module_file(name: str) -> Path | None:
    """File of a dotted first-party name; a name inside a module gives that module's file."""
    while name:
        stem = PROJECT / name.replace(".", "/")
        if stem.with_suffix(".py").is_file():
            return stem.with_suffix(".py")
        if (stem / "__init__.py").is_file():
            return stem / "__init__.py"
        name = name.rpartition(".")[0]
    return None


def code_of(module: str) -> set[str]:
    """Files of a module and of all first-party modules that it imports, however deep; their packages' __init__ files if these have code."""
    todo, seen = [module], set()
    while todo:
        name = todo.pop()
        path = module_file(name)
        if path is None or path in seen:
            continue
        seen.add(path)
        todo += sorted(first_party_imports(path))
        todo += [".".join(path.relative_to(PROJECT).parts[:depth]) for depth in range(1, len(path.relative_to(PROJECT).parts))]
    return {
        str(path.relative_to(PROJECT))
        for path in seen
        if len(ast.parse(path.read_text(encoding="utf-8")).body) > 1 or path.stem != "__init__"
    }


def stage_module(stage: dict[str, Any]) -> str:
    found = re.search(r"python -m ([\w.]+)", stage["cmd"])
    assert found, stage["cmd"]
    return found.group(1)


def test_all_stages_of_the_design_are_there_in_order():
    assert list(STAGES) == EXPECTED


@pytest.mark.parametrize("name", EXPECTED)
def test_stage_depends_on_exactly_the_code_that_it_imports(name):
    listed = {dep for dep in STAGES[name]["deps"] if dep.endswith(".py")}
    imported = code_of(stage_module(STAGES[name]))
    assert listed == imported, f"add {sorted(imported - listed)}, remove {sorted(listed - imported)} in dvc.yaml"


@pytest.mark.parametrize("name", EXPECTED)
def test_stage_has_a_description_and_a_module_of_its_own_name(name):
    assert len(STAGES[name]["desc"]) > 20
    assert stage_module(STAGES[name]).rpartition(".")[2] == name


@pytest.mark.parametrize("name", EXPECTED)
def test_stage_lists_exactly_the_parameters_that_it_reads(name):
    module = importlib.import_module(stage_module(STAGES[name]))
    declared = set(getattr(module, f"{name.capitalize()}StageParams").model_fields)
    listed = {param.split(".")[0] for param in STAGES[name]["params"]}
    assert listed == declared


def maker_of(dep: str) -> str | None:
    """Stage that makes what another depends on; `corpus` for a corpus's root, None for code."""
    if dep.startswith("${"):
        return "corpus"
    folder, _, rest = dep.partition("/")
    return {
        "data": rest.partition("/")[0],
        "models": "train",
        "requests": "requests",
        "plots": rest,
        "metrics": rest.removesuffix(".json"),
    }.get(folder)
