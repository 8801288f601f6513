# make train: set up and train on the sample records; make test: set up and run the tests.

PYTHON ?= python3
BIN = .venv/bin

.PHONY: train test lint docs setup setup-dev clean

setup: .venv/running
setup-dev: .venv/developing

.venv/bin/python:
	$(PYTHON) -c 'import sys; assert (3, 11) <= sys.version_info < (3, 14), "tfseg needs Python 3.11 to 3.13: make PYTHON=python3.12"'
	$(PYTHON) -m venv .venv

.venv/running: requirements.txt pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet -r requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps -e .
	touch $@

.venv/developing: requirements-dev.txt requirements.txt pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --no-deps -e .
	touch $@ .venv/running

train: setup
	$(BIN)/python train.py train --input=records --gpu=0

test: setup-dev
	$(BIN)/python -m pytest -m "not slow" -n 2
	$(BIN)/python -m pytest -m slow -n 2

lint: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

docs: setup-dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

clean:
	rm -rf .venv build dist site *.egg-info
