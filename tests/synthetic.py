"""A made-up stream for tests of the lake: what each offset holds follows from its number alone.

Offsets come in groups of 20 with fixed roles, so that any batch's rows can be made without looking at
earlier ones: new articles, a copy, revisions, a redelivery, and one of each early end. One offset of a
group is missing, as transaction markers leave holes in a topic.
"""

from __future__ import annotations

import hashlib
import random
import threading
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from newsmill.config import LakeConfig
from newsmill.lake import files, rows as table_rows
from newsmill.lake.files import DataFile
from newsmill.lake.ledger import Batch
from newsmill.lake.raw_files import RawRecords
from newsmill.lake.tables import Tables
from newsmill.lake.writer import Lake
from newsmill.records import (
    Article,
    ClusterEvent,
    Draft,
    Duplicate,
    Enrichment,
    Entity,
    Extraction,
    Failure,
    Fate,
    FateRow,
    Language,
    Mention,
    OffsetRange,
    Page,
    Position,
    RawPage,
    SourceRecord,
)
from newsmill.urls import article_id, url_key

TOPIC = "made-up"
GROUP = 20
RECORDS_A_GROUP, ARTICLES_A_GROUP = GROUP - 1, 15
_COPY, _REVISION, _REDELIVERY, _NOT_ARTICLE, _QUARANTINED, _WITHHELD, _HOLE, _REVISION_2 = range(10, 18)
WORDS = "river market court storm harbour minister engine garden signal winter copper voter".split()


def exists(offset: int) -> bool:
    """Whether the topic has a record at an offset."""
    return offset % GROUP != _HOLE


def fate(offset: int) -> Fate:
    """What becomes of the record."""
    return {
        _COPY: Fate.COPY,
        _REVISION: Fate.REVISION,
        _REDELIVERY: Fate.REDELIVERY,
        _NOT_ARTICLE: Fate.NOT_ARTICLE,
        _QUARANTINED: Fate.QUARANTINED,
        _WITHHELD: Fate.WITHHELD,
        _REVISION_2: Fate.REVISION,
    }.get(offset % GROUP, Fate.ARTICLE)


def payload(partition: int, offset: int) -> bytes:
    """The record's value."""
    return f"<html>{partition}/{offset}</html>".encode()


def slices(partition: int, start: int, end: int, *, size: int = 256) -> Iterator[OffsetRange]:
    """The planned reads of a range, as the source plans them."""
    for first in range(start, end, size):
        last = min(first + size, end)
        offsets = [offset for offset in range(first, last) if exists(offset)]
        crc = zlib.crc32(b"".join(offset.to_bytes(8, "little") for offset in offsets))
        yield OffsetRange(
            topic=TOPIC,
            partition=partition,
            start=first,
            end=last,
            records=len(offsets),
            bytes=sum(len(payload(partition, offset)) for offset in offsets),
            offsets_crc=crc,
        )


def rows(batch: Batch, *, words: int = 40, flaky: bool = False) -> dict[str, pa.Table]:
    """The batch's rows by table.

    Args:
        batch: Whose offsets they are.
        words: Length of a body.
        flaky: Some records end otherwise on another try, as a time limit may make them.
    """
    articles: list[Article] = []
    fates: list[FateRow] = []
    failures: list[Failure] = []
    events: list[ClusterEvent] = []
    for part in batch.slices:
        for offset in range(part.start, part.end):
            if not exists(offset):
                continue
            end = fate(offset)
            if flaky and end is Fate.NOT_ARTICLE and random.SystemRandom().random() < 0.5:
                end = Fate.QUARANTINED
            position = Position(topic=part.topic, partition=part.partition, offset=offset)
            at = batch.ingested_at
            article: Article | None = None
            if end in (Fate.ARTICLE, Fate.COPY, Fate.REVISION):
                article = _article(position, end, at, words)
                articles.append(article)
                events += _events(article)
            elif end is Fate.QUARANTINED:
                record = SourceRecord(
                    position=position,
                    value=payload(part.partition, offset),
                    headers=(("url", _url(position).encode()),),
                    timestamp=at,
                )
                failures.append(
                    Failure(
                        record=record, stage="decode", code="E_SCHEMA", message="made up", url=_url(position)
                    )
                )
            fates.append(
                FateRow(
                    position=position,
                    fate=end,
                    ingested_at=at,
                    reason={"not_article": "section", "withheld": "takedown", "quarantined": "E_SCHEMA"}.get(
                        end
                    ),
                    article_id=article.draft.article_id if article else None,
                    revision=article.revision if article else None,
                    url=_url(position),
                    domain=_domain(position),
                    bytes=len(payload(part.partition, offset)),
                )
            )
    found = {
        "articles": table_rows.articles(articles),
        "copy_sketches": table_rows.copy_sketches(articles),
        "cluster_events": table_rows.cluster_events(events),
        "quarantine": table_rows.quarantine(failures, ingested_at=batch.ingested_at),
        "fate": table_rows.fates(fates),
    }
    return {table: made for table, made in found.items() if made.num_rows}


def moved(made: dict[str, pa.Table], batch: Batch, number: int) -> dict[str, pa.Table]:
    """Rows that were made for a first batch, as those of a later one of the same size: cheaply.

    Args:
        made: Rows of offsets from 0 on, of one partition.
        batch: The batch that they shall be of.
        number: How many batches lie before.
    """
    mark, first = f"{number:08x}", batch.slices[0].start

    def marked(ids: pa.Array) -> pa.Array:
        return pc.binary_join_element_wise(mark, pc.utf8_slice_codeunits(ids, 8), "")

    found = {}
    for table, rows in made.items():
        for index, field in enumerate(rows.schema):
            column = rows[field.name].combine_chunks()
            if field.name == "offset":
                column = pc.add(column, first)
            elif field.name in ("ingested_at", "updated_at"):
                column = pa.array([batch.ingested_at] * len(rows), field.type)
            elif field.name in ("article_id", "cluster_id", "representative_id"):
                column = marked(column)
            elif field.name == "duplicate":
                parts = {f.name: column.field(f.name) for f in field.type}
                for name in ("cluster_id", "representative_id", "matched_id"):
                    parts[name] = marked(parts[name])
                column = pa.StructArray.from_arrays(list(parts.values()), fields=list(field.type))
            rows = rows.set_column(index, field, column)
        found[table] = rows
    return found


def write(
    root: Path | str, batch: Batch, *, words: int = 40, flaky: bool = False, raw: bool = False
) -> list[DataFile]:
    """Write the batch's files, and with `raw` its raw records."""
    made = rows(batch, words=words, flaky=flaky)
    return [
        files.write(str(root), table, found, ingested_at=batch.ingested_at)
        for table, found in (with_raw(root, batch, made) if raw else made).items()
    ]


def with_raw(root: Path | str, batch: Batch, made: dict[str, pa.Table]) -> dict[str, pa.Table]:
    """The batch's rows when its raw records are kept: pages with the text of their articles."""
    bodies = {
        (row["partition"], row["offset"]): row["body"]
        for row in (made["articles"].to_pylist() if "articles" in made else ())
    }
    raw = RawRecords(str(root))
    for row in made["fate"].to_pylist():
        position = Position(topic=row["topic"], partition=row["partition"], offset=row["offset"])
        text = bodies.get((position.partition, position.offset))
        value = payload(position.partition, position.offset) if text is None else text.encode()
        record = SourceRecord(position=position, value=value, headers=(("url", row["url"].encode()),))
        raw.bring(record, RawPage(position=position, url=row["url"], body=value), batch.ingested_at)
    pointing = raw.filed(made["fate"], batch.ingested_at)
    raw.close()
    return {**made, "fate": pointing}


def fill(
    lake: Lake,
    root: Path | str,
    *,
    batches: int,
    size: int,
    partitions: Sequence[int] = (0,),
    words: int = 40,
    now: int = 1_790_000_000_000_000,
) -> None:
    """Commit batches that follow the committed offsets, each of `size` offsets of each partition."""
    for _ in range(batches):
        committed = lake.committed()
        parts = [
            part
            for partition in partitions
            for start in [committed.get((TOPIC, partition), 0)]
            for part in slices(partition, start, start + size)
        ]
        batch = lake.begin(parts, now=now)
        lake.commit(batch, write(root, batch, words=words))


def made(folder: Path, *, batches: int, size: int, partitions: Sequence[int] = (0,)) -> Path:
    """Make a lake with batches as of `fill`; its folder."""
    lake = Lake.open(LakeConfig(path=str(folder)))
    fill(lake, folder, batches=batches, size=size, partitions=partitions)
    lake.release()
    return folder


def uuids_of_makers(config: LakeConfig, number: int) -> list[list[str]]:
    """Let so many threads make one lake at once: the UUIDs of its tables, as each of them found them."""
    uuids: list[list[str]] = []
    start = threading.Barrier(number)

    def make() -> None:
        start.wait()
        tables = Tables.make(config)
        uuids.append([str(tables.load(name).metadata.table_uuid) for name in ("articles", "fate")])
        tables.close()

    threads = [threading.Thread(target=make) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return uuids


def _url(position: Position) -> str:
    return f"https://{_domain(position)}/{position.partition}/{_story(position.offset)}"


def _domain(position: Position) -> str:
    return f"site{position.offset // GROUP % 7}.example"


def _story(offset: int) -> int:
    """The offset at which the record's URL was first seen."""
    if offset % GROUP in (_REVISION, _REVISION_2, _REDELIVERY):
        return offset - offset % GROUP + 1
    return offset


def _article(position: Position, end: Fate, at: int, words: int) -> Article:
    offset = position.offset
    group = offset - offset % GROUP
    random_ = random.Random(f"{position.partition}/{offset}")
    body = " ".join(random_.choices(WORDS, k=words))
    revision = {_REVISION: 2, _REVISION_2: 3}.get(offset % GROUP, 1)
    copied = _id(position.partition, group) if end is Fate.COPY else None
    own = _id(position.partition, _story(offset))
    return Article(
        draft=Draft(
            position=position,
            url=_url(position),
            final_url=None,
            canonical_url=None,
            url_key=url_key(_url(position)),
            domain=_domain(position),
            article_id=own,
            content_hash=hashlib.blake2b(body.encode(), digest_size=16).hexdigest(),
            fetched_at=at - 1_000_000,
            ingested_at=at,
            page=Page(
                title=body[:30],
                body=body,
                authors=("A. Writer",),
                published_at=1_780_000_000_000_000 + offset * 1_000_000,
                extraction=Extraction(method="trafilatura", reason="only one", candidates={"trafilatura": 9}),
            ),
            language=Language(code="en", confidence=1.0, method="langdetect"),
        ),
        fate=end,
        revision=revision,
        duplicate=Duplicate(
            is_duplicate=copied is not None,
            cluster_id=copied or own,
            representative_id=copied or own,
            copy_type="exact" if copied else None,
            matched_id=copied,
            similarity=1.0 if copied else None,
        ),
        enrichment=Enrichment(
            entities=(
                Entity(
                    entity_id="nil:river",
                    type="place",
                    coarse="LOC",
                    name="River",
                    mentions=(Mention(start=0, end=5, text=body[:5]),),
                ),
            ),
            versions={"knowledge": "1"},
        ),
        sketch=hashlib.blake2b(body.encode(), digest_size=32).digest(),
    )


def _events(article: Article) -> list[ClusterEvent]:
    if article.revision > 1:
        return []
    joined = article.fate is Fate.COPY
    return [
        ClusterEvent(
            event="joined" if joined else "created",
            cluster_id=article.duplicate.cluster_id,
            article_id=article.draft.article_id,
            representative_id=article.duplicate.representative_id,
            size=2 if joined else 1,
            domain=article.draft.domain,
            copy_type=article.duplicate.copy_type,
            position=article.draft.position,
            at=article.draft.ingested_at,
        )
    ]


def _id(partition: int, offset: int) -> str:
    return article_id(url_key(_url(Position(topic="", partition=partition, offset=offset))))
