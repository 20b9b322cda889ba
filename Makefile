# 'make reproduce' sets the environment up, runs the miniature and prints its tables; 'make test' runs the tests.
# Both need Python 3.11, 3.12 or 3.13 and make, and work again on what an earlier call left.

# The newest that runs: a name may be there that leads to no Python.
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3; do \
	$$python -c $(SERVES) 2>/dev/null && { command -v $$python; break; }; done)
SERVES := 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'
ENVIRONMENT := .venv
INSTALLED := $(ENVIRONMENT)/installed-from-lock
RUN := $(ENVIRONMENT)/bin/python

.PHONY: reproduce test lint tables environment lock clean

reproduce: environment
	$(RUN) run_all.py

test: environment
	$(RUN) -m pytest

lint: environment
	$(RUN) -m ruff check
	$(RUN) -m ruff format --check
	$(RUN) -m mypy

tables: environment
	$(RUN) -m results

environment: $(INSTALLED)

# torch and torchvision first, with what their metadata asks for on this platform (CUDA libraries, on Linux); then the
# lock file, which names every other package, so that no resolver adds to it.
$(INSTALLED): requirements.lock
	@"$(PYTHON)" -c $(SERVES) 2>/dev/null || { \
		echo 'error: Python 3.11, 3.12 or 3.13 is needed, with its venv: make PYTHON=/path/to/python3.13'; exit 2; }
	"$(PYTHON)" -m venv --clear $(ENVIRONMENT)
	$(RUN) -m pip install --quiet --disable-pip-version-check --constraint requirements.lock torch torchvision
	$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps --requirement requirements.lock
	@cp requirements.lock $@

# Resolves pyproject.toml anew, for all Pythons together, and says what changed. Pins that still fit stay: take out the
# lines of those that are to be renewed, or all of them.
lock: environment
	@cp requirements.lock $(ENVIRONMENT)/lock-before
	$(RUN) -m uv pip compile --quiet --universal --python-version 3.11 --all-extras --fork-strategy fewest \
		--custom-compile-command 'make lock' --output-file requirements.lock pyproject.toml
	@diff $(ENVIRONMENT)/lock-before requirements.lock && echo 'Nothing has changed.' || test $$? -eq 1

clean:
	rm -rf $(ENVIRONMENT)
