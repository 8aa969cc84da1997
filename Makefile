# Everything a clone needs. Each target does all that it takes; the second time it is quick.
#
#   make lab      set up, copy the lessons to desk/, open JupyterLab (PORT=8889, ARGS=--no-browser)
#   make test     set up; style, types, tests, and every notebook run again
#   make setup    the environment alone, in .venv (PYTHON=python3.12, EXTRAS=dev,engines)
#   make soak     the tests that count long
#   make bench    measure against the budgets, side by side
#   make exercises   generate exercises/ from solutions/
#   make pictures    draw README's picture anew, from lesson 08's run
#   make stubs       generate services/rpc/generated from inventory.proto
#   make format   lay the code out
#   make lock     resolve the dependencies anew into requirements.lock

PORT ?= 8888
ifeq ($(OS),Windows_NT)
  PYTHON ?= python
  VENV := .venv/Scripts/python.exe
else
  PYTHON ?= python3
  VENV := .venv/bin/python
  IN_VENV := PATH="$(CURDIR)/.venv/bin:$$PATH"
  AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)
endif

.PHONY: help setup lab test soak bench exercises pictures stubs format lock
help:
	@sed -n 's/^#   //p' Makefile

setup:
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON) here. Install Python 3.11 or newer," \
	  "or name the one that you have:  PYTHON=/path/to/python3 make setup" >&2; exit 1; }
	@$(PYTHON) .ci/setup.py

# JupyterLab listens to this machine alone, asks nobody outside for news or updates, and takes
# the next port where PORT is in use. Its terminals find the course's python first.
lab: setup
	@$(VENV) -m classroom start
	@page=$$(ls desk/lessons/00_*.ipynb 2>/dev/null || ls desk/lessons/08_*.ipynb 2>/dev/null); \
	$(IN_VENV) JUPYTER_CONFIG_PATH="$(CURDIR)/.ci/jupyter" \
	$(VENV) -m jupyterlab --ip=127.0.0.1 --port=$(PORT) $(AS_ROOT) --log-level=WARN \
	  --LabApp.default_url="/lab$${page:+/tree/$$page}" --LabApp.news_url=None \
	  --LabApp.check_for_updates_class=jupyterlab.handlers.announcements.NeverCheckForUpdate $(ARGS)

test: setup
	@$(VENV) -m tests $(ARGS)

soak: setup
	@$(VENV) -m pytest tests -m soak --hypothesis-profile=soak -o faulthandler_timeout=3600 $(ARGS)

bench: setup
	@$(VENV) -m tests.benchmarks $(ARGS)

exercises: setup
	@$(VENV) -m classroom.grading.generate $(ARGS)

pictures: setup
	@$(VENV) -m classroom.pictures.hook lessons/pictures/hook.svg

stubs: setup
	$(VENV) -m grpc_tools.protoc -Iservices/rpc/generated=services/rpc --python_out=. --pyi_out=. --grpc_python_out=. \
	  services/rpc/generated/inventory.proto

format: setup
	@$(VENV) -m ruff format .
	@$(VENV) -m ruff check --fix .

# One file for every system and Python of the course; no index address, no path of this machine.
lock: setup
	@$(VENV) -m uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --upgrade \
	  --extra dev --extra engines --extra otlp --no-emit-index-url --no-header --no-annotate -o requirements.lock $(ARGS)
