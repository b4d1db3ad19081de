"""What commands say: what they did, what is wrong and how to mend it, each in a line."""

from __future__ import annotations

import json
import re
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
    for command in ("audit", "gc", "report", "compact"):
        code, _, err = say(command, copy)
        assert (code, err.startswith(f"error: {copy}: ")) == (1, True)
        assert f"`newsmill lake adopt {shlex.quote(str(copy))}`" in err
        assert f"`newsmill lake adopt {shlex.quote(str(copy))} --moved`" in err


def test_audit_breaks_no_line_in_a_pipe(say: Say, lake: Path) -> None:
    code, out, _ = say("audit", lake)
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == [
        *("records", "committed", "broker", "files", "orphans", "rules", "seconds", "right")
    ]


def test_audit_fails_as_other_commands_do_when_the_broker_does_not_answer(say: Say, lake: Path) -> None:
    code, _, err = say("audit", lake, "--bootstrap", "127.0.0.1:1", "--topic", synthetic.TOPIC)
    assert code == 1
    assert err.startswith("error: ")


def test_compact_says_so_when_there_is_nothing_to_merge(say: Say, lake: Path) -> None:
    assert say("compact", lake)[0] == 0
    code, out, _ = say("compact", lake)
    assert (code, out) == (
        0,
        "nothing to merge: no past span, day or hour has files to join\n",
    )


def test_keepers_say_in_json_that_there_was_nothing_to_do(say: Say, lake: Path) -> None:
    assert say("compact", lake)[0] == 0
    for command, total in (
        (("compact",), {"files": 0, "into": 0, "left": 0, "dry_run": False}),
        (("compact", "--dry-run"), {"files": 0, "into": 0, "left": 0, "dry_run": True}),
        (("gc", "--dry-run"), {"files": 0, "bytes": 0, "reasons": {}, "dry_run": True}),
    ):
        code, out, _ = say(*command, lake, "--json")
        told = json.loads(out)["total"]
        assert code == 0 and {key: told[key] for key in total} == total


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


GROUPS = ("lake", "config", "kb", "dev", "quarantine", "overrides")


@pytest.mark.parametrize("command", [*GROUPS, "lake adopt", "kb build", "run", "gc"])
def test_help_looks_alike_and_keeps_its_brackets_whatever_the_command(say: Say, command: str) -> None:
    code, out, _ = say(*command.split(), "--help")
    assert code == 0
    assert re.match(rf"Usage: .*newsmill {command} ", out)
    assert not set(out) & set("╭│╰─")
    assert "completion" not in out
    if command == "run":
        assert "enrich.models=[en]" in out
    assert say(*command.split(), "-h") == (0, out, "")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("gc", "--grace-hours", "0"), "'--grace-hours': must be at least 1, got 0"),
        (("gc", "--grace-hours", "nan"), "'--grace-hours': must be at "),
        (("gc", "--grace-hours", "a day"), "'--grace-hours': must be a number, got a day"),
        (("gc", "--keep-snapshots", "1.5"), "'--keep-snapshots': must be a whole number, got 1.5"),
        (("compact", "--target-mb", "0"), "'--target-mb': must be at least 1, got 0"),
        (("run", "--runner", "spark"), "'--runner': must be direct, prism or flink, got spark"),
        (("run", "--on-data-loss", ""), "'--on-data-loss': must be fail or skip, got nothing"),
        (("dev", "up", "--port", "x"), "'--port': must be a whole number, got x"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_option_is_refused_in_the_words_of_the_settings(
    say: Say, arguments: tuple[str, ...], expected: str
) -> None:
    code, _, err = say(*arguments)
    assert code == 2
    assert f"Error: Invalid value for {expected}" in err
    assert "nput should" not in err


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("kafka.sasl_password=", "kafka.sasl_password: must not be empty"),
        ("portable.worker_pool_token=", "portable.worker_pool_token: must not be empty"),
        (
            "batch.max_records=1e99",
            "must be a whole number of at most 16 digits, written without an exponent",
        ),
        ("batch.max_records=99999999999999999999", "must be at most 9007199254740992"),
        ("batch.max_records=many", "must be a whole number, got 'many'"),
    ],
)
def test_setting_is_refused_with_what_it_must_be(say: Say, setting: str, expected: str) -> None:
    code, _, err = say("config", "validate", "--set", setting)
    assert code == 2
    assert expected in err


def test_empty_setting_of_a_file_got_nothing(say: Say, tmp_path: Path) -> None:
    file = tmp_path / "mill.yaml"
    file.write_text("kafka:\n  topic:\nlake:\n  path:\nbatch:\n  max_records:\n", encoding="utf-8")
    code, _, err = say("config", "validate", "-c", file)
    assert code == 2
    assert [line.partition(", got ")[2] for line in err.splitlines()] == ["nothing"] * 3


def test_gc_and_audit_tell_of_files_that_are_too_young_to_go(say: Say, lake: Path, tmp_path: Path) -> None:
    littered = shutil.copytree(lake, tmp_path / "littered")
    assert say("lake", "adopt", littered)[0] == 0
    newest = max((littered / "fate" / "data").rglob("*.parquet"))
    (newest.parent / f"{'ab' * 32}.parquet").write_bytes(b"left over")
    code, out, _ = say("gc", littered)
    assert code == 0
    assert out.startswith("0 files, 0.0 MB removed; ") and "younger than 24 h, stay" in out
    code, out, _ = say("audit", littered)
    assert "`newsmill gc` removes them once they are older than 24 h" in out
