"""No page makes the reading code open a socket, whatever it names."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

import pytest

from hostile_pages import CASES, Case, html, page
from newsmill.config import InputConfig, PageConfig
from newsmill.errors import Rejected
from newsmill.page.analysis import read_page_any

NAMING = [
    *(case for case in CASES if len(case.body) < 100_000),
    Case("an iframe", html(after="<iframe src=http://127.0.0.1:9/></iframe>"), set()),
    Case("a DTD elsewhere", b'<!DOCTYPE html SYSTEM "http://127.0.0.1:9/x.dtd">' + html(), set()),
    Case(
        "a context elsewhere",
        html(head='<script type="application/ld+json">{"@context":"http://127.0.0.1:9/"}</script>'),
        set(),
    ),
    Case(
        "a prefetch",
        html(head="<link rel=dns-prefetch href=//127.0.0.1:9><link rel=preload href=http://127.0.0.1:9/x>"),
        set(),
    ),
    Case("an xinclude", html(after='<xi:include href="http://127.0.0.1:9/x"/>'), set()),
    Case("a title that is a URL", html(title="http://127.0.0.1:9/x"), set()),
]
_events: list[str] | None = None


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if _events is not None and (
        event.startswith(("socket.", "urllib.", "ftplib.", "http.")) or event == "subprocess.Popen"
    ):
        _events.append(f"{event} {arguments!r}")


sys.addaudithook(_hook)


@pytest.fixture
def events() -> Iterator[list[str]]:
    global _events
    _events = []
    yield _events
    _events = None


@pytest.mark.parametrize("case", NAMING, ids=lambda case: case.name)
def test_page_opens_no_socket(case: Case, events: list[str]) -> None:
    with contextlib.suppress(Rejected):
        read_page_any(page(case), page=PageConfig(), input=InputConfig())
    assert events == []


def test_audit_sees_a_socket(events: list[str]) -> None:
    import socket

    with socket.socket() as opened:
        opened.settimeout(0.1)
        with pytest.raises(OSError):
            opened.connect(("127.0.0.1", 9))
    assert any(event.startswith("socket.connect") for event in events)
