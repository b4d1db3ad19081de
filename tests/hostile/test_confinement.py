"""A child of the sandbox that somebody else controls: each attempt is refused, by SECURITY.md's list."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import sandbox_attempts
from newsmill.config import InputConfig, PageConfig
from newsmill.errors import Code, Rejected
from newsmill.page.sandbox import Sandbox
from newsmill.records import Position, RawPage

ATTEMPTS = [*sandbox_attempts.PYTHON, *sandbox_attempts.NATIVE]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    os.environ["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(Path(sandbox_attempts.__file__).parent), os.environ.get("PYTHONPATH")])
    )
    with Sandbox(
        page=PageConfig(processes=2), input=InputConfig(), read="sandbox_attempts:attempt"
    ) as opened:
        yield opened


def test_every_attempt_of_a_hostile_child_is_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("kept")
    pages = [
        RawPage(
            position=Position(topic="t", partition=0, offset=0),
            url=f"https://example.org/{name.replace(' ', '_')}",
            body=os.fsencode(tmp_path),
        )
        for name in ATTEMPTS
    ]
    outcomes = dict(zip(ATTEMPTS, sandbox.map(pages), strict=True))
    found = {
        name: outcome.code.value if isinstance(outcome, Rejected) else getattr(outcome, "title", "read")
        for name, outcome in outcomes.items()
    }
    assert found == {
        name: "refused" if name in sandbox_attempts.REFUSED else Code.FORBIDDEN.value for name in ATTEMPTS
    }
    assert list(tmp_path.iterdir()) == [kept] and kept.read_text() == "kept"
    assert all(
        "forbidden in the sandbox: " in outcome.message
        for outcome in outcomes.values()
        if isinstance(outcome, Rejected)
    )


def test_list_of_attempts_is_that_of_the_document() -> None:
    document = (Path(__file__).parents[2] / "SECURITY.md").read_text(encoding="utf-8")
    assert [name for name in ATTEMPTS if f"| {name} |" not in document] == []


def test_child_tells_what_holds_it(sandbox: Sandbox) -> None:
    page = RawPage(
        position=Position(topic="t", partition=0, offset=0),
        url="https://example.org/read_a_file",
        body=b"/none",
    )
    assert sandbox.map([page]) == [sandbox_attempts.told("refused")]
    assert sandbox.confined_by == ("seccomp",)
