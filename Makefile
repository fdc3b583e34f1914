# `make run` and `make test` need nothing but Python 3.11: they make the environment first.
PYTHON ?= python3
BIN := .venv/bin
ENVIRONMENT := .venv/.complete
export PATH := $(CURDIR)/$(BIN):$(PATH)
# DVC fails where the user has a number and no name, as in a container.
export LOGNAME ?= $(firstword $(shell id -un 2>/dev/null || id -u))
# Set in many containers; with it, each process compiles anew what it imports from here.
unexport PYTHONDONTWRITEBYTECODE

SOUND := ruff check . && ruff format --check . && lint-imports --no-logo >&2
# Files go to workers in the order of rooms, so that the long ones of the chain do not come last.
PYTEST := pytest --numprocesses logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder
# Types are checked beside them: half a minute on a core that tests leave idle now and then.
WITH_TYPES = { mypy & $(1); tests=$$?; wait $$! && exit $$tests; }

.PHONY: help run check test lint ui serve bench

help:  ## show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 8

# What DVC is to do without where there is no git repository, as in an archive; once there is one, it is used.
IN_GIT := git rev-parse --git-dir >/dev/null 2>&1
WITHOUT_GIT := grep -qs no_scm .dvc/config.local

run: $(ENVIRONMENT)  ## run the pipeline on the problems that params.yaml chooses, and show the results
	@if $(IN_GIT); then ! $(WITHOUT_GIT) || dvc config --local --unset core.no_scm; \
	else $(WITHOUT_GIT) || dvc config --local core.no_scm true; fi
	@started=$$(date +%s.%N); dvc repro && rtl results --since $$started

check: $(ENVIRONMENT)  ## the fast loop: lint, check types, test the core and the tasks
	$(SOUND) && $(call WITH_TYPES,$(PYTEST) -m "not slow" tests/core tests/tasks)

test: $(ENVIRONMENT)  ## lint, check types and run all tests
	$(SOUND) && $(call WITH_TYPES,$(PYTEST))

lint: $(ENVIRONMENT)  ## put the code in order
	ruff check --fix . && ruff format . && mypy

ui: $(ENVIRONMENT)  ## start Prefect's and MLflow's web pages on 127.0.0.1
	@rtl ui

serve: $(ENVIRONMENT)  ## run here what is scheduled, or started, in Prefect's page (beside `make ui`)
	@rtl serve

bench: $(ENVIRONMENT)  ## measure training and scoring against the plain way of doing it
	@rtl bench digits

$(ENVIRONMENT): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,export]'
	mkdir -p .rtl/prefect
	PREFECT_HOME=$(CURDIR)/.rtl/prefect $(BIN)/prefect server database upgrade --yes >/dev/null  # its tables, once
	touch $@
