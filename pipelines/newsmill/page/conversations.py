"""Readers' comments that no class name tells: what they have in common is the shape of a conversation.

Blocks alike stand side by side, each with a short line (a name, a time, a link to answer) and then prose; and
either a heading says that readers speak, or the short lines hold times, counts or words to answer by.
Headings inside the blocks speak against it: those are the parts of a story.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from newsmill.page.passages import HEADINGS, Frame, Passage

_FEWEST: Final = 2
_HEADING_BEFORE: Final = 4
_LONGEST_HEADING: Final = 60
_SHORT: Final = 8
_PROSE: Final = 6
_LEVELS: Final = 4
_HEADING: Final = re.compile(
    r"\bcomments?\b|\bdiscuss(?:ion)?\b|\bconversation\b|\brepl(?:y|ies)\b|\bresponses?\b"
    r"|\bhave your say\b|\breaders?['’]? (?:say|write)"
    r"|kommentar|diskussion|leserbrief|lesermeinung|\bmeinungen\b|commentaires?|réactions?|vos avis"
    r"|comentario|opiniones|opinie\b|komentarz"
    r"|commenti|reacties|reageer|комментари|отзыв|мнени[яй]|обсужден|коментар|σχόλια|yorum|hozzászólás|komentáře|评论|評論|留言|网友|跟帖|コメント|댓글"
    r"|تعليق|نظر|ความคิดเห็น|bình luận|komentar",
    re.IGNORECASE,
)
_ANSWER: Final = re.compile(
    r"\b(?:reply|report|like|upvote|answer|flag|permalink|quote)\b|antworten|melden|gefällt|répondre|signaler|responder|denunciar|odpowied"
    r"|oceń|zgłoś|rispondi|reageren|ответить|пожаловаться|відповісти|回复|回覆|举报|赞|返信|답글|\bag[oó]\b"
    r"|\bvor \d|il y a \d|hace \d|\d{1,2}[:.]\d{2}"
    r"|\d{4}[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[./]\d{1,2}[./]\d{2,4}",
    re.IGNORECASE,
)
_COMMENTS_NAME: Final = re.compile(
    r"(?<![a-z])(?:comments?(?:[-_]?(?:list|section|area|wrap(?:per)?|container|thread|block|box|body|content|text|item))?"
    r"|commentlist|disqus_?thread|kommentare|comentarios|commentaires|komentarze|commenti|reacties)(?![a-z])",
    re.IGNORECASE,
)
_LONGEST_NAMES: Final = 300
_NO_BLOCK: Final = HEADINGS | {"p", "tr", "td"}
_STORY_WORDS: Final = 40
_ACCOUNT: Final = re.compile(r"^[a-z][a-z_.-]*\d+$|^@\w+$|^[^\W_]*_\w+$")


def comments(passages: Sequence[Passage], kept: Sequence[int]) -> list[int]:
    """Those of the kept passages that readers wrote."""
    found = _named(passages, kept)
    if not kept:
        return []
    for blocks in _alike(passages, range(kept[0], min(len(passages), kept[-1] + 2))):
        if len(blocks) < _FEWEST:
            continue
        first = blocks[0][0]
        spoken = [block for block in blocks if _is_spoken(passages, block)]
        if 2 * len(spoken) <= len(blocks) or kept[0] >= first:
            continue
        announced = any(
            _HEADING.search(passages[n].text)
            for n in range(max(0, first - _HEADING_BEFORE), first)
            if len(passages[n].text) <= _LONGEST_HEADING
        )
        if announced or 2 * sum(_is_marked(passages, block) for block in spoken) > len(spoken):
            found.update(n for block in blocks for n in block)
    return sorted(found.intersection(kept))


def _named(passages: Sequence[Passage], kept: Sequence[int]) -> set[int]:
    """The kept passages in frames that say they hold comments, where the story stands outside them."""
    known: dict[int, bool] = {}
    inside = {n for n in kept if _is_in_comments(passages[n].frame, known)}
    outside = sum(passages[n].words for n in kept if n not in inside)
    return inside if outside >= _STORY_WORDS else set()


def _is_in_comments(frame: Frame | None, known: dict[int, bool]) -> bool:
    path = []
    while frame is not None and id(frame) not in known:
        path.append(frame)
        frame = frame.parent
    above = known[id(frame)] if frame is not None else False
    for below in reversed(path):
        above = above or _says_comments(below.names)
        known[id(below)] = above
    return above


@lru_cache(maxsize=20_000)
def _says_comments(names: str) -> bool:
    return _COMMENTS_NAME.search(names[:_LONGEST_NAMES]) is not None


def _alike(passages: Sequence[Passage], where: range) -> list[list[list[int]]]:
    """Groups of neighbouring blocks with the same parent, tag and names; each block as its passages."""
    groups: dict[tuple[int, str, str], dict[int, list[int]]] = {}
    for n in where:
        frame: Frame | None = passages[n].frame
        for _ in range(_LEVELS):
            if frame is None or frame.parent is None:
                break
            if frame.tag not in _NO_BLOCK:
                key = (id(frame.parent), frame.tag, frame.names)
                groups.setdefault(key, {}).setdefault(id(frame), []).append(n)
            frame = frame.parent
    return [list(blocks.values()) for blocks in groups.values()]


def _is_spoken(passages: Sequence[Passage], block: Sequence[int]) -> bool:
    """Whether a block is a short line and then prose, without a heading."""
    if len(block) < 2 or any(passages[n].frame.tag in HEADINGS for n in block):
        return False
    opening = passages[block[0]]
    if len(opening.text.split()) > _SHORT or len(opening.text) > _LONGEST_HEADING:
        return False
    return any(len(passages[n].text.split()) >= _PROSE or len(passages[n].text) > 60 for n in block[1:])


def _is_marked(passages: Sequence[Passage], block: Sequence[int]) -> bool:
    """Whether a block's short lines hold a time, a word to answer by, or an account's name."""
    return any(
        len(text) <= _LONGEST_HEADING and (_ANSWER.search(text) or _ACCOUNT.match(text))
        for text in (passages[n].text for n in block)
    )
