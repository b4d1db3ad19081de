"""A page as a list of passages: runs of text between block boundaries, with where each stands.

Extraction decides passage by passage, so every decision can be shown and undone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

import msgspec
from lxml import etree

from newsmill import strings
from newsmill.page.roles import BIT, LONGEST_NAMES, roles_of
from newsmill.page.signs import folded
from newsmill.page.tree import Element

_SKIPPED: Final = frozenset(
    """
    script style template svg iframe button select option textarea input canvas object embed audio video
    math datalist dialog map noframes head title meta link rt rp
    """.split()
)
_STRUCK: Final = frozenset(("s", "del", "strike"))
"""Words that a writer took back: what replaces them stands beside them."""
_NEVER: Final = frozenset(("script", "style", "template", "svg", "head", "title", "textarea", "noframes"))
_BLOCK: Final = frozenset(
    """
    address article aside blockquote body center dd details div dl dt fieldset figcaption figure footer form
    h1 h2 h3 h4 h5 h6 header hr html legend li main nav ol p pre section summary table tbody td tfoot th
    thead tr ul caption noscript template
    """.split()
)
HEADINGS: Final = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))

_WORD: Final = re.compile(r"\w+")
_ASCII_FOLDED: Final = bytes(
    ord(chr(n).lower()) if n < 128 and _WORD.match(chr(n)) else 32 for n in range(256)
)
_UNSPACED: Final = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]")
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden")
_DEEPEST_IN_HEADING: Final = 4
_MAY_HIDE: Final = frozenset(("style", "hidden"))
_NO_NAMES: Final[dict[str, str]] = {}
_OTHER_NAMES: Final = ("id", "data-testid", "data-component")
_CELLS: Final = frozenset(("td", "th"))
_LONGEST_CELL: Final = 160
_CELL_END: Final = " | "
_UNSEEN_SPAN: Final = re.compile(
    r"sr-?only|screen-?reader|visually-?hidden|a11y"
    r"|(?:tool-?tip|pop-?(?:up|over))s?[-_]*(?:text|content|body|inner|bubble|box|panel|message)",
    re.IGNORECASE,
)
"""Inline elements that are shown only on a pointer's touch, or only to screen readers."""

_TOUCHED_SPAN: Final = re.compile(r"tool-?tip|pop-?(?:up|over)|rollover|hover-?card", re.IGNORECASE)
"""Inline elements that are either the word which has an explanation, or the explanation itself."""

_WORD_LENGTH: Final = 60
_WORD_COUNT: Final = 6
_FOLDED_LENGTH: Final = 80


class Frame(msgspec.Struct, eq=False, gc=False):
    """A block element on the way from the root to a passage."""

    tag: str
    parent: Frame | None
    depth: int
    roles: int  # own roles, as bits
    all_roles: int  # own and inherited
    names: str = ""  # class, id and test id as written
    simple_row: bool = False  # a table's row whose cells are one line of text together
    is_folded: bool = False  # the page shows it only after a click, if ever; so is all in it
    h1: Frame | None = None  # the innermost around it
    images: int = 0  # in it, not counting the frames below


class Passage(msgspec.Struct, eq=False, gc=False):
    """One run of text."""

    text: str
    frame: Frame
    link_chars: int
    words: int
    folded: str = ""  # the text as `fold` gives it
    length: int = 0  # its words as `length` counts them

    @property
    def link_share(self) -> float:
        """Share of the characters that are inside links, 0–1."""
        return self.link_chars / len(self.text) if self.link_chars else 0.0


def fold(text: str) -> str:
    """Words of a text in lower case with one space between: for comparing."""
    if text.isascii():
        return " ".join(text.encode().translate(_ASCII_FOLDED).decode().split())
    return " ".join(_WORD.findall(text.lower()))


def length(text: str) -> int:
    """Words of a text; scripts without spaces count half a word a character.

    >>> length("two words"), length("東京は雨")
    (2, 2)
    """
    unspaced = len(_UNSPACED.findall(text)) if not text.isascii() else 0
    return text.count(" ") + 1 if not unspaced else max(text.count(" ") + 1, unspaced // 2)


def in_heading(p: Passage) -> Frame | None:
    """The h1 that a passage stands in, as its text or as a part of it."""
    frame = p.frame
    if frame.tag == "h1":
        return frame
    h1 = frame.h1
    return h1 if h1 is not None and frame.depth - h1.depth < _DEEPEST_IN_HEADING else None


def _holds_the_page(tag: str, element: Element) -> bool:
    """Whether an element that is passed over has swallowed the page: a button left open, a hidden body."""
    return tag not in _NEVER and element.find(".//p") is not None and element.find(".//h1") is not None


def _is_simple_row(row: Element) -> bool:
    """Whether a table's row is one line of text: no cell holds a block or a paragraph's worth of words."""
    return len(row) > 1 and not any(
        any(child.tag in _BLOCK for child in cell) or _is_longer(cell, _LONGEST_CELL) for cell in row
    )


def _is_longer(element: Element, most: int) -> bool:
    """Whether an element holds more characters than so many; it is read no further than that."""
    length = 0
    for text in element.itertext():
        length += len(text)
        if length > most:
            return True
    return False


def passages(root: Element) -> list[Passage]:
    """All visible passages of a page in document order.

    The walk uses no recursion. Text of buttons, scripts, forms' fields and templates is left out.
    """
    walk = _Walk()
    walk.run(root)
    for p, (text, words) in zip(walk.found, folded([p.text for p in walk.found]), strict=True):
        p.folded, p.length = text, words
    return walk.found


class _Walk:
    def __init__(self) -> None:
        self.found: list[Passage] = []
        self._parts: list[str] = []
        self._link_chars = 0

    def run(self, root: Element) -> None:
        frame = top = Frame("html", None, 0, 0, 0)
        links = 0  # links that are open here
        parts = self._parts
        walk = etree.iterwalk(root, events=("start", "end", "comment", "pi"))
        passed = False  # whether the next end is that of an element passed over
        for event, element in walk:
            if event == "start":
                tag = element.tag
                if tag == "br":
                    if parts:
                        self._flush(frame)
                    continue
                if tag == "img":
                    frame.images += 1
                    continue
                # of links, many and with long addresses, nothing is read but whether they may be hidden
                if tag == "a" and not _MAY_HIDE.intersection(element.keys()):
                    named = _NO_NAMES
                else:
                    named = dict(element.items())
                is_block = tag in _BLOCK
                is_hidden = ("style" in named or "hidden" in named) and _is_hidden(named)
                if is_block:
                    may_pass = tag in _SKIPPED
                else:
                    may_pass = tag != "a" and (
                        tag in _SKIPPED or tag in _STRUCK or "class" in named or "role" in named
                    )
                if (may_pass and _is_passed(tag, named, element)) or (
                    is_hidden
                    and not frame.is_folded
                    and not _may_unfold(tag, element)
                    and not _holds_the_page(tag, element)
                ):
                    walk.skip_subtree()
                    passed = True
                    continue
                if is_block:
                    if frame.simple_row and tag in _CELLS:
                        if parts and parts[-1] != _CELL_END:
                            parts.append(_CELL_END)
                    else:
                        if parts:
                            self._flush(frame)
                        frame = _frame(element, tag, named, frame)
                        frame.is_folded |= is_hidden and not _holds_the_page(tag, element)
                elif tag == "a":
                    links += 1
                text = element.text
            else:
                if event == "end" and not passed:
                    tag = element.tag
                    if tag == "a":
                        links -= 1
                    elif tag in _BLOCK and not (frame.simple_row and tag in _CELLS):
                        if parts:
                            self._flush(frame)
                        frame = frame.parent or top
                passed = False
                text = element.tail
            # blanks at a passage's beginning are nothing, but where they part a row's cells
            if text and (parts or frame.simple_row or not text.isspace()):
                self._add(text, links)
        if parts:
            self._flush(top)

    def _add(self, text: str, links: int) -> None:
        if self._parts and self._parts[-1] == _CELL_END and text.isspace():
            return
        self._parts.append(text)
        if links:
            self._link_chars += len(text.strip())

    def _flush(self, frame: Frame) -> None:
        if self._parts[-1] == _CELL_END:
            self._parts.pop()
        text = " ".join("".join(self._parts).split())
        if not text.isascii() and (composed := strings.composed(text)) is not text:
            text = " ".join(composed.split())
        if text:
            self.found.append(Passage(text, frame, self._link_chars, text.count(" ") + 1))
        self._parts.clear()
        self._link_chars = 0


def _is_hidden(named: Mapping[str, str]) -> bool:
    """Whether an element is hidden when the page opens; what a search in the page finds is not."""
    if "hidden" in named and named["hidden"] != "until-found":
        return True
    return "style" in named and _HIDDEN_STYLE.search(named["style"]) is not None


def _may_unfold(tag: str, element: Element) -> bool:
    """Whether a hidden element holds text to be read, so that it may be the folded part of a story."""
    return tag in _BLOCK and (element.find(".//p") is not None or _is_longer(element, _FOLDED_LENGTH))


def _is_passed(tag: str, named: Mapping[str, str], element: Element) -> bool:
    """Whether an element's text is not the page's: no text at all, taken back, or shown at a touch only."""
    if tag in _SKIPPED:
        if tag == "template" and "shadowrootmode" in named:
            return False
        return not _holds_the_page(tag, element)
    if tag in _BLOCK or tag == "a":
        return False
    if tag in _STRUCK:
        return not _is_longer(element, _LONGEST_CELL)
    if named.get("role") == "tooltip":
        return True
    names = named.get("class")
    if names is None:
        return False
    is_unseen, is_touched = _sight_of(names[:LONGEST_NAMES])
    return is_unseen or (is_touched and ("aria-hidden" in named or not _is_a_word(element)))


@lru_cache(maxsize=20_000)
def _sight_of(names: str) -> tuple[bool, bool]:
    """Whether an inline element's class says that it is not seen, and that it may be shown at a touch."""
    return _UNSEEN_SPAN.search(names) is not None, _TOUCHED_SPAN.search(names) is not None


def _is_a_word(element: Element) -> bool:
    """Whether an element is a word or two of a sentence, and no sentence of its own."""
    if _is_longer(element, _WORD_LENGTH):
        return False
    text = "".join(element.itertext()).strip()
    return len(text.split()) <= _WORD_COUNT and not text.endswith((".", "!", "?", "。"))


def _frame(element: Element, tag: str, named: Mapping[str, str], parent: Frame) -> Frame:
    names = ""
    if named:
        names = named.get("class", "")[:LONGEST_NAMES]
        for name in _OTHER_NAMES:
            if value := named.get(name):
                names = f"{names} {value[:LONGEST_NAMES]}" if names else value[:LONGEST_NAMES]
    roles = roles_of(names) if names else 0
    if tag == "noscript":
        roles |= BIT["hidden"]
    return Frame(
        tag,
        parent,
        parent.depth + 1,
        roles,
        parent.all_roles | roles,
        names,
        tag == "tr" and _is_simple_row(element),
        parent.is_folded,
        parent if parent.tag == "h1" else parent.h1,
    )
