# Each target sets up what it needs by itself: .venv, from the hashed locks in requirements/, only when they changed.
.DEFAULT_GOAL := help
.PHONY: help demo demo-kafka kafka test lint types imports bench validation check lock clean runtime servers dev
MAKEFLAGS += --no-print-directory
export PYTHON

# Paths or options for pytest: make test ARGS="tests/stories -k consent"
ARGS ?=
# Processes that share the tests: two for all of them, none beside pytest's own for some of them (tests/halves.py).
HALVES ?= $(if $(strip $(ARGS)),0,2)

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: runtime  ## one therapy from vein to vein, signed, recorded and verified
	@.venv/bin/unbroken demo

demo-kafka: servers  ## the same demo with Apache Kafka as its log: the broker is fetched, started, and ended again
	@.venv/bin/python -m tests.servers kafka --data demo-site-kafka.broker --fresh -- sh -c 'exec .venv/bin/unbroken demo --kafka "$$UNBROKEN_KAFKA" --keep demo-site-kafka'

kafka: servers  ## start that demo's broker once more, so that commands work on demo-site-kafka; end it with Ctrl-C
	@.venv/bin/python -m tests.servers kafka --data demo-site-kafka.broker

test: dev  ## every test that can run here (ARGS="-k consent" for some)
	@.venv/bin/pytest -ra --durations=10 -n $(HALVES) $(ARGS)

lint: dev  ## ruff: rules and format
	@.venv/bin/ruff check . && .venv/bin/ruff format --check .

types: dev  ## mypy: strict on events and protocol
	@.venv/bin/mypy $(sort $(patsubst %/,%,$(dir $(wildcard */__init__.py))) tests)

imports: dev  ## import-linter: imports run downward only
	@.venv/bin/lint-imports --no-logo

validation: dev  ## play every story and write docs/validation.md: requirement, story, result
	@CI=true .venv/bin/python -m tests.validation $(ARGS)

bench: dev  ## the performance figures (ARGS="kafka" for some)
	@.venv/bin/python -m benchmarks $(ARGS)

check: test lint types imports  ## test, lint, types, imports

lock:  ## resolve pyproject.toml anew into requirements/*.txt, with hashes
	@.ci/lock

clean:  ## remove .venv and what tools left behind
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

runtime servers dev:
	@.ci/setup $@
