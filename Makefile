# Every command does its own set-up: `make train` trains the default run, `make shell` opens a shell
# with the commands, `make test` runs every check, `make docs` builds the pages as a site.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# one more than there are cores: some tests wait for processes
WORKERS := $(shell expr $$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2) + 1)
INSTALL := $(BIN)/pip install --disable-pip-version-check --constraint constraints.txt

.PHONY: train shell check test calibration docs clean

# what a contributor runs: the rooms whose tests are quick
QUICK := tests/test_imports.py tests/test_docs.py tests/test_errors.py tests/test_seeds.py tests/config \
	tests/data tests/data_report tests/datasets tests/models tests/objectives tests/sampling \
	tests/storage tests/comparison/test_compare.py
# compiled files are kept even where the environment forbids it: else each of the processes that tests
# start compiles everything anew
# torch's threads don't spin while they wait for each other, since more processes run than there are
# cores
PYTEST = PYTHONDONTWRITEBYTECODE= OMP_WAIT_POLICY=passive PYTEST_XDIST_AUTO_NUM_WORKERS=$(WORKERS) $(BIN)/pytest \
	--numprocesses auto --dist loadfile --no-loadscope-reorder

train: $(VENV)/.installed
	$(BIN)/gan-train $(ARGS)

# a shell of one's own, so that `exit` leaves it; its prompt is the user's
shell: $(VENV)/.installed
	@echo "A shell with gan-train and the other commands. exit leaves it."
	@VIRTUAL_ENV="$(CURDIR)/$(VENV)" PATH="$(CURDIR)/$(BIN):$$PATH" "$${SHELL:-/bin/sh}"

check: $(VENV)/.installed-dev
	@echo "Lint, types and the quick tests: about two minutes on two cores. make test runs them all."
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(PYTEST) $(QUICK) --ignore tests/models/test_conditioning.py \
		--ignore tests/models/test_portability.py

test: $(VENV)/.installed-dev
	@echo "All checks: about seven minutes on two cores. make check takes two."
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(PYTEST)

# more seeds of the trainings that must get no verdict, and kernels that are compiled
calibration: $(VENV)/.installed-dev
	$(PYTEST) -m calibration --dist load tests

# a broken link or anchor fails; needs Python 3.11; open build/site/index.html
docs: $(VENV)/.installed-docs
	$(BIN)/zensical build --strict

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# torch first: the package index's own choice for an open demand may be gigabytes of CUDA
$(VENV)/.installed: $(BIN)/python pyproject.toml constraints.txt
	@echo "Set-up in $(VENV), once. First PyTorch, the largest part:"
	$(INSTALL) torch
	@echo "Then gan-runner and what it needs:"
	$(INSTALL) --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@echo "Then the tools of the checks:"
	$(INSTALL) --editable ".[dev]"
	@touch $@

$(VENV)/.installed-docs: $(VENV)/.installed
	@echo "Then the builder of the site:"
	$(INSTALL) --editable ".[docs]"
	@touch $@

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache
