# `make demo` shows the main job on the sample file, `make test` runs every check.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
NEWEST := .venv-newest

.PHONY: demo desk wheel test test-newest check lint types layers unit bench bench-check bench-flow bench-memory chaos letters soak mutants screenshots clean
.DEFAULT_GOAL := help

help:
	@echo "make demo    install into $(VENV), start the sandbox, run the sample file through it"
	@echo "make desk    the same without a terminal: a page on this machine"
	@echo "make wheel   the wheel to install elsewhere, into dist/"
	@echo "make test    formatter, linter, types, layers, tests"
	@echo "make test-newest   Prefect's tests on the newest releases that pyproject.toml allows"
	@echo "make bench   benchmarks against a bare loop and peers (QUICK=1: three minutes)"
	@echo "make bench-check   what people wait for: check, second nights, results, starts (ROWS=, ODD=1)"
	@echo "make bench-flow   what the Prefect flow costs over the plain pipeline"
	@echo "make screenshots  the pictures in docs/images (needs Chromium)"
	@echo "make chaos   real kills, N=200 of them, LEDGER=sqlite or postgresql"
	@echo "make soak    the real program for MINUTES=20, then the model, 20,000 lives"
	@echo "make letters N=1000 letters, killed KILLS=20 times; nobody is written to twice"
	@echo "make mutants each safety rule taken out: the tests, and prove, must see it"

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
	$(NEWEST)/bin/pytest -n $(or $(WORKERS),2) --dist loadfile --no-loadscope-reorder --max-worker-restart 0 $(or $(TESTS),tests/flows tests/prefect_real)

demo: $(STAMP)
	$(BIN)/jobmojito-batch demo

desk: $(STAMP)
	$(BIN)/jobmojito-batch desk

wheel: $(STAMP)
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .
	@ls dist/*.whl

test: check
# The types and the layers are a process each, beside which the tests begin.
check: lint
	@$(MAKE) --no-print-directory --jobs 2 unit types layers

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(STAMP)
	$(BIN)/mypy

layers: $(STAMP)
	$(BIN)/lint-imports

# Six at a time: much of a test's time is waiting for a server or a process. A worker that dies ends
# the whole with what it was at; one that was started in its place would wait for work for ever. What
# one of the tests' many processes has compiled, the others find.
unit: $(STAMP)
	PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -n $(or $(WORKERS),6) --dist loadfile --no-loadscope-reorder --max-worker-restart 0

# QUICK=1 ends in about three minutes; the peers get an environment of their own, .venv-peers.
bench: $(STAMP)
	$(BIN)/python benchmarks/run.py $(if $(QUICK),--quick)
	$(BIN)/python benchmarks/reading.py --write --odd $(if $(QUICK),--rows 200000 --rounds 1)

# The reading part alone, as ratios of wall and of processor times; about five minutes, if it is quiet.
bench-check: $(STAMP)
	$(BIN)/python benchmarks/reading.py --write --rows $(or $(ROWS),1000000) $(if $(ODD),--odd)

bench-flow: $(STAMP)
	$(BIN)/python -m benchmarks.flow_overhead

# Peak memory up to five million rows: needs 20 GB of disk (BENCH_FOLDER) and half an hour.
bench-memory: $(STAMP)
	$(BIN)/python benchmarks/memory.py --write

# Long runs of what the tests do for short: kills (N of them), and the model on simulated time.
chaos: $(STAMP)
	$(BIN)/python -m tests.chaos --kills $(or $(N),200) --seed $(or $(SEED),0) --ledger $(or $(LEDGER),sqlite)

letters: $(STAMP)
	LETTERS=$(or $(N),1000) LETTER_KILLS=$(or $(KILLS),20) SEED=$(or $(SEED),0) $(BIN)/pytest tests/end_to_end/test_letter_kills.py -s

# The real program for MINUTES with upkeep beside it, then the model's lives: one test, for as long as
# it takes.
soak: $(STAMP)
	$(BIN)/python -m benchmarks.soak --minutes $(or $(MINUTES),20)
	PROFILE=soak $(BIN)/pytest -o faulthandler_timeout=0 tests/model

# Takes each safety rule out, one by one, and expects the tests that guard it to go red.
mutants: $(STAMP)
	$(BIN)/python -m tests.mutants

# The pictures of docs/images, from a real Prefect server in the Chromium of the system.
screenshots: $(STAMP)
	SCREENSHOTS=docs/images $(BIN)/pytest tests/prefect_real/test_watched_run.py

clean:
	rm -rf $(VENV) $(NEWEST)
