"""A URL is known as long as the lake is, and by an index that was filled from it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from newsmill.config import LakeConfig
from newsroom import story
from wirelake import AT, MINUTE, Press, Sent

DAY = 24 * 60 * MINUTE
PAGE = Sent("https://one.example/a", story(1))
OTHER = Sent("https://two.example/b", story(2))


@pytest.fixture
def press(tmp_path: Path) -> Iterator[Press]:
    made = Press(LakeConfig(path=str(tmp_path / "lake")))
    yield made
    made.close()


def rows(press: Press) -> list[tuple[str, int, str]]:
    """URL, revision and fate of all rows, in order of commit."""
    return [
        (row["url"], row["revision"], row["fate"])
        for table in press.lake.articles(days=10_000, columns=["url", "revision", "fate"])
        for row in table.to_pylist()
    ]


@pytest.mark.parametrize("restarts", [False, True])
def test_page_read_again_after_months_is_a_redelivery_and_a_changed_one_the_next_revision(press, restarts):
    press.send(PAGE, at=AT)
    press.send(OTHER, at=AT + 90 * DAY)
    if restarts:
        press.restart()
    press.send(PAGE, at=AT + 91 * DAY)
    press.send(Sent(PAGE.url, story(3)), at=AT + 92 * DAY)
    if restarts:
        press.restart()
    press.send(Sent(PAGE.url, story(3)), at=AT + 180 * DAY)
    press.send(Sent(PAGE.url, story(1)), at=AT + 181 * DAY)
    assert rows(press) == [
        (PAGE.url, 1, "article"),
        (OTHER.url, 1, "article"),
        (PAGE.url, 2, "revision"),
        (PAGE.url, 3, "revision"),
    ]
