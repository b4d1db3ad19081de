"""The whole story of a record: why its row is as it is, or why there is none."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow.compute as pc

from newsmill.errors import ConfigError, Rejected
from newsmill.lake import reader
from newsmill.lake.content import EMPTIED
from newsmill.lake.places import RAW, SOURCE
from newsmill.strings import counted
from newsmill.urls import article_id, url_key

Row = dict[str, Any]

_POSITION = re.compile(r"(?P<topic>.+)/(?P<partition>\d+)/(?P<offset>\d+)")
MAX_PARTITION, MAX_OFFSET = 2**31 - 1, 2**63 - 1
"""Kafka numbers no partition and no offset higher."""

_ARTICLE_ID = re.compile(r"[0-9a-f]{32}")


def explain(lake: str, what: str) -> list[Row]:
    """All that the lake knows of a page or a record, a story for each of its records in order.

    Args:
        lake: Folder of the lake, or its URI.
        what: A URL, an article_id, or `topic/partition/offset`.

    Returns:
        For each record: `fate` (its row of the ledger), `article`, `quarantine`, `cluster` (the events of
        its cluster, in order), each None or empty where there is none, and `stored` (the file and the
        snapshot that hold its article, else its quarantined payload, else its fate).

    Raises:
        ConfigError: There is no lake, or `what` is none of the three.
    """
    stories = []
    for fate in fates_of(lake, what):
        place = _place(fate)
        article, in_articles = _found(lake, "articles", place)
        quarantine, in_quarantine = _found(lake, "quarantine", place, leave_out=("payload",))
        file = in_articles or in_quarantine or _found(lake, "fate", place)[1]
        stories.append(
            {
                "fate": fate,
                "article": article,
                "quarantine": quarantine,
                "cluster": _events(lake, article) if article is not None else [],
                "stored": {"file": file, "snapshot": file and reader.snapshot_of(lake, file)},
            }
        )
    return stories


def tell(story: Mapping[str, Any]) -> Iterator[tuple[str, Sequence[tuple[str, str]]]]:
    """A story as headed sections of (what, value) lines, for people."""
    fate, article, quarantine = story["fate"], story["article"], story["quarantine"]
    yield "record", _lines(fate, "topic", "partition", "offset", "recorded_at", "bytes", "url", *SOURCE, *RAW)
    yield "fate", _lines(fate, "fate", "reason", "stage", "article_id", "revision", "ingested_at")
    yield "stored", _lines(story["stored"], "file", "snapshot")
    if quarantine is not None:
        told = {**quarantine, "message": quarantine["message"] or EMPTIED}
        yield "quarantine", _lines(told, "code", "message", "payload_bytes", "payload_sha256", "stack")
    if article is None:
        return
    yield (
        "identity",
        _lines(article, "article_id", "url_key", "domain", "canonical_url", "final_url", "content_hash"),
    )
    yield (
        "page",
        _lines(
            article, "title", "authors", "published_at", "published_source", "published_precision", "section"
        ),
    )
    yield "withheld", _lines(article, "withheld", "withheld_at")
    extraction = article["extraction"] or {}
    yield (
        "extraction",
        [
            *_lines(extraction, "method", "reason", "agreement", "candidates", "charset", "marks"),
            *_lines(article, "completeness", "body_chars"),
            *[
                (f"cut: {cut['rule']}", f"paragraph {cut['paragraph']}: {cut['text']}")
                for cut in extraction.get("removed") or ()
            ],
        ],
    )
    yield (
        "language",
        _lines(
            article, "lang", "lang_script", "lang_confidence", "lang_method", "html_lang", "lang_disagrees"
        ),
    )
    yield "copies", list(_flat(article["duplicate"] or {}))
    yield (
        "cluster",
        [
            (
                _text(event["ingested_at"]),
                f"{event['event']}: {event['article_id']}, {counted(event['size'], 'member')}",
            )
            for event in story["cluster"]
        ],
    )
    if article["origin"] is not None:
        yield "origin", list(_flat(article["origin"]))
    yield (
        "entities",
        [
            (
                entity["name"],
                f"{entity['type']}, {entity['wikidata_id'] or entity['entity_id']}, "
                f"{'' if (score := entity['link_score']) is None else f'score {score}, '}"
                f"{counted(entity['mention_count'], 'mention')}, "
                f"salience {entity['salience']:.2f}",
            )
            for entity in article["entities"] or ()
        ],
    )
    yield (
        "places",
        [
            (place["name"], f"{place['kind']}, {place['lat']:.3f} {place['lon']:.3f}, {place['country']}")
            for place in article["places"] or ()
        ],
    )
    if article["extras"]:
        yield "extras", list(article["extras"])
    yield "versions", [(name, version) for name, version in article["versions"] or ()]


def fates_of(lake: str, what: str) -> list[Row]:
    """The rows of the ledger of a URL, an article_id or a position, in order. Raises as `explain`."""
    ledger = reader.rows(lake, "fate")
    if position := _POSITION.fullmatch(what):
        place = (position["topic"], int(position["partition"]), int(position["offset"]))
        if place[1] > MAX_PARTITION or place[2] > MAX_OFFSET:
            return []
        wanted = _at(place)
    elif _ARTICLE_ID.fullmatch(what):
        wanted = pc.field("article_id") == what
    else:
        try:
            wanted = (pc.field("article_id") == article_id(url_key(what))) | (pc.field("url") == what)
        except Rejected:
            raise ConfigError(
                f"{what}: neither a URL, nor an article_id, nor topic/partition/offset"
            ) from None
    rows = ledger.to_table(filter=wanted).to_pylist()
    return sorted(rows, key=lambda row: (row["ingested_at"], *_place(row)))


def _place(row: Row) -> tuple[str, int, int]:
    return row["topic"], row["partition"], row["offset"]


def _at(place: tuple[str, int, int]) -> pc.Expression:
    topic, partition, offset = place
    return (
        (pc.field("topic") == topic) & (pc.field("partition") == partition) & (pc.field("offset") == offset)
    )


def _found(
    lake: str, table: str, place: tuple[str, int, int], leave_out: Sequence[str] = ()
) -> tuple[Row | None, str | None]:
    """The row at a place, and the file that holds it."""
    dataset = reader.rows(lake, table)
    names = [name for name in dataset.schema.names if name not in leave_out]
    for fragment in dataset.get_fragments():
        for row in fragment.to_table(schema=dataset.schema, columns=names, filter=_at(place)).to_pylist():
            return row, fragment.path
    return None, None


def _events(lake: str, article: Row) -> list[Row]:
    """The events of the article's cluster and of those merged with it."""
    rows = reader.rows(lake, "cluster_events").to_table().to_pylist()
    clusters = {article["duplicate"]["cluster_id"]}
    while True:
        merged = {r["merged_into"] for r in rows if r["cluster_id"] in clusters and r["merged_into"]}
        merged |= {r["cluster_id"] for r in rows if r["merged_into"] in clusters}
        if merged <= clusters:
            break
        clusters |= merged
    return sorted(
        (r for r in rows if r["cluster_id"] in clusters), key=lambda r: (r["ingested_at"], r["seq"])
    )


def _lines(row: Row, *names: str) -> list[tuple[str, str]]:
    return [(name, _text(row[name])) for name in names if row.get(name) not in (None, [], "")]


def _flat(row: Row) -> Iterator[tuple[str, str]]:
    yield from _lines(row, *row)


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, float):
        return f"{value:.3g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
