# Keyway. `make help` lists the targets; every target sets up what it needs.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEPS := build/protos-deps/.ready
LOCK := $(BIN)/uv pip compile pyproject.toml clients/python/pyproject.toml --quiet --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-emit-package keyway --no-annotate --no-header
# Tests start servers of their own: one worker a core is as many as help.
PYTEST_FLAGS ?= -n auto --dist loadgroup

.DEFAULT_GOAL := help
.PHONY: help setup run emulate test lint types layout generate generated check lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 14

setup: $(READY) ## make the Python environment in .venv

$(READY): requirements-dev.lock pyproject.toml clients/python/pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e clients/python -e .
	@touch $@

run: $(READY) ## serve the gateway on 127.0.0.1:50051 over the embedded emulators
	$(BIN)/python -m gateway serve

emulate: $(READY) ## run the three emulators alone, for curl
	$(BIN)/python -m gateway emulate

test: $(READY) $(DEPS) ## run the tests
	$(BIN)/python -m pytest $(PYTEST_FLAGS)

lint: $(READY) $(DEPS) ## code style, contract style, Dockerfile
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/python clients/generate.py lint
	$(BIN)/hadolint Dockerfile

types: $(READY) ## static types
	$(BIN)/mypy

layout: $(READY) ## who may import whom
	$(BIN)/lint-imports

generate: $(READY) $(DEPS) ## regenerate the stubs from protos/
	$(BIN)/python clients/generate.py stubs

generated: $(READY) $(DEPS) ## fail where the committed stubs differ, or the contract breaks its callers
	$(BIN)/python clients/generate.py check
	$(BIN)/python clients/generate.py breaking

$(DEPS): $(READY)
	$(BIN)/python clients/generate.py deps
	@touch $@

check: lint types layout generated test ## everything that CI runs

lock: $(READY) ## pin the dependencies of pyproject.toml again, with hashes
	$(LOCK) --group build --output-file requirements.lock
	$(LOCK) --group dev --output-file requirements-dev.lock

clean: ## remove what the other targets made
	rm -rf $(VENV) build .keyway .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
