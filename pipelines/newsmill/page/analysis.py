"""One page, from bytes to text and metadata: the whole of what happens inside the sandbox."""

from __future__ import annotations

import lxml.html
from trafilatura import bare_extraction

from newsmill.config import InputConfig, PageConfig
from newsmill.records import Extraction, NotArticle, Page, RawPage


def read_page(raw: RawPage, *, page: PageConfig, input: InputConfig) -> Page | NotArticle:
    """Read a page, or say why it is no article.

    Raises:
        Rejected: When the page can't be read; see `errors.Code`.
    """
    found, verdict = read_page_any(raw, page=page, input=input)
    return verdict or found


def read_page_any(raw: RawPage, *, page: PageConfig, input: InputConfig) -> tuple[Page, NotArticle | None]:
    """As `read_page`, but the page's text is there even when it is no article."""
    tree = lxml.html.document_fromstring(raw.body or b"<html></html>")
    found = bare_extraction(tree, fast=True, include_comments=False, with_metadata=True)
    if found is None:
        empty = Page(title=None, body="", extraction=Extraction(method="none", reason="nothing found"))
        return empty, NotArticle(reason="no_text")
    return Page(
        title=found.title,
        body=found.text or "",
        authors=tuple(a.strip() for a in (found.author or "").split(";") if a.strip()),
        extraction=Extraction(method="trafilatura", reason="the only candidate"),
    ), None
