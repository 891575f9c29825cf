VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin

.PHONY: serve test test-clients lint bench install install-dev

serve: install
	$(BIN)/ostraka serve

install: $(VENV)/.installed
install-dev: $(VENV)/.installed-dev

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet -e .
	touch $@

$(VENV)/.installed-dev: pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet -e '.[dev]'
	touch $@ $(VENV)/.installed

# Options go in BENCH: make bench BENCH="--quick --json figures"
bench: $(VENV)/.installed-bench
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks $(BENCH)

$(VENV)/.installed-bench: pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet -e '.[bench]'
	touch $@

lint: install-dev
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/lint-imports
	$(BIN)/mypy

test: install-dev lint
	$(BIN)/pytest

# Every version in tests/clients/versions.toml, not the newest of each major only.
test-clients: install-dev
	OSTRAKA_TEST_ALL_CLIENTS=1 $(BIN)/pytest -m clients
