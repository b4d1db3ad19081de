"""A small run of the chaos test (`make chaos` has 100 kills)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from newsmill.dev import local_kafka

CHAOS = Path(__file__).parents[2] / "benchmarks" / "chaos.py"


@pytest.mark.kafka
@pytest.mark.timeout(1500)
def test_topic_and_tables_agree_after_kills_beside_housekeeping_and_a_second_writer() -> None:
    if problems := local_kafka.missing():
        pytest.skip("; ".join(problems))
    ended = subprocess.run(
        [sys.executable, str(CHAOS), "--kills", "4", "--seed", "3"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout.splitlines()[-1:]) == (0, ["right"]), ended.stdout + ended.stderr
