"""Folders that a command makes anew: what it may delete in them, and what it must not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from newsmill.errors import ConfigError

_NAMED: Final = 3
"""Files that a refusal names."""


def strangers(folder: Path, known: Sequence[str]) -> list[Path]:
    """Files and links below a folder whose path in it fits none of the patterns, in order.

    Args:
        folder: Is there.
        known: Patterns of paths, as `fnmatch` reads them: `*` stands for any characters, `/` included.
    """
    found = []
    for parent, folders, files in os.walk(folder):
        links = [name for name in folders if Path(parent, name).is_symlink()]
        for name in (*files, *links):
            path = Path(parent, name)
            inside = path.relative_to(folder).as_posix()
            if path.is_symlink() or not any(fnmatchcase(inside, pattern) for pattern in known):
                found.append(path)
    return sorted(found)


def remove(folder: Path, known: Sequence[str], *, instead: str) -> None:
    """Delete a folder, unless it holds a file that fits none of the patterns.

    Args:
        folder: Is there.
        known: As for `strangers`.
        instead: What the user can do, said with the refusal.

    Raises:
        ConfigError: There are such files, or it is a link; nothing was deleted.
    """
    if folder.is_symlink():
        raise ConfigError(f"{folder} is a link: nothing was deleted; {instead}")
    if others := strangers(folder, known):
        named = ", ".join(str(path) for path in others[:_NAMED])
        more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
        raise ConfigError(f"{named}{more}: not made by newsmill: nothing was deleted; {instead}")
    shutil.rmtree(folder)
