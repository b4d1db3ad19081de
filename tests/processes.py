"""Processes of this machine as /proc tells them; minimal systems have no ps or pgrep."""

from __future__ import annotations

from pathlib import Path


def children(parent: int, word: str) -> set[str]:
    """Ids of the processes that `parent` started and whose command line has `word`."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state = folder.joinpath("stat").read_text().rpartition(")")[2].split()
            command = folder.joinpath("cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue  # it ended meanwhile
        if int(state[1]) == parent and word in command:
            found.add(folder.name)
    return found
