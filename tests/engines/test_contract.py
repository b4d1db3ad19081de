"""The consumers' contract is executable: the datacontract CLI tests a lake with it, whatever was done before.

The CLI has an environment of its own, `.engines/contract`, that `make engines` makes.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from newsmill.config import LakeConfig
from newsmill.lake import contract
from newsmill.lake.schemas import TABLES
from newsmill.lake.upkeep import compaction
from newsmill.lake.upkeep.takedown import take_down
from wirelake import AT, Press, press_day

ROOT = Path(__file__).parents[2]
CLI = Path(os.environ.get("NEWSMILL_DATACONTRACT") or ROOT / ".engines" / "contract" / "bin" / "datacontract")

pytestmark = pytest.mark.skipif(not CLI.exists(), reason=f"no {CLI}: run `make engines`")


def checks_of(lake: Path, folder: Path) -> list[dict[str, Any]]:
    """What the CLI finds, check by check."""
    written, results = folder / "newsmill.odcs.yaml", folder / "results.json"
    written.write_text(contract.odcs(), encoding="utf-8")
    place = {
        "DATACONTRACT_ICEBERG_CATALOG_TYPE": "sql",
        "DATACONTRACT_ICEBERG_CATALOG_URL": f"sqlite:///{lake}/catalog.db",
    }
    done = subprocess.run(
        [CLI, "test", written, "--server", contract.SERVER, "--output", results, "--output-format", "json"],
        env=os.environ | place,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert results.exists(), done.stdout + done.stderr
    return list(json.loads(results.read_text())["checks"])


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """A day of stories, of which one site was taken down, merged."""
    press = Press(LakeConfig(path=str(tmp_path / "lake")))
    press_day(press)
    take_down(press.config, "wire.example", reason="asked", now=AT + 1)
    list(compaction.compact(press.lake.tables))
    press.close()
    return tmp_path / "lake"


def test_the_contract_holds_of_a_lake(lake: Path, tmp_path: Path) -> None:
    checks = checks_of(lake, tmp_path)
    odd = [(c["model"], c["field"], c["reason"]) for c in checks if c["result"] != "passed"]
    assert odd == []
    assert {check["model"] for check in checks} == set(TABLES)
    assert {check["type"] for check in checks} >= {"field_is_present", "field_type", "field_required"}


def test_the_contract_does_not_hold_of_a_lake_with_other_columns(
    lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = contract.odcs().replace("- name: payload_bytes\n", "- name: payload_size\n")
    monkeypatch.setattr(contract, "odcs", lambda: text)
    odd = [c["field"] for c in checks_of(lake, tmp_path) if c["result"] == "failed"]
    assert set(odd) == {"payload_size"}
