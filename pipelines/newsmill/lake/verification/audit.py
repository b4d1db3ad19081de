"""The checker: proves from the files alone that nothing is lost, twice, torn or half visible.

It shares no code with the writer (see `evidence`), counts with DuckDB (see `rules.sql`), and asks the
broker through a plain consumer. A rule that is broken gives a finding with the offsets or files that
break it.

| rule | what must hold |
|---|---|
| C1 | each offset that the broker shows below the committed one has a fate; no other offset has one |
| C2 | one fate for each offset, of the closed set; gaps overlap nothing |
| C3 | position is unique, (article_id, revision) while a URL is known; rows and fates tell the same |
| C4 | each visible file is there and whole: size, hash, pages, rows, columns, folder |
| C5 | files that no snapshot names are counted: `gc` removes them, but for foreign ones |
| C6 | the chain of snapshots has no fork or hole, no file was added twice, hints point to whole metadata |
| C7 | copies and clusters point to visible articles; merges end; no circles |
| C8 | quarantined payloads have the hash that was noted, and that the broker's record has |
| C9 | no record waits for its fate longer than allowed |
| C10 | each row that relies on another row's text finds one that has it |
| C11 | the flat tables name just what the rows of articles name, in that order |
| C12 | another lake made from the same records says the same of each of them |
| C13 | each raw record that a row points to is there, whole, and that record's |
| C14 | each row of articles has its row of copy_sketches, with a sketch unless its content was taken out |
| W1 | nothing that was taken down is readable |
| W2 | no file of the folder, visible or not, holds what was taken down; no manifest tells bounds of it |
"""

from __future__ import annotations

import hashlib
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from importlib.resources import files
from itertools import pairwise
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from newsmill.config import KafkaConfig
from newsmill.errors import Code, LakeError
from newsmill.lake.verification import against_broker, raw_records
from newsmill.lake.verification.erased import check as check_erased
from newsmill.lake.verification.evidence import (
    FLAT,
    LATER,
    SKETCHES,
    LakeEvidence,
    TableEvidence,
    VisibleFile,
    content,
    gather,
    hint_problem,
    listed,
    metadata,
    of_a_lake,
    place,
)
from newsmill.lake.verification.findings import Report

REPLAY_WAIT_S = 60.0
"""How long a replay may take to change its tables."""

LASTING = 2
"""Schema from which a URL is known for `copies.identity_days`; before, it was for the horizon."""

_EVER = 365_000

_FOLLOWING = {"C11": FLAT, "C14": (SKETCHES,)}
"""The rules about tables that lakes of before lack, and that are changed after `articles`."""

_STORIES = "C7"
"""The rule about copies and clusters: a replay that takes articles out tells them anew when all are gone."""

_DEPARTING = "takes articles out of their stories"

_HASH = re.compile("[0-9a-f]{64}")
"""Name of a data file that newsmill wrote."""

_UNREADABLE = "can't be read"

_WHOLE_BYTES = 64_000_000
"""Larger payloads may be quarantined as their head."""


def audit(
    lake: str,
    *,
    broker: KafkaConfig | None = None,
    since: int | None = None,
    same_as: str | None = None,
    max_waiting_s: float | None = None,
    horizon_days: int = 7,
    identity_days: int | None = None,
) -> Report:
    """Check a lake; also one that is being written.

    Args:
        lake: Folder or URI.
        broker: The topic that was read; the rules that need the truth of the broker are skipped without.
        since: A snapshot id of `fate`: only rows of files that are newer are checked, against each other
            and against all rows that they have to do with; older files are not read whole for C4 and C8.
            The rules over metadata, and those with a broker or another lake, are checked in full.
        same_as: Another lake made from the same records, for C12.
        max_waiting_s: With a broker: a record without a fate for longer breaks C9.
        horizon_days: How long texts are known (`copies.horizon_days`).
        identity_days: How long a URL is known again, at least the horizon; as long as the lake where absent
            (`copies.identity_days`). Its revisions are unique meanwhile. Before schema LASTING it was known
            for the horizon only.

    Raises:
        LakeError: It is no lake.
    """
    start = time.monotonic()
    evidence = _settled(lake)
    tables = evidence.tables
    report = Report(
        lake=lake,
        committed={f"{t}/{p}": o for (t, p), o in sorted(evidence.committed.items())},
        snapshots={name: table.current for name, table in tables.items()},
        files={name: len(table.files) for name, table in tables.items()},
        pending="newsmill.pending" in tables["fate"].properties,
    )
    report.find("C3", "a replay was cut off: the next `run` or `replay` finishes it", _replaying(evidence))
    departing = _departing(evidence)
    report.find(
        "C7", "a replay takes articles out of their stories; cut off, the next one finishes it", departing
    )
    since_ms = _time_of(tables["fate"], since)
    for table in tables.values():
        _check_chain(evidence.root, table, report)
        table.files = _check_files(table, report, since_ms)
    _check_orphans(evidence, report)
    with duckdb.connect() as connection:
        _show(connection, evidence)
        _choose(connection, evidence, since_ms)
        _count(connection, report)
        days = _EVER if identity_days is None else max(identity_days, horizon_days)
        known = {"days": days, "horizon": horizon_days, "lasting": LASTING}
        connection.register("known", pa.table({name: pa.array([n], pa.int32()) for name, n in known.items()}))
        for rule, what, query in _rules():
            follow = _FOLLOWING.get(rule)
            if follow and (evidence.changing or not evidence.tell_of_all(follow)):
                continue
            if rule == _STORIES and departing:
                continue
            report.find(rule, what, connection.execute(query).fetchall())
        _check_payloads(tables["quarantine"], report, since_ms)
        fallen = "new_takedowns" if since_ms else "takedowns"
        taken_down = connection.execute(f"SELECT kind, value FROM {fallen}").fetchall()
        raw_records.check(evidence, report, since_ms)
        check_erased(evidence, taken_down, report)
        if broker is not None:
            against_broker.check(connection, evidence, report, broker, max_waiting_s)
        if same_as is not None:
            _check_same(connection, gather(same_as), report)
    report.seconds = round(time.monotonic() - start, 3)
    return report


def _settled(lake: str) -> LakeEvidence:
    """The lake while no replay changes it: that takes rows of many tables out one after another."""
    deadline = time.monotonic() + REPLAY_WAIT_S
    while _replaying(evidence := gather(lake)) and time.monotonic() < deadline:
        time.sleep(0.5)
    return evidence


def _replaying(evidence: LakeEvidence) -> list[str]:
    return [name for name in evidence.tables["fate"].properties if name == "newsmill.replacing"]


def _departing(evidence: LakeEvidence) -> list[str]:
    noted = evidence.tables["fate"].properties
    return [
        text for name, text in noted.items() if name.startswith("newsmill.changing.") and _DEPARTING in text
    ]


def _time_of(ledger: TableEvidence, since: int | None) -> int:
    if since is None:
        return 0
    for snapshot in ledger.snapshots:
        if snapshot["snapshot-id"] == since:
            return int(snapshot["timestamp-ms"])
    newest = ", ".join(str(s["snapshot-id"]) for s in ledger.snapshots[-3:])
    raise LakeError(f"fate has no snapshot {since}, or not any more; the newest are {newest}")


def _check_chain(root: str, table: TableEvidence, report: Report) -> None:
    snapshots = table.snapshots

    def find(what: str, broken: Iterable[Any]) -> None:
        report.find("C6", f"{table.name}: {what}", broken)

    find("manifests that can't be read", table.broken)
    find("snapshots of the same number", _more_than_once(s["sequence-number"] for s in snapshots))
    find("forks", _more_than_once(p for s in snapshots if (p := s.get("parent-snapshot-id"))))
    find("snapshots whose parent is gone", _orphaned(snapshots))
    newest = snapshots[-1]["snapshot-id"] if snapshots else None
    find("the current snapshot is not the newest", [table.current] if table.current != newest else [])
    find("files added twice", [uri for uri, times in table.added.items() if times > 1])
    find("files visible twice", _more_than_once(file.uri for file in table.files))
    find("batches committed twice", _more_than_once(_batches(snapshots)))
    if snapshots and not table.broken:
        told, held = int(snapshots[-1]["summary"]["total-records"]), sum(file.rows for file in table.files)
        find(f"summary tells {told} rows, files hold {held}", [newest] if told != held else [])
    find("version-hint.text points to no whole metadata of this table", _hint_problems(root, table))


def _orphaned(snapshots: list[dict[str, Any]]) -> Iterator[int]:
    """Snapshots whose parent is not there, though none was forgotten between them and the one before."""
    ids = {snapshot["snapshot-id"] for snapshot in snapshots}
    for before, snapshot in pairwise(snapshots):
        followed = snapshot["sequence-number"] == before["sequence-number"] + 1
        if followed and snapshot.get("parent-snapshot-id") not in ids:
            yield snapshot["snapshot-id"]


def _batches(snapshots: list[dict[str, Any]]) -> Iterator[str]:
    for snapshot in snapshots:
        if "newsmill.sequence" in snapshot["summary"]:
            yield snapshot["summary"]["newsmill.sequence"]


def _more_than_once(values: Iterable[Any]) -> list[Any]:
    return [value for value, times in Counter(values).items() if times > 1]


def _hint_problems(root: str, table: TableEvidence) -> list[str]:
    folder, version = f"{root}/{table.name}/metadata", table.hint
    if version is None:
        return [f"{folder}/version-hint.text: there is none that can be read"]
    if problem := hint_problem(version):
        return [f"{folder}/version-hint.text: {problem}"]
    try:
        hinted = metadata(f"{folder}/{'v' * version.isdecimal()}{version}.metadata.json")
    except LakeError as error:
        return [str(error)]
    named = table.location.rsplit("/", 1)[1]
    if _changes(version) > _changes(named):
        return [f"{version}, and the catalog is older: {named}"]
    return [] if hinted["table-uuid"] == table.metadata["table-uuid"] else [version]


def _changes(version: str) -> int:
    """How many changes led to a metadata version: its name begins with that."""
    first = version.removeprefix("v").split("-", 1)[0].split(".", 1)[0]
    return int(first) if first.isdecimal() else -1


def _check_files(table: TableEvidence, report: Report, since_ms: int) -> list[VisibleFile]:
    """The files that can be read; the rules over rows leave the others out."""
    ids = {column["name"]: column["id"] for column in table.columns}
    readable, wrong = [], []
    for file in table.files:
        problems = []
        if not since_ms or file.added_ms > since_ms:
            report.files_read += 1
            report.bytes_read += file.bytes
            problems = _file_problems(table.name, file, ids)
        wrong += [(file.uri, problem) for problem in problems]
        if not any(problem.startswith(_UNREADABLE) for problem in problems):
            readable.append(file)
    report.find("C4", f"{table.name}: files that are not what was committed", wrong)
    return readable


def _file_problems(table: str, file: VisibleFile, ids: dict[str, int]) -> list[str]:
    try:
        data = content(file.uri)
    except FileNotFoundError:
        return [f"{_UNREADABLE}: is missing"]
    problems = []
    if len(data) != file.bytes:
        problems.append(f"has {len(data)} bytes, not {file.bytes}")
    name = file.uri.rsplit("/", 1)[1].removesuffix(".parquet")
    ours = _HASH.fullmatch(name) is not None  # else another engine wrote it: its pages have checksums at best
    if ours and hashlib.sha256(data).hexdigest() != name:
        problems.append("its content has another hash than its name")
    rows, hours = 0, set[int]()
    try:
        parquet = pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True)
        for batch in parquet.iter_batches():
            rows += batch.num_rows
            hours.update(
                pc.unique(pc.divide(batch["ingested_at"].cast(pa.int64()), 3_600_000_000)).to_pylist()
            )
    except (pa.ArrowInvalid, OSError) as error:
        return [*problems, f"{_UNREADABLE}: {error}"]
    if not rows == parquet.metadata.num_rows == file.rows:
        problems.append(f"holds {rows} rows, its footer says {parquet.metadata.num_rows}, not {file.rows}")
    for column in parquet.schema_arrow:
        id = int((column.metadata or {}).get(b"PARQUET:field_id", -1))
        if ids.get(column.name) != id:
            problems.append(f"column {column.name} has id {id}, not {ids.get(column.name)}")
    newest = max(hours, default=file.hours.start)
    folder = datetime.fromtimestamp(newest * 3600, UTC).strftime("dt=%Y-%m-%d/hour=%H")
    astray = ours and not file.uri.rsplit("/", 1)[0].endswith(f"/{table}/data/{folder}")
    if astray:
        problems.append("its folder is not that of its newest hour")
    if not hours.issubset(file.hours):
        problems.append("its rows are not all of its partition")
    return problems


def _check_orphans(evidence: LakeEvidence, report: Report) -> None:
    """C5: counted, no finding: files of a batch under way are among them. `gc` leaves the foreign ones."""
    report.checked.append("C5")
    for name, table in evidence.tables.items():
        named = {place(uri)[1] for uri in table.named}
        for uri, size, link in listed(f"{evidence.root}/{name}"):
            if place(uri)[1] in named or not (link or uri.endswith((".parquet", ".avro", ".json"))):
                continue
            if of_a_lake(uri) and not link:
                report.orphans += 1
                report.orphan_bytes += size
            else:
                report.foreign.append(uri)


def _show(connection: duckdb.DuckDBPyConnection, evidence: LakeEvidence, prefix: str = "") -> None:
    """Make the visible rows known to DuckDB, up to the ledger: beyond it, a commit is under way."""
    known = [{"topic": t, "partition": p, "next": o} for (t, p), o in evidence.committed.items()]
    schema = pa.schema([("topic", pa.string()), ("partition", pa.int32()), ("next", pa.int64())])
    connection.register(f"{prefix}committed", pa.Table.from_pylist(known, schema=schema))
    for name, table in evidence.tables.items():
        _view(connection, name, f"{prefix}{name}", _rows(table), f"{prefix}committed")


def _rows(table: TableEvidence, after_ms: int = -1) -> ds.Dataset:
    """The rows of a table's files, or of those that were added after a time."""
    paths = [place(file.uri)[1] for file in table.files if file.added_ms > after_ms]
    if not paths:
        return ds.dataset(table.arrow.empty_table())
    filesystem, _ = place(table.files[0].uri)
    there = [path for path in paths if filesystem.get_file_info(path).is_file]
    return ds.dataset(there, schema=table.arrow, format="parquet", filesystem=filesystem)


def _view(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    view: str,
    rows: ds.Dataset,
    committed: str = "committed",
) -> None:
    """Make rows known by a name, up to the ledger's offsets."""
    connection.register(f"{view}_files", rows)
    upto = f'JOIN {committed} USING (topic, partition) WHERE "offset" < next'
    if table in ("fate", "takedowns"):
        upto = ""
    connection.execute(f"CREATE VIEW {view} AS SELECT {view}_files.* FROM {view}_files {upto}")


_DEPARTED = """
    CREATE VIEW departed AS SELECT article_id FROM (
      SELECT article_id, arg_max(event, (ingested_at, seq)) AS last FROM cluster_events
      WHERE event IN ('created', 'joined', 'left') GROUP BY article_id) WHERE last = 'left'"""

_EVERY_ROW = """
    CREATE VIEW new_fate AS FROM fate; CREATE VIEW near_fate AS FROM fate;
    CREATE VIEW new_articles AS FROM articles; CREATE VIEW near_articles AS FROM articles;
    CREATE VIEW new_quarantine AS FROM quarantine; CREATE VIEW near_quarantine AS FROM quarantine;
    CREATE VIEW new_cluster_events AS FROM cluster_events;
    CREATE VIEW articles_by_id AS FROM articles; CREATE VIEW events_by_cluster AS FROM cluster_events;
    CREATE VIEW articles_to_be_empty AS FROM articles;
    CREATE VIEW gaps AS FROM fate WHERE fate = 'gap';"""

_NAMED_BY_NEW_ROWS = """
    CREATE TABLE ids AS
      SELECT article_id AS id FROM new_articles UNION SELECT duplicate.matched_id FROM new_articles
      UNION SELECT representative_id FROM new_cluster_events UNION SELECT article_id FROM new_cluster_events;
    CREATE TABLE articles_by_id AS
      SELECT topic, partition, "offset", article_id, revision, ingested_at, versions
      FROM articles SEMI JOIN ids ON id = article_id;
    CREATE TABLE events_by_cluster AS
      SELECT DISTINCT cluster_id FROM cluster_events
      SEMI JOIN new_articles a ON a.duplicate.cluster_id = cluster_events.cluster_id;
    CREATE TABLE gaps AS SELECT topic, partition, "offset", offset_end FROM fate WHERE fate = 'gap';"""


def _choose(connection: duckdb.DuckDBPyConnection, evidence: LakeEvidence, since_ms: int) -> None:
    """Name the rows that the rules check, and those that they check them against (see rules.sql)."""
    later = [name for name in LATER if name in evidence.tables]
    connection.execute(_DEPARTED)
    if not since_ms:
        for name in later:
            connection.execute(f"CREATE VIEW near_{name} AS FROM {name}")
        connection.execute(_EVERY_ROW)
        return
    around: dict[tuple[str, int], list[int]] = {}
    for name in ("fate", "articles", "quarantine", "cluster_events", "takedowns"):
        _view(connection, name, f"new_{name}", _rows(evidence.tables[name], since_ms))
    for name, last in (
        ("fate", 'coalesce(offset_end - 1, "offset")'),
        ("articles", '"offset"'),
        ("quarantine", '"offset"'),
    ):
        query = f'SELECT topic, partition, min("offset"), max({last}) FROM new_{name} GROUP BY ALL'
        for topic, partition, lowest, highest in connection.execute(query).fetchall():
            known = around.setdefault((topic, partition), [lowest, highest])
            known[:] = [min(known[0], lowest), max(known[1], highest)]
    near = ds.scalar(False)
    for (topic, partition), (lowest, highest) in around.items():
        here = (ds.field("topic") == topic) & (ds.field("partition") == partition)
        near |= here & (ds.field("offset") >= lowest) & (ds.field("offset") <= highest)
    for name in ("fate", "articles", "quarantine", *later):
        _view(connection, name, f"near_{name}", _rows(evidence.tables[name]).filter(near))
    connection.execute(_NAMED_BY_NEW_ROWS)
    (fallen,) = connection.execute("SELECT count(*) FROM new_takedowns").fetchone() or (0,)
    which = "articles" if fallen else "new_articles"
    connection.execute(f"CREATE VIEW articles_to_be_empty AS FROM {which}")


def _count(connection: duckdb.DuckDBPyConnection, report: Report) -> None:
    counts = dict(connection.execute("SELECT fate, count(*) FROM fate GROUP BY 1 ORDER BY 1").fetchall())
    report.gaps = counts.pop("gap", 0)
    report.fates = counts
    report.records = sum(counts.values())


def _rules() -> Iterator[tuple[str, str, str]]:
    """(rule, what is wrong, query) of each query in rules.sql."""
    for block in (
        files("newsmill.lake.verification")
        .joinpath("rules.sql")
        .read_text(encoding="utf-8")
        .split("\n\n")[1:]
    ):
        title, query = block.removeprefix("-- ").split("\n", 1)
        rule, what = title.split(": ", 1)
        yield rule, what, query


def _check_payloads(quarantine: TableEvidence, report: Report, since_ms: int) -> None:
    codes = {code.value for code in Code}
    wrong, unknown = [], []
    columns = ["topic", "partition", "offset", "payload", "payload_bytes", "payload_sha256", "code", "stage"]
    for file in quarantine.files:
        if since_ms and file.added_ms <= since_ms:
            continue
        filesystem, path = place(file.uri)
        try:
            batches = list(
                pq.ParquetFile(filesystem.open_input_file(path)).iter_batches(100, columns=columns)
            )
        except (OSError, pa.ArrowInvalid):
            continue  # C4 has told
        for row in (row for batch in batches for row in batch.to_pylist()):
            where = (row["topic"], row["partition"], row["offset"])
            payload, size = row["payload"], row["payload_bytes"]
            told = (size, row["payload_sha256"])
            if payload is not None and size <= _WHOLE_BYTES and _measured(payload) != told:
                wrong.append(where)
            if row["code"] not in codes or not row["stage"]:
                unknown.append(where)
    report.find("C8", "payloads that are not what was noted", wrong)
    report.find("C8", "codes that do not exist", unknown)


def _measured(payload: bytes) -> tuple[int, str]:
    return len(payload), hashlib.sha256(payload).hexdigest()


def _check_same(connection: duckdb.DuckDBPyConnection, other: LakeEvidence, report: Report) -> None:
    _show(connection, other, "other_")
    where = 'topic, partition, "offset"'
    fates = f"{where}, fate, reason, article_id, revision"
    rows = (
        f"{where}, fate, article_id, revision, content_hash, url_key, title, body_hash, lang, duplicate, "
        "origin, entities, places, countries, topics"
    )
    for table, columns in (("fate", fates), ("articles", rows)):
        for here, there, which in (("", "other_", "this"), ("other_", "", "the other")):
            query = f"""SELECT {where} FROM
                (SELECT {columns} FROM {here}{table} EXCEPT SELECT {columns} FROM {there}{table})"""
            report.find("C12", f"{table}: rows only in {which} lake", connection.execute(query).fetchall())
