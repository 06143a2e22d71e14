"""Imports run one way: schemas <- pipeline, schemas <- model, and all three <- workflows."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
ALLOWED = {
    "schemas": {"schemas"},
    "pipeline": {"schemas", "pipeline"},
    "model": {"schemas", "model"},
    "workflows": {"schemas", "pipeline", "model", "workflows"},
}
MODULES = sorted(path for package in ALLOWED for path in (PROJECT / package).rglob("*.py"))


def first_party_imports(path: Path) -> set[str]:
    """Dotted names of our own modules (or names in them) that a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return {name for name in names if name.split(".")[0] in ALLOWED}


def test_there_are_modules_to_check():
    assert len(MODULES) > 20


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_module_imports_only_packages_that_stand_before_it(path):
    package = path.relative_to(PROJECT).parts[0]
    strangers = {name for name in first_party_imports(path) if name.split(".")[0] not in ALLOWED[package]}
    assert not strangers, f"{path.name} imports {sorted(strangers)}"


# What the packages inside `pipeline` know of it, as docs/architecture.md has it.
KNOWN = {
    "text": set(),
    "extractors": set(),
    "corpora": {"storage"},
    "aligners": {"text", "audio", "cluster", "digests", "files", "shards", "storage"},
}


def imported_modules() -> dict[str, set[str]]:
    """Each module's dotted name with those that it imports."""
    names = {".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__"): path for path in MODULES}
    return {name: (first_party_imports(path) & names.keys()) - {name} for name, path in names.items()}


@pytest.mark.parametrize("package", KNOWN)
def test_package_of_the_pipeline_imports_what_stands_below_it_and_nothing_else(package):
    own = [modules for name, modules in imported_modules().items() if name.startswith(f"pipeline.{package}.")]
    assert {name.split(".")[1] for modules in own for name in modules if name.startswith("pipeline.")} - {package} == KNOWN[package]


def test_nothing_imports_in_a_circle():
    TopologicalSorter(imported_modules()).prepare()  # raises CycleError, which names the circle


def test_no_stage_imports_another():
    stages = {"pipeline": {"ingest", "align", "extract", "voices", "normalise"}}
    stages["workflows"] = {"card", "train", "synthesize", "showcase", "evaluate", "report"}
    names = {f"{package}.{stage}" for package, own in stages.items() for stage in own}
    imports = imported_modules()
    assert names <= imports.keys()
    assert {name: imports[name] & names for name in names if imports[name] & names} == {}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_module_says_what_it_is_for(path):
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), f"{path} has no docstring"
