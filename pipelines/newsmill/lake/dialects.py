"""The views of `views/articles.sql`, written for DuckDB, in the SQL of other engines.

The text keeps to what DuckDB, Spark and Trino have in common, but for the making of rows from a list and
the first words of a view. `python -m newsmill.lake.contract schemas/output` writes both.
"""

from __future__ import annotations

import importlib.resources
import re
from typing import Final, Literal

import pyarrow as pa

from newsmill.lake.schemas import TABLES

Dialect = Literal["spark", "trino"]
DIALECTS: Final[tuple[Dialect, ...]] = ("spark", "trino")

_UNNEST: Final = re.compile(r"(?P<table>\w+) a, unnest\(a\.(?P<column>\w+)\) AS u\(e\)")
_HEADS: Final[dict[Dialect, str]] = {
    "spark": "-- For Spark, over temporary views or tables `articles` and `fate`, e.g.\n"
    '--   spark.read.format("iceberg").load("lake/articles").createOrReplaceTempView("articles")\n',
    "trino": "-- For Trino, over the tables `articles` and `fate` of the session's schema.\n",
}
_WHAT: Final = (
    "-- What each article says now, and what people ask of it, flat. Made from articles.sql: do not edit."
)


def text(dialect: Dialect) -> str:
    """All views, as statements with a `;` each."""
    _, views = source().split("\n\n", 1)
    if dialect == "spark":
        views = views.replace("CREATE OR REPLACE VIEW", "CREATE OR REPLACE TEMPORARY VIEW")
        views = _UNNEST.sub(r"\g<table> a LATERAL VIEW explode(a.\g<column>) u AS e", views)
    else:
        views = _UNNEST.sub(_unnested, views)
    return f"{_WHAT}\n{_HEADS[dialect]}\n{views}"


def source() -> str:
    """The views in DuckDB's SQL."""
    return importlib.resources.files("newsmill.lake").joinpath("views", "articles.sql").read_text("utf-8")


def statements(views: str) -> list[str]:
    """The statements of a text, without comments."""
    bare = re.sub(r"^\s*--.*$", "", views, flags=re.MULTILINE)
    return [statement.strip() for statement in bare.split(";") if statement.strip()]


def _unnested(found: re.Match[str]) -> str:
    """Trino gives each field of the rows a column: all have to be named."""
    inner: pa.StructType = TABLES["articles"].arrow.field(found["column"]).type.value_type
    names = ", ".join(field.name for field in inner)
    return f"{found['table']} a CROSS JOIN UNNEST(a.{found['column']}) AS e({names})"
