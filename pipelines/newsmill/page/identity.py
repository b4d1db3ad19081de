"""From a page to a draft: which article it is, and which content."""

from __future__ import annotations

import hashlib
import re
from typing import Final

from newsmill import strings
from newsmill.records import Draft, Language, Micros, Page, RawPage, SourceRecord
from newsmill.urls import article_id, registrable_domain, trusted_canonical, url_key

CONTENT_HASH: Final = re.compile("[0-9a-f]{32}")
"""The form of `content_hash`."""


def draft(
    record: SourceRecord,
    raw: RawPage,
    page: Page,
    language: Language,
    ingested_at: Micros,
    *,
    hashed: str | None = None,
) -> Draft:
    """Put identity and language beside a page.

    The identity comes from the URL in the envelope alone; what the page says of itself (canonical
    link, og:url) never changes it.

    Args:
        record: What it came in.
        raw: The page as it came.
        page: What it says.
        language: Of its body.
        ingested_at: The batch's time.
        hashed: Its `content_hash`, where that is known.

    Raises:
        Rejected: `E_URL` when the envelope's URL is none.
    """
    key = url_key(raw.url)
    return Draft(
        position=record.position,
        url=raw.url,
        final_url=raw.final_url,
        canonical_url=trusted_canonical(page.canonical_url, raw.url),
        url_key=key,
        domain=registrable_domain(raw.url),
        article_id=article_id(key),
        content_hash=hashed or content_hash(page.title, page.body),
        fetched_at=raw.fetched_at,
        ingested_at=ingested_at,
        recorded_at=record.timestamp,
        source=record.source,
        page=page,
        language=language,
    )


def content_hash(title: str | None, body: str) -> str:
    """32 hex digits (BLAKE2b, 128 bits) of title and body, blind to case, spacing and Unicode form.

    >>> content_hash("A  title", "One.") == content_hash("a title", "one.\\n")
    True
    """
    folded = (" ".join(strings.nfkc(text).casefold().split()) for text in (title or "", body))
    return hashlib.blake2b("\n".join(folded).encode(), digest_size=16).hexdigest()


def body_hash(body: str) -> str:
    """32 hex digits (BLAKE2b, 128 bits) of a body as it is, so that offsets into equal ones mean the same.

    >>> body_hash("One.") == body_hash("one.")
    False
    """
    return hashlib.blake2b(
        body.encode("utf-8", "surrogatepass"), digest_size=16, person=b"newsmill body"
    ).hexdigest()
