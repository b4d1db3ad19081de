"""HTML text to a tree, within limits.

The tree is parsed once and shared by all readers. libxml2 stops silently at 256 nested elements,
and at 2048 even when told not to: what stands behind is lost without an exception. So depth and
size are checked here, and a page over a limit is rejected instead of shortened.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Final

from lxml import etree, html

from newsmill import strings
from newsmill.config import PageConfig
from newsmill.errors import Code, Rejected
from newsmill.page.octets import count

Element = Any
"""An lxml element; lxml has no types of its own."""

_CLASSES: Final = etree.ElementDefaultClassLookup(element=html.HtmlElement)
"""Elements are of one class: lxml's own choice by tag is a call of Python an element."""

_MOST_ATTRIBUTES: Final = 10_000
"""The parser compares each attribute of an element with all before it."""

_SAYING: Final = ("content", "title", "alt")
_LINK: Final = re.compile(r"\s*(?:[a-z]{2,8}:|/)", re.IGNORECASE)
_LONG_TAG: Final = 2 * _MOST_ATTRIBUTES
_TAG: Final = re.compile(rb"[a-zA-Z]")
_VALUE: Final = re.compile(rb"\"[^\"]*+\"?|'[^']*+'?")


def parse(utf8: bytes, limits: PageConfig) -> Element:
    """The root element of a page.

    Comments and processing instructions are left out. Nothing is loaded from outside.

    Raises:
        Rejected: `E_NODES` over `max_nodes` elements, or for an element with very many attributes;
            `E_NESTING` over `max_depth` levels or when the parser itself gives up on the nesting.
    """
    tags = count(utf8, b"<")
    if tags > 4 * limits.max_nodes:
        raise Rejected(Code.NODES, f"more than {4 * limits.max_nodes} tags")
    if any(_attributes(piece) > _MOST_ATTRIBUTES for piece in _long_pieces(utf8)):
        raise Rejected(Code.NODES, f"an element with more than {_MOST_ATTRIBUTES} attributes")
    parser = html.HTMLParser(
        encoding="utf-8",
        huge_tree=True,
        no_network=True,
        remove_comments=True,
        remove_pis=True,
        default_doctype=False,
        collect_ids=False,
    )
    parser.set_element_class_lookup(_CLASSES)
    try:
        root = html.document_fromstring(utf8, parser=parser, ensure_head_body=False)
    except etree.ParserError:  # nothing but blanks and comments
        root = html.document_fromstring("<html><body></body></html>")
    for error in parser.error_log:
        if error.type_name == "ERR_RESOURCE_LIMIT":
            raise Rejected(
                Code.NESTING,
                f"the parser gives up on the nesting, long after page.max_depth ({limits.max_depth})",
            )
    if 2 * tags > limits.max_nodes:  # a tag implies one more element at most
        nodes = sum(1 for _ in root.iter())
        if nodes > limits.max_nodes:
            raise Rejected(Code.NODES, f"{nodes} elements, more than {limits.max_nodes}")
    if _deeper_than(limits.max_depth)(root):
        raise Rejected(Code.NESTING, f"elements nested more than page.max_depth ({limits.max_depth}) deep")
    return root


class Elements:
    """A page's elements in document order, found by tag without another walk through the tree.

    lxml makes an element's Python object anew whenever none is held. These are held.

    Attributes:
        root: The outermost.
        all: All of them.
    """

    __slots__ = ("_named", "all", "root")

    def __init__(self, root: Element) -> None:
        self.root = root
        self.all: list[Element] = list(root.iter())
        self._named: dict[str, list[Element]] = defaultdict(list)
        for element in self.all:
            self._named[element.tag].append(element)

    def __len__(self) -> int:
        return len(self.all)

    def named(self, *tags: str) -> list[Element]:
        """Those with one of these tags."""
        if len(tags) == 1:
            return self._named.get(tags[0], [])
        wanted = frozenset(tags)
        return [element for element in self.all if element.tag in wanted]


def compose(elements: Iterable[Element]) -> None:
    """Bring what elements say to normal form NFC, in place: texts, and what `meta` tags and pictures say.

    Links stay as they are, and so do programs and the data in them.
    """
    for element in elements:
        if element.tag != "script" and (text := element.text) is not None:
            element.text = strings.nfc(text)
        if (tail := element.tail) is not None:
            element.tail = strings.nfc(tail)
        for name in _SAYING:
            if (value := element.get(name)) is not None and not _LINK.match(value):
                element.set(name, strings.nfc(value))


def _long_pieces(utf8: bytes) -> Iterator[bytes]:
    """What stands without a `>` for more than `_LONG_TAG` bytes; few bytes of a page are looked at."""
    at = 0
    while at + _LONG_TAG < len(utf8):
        end = utf8.rfind(b">", at, at + _LONG_TAG + 1)
        if end < 0:
            end = utf8.find(b">", at + _LONG_TAG)
            yield utf8[at:] if end < 0 else utf8[at:end]
            if end < 0:
                return
        at = end + 1


def _attributes(piece: bytes) -> int:
    """How many attributes the tag may have that a piece of source before a `>` ends with."""
    tag = piece[piece.rfind(b"<") + 1 :]
    if b"<" not in piece or not _TAG.match(tag):
        return 0
    bare = _VALUE.sub(b"", tag)
    return max(bare.count(b"="), len(bare.split()))


@lru_cache(maxsize=4)
def _deeper_than(levels: int) -> Any:
    """A test in libxml2's own code: thousands of pages a second, no recursion."""
    return etree.XPath(f"boolean(/{'*/' * levels}*)")
