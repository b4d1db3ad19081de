"""Text that a page shows only after a click: the rest of a story is kept, a menu or a dialog is not.

A hidden block is the rest of a story where it follows the story's own prose in the same frame, is prose
itself, and something says that it unfolds: the words before it, its name, or paragraphs like it beside it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from newsmill.page.lines import is_sentence
from newsmill.page.passages import Frame, Passage
from newsmill.page.roles import BIT

_NEVER: Final = sum(
    BIT[name]
    for name in ("related", "promo", "subscribe", "share", "comments", "nav", "footer", "author", "tags")
)
_DIALOG: Final = re.compile(
    r"modal|pop-?up|popover|overlay|cookie|consent|gdpr|toast|drawer|offcanvas|menu|tooltip|lightbox|dialog",
    re.I,
)
_MORE: Final = re.compile(
    r"more|rest|full|expand|collaps|truncat|fold|continu|remain|toggl|accordion|reveal|spoiler|answer|weiter|suite|mehr",
    re.IGNORECASE,
)
_TOGGLE: Final = re.compile(
    r"(?:read|show|see|view|continue|full|expand|load|learn)\b.{0,30}|more\b.{0,20}|(?:mehr"
    r"|weiter)\w*.{0,30}|alles anzeigen.{0,20}"
    r"|(?:lire|voir|afficher)\b.{0,30}|(?:leer|ver|mostrar|seguir|ler|mostra|leggi|continua)\b.{0,30}"
    r"|lees (?:meer|verder).{0,20}"
    r"|czytaj.{0,20}|(?:читать|показать|развернуть|далее).{0,20}|展开.{0,10}|展開.{0,10}|阅读全文|閱讀全文|続きを読む|더\s?보기.{0,10}|\.\.\.|…|\[\+\]",
    re.IGNORECASE,
)
_LONGEST_TOGGLE: Final = 40
_FEWEST_WORDS: Final = 8
_MOST_LINKED: Final = 0.3
_MOST_REPEATED: Final = 0.5


def unfolded(passages: Sequence[Passage], kept: Sequence[int]) -> list[int]:
    """The hidden passages that go on with the story."""
    taken: list[int] = []
    chosen = set(kept)
    shown = {passages[n].folded for n in kept}
    for top, members, before in _blocks(passages):
        if not _may_be_story(passages, top, members):
            continue
        words = sum(passages[n].words for n in members)
        repeated = sum(passages[n].words for n in members if passages[n].folded in shown)
        if repeated > _MOST_REPEATED * words:
            continue
        if before < 0 or not _follows(passages, chosen, before, top):
            continue
        last = passages[before]
        is_toggled = (
            len(last.text) <= _LONGEST_TOGGLE and _TOGGLE.fullmatch(last.text.strip(" »›>.→▾+")) is not None
        )
        is_alike = (
            top.tag == "p" and last.frame.tag == "p" and last.frame.parent is top.parent and before in chosen
        )
        if is_toggled or is_alike or _MORE.search(top.names):
            taken += [n for n in members if passages[n].link_share < 1.0 or is_sentence(passages[n].text)]
    return taken


def hidden(passages: Sequence[Passage], kept: Sequence[int]) -> list[int]:
    """The hidden passages of prose among the story's that are neither kept nor said elsewhere."""
    chosen = set(kept)
    shown = {passages[n].folded for n in kept}
    found: list[int] = []
    for top, members, before in _blocks(passages):
        if members[0] in chosen or not _may_be_story(passages, top, members):
            continue
        if before >= 0 and _follows(passages, chosen, before, top):
            found += [n for n in members if passages[n].folded not in shown and is_sentence(passages[n].text)]
    return found


def _blocks(passages: Sequence[Passage]) -> list[tuple[Frame, list[int], int]]:
    """The outermost hidden frames, each with the passages in it and the last one shown before it (or -1)."""
    found: list[tuple[Frame, list[int], int]] = []
    shown = -1
    tops: dict[int, Frame] = {}
    for n, p in enumerate(passages):
        if not p.frame.is_folded:
            shown = n
            continue
        top = tops.get(id(p.frame))
        if top is None:
            top = p.frame
            while top.parent is not None and top.parent.is_folded:
                top = top.parent
            tops[id(p.frame)] = top
        if found and found[-1][0] is top:
            found[-1][1].append(n)
        else:
            found.append((top, [n], shown))
    return found


def _may_be_story(passages: Sequence[Passage], top: Frame, members: Sequence[int]) -> bool:
    """Whether a hidden block is prose and has not the name of something else."""
    roles = top.roles
    for n in members:
        roles |= passages[n].frame.roles
    if roles & _NEVER or _DIALOG.search(top.names) or top.tag in ("nav", "aside", "footer", "form", "li"):
        return False
    chars = sum(len(passages[n].text) for n in members)
    linked = sum(passages[n].link_chars for n in members)
    is_prose = any(
        is_sentence(passages[n].text) and len(passages[n].text) > 5 * _FEWEST_WORDS for n in members
    )
    return is_prose and linked <= _MOST_LINKED * chars


def _follows(passages: Sequence[Passage], chosen: set[int], before: int, top: Frame) -> bool:
    """Whether kept prose stands in the frame around a hidden block, right before it or before its toggle."""
    around = top.parent
    for n in range(before, max(-1, before - 3), -1):
        if n in chosen:
            frame: Frame | None = passages[n].frame
            while frame is not None and frame.depth > (around.depth if around is not None else 0):
                frame = frame.parent
            return frame is around
    return False
