"""The commands that look into a lake: quarantine, tail and sql, on a lake of the made-up stream."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from duckdb.sqltypes import BIGINT

import synthetic
from newsmill.cli import sql
from newsmill.config import LakeConfig
from newsmill.errors import ConfigError
from newsmill.lake import reader
from newsmill.lake.writer import Lake
from newsmill.observe import quarantine
from newsmill.observe.newest import Newest
from newsmill.observe.questions import connect, is_query
from newsmill.records import Position

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("looking") / "a lake"
    return synthetic.made(folder, batches=2, size=40, partitions=(0, 1))


def held(lake: Path) -> list[Position]:
    rows = reader.rows(str(lake), "quarantine").to_table(columns=["topic", "partition", "offset"]).to_pylist()
    return [Position(**row) for row in rows]


def test_list_has_each_record_once_and_counts_codes(newsmill: Run, lake: Path) -> None:
    code, out, _ = newsmill("quarantine", "list", lake)
    *listed, total = out.splitlines()
    places = {f"{p.topic}/{p.partition}/{p.offset}" for p in held(lake)}
    assert code == 0
    assert {line.split()[0] for line in listed} == places
    assert total.startswith(f"{len(places)} records in quarantine: ")


def test_filters_select_by_code_site_and_time(lake: Path) -> None:
    everything = quarantine.records(str(lake), quarantine.Filter())
    some = everything[0]
    for wanted, holds in (
        (quarantine.Filter(code=some["code"]), lambda row: row["code"] == some["code"]),
        (quarantine.Filter(site=some["site"]), lambda row: row["site"] == some["site"]),
        (quarantine.Filter(since=some["ingested_at"]), lambda row: row["ingested_at"] >= some["ingested_at"]),
        (quarantine.Filter(until=some["ingested_at"]), lambda row: row["ingested_at"] < some["ingested_at"]),
        (quarantine.Filter(since=datetime(2100, 1, 1, tzinfo=UTC)), lambda row: False),
        (quarantine.Filter(code="E_NONE"), lambda row: False),
    ):
        assert quarantine.records(str(lake), wanted) == [row for row in everything if holds(row)]


def test_show_and_export_have_the_records_bytes(newsmill: Run, lake: Path, tmp_path: Path) -> None:
    place = held(lake)[0]
    name = f"{place.topic}/{place.partition}/{place.offset}"
    found = quarantine.record(str(lake), place)
    assert found is not None
    code, out, _ = newsmill("quarantine", "show", lake, name)
    assert code == 0 and found["code"] in out and found["message"] in out
    assert json.loads(newsmill("quarantine", "show", lake, name, "--json")[1])["offset"] == place.offset
    code, _, _ = newsmill("quarantine", "export", lake, name, "-o", tmp_path / "r")
    assert code == 0 and (tmp_path / "r").read_bytes() == found["payload"]
    code, _, err = newsmill("quarantine", "export", lake, name, "-o", tmp_path / "r")
    assert code == 2 and "is there already" in err
    assert (tmp_path / "r").read_bytes() == found["payload"]


@pytest.mark.parametrize("what", ["x", "a/b", "/0/1", "t/0/x", "t/-1/1", "t/٣/1"])
def test_place_that_is_none_is_refused(what: str) -> None:
    with pytest.raises(ConfigError, match="must be topic/partition/offset"):
        quarantine.place_of(what)


def test_record_that_is_not_in_quarantine_ends_with_one(newsmill: Run, lake: Path) -> None:
    code, _, err = newsmill("quarantine", "show", lake, "nothing/0/0")
    assert (code, err) == (1, "nothing/0/0 is not in quarantine\n")


def test_replay_selects_by_site(newsmill: Run, lake: Path) -> None:
    everything = quarantine.records(str(lake), quarantine.Filter())
    site = everything[0]["site"]
    wanted = sum(row["site"] == site for row in everything)
    code, out, _ = newsmill("quarantine", "replay", lake, "--site", site, "--dry-run", "--json")
    assert code == 0 and json.loads(out)["records"] == wanted
    code, out, _ = newsmill("quarantine", "replay", lake, "--site", "none.example", "--dry-run", "--json")
    assert json.loads(out)["records"] == 0


def test_tail_prints_the_newest_articles_last(newsmill: Run, lake: Path) -> None:
    rows = reader.rows(str(lake), "articles").to_table(
        columns=["ingested_at", "topic", "partition", "offset"]
    )
    ordered = rows.sort_by([(name, "ascending") for name in rows.column_names]).to_pylist()
    _, out, _ = newsmill("tail", lake, "-n", 5, "--json")
    printed = [json.loads(line) for line in out.splitlines()]
    assert [(r["partition"], r["offset"]) for r in printed] == [
        (r["partition"], r["offset"]) for r in ordered[-5:]
    ]
    _, out, _ = newsmill("tail", lake, "-n", 3)
    assert len(out.splitlines()) == 3
    of_a_site = [row for row in Newest(str(lake)).last(1000) if row["domain"] == "site1.example"]
    assert 3 < len(of_a_site) < len(ordered)
    assert Newest(str(lake), lang="en", domain="site1.example").last(3) == of_a_site[-3:]
    assert newsmill("tail", lake, "-n", 0) == (0, "", "")
    assert newsmill("tail", lake, "--lang", "xx") == (0, "", "the lake has no such article yet\n")


def test_tail_follows_what_is_committed_and_nothing_twice(tmp_path: Path) -> None:
    lake = Lake.open(LakeConfig(path=str(tmp_path / "lake")))
    synthetic.fill(lake, tmp_path / "lake", batches=1, size=20)
    newest = Newest(str(tmp_path / "lake"))
    before = newest.last(1000)
    assert list(newest.more()) == []
    synthetic.fill(lake, tmp_path / "lake", batches=2, size=20)
    after = list(newest.more())
    assert list(newest.more()) == []
    lake.release()
    everything = Newest(str(tmp_path / "lake")).last(1000)
    assert before + after == everything
    assert len(after) > len(before) > 0


def test_views_of_sql_agree_with_the_tables(lake: Path) -> None:
    duck = connect(str(lake))
    views = duck.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
    assert {
        "articles_latest",
        "clusters",
        "stories",
        "copies",
        "article_entities_latest",
        "article_entities",
        "sources",
    } <= {view for (view,) in views}
    for (view,) in views:
        duck.execute(f"FROM {view}").fetchall()
    ((articles, latest),) = duck.execute(
        "SELECT (SELECT count(DISTINCT article_id) FROM articles), (SELECT count(*) FROM articles_latest)"
    ).fetchall()
    assert articles == latest > 0
    ((told,),) = duck.execute("SELECT count(DISTINCT article_id) FROM article_clusters").fetchall()
    assert told == latest


@pytest.mark.parametrize(
    ("form", "out"), [("csv", "a,b\n1,x\n"), ("json", '{"a": 1, "b": "x"}\n')], ids=["csv", "json"]
)
def test_sql_prints_rows_in_the_form_asked_for(newsmill: Run, lake: Path, form: str, out: str) -> None:
    assert newsmill("sql", lake, "SELECT 1 AS a, 'x' AS b", "--format", form) == (0, out, "")


HOSTILE = [
    "a\nb",
    "a\rb",
    "a\r\nb",
    'say "so"',
    "x, y",
    "",
    "\x1b[2J",
    "\u2028",
    "\u202e",
    "\ufeff",
    "tab\t",
    "🗞",
]


def in_terminal(*arguments: object) -> str:
    """What a terminal gets of a command."""
    main_end, end = os.openpty()
    command = [sys.executable, "-m", "newsmill", *map(str, arguments)]
    with subprocess.Popen(command, stdout=end) as process:
        os.close(end)
        out = b""
        with suppress(OSError):  # the end of a terminal, on Linux
            while more := os.read(main_end, 65536):
                out += more
        assert process.wait(60) == 0
    os.close(main_end)
    return out.decode()


def test_csv_of_sql_is_read_back_as_it_was_when_texts_hold_line_breaks(
    lake: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    duck = duckdb.connect()
    quoted = ", ".join("('" + text.replace("'", "''") + "')" for text in HOSTILE)
    for query in (f"SELECT x FROM (VALUES {quoted}) t(x)", f"SELECT x, 1 FROM (VALUES {quoted}) t(x)"):
        sql._ask(duck, "a lake", query, sql.Form.CSV)
        out = capfdbinary.readouterr().out.decode()
        read = list(csv.reader(io.StringIO(out, newline="")))
        assert [row[0] for row in read[1:]] == HOSTILE


def test_csv_of_sql_acts_on_no_terminal(lake: Path) -> None:
    out = in_terminal("sql", lake, r"SELECT chr(27) || '[2J' || chr(13) AS x", "--format", "csv")
    assert "\\u001b[2J\\u000d" in out and "\x1b" not in out


def test_sql_gives_values_that_csv_and_json_have_not_in_forms_that_programs_read(
    newsmill: Run, lake: Path
) -> None:
    query = (
        "SELECT 'a\\xFF'::BLOB AS b, ['x', 'y'] AS l, {'k': '\\x00'::BLOB} AS s, true AS t, "
        "'nan'::DOUBLE AS n, MAP {DATE '2026-01-02': 1} AS m, "
        "TIMESTAMP '2026-01-02 03:04:05' AS at, NULL AS z"
    )
    values = ["Yf8=", ["x", "y"], {"k": "AA=="}, True, None, {"2026-01-02": 1}, "2026-01-02T03:04:05", None]
    code, out, err = newsmill("sql", lake, query, "--format", "json")
    assert (code, err) == (0, "")
    assert list(json.loads(out).values()) == values
    code, out, err = newsmill("sql", lake, query, "--format", "csv")
    assert (code, err) == (0, "")
    assert list(csv.reader(io.StringIO(out)))[1] == [
        "Yf8=",
        '["x", "y"]',
        '{"k": "AA=="}',
        "true",
        "nan",
        '{"2026-01-02": 1}',
        "2026-01-02T03:04:05",
        "",
    ]


def test_json_of_sql_has_all_columns_when_some_share_a_name(newsmill: Run, lake: Path) -> None:
    query = "SELECT 1 AS n, 2 AS n, 3 AS n_1, 4 AS n"
    _, out, _ = newsmill("sql", lake, query, "--format", "json")
    assert json.loads(out) == {"n": 1, "n_2": 2, "n_1": 3, "n_3": 4}


def test_commands_give_the_same_time_in_the_same_form(newsmill: Run, lake: Path) -> None:
    def times(*command: object) -> dict[tuple[int, int], str]:
        rows = [json.loads(line) for line in newsmill(*command)[1].splitlines()]
        return {(row["partition"], row["offset"]): row["ingested_at"] for row in rows}

    articles = times("sql", lake, "FROM articles", "--format", "json")
    assert times("tail", lake, "-n", 1000, "--json") == articles
    assert times("changes", lake) == articles
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", at) for at in articles.values())
    bad = times("sql", lake, "FROM quarantine", "--format", "json")
    assert bad and times("quarantine", "list", lake, "--json") == bad


def test_readers_name_the_command_when_a_data_file_is_missing(newsmill: Run, tmp_path: Path) -> None:
    """What does not read the table answers as ever."""
    lake = synthetic.made(tmp_path / "lake", batches=2, size=40)
    lost, *_ = sorted((lake / "articles").rglob("*.parquet"))
    _, fates, _ = newsmill("sql", lake, "SELECT count(*) FROM fate", "--format", "csv")
    lost.unlink()
    told = f"error: articles: {lost}: is visible and not there; run `newsmill audit`\n"
    for command in (
        ("sql", lake, "SELECT count(*) FROM articles"),
        ("sql", lake, "SELECT title FROM articles_latest LIMIT 1", "--format", "json"),
        ("changes", lake),
    ):
        assert newsmill(*command)[::2] == (1, told), command
    assert newsmill("sql", lake, "SELECT count(*) FROM fate", "--format", "csv") == (0, fates, "")
    code, _, err = newsmill("sql", lake, "SELECT nothing FROM articles")
    assert code == 2 and "audit" not in err
    assert newsmill("changes", lake, "--table", "fate")[0] == 0


@pytest.mark.parametrize("form", list(sql.Form))
def test_sql_is_interrupted_when_ctrl_c_comes_while_duckdb_asks_python_for_rows(form: sql.Form) -> None:
    def row(number: int) -> int:
        signal.raise_signal(signal.SIGINT)
        return number

    before = signal.getsignal(signal.SIGINT)
    duck = duckdb.connect()
    duck.create_function("row", row, [BIGINT], BIGINT)
    with pytest.raises(KeyboardInterrupt), sql._interruptible():
        sql._ask(
            duck, "a lake", "SELECT row(range) FROM range(1)", form
        )  # of more, a late one hits what follows
    with pytest.raises(ConfigError), sql._interruptible():
        sql._ask(duck, "a lake", "SELECT error('KeyboardInterrupt')", form)
    assert signal.getsignal(signal.SIGINT) is before


def test_tables_are_listed_when_they_are_asked_for_on_the_command_line(newsmill: Run, lake: Path) -> None:
    for arguments in ((lake, ".tables"), (".tables", "--set", f"lake.path={lake}")):
        code, out, _ = newsmill("sql", *arguments, "--format", "csv")
        assert code == 0 and {"articles", "fate", "articles_latest"} <= set(out.splitlines())


def test_status_before_the_first_run_says_that_it_makes_the_lake(newsmill: Run, tmp_path: Path) -> None:
    code, _, err = newsmill("status", tmp_path / "lake")
    assert code == 2 and "no newsmill lake; if this is its place, the first `newsmill run` makes it" in err


def test_sql_reads_questions_from_standard_input(newsmill: Run, lake: Path) -> None:
    typed = "SELECT 1 AS a;\nSELECT count(*) AS n\nFROM fate;\n"
    code, out, _ = newsmill("sql", lake, "--format", "csv", typed=typed)
    count = reader.rows(str(lake), "fate").count_rows()
    assert (code, out) == (0, f"a\n1\nn\n{count}\n")


def test_sql_that_is_wrong_is_told_and_ends_with_two(newsmill: Run, lake: Path) -> None:
    code, _, err = newsmill("sql", lake, "SELECT nothing FROM fate")
    assert code == 2 and err.startswith("error: Binder Error: ") and "Traceback" not in err


def test_only_argument_of_sql_is_a_question_or_a_lake(tmp_path: Path) -> None:
    (tmp_path / "a lake").mkdir()
    assert not is_query(str(tmp_path / "a lake"))
    assert is_query("FROM articles")


def test_looking_leaves_no_trace(newsmill: Run, lake: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in lake.rglob("*")}
    for command in (("quarantine", "list", lake), ("tail", lake), ("sql", lake, "FROM fate")):
        assert newsmill(*command)[0] == 0
    assert {p: p.stat().st_mtime_ns for p in lake.rglob("*")} == before


def test_tail_that_follows_ends_with_ctrl_c_and_no_trace(lake: Path) -> None:
    command = [sys.executable, "-m", "newsmill", "tail", str(lake), "-f"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        for _ in range(10):
            process.stdout.readline()
        process.send_signal(2)
        assert process.wait(60) == 130
        assert "Traceback" not in process.stderr.read()


def followed(newsmill: Run, lake: Path, *options: object) -> tuple[list[dict], str]:
    """Rows of the feed, and the next --since."""
    code, out, err = newsmill("changes", lake, *options)
    assert code == 0, err
    return [json.loads(line) for line in out.splitlines()], err.rsplit("--since ", 1)[1].strip()


def test_changes_tell_every_row_once_and_then_none(newsmill: Run, lake: Path) -> None:
    rows, until = followed(newsmill, lake)
    assert {row["change"] for row in rows} == {"inserted"}
    assert {row["url"] for row in rows} == set(
        reader.rows(str(lake), "articles").to_table(columns=["url"])["url"].to_pylist()
    )
    assert len({(row["topic"], row["partition"], row["offset"]) for row in rows}) == len(rows) == 120
    assert followed(newsmill, lake, "--since", until) == ([], until)


def test_changes_since_a_snapshot_are_those_of_later_batches(newsmill: Run, lake: Path) -> None:
    snapshots = reader.table(str(lake), "fate").snapshots()
    batches = [s for s in snapshots if s.summary is not None and s.summary["newsmill.until"] is not None]
    assert len(batches) == 2
    rows, until = followed(newsmill, lake, "--since", batches[0].snapshot_id, "--table", "fate")
    assert (len(rows), until) == (76, followed(newsmill, lake)[1])
    assert followed(newsmill, lake, "--since", batches[1].snapshot_id) == ([], until)
    code, _, err = newsmill("changes", lake, "--since", 12345)
    assert (code, "has no snapshot 12345" in err) == (2, True)


@pytest.mark.parametrize("form", ["arrow", "parquet"])
def test_changes_are_the_same_rows_in_each_form(newsmill: Run, lake: Path, tmp_path: Path, form: str) -> None:
    file = tmp_path / "changed"
    code, out, _ = newsmill("changes", lake, "--format", form, "-o", file)
    assert (code, out) == (0, "")
    found = pq.read_table(file) if form == "parquet" else pa.ipc.open_stream(file.read_bytes()).read_all()
    assert found["url"].to_pylist() == [row["url"] for row in followed(newsmill, lake)[0]]
    assert found.schema.field("updated_at").type == pa.timestamp("us", "UTC")


def test_changes_are_the_rows_that_sql_gives_when_both_are_json(newsmill: Run, lake: Path) -> None:
    for table in ("articles", "fate", "article_entities"):
        _, asked, _ = newsmill("sql", lake, f"FROM {table}", "--format", "json")
        held = {json.dumps(json.loads(line), sort_keys=True) for line in asked.splitlines()}
        told, _ = followed(newsmill, lake, "--table", table)
        assert {row.pop("change") for row in told} == {"inserted"}
        assert {json.dumps(row, sort_keys=True) for row in told} == held


@pytest.mark.parametrize(
    "since", ["yesterday", "", "-5", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59-01:00"]
)
def test_changes_refuse_what_is_no_time(newsmill: Run, lake: Path, since: str) -> None:
    code, _, err = newsmill("changes", lake, f"--since={since}")
    assert (code, "must be a time" in err) == (2, True)


def test_changes_refuse_a_parquet_file_without_a_name(newsmill: Run, lake: Path) -> None:
    code, _, err = newsmill("changes", lake, "--format", "parquet")
    assert (code, "needs a file" in err) == (2, True)
