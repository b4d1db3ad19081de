"""What a command may take down, and where it may write: mistakes end with exit code 2 and change nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import synthetic

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("targets") / "lake"
    return synthetic.made(folder, batches=1, size=40, partitions=(0,))


def held(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("", "nothing is named"),
        ("*", "*: is no domain name"),
        ("com", "com: is a public suffix"),
        ("co.uk", "co.uk: is a public suffix"),
        ("example", "example: is no domain of a site"),
        ("paper.example/story", "paper.example/story: is no domain name"),
        ("https://", "no usable host"),
    ],
)
def test_takedown_of_no_site_ends_with_two_and_says_what_is_wrong(
    newsmill: Run, lake: Path, what: str, said: str
) -> None:
    before = held(lake)
    code, _, err = newsmill("takedown", lake, what)
    assert code == 2 and said in err and "https:///" not in err
    assert "a domain, e.g. paper.example" in err and held(lake) == before


def test_taken_down_record_is_shown_as_such_and_not_as_one_that_can_be_exported(
    newsmill: Run, tmp_path: Path
) -> None:
    lake = synthetic.made(tmp_path / "lake", batches=1, size=40)
    rows = json.loads(
        newsmill(
            "sql",
            lake,
            'SELECT topic, partition, "offset", url FROM quarantine WHERE url IS NOT NULL LIMIT 1',
            "--format",
            "json",
        )[1]
    )
    name = f"{rows['topic']}/{rows['partition']}/{rows['offset']}"
    shown = newsmill("quarantine", "show", lake, name)[1].splitlines()
    assert (
        len({len(line) - len(line.split(maxsplit=1)[-1]) for line in shown if line.startswith("payload_")})
        == 1
    )
    assert any(
        line.startswith("payload ") and "`newsmill quarantine export` writes" in line for line in shown
    )
    assert newsmill("takedown", lake, rows["url"])[0] == 0
    code, out, _ = newsmill("quarantine", "show", lake, name)
    (payload,) = [line for line in out.splitlines() if line.startswith("payload ")]
    assert code == 0 and "taken down (" in payload and "export" not in payload
    assert not any(line.split() == ["message"] for line in out.splitlines())
    (listed,) = [line for line in newsmill("quarantine", "list", lake)[1].splitlines() if name in line]
    assert listed.endswith("  taken down")
    assert "message: taken down" in newsmill("explain", lake, name)[1]
    code, _, err = newsmill("quarantine", "export", lake, name, "-o", tmp_path / "bytes")
    assert code == 1 and "taken down" in err and not (tmp_path / "bytes").exists()


@pytest.mark.parametrize(
    "option", [("up", "--port"), ("portable", "--job-port"), ("portable", "--pool-port")], ids=lambda o: o[1]
)
@pytest.mark.parametrize("port", ["99999", "-1"])
def test_port_that_is_none_is_refused(newsmill: Run, option: tuple[str, str], port: str) -> None:
    command, name = option
    code, _, err = newsmill("dev", command, name, port)
    assert code == 2 and f"{name}': must be at " in err


@pytest.mark.parametrize(
    "command",
    [
        *[("replay",), ("replay", "--from-raw"), ("replay", "--quarantine")],
        *[("quarantine", "list"), ("quarantine", "replay")],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("until", ["2026-12-01", "2026-12-05"])
def test_range_that_no_time_is_in_is_refused(
    newsmill: Run, lake: Path, command: tuple[str, ...], until: str
) -> None:
    code, _, err = newsmill(*command, lake, "--from", "2026-12-05", "--to", until)
    assert code == 2
    assert f"--from 2026-12-05T00:00:00 --to {until}T00:00:00: no time is between them" in err


def test_replay_tells_both_reasons_when_no_raw_record_is_there(newsmill: Run, lake: Path) -> None:
    code, _, err = newsmill("replay", lake, "--from-raw", "--to", "2026-12-05", "--dry-run")
    assert code == 0 and "lake.keep_raw" in err and "lake.raw_days" in err


def test_report_writes_over_nothing_but_an_earlier_report(newsmill: Run, lake: Path, tmp_path: Path) -> None:
    notes, link, page = tmp_path / "notes.html", tmp_path / "link.html", tmp_path / "page.html"
    notes.write_text("<!DOCTYPE html><title>Notes</title>")
    link.symlink_to(lake / "catalog.db")
    own = [path for path in lake.rglob("*") if path.is_file()]
    before = held(lake)
    for target in (notes, link, *own[:5]):
        code, _, err = newsmill("report", lake, "-o", target)
        assert code == 2 and f"{target}: is " in err
    assert held(lake) == before and notes.read_text().endswith("Notes</title>")
    for target in (page, page):
        assert newsmill("report", lake, "-o", target)[0] == 0
        assert "</html>" in target.read_text()


@pytest.mark.parametrize(
    "command",
    [
        ("raw", "LAKE", "wire/0/1", "-o"),
        ("changes", "LAKE", "-o"),
        ("report", "LAKE", "-o"),
        ("quarantine", "export", "LAKE", "wire/0/1", "-o"),
        ("kb", "build", "-o"),
        ("kb", "build"),
        ("init",),
        ("demo", "--no-kafka", "--lake"),
        ("dev", "up", "--data"),
    ],
    ids=" ".join,
)
def test_command_writes_nothing_into_a_lake_when_its_output_is_in_one(
    newsmill: Run, lake: Path, tmp_path: Path, command: tuple[str, ...]
) -> None:
    """Its own lake or another, by a link or not, in place of a file of it or beside them."""
    link, before = tmp_path / "link", held(lake)
    link.symlink_to(lake)
    own = lake / "articles" / "metadata" / "version-hint.text"
    folders = command[0] in ("init", "dev", "demo", "kb")
    for target in (lake, link / "x") if folders else (own, lake / "x.html", link / "fate" / "x.html"):
        code, _, err = newsmill(*(lake if part == "LAKE" else part for part in command), target)
        assert code == 2 and f"{target}: is in the lake {lake}: name a place outside of it" in err
    assert held(lake) == before


@pytest.mark.parametrize(
    "command", [("explain",), ("raw",), ("quarantine", "show"), ("takedown",)], ids=" ".join
)
def test_lake_alone_is_told_to_lack_what_it_is_asked_for(
    newsmill: Run, lake: Path, command: tuple[str, ...]
) -> None:
    before = held(lake)
    code, _, err = newsmill(*command, lake)
    assert code == 2 and f"{lake} is a lake: WHAT is missing after it" in err and held(lake) == before
    code, _, err = newsmill(*command, lake.parent)
    assert code == 2 and f"{lake.parent} is a folder and no lake: name a lake, and WHAT after it" in err
