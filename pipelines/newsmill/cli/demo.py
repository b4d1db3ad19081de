"""`newsmill demo`: the main job on sample pages, from Kafka to a query."""

from __future__ import annotations

import json
import shlex
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.table import Table

from newsmill.cli.ingest import ingest
from newsmill.cli.options import outside_lakes
from newsmill.cli.output import Screen, say
from newsmill.cli.run import run_direct
from newsmill.config import Config, LakeConfig
from newsmill.errors import ConfigError
from newsmill.records import RawPage
from newsmill.runtime import allocator, folders

if TYPE_CHECKING:
    from newsmill.runners.progress import Summary

TOPIC = "demo-pages"

_MARK: Final = "demo.json"
_MAKER: Final = "newsmill demo"
_MADE: Final = (_MARK, "pages.warc.gz", "tables/lake.json", "tables/catalog.db*", "tables/_*")
"""What the demo makes beside a broker's files and the tables."""

_INSTEAD: Final = "choose another folder with --lake"
QUERY = """SELECT lang, fate, count(*) AS articles, count(DISTINCT duplicate.cluster_id) AS stories
FROM articles GROUP BY ALL ORDER BY lang, fate"""


def demo(
    lake: Annotated[
        Path,
        typer.Option(
            help="Where the demo's lake goes; an earlier one is made anew.",
            file_okay=False,
            callback=outside_lakes,
        ),
    ] = Path("demo-lake"),
    kafka: Annotated[
        bool, typer.Option("--kafka/--no-kafka", help="Use a real broker where Java 17 and Maven are there.")
    ] = True,
) -> None:
    """Run the main job on about 30 sample pages and query what it wrote.

    Starts a real Kafka for it (KRaft, on loopback, stopped at the end) where Java 17 and Maven are
    there; else says so and reads the same pages from a WARC file through the same transforms. Exit
    code 1 if a page comes to another fate than expected.
    """
    from newsmill.demo import PAGES, differences
    from newsmill.dev import local_kafka
    from newsmill.sources.warc import write_warc

    console = Screen(err=True)
    _fresh(lake)
    allocator.settle()
    config = Config(lake=LakeConfig(path=str(lake / "tables")))
    start = time.monotonic()
    missing = local_kafka.missing() if kafka else ["--no-kafka was given"]
    with ExitStack() as stack:
        if missing:
            console.print(f"[yellow]no Kafka:[/] {missing[0]}")
            console.print("reading the same pages from a WARC file instead")
            warc = lake / "pages.warc.gz"
            write_warc(warc, _pages(config))
            total = run_direct(config, once=True, files=[warc]).totals
            again = run_direct(config, once=True, files=[warc]).totals
        else:
            console.print("starting Kafka on this machine (the first time Maven fetches 43 MB)")
            broker = stack.enter_context(local_kafka.DevKafka(data=lake / "kafka"))
            broker.make_topic(TOPIC, partitions=3)
            config = config.model_copy(update={"kafka": broker.kafka(TOPIC)})
            ingest([PAGES], topic=TOPIC, bootstrap=config.kafka.bootstrap)
            total = run_direct(config, once=True).totals
            again = run_direct(config, once=True).totals
    _summary(total, again, time.monotonic() - start)
    _query(config)
    wrong = differences(Path(config.lake.path))
    for line in wrong:
        console.print(f"[red]unexpected:[/] {line}")
    if wrong:
        raise typer.Exit(1)
    Screen().print(f"all {total.records} samples came to the fates expected of them")


def _fresh(lake: Path) -> None:
    """An empty folder for the demo; refuses one with files that no demo made, and deletes none of them."""
    if lake.exists() and any(lake.iterdir()):
        if not _is_demo(lake / _MARK):
            raise ConfigError(f"{lake} is not empty and was not made by the demo; {_INSTEAD}")
        from newsmill.dev import local_kafka
        from newsmill.lake.schemas import TABLES

        tables = [f"tables/{name}/{part}" for name in TABLES for part in ("data/*.parquet", "metadata/*")]
        known = [*(f"kafka/{pattern}" for pattern in local_kafka.MADE), *_MADE, *tables]
        folders.remove(lake, known, instead=_INSTEAD)
    lake.mkdir(parents=True, exist_ok=True)
    (lake / _MARK).write_text(json.dumps({"made_by": _MAKER}), encoding="utf-8")


def _is_demo(mark: Path) -> bool:
    try:
        found = json.loads(mark.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and found.get("made_by") == _MAKER


def _pages(config: Config) -> Iterator[RawPage]:
    from newsmill.demo import PAGES
    from newsmill.sources import envelopes, files

    for record in files.read([PAGES]):
        page = envelopes.decode(record, config.input)
        if isinstance(page, RawPage):
            yield page


def _summary(total: Summary, again: Summary, seconds: float) -> None:
    console = Screen()
    table = Table("what", "how many", title="what newsmill did", title_justify="left", box=None)
    table.add_row("records", str(total.records))
    for name, counts in (
        ("fate", total.fates),
        ("copy", total.copies),
        ("language", total.languages),
        ("quarantined", Counter({r: n for (f, r), n in total.reasons.items() if f == "quarantined"})),
        ("not an article", Counter({r: n for (f, r), n in total.reasons.items() if f == "not_article"})),
    ):
        for value, n in counts.most_common():
            table.add_row(f"{name}: {value}", str(n))
    table.add_row("pages a second", f"{total.records / total.seconds:.1f}")
    table.add_row("rows added by a second run", str(again.records))
    console.print(table)
    console.print(f"all together, starting Kafka included: {seconds:.0f} s\n")


def _query(config: Config) -> None:
    from newsmill.observe.questions import connect

    lake = config.lake.path
    say(f'newsmill sql {shlex.quote(lake)} "{QUERY}"\n{connect(lake).sql(QUERY)}')
