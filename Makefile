# make run, make test: from a fresh clone to a result, nothing else needed but Python 3.11 or 3.12.
PYTHON ?= python3
STUDY ?= quick
BIN := .venv/bin

.PHONY: run test test-cluster lint ui pictures clean

run: .venv/installed
	$(BIN)/python run_all.py $(STUDY)

test: .venv/installed-dev
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest  # or each of its processes compiles every module anew

test-cluster: .venv/installed-dev
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 1 -m cluster  # on Ray, on MLflow's server and PostgreSQL, with faults

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

ui: .venv/installed
	$(BIN)/mlflow ui

pictures: .venv/installed
	$(BIN)/python docs/pictures.py  # the README's, from the reports of a finished study; needs Chromium

clean:
	rm -rf .venv build *.egg-info .pytest_cache .ruff_cache .import_linter_cache

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/installed: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

.venv/installed-dev: .venv/installed
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@
