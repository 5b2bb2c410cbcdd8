# The one home of commands: people, continuous integration and the pre-commit hooks all call these targets.
# `make` alone prints them. Stamps (files whose time says "done") keep a second run quick.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
SHELL := /bin/sh

ARGS ?=
WORKERS ?= 2
ROUNDS ?= 5
SEED ?= 1
VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime
DEVELOPMENT := $(VENV)/.development
MODULES := frontend/node_modules/.installed
CLIENTS := tests/clients/node_modules/.installed
CONTENDERS := benchmarks/mercurius/node_modules/.installed
PAGES := frontend/dist/.built
PAGE_SOURCES := $(shell find frontend -type f -not -path '*/node_modules/*' -not -path '*/dist/*' 2>/dev/null) $(wildcard schema.graphql)

# Runs the rest of the line with a suitable Node.js first on PATH.
WITH_NODE = node_bin=$$(sh scripts/find-node.sh $(VENV)) && PATH="$$node_bin:$$PATH"

##@ Use
.PHONY: run run-redis migrate
run: $(RUNTIME) $(PAGES) ## Set up, then run the engine on 127.0.0.1:8000 (make run ARGS="--port 9000")
	@exec $(BIN)/trading-engine serve $(ARGS)

run-redis: $(RUNTIME) $(PAGES) ## The same with a private Redis on a socket of its own: live news travels over it
	@exec $(BIN)/python scripts/with_redis.py $(BIN)/trading-engine serve $(ARGS)

migrate: $(RUNTIME) ## Bring the ledger's tables up to date (serve does this by itself)
	@$(BIN)/trading-engine migrate $(ARGS)

##@ Check
.PHONY: check lint types test faults live bench contenders
check: lint types test ## lint, types, test

lint: $(DEVELOPMENT) $(MODULES) ## Style of the code
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet . || { echo "Some files are not formatted: make format"; exit 1; }
	@cd frontend && $(call IN_FRONTEND,lint)

types: $(DEVELOPMENT) $(MODULES) ## Types: mypy strict, tests included; the pages' TypeScript
	@$(BIN)/mypy
	@cd frontend && $(call IN_FRONTEND,typecheck)

test: $(DEVELOPMENT) $(PAGES) $(CLIENTS) ## Set up, then every test (make test ARGS="-k order")
	@sh scripts/system-packages.sh redis-server postgresql chromium
	@$(WITH_NODE) $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(ARGS)
	@cd frontend && $(call IN_FRONTEND,test)

faults: $(DEVELOPMENT) ## Kill, cut, fill, cancel and race, then count what is lost (make faults ROUNDS=100 SEED=7)
	@sh scripts/system-packages.sh redis-server postgresql
	@$(BIN)/python -m tests.faults --rounds $(ROUNDS) --seed $(SEED) $(ARGS)

live: $(DEVELOPMENT) ## Break and load live delivery, then count what subscribers missed (make live ARGS="--short")
	@sh scripts/system-packages.sh redis-server postgresql
	@$(BIN)/python -m tests.live $(ARGS)

bench: $(DEVELOPMENT) $(PAGES) ## Measure, beside the specification's limits
	@sh scripts/system-packages.sh redis-server postgresql chromium
	@$(BIN)/python -m benchmarks $(ARGS)

contenders: $(CONTENDERS) ## Install what bench compares with where it is there: Mercurius, in Node.js

##@ Change
.PHONY: format schema pages lock clean help
format: $(DEVELOPMENT) ## Put the code into the one form
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .

schema: $(RUNTIME) ## Write schema.graphql from the code
	@$(BIN)/python -m gql.schema > schema.graphql.new && mv schema.graphql.new schema.graphql

pages: $(PAGES) ## Build the browser pages into frontend/dist

lock: $(DEVELOPMENT) ## Choose versions anew (make lock ARGS="--upgrade")
	@sh scripts/lock.sh $(VENV) $(ARGS)

clean: ## Remove everything set up or built; the ledger in var/ stays
	rm -rf $(VENV) frontend/node_modules frontend/dist tests/clients/node_modules benchmarks/mercurius/node_modules .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -not -path './var/*' -prune -exec rm -rf {} +

help: ## This list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

# What the targets above stand on.
# npm's --if-present: a script which package.json does not have is passed over.
IN_FRONTEND = node_bin=$$(sh ../scripts/find-node.sh ../$(VENV)) && PATH="$$node_bin:$$PATH" npm run --silent --if-present $(1)

$(BIN)/python:
	@sh scripts/create-venv.sh $(VENV)

$(RUNTIME): requirements.lock pyproject.toml | $(BIN)/python
	@sh scripts/install.sh $(VENV) requirements.lock
	@touch $@

$(DEVELOPMENT): requirements-dev.lock pyproject.toml | $(BIN)/python
	@sh scripts/install.sh $(VENV) requirements-dev.lock
	@touch $@ $(RUNTIME)

$(MODULES): frontend/package-lock.json | $(BIN)/python
	@echo "==> installing what builds the pages"
	@$(WITH_NODE) && cd frontend && npm ci --no-audit --no-fund --no-progress --loglevel=error >/dev/null
	@touch $@

$(CLIENTS): tests/clients/package-lock.json | $(BIN)/python
	@echo "==> installing the clients that the tests try"
	@$(WITH_NODE) && cd tests/clients && npm ci --no-audit --no-fund --no-progress --loglevel=error >/dev/null
	@touch $@

$(CONTENDERS): benchmarks/mercurius/package-lock.json | $(BIN)/python
	@echo "==> installing what the bench compares with"
	@$(WITH_NODE) && cd benchmarks/mercurius && npm ci --no-audit --no-fund --no-progress --loglevel=error >/dev/null
	@touch $@

$(PAGES): $(MODULES) $(PAGE_SOURCES) | $(BIN)/python
	@echo "==> building the pages"
	@$(WITH_NODE) && cd frontend && npm run --silent build -- --logLevel warn
	@touch $@
