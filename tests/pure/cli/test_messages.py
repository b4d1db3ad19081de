"""What commands say: what they did, what is wrong and how to mend it, each in a line."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import synthetic

Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def say(newsmill: Say, monkeypatch: pytest.MonkeyPatch) -> Say:
    """The command on a terminal of unknown width."""
    monkeypatch.delenv("COLUMNS", raising=False)
    return newsmill


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("told") / "a lake"
    return synthetic.made(folder, batches=2, size=20)


@pytest.mark.parametrize(
    "command",
    [
        ("audit",), ("replay", "--quarantine"), ("replay",), ("compact",), ("gc",), ("report",),
        ("explain", "https://a.example/"), ("takedown", "https://a.example/"),
        ("lake", "adopt"), ("lake", "recover"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_command_names_the_place_when_there_is_no_lake(
    say: Say, command: tuple[str, ...], tmp_path: Path
) -> None:
    group = 2 if command[0] == "lake" else 1
    code, _, err = say(*command[:group], tmp_path / "no where", *command[group:])
    assert code == 2
    assert f"error: {tmp_path / 'no where'}: no newsmill lake\n" in err


def test_error_of_a_lake_has_no_name_of_a_class_and_a_command_that_a_shell_reads(
    say: Say, lake: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(lake, tmp_path / "a copy")
    for command, expected in (("audit", 2), ("gc", 1), ("report", 1), ("compact", 1)):
        code, _, err = say(command, copy)
        assert (code, err.startswith(f"error: {copy}: ")) == (expected, True)
        assert f"`newsmill lake adopt {shlex.quote(str(copy))}`" in err
        assert f"`newsmill lake adopt {shlex.quote(str(copy))} --moved`" in err


def test_audit_breaks_no_line_in_a_pipe(say: Say, lake: Path) -> None:
    code, out, _ = say("audit", lake)
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == [
        *("records", "committed", "broker", "files", "orphans", "rules", "seconds", "right")
    ]


def test_audit_ends_with_two_when_the_broker_does_not_answer(say: Say, lake: Path) -> None:
    code, _, err = say("audit", lake, "--bootstrap", "127.0.0.1:1")
    assert code == 2
    assert err.startswith("error: ")


def test_compact_says_so_when_there_is_nothing_to_merge(say: Say, lake: Path) -> None:
    code, out, _ = say("compact", lake)
    assert (code, out) == (0, "nothing to merge: no hour before the newest has two small files\n")


def test_config_show_has_values_of_json(say: Say, tmp_path: Path) -> None:
    _, out, _ = say("config", "show", "--json", "--set", "enrich.models=[]")
    shown = {key: row["value"] for key, row in json.loads(out).items()}
    assert shown["kafka.ssl_ca_file"] is None
    assert shown["page.learn_boilerplate"] is False
    assert shown["enrich.models"] == []
    assert shown["lake.catalog"] == {}
    assert shown["batch.max_records"] == 5000
    assert shown["rights.on_reserved"] == "keep"
    _, text, _ = say("config", "show")
    assert "None" not in text and "True" not in text


def test_config_that_sets_nothing_is_told(say: Say, tmp_path: Path) -> None:
    empty = tmp_path / "mill.yaml"
    empty.write_text("# kafka:\n", encoding="utf-8")
    code, out, err = say("config", "validate", "-c", empty)
    assert (code, err) == (0, f"{empty}: sets nothing\n")
    assert out.startswith("the configuration is right: 0 of ")
    empty.write_text("kafka: {topic: pages}\n", encoding="utf-8")
    code, out, err = say("config", "validate", "-c", empty)
    assert (code, err) == (0, "")
    assert out.startswith("the configuration is right: 1 of ") and "topic pages at " in out
