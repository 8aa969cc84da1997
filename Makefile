# Everything a clone needs. Each target does all that it takes; the second time it is quick.
#
#   make lab      set up, copy the lessons to desk/, open JupyterLab (PORT=8889, ARGS=--no-browser)
#   make test     set up; style, types, tests, and every notebook run again
#   make setup    the environment alone, in .venv (PYTHON=python3.12, EXTRAS=dev,engines)
#   make soak     the tests that count long
#   make bench    measure against the budgets, side by side
#   make exercises   generate exercises/ from solutions/
#   make format   lay the code out
#   make lock     resolve the dependencies anew into requirements.lock

PYTHON ?= python3
PORT ?= 8888
ifeq ($(OS),Windows_NT)
  VENV := .venv/Scripts/python.exe
  ROOT_FLAG :=
else
  VENV := .venv/bin/python
  ROOT_FLAG := $(if $(filter 0,$(shell id -u)),--allow-root)
endif

.PHONY: help setup lab test soak bench exercises format lock
help:
	@sed -n 's/^#   //p' Makefile

setup:
	@$(PYTHON) .ci/setup.py

# JupyterLab asks nobody outside for news or updates, listens to this machine alone, and takes
# the next port where PORT is in use.
lab: setup
	@$(VENV) -m classroom start
	@$(VENV) -m jupyterlab --ip=127.0.0.1 --port=$(PORT) $(ROOT_FLAG) \
	  --LabApp.news_url=None \
	  --LabApp.check_for_updates_class=jupyterlab.handlers.announcements.NeverCheckForUpdate \
	  --LabApp.default_url="/lab$$(ls desk/*/00_*.ipynb desk/00_*.ipynb desk/*/08_*.ipynb desk/08_*.ipynb 2>/dev/null | head -n 1 | sed 's|^|/tree/|')" \
	  $(ARGS)

test: setup
	@$(VENV) -m tests $(ARGS)

soak: setup
	@$(VENV) -m pytest tests -m soak --hypothesis-profile=soak -o faulthandler_timeout=3600 $(ARGS)

bench: setup
	@$(VENV) -m tests.benchmarks $(ARGS)

exercises: setup
	@$(VENV) -m classroom.grading.generate $(ARGS)

format: setup
	@$(VENV) -m ruff format .
	@$(VENV) -m ruff check --fix .

# One file for every system and Python of the course; no index address, no path of this machine.
lock: setup
	@$(VENV) -m uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --upgrade \
	  --extra dev --extra engines --no-emit-index-url --no-header --no-annotate -o requirements.lock $(ARGS)
