"""The audit finds what is broken: each rule is broken on purpose, on a lake that was right."""

from __future__ import annotations

import ast
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.table import Table, Transaction

import synthetic
from newsmill.config import LakeConfig
from newsmill.errors import ConfigError, LakeError
from newsmill.lake import replacing, rewriting, rows as table_rows, schemas
from newsmill.lake.staging import append, replace, set_properties
from newsmill.lake.verification import against_broker, audit as module, erased, evidence, findings
from newsmill.lake.verification.audit import audit
from newsmill.lake.writer import Lake


@pytest.mark.parametrize("checker", [module, evidence, erased, findings, against_broker])
def test_checker_shares_no_code_with_the_writer(checker) -> None:
    """But the list of columns: what was promised of each."""
    tree = ast.parse(Path(checker.__file__).read_text())
    froms = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    named = {n.module for n in froms if n.module != "newsmill.lake"}
    named |= {f"newsmill.lake.{a.name}" for n in froms if n.module == "newsmill.lake" for a in n.names}
    named |= {alias.name for n in ast.walk(tree) if isinstance(n, ast.Import) for alias in n.names}
    ours = {name for name in named if name and name.split(".")[0] in ("newsmill", "pyiceberg")}
    assert ours <= {
        "newsmill.config",
        "newsmill.errors",
        "newsmill.lake.schemas",
        "newsmill.lake.verification",
        "newsmill.lake.verification.evidence",
        "newsmill.lake.verification.erased",
        "newsmill.lake.verification.findings",
    }


def test_right_lake_has_no_findings(filled: Lake, config: LakeConfig) -> None:
    report = audit(config.path)
    assert report.findings == []
    assert report.records == 8 * synthetic.RECORDS_A_GROUP
    assert set(report.checked) >= {"C1", "C2", "C3", "C4", "C5", "C6", "C7", "C8", "W1"}


def test_lake_that_is_written_between_two_looks_has_no_findings(
    filled: Lake, config: LakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gathered(lake: str) -> evidence.LakeEvidence:
        found = evidence.gather(lake)
        synthetic.fill(filled, config.path, batches=1, size=10)
        return found

    monkeypatch.setattr(module, "gather", gathered)
    report = audit(config.path)
    assert report.findings == [] and report.records == 8 * synthetic.RECORDS_A_GROUP


def changed(lake: Lake, table: str, change: Callable[[pa.Table], pa.Table]) -> None:
    """Put changed rows in the place of a table's first file, behind the back of the protocol."""
    schema = schemas.TABLES[table]
    live = next(iter(lake.tables.files(lake.tables.load(table))))
    rows = change(rewriting.read(lake.tables, schema, [live]))
    written, _ = rewriting.write(lake.tables, schema, rows)
    assert rewriting.swap(lake.tables, table, [live], [written], "test")


def column(name: str, change: Callable[[list], list]) -> Callable[[pa.Table], pa.Table]:
    def apply(rows: pa.Table) -> pa.Table:
        index = rows.schema.get_field_index(name)
        field = rows.schema.field(index)
        return rows.set_column(index, field, pa.array(change(rows[name].to_pylist()), field.type))

    return apply


def first(value: object) -> Callable[[list], list]:
    return lambda values: [value, *values[1:]]


def matched(rows: pa.Table) -> pa.Table:
    def change(values: list) -> list:
        return [{**v, "matched_id": "f" * 32} if v["is_duplicate"] else v for v in values]

    return column("duplicate", change)(rows)


def itself(rows: pa.Table) -> pa.Table:
    ids = rows["article_id"].to_pylist()

    def change(values: list) -> list:
        return [{**v, "is_duplicate": True, "matched_id": i} for v, i in zip(values, ids, strict=True)]

    return column("duplicate", change)(rows)


def merging(rows: pa.Table) -> pa.Table:
    ids = rows["cluster_id"].to_pylist()
    rows = column("event", lambda v: ["merged", "merged", *v[2:]])(rows)
    return column("merged_into", lambda v: [ids[1], ids[0], *v[2:]])(rows)


@pytest.mark.parametrize(
    ("table", "change", "rule", "what"),
    [
        ("fate", lambda r: pa.concat_tables([r, r.slice(0, 1)]), "C2", "more than one fate"),
        ("fate", column("fate", first("lost")), "C2", "do not exist"),
        ("fate", column("reason", lambda v: [None] * len(v)), "C2", "without their reason"),
        ("fate", lambda r: r.slice(1), "C3", "rows of articles without their fate"),
        ("fate", column("offset", first(5_000)), "C1", "beyond the committed offset"),
        ("fate", column("article_id", first("0" * 32)), "C3", "missing or another"),
        ("articles", lambda r: r.slice(1), "C3", "missing or another"),
        ("articles", column("article_id", lambda v: [v[1], *v[1:]]), "C3", "same revision"),
        ("articles", lambda r: pa.concat_tables([r, r.slice(0, 1)]), "C3", "more than one row of articles"),
        ("articles", matched, "C7", "not in the lake"),
        ("articles", itself, "C7", "copies of themselves"),
        ("copy_sketches", lambda r: r.slice(1), "C14", "is missing, another"),
        ("copy_sketches", column("sketch", first(None)), "C14", "is missing, another"),
        ("copy_sketches", column("cluster_id", first("0" * 32)), "C14", "is missing, another"),
        ("copy_sketches", lambda r: pa.concat_tables([r, r.slice(0, 1)]), "C14", "more than one row"),
        ("quarantine", lambda r: r.slice(1), "C3", "without their payload"),
        ("quarantine", column("payload", first(b"other")), "C8", "not what was noted"),
        ("quarantine", column("code", first("E_NONE")), "C8", "codes that do not exist"),
        ("cluster_events", column("representative_id", first("0" * 32)), "C7", "representatives"),
        ("cluster_events", merging, "C7", "in a circle"),
        ("cluster_events", lambda r: r.slice(30), "C7", "that no event created"),
    ],
)
def test_audit_finds_rows(
    filled: Lake, config: LakeConfig, table: str, change: Callable[[pa.Table], pa.Table], rule: str, what: str
) -> None:
    changed(filled, table, change)
    found = [f for f in audit(config.path).findings if f.rule == rule and what in f.what]
    assert found
    assert found[0].examples


@pytest.mark.parametrize(
    ("schema", "known", "found"),
    [
        (2, {}, True),
        (2, {"identity_days": 30}, True),
        (2, {"identity_days": 9}, False),
        (1, {}, False),
        (1, {"horizon_days": 11}, True),
    ],
)
def test_audit_finds_a_revision_that_repeats_after_ten_days_where_its_url_was_known(
    filled: Lake, config: LakeConfig, schema: int, known: dict[str, int], found: bool
) -> None:
    ten_days = 10 * 86_400_000_000
    synthetic.fill(filled, config.path, batches=1, size=10, now=1_790_000_000_000_000 + ten_days)
    live = sorted(filled.tables.files(filled.tables.load("articles")), key=lambda file: file.hours.start)
    old, rows = (rewriting.read(filled.tables, schemas.TABLES["articles"], [f]) for f in (live[0], live[-1]))
    for name in ("article_id", "revision"):
        rows = column(name, first(old[name][0].as_py()))(rows)
    rows = column("versions", lambda v: [[("schema", f"{schema}")]] * len(v))(rows)
    written, _ = rewriting.write(filled.tables, schemas.TABLES["articles"], rows)
    assert rewriting.swap(filled.tables, "articles", [live[-1]], [written], "test")
    what = {finding.what for finding in audit(config.path, **known).findings}
    assert ("the same revision of an article more than once while its URL is known" in what) is found


def test_audit_finds_a_file_that_was_added_twice(filled: Lake, config: LakeConfig) -> None:
    live = next(iter(filled.tables.files(filled.tables.load("articles"))))
    filled.tables.change("articles", lambda t, tx: append(t, tx, [live.uri], {}) or True)
    rules = {(f.rule, f.what) for f in audit(config.path).findings}
    assert ("C6", "articles: files added twice") in rules
    assert ("C6", "articles: files visible twice") in rules


def test_audit_finds_a_batch_that_was_committed_twice(filled: Lake, config: LakeConfig) -> None:
    filled.tables.change("articles", lambda t, tx: append(t, tx, [], {"newsmill.sequence": "2"}) or True)
    assert "articles: batches committed twice" in {f.what for f in audit(config.path).findings}


def test_audit_finds_a_page_that_was_taken_down_and_is_readable(filled: Lake, config: LakeConfig) -> None:
    rows = table_rows.takedowns([("domain", "site0.example", "test")], ingested_at=1_790_000_000_000_000)
    written, _ = rewriting.write(filled.tables, schemas.TABLES["takedowns"], rows)
    filled.tables.change("takedowns", lambda t, tx: append(t, tx, [written.path], {}) or True)
    assert [f.rule for f in audit(config.path).findings] == ["W1", "W2"]


def test_audit_finds_rows_that_stand_in_the_folder_of_another_hour(filled: Lake, config: LakeConfig) -> None:
    live = next(iter(filled.tables.files(filled.tables.load("fate"))))
    path = Path(live.uri.removeprefix("file://"))
    other = path.parent.with_name("hour=00") / path.name
    other.parent.mkdir()
    other.write_bytes(path.read_bytes())
    filled.tables.change("fate", lambda t, tx: replace(t, tx, [live], [f"file://{other}"], {}) or True)
    assert any(
        "folder is not that of its newest hour" in e for f in audit(config.path).findings for e in f.examples
    )


def test_audit_finds_every_flipped_bit_and_every_cut_of_a_data_file(filled: Lake, config: LakeConfig) -> None:
    path = next(p for p in Path(config.path, "articles", "data").rglob("*.parquet"))
    whole = path.read_bytes()
    chance = random.Random(1)
    for turn in range(40):
        spoiled = bytearray(whole)
        if turn % 4 == 3:
            del spoiled[chance.randrange(len(spoiled)) :]
        else:
            spoiled[chance.randrange(len(spoiled))] ^= 1 << chance.randrange(8)
        path.write_bytes(spoiled)
        assert "C4" in {f.rule for f in audit(config.path).findings}, f"turn {turn}"
    path.write_bytes(whole)
    assert audit(config.path).findings == []


def test_page_checksums_alone_find_flipped_bits_in_pages(filled: Lake, config: LakeConfig) -> None:
    """Without them some flips read as wrong values: that is why files are written with them."""
    path = next(p for p in Path(config.path, "articles", "data").rglob("*.parquet"))
    whole, chance, caught = path.read_bytes(), random.Random(2), 0
    chunks = [pq.read_metadata(path).row_group(0).column(c) for c in range(20)]
    for chunk in chunks:
        spoiled = bytearray(whole)
        spoiled[chunk.data_page_offset + chunk.total_compressed_size - chance.randrange(1, 4)] ^= 4
        try:
            pq.ParquetFile(pa.BufferReader(bytes(spoiled)), page_checksum_verification=True).read()
        except (OSError, pa.ArrowInvalid):
            caught += 1
    assert caught == len(chunks)


@pytest.mark.parametrize("name", ["*.metadata.json", "snap-*.avro", "*-m0.avro"])
def test_audit_finds_or_refuses_spoiled_metadata(filled: Lake, config: LakeConfig, name: str) -> None:
    table = filled.tables.load("articles")
    if name == "*.metadata.json":
        path = Path(table.metadata_location.removeprefix("file://"))
    else:
        path = max(Path(config.path, "articles", "metadata").glob(name), key=lambda p: p.stat().st_mtime_ns)
    whole, chance = path.read_bytes(), random.Random(3)
    for _ in range(10):
        path.write_bytes(whole[: chance.randrange(len(whole) - 20)])
        try:
            findings = audit(config.path).findings
        except LakeError:
            continue
        assert findings
    path.write_bytes(whole)
    assert audit(config.path).findings == []


ODD = {
    "a list": b"[]",
    "a number": b"7",
    "no JSON": b"{",
    "no UTF-8": b'{"location": "\xff"}',
    "an empty object": b"{}",
    "a word for a number": b'{"schema": "seven", "current-schema-id": "one"}',
    "a list for an object": b'{"schema": 7, "lake": []}',
    "no place": b'{"schema": 7, "lake": {"tables": {}, "catalog": {}}, "table-uuid": "1"}',
}


@pytest.mark.parametrize("content", ODD.values(), ids=ODD)
@pytest.mark.parametrize("of", ["lake.json", "articles"])
def test_audit_names_the_file_when_it_says_something_else_than_it_must(
    filled: Lake, config: LakeConfig, of: str, content: bytes
) -> None:
    named = Path(config.path, of)
    if named.is_dir():
        named = Path(filled.tables.load(of).metadata_location.removeprefix("file://"))
    named.write_bytes(content)
    with pytest.raises(LakeError, match=f"{named.name}: can't be read"):
        audit(config.path)


@pytest.mark.parametrize("content", ODD.values(), ids=ODD)
def test_audit_tells_of_the_hinted_metadata_when_it_says_something_else_than_it_must(
    filled: Lake, config: LakeConfig, content: bytes
) -> None:
    folder = Path(config.path, "articles", "metadata")
    (folder / "00099-odd.metadata.json").write_bytes(content)
    (folder / "version-hint.text").write_text("00099-odd")
    (finding,) = [f for f in audit(config.path).findings if "can't be read" in str(f)]
    assert "00099-odd.metadata.json" in str(finding)


def test_audit_refuses_a_lake_when_its_note_is_a_folder(filled: Lake, config: LakeConfig) -> None:
    note = Path(config.path, "lake.json")
    note.unlink()
    note.mkdir()
    with pytest.raises(LakeError, match=r"lake\.json: can't be read"):
        audit(config.path)


def test_audit_counts_files_that_no_snapshot_names(filled: Lake, config: LakeConfig) -> None:
    batch = filled.begin(list(synthetic.slices(0, 80, 120)), now=1_790_000_000_000_000)
    synthetic.write(config.path, batch)
    report = audit(config.path)
    assert (report.orphans, report.pending, report.findings) == (5, True, [])


def test_audit_since_a_snapshot_opens_only_newer_files(filled: Lake, config: LakeConfig) -> None:
    since = filled.tables.load("fate").metadata.current_snapshot_id
    assert audit(config.path, since=since).files_read == 0
    synthetic.fill(filled, config.path, batches=1, size=40, partitions=(0, 1))
    report = audit(config.path, since=since)
    assert (report.files_read, report.records, report.findings) == (6, 12 * synthetic.RECORDS_A_GROUP, [])
    with pytest.raises(LakeError, match="has no snapshot 7"):
        audit(config.path, since=7)


def test_audit_finds_where_two_lakes_differ(filled: Lake, config: LakeConfig, tmp_path: Path) -> None:
    other = LakeConfig(path=str(tmp_path / "other"))
    twin = Lake.open(other)
    synthetic.fill(twin, other.path, batches=4, size=20, partitions=(0, 1))
    assert audit(config.path, same_as=other.path).findings == []
    changed(twin, "articles", column("title", first("Other")))
    assert {f.rule for f in audit(config.path, same_as=other.path).findings} == {"C12"}
    twin.release()


def test_audit_finds_a_replay_that_was_cut_off(
    filled: Lake, config: LakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REPLAY_WAIT_S", 0.0)
    noted = replacing.Replacement(at=1_790_000_000_000_000, files=())
    filled.tables.change("fate", lambda t, tx: replacing.note(noted, t, tx))
    assert [f.what for f in audit(config.path).findings] == [
        "a replay was cut off: the next `run` or `replay` finishes it"
    ]


def test_audit_of_what_is_no_lake_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no newsmill lake"):
        audit(str(tmp_path))


def test_audit_finds_a_catalog_that_is_older_than_the_tables(
    filled: Lake, config: LakeConfig, tmp_path: Path
) -> None:
    older = shutil.copy(Path(config.path, "catalog.db"), tmp_path)

    def stage(table: Table, transaction: Transaction) -> bool:
        set_properties(table, transaction, {"a": "b"})
        return True

    filled.tables.change("fate", stage)
    shutil.copy(older, Path(config.path, "catalog.db"))
    (found,) = audit(config.path).findings
    assert found.rule == "C6" and "the catalog is older" in found.examples[0]
