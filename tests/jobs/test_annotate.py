import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

from newsmill.config import Config, InputConfig
from newsmill.jobs.annotate import annotate as run

STORY = "\n".join(
    f"<p>The harbour master of Port Alder counted {n} ships on Monday, said Mayor Ann Example of Lisbon.</p>"
    for n in range(12)
)
HEAD = "<html lang=en><head><title>Ships</title></head>"
PAGE = f"{HEAD}<body><article><h1>Ships</h1>{STORY}</article></body></html>"


def annotate(lines: list[dict[str, object]], *arguments: str) -> subprocess.CompletedProcess[str]:
    text = "\n".join(json.dumps(line) for line in lines)
    return subprocess.run(
        [sys.executable, "-m", "newsmill", "annotate", "-", *arguments],
        input=text,
        capture_output=True,
        text=True,
        timeout=200,
    )


def test_annotate_gives_a_line_each_in_order_whatever_the_input(tmp_path: Path) -> None:
    (tmp_path / "stored.html.gz").write_bytes(gzip.compress(PAGE.encode()))
    (tmp_path / "file.html").write_text(PAGE, encoding="utf-8")
    lines: list[dict[str, object]] = [
        {"id": "stored", "url": "https://a.example/1"},
        {"id": "inline", "html": PAGE, "url": "https://b.example/1"},
        {"id": "path", "html_path": str(tmp_path / "file.html")},
        {"id": "text", "text": "Kabul is a city. The mayor of Lisbon spoke in Kabul."},
        {"id": "deep", "html": "<div>" * 5000},
        {"id": "separator", "text": "one\u2028line"},
    ]
    lines += [{"id": f"more{n}", "text": f"Short text number {n} about Lisbon."} for n in range(40)]
    done = annotate(lines, "--pages", str(tmp_path), "--processes", "2")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["id"] for row in rows] == [line["id"] for line in lines]
    by_id = {row["id"]: row for row in rows}
    assert "ships on Monday" in by_id["stored"]["text"]
    assert by_id["stored"]["cluster"] == by_id["inline"]["cluster"] == by_id["path"]["cluster"]
    assert by_id["deep"]["fate"] == "quarantined" and by_id["deep"]["error"].startswith("E_NESTING")
    text = by_id["text"]
    assert text["text"] == lines[3]["text"]
    for kind in ("places", "entities", "links"):
        for span in text[kind]:
            assert text["text"][span["start"] : span["end"]] in ("Kabul", "Lisbon")
    assert {text["text"][p["start"] : p["end"]] for p in text["places"]} == {"Kabul", "Lisbon"}
    assert set(text) == {
        *(
            "id",
            "fate",
            "title",
            "date",
            "author",
            "text",
            "lang",
            "lang_script",
            "links",
            "entities",
            "places",
        ),
        *("cluster", "origin", "duplicate", "error"),
    }


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{broken", "line 1: no JSON"),
        ('{"text": "no id"}', "line 1: must be an object with a text `id`"),
        ('{"id": "x"}', "line 1: has neither html, html_path nor text; give --pages DIR"),
        ('{"id": "x", "html": "<p>a", "text": "b"}', "line 1: has html and text: give one of them"),
        ('{"id": "x", "html_path": "/none"}', "line 1: its page: /none: No such file"),
        ('{"id": "x", "html_path": "a\\u0000b"}', "line 1: its page: "),
        ('{"id": "x", "html": 7}', "line 1: `html` must be a text"),
        ('{"id": "x", "url": 7, "text": "Rain."}', "line 1: `url` must be a text"),
        ("[" * 100_000, "line 1: no JSON"),
        ("\udcff", "line 1: no JSON"),
    ],
    ids=["json", "id", "pages", "two", "path", "zero", "html", "url", "nested", "charset"],
)
def test_annotate_names_the_line_and_does_the_others_when_one_is_wrong(line: str, said: str) -> None:
    text = f'{line}\n\n{{"id": "good", "text": "The port of Lisbon is open."}}\n'
    rows = list(run(text.encode("utf-8", "surrogateescape").split(b"\n"), Config(), processes=1))
    assert [row["fate"] for row in rows] == ["quarantined", "article"]
    assert said in rows[0]["error"] and rows[0]["error"].startswith("E_SCHEMA: ")
    assert rows[0]["id"] == ("x" if '"x"' in line else None)
    assert rows[1]["id"] == "good" and rows[1]["error"] is None


def test_author_is_a_list_when_the_byline_names_people_an_office_or_nobody() -> None:
    prose = (
        "<p>The ferry crosses the Alder again after eleven years, the council of Brackenford said.</p>" * 5
    )
    pages = [
        f"<html><title>Ferry</title><h1>Ferry crosses again</h1><p class=byline>{line}</p>{prose}</html>"
        for line in ("By Ada Holm and Per Lund", "By Editorial Team", "")
    ]
    lines = [json.dumps({"id": str(n), "html": page}).encode() for n, page in enumerate(pages)]
    rows = list(run(lines, Config(), processes=1))
    assert [row["author"] for row in rows] == [["Ada Holm", "Per Lund"], ["Editorial Team"], []]


def test_annotate_ends_with_one_and_the_number_when_lines_are_wrong() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "newsmill", "annotate", "-"],
        input='{broken\n{"id": "good", "text": "The port of Lisbon is open."}\n',
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 2
    assert done.stderr.splitlines()[-2:] == [
        "2 lines annotated: 1 quarantined, 1 article",
        "1 of them can't be read: see `error`",
    ]


@pytest.mark.parametrize("content", [gzip.compress(PAGE.encode())[:-20], b"no gzip", b"\x1f\x8b" + b"x" * 50])
def test_annotate_quarantines_a_stored_page_that_is_torn(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "torn.html.gz").write_bytes(content)
    (row,) = run(['{"id": "torn"}'], Config(), pages=tmp_path, processes=1)
    assert row["fate"] == "quarantined"


def test_annotate_unpacks_no_more_of_a_page_than_is_allowed(tmp_path: Path) -> None:
    (tmp_path / "bomb.html.gz").write_bytes(gzip.compress(b"a" * 5_000_000))
    config = Config(input=InputConfig(max_decompressed_bytes=1_000_000))
    (row,) = run(['{"id": "bomb"}'], config, pages=tmp_path, processes=1)
    assert row["error"].startswith("E_SIZE: line 1: ")


def test_annotate_refuses_an_id_that_leads_out_of_the_folder(tmp_path: Path) -> None:
    done = annotate([{"id": "../../etc/passwd"}], "--pages", str(tmp_path))
    assert done.returncode == 1
    assert "leads out of" in done.stdout
