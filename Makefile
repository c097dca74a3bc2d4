# Every target sets up what it needs: Python >= 3.11, make and git are enough.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
# Each has a Kafka and a PostgreSQL of its own. What is killed at instants, and what uses the usual ports, runs alone.
TESTS_AT_ONCE ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup demo test chaos check bench bench-smoke lock clean

help:  ## show this help
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(STAMP)  ## virtual environment, locked dependencies, Kafka's jars

$(STAMP): requirements.lock pyproject.toml deploy/kafka.lock.json
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
	  echo "vaxel needs Python 3.11, 3.12 or 3.13, found $$($(PYTHON) --version 2>&1). Choose one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	$(PYTHON) -m venv .venv
	@echo "installing locked dependencies"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BIN)/vaxel up --fetch-only
	@touch $@

demo: setup  ## the whole way once, from device to ledger; starts and stops everything it needs
	$(BIN)/vaxel demo

test: setup  ## all tests: unit, integration (real Kafka, PostgreSQL, DuckLake), end to end
	$(BIN)/python -m pytest -n $(TESTS_AT_ONCE) --dist loadfile tests/unit tests/integration
	$(BIN)/python -m pytest tests/chaos tests/e2e

chaos: export VAXEL_CHAOS_SECONDS ?= 900
chaos: export VAXEL_CHAOS_SEED ?= $(shell date +%s)
chaos: setup  ## kill, freeze, add and remove workers and the broker for VAXEL_CHAOS_SECONDS, then check every upload
	$(BIN)/python -m pytest tests/chaos

check: setup  ## format, lint, import contracts, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

bench: setup  ## measure engine, lake and gearbox against others and write benchmarks/RESULTS.md; an hour and a half
	$(BIN)/vaxel bench engine --workers 2 --latency-s 20 --write
	$(BIN)/vaxel bench lake --write
	$(BIN)/vaxel bench gearbox --write

bench-smoke: setup  ## every contender starts and answers rightly; no figures
	$(BIN)/python -m pytest -m bench

lock:  ## write requirements.lock and deploy/kafka.lock.json anew from the newest allowed versions
	$(PYTHON) -m venv .venv/lock && .venv/lock/bin/pip install --quiet uv
	.venv/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --group dev -o requirements.lock pyproject.toml
	$(BIN)/python -m deploy.jars

clean:  ## stop the local stack and remove everything that was made here
	-@test -x $(BIN)/vaxel && $(BIN)/vaxel down
	rm -rf .venv .vaxel
