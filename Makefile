# make train: set up and train on the sample records; make test: set up and run the tests.

PYTHON ?= python3
BIN = .venv/bin

.PHONY: train test lint setup clean

setup: .venv/installed

.venv/installed: requirements.txt pyproject.toml
	$(PYTHON) -c 'import sys; assert (3, 11) <= sys.version_info < (3, 14), "tfseg needs Python 3.11 to 3.13: make PYTHON=python3.12"'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -r requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps -e .
	touch $@

train: setup
	$(BIN)/python train.py train --input=records --gpu=0

test: setup
	$(BIN)/python -m pytest -m "not slow" -n 2
	$(BIN)/python -m pytest -m slow -n 2

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

clean:
	rm -rf .venv build dist *.egg-info
