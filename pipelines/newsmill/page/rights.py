"""What a publisher says about machine use of a page: carried through, and acted on by configuration.

Sources: the TDM Reservation Protocol (W3C community group, final report 2024-05-10: response header
or meta tag `tdm-reservation`, `tdm-policy`), robots directives `noai`, `noimageai`, `notrain` (meta tag and
X-Robots-Tag), JSON-LD `license`, `<link rel="license">`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from newsmill import urls
from newsmill.page import structured
from newsmill.page.structured import Node
from newsmill.page.tree import Elements
from newsmill.records import Rights

_NO_AI: Final = re.compile(r"\b(?:noai|notrain|noml|noaitraining|no-ai|noaiinput)\b", re.IGNORECASE)
_ROBOTS: Final = (
    "robots",
    "googlebot",
    "bingbot",
    "gptbot",
    "ccbot",
    "google-extended",
    "tdmrep",
    "ai-robots",
)


def read(
    elements: Elements, article: Node, meta: Mapping[str, Sequence[str]], headers: Mapping[str, str]
) -> Rights:
    """Rights of a page; a response header overrides a meta tag of the same meaning.

    Args:
        elements: The page.
        article: Its JSON-LD article object.
        meta: Meta tags by lower-case name.
        headers: HTTP response headers by lower-case name.
    """
    stated = (
        [headers["tdm-reservation"]]
        if "tdm-reservation" in headers
        else list(meta.get("tdm-reservation", ()))
    )
    reservation = next((value.strip() != "0" for value in stated if value.strip() in ("0", "1")), None)
    policy = headers.get("tdm-policy") or next(iter(meta.get("tdm-policy", ())), None)
    robots = [headers.get("x-robots-tag", ""), *(value for name in _ROBOTS for value in meta.get(name, ()))]
    noai = any(_NO_AI.search(value) for value in robots)
    return Rights(
        reserved=bool(reservation) or noai,
        tdm_reservation=reservation,
        policy_url=urls.without_login(policy) if policy else None,
        noai=noai,
        license=_license(elements, article),
    )


def _license(elements: Elements, article: Node) -> str | None:
    stated = article.get("license")
    if isinstance(stated, dict):
        stated = stated.get("url") or stated.get("@id")
    if found := structured.text(stated):
        return urls.without_login(found)[:500]
    for link in elements.named("link", "a"):
        rel = link.get("rel")
        if rel and "license" in rel.lower().split() and link.get("href"):
            return urls.without_login(str(link.get("href")).strip())[:500]
    return None
