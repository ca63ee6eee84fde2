# Gridkeeper needs git, make and Python 3.11 or newer; everything else is set up below .venv.
# PYTHON=python3.12 chooses another interpreter for a new environment.

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
PYTEST ?= $(BIN)/pytest
# Tests wait as often as they compute: one process more than there are processors.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print(os.cpu_count() + 1)')
DIVIDED := -n $(WORKERS) --dist loadgroup --durations 20
RUNS := $(VENV)/.runs
READY := $(VENV)/.ready
CLIENTS := .venv-clients/.ready
# uv installs in a tenth of pip's time; pip takes over where only its own configuration names the registry.
install = UV_DEFAULT_INDEX="$${UV_DEFAULT_INDEX:-$$PIP_INDEX_URL}" $(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r $(1) || \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(1)

# Compiled modules are kept: without them every start of the program compiles a thousand files, for four seconds.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup clients run test smoke check format texts lint types imports coverage bench soak chaos chaos-shared chaos-delivery pictures lock clean

help:  ## Show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | \
		awk -F'\t' '{printf "  make %-10s %s\n", $$1, $$2}'

# Two stages, so that who only runs the service waits for nothing else: what running needs, and the tools of developers.
$(RUNS): requirements/setup.txt requirements/runtime.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "Gridkeeper needs Python 3.11 or newer; install it or say make PYTHON=/path/to/python3.12" >&2; exit 2; }
	@echo "setting up $(VENV) with $$($(PYTHON) --version) (once)"
	@$(PYTHON) -m venv --clear $(VENV) || { echo "python -m venv failed; on Debian: apt install python3-venv" >&2; exit 2; }
	@echo "  1/2 the installer"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/setup.txt
	@echo "  2/2 what the service needs"
	@$(call install,requirements/runtime.txt)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-build-isolation --no-deps --editable .
	@touch $@

$(READY): $(RUNS) requirements/dev.txt
	@echo "adding the tools of developers to $(VENV) (once)"
	@$(call install,requirements/dev.txt)
	@touch $@

# The generator of clients needs other versions of packages than the service does.
$(CLIENTS): requirements/clients.txt
	@echo "setting up .venv-clients, the generator of clients (once)"
	@$(PYTHON) -m venv --clear .venv-clients
	@.venv-clients/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/clients.txt
	@touch $@

clients: $(CLIENTS)  ## Set up the generator of clients, without which its test is skipped

setup: $(READY)  ## Create .venv with the console script gridkeeper
	@echo "ready: $(BIN)/gridkeeper --help"

run: $(RUNS)  ## Start the service on an embedded PostgreSQL (synthetic data unless a token is set); Ctrl-C stops it
	@if [ -z "$$GRIDKEEPER_ENTSOE__TOKEN$$GRIDKEEPER_ENTSOE__TOKEN_FILE" ] && \
		! grep -qsE '^GRIDKEEPER_ENTSOE__TOKEN(_FILE)?=.' .env; then export GRIDKEEPER_SANDBOX=1; fi; exec $(BIN)/gridkeeper serve

test: $(READY)  ## Run all tests on all processors; WORKERS=0 runs them in one process
	@$(PYTEST) $(DIVIDED)

smoke: $(RUNS)  ## One full cycle on a throw-away database: collect, collect again, export
	@BIN=$(BIN) scripts/smoke.sh

check: lint types imports  ## Lint, types and import rules

format: $(READY)  ## Format the code
	@$(BIN)/ruff format app clients tests scripts
	@$(BIN)/ruff check --fix app clients tests scripts

texts: $(READY)  ## Keep a line for each text of the pages in every catalogue, and say which are not translated
	@$(BIN)/python -m scripts.texts

lint: $(READY)
	@$(BIN)/ruff format --check app clients tests scripts
	@$(BIN)/ruff check app clients tests scripts
	@for rule in unique_names log_events construction sql_places house_words front_doors sizes; do $(BIN)/python -m scripts.linters.$$rule || exit 1; done

types: $(READY)
	@$(BIN)/mypy

imports: $(READY)
	@$(BIN)/lint-imports

coverage: $(READY)  ## Run all tests and hold their coverage to its limits
	@rm -f .coverage .coverage.*
	@$(BIN)/pytest $(DIVIDED) --cov --cov-report=
	@BIN=$(BIN) scripts/coverage.sh

bench: $(READY)  ## Measure every promised speed; one line of JSON per figure
	@BIN=$(BIN) scripts/bench.sh

COMPILE := $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate

HOURS ?= 1
soak: $(READY)  ## HOURS of one service against a faulty sandbox, which must not hold more and more; then as long of `make chaos-shared`
	@$(BIN)/python scripts/soak.py --hours $(HOURS)
	@$(BIN)/python scripts/chaos.py --shared --seconds $$($(BIN)/python -c "print($(HOURS) * 3600)")

KILLS ?= 50
chaos: $(READY)  ## Kill the service KILLS times under a faulty sandbox, then look whether anything was lost
	@$(BIN)/python scripts/chaos.py --kills $(KILLS)

SECONDS ?= 600
chaos-shared: $(READY)  ## Three replicas and four workers for SECONDS of kills, cuts and crashes, then look whether anything is lost or doubled
	@$(BIN)/python scripts/chaos.py --shared --seconds $(SECONDS)

chaos-delivery: $(READY)  ## Kill two replicas 20 times while receivers answer badly, then look who heard what
	@$(BIN)/python scripts/chaos_delivery.py --kills 20

pictures: $(READY)  ## Take the pictures of README and docs anew, and those that the pages are compared with
	@RENEW_PICTURES=1 REQUIRE_BROWSER=1 LONG_TESTS=1 $(PYTEST) -q tests/integration/web/test_page_pictures.py
	@$(BIN)/python -m scripts.pictures

lock: $(READY)  ## Pin the dependencies of pyproject.toml with hashes
	@$(COMPILE) pyproject.toml --extra embedded --group dev -o requirements/dev.txt
	@$(COMPILE) pyproject.toml --extra embedded -c requirements/dev.txt -o requirements/runtime.txt
	@$(COMPILE) pyproject.toml -c requirements/runtime.txt -o requirements/image.txt
	@echo 'hatchling>=1.27' | $(COMPILE) - -c requirements/dev.txt -o requirements/build.txt
	@printf 'hatchling>=1.27\neditables>=0.5\nuv>=0.8\n' | $(COMPILE) - -c requirements/dev.txt -o requirements/setup.txt
	@echo 'entsoe-py' | $(COMPILE) - -o requirements/bench.txt
	@echo 'openapi-python-client>=0.29' | $(COMPILE) - -o requirements/clients.txt

clean:  ## Remove the environment and what tests leave behind
	@rm -rf $(VENV) .venv-bench .venv-clients .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.*
