"""Names whose sense the words beside them tell: a person, a firm, a team or a thing in a place's stead.

What is told of one mention holds for the other mentions of the name in the text, but for those that stand
where only a place can ("in Chad").
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import pairwise

import msgspec

from newsmill.knowledge.gazetteer import Candidate
from newsmill.knowledge.mentions import Found, begins_sentence
from newsmill.knowledge.names import fold
from newsmill.knowledge.recognisers.cues import cues, first_names, frequent_words, surnames
from newsmill.knowledge.spans import occurrences
from newsmill.knowledge.wider import widened

_NEXT = re.compile(r"['’]s\s{1,3}([^\W\d_]+)")
_SCORE = re.compile(
    r"\s{1,3}(?:beat|beats|defeated|defeats|edged|routed|topped|downed|stunned|thrashed|outlasted|upset|blanked|crushed|"
    r"lost to|fell to|drew with|tied)\s[^.\n]{0,40}?\b\d{1,3}\s?[-–]\s?\d{1,3}\b"
)
_PLAYERS = re.compile(
    r"(?:['’]s)?\s(?:(?:head|assistant|interim|former|star|senior|football|basketball|baseball|hockey)\s){0,2}"
    r"(?:coach|quarterback|linebacker|cornerback|lineman|point guard|forward|pitcher|shortstop|striker|"
    r"goalkeeper|midfielder|fullback|tailback|kicker)(?![^\W\d_])"
)
_BOUND = re.compile(r"\s?,\s?")
_SMALL = re.compile(r"(?<![^\W\d_])[a-zß-öø-ÿ]{3,}(?![^\W\d_])")
_FEW = 20  # words that cost less to look for one by one than to list all that a text has in small letters
_PREVIOUS = re.compile(r"([^\W\d_]{1,20})[ \u00a0]$")
_FIRST = re.compile(r"(?<![^\W_])([A-ZÀ-ÖØ-ÞА-ЯЁІЇЄŁŚŻŠŽČĆĐ][^\W\d_A-ZА-Я]{2,20}) $")
_LAST = re.compile(r" ([A-ZÀ-ÖØ-ÞА-ЯЁІЇЄŁŚŻŠŽČĆĐ][^\W\d_A-ZА-Я]{2,20})(?![^\W_])")
_LONGEST = 24  # characters before a name that may be a first name
_RENOWNED = 0.75
"""Importance from which a place's name is a person's only if it is a first name."""

_MAJOR = 1_000_000.0
"""Weight from which a place is no firm, however its name goes on."""

_CAPITAL_NOUNS = frozenset(("de", "lb"))
_NOT_NEUTER = re.compile(
    r"(?<![^\W\d_])(?:[Dd](?:er|ie|en)|[Zz]ur|(?:[Kk]?[Ee]in|[Dd]ies|[Jj]en|[Jj]ed|[Ii]hr|[Ss]ein|[Mm]ein|[Uu]nser)(?:e|er|en))"
    r"[ \u00a0](?:[a-zäöüß]{2,20}(?:e|en|er)[ \u00a0]){1,2}$"
)
"""`der nächsten`, `eine leere`: German towns are neuter (`das alte Köln`), so what follows is no town."""

_NOUN_PHRASE = 60
"""Characters before a name in which that is looked for."""
_TYPES_WITH_ARTICLE = frozenset(("country", "region", "admin1", "continent", "water", "landform"))


def settled(text: str, language: str, found: Sequence[Found]) -> list[Found]:
    """The mentions, with the type that their neighbours tell; those that are no names are left out."""
    kept = _names_only(text, found) if language in _CAPITAL_NOUNS else list(found)
    if language != "en":
        return _persons(text, _with_first_names(text, kept, language), language)
    kept = [_with_apostrophe(f) for f in _things(text, kept)]
    kept = _bound(text, kept)
    kept = _firms(text, kept)
    kept = widened(text, _teams(text, kept))
    return _persons(text, kept, language)


def _names_only(text: str, found: Sequence[Found]) -> list[Found]:
    """Without what has a capital because it is a noun: `der Kanton`, `vor der nächsten Wahl`.

    What is a noun once is one wherever the text has it, but for places where only a town can stand.
    """
    towns = [f for f in found if _may_be_town(f)]
    nouns = {f.folded for f in towns if _is_noun(text, f)}
    if not nouns:
        return list(found)
    gone = {
        f.start
        for f in towns
        if f.folded in nouns and (_is_noun(text, f) or _previous(text, f) not in cues("german_locatives"))
    }
    return [f for f in found if f.start not in gone]


def _may_be_town(found: Found) -> bool:
    best = found.candidates[:1]
    return any(c.coarse == "LOC" and c.type not in _TYPES_WITH_ARTICLE for c in best)


def _is_noun(text: str, found: Found) -> bool:
    if text[found.end : found.end + 1] in ("-", "\u2010", "\u2011"):
        return False  # der frühere Köln-Profi
    before = text[max(0, found.start - _NOUN_PHRASE) : found.start]
    return _previous(text, found) in cues("german_articles") or _NOT_NEUTER.search(before) is not None


def _with_first_names(text: str, found: Sequence[Found], language: str) -> list[Found]:
    """`Luís Montenegro`, `Victoria Abril`: a place's name beside what is only a person's is part of it."""
    kept: list[Found] = []
    frequent = frequent_words(language)
    for mention in found:
        if not _may_be_part(mention):
            kept.append(mention)
            continue
        start, end = mention.start, mention.end
        first = _FIRST.search(text, max(0, start - _LONGEST), start)
        last = _LAST.match(text, end)
        if first and fold(first[1]) in first_names() and first[1].lower() not in frequent:
            start = first.start(1)
        elif last and mention.folded in first_names() and fold(last[1]) in surnames():
            end = last.end(1)
        if (start, end) == (mention.start, mention.end) or any(k.end > start for k in kept[-3:]):
            kept.append(mention)
            continue
        surface = text[start:end]
        person = msgspec.structs.replace(
            mention, start=start, end=end, text=surface, folded=fold(surface), candidates=(), coarse="PER"
        )
        kept.append(msgspec.structs.replace(person, common=False, initial=False))
    return kept


def _may_be_part(found: Found) -> bool:
    """Whether a mention may be half a person's name: one word that only the gazetteer knows, as a place."""
    return (
        found.coarse is None and not found.inside and _is_place(found) and found.text.isalpha()
    )  # fmt: skip


def _things(text: str, found: Sequence[Found]) -> list[Found]:
    """Without the places whose name only begins sentences, in a text that has it in small letters too."""
    doubtful = {
        f.folded for f in found if _is_place(f) and " " not in f.folded and begins_sentence(text, f.start)
    }
    if doubtful:
        doubtful -= {f.folded for f in found if f.folded in doubtful and not begins_sentence(text, f.start)}
    is_small = (
        partial(_stands_small, text)
        if len(doubtful) <= _FEW
        else frozenset(_SMALL.findall(text)).__contains__
    )
    things = {n for n in doubtful if is_small(n) or is_small(f"{n}s")}
    return [f for f in found if f.folded not in things] if things else list(found)


def _stands_small(text: str, word: str) -> bool:
    """Whether a text has a word in small letters, with no letter beside it."""
    return _SMALL.fullmatch(word) is not None and any(
        not (_is_letter(text[max(0, at - 1) : at]) or _is_letter(text[at + len(word) : at + len(word) + 1]))
        for at in occurrences(text, word)
    )


def _is_letter(sign: str) -> bool:
    return sign.isalnum() and not sign.isdecimal()


def _with_apostrophe(found: Found) -> Found:
    """`Wendy's`: a body that is known by this name."""
    if not found.text.endswith(("'s", "’s")) or not any(c.coarse == "ORG" for c in found.candidates):
        return found
    return msgspec.structs.replace(found, coarse="ORG")


def _bound(text: str, found: Sequence[Found]) -> list[Found]:
    """`Dayton, Ohio`: what lies in the place after its comma is a place, whatever else bears the name."""
    settled_ = list(found)
    for index, (inner, outer) in enumerate(pairwise(found)):
        if (
            inner.coarse not in (None, "LOC")
            and " " not in inner.folded
            and _BOUND.fullmatch(text, inner.end, outer.start)
            and _lies_in(inner.candidates, outer.candidates[:1])
        ):
            settled_[index] = msgspec.structs.replace(inner, coarse="LOC")
    return settled_


def _lies_in(inner: Iterable[Candidate], outer: Sequence[Candidate]) -> bool:
    return any(
        o.type == "admin1" and c.coarse == "LOC" and (c.country, c.admin1) == (o.country, o.admin1)
        for o in outer
        for c in inner
    )


def _firms(text: str, found: Sequence[Found]) -> list[Found]:
    """`Kellogg's will close`: a name that keeps its `'s` before a verb is a firm's."""
    firms = {f.folded for f in found if _goes_on(text, f)}
    if not firms:
        return list(found)
    return [_as_firm(text, f) if f.folded in firms and not _is_located(text, f) else f for f in found]


def _goes_on(text: str, found: Found) -> bool:
    after = _NEXT.match(text, found.end) if text[found.end : found.end + 1] in ("'", "’") else None
    return (
        after is not None
        and after.group(1) in cues("finite_verbs")
        and found.coarse != "PER"
        and all(c.weight < _MAJOR for c in found.candidates[:1])
    )


def _as_firm(text: str, found: Found) -> Found:
    end = found.end + 2 if _NEXT.match(text, found.end) else found.end
    bodies = tuple(c for c in found.candidates if c.coarse == "ORG")
    return msgspec.structs.replace(
        found, end=end, text=text[found.start : end], coarse="ORG", candidates=bodies, inside=False
    )


def _teams(text: str, found: Sequence[Found]) -> list[Found]:
    """`Georgetown beat Villanova 71-64`, `Georgetown's coach`: towns and states that play are teams."""
    teams = {f.folded for f in found if _may_play(f) and _PLAYERS.match(text, f.end)}
    for index, mention in enumerate(found):
        score = _SCORE.match(text, mention.end)
        if score is not None:
            beaten = [f.folded for f in found[index + 1 : index + 3] if f.start < score.end() and _is_town(f)]
            teams |= {mention.folded, *beaten[:1]}
    return (
        _retyped(found, teams, "ORG", lambda f: _may_play(f) and _previous(text, f) != "in")
        if teams
        else list(found)
    )


def _persons(text: str, found: Sequence[Found], language: str) -> list[Found]:
    """`Chad's lawyer`, in a text about Chad Whitmore."""
    named: dict[str, bool] = {}  # whether it is a family name
    for mention in found:
        words = mention.folded.split()
        if mention.coarse == "PER" and len(words) > 1:
            named.setdefault(words[0], False)
            named[words[-1]] = True
    for name in {f.folded for f in found if f.sure and f.coarse == "LOC"}:
        if not named.get(name, True):
            del named[name]  # PARIS (AFP): a first name that the text uses of the place
    if not named:
        return list(found)
    alone: dict[str, list[Found]] = defaultdict(list)
    for mention in found:
        if mention.folded in named and mention.coarse != "PER" and _is_place(mention):
            alone[mention.folded].append(mention)
    persons = {
        name
        for name, mentions in alone.items()
        if _may_be_person(mentions[0], is_family_name=named[name])
        and (language != "en" or not any(_is_located(text, m) for m in mentions))
    }
    return _retyped(found, persons, "PER", _is_place) if persons else list(found)


def _may_be_person(found: Found, *, is_family_name: bool) -> bool:
    importance = max(c.importance for c in found.candidates)
    if importance > _RENOWNED:
        return not is_family_name and found.folded in first_names()
    return True


def _retyped(
    found: Sequence[Found], names: set[str], coarse: str, may: Callable[[Found], bool]
) -> list[Found]:
    return [
        msgspec.structs.replace(
            f, coarse=coarse, candidates=tuple(c for c in f.candidates if c.coarse == coarse)
        )
        if f.folded in names and may(f) and not f.sure
        else f
        for f in found
    ]


def _is_place(found: Found) -> bool:
    return any(c.coarse == "LOC" for c in found.candidates) and found.candidates[0].role != "demonym"


def _is_town(found: Found) -> bool:
    return bool(found.candidates) and found.candidates[0].type in ("city", "admin2")


def _may_play(found: Found) -> bool:
    best = found.candidates[:1]
    return _is_town(found) or (bool(best) and best[0].type == "admin1" and best[0].country == "US")


def _is_located(text: str, found: Found) -> bool:
    """Whether a name stands where a place does: `in Chad`."""
    return _previous(text, found) in cues("locatives")


def _previous(text: str, found: Found) -> str:
    before = _PREVIOUS.search(text, max(0, found.start - 20), found.start)
    return before.group(1).lower() if before else ""
