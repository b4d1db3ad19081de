"""Rows of the tables, made of records: what `schemas` says that they hold."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec
import pyarrow as pa

from newsmill import __version__, strings
from newsmill.lake.schemas import SCHEMA_VERSION, TABLES
from newsmill.records import (
    Article,
    ClusterEvent,
    Enrichment,
    Entity,
    Failure,
    FateRow,
    Mention,
    Micros,
    Origin,
    Place,
)

MAX_PAYLOAD_BYTES = 64_000_000
"""A larger payload is quarantined as its head, its size and its hash: the broker still has the rest."""


GAP = "gap"
"""`fate` of a ledger row that stands for a range of offsets which the broker lost before they were read."""


def articles(rows: Sequence[Article]) -> pa.Table:
    """Rows of `articles`."""
    return _table("articles", [article_row(article) for article in rows])


def article_row(article: Article) -> dict[str, Any]:
    """One row of `articles`, times in microseconds."""
    draft, page, language = article.draft, article.draft.page, article.draft.language
    extraction, duplicate, enrichment = page.extraction, article.duplicate, article.enrichment
    placed = article.body_hash is not None  # offsets point into a text that is in the lake
    return {
        "article_id": draft.article_id,
        "revision": article.revision,
        "fate": article.fate.value,
        "content_hash": draft.content_hash,
        "topic": draft.position.topic,
        "partition": draft.position.partition,
        "offset": draft.position.offset,
        "published_at": page.published_at,
        "published_source": page.published_source,
        "published_precision": page.published_precision,
        "modified_at": page.modified_at,
        "fetched_at": draft.fetched_at,
        "recorded_at": draft.recorded_at,
        "ingested_at": draft.ingested_at,
        "url": draft.url,
        "final_url": draft.final_url,
        "canonical_url": draft.canonical_url,
        "url_key": draft.url_key,
        "domain": draft.domain,
        "title": page.title,
        "description": page.description,
        "body": page.body if article.keep_body else None,
        "body_chars": len(page.body),
        "authors": list(page.authors),
        "byline": page.byline,
        "site_name": page.site_name,
        "publisher": page.publisher,
        "source_organization": page.source_organization,
        "section": page.section,
        "tags": list(page.tags),
        "images": list(page.images),
        "is_accessible_for_free": page.is_accessible_for_free,
        "html_lang": page.html_lang,
        "lang": language.code,
        "lang_confidence": language.confidence,
        "lang_method": language.method,
        "lang_disagrees": language.disagrees,
        "completeness": extraction.completeness,
        "rights": msgspec.structs.asdict(page.rights),
        "extraction": {
            "method": extraction.method,
            "reason": extraction.reason,
            "agreement": extraction.agreement,
            "charset": extraction.charset,
            "marks": [*extraction.marks, *enrichment.marks],
            "removed": [msgspec.structs.asdict(removal) for removal in extraction.removed],
            "candidates": msgspec.json.encode(extraction.candidates, order="sorted").decode(),
        },
        "duplicate": msgspec.structs.asdict(duplicate),
        "origin": _origin(article.origin, placed),
        **enrichment_columns(enrichment, placed=placed),
        "versions": sorted(
            {"schema": str(SCHEMA_VERSION), "pipeline": __version__, **enrichment.versions}.items()
        ),
        "copy_sketch": article.sketch,
        "body_hash": article.body_hash,
    }


def enrichment_columns(enrichment: Enrichment, *, placed: bool = True) -> dict[str, Any]:
    """The columns of `articles` that enrichers fill; without places in a text that no row has."""
    return {
        "entities": [_entity(entity, placed) for entity in enrichment.entities],
        "places": [_place(place, placed) for place in enrichment.places],
        "countries": list(enrichment.countries),
        "topics": list(enrichment.topics),
    }


def cluster_events(rows: Sequence[ClusterEvent]) -> pa.Table:
    """Rows of `cluster_events`: all events of one batch, in the order in which they happened."""
    return _table(
        "cluster_events",
        [
            {
                "event": event.event,
                "cluster_id": event.cluster_id,
                "article_id": event.article_id,
                "representative_id": event.representative_id,
                "size": event.size,
                "domain": event.domain,
                "copy_type": event.copy_type,
                "merged_into": event.merged_into,
                "topic": event.position.topic,
                "partition": event.position.partition,
                "offset": event.position.offset,
                "seq": seq,
                "ingested_at": event.at,
            }
            for seq, event in enumerate(rows)
        ],
    )


def fates(rows: Sequence[FateRow]) -> pa.Table:
    """Rows of `fate`."""
    return _table(
        "fate",
        [
            {
                "topic": row.position.topic,
                "partition": row.position.partition,
                "offset": row.position.offset,
                "fate": row.fate.value,
                "reason": row.reason,
                "stage": row.stage,
                "article_id": row.article_id,
                "revision": row.revision,
                "url": row.url,
                "domain": row.domain,
                "recorded_at": row.recorded_at,
                "bytes": row.bytes,
                "ingested_at": row.ingested_at,
            }
            for row in rows
        ],
    )


def gaps(rows: Sequence[tuple[str, int, int, int]], *, reason: str, ingested_at: Micros) -> pa.Table:
    """Rows of `fate` for (topic, partition, first offset, first offset after) ranges that are lost."""
    return _table(
        "fate",
        [
            {
                "topic": topic,
                "partition": partition,
                "offset": start,
                "offset_end": end,
                "fate": GAP,
                "reason": reason,
                "ingested_at": ingested_at,
            }
            for topic, partition, start, end in rows
        ],
    )


def quarantine(rows: Sequence[Failure], *, ingested_at: Micros) -> pa.Table:
    """Rows of `quarantine`."""
    return _table("quarantine", [_failure(row, ingested_at) for row in rows])


def takedowns(rows: Sequence[tuple[str, str, str]], *, ingested_at: Micros) -> pa.Table:
    """Rows of `takedowns` for (kind, value, reason) triples."""
    return _table(
        "takedowns",
        [
            {"kind": kind, "value": value, "reason": strings.line(reason), "ingested_at": ingested_at}
            for kind, value, reason in rows
        ],
    )


def _failure(failure: Failure, ingested_at: Micros) -> dict[str, Any]:
    record = failure.record
    value = record.value
    return {
        "topic": record.position.topic,
        "partition": record.position.partition,
        "offset": record.position.offset,
        "payload": None if value is None else value[:MAX_PAYLOAD_BYTES],
        "payload_bytes": None if value is None else len(value),
        "payload_sha256": None if value is None else hashlib.sha256(value).hexdigest(),
        "key": record.key,
        "headers": [{"name": strings.shown(name), "value": content} for name, content in record.headers],
        "recorded_at": record.timestamp,
        "url": None if failure.url is None else strings.line(failure.url),
        "stage": failure.stage,
        "code": failure.code,
        "message": _text(failure.message),
        "stack": _text(failure.stack),
        "attempts": failure.attempts,
        "pipeline_version": __version__,
        "schema_version": SCHEMA_VERSION,
        "ingested_at": ingested_at,
    }


def _text(text: str) -> str:
    """The text with lone surrogates of hostile input made visible, and without others of no text."""
    return strings.prose(text.encode("utf-8", "backslashreplace").decode())


def _origin(origin: Origin | None, placed: bool) -> dict[str, Any] | None:
    if origin is None:
        return None
    return msgspec.structs.asdict(origin) | ({} if placed else {"start": None, "end": None})


def _entity(entity: Entity, placed: bool) -> dict[str, Any]:
    return msgspec.structs.asdict(entity) | {
        "mention_count": len(entity.mentions),
        "mentions": _mention_rows(entity.mentions) if placed else [],
    }


def _place(place: Place, placed: bool) -> dict[str, Any]:
    return msgspec.structs.asdict(place) | {"mentions": _mention_rows(place.mentions) if placed else []}


def _mention_rows(mentions: Sequence[Mention]) -> list[dict[str, Any]]:
    return [msgspec.structs.asdict(mention) for mention in mentions]


def _table(name: str, rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=TABLES[name].arrow)
