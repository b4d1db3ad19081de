"""No text is lost: a row without its body finds it in another row, through takedowns and replays."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import wirelake
from newsmill.config import KeepBody, LakeConfig
from newsmill.lake import files
from newsmill.lake.ledger import Batch
from newsmill.lake.upkeep import compaction
from newsmill.lake.upkeep.takedown import take_down
from newsmill.lake.verification.audit import audit
from newsmill.observe import questions
from newsmill.records import OffsetRange
from newsroom import story
from wirelake import AT, TOPIC, Press, Sent, press_day

LATER = AT + 10 * 3_600_000_000
QUERYING = Path(__file__).parents[3] / "docs" / "guide" / "querying.md"


def rows(press: Press) -> list[dict]:
    return press.lake.tables.load("articles").scan().to_arrow().sort_by("offset").to_pylist()


def lost(press: Press) -> list[str]:
    """Articles whose text is not to be had, or is another than was sent."""
    found = rows(press)
    texts = zip(found, wirelake.texts(press.config.path, found), strict=True)
    return [row["url"] for row, text in texts if not row["withheld"] and text != press.bodies[row["offset"]]]


def bodiless(press: Press) -> list[str]:
    return [row["url"] for row in rows(press) if row["body"] is None and not row["withheld"]]


def test_only_copies_with_the_very_text_do_without_it(press: Press) -> None:
    assert bodiless(press) == [
        "https://a.example/one",
        "https://b.example/one",
        "https://a.example/two",
        "https://d.example/one",
        "https://b.example/two",
    ]
    assert lost(press) == []
    assert audit(press.config.path).findings == []


def test_offsets_point_into_a_text_that_is_there(press: Press) -> None:
    found = rows(press)
    for row, text in zip(found, wirelake.texts(press.config.path, found), strict=True):
        for entity in row["entities"]:
            for mention in entity["mentions"]:
                assert text is not None
                assert text[mention["start"] : mention["end"]] == mention["text"]


@pytest.mark.parametrize(("keep_body", "kept"), [(KeepBody.ALL, 12), (KeepBody.NONE, 0)])
def test_all_bodies_are_kept_or_none_where_the_settings_say_so(
    config: LakeConfig, keep_body: KeepBody, kept: int
) -> None:
    press = Press(config, keep_body)
    press_day(press)
    found = rows(press)
    assert sum(row["body"] is not None for row in found) == kept
    if keep_body is KeepBody.NONE:
        assert all(row["body_hash"] is None for row in found)
        assert not any(entity["mentions"] for row in found for entity in row["entities"])
        assert all(entity["mention_count"] for row in found for entity in row["entities"])
        press.keep_body = KeepBody.UNLESS_EXACT
        press.restart()
        press.send(Sent("https://z.example/one", story(1)))
        assert rows(press)[-1]["body"] == story(1)
    assert audit(config.path).findings == []
    press.close()


def test_a_start_knows_which_rows_have_their_text(press: Press) -> None:
    press.restart()
    press.send(Sent("https://y.example/one", story(1)), Sent("https://y.example/new", story(77)))
    assert bodiless(press)[-1] == "https://y.example/one"
    assert lost(press) == []


@pytest.mark.parametrize("compacted", [False, True])
@pytest.mark.parametrize("what", ["https://wire.example/one", "wire.example", "https://wire.example/two"])
def test_takedown_hands_the_text_on_to_a_copy_elsewhere(press: Press, what: str, compacted: bool) -> None:
    if compacted:
        press.send(Sent("https://z.example/x", story(9), "Tram"), at=LATER)
        list(compaction.compact(press.lake.tables))
    relied = {row["body_hash"] for row in rows(press) if row["body"] is None}
    going = [row for row in rows(press) if row["domain"] == "wire.example" and what in row["url"]]
    going = going or [row for row in rows(press) if row["domain"] == "wire.example"]
    planned = take_down(press.config, what, reason="case", now=LATER, dry_run=True)
    done = take_down(press.config, what, reason="case", now=LATER)
    texts = {row["body_hash"] for row in going if row["body"] is not None} & relied
    assert planned == done
    assert done.texts_handed_on == len(texts) > 0
    assert lost(press) == []
    assert audit(press.config.path).findings == []
    again = take_down(press.config, what, reason="case", now=LATER + 1)
    assert (again.articles, again.texts_handed_on) == (0, 0)


def test_takedowns_of_one_site_after_another_leave_the_text_with_whoever_is_left(press: Press) -> None:
    for number, site in enumerate(("wire.example", "a.example", "b.example")):
        take_down(press.config, site, reason="case", now=LATER + number)
        assert lost(press) == []
    press.index.forget_bodies(*press.lake.withheld())
    press.send(Sent("https://late.example/two", story(2), "Ferry line sold"))
    assert "https://late.example/two" not in bodiless(press)
    assert audit(press.config.path).findings == []


def test_a_copy_keeps_its_text_when_the_one_it_relies_on_is_taken_down_before_its_batch_is_committed(
    press: Press,
) -> None:
    def meanwhile() -> Iterator[None]:
        take_down(press.config, "f.example", reason="case", now=LATER)
        yield

    press.send(Sent("https://late.example/six", story(6), "Museum opens"), meanwhile=meanwhile())
    [row] = [row for row in rows(press) if row["url"] == "https://late.example/six"]
    assert row["body"] == story(6)
    assert audit(press.config.path).findings == []


def test_replay_hands_the_text_on_where_the_row_gets_another(press: Press) -> None:
    table = press.lake.tables.load("articles").scan(row_filter="offset == 0").to_arrow()
    column = table.schema.get_field_index("body")
    table = table.set_column(column, table.schema.field(column), pa.array(["another text"], pa.string()))
    column = table.schema.get_field_index("body_hash")
    table = table.set_column(column, table.schema.field(column), pa.array(["0" * 32], pa.string()))
    others = {
        name: press.lake.tables.load(name).scan(row_filter="offset == 0").to_arrow()
        for name in ("copy_sketches", "fate")
    }
    at = int(table["ingested_at"].cast(pa.int64())[0].as_py())
    written = [
        files.write(press.config.path, name, made, ingested_at=at)
        for name, made in {"articles": table, **others}.items()
    ]
    part = OffsetRange(topic=TOPIC, partition=0, start=0, end=1, records=1, bytes=0)
    press.lake.replace(Batch(batch_id="replay", sequence=0, ingested_at=LATER, slices=(part,)), written)
    press.bodies[0] = "another text"
    assert lost(press) == []
    assert audit(press.config.path).findings == []


def test_audit_finds_rows_whose_text_no_row_has(press: Press, config: LakeConfig) -> None:
    from newsmill.lake import rewriting
    from newsmill.lake.schemas import TABLES

    [live] = [
        file
        for file in press.lake.tables.files(press.lake.tables.load("articles"))
        if 0 in pq.read_table(file.uri.removeprefix("file://"), partitioning=None)["offset"].to_pylist()
    ]
    table = rewriting.read(press.lake.tables, TABLES["articles"], [live])
    bodies = [
        None if url.endswith("/two") else b
        for url, b in zip(table["url"].to_pylist(), table["body"].to_pylist(), strict=True)
    ]
    column = table.schema.get_field_index("body")
    table = table.set_column(column, table.schema.field(column), pa.array(bodies, pa.string()))
    written, _ = rewriting.write(press.lake.tables, TABLES["articles"], table)
    rewriting.swap(press.lake.tables, "articles", [live], [written], "test")
    [finding] = audit(config.path).findings
    assert (finding.rule, finding.count) == ("C10", 3)


def queries() -> list[str]:
    return re.findall(r"^```sql\n(.*?)^```", QUERYING.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_guides_query_for_bodies_gives_each_row_its_own_text_once(press: Press) -> None:
    [query] = [query for query in queries() if "coalesce" in query]
    query = query.rstrip().rstrip(";").removesuffix("LIMIT 5")
    found = sorted(questions.connect(press.config.path).sql(query).fetchall())
    assert found == sorted((row["url"], press.bodies[row["offset"]]) for row in rows(press))


def test_guides_query_for_who_copies_whom_counts_each_copy_once(press: Press) -> None:
    [query] = [query for query in queries() if "from_site" in query]
    found = questions.connect(press.config.path).sql(query.rstrip().rstrip(";")).fetchall()
    newest = {row["article_id"]: row["duplicate"]["is_duplicate"] for row in rows(press)}
    assert sum(count for *_, count in found) == sum(newest.values())
