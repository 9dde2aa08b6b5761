# What the README promises, from a checkout, with Python 3.10 or newer and make alone.
#
#   make demo     a failed VM backup, repaired on a simulated Azure
#   make test     the whole test suite (ARGS="-k locks" narrows it)
#   make check    lint, formatting, types
#   make cover    the test suite with coverage; the safety core must be covered to the last branch
#   make docs     the pages of docs/errors, from the catalogue and the runbooks
#   make automation-bundle   what Azure Automation imports, in dist/azure-automation
#   make automation-lock     the packages in it, newest versions (with Python 3.10)
#   make bench    the figures of benchmarks/README.md
#   make clean    remove everything that make has made
#
# PYTHON=python3.12 (or any other) chooses the Python; each version has its own environment under .venvs/.

PYTHON ?= python3
ARGS ?=
WORKERS ?= auto
COVER ?=

VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
VENV := .venvs/$(VERSION)
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check
OR_SHOW = >$(VENV)/install.log 2>&1 || { cat $(VENV)/install.log >&2; exit 1; }
CODE := arm actions guards runbooks remediate simulator azure-automation tests docs benchmarks
CORE := arm/transport.py,guards/*,remediate/engine/*,remediate/journal/*

# COVER=1 measures everything, COVER=core the safety core alone, which takes hardly longer than not to measure.
ifneq ($(COVER),)
MEASURED := COVERAGE_PROCESS_START="$(CURDIR)/$(if $(filter core,$(COVER)),tests/core.toml,pyproject.toml)" \
  COVERAGE_FILE="$(CURDIR)/.coverage"
endif

.PHONY: help demo test check cover cover-report docs automation-bundle automation-lock bench clean
help:
	@sed -n 's/^#   //p' Makefile

demo: $(VENV)/.runtime
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh docs/demo/run.sh

test: $(VENV)/.test
	$(MEASURED) $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

check: $(VENV)/.test
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy --strict

cover:
	@rm -f .coverage .coverage.*
	@$(MAKE) --no-print-directory test COVER=1
	@$(MAKE) --no-print-directory cover-report

cover-report: $(VENV)/.test
	@$(BIN)/coverage combine --quiet && rm -f .coverage.*  # what is left was cut off when a test killed its process
	@$(BIN)/coverage report --skip-covered
	@echo "the safety core: $(CORE)"
	@$(BIN)/coverage report --include='$(CORE)' --show-missing --fail-under=100

docs: $(VENV)/.runtime
	@$(BIN)/python -m remediate.docs

# The wheels fit Azure Automation's Python whichever Python makes the bundle; the lock has to be made with that one.
automation-bundle: $(VENV)/.runtime
	@$(BIN)/python -m remediate.deploy.bundle $(ARGS)

automation-lock: $(VENV)/.runtime
	@$(BIN)/python -m remediate.deploy.bundle --lock

# Measured as users have it: installed from a wheel, in an environment of its own.
bench: $(VENV)/.made
	@[ -x $(VENV)/wheel/bin/pip ] || $(PYTHON) -m venv --clear $(VENV)/wheel
	@$(VENV)/wheel/bin/python -m pip install --disable-pip-version-check . $(OR_SHOW)
	@rm -rf build
	@cd benchmarks && ../$(VENV)/wheel/bin/python measure.py $(ARGS)

clean:
	rm -rf .venvs .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist *.egg-info .coverage .coverage.*
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment. A stamp is written last, so that what was interrupted is done again.

$(VENV)/.made:
	@$(PYTHON) -c 'pass' 2>/dev/null || { \
	  echo "There is no '$(PYTHON)' here: install Python 3.10 or newer, or name one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
	  echo "'$(PYTHON)' is Python $(VERSION), but 3.10 or newer is needed: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "'$(PYTHON)' lacks its venv module: install it (Debian, Ubuntu: apt install python3-venv)." >&2; exit 1; }
	@echo "making a virtual environment with Python $(VERSION) in $(VENV)"
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/.runtime: pyproject.toml $(VENV)/.made
	@echo "installing azure-backup-remediation and what it needs (half a minute)"
	@$(INSTALL) --editable . $(OR_SHOW)
	@touch $@

$(VENV)/.test: pyproject.toml $(VENV)/.made
	@echo "installing azure-backup-remediation and what its tests need (a minute)"
	@$(INSTALL) --editable '.[test]' $(OR_SHOW)
	@touch $(VENV)/.runtime $@
