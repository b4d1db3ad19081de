"""A lake of made-up pages, marked, finished and committed by the pipeline's own pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from newsmill.config import Config, CopiesConfig, EnrichConfig, KeepBody, LakeConfig, OnReserved
from newsmill.copies.index import CopyIndex
from newsmill.errors import TakenDownMeanwhile
from newsmill.flow.elements.chunks import ArticleChunk, Extracted, Finished, SketchedChunk, TerminalFates
from newsmill.flow.steps.enrich import finish
from newsmill.flow.steps.identify import identify
from newsmill.flow.steps.mark import mark
from newsmill.flow.steps.remember import Memory, fill
from newsmill.flow.steps.tabulate import tabulate
from newsmill.lake import changes, files, rows as table_rows
from newsmill.lake.ledger import Batch
from newsmill.lake.schemas import TABLES
from newsmill.lake.writer import Lake
from newsmill.records import (
    Enrichment,
    Entity,
    Extraction,
    Fate,
    FateRow,
    Language,
    Mention,
    OffsetRange,
    Page,
    Place,
    Position,
    RawPage,
    SourceRecord,
)
from newsmill.urls import registrable_domain, url_key
from newsroom import reworded, story

TOPIC = "wire"
AT = 1_790_000_000_000_000
MINUTE = 60_000_000


class Sent(NamedTuple):
    """One page of a topic."""

    url: str
    body: str
    title: str = "Council votes on the harbour"
    minute: int | None = None  # of its publication; else its offset
    final_url: str | None = None
    canonical_url: str | None = None


class Press:
    """Writes pages into a lake, batch by batch, as `newsmill run` does."""

    def __init__(self, config: LakeConfig, keep_body: KeepBody = KeepBody.UNLESS_EXACT) -> None:
        self.config = config
        self.keep_body = keep_body
        self.lake = Lake.open(config)
        self.bodies: dict[int, str] = {}  # by offset, as they were sent
        self._sent: dict[int, Sent] = {}
        self.restart()

    def restart(self) -> None:
        """Forget the index and fill it from the lake."""
        self.index = CopyIndex(CopiesConfig(keep_body=self.keep_body))
        fill(self.index, self.lake, CopiesConfig())

    def send(self, *pages: Sent, at: int | None = None, meanwhile: Iterable[object] = ()) -> None:
        """Commit a batch of pages; `meanwhile` is what happens between marking and committing it."""
        start = self.lake.committed().get((TOPIC, 0), 0)
        end = start + len(pages)
        for offset, page in enumerate(pages, start):
            self.bodies[offset], self._sent[offset] = page.body, page
        part = OffsetRange(
            topic=TOPIC, partition=0, start=start, end=end, records=len(pages), bytes=len(pages)
        )
        begun = self.lake.begin([part], now=at or AT + start * MINUTE)
        others = iter(meanwhile)
        while True:
            made = self._made(begun.batch_id, range(start, end), begun.ingested_at)
            next(others, None)
            try:
                self.lake.commit(begun, made)
            except TakenDownMeanwhile:
                self.index.abandon(begun.batch_id)
                continue
            self.index.commit(begun.batch_id)
            return

    def _made(self, batch_id: str, offsets: Iterable[int], at: int) -> list[files.DataFile]:
        urls, domains = self.lake.withheld()
        self.index.forget_bodies(urls, domains)
        drafts, fates = [], []
        for offset in offsets:
            item = extracted(offset, self._sent[offset])
            if url_key(item.raw.url) in urls or registrable_domain(item.raw.url) in domains:
                fates.append(
                    FateRow(
                        position=item.record.position,
                        fate=Fate.WITHHELD,
                        ingested_at=at,
                        reason="taken_down",
                        url=item.raw.url,
                    )
                )
            else:
                drafts.append(identify(item, at))
        self.index.resolve(batch_id, [])
        marked, ended, events = mark(self.index, batch_id, [SketchedChunk(drafts=tuple(drafts))])
        finished = [_named(finish(m, None, EnrichConfig(), self.keep_body, OnReserved.KEEP)) for m in marked]
        chunks = [ArticleChunk(articles=tuple(finished))] if finished else []
        ends = [TerminalFates(fates=(*fates, *ended))] if fates or ended else []
        rows: dict[str, list[pa.Table]] = {}
        for chunk in (*chunks, *ends, *([events] if events.events else [])):
            for table, _, found in tabulate(chunk):
                rows.setdefault(table, []).append(found)
        return [
            files.write(self.config.path, table, pa.concat_tables(parts), ingested_at=at)
            for table, parts in rows.items()
        ]

    def close(self) -> None:
        """Give the lake back."""
        self.lake.release()


class Kept(Press):
    """A press whose index outlives it, as that of `newsmill run` does."""

    memory: Memory | None = None

    def restart(self) -> None:
        if self.memory is not None:
            self.memory.close()
        self.memory = Memory(Config(lake=self.config), self.lake)
        self.index = self.memory.index

    def send(self, *pages: Sent, **more: object) -> None:
        super().send(*pages, **more)
        self.memory.knows(self.lake.last_ingested_at)
        self.memory.keep(ending=True)

    def close(self) -> None:
        self.memory.close()
        super().close()


def extracted(offset: int, sent: Sent) -> Extracted:
    """A page as extraction gives it."""
    position = Position(topic=TOPIC, partition=0, offset=offset)
    return Extracted(
        record=SourceRecord(position=position, value=b"x", timestamp=AT + offset * MINUTE),
        raw=RawPage(position=position, url=sent.url, body=b"", final_url=sent.final_url),
        page=Page(
            canonical_url=sent.canonical_url,
            title=sent.title,
            body=sent.body,
            published_at=AT + (offset if sent.minute is None else sent.minute) * MINUTE,
            extraction=Extraction(method="given", reason="test"),
        ),
        language=Language(code="en", confidence=1.0, method="given"),
    )


def _named(item: Finished) -> Finished:
    """The article with a place, and its first and last words as entities: offsets are held against texts."""
    import msgspec

    body = item.article.draft.page.body
    words = [(0, body.index(" ")), (body.rindex(" ") + 1, len(body))]
    entities = tuple(
        Entity(
            entity_id=f"nil:{n}",
            type="place",
            coarse="LOC",
            name=body[start:end],
            mentions=(Mention(start=start, end=end, text=body[start:end]),),
        )
        for n, (start, end) in enumerate(words)
    )
    places = (Place(name="Riverton", lat=1.0, lon=2.0, country=None, mentions=(), kind="city", score=0.5),)
    found = Enrichment(entities=entities, places=places)
    article = msgspec.structs.replace(item.article, enrichment=found)
    return msgspec.structs.replace(item, article=article)


def press_day(press: Press) -> None:
    """Three batches: stories, exact, edited and extended copies, revisions of originals and of copies."""
    one, two = story(1), story(2)
    press.send(
        Sent("https://wire.example/one", one),
        Sent("https://a.example/one", one),
        Sent("https://wire.example/two", two, "Ferry line sold"),
    )
    press.send(
        Sent("https://b.example/one", one),
        Sent("https://c.example/one", reworded(one, 3, 0.05)),
        Sent("https://wire.example/one", one + "\n" + story(3, 60), "Council votes on the harbour, again"),
        Sent("https://a.example/two", two, "Ferry line sold"),
    )
    press.send(
        Sent("https://d.example/one", one + "\n" + story(3, 60), "Council votes on the harbour, again"),
        Sent("https://b.example/one", reworded(one, 4, 0.05)),
        Sent("https://e.example/one", one + "\n" + story(4, 200)),
        Sent("https://b.example/two", two, "Ferry line sold"),
        Sent("https://f.example/six", story(6), "Museum opens"),
    )


def texts(path: Path | str, rows: Sequence[dict]) -> list[str | None]:
    """The text of each row: its own, or that of a row with the same hash."""
    held = {row["body_hash"]: row["body"] for row in rows if row["body"] is not None}
    return [row["body"] if row["body"] is not None else held.get(row["body_hash"]) for row in rows]


def retitled(press: Press, offset: int, title: str, at: int) -> None:
    """Put another row of a record in place of its first, as a replay does."""
    _changed(press, offset, "title", title, at)


def renamed(press: Press, offset: int, column: str, items: Sequence[dict]) -> None:
    """Let the row of a record name other entities or places, as a replay does."""
    _changed(press, offset, column, items, press.lake.last_change + 1)


def named(press: Press, offset: int, column: str) -> list[dict]:
    """What the row of a record names."""
    rows = press.lake.tables.load("articles").scan(row_filter=f"offset == {offset}").to_arrow()
    return rows[column][0].as_py()


def _changed(press: Press, offset: int, column: str, value: object, at: int) -> None:
    rows = press.lake.tables.load("articles").scan(row_filter=f"offset == {offset}").to_arrow()
    index = rows.schema.get_field_index(column)
    field = TABLES["articles"].arrow.field(column)
    rows = rows.set_column(index, field, pa.array([value], field.type))
    others = {
        name: press.lake.tables.load(name).scan(row_filter=f"offset == {offset}").to_arrow()
        for name in ("copy_sketches", "fate")
    }
    first = int(rows["ingested_at"].cast(pa.int64())[0].as_py())
    written = [
        files.write(press.config.path, name, made, ingested_at=first)
        for name, made in {"articles": rows, **others}.items()
    ]
    part = OffsetRange(topic=TOPIC, partition=0, start=offset, end=offset + 1, records=1, bytes=0)
    press.lake.replace(Batch(batch_id="replay", sequence=0, ingested_at=at, slices=(part,)), written)


def made_no_article(press: Press, offset: int) -> None:
    """Take a record's row out of `articles`, as a replay does which finds that it is none."""
    (old,) = press.lake.tables.load("fate").scan(row_filter=f"offset == {offset}").to_arrow().to_pylist()
    first = changes.micros(old["ingested_at"])
    fate = FateRow(
        position=Position(topic=TOPIC, partition=0, offset=offset),
        fate=Fate.NOT_ARTICLE,
        reason="section",
        ingested_at=first,
        url=old["url"],
        domain=old["domain"],
        bytes=old["bytes"],
    )
    written = files.write(press.config.path, "fate", table_rows.fates([fate]), ingested_at=first)
    part = OffsetRange(topic=TOPIC, partition=0, start=offset, end=offset + 1, records=1, bytes=0)
    at = press.lake.last_change + 1
    press.lake.replace(Batch(batch_id="again", sequence=0, ingested_at=at, slices=(part,)), [written])
