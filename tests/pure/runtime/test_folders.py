"""Folders that commands make anew: files that are none of theirs stay, whatever their names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from newsmill.cli.demo import _fresh
from newsmill.dev.local_kafka import DevKafka
from newsmill.errors import ConfigError
from newsmill.knowledge import build
from newsmill.knowledge.entries import Entry
from newsmill.runtime import folders


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def put(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"mine: {name}", encoding="utf-8")
    return folder


ADA = Entry(type="person", name="Ada Lovelace", names=(("Ada Lovelace", "name", 1.0),), weight=9.0)
DEMO = (
    *("pages.warc.gz", "kafka/server.properties", "kafka/log/pages-0/0.log", "tables/lake.json"),
    *("tables/catalog.db", "tables/_writer/lock", "tables/_temp/x", "tables/fate/metadata/v1.metadata.json"),
    "tables/articles/data/dt=2026-11-29/hour=3/a.parquet",
)


def test_demo_makes_its_own_folder_anew(tmp_path: Path) -> None:
    lake = tmp_path / "demo-lake"
    _fresh(lake)
    put(lake, *DEMO)
    _fresh(lake)
    assert list(tree(lake)) == ["demo.json"]


@pytest.mark.parametrize(
    "name",
    [
        "thesis.txt",
        "tables/notes.ipynb",
        "tables/articles/report.csv",
        "kafka/keys.pem",
        "tables/mine/a.parquet",
    ],
)
def test_demo_deletes_no_file_that_it_did_not_make(tmp_path: Path, name: str) -> None:
    lake = tmp_path / "demo-lake"
    _fresh(lake)
    before = tree(put(lake, *DEMO, name))
    with pytest.raises(ConfigError, match=f"{name}: not made by newsmill: nothing was deleted"):
        _fresh(lake)
    assert tree(lake) == before


@pytest.mark.parametrize("content", ["{}", "[]", "mine", json.dumps({"made_by": "me"}), "\udcff"])
def test_demo_refuses_a_folder_whose_demo_json_is_another_ones(tmp_path: Path, content: str) -> None:
    (tmp_path / "demo.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    before = tree(put(tmp_path, "thesis.txt"))
    with pytest.raises(ConfigError, match="was not made by the demo"):
        _fresh(tmp_path)
    assert tree(tmp_path) == before


def test_demo_follows_no_link(tmp_path: Path) -> None:
    lake, home = tmp_path / "demo-lake", put(tmp_path / "home", "thesis.txt")
    _fresh(lake)
    (lake / "tables").symlink_to(home)
    with pytest.raises(ConfigError, match="not made by newsmill"):
        _fresh(lake)
    assert tree(home)


def test_folder_that_is_a_link_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(put(tmp_path / "home", "a"))
    with pytest.raises(ConfigError, match="is a link: nothing was deleted; move it"):
        folders.remove(tmp_path / "link", ["*"], instead="move it")
    assert tree(tmp_path / "home")


def test_wipe_deletes_no_settings_of_another_broker(tmp_path: Path) -> None:
    before = tree(put(tmp_path / "kafka", "server.properties", "zookeeper.properties"))
    with pytest.raises(ConfigError, match="nothing was deleted"):
        DevKafka(data=tmp_path / "kafka").wipe()
    assert tree(tmp_path / "kafka") == before


def test_wipe_deletes_no_file_beside_the_brokers(tmp_path: Path) -> None:
    put(tmp_path / "dev", "thesis.txt", "log/meta.properties")
    (tmp_path / "dev" / "server.properties").write_text(
        "# made by newsmill dev\nnode.id=1\n", encoding="utf-8"
    )
    before = tree(tmp_path / "dev")
    with pytest.raises(ConfigError, match=r"thesis.txt: not made by newsmill: nothing was deleted"):
        DevKafka(data=tmp_path / "dev").wipe()
    assert tree(tmp_path / "dev") == before
    (tmp_path / "dev" / "thesis.txt").unlink()
    DevKafka(data=tmp_path / "dev").wipe()
    assert not (tmp_path / "dev").exists()


def test_broker_overwrites_no_settings_of_another_one(java: None, tmp_path: Path) -> None:
    before = tree(put(tmp_path, "server.properties"))
    with pytest.raises(ConfigError, match="was not made by newsmill: choose another folder"):
        DevKafka(data=tmp_path).start()
    assert tree(tmp_path) == before


@pytest.mark.parametrize("names", [("about.json",), ("about.json", "thesis.txt"), ("names.arrow",)])
def test_knowledge_base_replaces_no_folder_of_other_files(tmp_path: Path, names: tuple[str, ...]) -> None:
    before = tree(put(tmp_path / "kb", *names))
    with pytest.raises(ConfigError, match="no knowledge base"):
        build.build([ADA], tmp_path / "kb", sources={})
    assert tree(tmp_path / "kb") == before


def test_knowledge_base_with_a_file_beside_it_is_not_replaced(tmp_path: Path) -> None:
    entries = [ADA]
    build.build(entries, tmp_path / "kb", sources={})
    build.build(entries, tmp_path / "kb", sources={})
    before = tree(put(tmp_path / "kb", "people.csv"))
    with pytest.raises(ConfigError, match=r"people\.csv is none of its files"):
        build.build(entries, tmp_path / "kb", sources={})
    assert tree(tmp_path / "kb") == before
