"""Times in a page's markup: `<time>`, `<abbr title>` and what is marked as the time of publication."""

from __future__ import annotations

from typing import Final

from newsmill.page.datelines import CHANGED, FIRST, is_in_sentence
from newsmill.page.tree import Element, Elements

_LABEL_BEFORE: Final = 30


def stated(elements: Elements) -> list[str]:
    """What a page's elements give as times, the likeliest for its publication first.

    Those that are marked as published come first, then each `<time>` that is neither of a change nor within a
    sentence. What stands behind the last h1 comes before what stands above it, in a sidebar.
    """
    before_title: list[str] = []
    marked: list[str] = []
    plain: list[str] = []
    for element in elements.named("h1", "time", "abbr", "meta", "span", "p", "div"):
        tag = element.tag
        if tag == "h1":
            before_title.extend(plain)
            plain.clear()
            continue
        value = (
            element.get("datetime")
            or element.get("content")
            or (element.get("title") if tag == "abbr" else None)
        )
        if value is None:
            continue
        prop = (element.get("itemprop") or element.get("property") or "").lower()
        label = _label(element) if tag in ("time", "abbr") else ""
        if "datepublished" in prop or element.get("pubdate") is not None or FIRST.search(label):
            marked.append(value)
        elif (
            tag in ("time", "abbr")
            and "modified" not in prop
            and not CHANGED.search(label)
            and not CHANGED.search((element.get("class") or "")[:_LABEL_BEFORE])
            and not is_in_sentence(element)
        ):
            plain.append(value)
    return [*marked, *plain, *before_title]


def _label(element: Element) -> str:
    """The words right before an element, in the same frame."""
    before = element.getprevious()
    if before is not None:
        words = before.tail if before.tail and before.tail.strip() else before.text
    else:
        above = element.getparent()
        words = above.text if above is not None else None
    return (words or "").strip()[-_LABEL_BEFORE:]
