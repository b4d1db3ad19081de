.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEV := $(VENV)/.ready-dev
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --no-compile
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --custom-compile-command "make lock"

.PHONY: help setup dev demo test lint check lock system soak chaos keeper kb fresh engines alerts audit licences growth poison api flink stream

help: ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

setup: $(READY) ## make the virtual environment with what a user needs, from the lock file

$(BIN)/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; (3, 11) <= v < (3, 14) or sys.exit("newsmill needs Python 3.11 to 3.13, and this is %d.%d; name another: make PYTHON=python3.13" % v)'
	$(PYTHON) -m venv $(VENV)

$(READY): requirements.lock requirements-build.lock pyproject.toml | $(BIN)/python
	$(PIP) --require-hashes --no-deps -r requirements-build.lock
	$(PIP) --require-hashes --no-deps --no-build-isolation --use-pep517 -r requirements.lock
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

dev: $(DEV) ## make the virtual environment with all that tests and linters need too

$(DEV): requirements-dev.lock pyproject.toml | $(BIN)/python
	$(PIP) "$$(grep -o '^uv==[0-9.]*' requirements-dev.lock)"
	$(BIN)/uv pip sync --quiet --python $(BIN)/python requirements-dev.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $(READY) $@

demo: setup ## run the main job on the sample pages: Kafka to Parquet, with a query at the end
	$(BIN)/newsmill demo

system: ## install what some tests use of the system: Chromium, promtool, debootstrap, PostgreSQL (Debian, as root)
	@if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] && \
	    ! { command -v chromium && command -v promtool && command -v debootstrap && ls -d /usr/lib/postgresql; } >/dev/null 2>&1; then \
	  apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive apt-get install -qq -y chromium prometheus debootstrap postgresql >/dev/null; fi

test: dev system ## run all tests and doctests
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

engines: dev ## read a lake with Spark, Trino, dbt and others, and test it by its data contract; the first time fetches 590 MB from Maven
	@ls .engines/spark-sql_*.jar >/dev/null 2>&1 || mvn -q -B -f tests/engines/pom.xml \
	  org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DincludeScope=runtime -DoutputDirectory=$(CURDIR)/.engines
	@ls .engines/trino/trino-main-*.jar >/dev/null 2>&1 || mvn -q -B -f tests/engines/trino/pom.xml \
	  org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DincludeScope=runtime -DoutputDirectory=$(CURDIR)/.engines/trino
	$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python .engines/contract
	$(BIN)/uv pip install --quiet --python .engines/contract/bin/python 'datacontract-cli[duckdb,iceberg]==1.2.8' sqlalchemy
	$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python .engines/dbt
	$(BIN)/uv pip install --quiet --python .engines/dbt/bin/python dbt-duckdb==1.10.1 'dbt-core<1.12' 'duckdb==1.5.*'
	$(BIN)/python -m pytest tests/engines

alerts: dev system ## let the alerts fire for real, and ask all queries of the dashboards of a real run; minutes
	NEWSMILL_ALERTS=1 $(BIN)/python -m pytest tests/alerts

soak: dev ## kill the lake's writer hundreds of times: KILLS=500 SEED=1 SEEDS=5; the last line is the verdict
	$(BIN)/python benchmarks/soak.py --kills $(or $(KILLS),500) --seed $(or $(SEED),1) --seeds $(or $(SEEDS),5)

flink: dev ## the endless job on a real Flink, each process killed in turn: NEWSMILL_FLINK_JOB_SERVER_JAR=…; docs/quality/flink.md
	$(BIN)/python benchmarks/flink_live.py --write docs/quality/flink.md

kb: dev ## build the knowledge base that comes with newsmill anew
	$(BIN)/newsmill kb build pipelines/newsmill/knowledge/data/base --from-packages

chaos: dev ## kill, stop and crowd a whole run, then compare topic and tables: KILLS=100 SEED=1; the last line is the verdict
	$(BIN)/python benchmarks/chaos.py --kills $(or $(KILLS),100) --seed $(or $(SEED),1) --write docs/reliability.md

growth: dev ## what a page of each shape costs from 10 kB to 9 MB: docs/quality/limits.md
	$(BIN)/python benchmarks/growth.py --write docs/quality/limits.md

poison: dev ## what pages that hang, crash or eat memory cost the others, and their fates: docs/quality/limits.md
	$(BIN)/python benchmarks/poison.py --write docs/quality/limits.md
	$(BIN)/python benchmarks/poison.py --whole 10000 --write docs/quality/limits.md

stream: dev ## the endless job over RECORDS=20000 records while each of its processes is killed in turn
	NEWSMILL_STREAM_RECORDS=$(or $(RECORDS),20000) $(BIN)/python -m pytest -q tests/jobs/test_portable_stream.py -k many_records

keeper: dev ## keep lakes in random ways, and look after each step: SEQUENCES=300 SEED=1; the last line is the verdict
	$(BIN)/python benchmarks/keeper.py --sequences $(or $(SEQUENCES),300) --seed $(or $(SEED),1)

lint: dev ## ruff and mypy
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

check: lint test ## what CI runs

fresh: ## run the README's commands on minimal Debian 12 and 13 (as root, with debootstrap)
	.ci/fresh

lock: dev ## write the lock files anew from pyproject.toml
	$(LOCK) --generate-hashes --group build --output-file requirements-build.lock
	$(LOCK) --generate-hashes --no-emit-package newsmill --output-file requirements.lock pyproject.toml
	$(LOCK) --constraint requirements.lock --all-extras --group dev --group build --no-emit-package newsmill \
	  --output-file requirements-dev.lock pyproject.toml

api: dev ## write the reference of the public names from their docstrings: docs/reference/api.md
	$(BIN)/python .ci/api --write docs/reference/api.md

audit: dev ## look whether an advisory is known for what the locks pin; says so where none can be looked up
	$(BIN)/python .ci/audit

licences: setup ## list the licences of what is installed: docs/reference/licences.md
	$(BIN)/python .ci/licences --write docs/reference/licences.md
