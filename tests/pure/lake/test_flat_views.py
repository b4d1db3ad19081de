"""The flat views say what the rows say, each thing once."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

import wirelake
from newsmill.flow.elements.chunks import Finished
from newsmill.knowledge.places import _country_of_host
from newsmill.lake import dialects
from newsmill.observe import questions
from newsmill.report import survey
from newsroom import story
from wirelake import Press, Sent

Rows = list[dict[str, Any]]


def asked(press: Press, query: str) -> Rows:
    return questions.connect(press.config.path).sql(query).to_arrow_table().to_pylist()


def latest(rows: Rows) -> dict[str, dict[str, Any]]:
    """The row of each article that was written last."""
    found: dict[str, dict[str, Any]] = {}
    for row in sorted(rows, key=lambda row: row["offset"]):
        found[row["article_id"]] = row
    return found


def test_newest_revision_is_the_one_that_was_written_last(press: Press) -> None:
    rows = asked(press, "FROM articles")
    newest = asked(press, "FROM articles_latest")
    assert len(rows) > len(newest)
    assert {row["article_id"]: row["offset"] for row in newest} == {
        id: row["offset"] for id, row in latest(rows).items()
    }


def test_copy_is_told_once_with_whom_it_copied(press: Press) -> None:
    articles = latest(asked(press, "FROM articles"))
    copies = asked(press, "FROM copies")
    assert Counter(row["article_id"] for row in copies) == Counter(
        id for id, row in articles.items() if row["duplicate"]["is_duplicate"]
    )
    for row in copies:
        original = articles[articles[row["article_id"]]["duplicate"]["representative_id"]]
        assert (row["original_domain"], row["original_url"]) == (original["domain"], original["url"])
        assert row["matched_domain"] == articles[row["matched_id"]]["domain"]
    assert {row["domain"] for row in copies} > {"a.example", "b.example"}


def test_article_is_a_copy_once_one_that_was_published_before_it_has_come(press: Press) -> None:
    """Crawlers come to sites in any order: the story's first article can come last."""
    late, early = story(70), story(71)
    for batch in ([("a", late, 9), ("b", early, 9)], [("c", late, 2), ("d", early + " Ends here.", 2)]):
        press.send(*(Sent(f"https://{site}.late.example/x", text, minute=at) for site, text, at in batch))
    found = {row["url"][8]: row for row in asked(press, "FROM copies WHERE url LIKE '%.late.example%'")}
    told = {site: (row["original_url"][8], row["copy_type"]) for site, row in found.items()}
    assert told == {"a": ("c", "exact"), "b": ("d", None)}


def test_each_door_counts_the_same_copies_when_an_original_comes_after_them(press: Press) -> None:
    late = story(90)
    press.send(
        Sent("https://b.late.example/x", late, minute=9), Sent("https://e.late.example/x", late, minute=8)
    )
    press.send(Sent("https://c.late.example/x", late + " Ends here.", minute=2))
    copies = len(asked(press, "FROM copies"))
    rows = latest(asked(press, "FROM articles")).values()
    assert copies != sum(row["duplicate"]["is_duplicate"] for row in rows)
    for view in ("sources", "source_weeks"):
        assert asked(press, f"SELECT sum(copies) AS n FROM {view}") == [{"n": copies}]
    stories = asked(press, "FROM stories WHERE known_as = cluster_id")
    assert sum(row["copies"] for row in stories) == copies
    types = ("exact", "truncated", "extended", "edited", "of_unknown_type")
    for row in stories:
        assert row["copies"] == row["size"] - 1 == sum(row[name] for name in types)
    assert survey.survey(press.config.path).totals["copies"] == copies


def test_entities_of_an_article_are_a_row_each_and_copies_can_be_left_out(press: Press) -> None:
    articles = latest(asked(press, "FROM articles"))
    rows = asked(press, "FROM article_entities_latest")
    assert Counter((row["article_id"], row["name"]) for row in rows) == Counter(
        (id, entity["name"]) for id, row in articles.items() for entity in row["entities"]
    )
    daily = asked(press, "SELECT sum(articles) AS articles, max(stories) AS stories FROM entity_daily")
    assert daily[0]["articles"] == len(rows)
    assert 1 < daily[0]["stories"] < len(articles)


def test_article_counts_once_when_it_names_an_entity_and_a_place_in_two_ways(
    press: Press, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Portugal and the Portuguese: two entities with one id, two places at one point."""
    named = wirelake._named

    def named_twice(item: Finished) -> Finished:
        article = named(item).article
        one, other = article.enrichment.entities
        (place,) = article.enrichment.places
        both = (
            msgspec.structs.replace(one, entity_id="Q45"),
            msgspec.structs.replace(other, entity_id="Q45", type="people"),
        )
        nearby = msgspec.structs.replace(place, name="Old Riverton", lat=50.0)
        places = (msgspec.structs.replace(place, lat=50.0), nearby)
        found = msgspec.structs.replace(article.enrichment, entities=both, places=places)
        return msgspec.structs.replace(item, article=msgspec.structs.replace(article, enrichment=found))

    monkeypatch.setattr(wirelake, "_named", named_twice)
    press.send(Sent("https://a.late.example/x", story(70)), Sent("https://b.late.example/y", story(71)))
    assert asked(press, "SELECT count(*) AS n FROM article_entities_latest WHERE entity_id = 'Q45'") == [
        {"n": 4}
    ]
    daily = asked(
        press, "SELECT articles, stories, domains, mentions FROM entity_daily WHERE entity_id = 'Q45'"
    )
    assert daily == [{"articles": 2, "stories": 2, "domains": 2, "mentions": 4}]
    found = survey.survey(press.config.path)
    assert [row["articles"] for row in found.entities["LOC"] if row["mentions"] == 4] == [2]
    assert [row["articles"] for row in found.places if row["lat"] == 50.0] == [2]


def test_sources_count_their_articles_and_copies(press: Press) -> None:
    press.send(Sent("https://www.new.example/x", story(9)), at=1_790_900_000_000_000)
    articles = latest(asked(press, "FROM articles"))
    found = {row["domain"]: row for row in asked(press, "FROM sources")}
    count = Counter(row["domain"] for row in articles.values())
    copied = Counter(row["domain"] for row in articles.values() if row["duplicate"]["is_duplicate"])
    assert {domain: row["articles"] for domain, row in found.items()} == count
    assert {domain: row["copies"] for domain, row in found.items() if row["copies"]} == copied
    assert found["wire.example"]["records"] == 3
    assert {row["paywalled_share"] for row in found.values()} == {None}  # no page says whether it is free
    weeks = asked(press, "SELECT domain, sum(articles) AS articles FROM source_weeks GROUP BY ALL")
    assert {row["domain"]: row["articles"] for row in weeks} == count
    assert len(asked(press, "SELECT DISTINCT week FROM source_weeks")) == 2


def test_sources_tell_the_host_of_most_articles_and_the_country_of_the_top_level_domain(press: Press) -> None:
    sites = ["blatt.de", "paper.co.uk", "site.io", "news.example", "diario.com.ar", "xn--fiqs8s.cn", "a.tv"]
    pages = [Sent(f"https://WWW.{site}:8443/{n}?x=://no", story(60 + n)) for n, site in enumerate(sites)]
    press.send(*pages, Sent("https://m.blatt.de/1", story(80)), Sent("https://m.blatt.de/2", story(81)))
    found = {row["domain"]: row for row in asked(press, "FROM sources")}
    assert {site: found[site]["country"] for site in sites} == {
        site: _country_of_host(site) for site in sites
    }
    assert found["paper.co.uk"]["country"] == "GB" and found["site.io"]["country"] is None
    assert (found["blatt.de"]["host"], found["a.tv"]["host"]) == ("m.blatt.de", "www.a.tv")


def test_stories_tell_where_they_were_first_seen_elsewhere(press: Press) -> None:
    found = {row["earliest_domain"]: row for row in asked(press, "FROM stories WHERE known_as = cluster_id")}
    articles = latest(asked(press, "FROM articles"))
    ferry = found["wire.example"]  # of the harbour, the newest revision is later than its first copy
    assert ferry["earliest_id"] in articles
    (elsewhere,) = (row for row in articles.values() if row["url"] == "https://a.example/two")
    assert (ferry["first_elsewhere_at"], ferry["earliest_domain"]) == (
        elsewhere["published_at"],
        "wire.example",
    )
    assert ferry["earliest_at"] < ferry["first_elsewhere_at"] < ferry["last_published_at"]
    assert ferry["languages"] == ["en"]
    assert found["f.example"]["first_elsewhere_at"] is None


def test_guide_tells_what_a_row_of_each_view_is() -> None:
    rows = (Path(__file__).parents[3] / "docs/guide/querying.md").read_text("utf-8").splitlines()
    told = {
        name for row in rows if row.startswith("| `") for name in re.findall(r"`(\w+)`", row.split("|")[1])
    }
    assert set(dialects.source()) <= told


@pytest.mark.parametrize("dialect", dialects.DIALECTS)
def test_no_word_of_duckdb_alone_is_in_the_views_for_other_engines(dialect: dialects.Dialect) -> None:
    text = dialects.text(dialect).lower()
    words = ("unnest(a.places) as u", "qualify", "exclude", "arg_max", "recursive")
    assert not [word for word in words if word in text]
    assert len(dialects.statements(text)) == len(dialects.source())


def test_views_make_rows_of_no_list_which_each_engine_writes_in_its_own_way() -> None:
    assert "unnest" not in "".join(dialects.source().values()).lower()
