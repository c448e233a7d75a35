# Both `make demo` and `make test` do all set-up themselves; they need python3 (3.11 or newer), make and a shell.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
READY = $(VENV)/.ready
# Too many processes to fit into the ten minutes of `make test`.
FAULTS = $(addprefix tests/contract/test_,network_faults_ytdlp.py storage_faults.py process_faults.py)
SOURCES = avakit benchmarks demo scripts tests

.PHONY: help setup demo test test-long test-faults test-timing soak bench check format docs wheel clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' Makefile

setup: $(READY) ## Install avakit and its tools into .venv

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "avakit needs Python 3.11 or newer; name one with: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	  || { echo "this Python has no venv module; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $(READY)

demo: $(READY) ## The whole job on two small films, offline
	$(BIN)/python -m demo

test: $(READY) ## All tests (under ten minutes on two cores)
	$(BIN)/python -m pytest -q -n 2 --dist loadfile $(addprefix --ignore ,$(FAULTS))

test-long: $(READY) ## Kills of jobs and of compactions, and a thousand videos through 32 workers (about five minutes)
	$(BIN)/python -m pytest -q -s tests/long/test_kills.py tests/long/test_compaction_kills.py tests/long/test_load.py

test-faults: $(READY) ## Faults of disks and processes, the network under yt-dlp, every call that writes fails once, the power is cut
	$(BIN)/python -m pytest -q -n 2 tests/long/test_nth_call.py tests/long/test_power_cut.py $(FAULTS)

soak: $(READY) ## Five hundred kills of two jobs that race on one root (about ten minutes)
	AVAKIT_TEST_KILLS=500 $(BIN)/python -m pytest -q -s tests/long/test_kills.py

test-timing: $(READY) ## Each of 27 030 frames of 51 films, beside what published recipes show (about eight minutes)
	$(BIN)/python -m pytest -q -n 2 tests/long/test_frame_times.py

bench: $(READY) ## Annotations, journals, downloads, cutting, frames and colours, each beside what it is compared with
	$(BIN)/python benchmarks/parse.py
	$(BIN)/python -m benchmarks.journal
	$(BIN)/python -m benchmarks.download
	$(BIN)/python -m benchmarks.span
	$(BIN)/python -m benchmarks.cut
	$(BIN)/python -m benchmarks.frames
	$(BIN)/python -m benchmarks.quality
	$(BIN)/python -m benchmarks.colours
	$(BIN)/python -m benchmarks.verify

check: $(READY) ## Format, lint, types, import contracts, writers, docs
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/check_writers.py
	$(BIN)/python scripts/check_docs.py

format: $(READY) ## Put the code into form
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

docs: $(READY) ## Write docs/cli.md anew from the program itself
	$(BIN)/python scripts/cli_reference.py

wheel: $(READY) ## Build the wheel and the source distribution into dist/
	$(BIN)/python -m build --outdir dist

clean: ## Remove what the other targets made
	rm -rf $(VENV) dist build demo-data .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
