# One command for each thing one does here; each makes what it needs first. Written for GNU make 3.81 (macOS) too.

PYTHON ?= python3
# Not a setting: `make clean` removes it whole.
override VENV := .venv
BIN    := $(VENV)/bin
RUN    := runs/$(shell date +%Y-%m-%d-%H%M%S)

# The stamps are newer than pyproject.toml when what it asks for is installed, so that the second call is instant.
LAB_STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev
# A Python that has gone (upgraded, removed) leaves a .venv that only looks whole.
$(shell test -x $(BIN)/python || rm -f $(LAB_STAMP) $(DEV_STAMP))

.PHONY: help lab test train book bench format check clean

help:  ## this list
	@echo "make TARGET, where TARGET is one of"
	@awk -F ':.*  ## ' '/^[a-z]+:.*  ## / { printf "  %-7s %s\n", $$1, $$2 }' Makefile
	@echo "The first call makes $(VENV) with $(PYTHON) (another one: make lab PYTHON=python3.12)."

lab: $(LAB_STAMP)  ## open the notebooks in JupyterLab
	@echo "lab: opening the notebooks in JupyterLab (Ctrl-C twice ends it)"
	@$(BIN)/dino-notebooks lab

train: $(LAB_STAMP)  ## train DINO on the emoji and write a report into a new folder under runs/ (or RUN=folder)
	@echo "train: DINO on the built-in emoji, into $(RUN)"
	@$(BIN)/python -m dino_lite train --data emoji --preset lab --out $(RUN)
	@$(BIN)/dino-notebooks report $(RUN)

book: $(LAB_STAMP)  ## execute the notebooks and write them as a web site into build/book (some: make book ARGS="03 07")
	@echo "book: every notebook executed, its page into build/book; minutes each"
	@$(BIN)/dino-notebooks book $(ARGS)

test: $(DEV_STAMP)  ## run every test (some of them: make test ARGS="-k loss")
	@echo "test: every test, two files at a time, warnings are errors, no network"
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadfile $(ARGS)

bench: $(DEV_STAMP)  ## measure the speed beside other implementations
	@echo "bench: training speed beside other implementations, in one run"
	@$(BIN)/python -m bench $(ARGS)

format: $(DEV_STAMP)  ## put imports in order and lay the code out
	@echo "format: ruff lays the code out and repairs what it safely can"
	@$(BIN)/ruff check --quiet --fix-only
	@$(BIN)/ruff format

check: $(DEV_STAMP)  ## lint, layout, types, and that the built notebooks agree with their sources
	@echo "check: ruff, ruff format, mypy, notebooks"
	@$(BIN)/ruff check --output-format concise
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/dino-notebooks build --check

clean:  ## remove the virtual environment, builds and caches (runs/ stays)
	@echo "clean: removing $(VENV), builds and caches"
	@rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Both questions come first: half a .venv would pass for a whole one.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "dino-notebooks needs Python 3.11 or newer, and '$(PYTHON)' is not. Name one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	  || { echo "'$(PYTHON)' lacks its venv module. On Debian and Ubuntu: sudo apt install python3-venv" >&2; exit 1; }
	@echo "Making a virtual environment in $(VENV)"
	@$(PYTHON) -m venv --clear $(VENV)

# --require-virtualenv: a $(VENV) that was moved or mended by hand must not install into the machine's own Python.
$(LAB_STAMP): pyproject.toml | $(BIN)/python
	@echo "Installing dino-notebooks and what it needs into $(VENV) (once; PyTorch alone is gigabytes)"
	@$(BIN)/python -m pip install --require-virtualenv -e .
	@touch $@

$(DEV_STAMP): pyproject.toml | $(BIN)/python
	@echo "Installing dino-notebooks, what it needs and what its tests need into $(VENV) (once; PyTorch alone is gigabytes)"
	@$(BIN)/python -m pip install --require-virtualenv -e '.[dev]'
	@touch $(LAB_STAMP) $@
