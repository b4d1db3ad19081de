"""The flat tables: one row for each article and entity, and one for each article and place.

They are made of rows of `articles`, a column at a time, and hold nothing that is not there: `flattening` puts
them beside the articles in the same commit. A row that a takedown empties has none here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from newsmill.lake.columns import BOOL, DATE, DOUBLE, INT, LONG, STRING, TIME, Column, TableSchema


@dataclass(frozen=True)
class Flattened:
    """Articles, each as often as it has items, beside these items."""

    articles: pa.Table
    items: pa.StructArray
    nth: pa.Array  # of the item in its article's list, from 1

    @cached_property
    def day(self) -> pa.ChunkedArray:
        """Of publication, where that is unknown of ingest."""
        return pc.coalesce(self.articles["published_at"], self.articles["ingested_at"]).cast(DATE)


@dataclass(frozen=True)
class Flat:
    """A table that is made of a column of `articles`."""

    schema: TableSchema[Flattened]
    column: str
    parts: tuple[str, ...]  # of the column's items, as the table has them

    @property
    def read(self) -> tuple[str, ...]:
        """What is read of a file of `articles`; of lists and structs only the parts that are needed."""
        return (*_OF_ARTICLES, *_NESTED, *(f"{self.column}.list.element.{name}" for name in self.parts))

    def rows(self, articles: pa.Table) -> pa.Table:
        """The rows of some articles. Columns that these lack are null."""
        made = [self.schema.arrow.empty_table()]
        for batch in articles.to_batches():
            lists = batch.column(self.column)
            parents = pc.list_parent_indices(lists)
            first = np.searchsorted(parents.to_numpy(), parents.to_numpy())
            of = Flattened(
                articles=pa.Table.from_batches([_told(batch)]).take(parents),
                items=lists.flatten(),
                nth=pa.array(np.arange(len(parents)) - first + 1, INT),
            )
            columns = [column.of(of) for column in self.schema.columns]
            made.append(pa.table(columns, names=self.schema.arrow.names).cast(self.schema.arrow))
        return pa.concat_tables(made)


_OF_ARTICLES: Final = (
    "topic", "partition", "offset", "article_id", "revision", "domain", "lang", "published_at", "ingested_at",
    "updated_at",
)  # fmt: skip
_NESTED: Final = ("duplicate.cluster_id", "duplicate.is_duplicate")


def _told(batch: pa.RecordBatch) -> pa.RecordBatch:
    """What is told of an article beside each of its items."""
    there = {name: batch.column(name) for name in _OF_ARTICLES if name in batch.schema.names}
    for name in _NESTED:
        there[name] = pc.struct_field(batch.column("duplicate"), name.split(".")[1])
    if "updated_at" not in there:  # before schema 5
        there["updated_at"] = pa.nulls(batch.num_rows, TIME)
    return pa.RecordBatch.from_pydict(there)


def _of(name: str) -> Callable[[Flattened], object]:
    return lambda flattened: flattened.articles[name]


def _item(name: str) -> Callable[[Flattened], object]:
    return lambda flattened: pc.struct_field(flattened.items, name)


# fmt: off
_SHARED: Final[tuple[Column[Flattened], ...]] = (
    Column(1, "topic", STRING, "Kafka topic of the source record",
           _of("topic"), required=True, key=1, kept=True, since=6),
    Column(2, "partition", INT, "its partition", _of("partition"), required=True, key=2, kept=True, since=6),
    Column(3, "offset", LONG, "its offset", _of("offset"), required=True, key=3, kept=True, since=6),
    Column(4, "nth", INT, "place in the list of the article's row, from 1",
           lambda f: f.nth, required=True, key=4, kept=True, since=6),
    Column(5, "day", DATE, "of publication, where that is unknown of ingest; UTC",
           lambda f: f.day, required=True, kept=True, measured=True, since=6),
    Column(6, "article_id", STRING, "as in `articles`",
           _of("article_id"), required=True, kept=True, measured=True, since=6),
    Column(7, "revision", INT, "as in `articles`", _of("revision"), required=True, kept=True, since=6),
    Column(8, "domain", STRING, "registrable domain of the article",
           _of("domain"), required=True, kept=True, measured=True, since=6),
    Column(9, "lang", STRING, "language of the article",
           _of("lang"), required=True, kept=True, measured=True, since=6),
    Column(10, "cluster_id", STRING, "the article's story, when its row was written",
           _of("duplicate.cluster_id"), kept=True, since=6),
    Column(11, "is_copy", BOOL, "of an article of another URL, as known when its row was written",
           _of("duplicate.is_duplicate"), kept=True, since=6),
    Column(12, "ingested_at", TIME, "of the article's row",
           _of("ingested_at"), required=True, kept=True, measured=True, since=6),
    Column(13, "updated_at", TIME, "of the article's row, when this one was made",
           _of("updated_at"), kept=True, measured=True, since=6),
)

_ENTITY: Final[tuple[Column[Flattened], ...]] = (
    Column(14, "entity_id", STRING, "knowledge base id, or nil:name",
           _item("entity_id"), required=True, personal=True, since=6),
    Column(15, "name", STRING, "label", _item("name"), required=True, personal=True, since=6),
    Column(16, "type", STRING, "fine type", _item("type"), required=True, since=6),
    Column(17, "coarse", STRING, "PER | ORG | LOC | MISC", _item("coarse"), required=True, since=6),
    Column(18, "wikidata_id", STRING, "Q-number", _item("wikidata_id"), personal=True, since=6),
    Column(19, "country", STRING, "ISO 3166-1 alpha-2", _item("country"), since=6),
    Column(20, "salience", DOUBLE, "0–1", _item("salience"), required=True, since=6),
    Column(21, "in_title", BOOL, "named in the title", _item("in_title"), required=True, since=6),
    Column(22, "mention_count", INT, "in the body", _item("mention_count"), required=True, since=6),
)

_PLACE: Final[tuple[Column[Flattened], ...]] = (
    Column(14, "name", STRING, "label", _item("name"), required=True, since=6),
    Column(15, "kind", STRING, "country | admin1 | city | place | …", _item("kind"), required=True, since=6),
    Column(16, "country", STRING, "ISO 3166-1 alpha-2", _item("country"), since=6),
    Column(17, "admin1", STRING, "first-order division", _item("admin1"), since=6),
    Column(18, "geonameid", LONG, "GeoNames id", _item("geonameid"), since=6),
    Column(19, "lat", DOUBLE, "degrees north, WGS 84", _item("lat"), required=True, since=6),
    Column(20, "lon", DOUBLE, "degrees east, WGS 84", _item("lon"), required=True, since=6),
    Column(21, "score", DOUBLE, "0–1", _item("score"), required=True, since=6),
)
# fmt: on

_LATEST: Final = "Revisions are rows of their own: the view `{}_latest` has each article's newest one."


def _flat(
    name: str, doc: str, column: str, own: tuple[Column[Flattened], ...], sort: tuple[str, ...]
) -> Flat:
    schema = TableSchema(
        name=name,
        doc=f"{doc} {_LATEST.format(name)}",
        columns=(*_SHARED, *own),
        sort=(*sort, "day", "article_id", "revision", "nth"),
        row_group_rows=50_000,
        looked_up=("article_id", "domain"),
    )
    return Flat(schema, column, tuple(column.name for column in own))


FLAT: Final[Mapping[str, Flat]] = {
    flat.schema.name: flat
    for flat in (
        _flat(
            "article_entities",
            "One row for each row of `articles` and entity that it names.",
            "entities",
            _ENTITY,
            ("entity_id",),
        ),
        _flat(
            "article_places",
            "One row for each row of `articles` and place in its text.",
            "places",
            _PLACE,
            ("country", "geonameid", "name"),
        ),
    )
}
"""The flat tables by name."""
