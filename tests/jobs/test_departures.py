"""Articles that a replay takes out of the lake leave their stories: nothing points to them any more."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from newsmill.config import Config, InputConfig, LakeConfig, OnReserved, RightsConfig
from newsmill.jobs import departures
from newsmill.jobs.replay import Report, Selection, replay
from newsmill.lake import changes, reader
from newsmill.lake.verification.audit import audit
from newsmill.lake.writer import Lake
from newsmill.observe import questions
from newsmill.runners.batch_sources import FileSource
from newsmill.runners.direct import MicroBatchRunner
from newsmill.runtime import failpoints
from newsroom import reworded, story

pytestmark = pytest.mark.timeout(1200)

AT = 1_790_000_000_000_000
HOUR = 3_600_000_000
RESERVED = '<meta name="tdm-reservation" content="1">'
PADDED = "<!-- " + "x" * 40_000 + " -->"

DROP: dict[str, Any] = {"rights": RightsConfig(on_reserved=OnReserved.DROP)}
CUT: dict[str, Any] = {"input": InputConfig(max_value_bytes=30_000)}


def page(title: str, body: str, minute: int, *, leaves: bool = False) -> str:
    """A page that a replay under either setting takes out, where it leaves."""
    told = "".join(f"<p>{line}</p>" for line in body.split("\n"))
    time = f'<meta property="article:published_time" content="2026-09-21T10:{minute:02}:00Z">'
    return (
        f"<html lang=en><head><title>{title}</title>{time}{RESERVED if leaves else ''}</head>"
        f"<body><article><h1>{title}</h1>{told}</article>{PADDED if leaves else ''}</body></html>"
    )


ONE, TWO, THREE = (story(n) for n in (1, 2, 3))
PAGES = {
    "wire.example/one": page("Council votes on the harbour", ONE, 1, leaves=True),
    "a.example/one": page("Council votes on the harbour", ONE, 2),
    "b.example/one": page("Council votes on the harbour", reworded(ONE, 3, 0.05), 3),
    "c.example/one": page("Council votes on the harbour", ONE, 4, leaves=True),
    "wire.example/two": page("Ferry line sold", TWO, 5),
    "a.example/two": page("Ferry line sold", TWO, 6, leaves=True),
    "b.example/two": page("Ferry line sold", reworded(TWO, 4, 0.05), 7),
    "alone.example/three": page("Museum opens", THREE, 8, leaves=True),
    "week.example/all": page("The week", ONE + "\n" + TWO + "\n" + story(9), 9),
}
GONE = {address for address, text in PAGES.items() if RESERVED in text}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake of all pages, two batches; as a folder that holds it and the pages."""
    folder = tmp_path_factory.mktemp("stories")
    (folder / "pages").mkdir()
    for number, (address, text) in enumerate(PAGES.items()):
        (folder / "pages" / f"{number}.html").write_text(text, encoding="utf-8")
        described = {"url": f"https://{address}", "content_type": "text/html; charset=utf-8"}
        (folder / "pages" / f"{number}.json").write_text(json.dumps(described), encoding="utf-8")
    run(Config(lake=LakeConfig(path=str(folder / "lake"))), folder / "pages")
    assert audit(str(folder / "lake")).findings == []
    return folder


@pytest.fixture
def config(made: Path) -> Iterator[Config]:
    """The lake as it was made: it stays at its place, which its tables know."""
    kept = made.with_name(made.name + "-kept")
    shutil.copytree(made, kept)
    yield Config(lake=LakeConfig(path=str(made / "lake"), lease_s=1))
    shutil.rmtree(made)
    kept.rename(made)


def run(config: Config, *pages: Path, at: int = AT) -> None:
    owned = Lake.open(config.lake)
    mill = MicroBatchRunner(config, FileSource(config, pages), owned, clock=lambda: at)
    mill.run(once=True, stop=threading.Event(), watches=())
    owned.release()


def again(config: Config, **settings: Any) -> Report:
    return replay(config.model_copy(update=settings), Selection(), now=AT + HOUR)


def rows(config: Config, table: str = "articles") -> dict[str, dict[str, Any]]:
    found = reader.rows(config.lake.path, table).to_table().to_pylist()
    return {row["url"].removeprefix("https://"): row for row in found}


def check(config: Config, gone: set[str]) -> None:
    """The lake is whole, and nothing in it names what left."""
    assert audit(config.lake.path).findings == []
    held = rows(config)
    ids = {row["article_id"] for row in held.values()}
    assert held.keys() == PAGES.keys() - gone
    for row in held.values():
        told = row["duplicate"]
        assert {told["representative_id"], *told["links"], *filter(None, [told["matched_id"]])} <= ids
        assert row["origin"] is None or row["origin"]["article_id"] in {None, *ids}
    fates = rows(config, "fate")
    assert all(fates[url]["fate"] == row["fate"] for url, row in held.items())
    duck = questions.connect(config.lake.path)
    members = duck.sql("SELECT article_id FROM article_clusters").fetchall()
    assert sorted(members) == sorted((one,) for one in ids)
    assert {one for (one,) in duck.sql("SELECT representative_id FROM clusters").fetchall()} <= ids
    assert all(original in ids for (original,) in duck.sql("SELECT original_id FROM copies").fetchall())


def stories(config: Config) -> list[list[str]]:
    """Articles that are in one cluster."""
    duck = questions.connect(config.lake.path)
    found = duck.sql(
        "SELECT list_sort(list(url)) FROM articles JOIN article_clusters USING (article_id) "
        "GROUP BY cluster_id"
    ).fetchall()
    return sorted([url.removeprefix("https://") for url in urls] for (urls,) in found)


@pytest.mark.parametrize(("settings", "fate"), [(DROP, "withheld"), (CUT, "quarantined")])
def test_story_goes_on_without_the_articles_that_a_replay_takes_out(
    config: Config, settings: dict[str, Any], fate: str
) -> None:
    before = rows(config)
    assert before["a.example/one"]["duplicate"]["matched_id"] == before["wire.example/one"]["article_id"]
    report = again(config, **settings)
    assert sum(n for (_, new), n in report.moved.items() if new == fate) == len(GONE)
    check(config, GONE)
    now = rows(config)
    first, edited = now["a.example/one"], now["b.example/one"]
    assert (first["fate"], first["duplicate"]["is_duplicate"], first["duplicate"]["copy_type"]) == (
        "article", False, None
    )  # fmt: skip
    assert (edited["fate"], edited["duplicate"]["copy_type"]) == ("copy", "edited")
    assert edited["duplicate"]["matched_id"] == first["article_id"]
    assert edited["duplicate"]["similarity"] == pytest.approx(
        before["b.example/one"]["duplicate"]["similarity"]
    )
    assert edited["duplicate"]["cluster_id"] == before["wire.example/one"]["duplicate"]["cluster_id"]
    assert first["body"] == before["wire.example/one"]["body"]  # which it had not kept
    assert set(now["week.example/all"]["duplicate"]["links"]) == {
        first["article_id"], now["wire.example/two"]["article_id"]
    }  # fmt: skip
    assert stories(config) == [
        ["a.example/one", "b.example/one"], ["b.example/two", "wire.example/two"], ["week.example/all"]
    ]  # fmt: skip


def test_lake_says_the_same_as_one_in_which_they_never_were(
    config: Config, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(departures, "ROWS_AT_ONCE", 2)
    again(config, **DROP)
    other = Config(lake=LakeConfig(path=str(made / "fresh")), **DROP)
    run(other, made / "pages")
    assert stories(config) == stories(other)
    told, wanted = rows(config), rows(other)
    for url, row in wanted.items():
        assert {**row["duplicate"], "cluster_id": None} == {**told[url]["duplicate"], "cluster_id": None}, url
        assert (row["fate"], row["origin"]) == (told[url]["fate"], told[url]["origin"]), url


def test_article_comes_back_into_its_story_when_a_replay_makes_it_one_again(config: Config) -> None:
    before = stories(config)
    again(config, **DROP)
    assert again(config).moved[("withheld", "article")] >= 1
    check(config, set())
    assert stories(config) == before


def test_replay_of_all_records_changes_nothing_where_nothing_leaves(config: Config) -> None:
    since = changes.read(config.lake.path, "articles", 0).until
    assert again(config).told_anew == 0
    assert list(changes.read(config.lake.path, "articles", since).rows) == []


def test_second_replay_changes_nothing(config: Config) -> None:
    again(config, **DROP)
    names = ("articles", "fate", "cluster_events", "article_entities")
    before = [reader.rows(config.lake.path, name).to_table() for name in names]
    assert again(config, **DROP).told_anew == 0
    for name, table in zip(names, before, strict=True):
        now = reader.rows(config.lake.path, name).to_table()
        order = [(column, "ascending") for column in ("topic", "partition", "offset")]
        assert now.sort_by(order).equals(table.sort_by(order)), name


def test_later_copy_joins_the_story_by_an_index_that_is_made_anew(config: Config, tmp_path: Path) -> None:
    again(config, **DROP)
    (tmp_path / "1.html").write_text(page("Council votes on the harbour", ONE, 20), encoding="utf-8")
    described = {"url": "https://late.example/one", "content_type": "text/html; charset=utf-8"}
    (tmp_path / "1.json").write_text(json.dumps(described), encoding="utf-8")
    run(config, tmp_path, at=AT + 2 * HOUR)
    late, first = (rows(config)[url] for url in ("late.example/one", "a.example/one"))
    assert late["duplicate"]["matched_id"] == late["duplicate"]["representative_id"] == first["article_id"]
    assert audit(config.lake.path).findings == []


@pytest.mark.parametrize("point", ["replace.decided", "table.changed.articles", "departures.gone"])
def test_replay_that_was_cut_off_is_finished_by_the_next_one_and_holds_the_feed_back(
    config: Config, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    def die(here: str, *_: object) -> None:
        if here == point:
            raise KeyboardInterrupt

    since = changes.read(config.lake.path, "articles", 0).until
    with monkeypatch.context() as dying:
        dying.setattr(failpoints, "reach", die)
        with pytest.raises(KeyboardInterrupt):
            again(config, **DROP)
    found = changes.read(config.lake.path, "articles", since)
    assert list(found.rows) == [] and departures.is_unfinished(config.lake.path)
    [finding] = [f for f in audit(config.lake.path).findings if f.rule == "C7"]
    assert "the next one finishes it" in finding.what
    nothing = Selection(domain="nobody.example")
    replay(config.model_copy(update=DROP), nothing, now=AT + 2 * HOUR)
    assert audit(config.lake.path).findings == [] and not departures.is_unfinished(config.lake.path)
    again(config, **DROP)
    check(config, GONE)
    told = [
        kind for batch in changes.read(config.lake.path, "articles", since).rows for kind in batch["change"]
    ]
    assert sum(kind.as_py() == "removed" for kind in told) == len(GONE)


def test_stories_that_an_earlier_version_left_as_they_were_are_told_anew_by_the_next_replay(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(departures.Departures, "expect", lambda *_: None)
        earlier.setattr(departures.Departures, "settle", lambda *_: 0)
        again(config, **DROP)
    assert {finding.rule for finding in audit(config.lake.path).findings} == {"C7"}
    one = Selection(domain="week.example")
    assert replay(config, one, now=AT + 2 * HOUR).told_anew > 0
    check(config, GONE)
    assert replay(config, one, now=AT + 3 * HOUR).told_anew == 0
