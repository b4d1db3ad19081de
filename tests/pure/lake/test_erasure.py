"""After a takedown no byte of the lake's folder holds the content, wherever a file of it may lie."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
import typer
from pyiceberg.table import Transaction
from typer.testing import CliRunner

import everybyte
import wirelake
from newsmill.cli.takedown import takedown
from newsmill.config import LakeConfig
from newsmill.errors import LakeError, TakenDownMeanwhile
from newsmill.lake import erasure, files, rows as table_rows
from newsmill.lake.staging import append
from newsmill.lake.upkeep import compaction
from newsmill.lake.upkeep.takedown import take_down
from newsmill.lake.verification import erased
from newsmill.lake.verification.audit import audit
from newsmill.records import Failure, OffsetRange, Position, SourceRecord
from newsroom import story
from wirelake import AT, TOPIC, Press, Sent, press_day

LATER = AT + 10 * 3_600_000_000
SECRET = "Zwiebelkuchen Quarktasche Butterbrezel"
TITLE = "Gugelhupf im Ministerium"


@pytest.fixture(params=["own catalog", "external catalog"])
def press(request: pytest.FixtureRequest, config: LakeConfig, tmp_path: Path) -> Iterator[Press]:
    if request.param == "external catalog":
        config = config.model_copy(
            update={"catalog": {"type": "sql", "uri": f"sqlite:///{tmp_path}/elsewhere.db"}}
        )
    made = Press(config)
    press_day(made)
    made.send(
        Sent("https://secret.example/1", f"{story(20)} {SECRET}.", TITLE),
        Sent("https://secret.example/2", f"{story(21)} {SECRET}.", TITLE),
        Sent("https://other.example/3", story(22), "Rain"),
    )
    made.send(Sent("https://secret.example/1", f"{SECRET} {story(23)}.", f"{TITLE}, again"))
    yield made
    made.close()


def rows(press: Press) -> list[dict]:
    return press.lake.tables.load("articles").scan().to_arrow().sort_by("offset").to_pylist()


def found(press: Press) -> list[str]:
    return everybyte.holding(press.config.path, [*SECRET.split(), TITLE, "Gugelhupf"])


def quarantined(press: Press) -> None:
    """A record of the site that can't be decoded, and one of another site, become visible."""
    press.send(Sent("https://quiet.example/x", story(30), "Quiet"))
    failures = [
        Failure(
            record=SourceRecord(
                position=Position(topic=TOPIC, partition=0, offset=offset),
                value=json.dumps(
                    {"url": url, "html": f"<p>{SECRET if 'secret' in url else 'plain'}"}
                ).encode(),
            ),
            stage="decode",
            code="E_SCHEMA",
            message=f"no such field near {SECRET if 'secret' in url else 'plain'}",
        )
        for offset, url in ((90, "https://www.secret.example/9"), (91, "https://open.example/9"))
    ]
    written = files.write(
        press.config.path, "quarantine", table_rows.quarantine(failures, ingested_at=AT), ingested_at=AT
    )

    def stage(table: object, transaction: Transaction) -> bool:
        append(table, transaction, [written.path], {})  # type: ignore[arg-type]
        return True

    press.lake.tables.change("quarantine", stage)


def scattered(press: Press) -> list[Path]:
    """Copies of a file with the content where crashes leave them: one as if dead, one unfinished."""
    root = Path(press.config.path)
    full = next(root / name for name in found(press) if name.endswith(".parquet"))
    dead = full.parent / f"{'0' * 64}.parquet"
    torn = full.parent / f"{'1' * 64}.parquet"
    unfinished = root / "_temp" / f"{'d' * 32}.tmp"
    unfinished.parent.mkdir(exist_ok=True)
    shutil.copy(full, dead)
    torn.write_bytes(full.read_bytes()[: full.stat().st_size // 2] + SECRET.encode())
    unfinished.write_bytes(SECRET.encode())
    os.utime(unfinished, (time.time() - 3600,) * 2)
    return [dead, torn, unfinished]


def test_no_byte_is_left_after_compaction_crashes_and_quarantine(press: Press) -> None:
    quarantined(press)
    press.send(Sent("https://late.example/x", story(9), "Tram"), at=LATER)
    list(compaction.compact(press.lake.tables))
    left = scattered(press)
    assert len(found(press)) > len(left)
    before = everybyte.holding(press.config.path, [""])
    planned = take_down(press.config, "secret.example", now=LATER, dry_run=True)
    assert everybyte.holding(press.config.path, [""]) == before
    done = take_down(press.config, "secret.example", reason="case 5", now=LATER)
    assert found(press) == []
    assert not any(path.exists() for path in left)
    assert (done.articles, done.quarantined) == (3, 1)
    assert planned == done
    others = [row for row in rows(press) if row["domain"] != "secret.example"]
    assert wirelake.texts("", others) == [press.bodies[row["offset"]] for row in others]
    assert [f for f in audit(press.config.path).findings if f.rule.startswith(("W", "C10"))] == []


def test_audit_waits_for_files_that_a_writer_is_at(press: Press) -> None:
    take_down(press.config, "secret.example", now=LATER)
    at_work = Path(press.config.path, "_temp", f"{'0' * 32}.tmp")
    at_work.parent.mkdir(exist_ok=True)
    at_work.touch()
    finishing = threading.Timer(0.5, at_work.unlink)
    finishing.start()
    assert audit(press.config.path).right
    finishing.join()


def test_audit_finds_content_in_files_that_nobody_sees(press: Press, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erased, "WRITE_WAIT_S", 0.1)
    left = scattered(press)
    aside = Path(press.config.path).parent / "aside"
    aside.mkdir()
    for path in left:
        shutil.copy(path, aside / path.name)
    take_down(press.config, "secret.example", now=LATER)
    assert audit(press.config.path).right
    for path in left:
        shutil.copy(aside / path.name, path)
    shutil.rmtree(aside)
    told = {f.what.split(":")[0]: f.count for f in audit(press.config.path).findings}
    assert told == {
        "files with rows whose content was taken down": 1,
        "unfinished or torn files, of which nothing is known": 2,
    }


def test_a_batch_under_way_is_done_again_without_the_content_and_leaves_no_file_of_it(press: Press) -> None:
    def meanwhile() -> Iterator[None]:
        take_down(press.config, "secret.example", now=LATER)
        yield

    press.send(
        Sent("https://secret.example/5", f"{SECRET}. {story(40)}", TITLE),
        Sent("https://other.example/6", story(41), "Ice"),
        meanwhile=meanwhile(),
    )
    assert found(press) == []
    assert [row["url"] for row in rows(press) if row["offset"] >= 16] == ["https://other.example/6"]
    assert audit(press.config.path).findings == []


def test_a_takedown_between_the_last_look_and_the_decision_is_not_overlooked(
    press: Press, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = press.lake.committed()[TOPIC, 0]
    press._sent[start] = Sent("https://secret.example/7", f"{SECRET}. {story(42)}", TITLE)
    part = OffsetRange(topic=TOPIC, partition=0, start=start, end=start + 1, records=1, bytes=1)
    begun = press.lake.begin([part], now=LATER)
    made = press._made(begun.batch_id, range(start, start + 1), begun.ingested_at)

    def taken(name: str, *_: object) -> None:
        if name == "table.staged.fate":
            monkeypatch.undo()
            take_down(press.config, "secret.example", now=LATER)

    monkeypatch.setattr("newsmill.runtime.failpoints.reach", taken)
    with pytest.raises(TakenDownMeanwhile):
        press.lake.commit(begun, made)
    assert found(press) == []


def test_files_that_a_batch_may_still_commit_are_emptied_and_can_be_followed(press: Press) -> None:
    start = press.lake.committed()[TOPIC, 0]
    press._sent[start] = Sent("https://secret.example/7", f"{SECRET}. {story(42)}", TITLE)
    [article] = [
        file for file in press._made("later", range(start, start + 1), LATER + 5) if file.table == "articles"
    ]
    take_down(press.config, "secret.example", now=LATER)
    assert found(press) == []
    emptied = erasure.followed(press.lake.tables, article)
    assert emptied.rows == article.rows and emptied.path != article.path
    erasure.forget(press.lake.tables, [article], [emptied])
    with pytest.raises(LakeError, match="is missing"):
        erasure.followed(press.lake.tables, article)


def test_a_tag_that_shows_the_content_is_named(press: Press) -> None:
    table = press.lake.tables.load("articles")
    table.manage_snapshots().create_tag(table.current_snapshot().snapshot_id, "release").commit()
    with pytest.raises(LakeError, match="release"):
        take_down(press.config, "secret.example", now=LATER)
    press.lake.tables.load("articles").manage_snapshots().remove_tag("release").commit()
    take_down(press.config, "secret.example", now=LATER)
    assert found(press) == []


def command(*args: object) -> tuple[int, str]:
    app = typer.Typer()
    app.command()(takedown)
    done = CliRunner().invoke(app, [str(argument) for argument in args])
    return done.exit_code, done.output


def test_command_names_the_lake_first_and_tells_what_it_did(config: LakeConfig) -> None:
    press = Press(config)
    press_day(press)
    before = sorted(everybyte.holding(config.path, [""]))
    code, told = command(config.path, "f.example", "--dry-run")
    assert (code, "1 article" in told) == (0, True)
    assert command(config.path, "nobody.example", "--dry-run")[0] == 1
    assert sorted(everybyte.holding(config.path, [""])) == before
    assert command(config.path, "f.example")[0] == 0
    assert command(config.path, "f.example")[0] == 0
    assert [row["withheld"] for row in rows(press) if row["domain"] == "f.example"] == ["taken down"]
    assert command("https://wire.example/two", "--lake", config.path, "--reason", "case")[0] == 0
    code, told = command(config.path, "nobody.example")
    assert (code, "nothing of nobody.example" in told) == (1, True)
    press.close()


def test_claims_of_broken_records_are_read() -> None:
    rows = pa.Table.from_pylist(
        [
            {"url": None, "stage": "decode", "payload": payload, "key": key, "headers": headers}
            for payload, key, headers in (
                (b'{"url":"https:\\/\\/secret.example\\/1"', None, []),
                (b"x", b"https://www.secret.example/2", []),
                (b"x", None, [{"name": "nm-url", "value": b"http://secret.example"}]),
                (b"WARC/1.0\r\nWARC-Target-URI: <https://secret.example/3>\r\n", None, []),
                (b'<link rel="canonical" href="https://www.secret.example/4">', None, []),
                (b"\x00\x00\x00\x00\x01\x30https://secret.example/5\x02", None, []),
                (
                    b'{"html":"<link rel=\\"canonical\\" href=\\"https:\\/\\/secret.example\\/7\\">"}',
                    None,
                    [],
                ),
                (b"<link href=https://secret.example/8 rel=canonical>", None, []),
                (b"<meta content='https://secret.example/9' property='og:url'/>", None, []),
                (
                    b"<style>" + b"p{} " * 100_000 + b"<link rel=canonical href=https://secret.example/10>",
                    None,
                    [],
                ),
                (b'<a href="https://secret.example/6">', None, []),
                (b'{"url":"https://open.example/secret.example"}', None, []),
                (b"<link rel='alternate' href='https://secret.example/11'>", None, []),
            )
        ]
    )
    from newsmill.lake.content import CONTENT

    hits = CONTENT["quarantine"].hits(rows, "domain", "secret.example")
    assert hits.to_pylist() == [True] * 10 + [False] * 3


def test_record_that_names_one_url_and_claims_another_is_of_both_until_it_was_decoded() -> None:
    from newsmill.lake.content import CONTENT

    claimed = b'{"link": "https://open.example/1", "final_url": "https://secret.example/1", "status": "?"}'
    rows = pa.Table.from_pylist(
        [
            {"url": "https://open.example/1", "stage": stage, "payload": claimed, "key": None, "headers": []}
            for stage in ("decode", "batch", "extract")
        ]
    )
    hits = CONTENT["quarantine"].hits
    assert hits(rows, "domain", "secret.example").to_pylist() == [True, True, False]
    assert hits(rows, "domain", "open.example").to_pylist() == [True] * 3


@pytest.mark.parametrize("what", ["gone.example", "https://gone.example/told"])
def test_page_that_led_to_what_is_taken_down_goes_with_it(config: LakeConfig, what: str) -> None:
    """By a redirect, or by its canonical link; and what comes later of its own address."""
    press = Press(config)
    press.send(
        Sent("https://short.example/1", story(1), final_url="https://www.gone.example/told?utm_source=x"),
        Sent("https://gone.example/2", story(2), canonical_url="https://gone.example/told"),
        Sent("https://short.example/3", story(3), final_url="https://open.example/3"),
        Sent("https://copy.example/1", story(1)),
    )
    planned = take_down(config, what, now=AT, dry_run=True)
    done = take_down(config, what, now=AT)
    assert (done.articles, done.matched) == (planned.articles, planned.matched) == (2, True)
    assert done.also == planned.also
    assert "https://short.example/1" in done.also and "https://short.example/3" not in done.also
    assert [row["withheld"] is not None for row in rows(press)] == [True, True, False, False]
    assert everybyte.holding(config.path, [story(2)]) == []
    assert rows(press)[3]["body"] == story(1)  # the copy elsewhere has it now
    again = take_down(config, what, now=AT)
    assert (again.articles, again.already, again.also) == (0, 2, done.also)
    press.send(Sent("https://short.example/1", story(1)), Sent("https://other.example/1", story(1)))
    assert [row["url"] for row in rows(press)][4:] == ["https://other.example/1"]
    assert audit(config.path).right
    press.close()
