# Two commands do all set-up: `make demo` runs the main job, `make test` the tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo test test-all lint zoo lock clean

help:  ## say what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

$(VENV)/.made: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "effnas needs Python 3.11 or later; name one: make PYTHON=python3.12 ...")'
	@$(PYTHON) -m venv $(VENV) || { echo 'python3 lacks venv (Debian: install python3-venv)' >&2; exit 1; }
	@echo 'installing pinned versions into $(VENV) (a minute or two) ...'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.made-dev: $(VENV)/.made
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: $(VENV)/.made  ## search networks for digits: architecture, bits and learning rate jointly (minutes)
	$(BIN)/effnas search --config=configs/digits.py --workdir=runs/digits

test: $(VENV)/.made-dev lint  ## run the tests that CI runs
	$(BIN)/python -m pytest -n 2 -m 'not slow'

test-all: $(VENV)/.made-dev lint  ## run all tests, those with Ray and long runs too
	$(BIN)/python -m pytest -n 2

lint: $(VENV)/.made-dev  ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy

zoo: $(VENV)/.made  ## count every network of the zoo anew (after adding one)
	$(BIN)/effnas zoo --recount --format=json > effnas/zoo/table.json.new
	mv effnas/zoo/table.json.new effnas/zoo/table.json

lock:  ## pin the newest versions that pyproject.toml allows
	rm -rf $(VENV)-lock && $(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/python -m pip install --quiet --upgrade '.[dev]'
	$(VENV)-lock/bin/python -m pip freeze --exclude effnas > constraints.txt
	rm -rf $(VENV)-lock

clean:  ## remove the environment and all that tools left behind
	rm -rf $(VENV) $(VENV)-lock build *.egg-info .pytest_cache .mypy_cache .ruff_cache
