.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help setup demo test lint check lock system soak kb

help: ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

setup: $(READY) ## make the virtual environment from the lock file

$(READY): requirements.lock setup.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check "uv>=0.9"
	$(BIN)/uv pip sync --quiet --python $(BIN)/python requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

demo: setup ## run the main job on the sample pages: Kafka to Parquet, with a query at the end
	$(BIN)/newsmill demo

system: ## install what some tests use of the system: Chromium, promtool (Debian, as root)
	@if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] && ! { command -v chromium && command -v promtool; } >/dev/null; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y chromium prometheus >/dev/null; fi

test: setup system ## run all tests and doctests
	$(BIN)/python -m pytest -n 2 --dist loadfile

soak: setup ## kill the lake's writer hundreds of times: KILLS=500 SEED=1 SEEDS=5; the last line is the verdict
	$(BIN)/python benchmarks/soak.py --kills $(or $(KILLS),500) --seed $(or $(SEED),1) --seeds $(or $(SEEDS),5)

kb: setup ## build the knowledge base that comes with newsmill anew
	$(BIN)/newsmill kb build pipelines/newsmill/knowledge/data/base --from-packages

lint: setup ## ruff and mypy
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

check: lint test ## what CI runs

lock: ## write requirements.lock anew from setup.py and pyproject.toml
	uv pip compile --quiet --universal --python-version 3.11 --all-extras --group dev \
	  --no-emit-package newsmill --output-file requirements.lock setup.py
