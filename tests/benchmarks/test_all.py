"""Benchmarks are run by hand and rarely: what they import must not be gone by then."""

from importlib import import_module
from pathlib import Path

import pytest

import benchmarks

NAMES = sorted(path.stem for path in Path(benchmarks.__path__[0]).glob("[!_]*.py"))


@pytest.mark.parametrize("name", NAMES)
def test_imports_what_exists(name: str):
    assert import_module(f"benchmarks.{name}").__doc__
