"""A lake in the hands of its keepers: random housekeeping, and a checker that shares nothing with newsmill.

The checker reads tables with DuckDB by their folders (`iceberg_scan`) and files with pyarrow. After each step
it asks what readers see: no step may take a row away, and only a takedown or a replay may change one. Text
that was taken down must be in no byte of the lake's folder.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import shutil
import time
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from duckdb_extensions import import_extension
from pyiceberg.io.pyarrow import parquet_files_to_data_files

import synthetic
from newsmill.config import LakeConfig
from newsmill.errors import LakeError
from newsmill.lake import files, identity, rows as table_rows
from newsmill.lake.ledger import Batch
from newsmill.lake.retention import Retention
from newsmill.lake.tables import Tables
from newsmill.lake.upkeep import compaction, garbage_collection, mending
from newsmill.lake.upkeep.takedown import take_down
from newsmill.lake.writer import Lake
from newsmill.records import Fate, FateRow, OffsetRange, Position

START, HOUR, AGE_S = 1_790_000_000_000_000, 3_600_000_000, 3 * 86_400
TABLES = ("fate", "articles", "copy_sketches", "quarantine", "cluster_events")
_WORDS = 40

Rows = dict[str, Counter[str]]


class House:
    """One lake, what it must show, and all that may be done to it.

    Args:
        folder: An empty folder; the lake moves about in it.
        seed: Of all that is random.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.chance = random.Random(seed)
        self.folder = folder
        self.lake = folder / "lake 0"
        self.problems: list[str] = []
        self.figures: Counter[str] = Counter()
        self.gone: set[str] = set()  # text that was taken down
        self.domains: set[str] = set()
        self._moves = 0
        self._hours = 0
        self._catalogs: list[Path] = []
        Lake.open(self.config).release()
        self.commit()
        self._seen = self.seen()

    @property
    def config(self) -> LakeConfig:
        """The lake where it is now."""
        return LakeConfig(path=str(self.lake))

    def do(self, step: str) -> None:
        """Do a step and look what readers see then."""
        before = self._seen
        self._age()
        getattr(self, step)()
        self.figures[step] += 1
        self._seen = self.seen()
        self._check(step, before, self._seen)

    def seen(self) -> Rows:
        """Each row that readers see, told by its text, with how often."""
        return {name: Counter(map(_told, _scan(self.lake / name))) for name in TABLES}

    # What may be done

    def commit(self) -> None:
        """A batch; the clock goes on by up to two hours."""
        lake = Lake.open(self.config)
        self._batch(lake, publish=True)
        lake.release()

    def die(self) -> None:
        """A writer that dies when its batch is decided, or only written: the next one goes on with it."""
        lake = Lake.open(self.config)
        self._batch(lake, publish=False)
        lake.release()

    def compact(self) -> None:
        """Merge small files."""
        list(compaction.compact(Tables.open(self.config)))

    def gc(self) -> None:
        """Remove garbage; the dry run must name just what goes, and the age of files is no protection."""
        kept = self.chance.choice((1, 2, 50, None))
        keep = None if kept is None else Retention.newest(kept)
        wanted: dict[str, Any] = {"grace_s": 3600.0, "keep": keep, "yes": True}
        planned = [
            g.path for g in garbage_collection.collect(Tables.open(self.config), dry_run=True, **wanted)
        ]
        gone = [g.path for g in garbage_collection.collect(Tables.open(self.config), **wanted)]
        self.figures["files removed"] += len(gone)
        if planned != gone:
            self.problems.append(f"gc: the dry run named {len(planned)} files, {len(gone)} went")

    def takedown(self) -> None:
        """Take a site's content out."""
        domain = f"site{self.chance.randrange(7)}.example"
        self.gone |= _texts(self.lake, domain)
        self.domains.add(domain)
        take_down(self.config, domain, reason="asked", now=START + self._hours * HOUR)

    def replay(self) -> None:
        """Do some quarantined record again: it becomes one that is no article."""
        found = [r for r in _scan(self.lake / "quarantine") if r["payload"] is not None]
        if not found:
            return
        row = self.chance.choice(sorted(found, key=lambda r: (r["partition"], r["offset"])))
        place = Position(topic=row["topic"], partition=row["partition"], offset=row["offset"])
        first = round(row["ingested_at"].timestamp() * 1e6)
        part = OffsetRange(
            topic=place.topic, partition=place.partition, start=place.offset, end=place.offset + 1,
            records=1, bytes=0,
        )  # fmt: skip
        lake = Lake.open(self.config)
        with suppress(LakeError):  # a batch is pending: `replay` refuses
            lake.withheld()
            fate = FateRow(position=place, fate=Fate.NOT_ARTICLE, reason="section", ingested_at=first)
            written = files.write(self.config.path, "fate", table_rows.fates([fate]), ingested_at=first)
            now = max(lake.last_change, START + self._hours * HOUR) + 1
            lake.replace(Batch(batch_id="replay", sequence=0, ingested_at=now, slices=(part,)), [written])
        lake.release()

    def other_engine(self) -> None:
        """Another engine writes a file anew, and names it as Java does."""
        tables = Tables.open(self.config)
        name = self.chance.choice(("articles", "fate"))
        live = list(tables.files(tables.load(name)))
        if not live:
            return
        chosen = self.chance.choice(sorted(live, key=lambda file: file.uri))
        path = Path(self.lake, tables.store.path(chosen.uri))
        new = self.lake / name / "data" / "ingested_at_hour=x" / f"00000-0-{uuid.uuid4()}.parquet"
        new.parent.mkdir(parents=True, exist_ok=True)
        rows = pq.read_table(path, partitioning=None)
        pq.write_table(rows.sort_by([(rows.column_names[0], "descending")]), new)

        def stage(table: Any, transaction: Any) -> bool:
            with transaction.update_snapshot().overwrite() as overwritten:
                overwritten.delete_data_file(chosen.entry)
                for file in parquet_files_to_data_files(table.io, table.metadata, iter([f"file:{new}"])):
                    overwritten.append_data_file(file)
            return True

        tables.change(name, stage)

    def copy(self) -> None:
        """Go on with an adopted copy; the one it was made from must stay as it is, by the byte."""
        original, before = self.lake, _bytes(self.lake)
        self._refused(self._place())
        shutil.copytree(original, self.lake)
        self._refused(self.lake)
        mending.adopt(self.config)
        self._age()
        list(
            garbage_collection.collect(
                Tables.open(self.config), grace_s=3600, keep=Retention.newest(1), yes=True
            )
        )
        if _bytes(original) != before:
            self.problems.append("copy: the lake that it was made from was changed")
        shutil.rmtree(original)
        self._catalogs.clear()

    def move(self) -> None:
        """Go on at another place."""
        original = self.lake
        shutil.move(original, self._place())
        self._refused(self.lake)
        mending.adopt(self.config, moved=True)
        self._catalogs.clear()

    def back_up_catalog(self) -> None:
        """Keep the catalog as it is now."""
        kept = self.folder / f"catalog {len(self._catalogs)}"
        shutil.copy(self.lake / identity.CATALOG_FILE, kept)
        self._catalogs.append(kept)

    def lose_catalog(self) -> None:
        """The catalog is lost, or an older one is put back."""
        (self.lake / identity.CATALOG_FILE).unlink()
        if self._catalogs and self.chance.random() < 0.5:
            shutil.copy(self.chance.choice(self._catalogs), self.lake / identity.CATALOG_FILE)
            with suppress(LakeError):
                Lake.open(self.config).release()
        else:
            self._refused(self.lake)
        mending.recover(self.config)

    # How it is done

    def _place(self) -> Path:
        self._moves += 1
        self.lake = self.folder / f"lake {self._moves}"
        return self.lake

    def _batch(self, lake: Lake, *, publish: bool) -> None:
        batch = lake.pending()
        if batch is None:
            self._hours += self.chance.choice((0, 0, 1, 2))
            start = lake.committed().get((synthetic.TOPIC, 0), 0)
            parts = list(synthetic.slices(0, start, start + 20))
            batch = lake.begin(parts, now=START + self._hours * HOUR)
        urls, domains = lake.withheld()
        written = [
            files.write(self.config.path, table, rows, ingested_at=batch.ingested_at)
            for table, rows in synthetic.with_raw(
                self.lake, batch, _without(synthetic.rows(batch, words=_WORDS), urls | domains)
            ).items()
        ]
        if publish:
            lake.commit(batch, written)
        elif self.chance.random() < 0.5:
            with _unpublished():
                lake.commit(batch, written)

    def _age(self) -> None:
        """No file is young: what `gc` must leave it has to leave for a reason."""
        for path in self.lake.rglob("*"):
            if path.is_file() and "_writer" not in path.parts:
                os.utime(path, (time.time() - AGE_S,) * 2)

    def _refused(self, place: Path) -> None:
        """A lake that is not what it says of itself is refused by all keepers, and left as it is."""
        if not place.exists():
            return
        self._age()
        config, before = LakeConfig(path=str(place)), _bytes(place)
        for what, keep in _KEEPERS.items():
            try:
                keep(config)
            except LakeError:
                continue
            self.problems.append(f"{what}: took a copied, moved or broken lake for right")
        if _bytes(place) != before:
            self.problems.append("a lake that was refused was changed")

    def _check(self, step: str, before: Rows, after: Rows) -> None:
        for name in TABLES:
            if step in ("takedown", "replay", "commit", "die"):
                old, new = (Counter(map(_where, rows.elements())) for rows in (before[name], after[name]))
                grown = name == "cluster_events" or step in ("commit", "die", "replay", "takedown")
            else:
                old, new, grown = before[name], after[name], False
            lost = old - new
            if step == "replay" and name == "quarantine" and lost.total() == 1:
                lost = Counter()
            if lost:
                self.problems.append(
                    f"{step}: {lost.total()} rows of {name} lost, e.g. {next(iter(lost))[:200]}"
                )
            twice = [row for row, times in new.items() if times > 1 and name != "cluster_events"]
            if twice or (new - old and not grown):
                self.problems.append(f"{step}: {name} has rows that nobody wrote, e.g. {twice[:1]}")
        if (told := _named(self.lake)) != (flat := _flat(self.lake)):
            self.problems.append(
                f"{step}: flat tables have {flat.total()} rows for {told.total()}, e.g. {flat - told}"
            )
        raw = [json.loads(row) for row in after["fate"]]
        lost_raw = [row for row in raw if row["raw_file"] is not None and not _kept(self.lake, row)]
        if lost_raw:
            self.problems.append(f"{step}: {len(lost_raw)} raw records lost, e.g. {lost_raw[0]}")
        self.figures["raw records"] += sum(row["raw_file"] is not None for row in raw)
        self.figures["raw records lost"] += len(lost_raw)
        self.figures["rows lost"] += sum("lost" in problem for problem in self.problems)
        if self.gone and (left := _left(self.lake, self.gone - _texts(self.lake, None))):
            text, where = next(iter(left.items()))
            self.problems.append(
                f"{step}: {len(left)} texts that were taken down are left, {text[:30]}… in {where}"
            )


_KEEPERS: dict[str, Callable[[LakeConfig], object]] = {
    "run": lambda config: Lake.open(config).release(),
    "gc": lambda config: list(garbage_collection.collect(Tables.open(config), grace_s=3600, yes=True)),
    "compact": lambda config: list(compaction.compact(Tables.open(config))),
    "takedown": lambda config: take_down(config, "site1.example", reason="x", now=START),
}

STEPS = (
    *("commit", "die", "compact", "gc", "takedown", "replay", "other_engine", "copy", "move"),
    *("back_up_catalog", "lose_catalog"),
)
"""Names of all steps."""

WEIGHTS = (5, 1, 3, 5, 1, 1, 2, 1, 1, 1, 2)
"""How often each is chosen in a soak."""


class _unpublished:
    """A writer that dies right after its batch was decided."""

    def __enter__(self) -> None:
        self._publish = Lake._publish
        Lake._publish = lambda lake, batch: None  # type: ignore[method-assign, assignment, return-value]

    def __exit__(self, *exc: object) -> None:
        Lake._publish = self._publish  # type: ignore[method-assign]


def _without(made: dict[str, pa.Table], withheld: frozenset[str]) -> dict[str, pa.Table]:
    """Rows of a batch as the run writes them: pages that were taken down are withheld."""
    gone = {
        (row["topic"], row["partition"], row["offset"])
        for row in made["fate"].select(["topic", "partition", "offset", "domain"]).to_pylist()
        if row["domain"] in withheld
    }
    fates = [
        {**row, "fate": "withheld", "reason": "takedown", "article_id": None, "revision": None}
        if (row["topic"], row["partition"], row["offset"]) in gone
        else row
        for row in made["fate"].to_pylist()
    ]
    found = {"fate": pa.Table.from_pylist(fates, schema=made["fate"].schema)}
    for name in ("articles", "copy_sketches", "quarantine", "cluster_events"):
        if name in made:
            rows = [
                r for r in made[name].to_pylist() if (r["topic"], r["partition"], r["offset"]) not in gone
            ]
            if rows:
                found[name] = pa.Table.from_pylist(rows, schema=made[name].schema)
    return found


def _scan(table: Path) -> list[dict[str, Any]]:
    """The rows of a table, by its folder alone."""
    return _duckdb().sql(f"FROM iceberg_scan('{table}')").to_arrow_table().to_pylist()


@cache
def _duckdb() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    for extension in ("avro", "iceberg"):
        import_extension(extension)
        connection.load_extension(extension)
    connection.sql("SET TimeZone = 'UTC'")
    connection.sql("SET threads = 1")
    return connection


def _named(lake: Path) -> Counter[tuple[Any, ...]]:
    """What the rows of articles name."""
    return Counter(
        (column, row["topic"], row["partition"], row["offset"], row["domain"], item["name"])
        for row in _scan(lake / "articles")
        for column in ("entities", "places")
        for item in row[column] or ()
    )


def _flat(lake: Path) -> Counter[tuple[Any, ...]]:
    """What the flat tables tell."""
    return Counter(
        (column, row["topic"], row["partition"], row["offset"], row["domain"], row["name"])
        for column in ("entities", "places")
        for row in _scan(lake / f"article_{column}")
    )


def _kept(lake: Path, row: dict[str, Any]) -> bool:
    """Whether the raw record of a row is where the row says."""
    try:
        with (lake / row["raw_file"]).open("rb") as file:
            file.seek(row["raw_offset"])
            record = gzip.decompress(file.read(row["raw_length"]))
    except (OSError, EOFError):
        return False
    return f"WARC-Target-URI: {row['url']}\r\n".encode() in record


def _told(row: dict[str, Any]) -> str:
    return json.dumps(row, sort_keys=True, default=str)


def _where(told: str) -> str:
    row = json.loads(told)
    return "/".join(str(row.get(name)) for name in ("topic", "partition", "offset", "event", "cluster_id"))


def _texts(lake: Path, domain: str | None) -> set[str]:
    """Bodies that readers see: of a site, or all."""
    rows = _scan(lake / "articles")
    return {r["body"] for r in rows if r["body"] and domain in (None, r["domain"])}


def _left(lake: Path, gone: set[str]) -> dict[str, str]:
    """Texts that a file of the lake holds, and the file."""
    found: dict[str, str] = {}
    if not gone:
        return found
    for path in lake.rglob("*"):
        if path.is_file():
            held = path.read_bytes()
            if path.suffix == ".parquet":
                columns = pq.ParquetFile(path).read().to_pydict()
                held += json.dumps(columns, default=str).encode()
            elif path.suffix == ".gz":
                held += gzip.decompress(held)
            found |= {text: str(path) for text in gone if text.encode() in held}
    return found


def _bytes(folder: Path) -> dict[str, bytes]:
    kept = (p for p in folder.rglob("*") if p.is_file() and "_writer" not in p.parts)
    return {str(path.relative_to(folder)): path.read_bytes() for path in kept}
