# Two commands are all a newcomer needs: `make demo` and `make test`. Both set everything up first.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMPS := build/stamps
SOL    := $(shell find contracts -name '*.sol' 2>/dev/null)
RUST   := $(shell find native -name '*.rs' -o -name 'Cargo.*' -o -name pyproject.toml 2>/dev/null | grep -v target)
# Node from the machine, else the one that came as a Python wheel.
export PATH := $(CURDIR)/$(VENV)/node-shim:$(CURDIR)/$(BIN):$(PATH)

.PHONY: help setup demo test check format contracts native-test contracts-test python-test bench docs abi clean

help: ## show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 18

setup: $(STAMPS)/python $(STAMPS)/npm $(STAMPS)/native ## make .venv with everything in it (quick the second time)

$(STAMPS)/python: requirements/dev.txt requirements/bootstrap.txt pyproject.toml
	@mkdir -p $(STAMPS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Concordat needs Python 3.11 or newer: make PYTHON=python3.12 ..."; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install -q --require-hashes -r requirements/dev.txt
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install -q --no-deps --no-build-isolation -e .
	@$(BIN)/python scripts/node_shim.py $(VENV)/node-shim
	@touch $@

$(STAMPS)/npm: package.json package-lock.json $(STAMPS)/python
	@npm install --no-save --loglevel=error --no-audit --no-fund --ignore-scripts
	@touch $@

$(STAMPS)/native: $(RUST) $(STAMPS)/python
	@if command -v cargo >/dev/null 2>&1; then \
	  echo "building the native twins (Rust)"; \
	  $(BIN)/python scripts/build_native.py; \
	else echo "cargo not found: going on with the pure-Python twins"; fi
	@touch $@

demo: setup ## the main job: buy, cheat, dispute, settle, record and verify on a real chain node
	@$(BIN)/concordat demo

test: setup check native-test contracts-test python-test ## all tests, as CI runs them

check: setup ## format, lint, types, import layers, generated files
	@$(BIN)/ruff format --check -q src tests scripts benchmarks examples
	@$(BIN)/ruff check -q src tests scripts benchmarks examples
	@$(BIN)/mypy
	@$(BIN)/lint-imports --verbose >/dev/null || $(BIN)/lint-imports
	@node_modules/.bin/forge fmt --check
	@$(BIN)/python scripts/check_test_names.py
	@$(BIN)/python scripts/make_reference.py --check
	@if command -v cargo >/dev/null 2>&1; then cd native && cargo fmt --check && cargo clippy -q --locked --all-targets --features python -- -D warnings; fi
	@echo "check: all kept"

format: setup ## format Python, Solidity and Rust
	@$(BIN)/ruff format -q src tests scripts benchmarks examples
	@$(BIN)/ruff check -q --fix src tests scripts benchmarks examples
	@node_modules/.bin/forge fmt
	@if command -v cargo >/dev/null 2>&1; then cd native && cargo fmt; fi

docs: setup ## write the generated reference and the README's figures anew
	@$(BIN)/python scripts/make_reference.py

abi: setup ## compile the contracts and refresh the ABIs and bytecode inside the package
	@node_modules/.bin/forge build contracts/src --out build/abi --cache-path build/abi-cache
	@$(BIN)/python scripts/make_abi.py --out build/abi

native-test: setup
	@if command -v cargo >/dev/null 2>&1; then cd native && cargo test -q --locked; else echo "cargo not found: Rust tests left out"; fi

contracts-test: setup
	@node_modules/.bin/forge test

python-test: setup
	@$(BIN)/pytest -n 2

bench: setup ## every figure in docs/benchmarks.md
	@for b in gas graph market index prove proof_gas; do $(BIN)/python benchmarks/$$b.py || exit 1; done

clean: ## remove what the build made
	rm -rf build .venv node_modules native/target
