"""The newcomer's walk: its commands are run in order, and print what the guide shows.

NEWSMILL_UPDATE_DOCS=1 writes into the guide what they print now.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "first-steps.md"
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
VARIES = (
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "…"),
    (r"(ingested_at: ).*", r"\1…"),
    (r"^  \S+Z: ", "  …: "),
    (r"\b[0-9a-f]{64}\b", "…"),
    (r"(cluster_id|kb|snapshot)(\W+)[0-9a-f]+", r"\1\2…"),
    (r"\d+(\.\d+)? s\b", "… s"),
    (r"^( *pages a second +|seconds +|[!✓] (?:machine|sandbox) +).*$", r"\1…"),
    (r"dt=[\d-]+/hour=\d+", "dt=…/hour=…"),
    (r"/\S*(?=/demo-lake|/nowhere)", "…"),
    (r"\d+(\.\d+)? (GB free at ).*", r"… \2…"),
    (r"(on Python ).*", r"\1…"),
    (r"\d+(\.\d+)? (MB|kB)\b", r"… \2"),
)
"""What differs from run to run, or from machine to machine."""


FIGURE = re.compile(
    r"((?:confidence|agreement|similarity|containment|containment_of|novel_share|opening|completeness|score|salience)"
    r":? )[\d.]+"
)
"""What a small change of a model or a rule moves: shown as it was, not compared."""


def commands(block: str) -> Iterator[tuple[str, str]]:
    """Each command of a block, and what it is said to print."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield command, output


def printed(command: str, folder: Path) -> str:
    """What a command prints, with what differs from run to run as `…`."""
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "100",
        "NO_COLOR": "1",
        "TERM": "dumb",
    }
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=200,
    )
    text = "".join(line.rstrip() + "\n" for line in done.stdout.splitlines())
    for pattern, replacement in VARIES:
        text = re.sub(pattern, replacement, text, flags=re.MULTILINE)
    return text.strip("\n") + "\n" if text.strip() else ""


@pytest.mark.timeout(300)
def test_first_steps_print_what_the_guide_shows(tmp_path: Path) -> None:
    text = GUIDE.read_text(encoding="utf-8")
    now = BLOCK.sub(
        lambda block: (
            "```console\n"
            + "".join(f"$ {command}\n{printed(command, tmp_path)}" for command, _ in commands(block[1]))
            + "```"
        ),
        text,
    )
    if os.environ.get("NEWSMILL_UPDATE_DOCS"):
        GUIDE.write_text(now, encoding="utf-8")
    assert FIGURE.sub(r"\1…", now) == FIGURE.sub(r"\1…", text), (
        "if this is right, run again with NEWSMILL_UPDATE_DOCS=1"
    )
