"""`newsmill changes`: what changed in a table since a time."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from enum import StrEnum
from typing import IO, TYPE_CHECKING, Annotated

import typer

from newsmill.cli.json_lines import json_line
from newsmill.cli.options import ConfigFile, OutputFile, Sets, loaded
from newsmill.cli.output import opened, say
from newsmill.errors import ConfigError

if TYPE_CHECKING:
    from newsmill.lake.changes import Changes


class Form(StrEnum):
    """How rows are written."""

    JSONL = "jsonl"
    ARROW = "arrow"
    PARQUET = "parquet"


class Table(StrEnum):
    """The tables that can be followed."""

    ARTICLES = "articles"
    FATE = "fate"
    QUARANTINE = "quarantine"
    CLUSTER_EVENTS = "cluster_events"
    ARTICLE_ENTITIES = "article_entities"
    ARTICLE_PLACES = "article_places"


def changes(
    lake: Annotated[str | None, typer.Argument(help="Folder or URI; else lake.path of the settings.")] = None,
    since: Annotated[
        str,
        typer.Option(
            metavar="TIME|SNAPSHOT",
            help="What the last call gave as next: a time of the lake, UTC; or a snapshot of `fate`.",
        ),
    ] = "1970-01-01T00:00:00Z",
    table: Annotated[Table, typer.Option(help="Which table.")] = Table.ARTICLES,
    form: Annotated[
        Form, typer.Option("--format", help="JSON Lines, an Arrow stream, or a Parquet file.")
    ] = Form.JSONL,
    output: OutputFile = None,
    config: ConfigFile = None,
    sets: Sets = None,
) -> None:
    """Tell which rows of a table changed: inserted, updated, taken_down or removed (their key only).

    The key is topic, partition and offset; of cluster_events it is ingested_at and seq, and nth belongs to
    that of article_entities and article_places.

    Rows come in their present state; put in the place of those with the same key they give the table of now
    (of a flat table: in the place of all rows of the same topic, partition and offset).
    The last line, on standard error, names the --since of the next call: no change is missed, whatever was
    committed, compacted, replayed or taken down meanwhile. Nothing is changed.
    """
    from newsmill.lake import changes as feed

    if form is Form.PARQUET and output is None:
        raise ConfigError("--format parquet: needs a file to write: -o FILE")
    place = loaded(config, sets, lake__path=lake).config.lake.path
    found = feed.read(place, table.value, _time(place, since))
    with opened(output) as file:
        told = _WRITERS[form](found, file)
    what = ", ".join(f"{told[kind]:,} {kind}" for kind in feed.KINDS)
    say(f"{what}; next: --since {feed.instant(found.until):%Y-%m-%dT%H:%M:%S.%fZ}", err=True)
    if found.since > found.until:
        say(
            "--since is later than the newest change: times follow the lake's order, not the clock; go on "
            "with the time given as next",
            err=True,
        )
    for change in found.waiting:
        say(f"under way or cut off, and not told before it is done (again): {change.what}", err=True)


def _time(lake: str, since: str) -> int:
    from newsmill.lake import changes as feed

    if since.isdecimal():
        return feed.time_of(lake, int(since))
    try:
        at = datetime.fromisoformat(since)
        return feed.micros(at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC))
    except (ValueError, OverflowError):  # before the year 1 or after 9999, in UTC
        raise ConfigError(
            f"--since {since}: must be a time, e.g. 2026-11-29T12:00:00Z, or the id of a snapshot of `fate`"
        ) from None


def _as_jsonl(found: Changes, file: IO[bytes]) -> Counter[str]:
    told: Counter[str] = Counter()
    for batch in found.rows:
        for row in batch.to_pylist(maps_as_pydicts="strict"):
            told[row["change"]] += 1
            if row["change"] == "removed":
                row = {name: value for name, value in row.items() if value is not None}
            file.write(json_line(row).encode("utf-8", "backslashreplace") + b"\n")
    return told


def _as_arrow(found: Changes, file: IO[bytes]) -> Counter[str]:
    import pyarrow as pa

    told: Counter[str] = Counter()
    with pa.ipc.new_stream(file, found.schema) as stream:
        for batch in found.rows:
            told.update(batch["change"].to_pylist())
            stream.write_batch(batch)
    return told


def _as_parquet(found: Changes, file: IO[bytes]) -> Counter[str]:
    import pyarrow.parquet as pq

    told: Counter[str] = Counter()
    with pq.ParquetWriter(file, found.schema, compression="zstd") as writer:
        for batch in found.rows:
            told.update(batch["change"].to_pylist())
            writer.write_batch(batch)
    return told


_WRITERS = {Form.JSONL: _as_jsonl, Form.ARROW: _as_arrow, Form.PARQUET: _as_parquet}
