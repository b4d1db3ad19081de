"""Origin: who published a story first, from evidence in the article itself."""

from __future__ import annotations

from typing import Final

import regex

from newsmill.records import Draft, Origin

_AGENCIES: Final = "Reuters|AP|AFP|PTI|IANS|ANI|DPA|EFE|ANSA|TASS|Xinhua|Kyodo|Yonhap"
_CLOSING = regex.compile(rf"[(\[–—-]\s*(?P<name>{_AGENCIES})\s*[)\]]?\s*$")


def attribute(draft: Draft) -> Origin | None:
    """The origin that the article names, with the evidence; None where it names none."""
    found = _CLOSING.search(draft.page.body)
    if found is None:
        return None
    return Origin(
        method="closing_line",
        confidence=0.9,
        agency=found["name"],
        evidence=found[0],
        start=found.start(),
        end=found.end(),
    )
