"""Imports run one way: schemas <- pipeline, schemas <- model, and all three <- workflows."""

import ast
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


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_module_says_what_it_is_for(path):
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), f"{path} has no docstring"
