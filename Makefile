# The README's two commands are `make run` and `make test`; both set up .venv when it is missing or out of date.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

.PHONY: run test lint types truth clean

# pip, not another installer: the machine's pip configuration says where its wheels are.
$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[dev]' $(TORCH)
	touch $@

run: $(VENV)/installed
	$(BIN)/ironlaw run $(ARGS)

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/installed
	$(BIN)/mypy

test: lint types
	$(BIN)/pytest -rs

clean:
	rm -rf $(VENV) build dist
