"""The lake as its one writer sees it: batches begun, committed once, and finished after a crash.

How a batch becomes visible, and why no crash can show half of it, or show it twice:

1. `begin` notes the batch in the ledger's properties: number, offset ranges, time. A restart offers it
   again (`pending`), so the same ranges are done again with the same time.
2. Workers write data files. Nobody sees them.
3. `commit` checks the files, then notes them in the ledger as well: from here on the batch is decided.
   Whoever opens the lake next finishes it with exactly these files.
4. The files are appended to each table, unless the table already has this batch's number.
5. The ledger (`fate`) is last: in one swap it gets its rows, the new offsets, and forgets the batch.

Only the owner of the ledger commits: see `owned_ledger`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from types import MappingProxyType

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyiceberg.table import Table, Transaction

from newsmill.config import LakeConfig
from newsmill.errors import LakeError, TakenDownMeanwhile
from newsmill.lake import (
    change_order,
    content,
    edition,
    erasure,
    files as data_files,
    flattening,
    lease,
    opening,
    raw_rows,
    replacing,
    rows as table_rows,
    sketches,
)
from newsmill.lake.content import CONTENT
from newsmill.lake.coverage import check_coverage
from newsmill.lake.edition import Source
from newsmill.lake.files import DataFile
from newsmill.lake.flat import FLAT
from newsmill.lake.ledger import (
    BATCH,
    COMMITTED,
    INGESTED_AT,
    PENDING,
    RANGES,
    SEQUENCE,
    TOPIC_IDS,
    UNTIL,
    WRITTEN,
    Batch,
    batch_id_of,
    check_adjacent,
    last_change,
    offsets_json,
    offsets_of,
    pending_batch,
    spans_of,
    tombstones,
    topic_ids_of,
    with_late,
)
from newsmill.lake.owned_ledger import OwnedLedger
from newsmill.lake.schemas import LEDGER
from newsmill.lake.sketch_rows import COLUMN, SKETCHES
from newsmill.lake.staging import append, set_properties
from newsmill.lake.tables import Tables
from newsmill.records import Gap, Micros, OffsetRange, Record
from newsmill.runtime import failpoints

ORDER = ("articles", SKETCHES, "cluster_events", "quarantine", LEDGER)
"""Tables of a batch in the order in which they are committed."""

FORGOTTEN_AT_ONCE = 50
"""Snapshots are forgotten in steps of as many, so that few commits have to do it."""


class Seed(Record, frozen=True, kw_only=True):
    """A row of `articles` as the copies index needs it again."""

    revision: int
    cluster_id: str
    ingested_at: Micros
    sketch: bytes | None  # none after a takedown


class Commit(Record, frozen=True, kw_only=True):
    """A batch that is visible."""

    batch_id: str
    sequence: int
    snapshot_id: int  # of the ledger
    rows: dict[str, int]


class Lake(OwnedLedger):
    """The lake, owned by this process until `release`."""

    def __init__(self, tables: Tables, held: lease.Lease) -> None:
        super().__init__(tables, held)
        self._takedowns_seen: int | None = None

    @classmethod
    def open(cls, config: LakeConfig, *, make: bool = True) -> Lake:
        """Open a lake for writing; finish a commit that was cut off.

        Args:
            config: Where.
            make: Make it where there is none.

        Raises:
            LakeError: Another process is writing it, it is not the lake that its note tells of, or files
                of its ledger are gone.
            ConfigError: An object store without a catalog, or no lake that may be made.
        """
        tables = Tables.make(config) if make else Tables.open(config)
        lake = cls(tables, tables.retry(lambda: lease.acquire(tables.store, config.lease_s)))
        try:
            opening.check_ledger(tables)
            lake._take_over()
            flattening.fill(tables)  # before a batch that has its number makes them look whole
            sketches.fill(tables)
            batch = lake.pending()
            if batch is not None and batch.files:
                lake._publish(batch)
            replacement = replacing.noted(lake._ledger())
            if replacement is not None:
                lake._publish_replacement(replacement)
            for name in tables.names:
                tables.point(tables.load(name))
        except BaseException:
            lake._lease.release()
            raise
        return lake

    @classmethod
    def open_readonly(cls, config: LakeConfig) -> Lake:
        """The lake for reading only, beside whoever writes it: each change is refused as Fenced.

        Raises:
            ConfigError: There is no lake.
            LakeError: It is not the lake that its note tells of.
        """
        lake = cls(Tables.open_readonly(config), lease.Reading())
        lake._epoch = -1
        return lake

    def begin(self, slices: Sequence[OffsetRange], *, gaps: Sequence[Gap] = (), now: Micros) -> Batch:
        """Begin a batch.

        Args:
            slices: What it reads. Those of a partition follow each other, from the committed offset on.
            gaps: Offsets that are lost; they become rows of the ledger.
            now: Time of the batch. Moved forward where the clock went back: batches never share a time.

        Raises:
            LakeError: A batch is pending, or the ranges don't start at the committed offsets.
            Fenced: Another process has taken over.
        """
        ranges: list[OffsetRange | Gap] = [*slices, *gaps]
        batch_id = batch_id_of(ranges)
        begun: list[Batch] = []

        def stage(table: Table, transaction: Transaction) -> bool:
            properties = table.properties
            if (noted := pending_batch(table)) is not None:
                if begun and noted == begun[-1]:  # the catalog did not get to say that it took it
                    return False
                raise LakeError("a batch is pending: do it again or abandon it")
            check_adjacent(ranges, offsets_of(properties))
            batch = Batch(
                batch_id=batch_id,
                sequence=int(properties.get(SEQUENCE, 0)) + 1,
                ingested_at=max(now, int(properties.get(INGESTED_AT, 0)) + 1),
                slices=tuple(slices),
                gaps=tuple(gaps),
                attempts=1,
            )
            begun.append(batch)
            set_properties(table, transaction, {PENDING: msgspec.json.encode(batch).decode()})
            return True

        self._change_ledger(stage)
        failpoints.reach("begin.noted")
        return begun[-1]

    def commit(self, batch: Batch, files: Sequence[DataFile]) -> Commit:
        """Make a batch's files visible, all of them, once.

        Args:
            batch: The pending batch.
            files: All files that were written for it.

        Raises:
            LakeError: The files don't fit the batch: an offset without a fate or with two, a fate without
                its row, a torn file. Nothing is committed.
            TakenDownMeanwhile: Something of the batch was taken down meanwhile: do it again.
            Fenced: Another process has taken over.
        """
        files = [*files, *self._gap_files(batch)]
        self._check_withheld(files)
        self._check_there(files)
        check_coverage(batch, files, self.columns)
        failpoints.reach("commit.checked")
        decided = msgspec.structs.replace(batch, files=tuple(files))
        staged = False

        def stage(table: Table, transaction: Transaction) -> bool:
            nonlocal staged
            noted = self._noted(table, batch)
            if noted.files:
                if staged and noted == decided:
                    return False
                raise LakeError(f"batch {batch.batch_id} is decided already")
            staged = True
            self._check_withheld(files)  # a takedown changes the ledger: it is staged again then
            set_properties(table, transaction, {PENDING: msgspec.json.encode(decided).decode()})
            return True

        self._change_ledger(stage)
        failpoints.reach("commit.decided")
        return self._publish(decided)

    def replace(self, batch: Batch, files: Sequence[DataFile]) -> None:
        """Put new rows of records in place of those that they had, all of them, once. Equal ones stay.

        Args:
            batch: Its slices are exactly these records; `ingested_at` is the time of the replay. It was
                never begun.
            files: All files that were written for them; their rows keep the time of their first batch.

        Raises:
            LakeError: A batch is pending, or the files don't hold one fate a record; nothing is changed.
            TakenDownMeanwhile: Something of it was taken down meanwhile: do it again.
            Fenced: Another process has taken over.
        """
        self._check_withheld(files)
        self._check_there(files)
        check_coverage(batch, files, self.columns)
        asked = replacing.Replacement(at=batch.ingested_at, files=tuple(files))
        replacement = replacing.changed(self.tables, asked)
        if replacement is None:
            return
        replacing.hand_on(self.tables, replacement)

        def stage(table: Table, transaction: Transaction) -> bool:
            if PENDING in table.properties:
                raise LakeError("a batch is pending: let `newsmill run --once` finish it first")
            self._check_withheld(files)
            if last_change(table.properties) >= replacement.at:
                raise LakeError("rows were changed meanwhile: replay again")
            return replacing.note(replacement, table, transaction)

        self._change_ledger(stage)
        failpoints.reach("replace.decided")
        self._publish_replacement(replacement)

    def _publish_replacement(self, replacement: replacing.Replacement) -> None:
        last = max(replacement.at, self.last_ingested_at)
        replacing.publish(self.tables, replacement, self._change_ledger, {INGESTED_AT: str(last)})

    def edition(self) -> int:
        """How often rows of `articles` were changed, other than by batches."""
        return edition.of(self.tables.load("articles"))

    def source(self) -> Source:
        """The rows of `articles` that are there: for a cache to note, and to be compared with."""
        return edition.source(self.tables, self.last_ingested_at)

    def recent(self, *, days: float, since: Micros = 0) -> Iterator[Seed]:
        """What the copies index is filled with at a start: rows of the last days before the newest batch.

        Args:
            days: How many.
            since: Leaves out the hours before a time.
        """
        for rows in self._sketches(days, since):
            times = rows["ingested_at"].cast(pa.int64()).to_pylist()
            for row, at in zip(rows.drop_columns(["ingested_at"]).to_pylist(), times, strict=True):
                yield Seed(**row, ingested_at=at)

    def _sketches(self, days: float, since: Micros) -> Iterator[pa.Table]:
        """What `Seed` has; of a lake that no writer of this version opened yet, from `articles`."""
        if not sketches.is_filled(self.tables):
            columns = ("revision", "ingested_at", "duplicate", COLUMN)
            for rows in self.articles(days=days, columns=columns, since=since):
                names = rows.select(["revision", "ingested_at", COLUMN])
                clusters = pc.struct_field(rows["duplicate"], "cluster_id")
                yield names.rename_columns({COLUMN: "sketch"}).append_column("cluster_id", clusters)
        if SKETCHES in self.tables.names:
            yield from self._rows(SKETCHES, days, Seed.__struct_fields__, since=since)

    def articles(
        self, *, days: float, columns: Sequence[str], before: float | None = None, since: Micros = 0
    ) -> Iterator[pa.Table]:
        """Rows of `articles` of the last days before the newest batch, some at a time, day by day.

        Args:
            days: How many; whole hours are given.
            columns: Which.
            before: Leaves out as many of the newest days: no row is given with and without it.
            since: Leaves out the hours before a time.
        """
        return self._rows("articles", days, columns, before=before, since=since)

    def _rows(
        self,
        name: str,
        days: float,
        columns: Sequence[str],
        *,
        before: float | None = None,
        since: Micros = 0,
    ) -> Iterator[pa.Table]:
        newest = int(self._ledger().properties.get(INGESTED_AT, 0))
        first = data_files.hour(max(since, newest - int(days * 86_400_000_000)))
        until = None if before is None else data_files.hour(max(0, newest - int(before * 86_400_000_000)))
        table = self.tables.load(name)
        files = self.tables.retry(lambda: list(self.tables.files(table)))
        for live in sorted(files, key=lambda live: (live.hours.start, live.sequence, live.uri)):
            wanted = range(first, live.hours.stop if until is None else until)
            if max(wanted.start, live.hours.start) < min(wanted.stop, live.hours.stop):
                whole = wanted.start <= live.hours.start and live.hours.stop <= wanted.stop
                path = self.tables.store.path(live.uri)
                read = list(columns) if whole else list(dict.fromkeys((*columns, "ingested_at")))
                for number in range(self.tables.retry(partial(self._row_groups, path))):
                    rows = self.tables.retry(partial(self._row_group, path, number, read))
                    yield rows if whole else _ingested(rows, wanted).select(list(columns))

    def _row_groups(self, path: str) -> int:
        with self.tables.store.open(path) as opened:
            return int(pq.ParquetFile(opened).num_row_groups)

    def _row_group(self, path: str, number: int, columns: list[str]) -> pa.Table:
        with self.tables.store.open(path) as opened:
            return pq.ParquetFile(opened).read_row_group(number, columns=columns)

    def withheld(self) -> tuple[frozenset[str], frozenset[str]]:
        """(URL keys, registrable domains) that were taken down."""
        table = self.tables.load("takedowns")
        self._takedowns_seen = table.metadata.current_snapshot_id
        return self.tables.retry(lambda: tombstones(table))

    def _check_withheld(self, files: Sequence[DataFile]) -> None:
        """Refuse a batch that holds, or relies on, what was taken down since `withheld` was asked.

        Files with such content are replaced (see `erasure`): they are not decided, so no reader sees them.
        """
        table = self.tables.load("takedowns")
        if table.metadata.current_snapshot_id == self._takedowns_seen:
            return
        taken_down = erasure.tombstones(self.tables)
        doomed, relied, held = [], set[str](), set[str]()
        for file in files:
            if self.tables.store.size(self.tables.store.path(file.path)) is None:
                doomed.append(file)
            elif file.table in CONTENT:
                rows = self.columns(file, CONTENT[file.table].told_by)
                if pc.any(content.of_any(file.table, rows, taken_down)).as_py():
                    doomed.append(file)
            if file.table == "articles" and file not in doomed:
                rows = self.columns(file, ["body_hash", "body"])
                has = pc.is_valid(rows["body"])
                held |= set(rows.filter(has)["body_hash"].to_pylist())
                relied |= set(rows.filter(pc.invert(has))["body_hash"].drop_null().to_pylist())
        raw = raw_rows.erase_undecided(self.tables, files, taken_down)
        erasure.empty(self.tables, doomed, taken_down)
        if raw or doomed or relied - held:
            raise TakenDownMeanwhile(
                "a page of the batch, or a text that it relies on, was taken down meanwhile: do it again"
            )

    def _check_there(self, files: Sequence[DataFile]) -> None:
        """Refuse files that are torn or gone, or point to raw records that are."""
        for file in files:
            _check_whole(self.tables, file)
        self.tables.retry(lambda: raw_rows.check_there(self.tables, files))

    def _gap_files(self, batch: Batch) -> list[DataFile]:
        if not batch.gaps:
            return []
        lost = [(gap.topic, gap.partition, gap.start, gap.end) for gap in batch.gaps]
        rows = table_rows.gaps(lost, reason="lost_by_retention", ingested_at=batch.ingested_at)
        root = self.tables.store.uri("").rstrip("/")
        return [data_files.write(root, LEDGER, rows, ingested_at=batch.ingested_at)]

    def _publish(self, batch: Batch) -> Commit:
        """Append the files of a decided batch to each table that does not have them; the ledger last."""
        rows: dict[str, int] = {}
        changed: list[Table] = []
        files = sketches.with_sketches(self.tables, batch.files)
        for name in ORDER:
            mine = [file for file in files if file.table == name]
            rows[name] = sum(file.rows for file in mine)
            if name != LEDGER and mine:
                changed.append(self.tables.change(name, partial(_append_once, batch, mine)))
                failpoints.reach(f"commit.appended.{name}")
            if name == "articles" and mine:
                changed += self._flatten(batch, mine)

        written = {file.table: batch.sequence for file in files if file.table != LEDGER}

        def last(table: Table, transaction: Transaction) -> bool:
            if int(table.properties.get(SEQUENCE, 0)) >= batch.sequence:
                return False
            offsets = offsets_of(table.properties)
            for topic, partition, _, end in spans_of(batch):
                offsets[topic, partition] = end
            noted = {COMMITTED: offsets_json(offsets), INGESTED_AT: str(batch.ingested_at)}
            noted |= with_late(table.properties, batch)
            noted[WRITTEN] = json.dumps(json.loads(table.properties.get(WRITTEN, "{}")) | written)
            read = {part.topic: part.topic_id for part in batch.slices if part.topic_id}
            if read:
                noted[TOPIC_IDS] = json.dumps(topic_ids_of(table.properties) | read)
            set_properties(table, transaction, noted, remove=[PENDING])
            mine = [file for file in batch.files if file.table == LEDGER]
            until = change_order.visible_until(table, committed=batch)
            return _append_once(batch, mine, table, transaction, told={UNTIL: str(until)})

        ledger = self._change_ledger(last)
        failpoints.reach("commit.done")
        for table in (*changed, ledger):
            if len(self.tables.retention.forgotten(table)) >= FORGOTTEN_AT_ONCE:
                self.tables.expire(table.name()[-1])
        return Commit(
            batch_id=batch.batch_id,
            sequence=batch.sequence,
            snapshot_id=ledger.metadata.current_snapshot_id or 0,
            rows=rows,
        )

    def _flatten(self, batch: Batch, articles: Sequence[DataFile]) -> Iterator[Table]:
        """Append what follows from a batch's articles to the flat tables."""
        for name, flat in FLAT.items():
            try:
                made = flattening.made(self.tables, flat, [file.path for file in articles])
            except FileNotFoundError as error:
                raise LakeError(f"batch {batch.batch_id}: a file of it is gone: {error}") from error
            yield self.tables.change(name, partial(_append_once, batch, made))
            failpoints.reach(f"commit.appended.{name}")

    def columns(self, file: DataFile, columns: Sequence[str]) -> pa.Table:
        """Some columns of a file that was written here, checked against its page checksums."""

        def read() -> pa.Table:
            with self.tables.store.open(self.tables.store.path(file.path)) as opened:
                return pq.ParquetFile(opened, page_checksum_verification=True).read(columns=list(columns))

        return self.tables.retry(read)


def _ingested(rows: pa.Table, hours: range) -> pa.Table:
    """The rows of some hours."""
    at = pc.divide(rows["ingested_at"].cast(pa.int64()), pa.scalar(data_files.HOUR_US, pa.int64()))
    return rows.filter(pc.and_(pc.greater_equal(at, hours.start), pc.less(at, hours.stop)))


def _check_whole(tables: Tables, file: DataFile) -> None:
    size = tables.retry(lambda: tables.store.size(tables.store.path(file.path)))
    if size != file.bytes:
        raise LakeError(
            f"{file.path}: {'is missing' if size is None else f'has {size} bytes, not {file.bytes}'}"
        )


def _append_once(
    batch: Batch,
    files: Sequence[DataFile],
    table: Table,
    transaction: Transaction,
    *,
    told: Mapping[str, str] = MappingProxyType({}),
) -> bool:
    """Stage the append of a batch's files, unless the table already has them; `told` is noted with it."""
    if int(table.properties.get(SEQUENCE, 0)) >= batch.sequence:
        return False
    noted = {SEQUENCE: str(batch.sequence), BATCH: batch.batch_id}
    set_properties(table, transaction, noted)
    summary = {**noted, **told, RANGES: json.dumps(spans_of(batch))}
    append(table, transaction, [file.path for file in files], summary)
    return True
