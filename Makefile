# The two commands are `make demo` and `make test`. Everything they need is set up by them.
.DEFAULT_GOAL := help
SHELL := /bin/bash

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTHON ?= python3
FLOW := $(BIN)/flow
# dg asks for a Dagster home; this one is empty and is thrown away.
CHECK_DEFINITIONS = DAGSTER_HOME=$$(mktemp -d) $(BIN)/dg check defs
# A worker takes a whole file: what its tests share is made once. Files marked `slow` come first.
BY_FILE := --dist loadfile --no-loadscope-reorder

.PHONY: help setup demo up down status test check lint types docs unit graph integration api app browser \
	browser-deps broker-deps every-test deep deep-install bench lock clean

help: ## Show this help
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(STAMP) ## Make .venv and install the locked requirements

$(STAMP): requirements.txt requirements-dev.txt scripts/setup.sh
	PYTHON=$(PYTHON) scripts/setup.sh $(VENV)
	@touch $@

demo: setup ## Simulated days of all five flows through the whole lineage, the last of them predicted
	$(FLOW) demo

up: setup ## Start the database, the Dagster UI and daemon, and the app
	$(FLOW) up

down: setup ## Stop them
	$(FLOW) down

status: setup ## Show how each service is
	@$(FLOW) status

check: setup lint types unit graph ## Lint, types, unit and graph tests: under 5 minutes

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo

types: setup
	$(BIN)/mypy

docs: setup ## Write the reference pages from the code, and build the site into site/, without the internet
	$(BIN)/python -m docs_site.reference
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

unit: setup
	$(BIN)/python -m pytest tests/unit tests/api/unit -q -n 2 $(BY_FILE)

graph: setup
	$(CHECK_DEFINITIONS)
	$(BIN)/python -m pytest tests/graph -q

integration: setup broker-deps
	$(BIN)/python -m pytest tests/integration tests/api/service -q

api: setup
	$(BIN)/python -m pytest tests/api -q

app: setup
	$(BIN)/python -m pytest tests/app -q

browser: setup browser-deps
	$(BIN)/python -m pytest tests/browser -q

browser-deps:
	@scripts/install-chromium.sh

broker-deps:
	@scripts/install-mosquitto.sh

# Without its cache mypy takes one core for a minute or two, in which tests can run.
test: setup browser-deps broker-deps lint ## Everything: lint, types and all tests, those of the site among them
	@$(MAKE) --no-print-directory -j 2 types every-test

# Four at a time on two cores: a third of the time they wait for services and for clocks.
every-test: setup
	$(BIN)/python -m pytest tests -q -n 4 $(BY_FILE)

deep: ## An environment for the LSTMs, apart (.venv-deep, 2 GB), and their tests
	PYTHON=$(PYTHON) scripts/setup-deep.sh .venv-deep
	FLOW_DEEP=1 .venv-deep/bin/python -m pytest tests/deep -q
	FLOW_DEEP=1 .venv-deep/bin/python -m pytest tests/unit/forecasting/daily/test_training.py -q -k lstm

# What is installed is the constraint: no locked version changes. uv would not see pip's settings.
deep-install: setup ## Add the extra `deep` to .venv: retail trains its LSTM too (1 GB)
	$(BIN)/python -m pip install -q --no-build-isolation -e '.[deep]' \
		-c <($(BIN)/python -m pip freeze --exclude-editable)

bench: setup broker-deps ## Benchmarks against named peers, as ratios in one run
	$(BIN)/python benchmarks/real_lanes.py
	$(BIN)/python benchmarks/real_lanes.py --all-sites
	$(BIN)/python benchmarks/retail.py
	$(BIN)/python benchmarks/traffic.py
	$(BIN)/python benchmarks/simulated_world.py
	$(BIN)/python benchmarks/level_shift.py
	$(BIN)/python benchmarks/speed.py
	$(BIN)/python benchmarks/backfill.py
	$(BIN)/python benchmarks/traffic_cycle.py
	$(BIN)/python benchmarks/mqtt_exactly_once.py
	$(BIN)/python benchmarks/mqtt_rate.py
	$(BIN)/python benchmarks/kafka_exactly_once.py
	$(BIN)/python benchmarks/kafka_recreated.py
	$(BIN)/python benchmarks/kafka_rate.py
	$(BIN)/python benchmarks/trips.py
	$(BIN)/python benchmarks/trips_landing.py
	$(BIN)/python benchmarks/trips_speed.py
	$(BIN)/python benchmarks/segments.py
	$(BIN)/python benchmarks/deliveries.py
	$(BIN)/python benchmarks/api_frame.py
	$(BIN)/python benchmarks/api.py

lock: setup ## Resolve the requirements again, with hashes
	$(BIN)/uv pip compile --universal --generate-hashes --no-emit-index-url --no-header -q \
		pyproject.toml -p 3.11 -o requirements.txt
	$(BIN)/uv pip compile --universal --generate-hashes --no-emit-index-url --no-header -q \
		pyproject.toml --extra dev -c requirements.txt -p 3.11 -o requirements-dev.txt

clean: ## Remove .venv, the built site and caches (not FLOW_HOME)
	rm -rf $(VENV) site .pytest_cache .mypy_cache .ruff_cache
