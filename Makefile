VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin

.PHONY: serve test test-clients lint docs bench install install-dev

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

$(VENV)/.installed-docs: pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet -e '.[docs]'
	touch $@

# Options go in BENCH: make bench BENCH="--quick --json figures"
bench: $(VENV)/.installed-bench
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks $(BENCH)

$(VENV)/.installed-bench: pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet -e '.[bench]'
	touch $@

lint: install-dev
	$(BIN)/ruff format --check src tests scripts benchmarks
	$(BIN)/ruff check src tests scripts benchmarks
	$(BIN)/lint-imports
	$(BIN)/mypy

# Into site/; a broken link or a page that no menu names is an error.
docs: $(VENV)/.installed-docs
	$(BIN)/python scripts/settings_table.py
# Without --quiet: it would hide warnings from --strict too.
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

test: install-dev lint docs
	$(BIN)/pytest

# Every version in tests/clients/versions.toml, not the newest of each major only.
test-clients: install-dev
	OSTRAKA_TEST_ALL_CLIENTS=1 $(BIN)/pytest -m clients
