"""The views of `views/articles.sql`, written for DuckDB, in the SQL of other engines.

The text keeps to what DuckDB, Spark and Trino have in common, but for the first words of a view.
`python -m newsmill.lake.contract schemas/output` writes both, `python -m newsmill.lake.dialects spark` one.
"""

from __future__ import annotations

import importlib.resources
import re
import sys
from typing import Final, Literal

Dialect = Literal["spark", "trino"]
DIALECTS: Final[tuple[Dialect, ...]] = ("spark", "trino")

_TABLES: Final = "`articles`, `article_entities`, `article_places` and `fate`"
_HEADS: Final[dict[Dialect, str]] = {
    "spark": f"-- For Spark, over temporary views or tables {_TABLES}, e.g.\n"
    '--   spark.read.format("iceberg").load("lake/articles").createOrReplaceTempView("articles")\n',
    "trino": f"-- For Trino, over the tables {_TABLES} of the session's schema.\n",
}
_WHAT: Final = (
    "-- What each article says now, and what people ask of it, flat. Made from articles.sql: do not edit."
)


def text(dialect: Dialect) -> str:
    """All views, as statements with a `;` each."""
    _, views = source().split("\n\n", 1)
    if dialect == "spark":
        views = views.replace("CREATE OR REPLACE VIEW", "CREATE OR REPLACE TEMPORARY VIEW")
    return f"{_WHAT}\n{_HEADS[dialect]}\n{views}"


def source() -> str:
    """The views in DuckDB's SQL."""
    return importlib.resources.files("newsmill.lake").joinpath("views", "articles.sql").read_text("utf-8")


def statements(views: str) -> list[str]:
    """The statements of a text, without comments."""
    bare = re.sub(r"^\s*--.*$", "", views, flags=re.MULTILINE)
    return [statement.strip() for statement in bare.split(";") if statement.strip()]


if __name__ == "__main__":
    for wanted in DIALECTS:
        if sys.argv[1:] == [wanted]:
            print(text(wanted))
            break
    else:
        sys.exit(f"name one of {', '.join(DIALECTS)}")
