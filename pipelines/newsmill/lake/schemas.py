"""The lake's tables: columns with fixed Iceberg field ids and their docs.

A column's id is its identity for ever: a later version may add columns with new ids, widen or rename
one, and never uses an id again. The ids of a table are checked when a lake is opened.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

SCHEMA_VERSION = 2
"""Grows by one with each change of any table's columns."""

SINCE = {"articles": {"body_hash": 2}}
"""Schema version that brought a column, where that is not the first."""


_TIME = pa.timestamp("us", tz="UTC")


def _field(id: int, name: str, type: pa.DataType, doc: str = "", *, required: bool = False) -> pa.Field:
    metadata = {"PARQUET:field_id": str(id)} | ({"doc": doc} if doc else {})
    return pa.field(name, type, nullable=not required, metadata=metadata)


def _list(element_id: int, element: pa.DataType) -> pa.DataType:
    return pa.list_(_field(element_id, "element", element))


def _map(key_id: int, value_id: int) -> pa.DataType:
    return pa.map_(_field(key_id, "key", pa.string(), required=True), _field(value_id, "value", pa.string()))


@dataclass(frozen=True)
class TableSchema:
    """One table: what it is for, its columns, and the order of rows inside a file."""

    name: str
    doc: str
    arrow: pa.Schema
    sort: tuple[str, ...]
    row_group_rows: int

    @property
    def field_ids(self) -> dict[str, int]:
        """Id by dotted path, nested fields included."""
        ids: dict[str, int] = {}
        for field in self.arrow:
            _collect_ids(field, "", ids)
        return ids


def _collect_ids(field: pa.Field, prefix: str, ids: dict[str, int]) -> None:
    path = prefix + field.name
    ids[path] = int(field.metadata[b"PARQUET:field_id"])
    inner = field.type
    if pa.types.is_list(inner):
        _collect_ids(inner.value_field, path + ".", ids)
    elif pa.types.is_map(inner):
        _collect_ids(inner.key_field, path + ".", ids)
        _collect_ids(inner.item_field, path + ".", ids)
    elif pa.types.is_struct(inner):
        for child in inner:
            _collect_ids(child, path + ".", ids)


def _mentions(first: int) -> pa.DataType:
    return _list(
        first,
        pa.struct(
            [
                _field(first + 1, "start", pa.int32(), "first character in the body, from 0", required=True),
                _field(first + 2, "end", pa.int32(), "character after the last", required=True),
                _field(first + 3, "text", pa.string(), "as written", required=True),
            ]
        ),
    )


_ARTICLES = TableSchema(
    name="articles",
    doc=(
        "One row for each fetched page that is an article and is not a redelivery: first sights, copies "
        "and revisions. (topic, partition, offset) is unique. (article_id, revision) is unique inside "
        "`copies.identity_days` (rows of before: `copies.horizon_days`): a URL that is seen again after a "
        "longer time begins at revision 1."
    ),
    sort=("domain", "published_at", "article_id", "revision"),
    row_group_rows=20_000,
    arrow=pa.schema(
        [
            _field(1, "article_id", pa.string(), "32 hex digits of the URL key's hash", required=True),
            _field(
                2, "revision", pa.int32(), "1 for the first content seen at a URL, then 2, 3 …", required=True
            ),
            _field(3, "fate", pa.string(), "article | copy | revision", required=True),
            _field(
                4,
                "content_hash",
                pa.string(),
                "32 hex digits of the normalised title and body",
                required=True,
            ),
            _field(5, "topic", pa.string(), "Kafka topic of the source record", required=True),
            _field(6, "partition", pa.int32(), "its partition", required=True),
            _field(7, "offset", pa.int64(), "its offset", required=True),
            _field(8, "published_at", _TIME, "when the publisher says it was published; null when unknown"),
            _field(9, "published_source", pa.string(), "json_ld | meta | time_element | url | text"),
            _field(10, "published_precision", pa.string(), "second | minute | day"),
            _field(11, "modified_at", _TIME, "when the publisher says it was changed"),
            _field(12, "fetched_at", _TIME, "when the crawler fetched the page, from the envelope"),
            _field(13, "recorded_at", _TIME, "the broker's time of the source record"),
            _field(
                14,
                "ingested_at",
                _TIME,
                "start of the batch that wrote the row; grows from batch to batch",
                required=True,
            ),
            _field(15, "url", pa.string(), "as requested by the crawler", required=True),
            _field(16, "final_url", pa.string(), "after redirects"),
            _field(
                17, "canonical_url", pa.string(), "the page's own, only inside the same registrable domain"
            ),
            _field(
                18, "url_key", pa.string(), "the normalised URL that identifies the article", required=True
            ),
            _field(19, "domain", pa.string(), "registrable domain, lower case, ASCII", required=True),
            _field(20, "title", pa.string(), "headline"),
            _field(21, "description", pa.string(), "the page's own summary"),
            _field(
                22,
                "body",
                pa.string(),
                "text, paragraphs joined by one newline; null for a copy whose very text another row has "
                "(see body_hash), for reserved rights where these are not kept, and after a takedown",
            ),
            _field(
                23,
                "body_chars",
                pa.int32(),
                "characters of the body, also where it is not kept",
                required=True,
            ),
            _field(24, "authors", _list(57, pa.string()), "names of persons"),
            _field(25, "byline", pa.string(), "as printed, agencies included"),
            _field(26, "site_name", pa.string(), "the site's name"),
            _field(27, "publisher", pa.string(), "JSON-LD publisher"),
            _field(28, "source_organization", pa.string(), "JSON-LD sourceOrganization or provider"),
            _field(29, "section", pa.string(), "rubric"),
            _field(30, "tags", _list(58, pa.string()), "the publisher's keywords"),
            _field(31, "images", _list(59, pa.string()), "URLs of images, main one first"),
            _field(32, "is_accessible_for_free", pa.bool_(), "the publisher's statement; null when absent"),
            _field(33, "html_lang", pa.string(), "the page's own lang attribute"),
            _field(34, "lang", pa.string(), "ISO 639-1, else 639-3; `und` when unknown", required=True),
            _field(35, "lang_confidence", pa.float64(), "0–1", required=True),
            _field(
                36,
                "lang_method",
                pa.string(),
                "langdetect | arbiter | script | html_lang | none",
                required=True,
            ),
            _field(37, "lang_disagrees", pa.bool_(), "detected and declared language differ", required=True),
            _field(
                38, "completeness", pa.float64(), "0–1, how whole the body is thought to be", required=True
            ),
            _field(
                39,
                "rights",
                pa.struct(
                    [
                        _field(60, "reserved", pa.bool_(), "any opt-out signal", required=True),
                        _field(61, "tdm_reservation", pa.bool_(), "W3C TDM reservation protocol"),
                        _field(62, "policy_url", pa.string(), "TDM policy"),
                        _field(63, "noai", pa.bool_(), "robots `noai`", required=True),
                        _field(64, "license", pa.string(), "URL or name"),
                    ]
                ),
                "what the publisher says about machine use",
            ),
            _field(
                40,
                "extraction",
                pa.struct(
                    [
                        _field(
                            65, "method", pa.string(), "trafilatura | json_ld | resiliparse …", required=True
                        ),
                        _field(66, "reason", pa.string(), "why this candidate was chosen", required=True),
                        _field(67, "agreement", pa.float64(), "0–1 word overlap with the next candidate"),
                        _field(68, "charset", pa.string(), "used to decode the page", required=True),
                        _field(
                            69, "marks", _list(70, pa.string()), "truncated, paywall, mojibake, live_ticker …"
                        ),
                        _field(
                            71,
                            "removed",
                            _list(
                                72,
                                pa.struct(
                                    [
                                        _field(73, "rule", pa.string(), "e.g. related-line", required=True),
                                        _field(74, "text", pa.string(), "what was cut", required=True),
                                        _field(
                                            75,
                                            "paragraph",
                                            pa.int32(),
                                            "index before removals",
                                            required=True,
                                        ),
                                    ]
                                ),
                            ),
                            "blocks cut from the text",
                        ),
                        _field(144, "candidates", pa.string(), "JSON object: characters by method"),
                    ]
                ),
                "how the body was got, and how far to trust it",
            ),
            _field(
                41,
                "duplicate",
                pa.struct(
                    [
                        _field(76, "is_duplicate", pa.bool_(), "of an article of another URL", required=True),
                        _field(77, "cluster_id", pa.string(), "of the story, when written", required=True),
                        _field(
                            78, "representative_id", pa.string(), "article_id, when written", required=True
                        ),
                        _field(
                            79,
                            "copy_type",
                            pa.string(),
                            "exact | truncated | extended | edited | compilation",
                        ),
                        _field(
                            80, "similarity", pa.float64(), "Jaccard of shingles with the matched article"
                        ),
                        _field(81, "containment", pa.float64(), "share of this found in the matched article"),
                        _field(
                            82, "containment_of", pa.float64(), "share of the matched article found in this"
                        ),
                        _field(83, "novel_share", pa.float64(), "share of this found in no matched article"),
                        _field(146, "opening", pa.float64(), "share of what the openings name that both say"),
                        _field(84, "matched_id", pa.string(), "article_id it was compared with"),
                        _field(85, "method", pa.string(), "hash | sketch"),
                        _field(86, "links", _list(87, pa.string()), "article_ids inside a compilation"),
                    ]
                ),
                "relation to the story's cluster as known when the row was written",
            ),
            _field(
                42,
                "origin",
                pa.struct(
                    [
                        _field(
                            88, "method", pa.string(), "byline | dateline | closing_line | …", required=True
                        ),
                        _field(89, "confidence", pa.float64(), "0–1", required=True),
                        _field(90, "agency", pa.string(), "news agency"),
                        _field(91, "domain", pa.string(), "of the origin"),
                        _field(92, "url", pa.string(), "of the origin"),
                        _field(93, "article_id", pa.string(), "of the origin, where it is in the lake"),
                        _field(94, "evidence", pa.string(), "the words that say so"),
                        _field(95, "start", pa.int32(), "of the evidence in the body"),
                        _field(96, "end", pa.int32(), "of the evidence in the body"),
                    ]
                ),
                "who published first; null when nothing says so",
            ),
            _field(
                43,
                "entities",
                _list(
                    97,
                    pa.struct(
                        [
                            _field(
                                98, "entity_id", pa.string(), "knowledge base id, or nil:name", required=True
                            ),
                            _field(99, "type", pa.string(), "fine type", required=True),
                            _field(100, "coarse", pa.string(), "PER | ORG | LOC | MISC", required=True),
                            _field(101, "name", pa.string(), "label", required=True),
                            _field(102, "wikidata_id", pa.string(), "Q-number"),
                            _field(103, "country", pa.string(), "ISO 3166-1 alpha-2"),
                            _field(104, "lat", pa.float64(), "degrees north, WGS 84"),
                            _field(105, "lon", pa.float64(), "degrees east, WGS 84"),
                            _field(106, "linked", pa.bool_(), "found in the knowledge base", required=True),
                            _field(107, "link_score", pa.float64(), "0–1"),
                            _field(108, "mention_count", pa.int32(), "in the body", required=True),
                            _field(109, "salience", pa.float64(), "0–1", required=True),
                            _field(110, "in_title", pa.bool_(), "named in the title", required=True),
                            _field(111, "mentions", _mentions(112), "where it is named in the body"),
                        ]
                    ),
                ),
                "persons, organisations, places and things named",
            ),
            _field(
                44,
                "places",
                _list(
                    116,
                    pa.struct(
                        [
                            _field(117, "name", pa.string(), "label", required=True),
                            _field(118, "lat", pa.float64(), "degrees north, WGS 84", required=True),
                            _field(119, "lon", pa.float64(), "degrees east, WGS 84", required=True),
                            _field(120, "country", pa.string(), "ISO 3166-1 alpha-2"),
                            _field(121, "geonameid", pa.int64(), "GeoNames id"),
                            _field(122, "admin1", pa.string(), "first-order division"),
                            _field(
                                123, "kind", pa.string(), "country | admin1 | city | place | …", required=True
                            ),
                            _field(124, "score", pa.float64(), "0–1", required=True),
                            _field(125, "mentions", _mentions(126), "where it is named in the body"),
                        ]
                    ),
                ),
                "places named in the body, with coordinates",
            ),
            _field(45, "countries", _list(130, pa.string()), "ISO 3166-1 alpha-2, most evidence first"),
            _field(46, "topics", _list(131, pa.string()), "subjects"),
            _field(
                47,
                "versions",
                _map(132, 133),
                "schema, pipeline, and each enricher by name: what made this row",
            ),
            _field(48, "copy_sketch", pa.binary(), "from which the copies index is filled again; opaque"),
            _field(
                49, "withheld", pa.string(), "why the content was taken out of a row; null when it is there"
            ),
            _field(50, "withheld_at", _TIME, "when it was taken out"),
            _field(
                145,
                "body_hash",
                pa.string(),
                "32 hex digits of the body as it is: where `body` is null, any row with this hash and a body "
                "has the text; null where the lake has no text of the row, and in rows of before schema 2",
            ),
        ]
    ),
)

_CLUSTER_EVENTS = TableSchema(
    name="cluster_events",
    doc=(
        "Each change of a story's cluster, append-only, ordered by (ingested_at, seq). The state of the "
        "clusters is the view `clusters` over it (schemas/output/clusters.sql)."
    ),
    sort=("ingested_at", "seq"),
    row_group_rows=200_000,
    arrow=pa.schema(
        [
            _field(
                1,
                "event",
                pa.string(),
                "created | joined | left | merged | representative_changed",
                required=True,
            ),
            _field(2, "cluster_id", pa.string(), "the cluster that changed", required=True),
            _field(3, "article_id", pa.string(), "the article that caused it", required=True),
            _field(
                4,
                "representative_id",
                pa.string(),
                "article_id that stands for the cluster now",
                required=True,
            ),
            _field(5, "size", pa.int32(), "members after the event", required=True),
            _field(6, "domain", pa.string(), "of the article", required=True),
            _field(7, "copy_type", pa.string(), "of the article that joined"),
            _field(8, "merged_into", pa.string(), "for `merged`: the cluster that goes on"),
            _field(9, "topic", pa.string(), "of the record that caused it", required=True),
            _field(10, "partition", pa.int32(), "of the record that caused it", required=True),
            _field(11, "offset", pa.int64(), "of the record that caused it", required=True),
            _field(12, "seq", pa.int32(), "order of the events with the same time", required=True),
            _field(13, "ingested_at", _TIME, "of the record that caused it", required=True),
        ]
    ),
)

_FATE = TableSchema(
    name="fate",
    doc=(
        "The ledger: for each source record exactly one row with the end it came to. A range of offsets that "
        "the broker lost before they were read is one row with fate `gap` and offset_end."
    ),
    sort=("topic", "partition", "offset"),
    row_group_rows=200_000,
    arrow=pa.schema(
        [
            _field(1, "topic", pa.string(), "Kafka topic", required=True),
            _field(2, "partition", pa.int32(), "partition", required=True),
            _field(3, "offset", pa.int64(), "offset; of a gap, its first", required=True),
            _field(4, "offset_end", pa.int64(), "only of a gap: the first offset after it"),
            _field(
                5,
                "fate",
                pa.string(),
                "article | copy | revision | redelivery | not_article | withheld | quarantined; or gap",
                required=True,
            ),
            _field(6, "reason", pa.string(), "of not_article and withheld; the code of quarantined"),
            _field(7, "stage", pa.string(), "where it was rejected"),
            _field(
                8, "article_id", pa.string(), "the row in `articles`, or the one that was delivered again"
            ),
            _field(9, "revision", pa.int32(), "its revision"),
            _field(10, "url", pa.string(), "as requested by the crawler, where it could be read"),
            _field(11, "domain", pa.string(), "registrable domain"),
            _field(12, "recorded_at", _TIME, "the broker's time of the record"),
            _field(13, "bytes", pa.int64(), "of the record's value"),
            _field(14, "ingested_at", _TIME, "start of the batch that wrote the row", required=True),
        ]
    ),
)

_QUARANTINE = TableSchema(
    name="quarantine",
    doc="Records that can't be processed, whole, so that they can be replayed from this table alone.",
    sort=("topic", "partition", "offset"),
    row_group_rows=2_000,
    arrow=pa.schema(
        [
            _field(1, "topic", pa.string(), "Kafka topic", required=True),
            _field(2, "partition", pa.int32(), "partition", required=True),
            _field(3, "offset", pa.int64(), "offset", required=True),
            _field(
                4,
                "payload",
                pa.binary(),
                "the record's value; over the cap only its head; null for a tombstone",
            ),
            _field(5, "payload_bytes", pa.int64(), "size of the whole value"),
            _field(6, "payload_sha256", pa.string(), "of the whole value"),
            _field(7, "key", pa.binary(), "the record's key"),
            _field(
                8,
                "headers",
                _list(
                    19,
                    pa.struct(
                        [
                            _field(20, "name", pa.string(), "header name", required=True),
                            _field(21, "value", pa.binary(), "header value"),
                        ]
                    ),
                ),
                "the record's headers, in order",
            ),
            _field(9, "recorded_at", _TIME, "the broker's time of the record"),
            _field(10, "url", pa.string(), "where it could be read"),
            _field(
                11, "stage", pa.string(), "decode | extract | identify | deduplicate | enrich", required=True
            ),
            _field(12, "code", pa.string(), "one of a closed set, e.g. E_TIMEOUT", required=True),
            _field(13, "message", pa.string(), "for people", required=True),
            _field(14, "stack", pa.string(), "where it was raised", required=True),
            _field(15, "attempts", pa.int32(), "how often it was tried", required=True),
            _field(16, "pipeline_version", pa.string(), "newsmill version", required=True),
            _field(17, "schema_version", pa.int32(), "version of these tables", required=True),
            _field(18, "ingested_at", _TIME, "start of the batch that wrote the row", required=True),
        ]
    ),
)

_TAKEDOWNS = TableSchema(
    name="takedowns",
    doc="Tombstones: what was taken down, and must not come back.",
    sort=("kind", "value"),
    row_group_rows=100_000,
    arrow=pa.schema(
        [
            _field(1, "kind", pa.string(), "url | domain", required=True),
            _field(2, "value", pa.string(), "the url_key, or the registrable domain", required=True),
            _field(3, "reason", pa.string(), "for people", required=True),
            _field(4, "ingested_at", _TIME, "when it was taken down", required=True),
        ]
    ),
)

LEDGER = "fate"
"""The table whose properties hold the lake's state, and which is committed last."""

TABLES: dict[str, TableSchema] = {
    table.name: table for table in (_ARTICLES, _CLUSTER_EVENTS, _FATE, _QUARANTINE, _TAKEDOWNS)
}
"""All tables by name. `fate` is the ledger: it is committed last."""
