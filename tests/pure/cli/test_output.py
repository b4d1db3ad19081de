"""Whatever a page holds, nothing that the commands print acts on a terminal."""

from __future__ import annotations

import io
import json
import re
import sys

import pytest
import structlog
from hypothesis import given, strategies as st
from rich.table import Table

from newsmill.cli import failures, logs
from newsmill.cli.output import Screen, plain, say
from newsmill.errors import ConfigError, LakeError

ACTING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
HOSTILE = [
    *(
        "\x1b]0;owned\x07",
        "\x1b[2J",
        "\x9b2J",
        "\x1bP$q\x1b\\",
        "a\rb",
        "a\bb",
        "\x7f",
        "\x00",
        "\x85",
        "\u2028",
    ),
    *("\u202eetad", "\u2066x\u2069", "\ud83d", "\x1b]8;;http://x\x07link\x1b]8;;\x07", "\x0b\x0c", "\ufeff"),
]


@given(st.text())
def test_plain_text_holds_nothing_that_acts_and_json_reads_the_same(text: str) -> None:
    assert not ACTING.search(plain(text))
    assert json.loads(plain(json.dumps(text, ensure_ascii=False))) == text
    assert plain(plain(text)) == plain(text)


@pytest.mark.parametrize("text", HOSTILE)
def test_lines_tables_errors_and_logs_are_plain(
    text: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    say(text)
    say(text, err=True)
    screen = Screen()
    screen.print(text, markup=False)
    table = Table("what", text)
    table.add_row(text, text)
    screen.print(table)
    for error in (
        LakeError(text),
        ConfigError([text]),
        OSError(2, text, text),
        RuntimeError(text),
        KeyError(text),
    ):
        failures.told(error)
    for terminal in (True, False):
        monkeypatch.setattr(sys.stderr, "isatty", lambda answer=terminal: answer, raising=False)
        logs.configure(verbose=False, quiet=False)
        structlog.get_logger().info(text, value=text, list=[text])
    out, err = capsys.readouterr()
    colours = re.compile(r"\x1b\[[0-9;]*m")
    assert out and not ACTING.search(out)
    assert err and not ACTING.search(colours.sub("", err))


def test_screen_keeps_its_own_colours_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    file = io.StringIO()
    screen = Screen(highlight=False)
    screen.file = file
    screen.print("[red]\x1b[2Jx[/]")
    assert file.getvalue() == "\x1b[31m\\u001b[2Jx\x1b[0m\n"
