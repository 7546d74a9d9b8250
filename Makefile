# Two commands: `make demo` shows the main job on the sample file, `make test` runs every check.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
NEWEST := .venv-newest

.PHONY: demo test test-newest check lint types layers unit bench bench-flow bench-memory chaos soak mutants screenshots clean
.DEFAULT_GOAL := help

help:
	@echo "make demo    install into $(VENV), start the sandbox, run the sample file through it"
	@echo "make test    formatter, linter, types, layers, tests"
	@echo "make test-newest   Prefect's tests on the newest releases that pyproject.toml allows"
	@echo "make bench   benchmarks against a bare loop and peers (QUICK=1: three minutes)"
	@echo "make bench-flow   what the Prefect flow costs over the plain pipeline"
	@echo "make screenshots  the pictures in docs/images (needs Chromium)"
	@echo "make chaos   real kills, N=200 of them, LEDGER=sqlite or postgresql"
	@echo "make soak    the real program for MINUTES=20, then the model, 20,000 lives"
	@echo "make mutants each safety rule taken out: the tests must see it"

# constraints.txt pins every package; pip is told to take nothing else.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade --constraint constraints.txt pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[resumes]' --group dev
	@touch $(STAMP)

# Without the pins, and looked up again each time: what somebody gets who installs it today. Two at a
# time, since each has a server of its own.
test-newest:
	$(PYTHON) -m venv $(NEWEST)
	$(NEWEST)/bin/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(NEWEST)/bin/python -m pip install --quiet --disable-pip-version-check --upgrade --upgrade-strategy eager --editable '.[resumes]' --group dev
	$(NEWEST)/bin/python -m pip list --format freeze --disable-pip-version-check | grep --ignore-case --extended-regexp '^(prefect|sqlalchemy|fastapi|starlette|pydantic)='
	$(NEWEST)/bin/python -m pip check
	$(NEWEST)/bin/pytest -n $(or $(WORKERS),2) --dist loadfile --no-loadscope-reorder $(or $(TESTS),tests/flows tests/prefect_real)

demo: $(STAMP)
	$(BIN)/jobmojito-batch demo

test: check
check: lint types layers unit

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(STAMP)
	$(BIN)/mypy

layers: $(STAMP)
	$(BIN)/lint-imports

# Three at a time: most of a test's time is waiting for a server or a process.
unit: $(STAMP)
	$(BIN)/pytest -n $(or $(WORKERS),3) --dist loadfile --no-loadscope-reorder

# QUICK=1 ends in about three minutes; the peers get an environment of their own, .venv-peers.
bench: $(STAMP)
	$(BIN)/python benchmarks/run.py $(if $(QUICK),--quick)

bench-flow: $(STAMP)
	$(BIN)/python -m benchmarks.flow_overhead

# Peak memory up to five million rows: needs 20 GB of disk (BENCH_FOLDER) and half an hour.
bench-memory: $(STAMP)
	$(BIN)/python benchmarks/memory.py --write

# Long runs of what the tests do for short: kills (N of them), and the model on simulated time.
chaos: $(STAMP)
	$(BIN)/python -m tests.chaos --kills $(or $(N),200) --seed $(or $(SEED),0) --ledger $(or $(LEDGER),sqlite)

# The model's lives, then the real program for MINUTES with upkeep beside it.
soak: $(STAMP)
	$(BIN)/python -m benchmarks.soak --minutes $(or $(MINUTES),20)
	PROFILE=soak $(BIN)/pytest tests/model

# Takes each safety rule out, one by one, and expects the tests that guard it to go red.
mutants: $(STAMP)
	$(BIN)/python -m tests.mutants

# The pictures of docs/images, from a real Prefect server in the Chromium of the system.
screenshots: $(STAMP)
	SCREENSHOTS=docs/images $(BIN)/pytest tests/prefect_real/test_browser.py

clean:
	rm -rf $(VENV) $(NEWEST)
