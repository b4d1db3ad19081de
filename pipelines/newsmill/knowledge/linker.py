"""From mentions to entities: the document pass, the choice among candidates, and NIL.

A name's candidates start with their prior (how renowned each bearer is). Types that the recogniser
saw, the countries the document is about, that of its site, and words of the text that go with an entity
raise or lower them. In a knowledge base of millions a person of the text is often none of its bearers of
the name: the likelier, the more of them there are and the less renowned they are. A link below `CUT` is
none: the mention stays NIL under its own name. Wrong links are worse than none.

The document pass: "Qureshi" after "Shah Mahmood Qureshi" is he; "TTP" after "Tehreek-e-Taliban
Pakistan (TTP)" is that group; "Burlington" after "Burlington Industries Inc" is that company.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from newsmill.knowledge.context import numbers
from newsmill.knowledge.gazetteer import Candidate, Gazetteer
from newsmill.knowledge.mentions import Found
from newsmill.knowledge.names import fold
from newsmill.records import Record

CUT = 0.5
"""The least score of a link. Set on the visible halves of the link sets together: a higher one loses
more right links than it drops wrong ones."""

_WORD_FITS = 2.5
"""How many times likelier an entity is for each word of the text that goes with it."""

_MOST_WORDS = 3
"""Words that count so at most."""

_NO_WORD = 0.6
"""The same for an entity of whose words the text has none."""

_CALLED, _CALLED_OTHERWISE = 3.0, 0.2
"""The same for what the text calls it behind its name ("…, the novelist,"): a word of its own, or none."""

_SITE = 0.4
"""Share of the evidence for a country that the country of the site is worth."""

_UNKNOWN = 20_000.0
"""For each person of a name that a knowledge base of Wikidata has, the weight of those whom it lacks."""

_CALLS = re.compile(r",\s(?:the|a|an)\s((?:[^\W\d_]{1,30}[\s-]){0,4}[^\W\d_]{1,30})")
_MOST_CALLED = 5  # mentions of a name behind which is looked
_ACRONYM = re.compile(r"\((?:the )?[\"“'‘]?([A-Z][A-Za-z0-9&.-]{1,9})[\"”'’]?\)")
_MOST_ALIKE = 50  # longer names that are looked at for one short name
_MOST_ACRONYMS = 100  # of one text; a bound on the cost of hostile ones
_AT_HOME = 0.3  # share of a country's evidence from which "Congress" is its congress
_RENOWNED = 1_000_000.0  # weight from which a name needs no recogniser to vouch for it
_TITLE_WORDS = frozenset("the of and for in on to de la le du des der die das von van al el bin y e".split())
_COMPANY_SUFFIX = re.compile(
    r"[,.]?\s(?:inc|corp|co|ltd|plc|llc|ag|sa|nv|gmbh|corporation|company|limited|incorporated|holdings?|group)\b\.?$",
    re.I,
)


_SURE = "\0"


class Linked(Record, frozen=True, kw_only=True):
    """A mention and what it was found to mean; `entity` is None for NIL."""

    start: int
    end: int
    text: str
    coarse: str
    entity: Candidate | None
    score: float
    group: str  # mentions of one NIL entity share it: the folded longest form
    inside: bool = False


@dataclass
class _Name:
    """All mentions of one spelling."""

    mentions: list[Found]
    coarse: str | None = None
    entity: Candidate | None = None
    score: float = 0.0
    group: str = ""


def link(
    text: str,
    found: Sequence[Found],
    gazetteer: Gazetteer,
    places: Mapping[int, tuple[Candidate, float]],
    countries: Mapping[str, float],
    site: str | None = None,
) -> list[Linked]:
    """Link every mention, in the order of the text.

    Args:
        text: The text that the offsets count.
        found: Its mentions.
        gazetteer: The knowledge base: names with a company's suffix, and words that go with entities.
        places: By a mention's start, the place that `places.resolve` chose and its score.
        countries: Share of the document's evidence by country, 0–1.
        site: The country of the site, by its host name.
    """
    around = Around(text, gazetteer, countries, site)
    introduced = dict(islice(acronyms(text, found), _MOST_ACRONYMS))
    found = _with_uses(text, found, introduced)
    names = _names(found)
    for folded, name in names.items():
        _choose(folded, name, gazetteer, places, around)
    _document_pass(names, introduced)
    return [_linked(f, names[_called(f)], places) for f in found]


class Around:
    """What a document tells of whom its names mean.

    Args:
        text: It.
        gazetteer: The knowledge base; one without words that go with entities tells nothing by words.
        countries: Share of the document's evidence by country.
        site: The country of its site.
    """

    def __init__(
        self, text: str, gazetteer: Gazetteer, countries: Mapping[str, float], site: str | None
    ) -> None:
        self.countries = countries
        self._text, self._gazetteer = text, gazetteer
        self._site = site if gazetteer.has_context else None

    @cached_property
    def _words(self) -> frozenset[int]:
        return frozenset(numbers(self._text))

    def of_country(self, code: str) -> float:
        """Share of the evidence for a country."""
        share = self.countries.get(code, 0.0)
        return max(share, _SITE) if code == self._site else share

    def called(self, mentions: Sequence[Found]) -> frozenset[int]:
        """The words that the text calls somebody right behind the name."""
        if not self._gazetteer.has_context:
            return frozenset()
        calls = (_CALLS.match(self._text, mention.end) for mention in mentions[:_MOST_CALLED])
        return frozenset(number for call in calls if call for number in numbers(call[1]))

    def by_words(self, candidate: Candidate, called: frozenset[int]) -> float:
        """How many times likelier a candidate is by the words that go with it, and what it is `called`."""
        words = self._gazetteer.context(candidate)
        if not words:
            return 1.0
        met = sum(word in self._words for word in words)
        fit = _WORD_FITS ** min(met, _MOST_WORDS) if met else _NO_WORD
        return fit * (1.0 if not called else _CALLED_OTHERWISE if called.isdisjoint(words) else _CALLED)

    def unknown(self, candidates: Sequence[Candidate]) -> float:
        """Weight of those whom the knowledge base lacks, among the persons of a name."""
        if not self._gazetteer.has_context:
            return 0.0
        return _UNKNOWN * sum(c.coarse == "PER" for c in candidates)


def acronyms(text: str, found: Sequence[Found]) -> Iterator[tuple[str, Found]]:
    """(acronym, long form) for each "Long Form (LF)" whose letters fit."""
    by_end = {f.end: f for f in found if not f.inside}
    for match in _ACRONYM.finditer(text):
        before = match.start() - 1 if text[match.start() - 1 : match.start()] == " " else match.start()
        long = by_end.get(before) or _words_before(text, before, match.group(1))
        if long is not None and _spells(match.group(1), long.text):
            yield match.group(1), long


def _words_before(text: str, end: int, acronym: str) -> Found | None:
    """The words before an acronym that it abbreviates, where no recogniser saw them as one name."""
    words = list(re.finditer(r"[\w'’.-]+", text[max(0, end - 120) : end]))
    offset = max(0, end - 120)
    for count in range(len(acronym), min(len(acronym) + 4, len(words)) + 1):
        first = words[-count]
        long = text[offset + first.start() : end]
        if long[:1].isupper() and long[:1].upper() == acronym[:1].upper() and _spells(acronym, long):
            return Found(
                start=offset + first.start(),
                end=end,
                text=long,
                folded=fold(long),
                candidates=(),
                coarse="ORG",
            )
    return None


def _spells(acronym: str, long: str) -> bool:
    """Whether an acronym's capitals are the initials of the long form's words, in order."""
    letters = [c.lower() for c in acronym if c.isalpha() and c.isupper()]
    words = [w for w in re.split(r"[\s\-–'’.]+", long.lower()) if w]
    if len(letters) < 2 or len(words) < 2 or words[0][:1] != letters[0]:
        return False
    position = 0
    for word in words:
        if position < len(letters) and word.startswith(letters[position]):
            position += 1
    return position == len(letters)


def _with_uses(text: str, found: Sequence[Found], introduced: Mapping[str, Found]) -> list[Found]:
    """The mentions with the long forms and all uses of the acronyms that the text introduces."""
    listed = list(found)
    for acronym, long in introduced.items():
        if all(f.start > long.start or f.end < long.end for f in listed):
            listed = [f for f in listed if f.end <= long.start or long.end <= f.start or _place_in(f, long)]
            listed.append(long)
        taken = {f.start for f in listed}
        for match in re.finditer(rf"(?<![\w]){re.escape(acronym)}(?![\w])", text):
            if match.start() not in taken:
                listed.append(
                    Found(
                        start=match.start(),
                        end=match.end(),
                        text=acronym,
                        folded=fold(acronym),
                        candidates=(),
                        coarse=long.coarse,
                    )
                )
    return sorted(listed, key=lambda f: (f.start, -f.end))


def _place_in(found: Found, long: Found) -> bool:
    return found.inside and long.start <= found.start and found.end <= long.end


def _names(found: Sequence[Found]) -> dict[str, _Name]:
    names: dict[str, _Name] = {}
    for mention in found:
        if not mention.inside:
            names.setdefault(_called(mention), _Name([])).mentions.append(mention)
    for mention in found:
        if mention.inside:
            names.setdefault(mention.folded, _Name([mention]))
    for name in names.values():
        first = name.mentions[0]
        name.group, name.coarse = first.folded, first.coarse or None
        if len(name.mentions) > 1:
            votes = Counter([m.coarse for m in name.mentions if m.coarse])
            name.coarse = max(votes, key=lambda c: (votes[c], c)) if votes else None
    return names


def _called(found: Found) -> str:
    """The spelling of a mention; a dateline's place is no short form of anything in the text."""
    return f"{found.folded}{_SURE}" if found.sure and found.coarse == "LOC" else found.folded


def _choose(
    folded: str,
    name: _Name,
    gazetteer: Gazetteer,
    places: Mapping[int, tuple[Candidate, float]],
    around: Around,
) -> None:
    """The likeliest bearer of a name by itself, or none."""
    first = name.mentions[0]
    candidates = first.candidates
    if not candidates and name.coarse in ("ORG", None):
        candidates = _without_suffix(folded, gazetteer)
    chosen = next((places[m.start] for m in name.mentions if m.start in places), None)
    scored: list[tuple[float, Candidate]] = []
    total = around.unknown(candidates) * (_FITS[name.coarse, "PER"] if name.coarse else 1.0)
    called = around.called(name.mentions)
    for candidate in candidates:
        weight = candidate.weight * _fit(candidate, name, first, around, called)
        if chosen is not None and candidate.coarse == "LOC" and candidate.entity_id != chosen[0].entity_id:
            continue
        total += weight
        scored.append((weight, candidate))
    if not scored or total <= 0.0:
        return
    weight, best = max(scored, key=lambda s: (s[0], s[1].entity_id))
    score = weight / total
    if chosen is not None and best.coarse == "LOC":
        score *= 0.5 + 0.5 * chosen[1]
    if score >= CUT and _vouched(best, name, first):
        name.entity, name.score = best, round(score, 3)


def _without_suffix(folded: str, gazetteer: Gazetteer) -> tuple[Candidate, ...]:
    """The bodies that bear a name less its company's suffixes: "Best Buy Co Inc"."""
    while (bare := _COMPANY_SUFFIX.sub("", folded)) != folded:
        in_full = f"{bare} company" if folded.endswith((" co", " co.")) else bare
        for form in (in_full, bare, bare.replace("united states ", "u.s. ", 1)):
            if found := tuple(c for c in gazetteer.lookup(form) if c.coarse == "ORG"):
                return found
        folded = bare
    return ()


_FITS = {
    ("PER", "PER"): 3.0, ("ORG", "ORG"): 3.0, ("LOC", "LOC"): 3.0, ("MISC", "MISC"): 3.0,
    ("PER", "LOC"): 0.003, ("PER", "ORG"): 0.003, ("PER", "MISC"): 0.05,
    ("ORG", "PER"): 0.05, ("ORG", "LOC"): 0.15, ("ORG", "MISC"): 0.7,
    ("LOC", "PER"): 0.05, ("LOC", "ORG"): 0.3, ("LOC", "MISC"): 0.3,
    ("MISC", "PER"): 0.2, ("MISC", "ORG"): 0.7, ("MISC", "LOC"): 0.5,
}  # fmt: skip


def _fit(candidate: Candidate, name: _Name, first: Found, around: Around, called: frozenset[int]) -> float:
    countries = around.countries
    if candidate.role == "domestic" and countries and countries.get(candidate.country or "", 0.0) < _AT_HOME:
        return 0.0
    fit = around.by_words(candidate, called)
    if name.coarse is not None:
        coarse = "MISC" if candidate.role == "demonym" else candidate.coarse
        fit *= _FITS[name.coarse, coarse]
    if candidate.coarse != "LOC" and candidate.country is not None:
        fit *= 0.5 + 3.0 * around.of_country(candidate.country)
    if first.text == candidate.name:
        fit *= 1.5
    return fit


def _vouched(candidate: Candidate, name: _Name, first: Found) -> bool:
    """Whether there is enough to believe that the words are the candidate's name at all."""
    if candidate.coarse == "LOC":
        return name.coarse != "PER"
    initial = all(m.initial for m in name.mentions) and candidate.type != "party"
    if first.common and (candidate.weight < _RENOWNED or initial):
        return False
    if candidate.weight < _RENOWNED and " " not in first.folded:
        return name.coarse == candidate.coarse
    return name.coarse is None or _FITS[name.coarse, candidate.coarse] > 0.01


def _document_pass(names: dict[str, _Name], introduced: Mapping[str, Found]) -> None:
    """Give short forms the entity of their long form."""
    for acronym, long in introduced.items():
        short, full = names.get(fold(acronym)), names.get(long.folded)
        if short is None or full is None:
            continue
        if full.entity is None and short.entity is not None and full.coarse != "LOC":
            full.entity, full.score = short.entity, short.score
        _take(short, full)
    persons = [(f, n) for f, n in names.items() if n.coarse == "PER" and " " in f]
    by_word: dict[str, list[_Name]] = defaultdict(list)
    for folded, name in persons:
        words = folded.replace(".", "").split()
        for word in {words[0], words[-1]}:
            if word not in _TITLE_WORDS and len(by_word[word]) < _MOST_ALIKE:
                by_word[word].append(name)
    bodies: dict[str, list[tuple[str, _Name]]] = defaultdict(list)  # by first word, and by initials
    for folded, name in names.items():
        is_index = name.entity is not None and name.entity.type == "index"
        if (name.coarse == "ORG" or is_index) and " " in folded:
            bodies[folded.split(" ", 1)[0]].append((folded, name))
            bodies[_initials(folded)].append((folded, name))
    for folded, name in names.items():
        if " " not in folded and name.coarse in ("PER", None) and folded in by_word:
            full = _nearest(by_word[folded], name)
            if name.coarse == "PER" or (
                name.entity is None and full.mentions[0].start < name.mentions[0].start
            ):
                _take(name, full)
        elif _may_be_short(name):
            alike = bodies.get(folded.split(" ", 1)[0], ())[:_MOST_ALIKE]
            longer = [n for f, n in alike if f.startswith(folded + " ")]
            if not longer and len(folded) >= 2 and name.mentions[0].text.isupper():
                longer = [n for f, n in alike if _initials(f) == folded]
                longer = longer if len(folded) > 2 else [n for n in longer if n.entity is not None]
            if longer:
                _take(name, _nearest(longer, name))


def _may_be_short(name: _Name) -> bool:
    """Whether a name may be the short form of a body: it is no renowned body itself."""
    if name.coarse is None:
        return name.entity is None
    known = name.entity is not None and name.entity.coarse == "ORG" and name.entity.weight >= _RENOWNED
    return name.coarse == "ORG" and not known


def _initials(folded: str) -> str:
    return "".join(w[0] for w in re.split(r"[\s-]+", folded) if w and w not in _TITLE_WORDS)


def _nearest(longer: list[_Name], name: _Name) -> _Name:
    """The last long form before the short one, else the first after it."""
    start = name.mentions[0].start
    before = [n for n in longer if n.mentions[0].start <= start]
    return max(before, key=lambda n: n.mentions[0].start) if before else longer[0]


def _take(short: _Name, full: _Name) -> None:
    short.entity, short.score, short.group = full.entity, full.score, full.group
    short.coarse = full.coarse or short.coarse


def _linked(found: Found, name: _Name, places: Mapping[int, tuple[Candidate, float]]) -> Linked:
    entity, score = name.entity, name.score
    if found.inside:
        entity, score = places.get(found.start, (None, 0.0))
    coarse = _coarse(found, name, entity)
    return Linked(
        start=found.start, end=found.end, text=found.text, coarse=coarse, entity=entity, score=score,
        group=name.group, inside=found.inside,
    )  # fmt: skip


def _coarse(found: Found, name: _Name, entity: Candidate | None) -> str:
    if entity is None:
        return name.coarse or "MISC"
    if entity.role == "demonym":
        return "MISC"
    return entity.coarse if name.coarse is None or found.inside else name.coarse
