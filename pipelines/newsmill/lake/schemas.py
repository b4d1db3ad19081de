"""The lake's tables: each column with its id, type, meaning and value, on one line.

A new column is one line here, with an id that was never used and `since` the next schema version. Then
`python -m newsmill.lake.contract schemas/output` writes the contract anew (docs/guide/add-a-column.md).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pyarrow as pa

from newsmill import __version__, strings
from newsmill.lake import values
from newsmill.lake.columns import (
    BINARY,
    BOOL,
    DOUBLE,
    INT,
    LONG,
    STRING,
    TIME,
    Column,
    TableSchema,
    list_of,
    map_of,
    part,
    struct,
)
from newsmill.lake.flat import FLAT
from newsmill.lake.sketch_rows import COPY_SKETCHES
from newsmill.records import Article, FateRow, FilePlace


def _versions(article: Article) -> list[tuple[str, str]]:
    told = {"schema": str(SCHEMA_VERSION), "pipeline": __version__, **article.enrichment.versions}
    return sorted(told.items())


def _mentions(first: int) -> pa.DataType:
    return list_of(
        first,
        struct(
            part(first + 1, "start", INT, "first character in the body, from 0", required=True),
            part(first + 2, "end", INT, "character after the last", required=True),
            part(first + 3, "text", STRING, "as written", required=True),
        ),
    )


_RIGHTS: Final = struct(
    part(60, "reserved", BOOL, "any opt-out signal", required=True),
    part(61, "tdm_reservation", BOOL, "W3C TDM reservation protocol"),
    part(62, "policy_url", STRING, "TDM policy"),
    part(63, "noai", BOOL, "robots `noai`", required=True),
    part(64, "license", STRING, "URL or name"),
)

_EXTRACTION: Final = struct(
    part(65, "method", STRING, "trafilatura | json_ld | resiliparse …", required=True),
    part(66, "reason", STRING, "why this candidate was chosen", required=True),
    part(67, "agreement", DOUBLE, "0–1 word overlap with the next candidate"),
    part(68, "charset", STRING, "used to decode the page", required=True),
    part(69, "marks", list_of(70, STRING), "truncated, paywall, mojibake, live_ticker …"),
    part(
        71,
        "removed",
        list_of(
            72,
            struct(
                part(73, "rule", STRING, "e.g. related-line", required=True),
                part(74, "text", STRING, "what was cut", required=True),
                part(75, "paragraph", INT, "index before removals", required=True),
            ),
        ),
        "blocks cut from the text",
    ),
    part(144, "candidates", STRING, "JSON object: characters by method"),
)

_DUPLICATE: Final = struct(
    part(
        76,
        "is_duplicate",
        BOOL,
        "of an article of another URL, as known when the row was written; the view `copies` has it as of now",
        required=True,
    ),
    part(77, "cluster_id", STRING, "of the story, when written", required=True),
    part(78, "representative_id", STRING, "article_id, when written", required=True),
    part(79, "copy_type", STRING, "exact | truncated | extended | edited | compilation"),
    part(80, "similarity", DOUBLE, "Jaccard of shingles with the matched article"),
    part(81, "containment", DOUBLE, "share of this found in the matched article"),
    part(82, "containment_of", DOUBLE, "share of the matched article found in this"),
    part(83, "novel_share", DOUBLE, "share of this found in no matched article"),
    part(146, "opening", DOUBLE, "share of what the openings name that both say"),
    part(84, "matched_id", STRING, "article_id it was compared with"),
    part(85, "method", STRING, "hash | sketch"),
    part(86, "links", list_of(87, STRING), "article_ids inside a compilation"),
)

_ORIGIN: Final = struct(
    part(88, "method", STRING, "byline | dateline | closing_line | …", required=True),
    part(89, "confidence", DOUBLE, "0–1", required=True),
    part(90, "agency", STRING, "news agency"),
    part(91, "domain", STRING, "of the origin"),
    part(92, "url", STRING, "of the origin"),
    part(93, "article_id", STRING, "of the origin, where it is in the lake"),
    part(94, "evidence", STRING, "the words that say so"),
    part(95, "start", INT, "of the evidence in the body"),
    part(96, "end", INT, "of the evidence in the body"),
)

_ENTITIES: Final = list_of(
    97,
    struct(
        part(98, "entity_id", STRING, "knowledge base id, or nil:name", required=True),
        part(99, "type", STRING, "fine type", required=True),
        part(100, "coarse", STRING, "PER | ORG | LOC | MISC", required=True),
        part(101, "name", STRING, "label", required=True),
        part(102, "wikidata_id", STRING, "Q-number"),
        part(103, "country", STRING, "ISO 3166-1 alpha-2"),
        part(104, "lat", DOUBLE, "degrees north, WGS 84"),
        part(105, "lon", DOUBLE, "degrees east, WGS 84"),
        part(106, "linked", BOOL, "found in the knowledge base", required=True),
        part(107, "link_score", DOUBLE, "0–1"),
        part(108, "mention_count", INT, "in the body", required=True),
        part(109, "salience", DOUBLE, "0–1", required=True),
        part(110, "in_title", BOOL, "named in the title", required=True),
        part(111, "mentions", _mentions(112), "where it is named in the body"),
    ),
)

_PLACES: Final = list_of(
    116,
    struct(
        part(117, "name", STRING, "label", required=True),
        part(118, "lat", DOUBLE, "degrees north, WGS 84", required=True),
        part(119, "lon", DOUBLE, "degrees east, WGS 84", required=True),
        part(120, "country", STRING, "ISO 3166-1 alpha-2"),
        part(121, "geonameid", LONG, "GeoNames id"),
        part(122, "admin1", STRING, "first-order division"),
        part(123, "kind", STRING, "country | admin1 | city | place | …", required=True),
        part(124, "score", DOUBLE, "0–1", required=True),
        part(125, "mentions", _mentions(126), "where it is named in the body"),
    ),
)

_HEADERS: Final = list_of(
    19,
    struct(part(20, "name", STRING, "header name", required=True), part(21, "value", BINARY, "header value")),
)

_SOURCE_FILE: Final = (
    "file that the record was read from; null for one of a topic, and in rows of before schema 6"
)
_SOURCE_OFFSET: Final = (
    "first byte of its WARC record, that of the gzip member where gzipped, as CDX has it; null where the "
    "file is the page, and where a member holds more than one record"
)
_SOURCE_LENGTH: Final = "bytes of the WARC record from there, as they stand in the file; null as its offset"


def _source(first: int, of: Callable[[Any], FilePlace | None]) -> tuple[Column[Any], ...]:
    """The columns that say where a row's record was read from, numbered from `first` on."""
    parts = (
        ("file", STRING, _SOURCE_FILE),
        ("offset", LONG, _SOURCE_OFFSET),
        ("length", LONG, _SOURCE_LENGTH),
    )
    return tuple(
        Column(first + n, f"source_{part}", kind, doc, values.part_of(of, part), kept=True, since=6)
        for n, (part, kind, doc) in enumerate(parts)
    )


_RAW_FILE: Final = (
    "WARC file with the record as it came, as a path inside the lake; null where it is not kept (see "
    "`lake.keep_raw`). Where it is, and whether, is no change of the row: `updated_at` stays, and `newsmill "
    "changes` does not tell it"
)

_UPDATED: Final = (
    "last change of the row in the lake's order: `ingested_at`, or the time of the replay, takedown or "
    "enricher that changed it since; null in rows of before schema 5 that nothing changed since"
)

# fmt: off
_ARTICLES_COLUMNS: Final[tuple[Column[Article], ...]] = (
    Column(1, "article_id", STRING, "32 hex digits of the URL key's hash",
           lambda a: a.draft.article_id, required=True, kept=True, measured=True),
    Column(2, "revision", INT, "1 for the first content seen at a URL, then 2, 3 …",
           lambda a: a.revision, required=True, kept=True),
    Column(3, "fate", STRING, "article | copy | revision",
           lambda a: a.fate.value, required=True, kept=True, measured=True),
    Column(4, "content_hash", STRING, "32 hex digits of the normalised title and body",
           lambda a: a.draft.content_hash, required=True, kept=True),
    Column(5, "topic", STRING, "Kafka topic of the source record",
           lambda a: a.draft.position.topic, required=True, key=1, kept=True, measured=True),
    Column(6, "partition", INT, "its partition",
           lambda a: a.draft.position.partition, required=True, key=2, kept=True, measured=True),
    Column(7, "offset", LONG, "its offset",
           lambda a: a.draft.position.offset, required=True, key=3, kept=True, measured=True),
    Column(8, "published_at", TIME, "when the publisher says it was published; null when unknown",
           lambda a: a.draft.page.published_at, kept=True, measured=True),
    Column(9, "published_source", STRING, "json_ld | meta | time_element | url | text",
           lambda a: a.draft.page.published_source, kept=True),
    Column(10, "published_precision", STRING, "second | minute | day",
           lambda a: a.draft.page.published_precision, kept=True),
    Column(11, "modified_at", TIME, "when the publisher says it was changed",
           lambda a: a.draft.page.modified_at, kept=True),
    Column(12, "fetched_at", TIME, "when the crawler fetched the page, from the envelope",
           lambda a: a.draft.fetched_at, kept=True),
    Column(13, "recorded_at", TIME, "the broker's time of the source record",
           lambda a: a.draft.recorded_at, kept=True),
    Column(14, "ingested_at", TIME, "start of the batch that wrote the row; grows from batch to batch",
           lambda a: a.draft.ingested_at, required=True, kept=True, measured=True),
    Column(15, "url", STRING, "as requested by the crawler", lambda a: a.draft.url, required=True, kept=True),
    Column(16, "final_url", STRING, "after redirects", lambda a: a.draft.final_url, kept=True),
    Column(17, "canonical_url", STRING, "the page's own, only inside the same registrable domain",
           lambda a: a.draft.canonical_url, kept=True),
    Column(18, "url_key", STRING, "the normalised URL that identifies the article",
           lambda a: a.draft.url_key, required=True, kept=True, measured=True),
    Column(19, "domain", STRING, "registrable domain, lower case, ASCII",
           lambda a: a.draft.domain, required=True, kept=True, measured=True),
    Column(20, "title", STRING, "headline", lambda a: a.draft.page.title, personal=True),
    Column(21, "description", STRING, "the page's own summary", lambda a: a.draft.page.description),
    Column(22, "body", STRING,
           "text, paragraphs joined by one newline; null for a copy whose very text another row has (see "
           "body_hash), for reserved rights where these are not kept, and after a takedown",
           lambda a: a.draft.page.body if a.keep_body else None, personal=True),
    Column(23, "body_chars", INT, "characters of the body, also where it is not kept",
           lambda a: len(a.draft.page.body), required=True, kept=True),
    Column(24, "authors", list_of(57, STRING), "names of persons",
           lambda a: list(a.draft.page.authors), personal=True),
    Column(25, "byline", STRING, "as printed, agencies included",
           lambda a: a.draft.page.byline, personal=True),
    Column(26, "site_name", STRING, "the site's name", lambda a: a.draft.page.site_name),
    Column(27, "publisher", STRING, "JSON-LD publisher", lambda a: a.draft.page.publisher),
    Column(28, "source_organization", STRING, "JSON-LD sourceOrganization or provider",
           lambda a: a.draft.page.source_organization),
    Column(29, "section", STRING, "rubric", lambda a: a.draft.page.section),
    Column(30, "tags", list_of(58, STRING), "the publisher's keywords", lambda a: list(a.draft.page.tags)),
    Column(31, "images", list_of(59, STRING), "URLs of images, main one first",
           lambda a: list(a.draft.page.images)),
    Column(32, "is_accessible_for_free", BOOL, "the publisher's statement; null when absent",
           lambda a: a.draft.page.is_accessible_for_free),
    Column(33, "html_lang", STRING, "the page's own lang attribute", lambda a: a.draft.page.html_lang),
    Column(34, "lang", STRING, "ISO 639-1, else 639-3; `und` when unknown",
           lambda a: a.draft.language.code, required=True, kept=True, measured=True),
    Column(35, "lang_confidence", DOUBLE, "0–1",
           lambda a: a.draft.language.confidence, required=True, kept=True),
    Column(36, "lang_method", STRING, "langdetect | arbiter | script | html_lang | none",
           lambda a: a.draft.language.method, required=True, kept=True),
    Column(37, "lang_disagrees", BOOL, "detected and declared language differ",
           lambda a: a.draft.language.disagrees, required=True, kept=True),
    Column(38, "completeness", DOUBLE, "0–1, how whole the body is thought to be",
           lambda a: a.draft.page.extraction.completeness, required=True, kept=True),
    Column(39, "rights", _RIGHTS, "what the publisher says about machine use",
           lambda a: values.plain(a.draft.page.rights), kept=True),
    Column(40, "extraction", _EXTRACTION, "how the body was got, and how far to trust it",
           lambda a: values.extraction(a.draft.page.extraction, a.enrichment)),
    Column(41, "duplicate", _DUPLICATE, "relation to the story's cluster as known when the row was written",
           lambda a: values.plain(a.duplicate), kept=True, grown=2),
    Column(42, "origin", _ORIGIN, "who published first; null when nothing says so", values.origin),
    Column(43, "entities", _ENTITIES, "persons, organisations, places and things named",
           values.enriched("entities"), personal=True),
    Column(44, "places", _PLACES, "places named in the body, with coordinates", values.enriched("places")),
    Column(45, "countries", list_of(130, STRING), "ISO 3166-1 alpha-2, most evidence first",
           values.enriched("countries")),
    Column(46, "topics", list_of(131, STRING), "subjects", values.enriched("topics")),
    Column(47, "versions", map_of(132, 133),
           "schema, pipeline, and each enricher by name: what made this row",
           _versions, kept=True),
    Column(48, "copy_sketch", BINARY,
           "null: `copy_sketches` has it. In rows of before schema 7 what the copies index is filled with",
           lambda a: None),
    Column(49, "withheld", STRING, "why the content was taken out of a row; null when it is there",
           lambda a: None, kept=True),
    Column(50, "withheld_at", TIME, "when it was taken out", lambda a: None, kept=True),
    Column(145, "body_hash", STRING,
           "32 hex digits of the body as it is: where `body` is null, any row with this hash and a body has "
           "the text; null where the lake has no text of the row, and in rows of before schema 2",
           lambda a: a.body_hash, since=2),
    Column(147, "extras", map_of(148, 149),
           "what enrichers and steps of other packages found, by `name.key`",
           values.enriched("extras"), since=3),
    Column(151, "lang_script", STRING,
           "ISO 15924 code of the script that most of the body is in: Latn, Cyrl, Arab, Deva …; Jpan, Kore; "
           "Chinese is Hans or Hant, or Hani where it can't be told; null without letters, and in rows of "
           "before schema 4",
           lambda a: a.draft.language.script, kept=True, since=4),
    Column(152, "updated_at", TIME, _UPDATED, lambda a: a.draft.ingested_at,
           kept=True, measured=True, since=5),
    *_source(153, lambda a: a.draft.source),
)
# fmt: on

_ARTICLES: Final = TableSchema(
    name="articles",
    doc=(
        "One row for each fetched page that is an article and is not a redelivery: first sights, copies "
        "and revisions. (topic, partition, offset) is unique. (article_id, revision) is unique inside "
        "`copies.identity_days` (rows of before: `copies.horizon_days`): a URL that is seen again after a "
        "longer time begins at revision 1."
    ),
    columns=_ARTICLES_COLUMNS,
    sort=("lang", "domain", "published_at", "article_id", "revision"),
    row_group_rows=5_000,
    looked_up=("article_id", "url_key", "domain", "duplicate.cluster_id"),
)

# fmt: off
_CLUSTER_EVENTS_COLUMNS: Final[tuple[Column[values.NumberedEvent], ...]] = (
    Column(1, "event", STRING, "created | joined | left | merged | representative_changed",
           lambda e: e.event.event, required=True, kept=True),
    Column(2, "cluster_id", STRING, "the cluster that changed",
           lambda e: e.event.cluster_id, required=True, kept=True, measured=True),
    Column(3, "article_id", STRING, "the article that caused it",
           lambda e: e.event.article_id, required=True, kept=True, measured=True),
    Column(4, "representative_id", STRING, "article_id that stands for the cluster now",
           lambda e: e.event.representative_id, required=True, kept=True),
    Column(5, "size", INT, "members after the event", lambda e: e.event.size, required=True, kept=True),
    Column(6, "domain", STRING, "of the article",
           lambda e: e.event.domain, required=True, kept=True, measured=True),
    Column(7, "copy_type", STRING, "of the article that joined", lambda e: e.event.copy_type, kept=True),
    Column(8, "merged_into", STRING, "for `merged`: the cluster that goes on",
           lambda e: e.event.merged_into, kept=True),
    Column(9, "topic", STRING, "of the record that caused it",
           lambda e: e.event.position.topic, required=True, kept=True, measured=True),
    Column(10, "partition", INT, "of the record that caused it",
           lambda e: e.event.position.partition, required=True, kept=True, measured=True),
    Column(11, "offset", LONG, "of the record that caused it",
           lambda e: e.event.position.offset, required=True, kept=True, measured=True),
    Column(12, "seq", INT, "order of the events with the same time",
           lambda e: e.seq, required=True, key=2, kept=True),
    Column(13, "ingested_at", TIME, "of the record that caused it",
           lambda e: e.event.at, required=True, key=1, kept=True, measured=True),
)
# fmt: on

_CLUSTER_EVENTS: Final = TableSchema(
    name="cluster_events",
    doc=(
        "Each change of a story's cluster, append-only, ordered by (ingested_at, seq). The state of the "
        "clusters is the view `clusters` over it (schemas/output/clusters.sql)."
    ),
    columns=_CLUSTER_EVENTS_COLUMNS,
    sort=("ingested_at", "seq"),
    row_group_rows=200_000,
    looked_up=("cluster_id", "article_id"),
)

# fmt: off
_FATE_COLUMNS: Final[tuple[Column[FateRow], ...]] = (
    Column(1, "topic", STRING, "Kafka topic",
           lambda f: f.position.topic, required=True, key=1, kept=True, measured=True),
    Column(2, "partition", INT, "partition",
           lambda f: f.position.partition, required=True, key=2, kept=True, measured=True),
    Column(3, "offset", LONG, "offset; of a gap, its first",
           lambda f: f.position.offset, required=True, key=3, kept=True, measured=True),
    Column(4, "offset_end", LONG, "only of a gap: the first offset after it", lambda f: None, kept=True),
    Column(5, "fate", STRING,
           "article | copy | revision | redelivery | not_article | withheld | quarantined; or gap",
           lambda f: f.fate.value, required=True, kept=True, measured=True),
    Column(6, "reason", STRING, "of not_article and withheld; the code of quarantined",
           lambda f: f.reason, kept=True),
    Column(7, "stage", STRING, "where it was rejected", lambda f: f.stage, kept=True),
    Column(8, "article_id", STRING, "the row in `articles`, or the one that was delivered again",
           lambda f: f.article_id, kept=True, measured=True),
    Column(9, "revision", INT, "its revision", lambda f: f.revision, kept=True),
    Column(10, "url", STRING, "as requested by the crawler, where it could be read",
           lambda f: f.url, kept=True),
    Column(11, "domain", STRING, "registrable domain", lambda f: f.domain, kept=True, measured=True),
    Column(12, "recorded_at", TIME, "the broker's time of the record", lambda f: f.recorded_at, kept=True),
    Column(13, "bytes", LONG, "of the record's value", lambda f: f.bytes, kept=True),
    Column(14, "ingested_at", TIME, "start of the batch that wrote the row",
           lambda f: f.ingested_at, required=True, kept=True, measured=True),
    Column(15, "updated_at", TIME, _UPDATED, lambda f: f.ingested_at, kept=True, measured=True, since=5),
    *_source(16, lambda f: f.source),
    Column(19, "raw_file", STRING, _RAW_FILE, lambda f: None, kept=True, since=6),
    Column(20, "raw_offset", LONG, "first byte of its WARC record (gzip member) in raw_file, as CDX has it",
           lambda f: None, kept=True, since=6),
    Column(21, "raw_length", LONG, "bytes of the WARC record from there", lambda f: None, kept=True, since=6),
)
# fmt: on

_FATE: Final = TableSchema(
    name="fate",
    doc=(
        "The ledger: for each source record exactly one row with the end it came to. A range of offsets "
        "that the broker lost before they were read is one row with fate `gap` and offset_end."
    ),
    columns=_FATE_COLUMNS,
    sort=("topic", "partition", "offset"),
    row_group_rows=200_000,
    looked_up=("article_id", "url"),
)

# fmt: off
_QUARANTINE_COLUMNS: Final[tuple[Column[values.Quarantined], ...]] = (
    Column(1, "topic", STRING, "Kafka topic",
           lambda q: q.record.position.topic, required=True, key=1, kept=True, measured=True),
    Column(2, "partition", INT, "partition",
           lambda q: q.record.position.partition, required=True, key=2, kept=True, measured=True),
    Column(3, "offset", LONG, "offset",
           lambda q: q.record.position.offset, required=True, key=3, kept=True, measured=True),
    Column(4, "payload", BINARY, "the record's value; over the cap only its head; null for a tombstone",
           lambda q: values.head(q.record), personal=True),
    Column(5, "payload_bytes", LONG, "size of the whole value", lambda q: values.size(q.record), kept=True),
    Column(6, "payload_sha256", STRING, "of the whole value", lambda q: values.sha256(q.record), kept=True),
    Column(7, "key", BINARY, "the record's key", lambda q: q.record.key),
    Column(8, "headers", _HEADERS, "the record's headers, in order", lambda q: values.headers(q.record)),
    Column(9, "recorded_at", TIME, "the broker's time of the record",
           lambda q: q.record.timestamp, kept=True),
    Column(10, "url", STRING, "where it could be read", lambda q: values.line(q.failure.url), kept=True),
    Column(11, "stage", STRING, "decode | extract | identify | deduplicate | enrich",
           lambda q: q.failure.stage, required=True, kept=True),
    Column(12, "code", STRING, "one of a closed set, e.g. E_TIMEOUT",
           lambda q: q.failure.code, required=True, kept=True, measured=True),
    Column(13, "message", STRING, "for people", lambda q: values.prose(q.failure.message), required=True),
    Column(14, "stack", STRING, "where it was raised",
           lambda q: values.prose(q.failure.stack), required=True),
    Column(15, "attempts", INT, "how often it was tried",
           lambda q: q.failure.attempts, required=True, kept=True),
    Column(16, "pipeline_version", STRING, "newsmill version",
           lambda q: __version__, required=True, kept=True),
    Column(17, "schema_version", INT, "version of these tables",
           lambda q: SCHEMA_VERSION, required=True, kept=True),
    Column(18, "ingested_at", TIME, "start of the batch that wrote the row",
           lambda q: q.ingested_at, required=True, kept=True, measured=True),
    Column(22, "updated_at", TIME, _UPDATED, lambda q: q.ingested_at, kept=True, measured=True, since=5),
    *_source(23, lambda q: q.record.source),
)
# fmt: on

_QUARANTINE: Final = TableSchema(
    name="quarantine",
    doc="Records that can't be processed, whole, so that they can be replayed from this table alone.",
    columns=_QUARANTINE_COLUMNS,
    sort=("topic", "partition", "offset"),
    row_group_rows=2_000,
)

# fmt: off
_TAKEDOWNS_COLUMNS: Final[tuple[Column[values.Takedown], ...]] = (
    Column(1, "kind", STRING, "url | domain",
           lambda t: t.kind, required=True, key=1, kept=True, measured=True),
    Column(2, "value", STRING, "the url_key, or the registrable domain",
           lambda t: t.value, required=True, key=2, kept=True, measured=True),
    Column(3, "reason", STRING, "for people", lambda t: strings.line(t.reason), required=True, kept=True),
    Column(4, "ingested_at", TIME, "when it was taken down",
           lambda t: t.ingested_at, required=True, kept=True, measured=True),
)
# fmt: on

_TAKEDOWNS: Final = TableSchema(
    name="takedowns",
    doc="Tombstones: what was taken down, and must not come back.",
    columns=_TAKEDOWNS_COLUMNS,
    sort=("kind", "value"),
    row_group_rows=100_000,
)

LEDGER = "fate"
"""The table whose properties hold the lake's state, and which is committed last."""

_ALL: Final[tuple[TableSchema[Any], ...]] = (
    _ARTICLES,
    *(flat.schema for flat in FLAT.values()),
    COPY_SKETCHES,
    _CLUSTER_EVENTS,
    _FATE,
    _QUARANTINE,
    _TAKEDOWNS,
)

TABLES: dict[str, TableSchema[Any]] = {table.name: table for table in _ALL}
"""All tables by name. `fate` is the ledger: it is committed last."""

SCHEMA_VERSION: Final[int] = max(
    max(column.since, column.grown) for table in TABLES.values() for column in table.columns
)
"""Grows by one with each change of any table's columns."""
