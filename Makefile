VENV ?= .venv
PYTHON ?= python3
# Processes that test; 0 is this one alone.
PROCESSES ?= 2
BIN := $(VENV)/bin

.PHONY: serve test test-long test-endurance test-clients lint docs bench openenv install install-dev

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
	$(BIN)/pytest -n $(PROCESSES) --dist loadfile

# What the environment's folder needs before `openenv push` or `docker build`: a wheel, and the lock
# that OpenEnv's older validators ask for.
openenv: install
	rm -rf examples/openenv/wheels examples/openenv/uv.lock
	$(BIN)/pip wheel --quiet --no-deps --wheel-dir examples/openenv/wheels .
	$(BIN)/pip install --quiet uv
	$(BIN)/python -m uv lock --quiet --directory examples/openenv

# What the quick tests do, many more times.
test-long: install-dev
	$(BIN)/pytest -m long -n $(PROCESSES) --dist loadfile

# What takes a quarter of an hour or more; not a part of CI.
test-endurance: install-dev
	$(BIN)/pytest -m endurance

# Every version in tests/clients/versions.toml, not the newest of each major only.
test-clients: install-dev
	OSTRAKA_TEST_ALL_CLIENTS=1 $(BIN)/pytest -m clients
