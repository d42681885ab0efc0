# The verbs of Laurel. `make` lists them. Needs nothing but python3 (3.11 to 3.13) and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PEERS := bench/.venv
PEERS_STAMP := $(PEERS)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup demo dev test check format simulate test-kafka torture bench lock clean

help: ## list the verbs
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-12s %s\n", $$1, $$2}'

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else f"Laurel needs Python 3.11 to 3.13, and $(PYTHON) is {v[0]}.{v[1]}. Say which to use: make PYTHON=python3.12")'
	@echo "Setting up $(VENV) (once; about a minute) ..."
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

setup: $(STAMP) ## make .venv from the lock file

demo: $(STAMP) ## a whole term of LMS events, from broker to certificate
	@$(BIN)/laurel demo

dev: $(STAMP) ## the embedded stack with metrics, until Ctrl-C
	@$(BIN)/laurel dev

test: $(STAMP) ## all tests; what lacks a real Kafka is named as skipped (LAUREL_REQUIRE=kafka: a failure)
	@$(BIN)/python -m pytest

check: $(STAMP) ## format, lint, types, import rules, fast tests
	@$(BIN)/ruff format --check --quiet . || { echo "Run: make format"; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache --config pyproject.toml >.lint-imports.log || { cat .lint-imports.log; exit 1; }
	@rm -f .lint-imports.log
	@$(BIN)/python -m pytest -q -n 2 --hypothesis-profile=fast -m "not stack and not kafka and not simulation and not slow"

format: $(STAMP) ## let ruff format and mend
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format --quiet .

simulate: $(STAMP) ## worlds in which everything goes wrong, 1,000 of them (SEED=17, SEEDS=1-500 or COUNT=50)
	@$(BIN)/python -m tests.simulation $(if $(SEED),--seed $(SEED)) $(if $(SEEDS),--seeds $(SEEDS)) $(if $(COUNT),--count $(COUNT)) $(if $(FAULT),--fault "$(FAULT)") $(if $(TRACE),--trace $(TRACE))

test-kafka: $(STAMP) ## the acceptance story on a real Apache Kafka (needs JDK 17 and Maven)
	@LAUREL_REQUIRE=kafka $(BIN)/python -m pytest -m kafka

torture: $(STAMP) ## break a real stack CYCLES times (10), by SEED (any), and count what is lost or doubled (needs JDK 17 and Maven)
	@$(BIN)/python -m tests.torture $(if $(CYCLES),--cycles $(CYCLES)) $(if $(SEED),--seed $(SEED))

$(PEERS_STAMP): bench/requirements.lock
	@echo "Setting up $(PEERS) (once; about a minute) ..."
	@$(PYTHON) -m venv --clear $(PEERS)
	@$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $<
	@touch $@

bench: $(STAMP) $(PEERS_STAMP) ## measure Laurel beside its peers, 25 minutes (QUICK=1: 5; ONLY=restore; REPEAT=3)
	@$(BIN)/python -m bench $(if $(QUICK),--quick) $(if $(ONLY),--only $(ONLY)) $(if $(REPEAT),--repeat $(REPEAT))

lock: $(STAMP) ## resolve pyproject.toml into requirements.lock
	@$(BIN)/python -m pip install --quiet uv==0.13.9
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --extra dev pyproject.toml -o requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url pyproject.toml -o deploy/requirements.lock
	@echo hatchling==1.33.0 | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-annotate - -o deploy/build.lock
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url bench/requirements.in -o bench/requirements.lock

clean: ## remove what the other verbs made
	@rm -rf $(VENV) $(PEERS) demo-output torture-output .state .mypy_cache .ruff_cache .pytest_cache .hypothesis deploy/kafka/target bench/kstreams/target
