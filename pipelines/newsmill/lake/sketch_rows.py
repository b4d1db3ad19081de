"""The table `copy_sketches`: one row for each row of `articles`, with what the copies index is filled with.

Up to schema 6 a sketch was a column of `articles`: rows of the table can be made of such rows.
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from newsmill.lake import values
from newsmill.lake.columns import BINARY, INT, LONG, STRING, TIME, Column, TableSchema
from newsmill.lake.places import PLACE
from newsmill.records import Article

SKETCHES: Final = "copy_sketches"
"""The table."""

COLUMN: Final = "copy_sketch"
"""Where rows of `articles` of before have their sketch."""

# fmt: off
_COLUMNS: Final[tuple[Column[Article], ...]] = (
    Column(1, "topic", STRING, "Kafka topic of the source record",
           lambda a: a.draft.position.topic, required=True, key=1, kept=True, measured=True, since=7),
    Column(2, "partition", INT, "its partition",
           lambda a: a.draft.position.partition, required=True, key=2, kept=True, measured=True, since=7),
    Column(3, "offset", LONG, "its offset",
           lambda a: a.draft.position.offset, required=True, key=3, kept=True, measured=True, since=7),
    Column(4, "article_id", STRING, "as in `articles`",
           lambda a: a.draft.article_id, required=True, kept=True, since=7),
    Column(5, "revision", INT, "as in `articles`", lambda a: a.revision, required=True, kept=True, since=7),
    Column(6, "cluster_id", STRING, "the article's story, as in `articles`",
           lambda a: a.duplicate.cluster_id, required=True, kept=True, since=7),
    Column(7, "domain", STRING, "as in `articles`",
           lambda a: a.draft.domain, required=True, kept=True, since=7),
    Column(8, "final_url", STRING, "as in `articles`, where it is another than `url` there",
           lambda a: values.other(a.draft.final_url, a.draft.url), kept=True, since=7),
    Column(9, "canonical_url", STRING, "as in `articles`, where it is another than `url` there",
           lambda a: values.other(a.draft.canonical_url, a.draft.url), kept=True, since=7),
    Column(10, "ingested_at", TIME, "of the article's row",
           lambda a: a.draft.ingested_at, required=True, kept=True, measured=True, since=7),
    Column(11, "updated_at", TIME, "last change of this row in the lake's order",
           lambda a: a.draft.ingested_at, kept=True, since=7),
    Column(12, "sketch", BINARY, "what the copies index knows of the text; opaque; null after a takedown",
           lambda a: a.sketch, since=7),
)
# fmt: on

COPY_SKETCHES: Final = TableSchema(
    name=SKETCHES,
    doc=(
        "One row for each row of `articles`: what the copies index is filled with again at a start. Only "
        "newsmill reads it."
    ),
    columns=_COLUMNS,
    sort=("ingested_at", "cluster_id", "topic", "partition", "offset"),  # sketches of copies pack together
    row_group_rows=5_000,
)

_AS_THERE: Final = (*PLACE, "article_id", "revision", "domain", "ingested_at")
_ADDRESSES: Final = ("final_url", "canonical_url")

MADE_OF: Final = (*_AS_THERE, *_ADDRESSES, "url", "updated_at", COLUMN, "duplicate.cluster_id")
"""What is read of rows of `articles` of before."""


def of_articles(articles: pa.Table) -> pa.Table:
    """The rows for rows of `articles` of before. `updated_at` is null where these lack it."""
    columns = {name: articles[name] for name in _AS_THERE}
    columns["cluster_id"] = pc.struct_field(articles["duplicate"], "cluster_id")
    for name in _ADDRESSES:
        columns[name] = pc.if_else(pc.equal(articles[name], articles["url"]), None, articles[name])
    columns["updated_at"] = articles["updated_at"]
    columns["sketch"] = articles[COLUMN]
    return pa.table(columns).select(COPY_SKETCHES.arrow.names).cast(COPY_SKETCHES.arrow)


def without_column(articles: pa.Table) -> pa.Table:
    """Rows of `articles` without their sketches, which the table has."""
    index = articles.schema.get_field_index(COLUMN)
    return articles.set_column(index, articles.schema.field(index), pa.nulls(articles.num_rows, pa.binary()))
