"""Remembering: the copies index of a lake at a start, and what is kept of it for the next one."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from newsmill.config import Config, CopiesConfig
from newsmill.copies.files import Files, Folder, Nameless
from newsmill.copies.identities import Seen
from newsmill.copies.index import CopyIndex, SeedRow
from newsmill.copies.versions import DAY
from newsmill.lake.edition import Source
from newsmill.lake.storage import copies_folder
from newsmill.lake.writer import Lake, Seed
from newsmill.records import Micros

_ALL_DAYS: Final = 365_000
_IDENTITY: Final = (
    *("article_id", "content_hash", "revision", "recorded_at", "topic", "partition", "offset", "domain"),
    *("ingested_at", "withheld"),
)
_SOURCES: Final = msgspec.msgpack.Decoder(Source)

_log = logging.getLogger(__name__)


class Memory:
    """The copies index of a lake, in files that outlive the process.

    The files are a cache. At a start they are taken where they fit the lake and the settings, and what the
    lake got since is learnt; else the index is made anew from the lake. A folder that another process has
    is left to it.

    Args:
        config: All settings.
        lake: Open, for reading at least.
        rely_on_lake: See `CopyIndex`.
    """

    def __init__(self, config: Config, lake: Lake, *, rely_on_lake: bool = True) -> None:
        self._config = config
        self._lake = lake
        self._files = _files(config)
        self._edition = lake.edition()
        self.index = self._taken(rely_on_lake) or self._made(rely_on_lake)
        self._until = lake.last_ingested_at

    def knows(self, until: Micros) -> None:
        """The index has learnt all batches up to one; those are in the lake."""
        self._until = until

    def keep(self, *, ending: bool = False) -> None:
        """Publish the index, where it is time to: what it knows is in the lake, and nothing else.

        Args:
            ending: Nothing comes after this: publish what is worth it.

        Raises:
            OSError: The disk is full.
        """
        self.check()
        if self.index.is_due(ending=ending):
            source = self._lake.source()
            if source.until == self._until and source.edition == self._edition:
                self.index.publish(msgspec.msgpack.encode(source))
                self.check()

    def check(self) -> None:
        """Remove the files where rows of the lake were changed: they may hold what was taken down."""
        if self._lake.edition() != self._edition:
            self.index.leave()

    def close(self) -> None:
        """Let another process have the folder."""
        if isinstance(self._files, Folder):
            self._files.close()

    def _taken(self, rely_on_lake: bool) -> CopyIndex | None:
        """The index as it was published, brought up to date; None where it does not fit."""
        if not isinstance(self._files, Folder):
            return None
        index = CopyIndex(self._config.copies, rely_on_lake=rely_on_lake, files=self._files)
        found = index.load()
        if found is None and self._files.read_manifest() is None:
            why = "its folder has none: it is new, or a takedown or a replay emptied it"
        elif found is None:
            why = "there are none that are whole, of this version and of these settings"
        else:
            old, now = _SOURCES.decode(found), self._lake.source()
            if old.may_be_among(now) and old.rows + self._learnt_since(index, old) == now.rows:
                return index
            why = "the lake has other rows than they were made of"
        if self._lake.last_ingested_at:
            _log.info("the copies index is made anew from the lake: %s: %s", self._files.path, why)
        self._files.wipe()
        return None

    def _learnt_since(self, index: CopyIndex, old: Source) -> int:
        """Learn the rows of batches after those that an index knows; how many there are."""
        count = 0

        def later() -> Iterator[Seed]:
            nonlocal count
            for row in self._lake.recent(days=_ALL_DAYS, since=old.until):
                if row.ingested_at > old.until:
                    count += 1
                    yield row

        index.seed(seeds(later()))
        return count

    def _made(self, rely_on_lake: bool) -> CopyIndex:
        """The index made of the lake's rows."""
        index = CopyIndex(self._config.copies, rely_on_lake=rely_on_lake, files=self._files)
        fill(index, self._lake, self._config.copies)
        return index


def _files(config: Config) -> Files:
    path = copies_folder(config)
    if path is None:
        return Nameless()
    try:
        return Folder(path)
    except BlockingIOError:
        _log.info("%s: another process has it: the copies index is made anew from the lake", path)
    except OSError as error:
        _log.warning("the copies index can't be kept for the next start: %s", error)
    return Nameless()


def fill(index: CopyIndex, lake: Lake, config: CopiesConfig) -> None:
    """Fill the copies index with the rows of a lake."""
    days = _ALL_DAYS if config.identity_days is None else config.identity_days
    old = lake.articles(days=days, columns=_IDENTITY, before=config.horizon_days)
    index.remember(_seen(rows) for rows in old)
    index.seed(seeds(lake.recent(days=config.horizon_days)))


def _seen(rows: pa.Table) -> Seen:
    rows = rows.filter(pc.is_null(rows["withheld"]))
    ingested = rows["ingested_at"].cast(pa.int64())
    times = pc.coalesce(rows["recorded_at"].cast(pa.int64()), ingested)
    days = pc.divide(ingested, DAY)
    return Seen(
        articles=rows["article_id"].to_pylist(),
        contents=rows["content_hash"].to_pylist(),
        revisions=rows["revision"].to_pylist(),
        times=times.to_pylist(),
        topics=rows["topic"].to_pylist(),
        partitions=rows["partition"].to_pylist(),
        offsets=rows["offset"].to_pylist(),
        domains=rows["domain"].to_pylist(),
        days=days.to_pylist(),
    )


def seeds(rows: Iterable[Seed]) -> Iterator[SeedRow]:
    """Rows of the lake as the copies index is filled with."""
    for row in rows:
        if row.sketch is not None:
            yield SeedRow(sketch=row.sketch, revision=row.revision, cluster_id=row.cluster_id)
