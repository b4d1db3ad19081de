"""A lake's newest commit as tables and views of DuckDB."""

from __future__ import annotations

import importlib.resources
import os
from typing import Final

import duckdb

from newsmill.lake import flattening, reader
from newsmill.lake.flat import FLAT, Flat
from newsmill.lake.schemas import TABLES

VIEWS: Final = ("clusters.sql", "articles.sql", "stories.sql")
"""Files of `lake/views`, each over the tables and earlier views."""


def connect(lake: str) -> duckdb.DuckDBPyConnection:
    """DuckDB in memory with the lake's tables as of now and all views; reads only what a question needs.

    A data file that is missing is an error of the questions that read it; `check_files` says which.

    Raises:
        ConfigError: There is no lake.
        LakeError: It is not the lake that its note tells of.
    """
    duck = duckdb.connect(":memory:")
    duck.execute("SET TimeZone = 'UTC'")
    whole = flattening.is_whole(lake)
    there = reader.names(lake)
    for name in TABLES:
        if name in FLAT and not whole:
            duck.execute(_unnested(FLAT[name]))
        elif name in there:
            duck.register(name, reader.rows(lake, name, checked=False))
    for file in VIEWS:
        duck.execute(view(file))
    return duck


def check_files(lake: str) -> None:
    """Raises LakeError where a data file that a question may read is missing."""
    for name in reader.names(lake):
        reader.rows(lake, name)


def _unnested(flat: Flat) -> str:
    """What stands for a flat table in a lake where it is not there, or lacks rows of an earlier version."""
    parts = ", ".join(f"e.{part}" for part in flat.parts)
    return view("unnested.sql").format(name=flat.schema.name, column=flat.column, parts=parts)


def view(file: str) -> str:
    """A file of `lake/views`."""
    return importlib.resources.files("newsmill.lake").joinpath("views", file).read_text("utf-8")


def is_query(text: str) -> bool:
    """Whether a command's only argument is a question, and no lake.

    >>> is_query("FROM articles"), is_query("demo-lake/tables"), is_query("s3://bucket/lake")
    (True, False, False)
    """
    return any(c.isspace() or c == ";" for c in text.strip()) and not os.path.isdir(text)
