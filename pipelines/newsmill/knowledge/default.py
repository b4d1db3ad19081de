"""The knowledge base that is there without being asked for: built once a machine, then only opened.

It is built from the installed packages on first use and kept in the user's cache folder under a hash
of what it is made from: package versions, newsmill's own tables, and the builder. An image should run
`newsmill kb build` so that its workers find it ready.
"""

from __future__ import annotations

import fcntl
import importlib.resources
import os
import shutil
from pathlib import Path

import xxhash

from newsmill.errors import ConfigError
from newsmill.knowledge import build, packages

_KEPT = 3  # knowledge bases of earlier releases that may still be in use
_CODE = ("build.py", "names.py", "packages.py", "name_suggestion_index.py")


def cache_folder() -> Path:
    """Where built knowledge bases are kept: `$XDG_CACHE_HOME/newsmill`, else `~/.cache/newsmill`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "newsmill"


def fingerprint() -> str:
    """Hash of all that decides the default knowledge base: 16 hex digits."""
    digest = xxhash.xxh3_64(repr(sorted(packages.versions().items())).encode())
    package = importlib.resources.files("newsmill.knowledge")
    tables = sorted(p.name for p in package.joinpath("data").iterdir() if p.name.endswith((".yaml", ".gz")))
    for resource in [*(package.joinpath("data", t) for t in tables), *(package.joinpath(c) for c in _CODE)]:
        digest.update(resource.read_bytes())
    return digest.hexdigest()


def knowledge_base() -> Path:
    """The folder of the default knowledge base, built now where it is missing.

    Processes that come at the same time wait for the one that builds. Takes about ten seconds and
    half a gigabyte of memory the first time.

    Raises:
        ConfigError: The cache folder can't be written.
    """
    folder = cache_folder() / f"kb-{fingerprint()}"
    if folder.is_dir():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = (folder.parent / f"{folder.name}.lock").open("w")
    except OSError as error:
        raise ConfigError(
            f"{folder.parent}: can't be written: {error.strerror}; set XDG_CACHE_HOME or enrich.kb"
        ) from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            build.build(packages.entries(), folder, sources=packages.versions())
            _forget(folder.parent)
    return folder


def _forget(cache: Path) -> None:
    """Remove all but the newest `_KEPT` default knowledge bases, with their locks."""
    built = sorted(cache.glob("kb-" + "[0-9a-f]" * 16), key=lambda f: f.stat().st_mtime, reverse=True)
    for old in built[_KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
        old.with_name(f"{old.name}.lock").unlink(missing_ok=True)
