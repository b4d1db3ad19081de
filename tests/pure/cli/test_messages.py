"""What commands say: what they did, what is wrong and how to mend it, each in a line."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from pathlib import Path

import pytest

import synthetic
from newsmill.cli import main
from newsmill.config import LakeConfig
from newsmill.lake.writer import Lake

Said = tuple[int, str, str]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> object:
    """Runs a command in this process: its exit code, and what it printed."""
    monkeypatch.delenv("COLUMNS", raising=False)

    def run(*arguments: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["newsmill", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return run


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("told") / "a lake"
    opened = Lake.open(LakeConfig(path=str(folder)))
    synthetic.fill(opened, folder, batches=2, size=20)
    opened.release()
    return folder


@pytest.mark.parametrize(
    "command",
    [
        ("audit",), ("replay", "--quarantine"), ("replay",), ("compact",), ("gc",), ("report",),
        ("explain", "https://a.example/"), ("takedown", "https://a.example/"),
        ("lake", "adopt"), ("lake", "recover"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_command_names_the_place_when_there_is_no_lake(say, command: tuple[str, ...], tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    group = 2 if command[0] == "lake" else 1
    code, _, err = say(*command[:group], tmp_path / "no where", *command[group:])
    assert code == 2
    assert f"error: {tmp_path / 'no where'}: no newsmill lake\n" in err


def test_error_of_a_lake_has_no_name_of_a_class_and_a_command_that_a_shell_reads(  # type: ignore[no-untyped-def]
    say, lake: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(lake, tmp_path / "a copy")
    for command, expected in (("audit", 2), ("gc", 1), ("report", 1), ("compact", 1)):
        code, _, err = say(command, copy)
        assert (code, err.startswith(f"error: {copy}: ")) == (expected, True)
        assert f"`newsmill lake adopt {shlex.quote(str(copy))}`" in err


def test_audit_breaks_no_line_in_a_pipe(say, lake: Path) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = say("audit", lake)
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == [
        *("records", "committed", "broker", "files", "orphans", "rules", "seconds", "right")
    ]


def test_audit_ends_with_two_when_the_broker_does_not_answer(say, lake: Path) -> None:  # type: ignore[no-untyped-def]
    code, _, err = say("audit", lake, "--bootstrap", "127.0.0.1:1")
    assert code == 2
    assert err.startswith("error: ")


def test_compact_says_so_when_there_is_nothing_to_merge(say, lake: Path) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = say("compact", lake)
    assert (code, out) == (0, "nothing to merge: no hour before the newest has two small files\n")


def test_config_show_has_values_of_json(say, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
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


def test_config_that_sets_nothing_is_told(say, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    empty = tmp_path / "mill.yaml"
    empty.write_text("# kafka:\n", encoding="utf-8")
    code, out, err = say("config", "validate", "-c", empty)
    assert (code, err) == (0, f"{empty}: sets nothing\n")
    assert out.startswith("the configuration is right: 0 of ")
    empty.write_text("kafka: {topic: pages}\n", encoding="utf-8")
    code, out, err = say("config", "validate", "-c", empty)
    assert (code, err) == (0, "")
    assert out.startswith("the configuration is right: 1 of ") and "topic pages at " in out
