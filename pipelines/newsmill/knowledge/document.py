"""One text on its way through the enrichers: mentions, places and links are found once and shared."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cached_property

from newsmill.knowledge import landforms
from newsmill.knowledge.bounds import MENTIONS_CUT, MOST_CHARACTERS, MOST_MENTIONS, MOST_TITLE, TEXT_CUT
from newsmill.knowledge.called_kinds import as_called
from newsmill.knowledge.gazetteer import Candidate, Gazetteer
from newsmill.knowledge.linker import Linked, link
from newsmill.knowledge.mentions import Found, gather
from newsmill.knowledge.names import fold
from newsmill.knowledge.places import Toponym, comma_pairs, resolve, site_votes
from newsmill.knowledge.recognisers.datelines import datelines
from newsmill.knowledge.recognisers.recogniser import Recogniser
from newsmill.knowledge.senses import settled
from newsmill.knowledge.spans import Span, apart

_METONYM_AFTER = re.compile(
    r"(?:['’]s)?\s+(?:has\s+|had\s+|also\s+|would\s+|will\s+)?(?:said|says|denied|denies|accused|accuses|warned|warns|"
    r"insists|insisted|wants|wanted|agreed|rejected|rejects|announced|demanded|claims|claimed|fears|hopes|vowed|"
    r"condemned|welcomed|urged|urges|blamed|blames|imposed|recognised|recognized|refuses|refused)\b"
)
_METONYM_BETWEEN = re.compile(
    r"(?:relations|ties|talks|tensions|dialogue|negotiations|dispute|deal)\s+(?:between|with)\s+(?:\w+\s+and\s+)?$"
)
_PLACE_SHARE = 0.05  # of a name's weight that must be places' for it to be one in a place's stead
_LIKELIEST = 3  # of the bearers of a name in a dateline
_LEAST_PRIOR = 0.2
_GOVERNING = frozenset(("country", "city"))


class Document:
    """A text with its language, title and address, and what is known of it so far.

    Properties are worked out on first use and then kept, so enrichers that run on the same document
    share the work. Offsets count characters of `text`, of which no more than `MOST_CHARACTERS` is read.
    """

    def __init__(
        self,
        text: str,
        *,
        language: str,
        title: str | None,
        url: str | None,
        gazetteer: Gazetteer,
        recogniser: Recogniser,
    ) -> None:
        self.text = text[:MOST_CHARACTERS]
        self.language = language
        self.title = title[:MOST_TITLE] if title else title
        self._is_cut = len(text) > MOST_CHARACTERS
        self.url = url
        self.gazetteer = gazetteer
        self._recogniser = recogniser

    @cached_property
    def spans(self) -> list[Span]:
        """Where names stand, by their shape: by start, without overlap, whatever the recogniser gives."""
        found = (
            span
            for span in self._recogniser.recognise(self.text, self.language)
            if any(map(str.isalnum, self.text[span.start : span.end]))
        )
        return apart([*datelines(self.text, self._is_place, self._is_other), *found])

    def _is_place(self, name: str) -> bool:
        """Whether a name is likely a place's."""
        known = self.gazetteer.lookup(name)[:_LIKELIEST]
        return any(
            c.coarse == "LOC" and c.role not in ("demonym", "postal") and c.prior > _LEAST_PRIOR
            for c in known
        )

    def _is_other(self, name: str) -> bool:
        """Whether a name is that of no place that is known, but of something else."""
        return bool(self.gazetteer.lookup(name)) and not self._is_place(name)

    @cached_property
    def found(self) -> list[Found]:
        """The first `MOST_MENTIONS` mentions, not yet linked."""
        return self._gathered[:MOST_MENTIONS]

    @cached_property
    def _gathered(self) -> list[Found]:
        gathered = gather(self.text, self.language, self.gazetteer, self.spans)
        whole = landforms.widened(self.text, self.language, gathered, self.gazetteer)
        called = as_called(self.text, self.language, whole, self.gazetteer)
        return settled(self.text, self.language, called)

    @property
    def marks(self) -> tuple[str, ...]:
        """What was left out, as far as the document has been worked on."""
        worked = self.__dict__
        cut = any(len(worked.get(step, ())) > MOST_MENTIONS for step in ("_gathered", "_linked"))
        return (*((TEXT_CUT,) if self._is_cut else ()), *((MENTIONS_CUT,) if cut else ()))

    @cached_property
    def toponyms(self) -> list[Toponym]:
        """The place names, resolved."""
        toponyms = [
            Toponym(start=f.start, end=f.end, name=f.folded, candidates=places)
            for f in self.found
            if f.coarse != "PER" and (places := _places_first(f))
        ]
        comma_pairs(self.text, toponyms)
        country, votes = self._site
        resolve(toponyms, country=country, votes=[*votes, *self._title_votes(toponyms)])
        return toponyms

    @cached_property
    def _site(self) -> tuple[str | None, list[tuple[Candidate, ...]]]:
        return site_votes(self.gazetteer, self.url)

    def _title_votes(self, toponyms: Sequence[Toponym]) -> list[tuple[Candidate, ...]]:
        """Places that the title names and the text does not."""
        named = {t.name for t in toponyms}
        return [
            places
            for f in gather(self.title or "", self.language, self.gazetteer, [])
            if not f.common and f.folded not in named and (places := _places_first(f))
        ]

    @cached_property
    def countries(self) -> dict[str, float]:
        """Share of the place names' evidence by country, ISO 3166-1 alpha-2; adds up to 1."""
        evidence: dict[str, float] = defaultdict(float)
        for toponym in self.toponyms:
            if toponym.chosen is not None and toponym.chosen.country:
                evidence[toponym.chosen.country] += toponym.score
        total = sum(evidence.values())
        return {c: round(v / total, 4) for c, v in sorted(evidence.items(), key=lambda e: (-e[1], e[0]))}

    @cached_property
    def linked(self) -> list[Linked]:
        """The first `MOST_MENTIONS` mentions with their entities, or NIL."""
        return self._linked[:MOST_MENTIONS]

    @cached_property
    def _linked(self) -> list[Linked]:
        places: dict[int, tuple[Candidate, float]] = {
            t.start: (t.chosen, t.score) for t in self.toponyms if t.chosen is not None
        }
        linked = link(self.text, self.found, self.gazetteer, places, self.countries, self._site[0])
        recognised = {f.start for f in self.found if f.coarse is not None}
        return [m for m in linked if m.entity is not None or m.start in recognised or m.group != fold(m.text)]

    def in_title(self, surfaces: Iterable[str]) -> bool:
        """Whether one of the surface forms stands in the title as whole words."""
        title = self._folded_title
        return any(f" {fold(s)} " in title for s in surfaces)

    @cached_property
    def _folded_title(self) -> str:
        return " " + re.sub(r"[^\w.&'-]+", " ", fold(self.title or "")).replace("'s ", " ") + " "

    def is_metonym(self, toponym: Toponym) -> bool:
        """Whether a place stands for its government: "Kabul said", "talks between Washington and …"."""
        if toponym.chosen is None or toponym.chosen.type not in _GOVERNING or self.language != "en":
            return False
        if toponym.chosen.type == "city" and toponym.chosen.weight < 1_000_000:
            return False
        text, first = self.text, max(0, toponym.start - 60)
        if _METONYM_AFTER.match(text, toponym.end):
            return True
        may_be_between = any(text.find(word, first, toponym.start) >= 0 for word in ("between", "with"))
        return may_be_between and _METONYM_BETWEEN.search(text, first, toponym.start) is not None


def _places_first(found: Found) -> tuple[Candidate, ...]:
    """The places a mention can mean, where a place is the likeliest meaning or a recogniser says so."""
    if not found.candidates or (found.candidates[0].coarse != "LOC" and found.coarse != "LOC"):
        return ()
    places = tuple(c for c in found.candidates if c.coarse == "LOC")
    return places if sum(c.prior for c in places) >= _PLACE_SHARE else ()
