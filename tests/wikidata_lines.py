"""Items of Wikidata's dump in their real form, as small as a test needs them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

HUMAN, CITY, COMPANY, FILM = 5, 515, 4830453, 11424


def item(
    qid: int,
    name: str,
    classes: Sequence[int] = (HUMAN,),
    *,
    links: int = 10,
    labels: Mapping[str, str] | None = None,
    aliases: Sequence[str] = (),
    words: str = "",
    claims: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """An item; `claims` are ids by property, or whole values."""
    texts = {"en": name} | dict(labels or {})
    statements = {"P31": list(classes)} | dict(claims or {})
    return {
        "type": "item",
        "id": f"Q{qid}",
        "labels": {code: {"language": code, "value": text} for code, text in texts.items()},
        "descriptions": {"en": {"language": "en", "value": words}} if words else [],
        "aliases": {"en": [{"language": "en", "value": text} for text in aliases]} if aliases else [],
        "claims": {
            p: [statement(p, value) for value in values] for p, values in statements.items() if values
        },
        "sitelinks": {f"l{n}wiki": {"site": f"l{n}wiki", "title": name, "badges": []} for n in range(links)}
        or [],
        "lastrevid": 1,
    }


def statement(prop: str, value: Any, rank: str = "normal") -> dict[str, Any]:
    """A claim of one value: an id, or a value as Wikidata writes it; None is one that is not known."""
    if isinstance(value, int):
        value = {"entity-type": "item", "numeric-id": value, "id": f"Q{value}"}
    snak: dict[str, Any] = {"snaktype": "value" if value is not None else "somevalue", "property": prop}
    if value is not None:
        snak["datavalue"] = {"value": value, "type": "any"}
    return {"mainsnak": snak, "type": "statement", "id": f"x${prop}", "rank": rank, "references": []}


def dump(items: Sequence[Mapping[str, Any] | bytes]) -> bytes:
    """The text of a dump; bytes stand as they are."""
    lines = [i if isinstance(i, bytes) else json.dumps(i, separators=(",", ":")).encode() for i in items]
    return b"[\n" + b",\n".join(lines) + b"\n]\n"
