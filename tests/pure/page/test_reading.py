"""What the pipeline's extraction processes give of a page."""

from __future__ import annotations

from newsmill.config import InputConfig, PageConfig
from newsmill.page.reading import Reading, read
from newsmill.page.sandbox import Sandbox
from newsmill.records import NotArticle, Position, RawPage

TEXT = "".join(
    f"<p>Der Hafenmeister zählte vor Mittag das Schiff Nummer {n}, das aus dem Norden in den Hafen kam.</p>"
    for n in range(40)
)


def page(body: str) -> RawPage:
    position = Position(topic="t", partition=0, offset=0)
    return RawPage(position=position, url="https://blatt.example/hafen", body=body.encode())


def test_reading_in_the_sandbox_is_the_reading_in_this_process() -> None:
    article = page(f"<html lang=de><title>Schiffe</title><body><h1>Schiffe</h1>{TEXT}</body></html>")
    with Sandbox(
        page=PageConfig(slots=1), input=InputConfig(), read="newsmill.page.reading:read", gives=Reading
    ) as sandbox:
        found, nothing = sandbox.map([article, page("<html><body></body></html>")])
    assert isinstance(found, Reading) and found.language.code == "de" and "Nummer 39" in found.page.body
    assert found == read(article, page=PageConfig(), input=InputConfig())
    assert isinstance(nothing, NotArticle)
