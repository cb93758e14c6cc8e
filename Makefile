# make demo    a fresh environment, Elman in it, and a language model trained before your eyes
# make test    a fresh environment with the test tools, and the whole test suite
# make check   the linters, the type checker and the import rules
# make docs    the documentation, built strictly into site/
#
# PYTHON=python3.12         another interpreter (3.11 or newer)
# VENV=path                 another place for the environment
# TORCH_INDEX=https://...   take torch from this package index, for example
#                           https://download.pytorch.org/whl/cpu on Linux without a GPU (saves gigabytes)

PYTHON ?= python3
VENV ?= .venv
TORCH_INDEX ?=
PIP = $(VENV)/bin/python -m pip install --constraint constraints.txt

.PHONY: demo test check docs clean

demo: $(VENV)/.base
	$(VENV)/bin/elman demo

test: $(VENV)/.dev
	$(VENV)/bin/python -m pytest --numprocesses auto --dist worksteal

check: $(VENV)/.dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/python -m mkdocs build --strict --quiet

$(VENV)/.base: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Elman needs Python 3.11 or newer: make PYTHON=...")'
	$(PYTHON) -m venv --clear $(VENV)
	$(if $(TORCH_INDEX),$(PIP) --index-url $(TORCH_INDEX) torch)
	$(PIP) --editable .
	@touch $@

$(VENV)/.dev $(VENV)/.docs: $(VENV)/.%: $(VENV)/.base
	$(PIP) --editable '.[$*]'
	@touch $@

clean:
	rm -rf $(VENV) site build src/elman.egg-info
