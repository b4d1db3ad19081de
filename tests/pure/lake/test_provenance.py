"""Keepers remove only what is of the lake's making, and tell of the rest."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import typer
from pyiceberg.io.pyarrow import parquet_files_to_data_files
from typer.testing import CliRunner

import everybyte
from newsmill.cli.gc import gc
from newsmill.cli.takedown import takedown
from newsmill.config import LakeConfig
from newsmill.lake.provenance import foreign, made
from newsmill.lake.retention import Retention
from newsmill.lake.storage import Listed
from newsmill.lake.tables import Tables
from newsmill.lake.upkeep import garbage_collection
from newsmill.lake.verification.audit import audit
from newsmill.lake.writer import Lake

MINE = (
    "articles/data/mine.parquet",
    "_temp/mine.txt",
    "_temp/mine.tmp",
    "fate/metadata/mine.avro",
    "fate/metadata/mine.metadata.json",
    f"articles/data/{'a' * 64}.parquet",
    f"articles/data/dt=2026-01-01/hour=00/{'a' * 63}.parquet",
    "articles/data/dt=2026-01-01/part-00000-6f0c1d2e-0000-4000-8000-000000000000-c000.snappy.parquet",
)
OURS = (
    f"_temp/{'0' * 32}.tmp",
    f"articles/data/dt=2026-01-01/hour=00/{'b' * 64}.parquet",
    "articles/data/ingested_at_hour=2026-01-01-00/00000-7-6f0c1d2e-0000-4000-8000-000000000000-00001.parquet",
    "fate/metadata/6f0c1d2e-0000-4000-8000-000000000000-m0.avro",
    "fate/metadata/snap-1-0-6f0c1d2e-0000-4000-8000-000000000000.avro",
)


def put(config: LakeConfig, names: tuple[str, ...]) -> None:
    for name in names:
        path = Path(config.path, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"mine")


def aged(config: LakeConfig) -> None:
    for path in Path(config.path).rglob("*"):
        if path.is_file():
            os.utime(path, (time.time() - 3 * 86_400,) * 2)


def newsmill(command: str, *arguments: object) -> tuple[int, str]:
    app = typer.Typer()
    app.command()({"gc": gc, "takedown": takedown}[command])
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return done.exit_code, done.output


def there(config: LakeConfig) -> set[str]:
    return set(everybyte.holding(config.path, [""]))


def test_gc_and_takedown_leave_what_somebody_else_put_there_and_tell_of_it(
    filled: Lake, config: LakeConfig
) -> None:
    put(config, (*MINE, *OURS))
    aged(config)
    code, told = newsmill("gc", config.path)
    assert code == 0 and f"{len(MINE)} files: _temp/mine.tmp, _temp/mine.txt" in told
    assert there(config).issuperset(MINE) and not there(config).intersection(OURS)
    code, told = newsmill("takedown", config.path, "site1.example")
    assert there(config).issuperset(MINE)
    assert code == 1 and "move them out of the lake" in told and "  articles/data/mine.parquet" in told
    for name in MINE:
        Path(config.path, name).unlink()
    assert newsmill("takedown", config.path, "site1.example")[0] == 0
    assert foreign(Tables.open(config)) == [] and audit(config.path).right


def test_takedown_names_foreign_files_with_the_content_and_audit_finds_them(
    filled: Lake, config: LakeConfig
) -> None:
    rows = filled.tables.load("articles").scan().to_arrow()
    body = next(r["body"] for r in rows.to_pylist() if r["domain"] == "site1.example" and r["body"])
    names = ("articles/data/a copy.parquet", "an export.parquet")
    pq.write_table(rows, Path(config.path, names[0]))
    pq.write_table(rows.select(["url_key", "domain", "body"]), Path(config.path, names[1]))
    pq.write_table(rows.select(["offset"]), Path(config.path, "articles/data/numbers.parquet"))
    for options in (["--dry-run"], []):
        code, told = newsmill("takedown", config.path, "site1.example", *options)
        assert code == 1 and all(f"\n  {name}\n" in told for name in names)
        assert "  articles/data/numbers.parquet" not in told
    assert sorted(everybyte.holding(config.path, [body])) == sorted(names)
    [finding] = audit(config.path).findings
    assert (finding.rule, finding.count) == ("W2", 2) and "move them out" in finding.what
    for name in names:
        Path(config.path, name).unlink()
    assert newsmill("takedown", config.path, "site1.example")[0] == 0
    assert audit(config.path).right


@pytest.mark.parametrize("keeper", ["gc", "takedown"])
def test_files_of_any_name_go_when_metadata_of_the_lake_named_them(
    filled: Lake, config: LakeConfig, keeper: str
) -> None:
    odd = Path(config.path, "articles", "data", "odd.parquet")
    live = next(filled.tables.files(filled.tables.load("articles")))
    pq.write_table(pq.read_table(Path(live.uri.removeprefix("file://")), partitioning=None), odd)

    def replaced(by: Path | None):
        def stage(table, transaction) -> bool:
            with transaction.update_snapshot().overwrite() as overwritten:
                for file in filled.tables.files(table):
                    if file.uri in (live.uri, f"file://{odd}"):
                        overwritten.delete_data_file(file.entry)
                if by is not None:
                    [file] = parquet_files_to_data_files(table.io, table.metadata, iter([f"file://{by}"]))
                    overwritten.append_data_file(file)
            return True

        return stage

    filled.tables.change("articles", replaced(odd))
    assert foreign(filled.tables) == []
    filled.tables.change("articles", replaced(None))
    if keeper == "gc":
        aged(config)
        list(garbage_collection.collect(filled.tables, grace_s=3600, keep=Retention.newest(1)))
    else:
        for site in range(7):
            newsmill("takedown", config.path, f"site{site}.example")
    assert not odd.exists()


def test_links_are_not_followed_by_keepers_or_the_audit(
    filled: Lake, config: LakeConfig, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(config.path, other)
    kept = sorted(str(path) for path in other.rglob("*"))
    full = next((other / "articles" / "data").rglob("*.parquet"))
    folder = Path(config.path, "articles", "data")
    links = folder / "linked", folder / "dt=2026-01-01" / "hour=00" / f"{'c' * 64}.parquet"
    links[1].parent.mkdir(parents=True)
    links[0].symlink_to(other / "articles" / "data")
    links[1].symlink_to(full)
    code, _ = newsmill("takedown", config.path, "site1.example")
    aged_link = (time.time() - 3 * 86_400,) * 2
    os.utime(links[1], aged_link, follow_symlinks=False)
    _, told = newsmill("gc", config.path)
    assert code == 0 and "2 files: articles/data/dt=2026-01-01" in told
    assert all(link.is_symlink() for link in links)
    report = audit(config.path)
    assert report.findings == [] and sorted(report.foreign) == sorted(map(str, links))
    assert kept == sorted(str(path) for path in other.rglob("*"))


def test_names_of_real_lakes_are_known(filled: Lake, config: LakeConfig) -> None:
    Tables.open(config).expire("articles", Retention.newest(1))
    names = [n for n in there(config) if n.endswith((".parquet", ".avro", ".metadata.json"))]
    assert len(names) > 20 and all(made(Listed(name, 1, 0)) for name in names)
    assert not any(made(Listed(name, 1, 0)) for name in MINE)
