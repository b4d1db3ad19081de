"""What deploy/ and docs/ say of metrics and alerts is true of the code."""

from __future__ import annotations

import json
import re
import runpy
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from newsmill.observe.metrics import METRICS, RunMetrics
from newsmill.observe.reference import reference

ROOT = Path(__file__).parents[3]
PROMETHEUS = ROOT / "deploy" / "prometheus"
GRAFANA = ROOT / "deploy" / "grafana"
BOARDS = sorted(GRAFANA.glob("*.json"))
NAME = re.compile(r"\b(?:newsmill|process)_[a-z_0-9]+\b")
LABELS = re.compile(r"\bby \(([a-z_, ]+)\)")


def rules(file: str) -> Iterator[dict[str, Any]]:
    for group in yaml.safe_load((PROMETHEUS / file).read_text(encoding="utf-8"))["groups"]:
        yield from group["rules"]


def scraped_names() -> set[str]:
    """Every name that a scrape may show."""
    own = {name for metric in METRICS for name in metric.series}
    return own | {sample.name for family in RunMetrics().registry.collect() for sample in family.samples}


def labels() -> set[str]:
    return {label for metric in METRICS for label in metric.labels} | {"job", "instance", "le"}


def board_queries(board: Path) -> list[str]:
    panels = json.loads(board.read_text(encoding="utf-8"))["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


@pytest.mark.parametrize("board", BOARDS, ids=lambda file: file.name)
def test_dashboard_asks_only_for_metrics_and_labels_that_exist(board: Path) -> None:
    queries = board_queries(board)
    assert len(queries) > 8
    for query in queries:
        assert set(NAME.findall(query)) <= scraped_names(), query
        assert NAME.search(query), query
        asked = {label.strip() for found in LABELS.findall(query) for label in found.split(",")}
        assert asked <= labels(), query
        assert "JOB" not in query


def test_every_metric_is_shown_on_a_dashboard() -> None:
    shown = {name for board in BOARDS for query in board_queries(board) for name in NAME.findall(query)}
    assert [metric.name for metric in METRICS if not shown & set(metric.series)] == []


def test_dashboards_are_those_that_the_code_makes_when_made_again() -> None:
    made = dict(runpy.run_path(str(GRAFANA / "dashboards.py"))["made"]())
    assert {file.name for file in BOARDS} == set(made)
    for name, content in made.items():
        assert (GRAFANA / name).read_text(encoding="utf-8") == content, "python deploy/grafana/dashboards.py"


def test_queries_of_dashboards_are_promql_when_checked_by_promtool(tmp_path: Path) -> None:
    queries = [query for board in BOARDS for query in board_queries(board)]
    filled = [re.sub(r"\$__rate_interval", "5m", query).replace("$job", ".*") for query in queries]
    found = [{"record": f"q:{n}", "expr": query} for n, query in enumerate(filled)]
    file = tmp_path / "queries.yml"
    file.write_text(json.dumps({"groups": [{"name": "queries", "rules": found}]}), encoding="utf-8")
    assert promtool("check", "rules", str(file)) == ""


def test_rules_use_only_metrics_that_exist() -> None:
    recorded = {rule["record"] for rule in rules("recording.yml")}
    for rule in [*rules("recording.yml"), *rules("alerts.yml")]:
        expression = re.sub(
            r"\b(?:newsmill|process):[a-z_0-9:]+", lambda m: "" if m[0] in recorded else m[0], rule["expr"]
        )
        assert "newsmill:" not in expression, rule
        assert set(NAME.findall(expression)) <= scraped_names(), rule


def test_alerts_fire_and_stay_silent_as_tested_by_promtool() -> None:
    for config in ("prometheus.yml", "cluster.yml"):
        assert promtool("check", "config", config) == ""
    assert promtool("test", "rules", "alerts.test.yml") == ""


def test_every_alert_is_tested_firing_and_silent_and_has_its_place_in_the_runbook() -> None:
    tested = yaml.safe_load((PROMETHEUS / "alerts.test.yml").read_text(encoding="utf-8"))["tests"]
    cases = [case for test in tested for case in test.get("alert_rule_test", ())]
    firing = {case["alertname"] for case in cases if case["exp_alerts"]}
    silent = {case["alertname"] for case in cases if not case["exp_alerts"]}
    names = [rule["alert"] for rule in rules("alerts.yml")]
    assert set(names) == firing == silent
    runbook = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (Newsmill\w+)$", runbook, re.MULTILINE) == names
    for rule in rules("alerts.yml"):
        assert rule["annotations"]["runbook_url"].endswith(
            f"docs/runbook.md{{{{ end }}}}#{rule['alert'].lower()}"
        )


def test_reference_of_metrics_is_the_one_that_the_code_makes() -> None:
    file = ROOT / "docs" / "reference" / "metrics.md"
    assert file.read_text(encoding="utf-8") == reference(), "python -m newsmill.observe.reference"


def promtool(*arguments: str) -> str:
    """Run promtool beside the rules; what it complains of."""
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("no promtool: apt install prometheus")
    done = subprocess.run([program, *arguments], cwd=PROMETHEUS, capture_output=True, text=True, timeout=60)
    return "" if done.returncode == 0 else done.stdout + done.stderr
