"""A knowledge base from a dump: reading, which may be killed and goes on, and compiling."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from newsmill.errors import ConfigError
from newsmill.knowledge import files
from newsmill.knowledge.entries import Entry
from newsmill.knowledge.extend import extend
from newsmill.knowledge.gazetteer import Gazetteer
from newsmill.knowledge.wikidata import reading
from newsmill.knowledge.wikidata.compiling import compile_spool
from newsmill.knowledge.wikidata.reading import Options, Progress


def spool_of(folder: Path) -> Path:
    """Where what was read of a dump stands until the knowledge base is written."""
    return folder.absolute().with_name(f".{folder.absolute().name}-reading")


def make(
    dump: Path,
    folder: Path,
    options: Options,
    *,
    base: Path,
    own: list[Entry],
    sources: dict[str, str],
    workers: int,
    told: Callable[[Progress], None],
) -> Progress:
    """Write to `folder` the knowledge base `base` with entities of one's own and those of a dump.

    Args:
        dump: Wikidata's JSON dump, gzip or bzip2.
        folder: Where to write; an earlier knowledge base is replaced, whole.
        options: What is kept of the dump.
        base: The knowledge base that comes first.
        own: Entities before those of the base.
        sources: Where `own` come from.
        workers: Processes that read the dump.
        told: Is called with each progress.

    Raises:
        ConfigError: The dump can't be read to its end or holds nothing, or `folder` can't be written or holds
            something else. What was read stays in `spool_of(folder)`, and the next try goes on from there.
    """
    files.refuse_strangers(folder)
    with reading.spool_at(spool_of(folder)) as spool:
        try:
            progress = reading.read(dump, spool, options, workers=workers, told=told)
            if not progress.kept:
                raise ConfigError(
                    f"{dump}: none of its {progress.seen:,} items is in {options.least_sitelinks} Wikipedias"
                )
        except ConfigError:
            reading.remove_if_empty(spool)
            raise
        extended = spool / "base"
        if own:
            extend(base, own, extended, sources=sources)
        named = f"{dump.name}, {progress.seen:,} items, from {options.least_sitelinks} Wikipedias on"
        compile_spool(
            spool,
            folder,
            base=Gazetteer.open(extended if own else base),
            sources=sources | {"wikidata": named},
        )
        shutil.rmtree(spool)
    return progress
