# Espressivo: `make demo` shows it whole, `make test` proves it. Both set up a virtual environment first.
# TORCH=cpu (default) installs PyTorch without CUDA; TORCH=default takes what your package index offers (CUDA on Linux).

PYTHON ?= python3.11
TORCH ?= cpu
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
TORCH_VERSION := $(shell sed -n 's/^torch==//p' constraints.txt)
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: help demo test test-fast check docs setup clean

help:  ## what can be made
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

demo: setup  ## make the demo corpus, run the whole pipeline, say where the report is
	$(BIN)/python -m workflows.demo_corpus --out data/corpora/demo
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/dvc repro
	@echo
	@echo "Done. Open $(CURDIR)/reports/index.html"

# Two processes of tests, a thread each: threads that share a core wait for each other at several times the cost.
test: setup  ## all tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadgroup

test-fast: setup  ## the tests that take seconds
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadgroup -m "not slow"

check: setup  ## style, types, docs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_docs.py
	$(MAKE) docs

docs: setup  ## the documentation as a site, in site/index.html
	NO_MKDOCS_2_WARNING=1 PYTHONWARNINGS="ignore:pkg_resources is deprecated" $(BIN)/mkdocs build --strict

setup: $(READY)  ## virtual environment with pinned dependencies

$(READY): pyproject.toml constraints.txt nodeps.txt Makefile
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is needed and $(PYTHON) is not on PATH. Debian/Ubuntu: sudo apt-get install python3.11 python3.11-venv python3.11-dev; or: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' || { echo "$(PYTHON) is not Python 3.11 or 3.12; make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "venv is missing: sudo apt-get install python3.11-venv"; exit 1; }
	@command -v cc >/dev/null && command -v c++ >/dev/null || { echo "A C++ compiler is needed for pyworld: sudo apt-get install build-essential python3.11-dev"; exit 1; }
	@command -v git >/dev/null || { echo "git is needed by DVC: sudo apt-get install git"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -c constraints.txt pip wheel "setuptools<81"
ifeq ($(TORCH),cpu)
	$(BIN)/pip install -q -c constraints.txt "torch==$(TORCH_VERSION)+cpu" || $(BIN)/pip install -q --index-url https://download.pytorch.org/whl/cpu "torch==$(TORCH_VERSION)"
endif
	$(BIN)/pip install -q -c constraints.txt -e ".[dev]"
	$(BIN)/pip install -q --no-deps -r nodeps.txt
	@touch $@

clean:  ## remove what the pipeline made (not the virtual environment)
	rm -rf data/ingest data/align data/extract data/voices data/normalise data/synthesize data/showcase data/evaluate models metrics plots reports
