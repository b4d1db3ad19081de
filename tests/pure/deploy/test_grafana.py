"""The dashboards are what Grafana 11 and 12 take, by Grafana's own definitions.

The schemas beside this file are made from the TypeScript definitions of npm's @grafana/schema (Apache-2.0;
the version is in each file) with ts-json-schema-generator 2: `Dashboard`, and `Options` and `FieldConfig` of
the panels, without descriptions and defaults.
"""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema
import pytest

HERE = Path(__file__).parent
BOARDS = sorted((HERE.parents[2] / "deploy" / "grafana").glob("*.json"))
SCHEMAS = {file.stem: json.loads(file.read_text()) for file in sorted(HERE.glob("grafana_*.json"))}


def mistakes(board: dict[str, Any], grafana: str) -> list[str]:
    """What Grafana's definitions do not allow. Options that are left out have Grafana's defaults."""
    schemas = SCHEMAS[grafana]
    found = list(jsonschema.Draft7Validator(schemas["dashboard"]).iter_errors(board))
    for panel in board["panels"]:
        if panel["type"] in schemas:
            found += _partial(schemas[panel["type"]], panel.get("options", {}))
        if f"{panel['type']}_fields" in schemas:
            custom = panel.get("fieldConfig", {}).get("defaults", {}).get("custom", {})
            found += _partial(schemas[f"{panel['type']}_fields"], custom)
    return [f"{'/'.join(map(str, error.path))}: {error.message}" for error in found]


def _partial(schema: dict[str, Any], value: Any) -> list[jsonschema.ValidationError]:
    return [e for e in jsonschema.Draft7Validator(schema).iter_errors(value) if e.validator != "required"]


def test_both_versions_are_there() -> None:
    assert {schemas["from"].split()[1].split(".")[0] for schemas in SCHEMAS.values()} == {"11", "12"}


@pytest.mark.parametrize("grafana", SCHEMAS)
@pytest.mark.parametrize("board", BOARDS, ids=lambda file: file.name)
def test_dashboard_is_what_grafana_takes(board: Path, grafana: str) -> None:
    assert mistakes(json.loads(board.read_text()), grafana) == []


@pytest.mark.parametrize("grafana", SCHEMAS)
@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("panels", 0, "gridPos", "h"), "8"),
        (("panels", 0, "titel"), "Lag"),
        (("panels", 0, "options", "colorMode"), "rainbow"),
        (("panels", 6, "options", "legend"), "bottom"),
        (("panels", 6, "fieldConfig", "defaults", "custom", "drawStyle"), "crayon"),
        (("templating", "list", 1, "type"), "question"),
        (("refresh",), 30),
        (("time", "from"), None),
    ],
)
def test_dashboard_is_refused_when_a_name_or_a_type_is_wrong(
    place: tuple[str | int, ...], value: object, grafana: str
) -> None:
    [flow] = [board for board in BOARDS if board.name == "flow.json"]
    changed = deepcopy(json.loads(flow.read_text()))
    inner = changed
    for key in place[:-1]:
        inner = inner.setdefault(key, {}) if isinstance(inner, dict) else inner[key]  # type: ignore[index]
    inner[place[-1]] = value
    assert mistakes(changed, grafana)
