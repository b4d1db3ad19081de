"""A prepared process imports and opens nothing for a page, whatever is in it: a confined one can't."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import hostile_pages
from names_by_language import ABROAD, OWN, PERSONS, cases

TESTS = Path(hostile_pages.__file__).parent
HOSTS = (
    "www.münchen-blatt.de",
    "www.правда.рф",
    "例え.jp",
    "faß.de",
    "ΕΦΗΜΕΡΊΔΑ.gr",
    "الخبر.example",
    "뉴스。한국",
)

TEXTS = [
    *((language, text) for language, text, _ in PERSONS),
    *((language, f"Xxxx. {name} xxx {name}.") for language, _, name in (*cases(OWN), *cases(ABROAD))),
    *((language, "Mỹ. Quân đội Mỹ. Bí thư.") for language in ("vi", "sw", "yo", "ha", "ta", "ur")),
]
"""Texts with names, and their languages."""

PROGRAM = """
import json
import sys
from collections.abc import Iterator
from importlib.util import find_spec

import hostile_pages
from newsmill.config import EnrichConfig, InputConfig, PageConfig
from newsmill.errors import Rejected
from newsmill.flow.steps import derive
from newsmill.page import reading
from newsmill.page.preparation import SAMPLE
from newsmill.records import Extraction, Language, NotArticle, Page, ParsedPage, Position, RawPage

texts = json.load(sys.stdin)
page, told = PageConfig(), EnrichConfig().model_dump_json()
reading.prepare(page=page, input=InputConfig())
derive.prepare(page=page, told=told)

def pages() -> Iterator[RawPage]:
    for host in sys.argv[1:]:
        for url, link in ((f"https://{host}/a", "/b"), ("https://ascii.example/a", f"https://{host}/b")):
            body = hostile_pages.html(head=f'<link rel="canonical" href="{link}">')
            yield RawPage(position=Position(topic="hosts", partition=0, offset=0), url=url, body=body)
    for case in hostile_pages.CASES:
        if len(case.body) < 200_000:
            yield hostile_pages.page(case)

late: list[tuple[str, str, str]] = []
of: str | None = None

def note(event: str, args: tuple[object, ...]) -> None:
    if of is not None and event in ("import", "open"):
        late.append((event, str(args[0]), of))

count = 0
sys.addaudithook(note)
for raw in pages():
    count, of = count + 1, raw.url
    try:
        found = reading.read(raw, page=page, input=InputConfig())
        if not isinstance(found, NotArticle):
            derive.derive(raw, found, page=page, told=told)
    except Rejected:
        pass
    finally:
        of = None
for language, body in texts:
    said = Page(title=body, body=body, extraction=Extraction(method="sample", reason="sample"))
    code = Language(code=language, confidence=1.0, method="none")
    count, of = count + 1, language
    derive.derive(SAMPLE, ParsedPage(page=said, language=code), page=page, told=told)
    of = None
print(count, sorted({found for found in late if found[0] == "open" or find_spec(found[1])}))
"""


@pytest.fixture(scope="module")
def said() -> str:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *HOSTS],
        cwd=TESTS,
        input=json.dumps(TEXTS),
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    return done.stdout


def test_prepared_process_imports_and_opens_nothing_when_it_reads_odd_pages(said: str) -> None:
    count, late = said.split(" ", 1)
    assert int(count) > 2 * len(HOSTS) + 50 + len(TEXTS)
    assert late.strip() == "[]"
