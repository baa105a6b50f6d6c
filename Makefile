# Every command does its own set-up: a virtual environment in this checkout, made once, from the pins in
# harness/environments. `make` prints the list.

# Empty: the interpreter of the existing environment, else the first suitable one on PATH.
PYTHON ?=
VENV ?= .venv
ARGS ?=
# The same for the second environment, that of the last TensorFlow on which NSL runs unmodified.
PYTHON_TF215 ?=
VENV_TF215 ?= .venv-tf215

PINS := harness/environments
BIN := $(VENV)/bin
SET_UP = python=$$(sh $(PINS)/python.sh '$(PYTHON)' '$(VENV)') && "$$python" $(PINS)/set_up.py '$(VENV)'

BIN_TF215 := $(VENV_TF215)/bin
EXAMPLE_TF215 = PYTHON_TF215=python3.11 make compare-tf215
SET_UP_TF215 = python=$$(sh $(PINS)/python.sh '$(PYTHON_TF215)' '$(VENV_TF215)' '3.10 3.11' '$(EXAMPLE_TF215)') \
	&& "$$python" $(PINS)/set_up.py '$(VENV_TF215)' --pins tensorflow-2.15

# It would take the place of the environment's own standard library.
unexport PYTHONHOME

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help compare compare-tf215 test test-long mutants lint style types layers check doctor bench environment check-environment environment-tf215 lock clean distclean

help:
	@echo 'make compare        run the shipped scenarios on the real libraries; the report is reports/latest/report.html'
	@echo 'make test           run the tests'
	@echo 'make test-long      the tests that take long, and the generated scenario files ten times over'
	@echo 'make mutants        show that the shipped scenarios catch seeded defects and let correct rewritings pass'
	@echo 'make compare-tf215  run the shipped scenarios on TensorFlow 2.15 too (Python 3.10 or 3.11), and compare'
	@echo 'make check          everything that must hold before a change lands: lint, test, test-long'
	@echo 'make lint           style, types and layers (each a command too): formatting, type checks, direction of imports'
	@echo 'make doctor         the state of every implementation under comparison: installed, version, why not'
	@echo 'make bench          what the harness and the reimplementation cost, as ratios'
	@echo 'make lock           pin the dependencies of pyproject.toml anew (ARGS=--upgrade: to the newest)'
	@echo 'make clean          remove reports and caches'
	@echo 'make distclean      remove the virtual environment too'
	@echo
	@echo 'ARGS=...            more arguments for the command:      make compare ARGS="-k l2"'
	@echo 'PYTHON=...          the interpreter, 3.10 to 3.13:       PYTHON=python3.12 make compare'
	@echo 'VENV=...            the environment, default .venv:      make test VENV=.venv-3.12 PYTHON=python3.12'

compare: environment
	@'$(BIN)/harness' run scenarios --report-dir reports/latest --baseline reports/baseline.json $(ARGS)

test: environment
	@'$(BIN)/python' -m pytest -n logical --no-loadscope-reorder -m 'not long' $(ARGS)

# The same problems under TensorFlow 2.15 and under the one of the default environment, and then array against array.
compare-tf215: environment environment-tf215
	@'$(BIN)/harness' run scenarios --report-dir reports/latest $(ARGS)
	@'$(BIN_TF215)/harness' run scenarios --report-dir reports/tensorflow-2.15 --weights-of reports/latest $(ARGS)
	@'$(BIN)/harness' diff reports/tensorflow-2.15 reports/latest --known $(PINS)/tensorflow-2.15-known.txt

test-long: environment
	@'$(BIN)/python' -m pytest -n logical --no-loadscope-reorder -m long $(ARGS)
	@HARNESS_GENERATED=2000 '$(BIN)/python' -m pytest -n logical tests/scenario/test_properties.py $(ARGS)

mutants: environment
	@'$(BIN)/python' -m tests.mutants $(ARGS)

check: lint test test-long

lint: style types layers

style: check-environment
	@'$(BIN)/ruff' check
	@'$(BIN)/ruff' format --check

# Keeps Pyright from looking for newer versions of itself: the checks work with no network.
types: export PYRIGHT_PYTHON_IGNORE_WARNINGS = 1
types: check-environment
	@'$(BIN)/pyright' --pythonpath '$(BIN)/python'

layers: check-environment
	@'$(BIN)/lint-imports'

doctor: environment
	@'$(BIN)/harness' doctor $(ARGS)

bench: environment
	@'$(BIN)/python' -m harness.bench $(ARGS)

environment:
	@$(SET_UP)

check-environment:
	@$(SET_UP) --checks

environment-tf215:
	@$(SET_UP_TF215)

lock:
	@python=$$(sh $(PINS)/python.sh '$(PYTHON)' '$(VENV)') && "$$python" $(PINS)/lock.py $(ARGS)

clean:
	@find reports -mindepth 1 -maxdepth 1 ! -name README.md ! -name 'baseline*' -exec rm -rf {} +
	@rm -rf build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find harness tests -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean
	@rm -rf adversarial_harness.egg-info
	@[ ! -e '$(VENV)/harness-environment.json' ] || rm -rf '$(VENV)'
	@[ ! -e '$(VENV_TF215)/harness-environment.json' ] || rm -rf '$(VENV_TF215)'
