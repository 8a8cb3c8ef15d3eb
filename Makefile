# Keyway. `make help` lists the targets; every target sets up what it needs.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The locks name everything: nothing to resolve.
PIP_FLAGS := --quiet --disable-pip-version-check --no-deps
LOCKED := $(VENV)/.locked
READY := $(VENV)/.ready
DEPS := build/protos-deps/.ready
COLLECTOR := build/otelcol
# Of the same release as what deploy/collector/builder.yaml names.
COLLECTOR_BUILDER := go run go.opentelemetry.io/collector/cmd/builder@v0.161.0 --config deploy/collector/builder.yaml --skip-compilation
BENCH_READY := build/bench-venv/.ready
GHZ := build/tools/ghz
GHZ_VERSION := v0.121.0
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-annotate --no-header
LOCK := $(COMPILE) pyproject.toml clients/python/pyproject.toml --no-emit-package keyway-client
# Tests start servers of their own: one worker a core is as many as help.
PYTEST_FLAGS ?= -n auto --dist loadgroup
# tests/container mounts file systems, which takes root and the right to do so, and one of them from a file.
MOUNTS = $(shell test "$$(id -u)" = 0 && unshare --mount true 2>/dev/null && echo yes)
LOOPS = $(shell test -x /sbin/mkfs.ext4 && losetup --find >/dev/null 2>&1 && echo yes)
THIN_DISK := tests/container/test_journal_thin_disk.py

.DEFAULT_GOAL := help
.PHONY: help setup run emulate test test-clients image lint types layout generate generated collector collector-lock bench-setup bench soak profile check lock clean FORCE

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 16

setup: $(READY) ## make the Python environment in .venv

# A changed lock makes a new environment, so that nothing stays which the lock no longer names. So does a Python that
# is gone, to which the old environment still points.
$(LOCKED): requirements-dev.lock $(shell test -x $(BIN)/python || echo FORCE)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Keyway needs Python 3.11 or newer; $(PYTHON) is not: make PYTHON=python3.11 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || \
		{ echo "$(PYTHON) can't make environments; on Debian and Ubuntu install python3-venv." >&2; exit 1; }
	@echo "Installing the locked packages into $(VENV): about a minute, the first time." >&2
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/pip install $(PIP_FLAGS) --no-compile --require-hashes -r requirements-dev.lock
	@touch $@

$(READY): $(LOCKED) pyproject.toml clients/python/pyproject.toml
	$(BIN)/pip install $(PIP_FLAGS) --no-build-isolation -e clients/python -e .
	@touch $@

run: $(READY) ## serve the gateway on 127.0.0.1:50051 over the embedded emulators; ARGS="--listen 127.0.0.1:50052"
	$(BIN)/python -m gateway serve $(ARGS)

emulate: $(READY) ## run the three emulators alone, for curl
	$(BIN)/python -m gateway emulate $(ARGS)

test: $(READY) $(DEPS) $(COLLECTOR) ## run the tests
	$(if $(MOUNTS),,@echo "Without tests/container: they need root and the right to mount (make image)." >&2)
	$(if $(LOOPS),,@echo "Without $(THIN_DISK): it needs loop devices and mkfs.ext4." >&2)
	$(BIN)/python -m pytest $(PYTEST_FLAGS) $(if $(MOUNTS),,--ignore=tests/container) $(if $(LOOPS),,--ignore=$(THIN_DISK))

test-clients: $(READY) $(DEPS) ## build the clients of all languages with their own tools, and prove that they behave alike (Go, Maven+JDK, Node+npm); ARGS="--only go"
	$(BIN)/python -m tests.clients.conformance $(ARGS)

image: $(READY) ## build the Dockerfile's image and start it, without a container engine
	$(if $(LOOPS),,@echo "Without $(THIN_DISK): it needs loop devices and mkfs.ext4." >&2)
	$(BIN)/python -m pytest tests/container $(if $(LOOPS),,--ignore=$(THIN_DISK))

lint: $(READY) $(DEPS) ## code style, contract style, Dockerfile
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/python clients/generate.py lint
	$(BIN)/hadolint Dockerfile

types: $(READY) ## static types
	$(BIN)/mypy

layout: $(READY) ## who may import whom
	$(BIN)/lint-imports

generate: $(READY) $(DEPS) ## regenerate the stubs from protos/ (Go, Node+npm)
	$(BIN)/python clients/generate.py stubs

generated: $(READY) $(DEPS) ## fail where the committed stubs differ, or the contract breaks its callers
	$(BIN)/python clients/generate.py check
	$(BIN)/python clients/generate.py breaking

$(DEPS): $(READY)
	$(BIN)/python clients/generate.py deps
	@touch $@

collector: $(COLLECTOR) ## build the OpenTelemetry Collector of deploy/collector into build/otelcol

# The builder writes the sources; which modules they take is what go.mod and go.sum say, and nothing newer.
$(COLLECTOR): deploy/collector/builder.yaml deploy/collector/go.mod deploy/collector/go.sum
	@command -v go >/dev/null || { echo "The collector is built with Go 1.26 or newer, which is not on PATH." >&2; exit 1; }
	@echo "Building the OpenTelemetry Collector: some minutes, the first time." >&2
	@mkdir -p build
	$(COLLECTOR_BUILDER) --skip-get-modules
	@cp deploy/collector/go.mod deploy/collector/go.sum build/collector
	cd build/collector && go build -mod=readonly -trimpath -ldflags='-s -w' -o ../otelcol .
	@touch $@

collector-lock: ## pin the collector's modules again, after a change of deploy/collector/builder.yaml
	@mkdir -p build
	$(COLLECTOR_BUILDER)
	cp build/collector/go.mod build/collector/go.sum deploy/collector

check: lint types layout generated test test-clients ## everything that CI runs

lock: $(READY) ## pin the dependencies of pyproject.toml, and of the client's extras, again, with hashes
	$(LOCK) --group build --output-file requirements.lock
	$(LOCK) --group dev --all-extras --output-file requirements-dev.lock
	$(COMPILE) --group bench --output-file requirements-bench.lock
	$(COMPILE) --group stubs --output-file requirements-stubs.lock

bench-setup: $(READY) $(BENCH_READY) $(GHZ) ## make what the benchmark needs: ghz, OpenBao, py-spy; nginx and h2load
	@missing="$$(command -v h2load >/dev/null || echo nghttp2-client) \
		$$(PATH="$$PATH:/usr/sbin" command -v nginx >/dev/null || echo nginx-light)"; \
	if [ -n "$$(echo $$missing)" ]; then \
		if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
			echo "The benchmark needs h2load and nginx; on Debian and Ubuntu:" $$missing >&2; exit 1; fi; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; \
	fi

$(BENCH_READY): requirements-bench.lock
	$(PYTHON) -m venv --clear build/bench-venv
	build/bench-venv/bin/pip install $(PIP_FLAGS) --no-compile --require-hashes -r requirements-bench.lock
	@touch $@

$(GHZ):
	@command -v go >/dev/null || { echo "ghz is built with Go 1.24 or newer, which is not on PATH." >&2; exit 1; }
	GOBIN=$(CURDIR)/build/tools go install -trimpath -ldflags='-s -w' github.com/bojand/ghz/cmd/ghz@$(GHZ_VERSION)

bench: bench-setup ## measure what a call costs, beside others (docs/performance.md); ARGS="--only trust", ARGS=--help
	@$(BIN)/python -m tests.bench $(ARGS)

soak: bench-setup ## many calls for a long time, with an upstream that falls ill; ARGS="--minutes 10", ARGS="--calls 1000000"
	@$(BIN)/python -m tests.bench.soak $(ARGS)

profile: bench-setup ## sample the gateway under load into build/profile.svg; ARGS="--set tls --competitor everything"
	@$(BIN)/python -m tests.bench.profile $(ARGS)

clean: ## remove what the other targets made
	rm -rf $(VENV) build clients/python/build .keyway .mypy_cache .ruff_cache .pytest_cache .hypothesis \
		.import_linter_cache *.egg-info clients/python/*.egg-info \
		clients/java/target clients/java/*/target clients/typescript/dist clients/typescript/node_modules
	find clients gateway tests -name __pycache__ -prune -exec rm -rf {} +
