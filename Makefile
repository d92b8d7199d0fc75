# make run        set up and run the demo end to end
# make test       set up and run every test
# make help       the rest
#
# Needs git, make and Python 3.11 to 3.14; another one than python3 as `make test PYTHON=python3.13`.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help run test test-quick test-slow check format lint types definitions lock dev bench bench-drift clean

PYTHON ?= python3
UV_VERSION := 0.13.9
VENV := $(if $(filter python3,$(PYTHON)),.venv,.venv-$(notdir $(PYTHON)))
PY := $(VENV)/bin/python
UV := UV_COMPILE_BYTECODE=1 UV_PROJECT_ENVIRONMENT=$(VENV) UV_PYTHON_DOWNLOADS=never $(VENV)/bin/uv
unexport VIRTUAL_ENV

# What there is to measure, each a module of tests/bench; `scale` goes up to a million submissions and takes long.
BENCH ?= harmonize kobo central verify files forms newform

# A file of tests runs in one process, several files side by side: all that a file prepares is prepared once.
SIDE_BY_SIDE := -n auto --maxprocesses 4 --dist loadfile

# The demo keeps all its state here; it is ignored by git.
DEMO := $(CURDIR)/.cccm
WITH_DEMO := CCCM_PROJECT="$(CURDIR)" CCCM_DATA="$(DEMO)" DAGSTER_HOME="$(DEMO)/dagster" CCCM_DEMO_TOKEN=demo-token

help:  ## say what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' Makefile

run: $(VENV)/.for-run  ## set up, then the demo end to end: server, sync, harmonize, check, publish
	@$(WITH_DEMO) $(VENV)/bin/cccm demo run

test: $(VENV)/.for-dev  ## set up, then every test (ARGS="-k name" for some)
	$(PY) -m pytest $(SIDE_BY_SIDE) -m "not long" $(ARGS)

test-quick: $(VENV)/.for-dev  ## the tests that take no time
	$(PY) -m pytest $(SIDE_BY_SIDE) -m "not slow and not long" $(ARGS)

test-slow: $(VENV)/.for-dev  ## every test, and the full matrices of faults and kills
	$(PY) -m pytest $(SIDE_BY_SIDE) $(ARGS)

check: format lint types definitions lock  ## format, lint, types, definitions, lock: what a commit must pass

format: $(VENV)/.for-dev
	$(PY) -m ruff format --check .

lint: $(VENV)/.for-dev
	$(PY) -m ruff check .

types: $(VENV)/.for-dev
	$(PY) -m mypy --strict pipelines

definitions: $(VENV)/.for-dev
	@mkdir -p "$(DEMO)/dagster" && cp dagster.yaml "$(DEMO)/dagster/"
	$(WITH_DEMO) $(PY) -W ignore -m dagster definitions validate -w workspace.yaml

lock: $(VENV)/.for-dev
	$(UV) lock --check

dev: $(VENV)/.for-dev $(DEMO)/warehouse.duckdb  ## the Dagster UI on the demo's data, with the demo's server
	@mkdir -p "$(DEMO)/dagster" && cp dagster.yaml "$(DEMO)/dagster/"
	@echo "Open http://127.0.0.1:3000 - Ctrl-C ends it."
	@$(WITH_DEMO) $(VENV)/bin/cccm demo serve & server=$$!; \
	trap 'kill $$server 2>/dev/null' EXIT; trap 'exit 0' INT TERM; \
	$(WITH_DEMO) $(PY) -W ignore -m dagster dev -w workspace.yaml -h 127.0.0.1 -p 3000

bench: $(VENV)/.for-dev  ## how fast it is, beside the practical limits and others (BENCH=kobo for one part)
	@for part in $(BENCH); do echo; echo "== $$part"; $(PY) -m tests.bench.$$part || exit 1; done

bench-drift: $(VENV)/.for-dev  ## what becomes of answers when a form changes, beside other tools; writes docs/drift-bench.md
	$(PY) -m tests.bench.drift

clean:  ## forget the demo's data and every cache
	rm -rf .cccm .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
	find pipelines tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(DEMO)/warehouse.duckdb:
	@$(MAKE) run

$(VENV)/.for-run: $(VENV)/bin/uv pyproject.toml uv.lock
	$(UV) sync --frozen --inexact --no-dev
	@touch $@

$(VENV)/.for-dev: $(VENV)/bin/uv pyproject.toml uv.lock
	$(UV) sync --frozen --inexact
	@touch $@

# A python3.13 of pyenv refuses to start until pyenv is told of it: then its own file is taken.
$(VENV)/bin/uv:
	@for python in "$(PYTHON)" $$(ls "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/*/bin/$(notdir $(PYTHON)) 2>/dev/null); do \
		"$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null && break; python=; \
	done; \
	if [ -z "$$python" ]; then \
		echo "$(PYTHON) is no Python from 3.11 to 3.14: install one and name it, as in 'make run PYTHON=python3.12'." >&2; \
		exit 1; \
	fi; \
	"$$python" -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@touch $@
