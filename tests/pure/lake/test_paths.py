"""A lake may be in a folder of any name: every reader and every keeper finds it, ours and others'."""

from __future__ import annotations

import string
from pathlib import Path

import duckdb
import polars as pl
import pytest
from duckdb_extensions import import_extension
from hypothesis import given, strategies as st
from pyiceberg.table import StaticTable

import synthetic
from newsmill.config import LakeConfig
from newsmill.errors import ConfigError, LakeError
from newsmill.jobs.explain import explain
from newsmill.lake import locations, reader
from newsmill.lake.upkeep import compaction, garbage_collection
from newsmill.lake.upkeep.takedown import take_down
from newsmill.lake.verification.audit import audit
from newsmill.lake.writer import Lake
from newsmill.report.survey import survey
from newsmill.runners.progress import summary_of

NOW, HOUR = 1_790_000_000_000_000, 3_600_000_000
NAMES = (
    *("new lake", "ü日本", "a#b", "a%20b", "100%", "it's", 'a"b', "a?b=c", "a[1]*", "a;b&c=d", "a:b"),
    *("c:d://e", "file:", "back\\slash", "{a}", "a+b", "~a", "_temp", ".hidden", "a\nb", " "),
    "data/dt=2026-01-01/hour=00/x",
)


@pytest.mark.parametrize("name", NAMES)
def test_lake_is_written_read_and_kept_in_a_folder_of_any_name(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    config = LakeConfig(path=str(folder))
    lake = Lake.open(config)
    for start, now in ((0, NOW), (20, NOW + 1), (40, NOW + 2 * HOUR)):
        batch = lake.begin(list(synthetic.slices(0, start, start + 20)), now=now)
        files = synthetic.write(config.path, batch)
        lake.commit(batch, files)
        assert summary_of(files).records == synthetic.RECORDS_A_GROUP
    assert sorted(path.name for path in folder.iterdir() if path.name[0] != "_") == [
        *("article_entities", "article_places", "articles", "catalog.db", "cluster_events"),
        *("copy_sketches", "fate", "lake.json", "quarantine", "takedowns"),
    ]
    assert reader.rows(config.path, "articles").count_rows() == 3 * synthetic.ARTICLES_A_GROUP
    (story,) = explain(config.path, f"{synthetic.TOPIC}/0/3")
    assert story["stored"]["snapshot"] is not None
    assert survey(config.path).totals["records"] == 3 * synthetic.RECORDS_A_GROUP
    assert len(list(compaction.compact(lake.tables))) == 6
    take_down(config, "site1.example", reason="case", now=NOW + 3 * HOUR)
    assert list(garbage_collection.collect(lake.tables, grace_s=3600)) == []
    lake.release()
    assert Lake.open_readonly(config).committed() == {(synthetic.TOPIC, 0): 60}
    report = audit(config.path)
    assert (report.findings, report.records) == ([], 3 * synthetic.RECORDS_A_GROUP)


@pytest.mark.parametrize("name", [name for name in NAMES if '"' not in name])
def test_other_engines_read_a_lake_in_a_folder_of_any_name(name: str, tmp_path: Path) -> None:
    """But for DuckDB and a double quote: it takes the path for a name of SQL."""
    for extension in ("avro", "iceberg"):
        import_extension(extension)
    folder = tmp_path / name
    lake = Lake.open(LakeConfig(path=str(folder)))
    synthetic.fill(lake, folder, batches=1, size=20)
    lake.release()
    table = f"{folder}/articles"
    with duckdb.connect() as connection:
        connection.load_extension("avro")
        connection.load_extension("iceberg")
        quoted = table.replace("'", "''")
        counted = connection.execute(f"SELECT count(*) FROM iceberg_scan('{quoted}')").fetchone()
    rows = StaticTable.from_metadata(table)
    assert counted == (synthetic.ARTICLES_A_GROUP,)
    assert rows.scan().to_arrow().num_rows == synthetic.ARTICLES_A_GROUP
    assert pl.scan_iceberg(rows).select(pl.len()).collect().item() == synthetic.ARTICLES_A_GROUP


@given(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1))
def test_location_of_a_path_stands_for_that_path(path: str) -> None:
    assert locations.local_path(locations.of_path(f"/{path}")) == f"/{path}"


@pytest.mark.parametrize("form", ["{0}", "file:{0}", "file://{0}", "file://localhost{0}"])
def test_lake_is_the_same_one_however_its_folder_is_named(form: str, tmp_path: Path) -> None:
    folder = tmp_path / "a b"
    lake = Lake.open(LakeConfig(path=form.format(folder)))
    synthetic.fill(lake, folder, batches=1, size=20)
    lake.release()
    assert audit(form.format(folder)).records == audit(str(folder)).records == synthetic.RECORDS_A_GROUP
    assert reader.rows(form.format(folder), "fate").count_rows() == synthetic.RECORDS_A_GROUP


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("", "empty"),
        ("a\x00b", "zero byte"),
        ("~/lake", "only a shell"),
        ("a\udcffb", "UTF-8"),
        ("ftp://host/lake", "no storage is known"),
        ("S4://bucket/lake", "no storage is known"),
        ("s3:///lake", "no bucket"),
        ("s3://key:secret@bucket/lake", "password"),
        ("s3://bucket/a#b", "URI"),
        ("s3://bucket/lake?region=x", "URI"),
    ],
)
def test_place_where_no_lake_can_be_is_refused_before_anything_is_made(path: str, word: str) -> None:
    assert word in (locations.problem(path) or "")
    with pytest.raises(ConfigError, match=word):
        Lake.open(LakeConfig(path=path))


def test_several_lakes_share_a_catalog_when_each_has_a_namespace(tmp_path: Path) -> None:
    catalog = {"type": "sql", "uri": f"sqlite:///{tmp_path}/shared.db"}
    configs = [
        LakeConfig(path=str(tmp_path / name), catalog=catalog, namespace=name) for name in ("one", "two.b-3")
    ]
    for config in configs:
        lake = Lake.open(config)
        synthetic.fill(lake, Path(config.path), batches=1, size=20)
        lake.release()
    for config in configs:
        assert Lake.open_readonly(config).committed() == {(synthetic.TOPIC, 0): 20}
        assert audit(config.path).findings == []


def test_second_lake_of_a_namespace_is_refused_and_the_first_is_as_it_was(tmp_path: Path) -> None:
    catalog = {"type": "sql", "uri": f"sqlite:///{tmp_path}/shared.db"}
    first, second = (LakeConfig(path=str(tmp_path / name), catalog=catalog) for name in ("one", "two"))
    lake = Lake.open(first)
    synthetic.fill(lake, Path(first.path), batches=1, size=20)
    lake.release()
    with pytest.raises(LakeError, match=r"lake\.namespace"):
        Lake.open(second)
    assert Lake.open_readonly(first).committed() == {(synthetic.TOPIC, 0): 20}


@pytest.mark.parametrize(
    "namespace", ["", ".", "a.", "a b", "a/b", *string.punctuation.replace("_", "").replace("-", "")]
)
def test_namespace_that_catalogs_would_take_apart_is_refused(namespace: str) -> None:
    with pytest.raises(ValueError, match="namespace"):
        LakeConfig(namespace=namespace)
