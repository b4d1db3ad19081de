"""The views of `views/`, written for DuckDB, for other engines.

The text keeps to what DuckDB, Spark and Trino have in common, but for the first words of a view, and for
`cluster_ids`: Spark has no recursion, so `views/cluster_ids.sql` follows a limited number of merges.
`python -m newsmill.lake.contract schemas/output` writes both, `python -m newsmill.lake.dialects spark` one.
"""

from __future__ import annotations

import importlib.resources
import re
import sys
from typing import Final, Literal

Dialect = Literal["spark", "trino"]
DIALECTS: Final[tuple[Dialect, ...]] = ("spark", "trino")

_TABLES: Final = "`articles`, `article_entities`, `article_places`, `cluster_events` and `fate`"
_HEADS: Final[dict[Dialect, str]] = {
    "spark": f"-- For Spark, over temporary views or tables {_TABLES}, e.g.\n"
    '--   spark.read.format("iceberg").load("lake/articles").createOrReplaceTempView("articles")\n',
    "trino": f"-- For Trino, over the tables {_TABLES} of the session's schema.\n",
}
_WHAT: Final = (
    "-- What each article says now, and what people ask of it, flat, and the state of stories.\n"
    "-- Made from clusters.sql, articles.sql and stories.sql: do not edit."
)
_VIEW: Final = re.compile(
    r"(?:^--[^\n]*\n)*^CREATE OR REPLACE VIEW (\w+) AS\n.*?;\n", re.MULTILINE | re.DOTALL
)


def text(dialect: Dialect) -> str:
    """All views, as statements with a `;` each."""
    there = _views("cluster_ids.sql")
    views = "\n".join(there.get(name, view) for name, view in source().items())
    if dialect == "spark":
        views = views.replace("CREATE OR REPLACE VIEW", "CREATE OR REPLACE TEMPORARY VIEW")
    return f"{_WHAT}\n{_HEADS[dialect]}\n{views}"


def source() -> dict[str, str]:
    """The views in DuckDB's SQL, each with its comment."""
    return _views("clusters.sql") | _views("articles.sql") | _views("stories.sql")


def _views(file: str) -> dict[str, str]:
    text = importlib.resources.files("newsmill.lake").joinpath("views", file).read_text("utf-8")
    return {view[1]: view[0] for view in _VIEW.finditer(text)}


def statements(views: str) -> list[str]:
    """The statements of a text, without comments."""
    bare = re.sub(r"\s*--.*$", "", views, flags=re.MULTILINE)
    return [statement.strip() for statement in bare.split(";") if statement.strip()]


if __name__ == "__main__":
    for wanted in DIALECTS:
        if sys.argv[1:] == [wanted]:
            print(text(wanted))
            break
    else:
        sys.exit(f"name one of {', '.join(DIALECTS)}")
