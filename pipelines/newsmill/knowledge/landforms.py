"""Lakes, rivers, mountains and seas named for a country or a town: `Lake Chad`, `río Paraguay`, `озеро Чад`.

The words beside the name tell it (`data/landforms.yaml`). Such a name is a place of its own and says nothing
of the country. A form of the name in another case, as in `реки России`, is the country's: its rivers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Final

import msgspec

from newsmill.knowledge.entries import table
from newsmill.knowledge.gazetteer import Gazetteer
from newsmill.knowledge.mentions import Found
from newsmill.knowledge.names import fold

_NAMED_SO: Final = frozenset(("country", "admin1", "admin2", "city", "region"))
_LONGEST: Final = 40  # characters before a name that are looked at


def widened(text: str, language: str, found: Sequence[Found], gazetteer: Gazetteer) -> list[Found]:
    """The mentions, with those that are names of lakes and the like as a whole.

    Args:
        text: What they stand in.
        language: ISO 639-1.
        found: Mentions by their start; one that is inside another stands behind it.
        gazetteer: Where the whole names are looked up.
    """
    before, after = _patterns(language)
    if before is None and after is None:
        return list(found)
    kept: list[Found] = []
    until = 0
    for mention in found:
        if mention.start < until:
            continue
        whole = _whole(text, mention, gazetteer, before, after) if _is_place(mention) else None
        if whole is None:
            kept.append(mention)
            continue
        holder = next((k for k in kept[-2:] if k.start <= whole[0] and whole[1] <= k.end), None)
        if holder is None:
            kept = [k for k in kept if k.end <= whole[0]]
            kept.append(_named(text, mention, whole, gazetteer))
            until = whole[1]
        elif (holder.start, holder.end) == whole and not holder.candidates:
            kept[kept.index(holder)] = _named(text, holder, whole, gazetteer)
    return kept


def _whole(
    text: str,
    mention: Found,
    gazetteer: Gazetteer,
    before: re.Pattern[str] | None,
    after: re.Pattern[str] | None,
) -> tuple[int, int] | None:
    """Where the whole name begins and ends."""
    word = before.search(text, max(0, mention.start - _LONGEST), mention.start) if before else None
    if word is not None and gazetteer.lookup(mention.text):
        return word.start(), mention.end
    word = after.match(text, mention.end) if after else None
    return (mention.start, word.end()) if word is not None else None


def _named(text: str, mention: Found, whole: tuple[int, int], gazetteer: Gazetteer) -> Found:
    surface = text[whole[0] : whole[1]]
    places = tuple(c for c in gazetteer.lookup(surface) if c.coarse == "LOC")
    return msgspec.structs.replace(
        mention, start=whole[0], end=whole[1], text=surface, folded=fold(surface), candidates=places,
        coarse="LOC", common=False, initial=False, inside=False,
    )  # fmt: skip


def _is_place(mention: Found) -> bool:
    best = mention.candidates[:1]
    return (
        bool(best)
        and best[0].type in _NAMED_SO
        and best[0].role != "demonym"
        and mention.coarse in (None, "LOC")
    )


def preload() -> None:
    """Read the words."""
    _words()


@cache
def _words() -> dict[str, dict[str, str | bool]]:
    found: dict[str, dict[str, str | bool]] = table("landforms.yaml")
    return found


@cache
def _patterns(language: str) -> tuple[re.Pattern[str] | None, re.Pattern[str] | None]:
    """What stands before a name, up to it, and what stands behind it."""
    words = _words().get(language, {})
    before, of, joins, after = (_any(words.get(kind)) for kind in ("before", "of", "joins", "after"))
    led = []
    if before:
        led.append(f"{before} ")
    if of:
        led.append(f"{of} (?:{joins} ){{0,2}}" if joins else f"{of} ")
        led.append(f"{of} (?:de l|dell|d)['’]")
    lead = re.compile(rf"(?<![^\W_])(?:{'|'.join(led)})$", re.I) if led else None
    gap = "" if words.get("joined") else "[ -]"
    end = "" if words.get("joined") else r"(?![^\W_])(?! [A-Z])"
    return lead, re.compile(rf"{gap}{after}{end}") if after else None


def _any(words: str | bool | None) -> str:
    return f"(?:{'|'.join(map(re.escape, words.split()))})" if isinstance(words, str) else ""
