"""Doing records again through the current code, and enriching rows again.

A replayed record keeps the time at which it was first seen, and has one fate before and after. A record
that had a row of `articles` keeps what was decided of it (fate, revision, cluster), unless it is no
article any more: then those that stay in its story are told anew (`departures`). What the page says, its
language and its enrichment are new. A record that had none goes through the copies index like any other.
Redeliveries are left alone: their page is another record's.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import groupby
from typing import Any, Final, TypeVar

import apache_beam as beam
import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from newsmill.config import Config, KeepBody
from newsmill.copies.index import Decision, Resolution
from newsmill.copies.sketches import Sketch
from newsmill.errors import ConfigError
from newsmill.flow.bounded.collect_files import CollectFiles
from newsmill.flow.bounded.pipeline import batch_pipeline, in_process
from newsmill.flow.elements.chunks import CHUNK_RECORDS, RecordChunk
from newsmill.flow.elements.working import RAW, as_raised
from newsmill.flow.steps.decode import Withheld
from newsmill.flow.steps.remember import Memory
from newsmill.jobs import departures, source_records
from newsmill.knowledge.enricher import Enricher
from newsmill.lake import flattening, raw_rows, reader, rewriting, values
from newsmill.lake.change_order import changing
from newsmill.lake.columns import TIME
from newsmill.lake.files import DataFile, hour
from newsmill.lake.ledger import Batch
from newsmill.lake.places import PLACE, position_of
from newsmill.lake.raw_files import RawRecords
from newsmill.lake.schemas import TABLES
from newsmill.lake.tables import LiveFile, Tables
from newsmill.lake.writer import Lake
from newsmill.records import Duplicate, Fate, Micros, Origin, OriginMethod, Position, SourceRecord
from newsmill.runtime import registry

_REPLAYED = ("article", "copy", "revision", "not_article", "withheld", "quarantined")


@dataclass(frozen=True)
class Selection:
    """Which records; conditions that are set must all hold."""

    quarantine: bool = False  # only quarantined ones
    code: str | None = None
    since: datetime | None = None  # first seen at or after
    until: datetime | None = None  # first seen before
    domain: str | None = None
    from_raw: bool = False  # only those that the lake keeps as they came; no topic is asked
    only: frozenset[Position] | None = None  # these, where they hold the other conditions

    def holds(self) -> pc.Expression:
        """As a filter of `fate`."""
        fates = [Fate.QUARANTINED.value] if self.quarantine or self.code else list(_REPLAYED)
        condition = pc.field("fate").isin(fates)
        if self.code is not None:
            condition &= pc.field("reason") == self.code
        if self.domain is not None:
            condition &= pc.field("domain") == self.domain
        if self.from_raw:
            condition &= pc.field("raw_file").is_valid()
        if self.only is not None:
            condition &= source_records.among(self.only)
        return condition & self.seen()

    def seen(self) -> pc.Expression:
        """The times, as a filter of any table."""
        condition = pc.field("ingested_at") >= (self.since or datetime(1970, 1, 1, tzinfo=UTC))
        return condition if self.until is None else condition & (pc.field("ingested_at") < self.until)


@dataclass
class Report:
    """What a replay did, or would do."""

    records: int = 0
    moved: Counter[tuple[str, str]] = field(default_factory=Counter)  # (old fate, new fate)
    lost: list[Position] = field(default_factory=list)  # neither in the lake nor in the broker
    taken_down: int = 0  # articles that stay as the takedown left them
    told_anew: int = 0  # rows that stay, of stories that articles left
    selected: Counter[str] = field(default_factory=Counter)  # by the fate that they have

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "records": self.records,
            "selected": dict(sorted(self.selected.items())),
            "moved": {f"{old} → {new}": n for (old, new), n in sorted(self.moved.items())},
            "lost": [[p.topic, p.partition, p.offset] for p in self.lost],
            "taken_down": self.taken_down,
            "told_anew": self.told_anew,
        }


def replay(config: Config, selection: Selection, *, now: Micros, dry_run: bool = False) -> Report:
    """Do the selected records again, batch by batch of their first time. Done twice, it changes nothing more.

    Args:
        config: All settings; the topic is only asked for records whose payload the lake does not have.
        selection: Which.
        now: Time of the cluster events that come of it.
        dry_run: Only count.

    Raises:
        ConfigError: There is no lake.
        LakeError: Another process is writing it, or a batch is pending.
    """
    fates, days = _planned(config.lake.path, selection)
    report = Report(selected=fates)
    unfinished = departures.is_unfinished(config.lake.path)
    if dry_run or not (fates or unfinished):
        if selection.from_raw:
            report.lost = source_records.without_raw_file(config.lake.path, selection.holds())
        report.records = fates.total() - len(report.lost)
        return report
    lake = Lake.open(config.lake, make=False)
    try:
        departing = departures.Departures(config, lake)
        if unfinished:
            departing.note()
            departing.settle()
        with closing(_Index(config, lake, now=max(now, lake.last_change + 1))) as index:
            for day in days:
                selected = _selected(config.lake.path, selection, day)
                for at, group in groupby(selected, key=lambda row: row["ingested_at"]):
                    old = {position_of(row): row["fate"] for row in group}
                    _replay_batch(
                        config, lake, index, departing, at, old, report, from_raw=selection.from_raw
                    )
        report.told_anew = departing.settle()
        raw_rows.let_go(lake.tables, raw_rows.kept_no_more(None), "replay")
    finally:
        lake.release()
    return report


_DAY_US: Final = 86_400_000_000


def _planned(lake: str, selection: Selection) -> tuple[Counter[str], list[int]]:
    """How many records are selected, by their fate, and the days since 1970 of their first time."""
    fates, days = Counter[str](), set[int]()
    columns = [*(PLACE if selection.only is not None else ()), "fate", "ingested_at"]
    for batch in reader.rows(lake, "fate").to_batches(columns=columns, filter=selection.holds()):
        rows = _chosen(batch, selection)
        for counted in pc.value_counts(rows["fate"]).to_pylist():
            fates[counted["values"]] += counted["counts"]
        days.update(pc.unique(pc.divide(rows["ingested_at"].cast(pa.int64()), _DAY_US)).to_pylist())
    return fates, sorted(days)


def _selected(lake: str, selection: Selection, day: int) -> list[dict[str, Any]]:
    """The selected records of a day, by their first time: all of them may be too many at once."""
    begin, end = (pa.scalar(at * _DAY_US, pa.int64()).cast(TIME) for at in (day, day + 1))
    of_day = (pc.field("ingested_at") >= begin) & (pc.field("ingested_at") < end)
    rows = reader.rows(lake, "fate").to_table(
        columns=["ingested_at", *PLACE, "fate"], filter=selection.holds() & of_day
    )
    rows = rows.set_column(0, "ingested_at", rows["ingested_at"].cast(pa.int64()))
    return sorted(
        _chosen(rows, selection).to_pylist(), key=lambda row: (row["ingested_at"], position_of(row))
    )


_Rows = TypeVar("_Rows", pa.Table, pa.RecordBatch)


def _chosen(rows: _Rows, selection: Selection) -> _Rows:
    """The rows of the records that the selection names one by one; all, where it names none so."""
    if selection.only is None:
        return rows
    return rows.filter(pa.array([position_of(row) in selection.only for row in rows.to_pylist()], pa.bool_()))


def _taken_down(lake: str, places: Mapping[Position, str], withheld: Withheld) -> set[Position]:
    """Those whose row of `articles` a takedown emptied that still holds.

    Their row stays: copies and clusters of others point to it.
    """
    if not withheld.url_keys and not withheld.domains:
        return set()
    rows = reader.rows(lake, "articles").to_table(
        columns=[*PLACE, "url_key", "domain"],
        filter=source_records.among(places) & pc.field("withheld").is_valid(),
    )
    return {
        place
        for row in rows.to_pylist()
        if (place := position_of(row)) in places
        and (row["url_key"] in withheld.url_keys or row["domain"] in withheld.domains)
    }


def _replay_batch(
    config: Config,
    lake: Lake,
    index: _Index,
    departing: departures.Departures,
    at: Micros,
    old: Mapping[Position, str],
    report: Report,
    *,
    from_raw: bool,
) -> None:
    """Do the records of one first batch again."""
    urls, domains = lake.withheld()
    withheld = Withheld(url_keys=urls, domains=domains)
    emptied = _taken_down(config.lake.path, old, withheld)
    report.taken_down += len(emptied)
    old = {place: fate for place, fate in old.items() if place not in emptied}
    if from_raw:
        found = dict(source_records.from_raw_files(config.lake.path, old))
        report.lost += [place for place in sorted(old) if place not in found]
    else:
        found = dict(source_records.as_they_came(config, sorted(old), report.lost))
    if not found:
        return
    records = [found[place] for place in sorted(found)]
    index.now = max(index.now, lake.last_change + 1)
    index.remember(_decided(config.lake.path, found))
    batch = Batch(
        batch_id=f"replay-{at}",
        sequence=0,
        ingested_at=index.now,
        slices=tuple(source_records.slices(sorted(found))),
    )
    files: list[DataFile] = []
    index.resolve(batch.batch_id, [])  # a batch without any draft is staged too
    registry.register("replay:files", files)
    registry.register("replay:index", index)
    raw = RawRecords(
        config.lake.path,
        keeps=config.lake.keep_raw,
        already=source_records.pointers(config.lake.path, found),
        patience_s=config.lake.patience_s,
    )
    registry.register(RAW, raw)
    try:
        with as_raised(), in_process() as pipeline:
            chunks = [
                RecordChunk(ingested_at=at, records=tuple(records[start : start + CHUNK_RECORDS]))
                for start in range(0, len(records), CHUNK_RECORDS)
            ]
            made = pipeline | "Records" >> beam.Create(chunks)
            batch_pipeline(
                made,
                config,
                batch_id=batch.batch_id,
                index="replay:index",
                withheld=withheld,
            ) | "CollectFiles" >> CollectFiles(into="replay:files")
    finally:
        registry.unregister("replay:files")
        registry.unregister("replay:index")
        registry.unregister(RAW)
        raw.close()
    moves = list(_moves(lake, files, old))
    departing.expect(moves)
    lake.replace(batch, files)
    index.keep(batch.batch_id)
    report.records += len(records)
    report.moved.update(moves)


class _Index:
    """The copies index, but records that have a row keep what was decided of them."""

    def __init__(self, config: Config, lake: Lake, *, now: Micros) -> None:
        self.now = now
        self._memory = Memory(config, lake)
        self._index = self._memory.index
        self._decided: Mapping[Position, Decision] = {}
        self._keep = config.copies.keep_body is not KeepBody.NONE  # the texts relied on may be replaced too

    def remember(self, decided: Mapping[Position, Decision]) -> None:
        """The decisions of the records that come next."""
        self._decided = decided

    def resolve(self, batch_id: str, sketches: Sequence[Sketch]) -> Resolution:
        """As CopyIndex.resolve; events happen now, not when the record was first seen."""
        new = [sketch for sketch in sketches if sketch.position not in self._decided]
        resolution = self._index.resolve(batch_id, new)
        decisions = {**resolution.decisions, **self._decided}
        return Resolution(
            decisions={p: msgspec.structs.replace(d, keep_body=self._keep) for p, d in decisions.items()},
            events=tuple(msgspec.structs.replace(event, at=self.now) for event in resolution.events),
        )

    def keep(self, batch_id: str) -> None:
        """The batch is committed."""
        self._index.commit(batch_id)
        self._memory.check()
        self.now += 1

    def close(self) -> None:
        """Nothing more comes."""
        self._memory.close()


def _decided(lake: str, places: Mapping[Position, SourceRecord]) -> dict[Position, Decision]:
    """What was decided of those records that have a row of `articles`."""
    rows = reader.rows(lake, "articles").to_table(
        columns=[*PLACE, "fate", "revision", "duplicate", "origin"],
        filter=source_records.among(places),
    )
    return {
        position_of(row): Decision(
            fate=Fate(row["fate"]),
            revision=row["revision"],
            duplicate=msgspec.convert(row["duplicate"], Duplicate),
            origin_hint=_hint(row["origin"]),
        )
        for row in rows.to_pylist()
        if position_of(row) in places
    }


def _hint(origin: Mapping[str, Any] | None) -> Origin | None:
    """What a row has as its origin by its story alone."""
    if origin is None or origin["method"] != OriginMethod.EARLIEST:
        return None
    told = {name: origin[name] for name in ("confidence", "domain", "article_id")}
    return Origin(method=OriginMethod.EARLIEST, **told)


def _moves(lake: Lake, files: Iterable[DataFile], old: Mapping[Position, str]) -> Iterator[tuple[str, str]]:
    for file in files:
        if file.table == "fate":
            for row in lake.columns(file, [*PLACE, "fate"]).to_pylist():
                yield old[position_of(row)], row["fate"]


def enrich_again(config: Config, name: str, selection: Selection, *, dry_run: bool = False) -> int:
    """Fill the columns of one enricher anew, for rows that have their body; how many rows.

    May run beside the writer: each file is replaced by one with the same rows.

    Args:
        config: The lake and the enrichment settings.
        name: The enricher, e.g. `entities`.
        selection: Times and domain.
        dry_run: Only count.

    Raises:
        ConfigError: There is no enricher of that name, or no lake.
    """
    reader.rows(config.lake.path, "articles")
    enricher = Enricher.open(config.enrich)
    if name not in enricher.names:
        raise ConfigError(f"there is no enricher {name}; there are: {', '.join(enricher.names)}")
    tables = Tables.open(config.lake)
    fresh = partial(_enriched, enricher, name, config.enrich.copies)
    if dry_run:
        return _filled_again(tables, selection, fresh, None)
    with changing(tables, f"enrichment by {name}") as at:
        return _filled_again(tables, selection, fresh, at)


def _filled_again(tables: Tables, selection: Selection, fresh: Any, at: Micros | None) -> int:
    """How many rows are selected; they are filled where there is a time of the change."""
    schema = TABLES["articles"]
    stale: dict[str, set[str]] = defaultdict(set)
    since, until = (
        None if t is None else hour(round(t.timestamp() * 1e6)) for t in (selection.since, selection.until)
    )
    again = True
    while again:
        again, count = False, 0
        for live in tables.files(tables.load("articles")):
            if (since is not None and live.hours.stop <= since) or (
                until is not None and live.hours.start > until
            ):
                continue
            rows = rewriting.read(tables, schema, [live])
            changed, new = _changed(rows, selection, fresh, at or 0)
            if changed and at is not None:
                written, _ = rewriting.write(tables, schema, new)
                if written.path != live.uri and not _swapped(tables, live, written):
                    again = True
                    continue
                hours = set(live.hours)
                made = flattening.follow(tables, new, new.select(PLACE), hours, "enrich")
                if written.path not in {file.uri for file in tables.files(tables.load("articles"))}:
                    again = True
                    stale = {name: stale[name] | made[name] for name in made}
                    continue
            count += changed
    flattening.forget(tables, stale)
    return count


def _swapped(tables: Tables, live: LiveFile, written: DataFile) -> bool:
    return rewriting.swap(tables, "articles", [live], [written], "enrich")


def _changed(rows: pa.Table, selection: Selection, fresh: Any, at: Micros) -> tuple[int, pa.Table]:
    """How many rows are selected, and the rows with these filled anew; those that differ carry the time."""
    numbered = rows.append_column("row", pa.array(range(rows.num_rows), pa.int64()))
    condition = selection.seen() & pc.field("body").is_valid()
    if selection.domain is not None:
        condition &= pc.field("domain") == selection.domain
    wanted = set(numbered.filter(condition)["row"].to_pylist())
    if not wanted:
        return 0, rows
    columns: dict[str, list[Any]] = {}
    differ = [False] * rows.num_rows
    for number, row in enumerate(rows.to_pylist()):
        new = fresh(row) if number in wanted else {}
        for column in (*values.ENRICHED, "versions"):
            columns.setdefault(column, []).append(new.get(column, row[column]))
    for column, filled in columns.items():
        index = rows.schema.get_field_index(column)
        kind = rows.schema.field(index)
        made = pa.array(filled, kind.type)
        pairs = zip(made.to_pylist(), rows[column].to_pylist(), strict=True)
        differ = [so_far or new != old for so_far, (new, old) in zip(differ, pairs, strict=True)]
        rows = rows.set_column(index, kind, made)
    return len(wanted), rewriting.stamped(rows, pa.array(differ, pa.bool_()), at)


def _enriched(enricher: Enricher, name: str, copies: bool, row: Mapping[str, Any]) -> dict[str, Any]:
    made = enricher.enrich_text(
        row["body"],
        language=row["lang"],
        title=row["title"],
        url=row["url"],
        statistical=copies or not row["duplicate"]["is_duplicate"],
        only={name},
    )
    filled = values.enrichment_columns(made)
    filled = {column: value for column, value in filled.items() if column in enricher.columns_of(name)}
    if "extras" in filled:
        others = {k: v for k, v in row["extras"] or () if not k.startswith(f"{name}.")}
        filled["extras"] = sorted({**others, **dict(filled["extras"])}.items())
    return {**filled, "versions": sorted({**dict(row["versions"] or ()), **made.versions}.items())}
