"""Pages that want to break something: each has its fate and code, and the next page is unharmed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hostile_pages import ARTICLE, CASES, TITLE, Case, html, page
from newsmill.config import InputConfig, PageConfig
from newsmill.errors import Rejected
from newsmill.page.sandbox import Sandbox
from newsmill.records import NotArticle, Page

SMALL = PageConfig(wall_limit_s=8, cpu_limit_s=5, memory_limit_mb=700, processes=2)
INPUT = InputConfig()


def fate(outcome: Page | NotArticle | Rejected) -> str:
    if isinstance(outcome, Rejected):
        return outcome.code.value
    return outcome.reason if isinstance(outcome, NotArticle) else "article"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(page=SMALL, input=INPUT) as shared_sandbox:
        yield shared_sandbox


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_page_has_its_fate_and_the_next_is_unharmed(case: Case, sandbox: Sandbox) -> None:
    outcome, after = sandbox.map([page(case), page(Case("good", html(), ARTICLE), 1)])
    assert fate(outcome) in case.fates, outcome
    assert isinstance(after, Page) and after.title == TITLE
    if isinstance(outcome, Page):
        text = outcome.body + (outcome.title or "")
        text.encode("utf-8")
        assert not any(c < " " and c not in "\n\t" for c in text)
        assert "root:" not in outcome.body


def test_catalogue_has_at_least_sixty_kinds() -> None:
    assert len(CASES) >= 60
    assert len({case.name for case in CASES}) == len(CASES)


def test_good_page_keeps_every_paragraph(sandbox: Sandbox) -> None:
    (outcome,) = sandbox.map([page(Case("good", html(), ARTICLE))])
    assert isinstance(outcome, Page)
    assert outcome.body.count("Paragraph") == 5
