"""Running what a guide shows: its commands in order, and its files and lines put where it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

BLOCK = re.compile(r"^```(\w+)(?: ([^\n]+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
VARIES = (
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "…"),
    (r"(ingested_at: ).*", r"\1…"),
    (r"^  \S+Z: ", "  …: "),
    (r"\b[0-9a-f]{64}\b", "…"),
    (r"(cluster_id|kb|snapshot)(\W+)[0-9a-f]+", r"\1\2…"),
    (r"\d+(\.\d+)? ?s\b", "… s"),
    (r"^( *pages a second +|seconds +|[!✓] (?:machine|sandbox) +).*$", r"\1…"),
    (r"dt=[\d-]+/hour=\d+", "dt=…/hour=…"),
    (r"/\S*(?=/demo-lake|/nowhere)", "…"),
    (r"^[!✓] (disk +)\d.*(?:\n +→ free space.*)?$", r"✓ \1… GB free at …"),
    (r"^[!✓] (java +).*(?:\n +→ .*)?$", r"✓ \1…"),
    (r"^(\d+ findings: ).*", r"\1…"),
    (r"\d+(\.\d+)? (GB free at ).*", r"… \2…"),
    (r"(on Python ).*", r"\1…"),
    (r"\d+(\.\d+)? (MB|kB)\b", r"… \2"),
    (r"\d+( settings are set)", r"…\1"),
    (r"( in … s) \(\d+:\d\d:\d\d\)$", r"\1"),
)
"""What differs from run to run, or from machine to machine."""


def commands(block: str) -> Iterator[tuple[str, str]]:
    """Each command of a block, and what it is said to print."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield command, output


def printed(command: str, folder: Path, environment: Mapping[str, str] = {}) -> str:
    """What a command prints, with what differs from run to run as `…`; programs in `tools` come first."""
    path = (str(folder / "tools"), str(Path(sys.executable).parent), os.environ["PATH"])
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=os.environ
        | {"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}
        | {"PATH": os.pathsep.join(path)}
        | dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=200,
    )
    text = "".join(line.rstrip() + "\n" for line in done.stdout.splitlines())
    for pattern, replacement in VARIES:
        text = re.sub(pattern, replacement, text, flags=re.MULTILINE)
    return text.strip("\n") + "\n" if text.strip() else ""


def walked(guide: Path, folder: Path, environment: Mapping[str, str] = {}) -> str:
    """The guide with what its commands print now; its files are put into the folder on the way.

    The words behind a block's language say what it is: `file PATH` is written, `add to PATH: NAME` is put at
    the end of the tuple NAME in that file. A `console` block is run.
    """

    def now(block: re.Match[str]) -> str:
        language, where, content = block.groups()
        if language == "console":
            ran = (
                f"$ {command}\n{printed(command, folder, environment)}" for command, _ in commands(content)
            )
            return f"```console\n{''.join(ran)}```"
        if where and where.startswith("file "):
            target = folder / where.removeprefix("file ")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content, encoding="utf-8")
        elif where and where.startswith("add to "):
            place, _, name = where.removeprefix("add to ").partition(": ")
            text = (folder / place).read_text(encoding="utf-8")
            start = text.index(f"\n{name}: ")
            end = text.index("\n)\n", start) + 1
            (folder / place).write_text(text[:end] + content + text[end:], encoding="utf-8")
        return block[0]

    return BLOCK.sub(now, guide.read_text(encoding="utf-8"))


def is_to_be_updated() -> bool:
    """Whether guides are to be written anew: NEWSMILL_UPDATE_DOCS=1."""
    return bool(os.environ.get("NEWSMILL_UPDATE_DOCS"))
