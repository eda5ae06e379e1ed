# Two commands do all set-up: `make demo` runs the main job, `make test` the tests.
# A Python that is named (make test PYTHON=python3.12) has an environment of its own.
VENV := .venv
ifneq ($(origin PYTHON),undefined)
  VENV := .venv-$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || echo none)
endif
PYTHON ?= python3
BIN := $(VENV)/bin
# The newest JAX needs Python 3.12, so there are two sets of pinned versions.
PINS := $(shell $(PYTHON) -c 'import sys; print("constraints-newest.txt" if sys.version_info >= (3, 12) else "constraints.txt")' 2>/dev/null || echo constraints.txt)
# Who runs `make test-newest`: the first of these that does run. Where pyenv is,
# its shims fail for versions that are not switched on, but they lie beside.
NEWEST := python3.12 python3.13 python3.14 $(wildcard $(or $(PYENV_ROOT),$(HOME)/.pyenv)/versions/3.1[2-9]*/bin/python)
# What looks inside of JAX, whose programs differ from version to version.
INSIDE := tests/test_jaxprs.py tests/footprint tests/compress/structured tests/search/scoring tests/quant/test_accumulating.py

.DEFAULT_GOAL := help
.PHONY: help demo test test-all test-inside test-newest lint zoo lock clean

help:  ## say what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

$(VENV)/.made: pyproject.toml $(PINS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "effnas needs Python 3.11 or later; name one: make PYTHON=python3.12 ...")'
	@$(PYTHON) -m venv $(VENV) || { echo 'python3 lacks venv (Debian: install python3-venv)' >&2; exit 1; }
	@echo 'installing the versions of $(PINS) into $(VENV) (a minute or two) ...'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint $(PINS) --editable .
	@touch $@

$(VENV)/.made-dev: $(VENV)/.made
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint $(PINS) --editable '.[dev]'
	@touch $@

demo: $(VENV)/.made  ## search networks for digits: architecture, bits and learning rate jointly (minutes)
	$(BIN)/effnas search --config=configs/digits.py --workdir=runs/digits

test: $(VENV)/.made-dev lint  ## run the tests that CI runs
	$(BIN)/python -m pytest -n 2 -m 'not slow'

test-all: $(VENV)/.made-dev lint  ## run all tests, those with Ray and long runs too
	$(BIN)/python -m pytest -n 2

test-inside: $(VENV)/.made-dev
	$(BIN)/python -m pytest -n 2 -m 'not slow' $(INSIDE)

test-newest:  ## run the tests of what looks inside of JAX on Python 3.12 or later
	@if [ $(PINS) = constraints-newest.txt ]; then echo '`make test` runs them with $(PINS) here'; exit; fi; \
	for python in $(NEWEST); do \
	  if $$python -c 'import sys, venv; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1; then \
	    exec $(MAKE) test-inside PYTHON=$$python; \
	  fi; \
	done; \
	echo 'skipped the tests with the newest JAX: no Python 3.12 or later runs here; name one: make test-newest NEWEST=...'

lint: $(VENV)/.made-dev  ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy

zoo: $(VENV)/.made  ## count every network of the zoo anew (after adding one)
	$(BIN)/effnas zoo --recount --format=json > effnas/zoo/table.json.new
	mv effnas/zoo/table.json.new effnas/zoo/table.json

lock:  ## pin the newest versions that pyproject.toml allows, for this PYTHON
	rm -rf $(VENV)-lock && $(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/python -m pip install --quiet --upgrade '.[dev]'
	$(VENV)-lock/bin/python -m pip freeze --exclude effnas > $(PINS)
	rm -rf $(VENV)-lock

clean:  ## remove the environment and all that tools left behind
	rm -rf .venv .venv-* build *.egg-info .pytest_cache .mypy_cache .ruff_cache
