"""Which article a page is: the envelope's URL decides, never the page."""

from __future__ import annotations

import pytest

from newsmill.errors import Code, Rejected
from newsmill.page.identity import content_hash, draft
from newsmill.records import Extraction, Language, Page, Position, RawPage, SourceRecord

POSITION = Position(topic="t", partition=0, offset=7)
RECORD = SourceRecord(position=POSITION, value=b"x", timestamp=5)
LANGUAGE = Language(code="en", confidence=1.0, method="langdetect")


def page(**fields: str) -> Page:
    return Page(title="Title", body="Body.", extraction=Extraction(method="passages", reason="r"), **fields)  # type: ignore[arg-type]


def raw(url: str) -> RawPage:
    return RawPage(position=POSITION, url=url, body=b"", fetched_at=3)


def test_draft_has_identity_from_the_envelope() -> None:
    made = draft(RECORD, raw("http://www.example.org/a/?utm_source=x"), page(), LANGUAGE, 9)
    assert (made.url_key, made.domain) == ("https://example.org/a", "example.org")
    assert (made.fetched_at, made.ingested_at, made.recorded_at) == (3, 9, 5)
    assert len(made.article_id) == len(made.content_hash) == 32


def test_identity_ignores_a_canonical_of_another_site() -> None:
    honest = draft(RECORD, raw("https://example.org/a"), page(), LANGUAGE, 9)
    thief = draft(
        RECORD, raw("https://evil.example/a"), page(canonical_url="https://example.org/a"), LANGUAGE, 9
    )
    assert thief.article_id != honest.article_id and thief.canonical_url is None


def test_draft_is_rejected_when_the_url_is_none() -> None:
    with pytest.raises(Rejected) as caught:
        draft(RECORD, raw("javascript:1"), page(), LANGUAGE, 9)
    assert caught.value.code is Code.URL


def test_content_hash_sees_words_and_nothing_else() -> None:
    assert content_hash("A  title", "One.") == content_hash("a title", "one.\n")
    assert content_hash("A title", "One.") != content_hash("A title", "Two.")
    assert content_hash(None, "One.") == content_hash("", "One.")
