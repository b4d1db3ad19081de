"""The enrichers that come with newsmill, and how others are plugged in.

An enricher is a plug-in of the entry point group `newsmill.enrichers`, called with `EnrichConfig`. It gives
a step, which has a name, a version, and the columns of `Enrichment` that it fills. A plug-in that fills a
column of a built-in step replaces that column, and the row's `versions` tell it. What has no column goes
to `extras`. What a step raises stops the job: the article's fate is decided already.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final, Protocol

from newsmill.config import EnrichConfig
from newsmill.errors import ConfigError
from newsmill.knowledge.document import Document
from newsmill.knowledge.gazetteer import Candidate
from newsmill.knowledge.linker import Linked
from newsmill.knowledge.topics import Topics
from newsmill.records import Entity, Mention, Place
from newsmill.runtime.plugins import Kind

COLUMNS: Final = ("entities", "places", "countries", "topics", "extras")
"""What a step may fill. Keys of `extras` begin with the step's name and a dot; their values are texts."""

_NIL_TYPE = {"PER": "person", "ORG": "organisation", "LOC": "place", "MISC": "thing"}
_FEWEST = 0.05  # least share of the evidence that makes a country one of the article's


class Step(Protocol):
    """One enricher. Keeps no state between documents: threads may share one."""

    name: str
    version: str
    columns: tuple[str, ...]

    def enrich(self, document: Document) -> Mapping[str, Any]:
        """The values of its columns, as `Enrichment` holds them."""
        ...


KIND: Final = Kind[Step](
    "enrichers",
    "enrich.enrichers",
    methods=("enrich",),
    attributes={"name": str, "version": str, "columns": tuple},
)


class Entities:
    """Column `entities`: who and what is named, linked or NIL.

    Salience is 0.5 × (mentions / mentions of the most named entity) + 0.3 × (1 − first offset / length)
    + 0.2 if it is in the title: a weighted sum of the three features that serve best in Dunietz and
    Gillick (2014), readable by hand.
    """

    name = "entities"
    version = "1"
    columns: tuple[str, ...] = ("entities",)

    def enrich(self, document: Document) -> Mapping[str, Any]:
        """The entities, most salient first."""
        groups: dict[tuple[str, str], list[Linked]] = defaultdict(list)
        for linked in document.linked:
            if not linked.inside:
                groups[_identity(linked)].append(linked)
        most = max((len(g) for g in groups.values()), default=1)
        entities = [_entity(id_, group, document, most) for (id_, _), group in groups.items()]
        return {
            "entities": tuple(sorted(entities, key=lambda e: (-e.salience, e.mentions[0].start, e.entity_id)))
        }


def _identity(linked: Linked) -> tuple[str, str]:
    if linked.entity is None:
        return f"nil:{linked.group}", ""
    return linked.entity.entity_id, "nationality" if linked.entity.role == "demonym" else ""


def _entity(id_: str, group: list[Linked], document: Document, most: int) -> Entity:
    entity = group[0].entity
    inside = document.in_title({g.text for g in group})
    early = 1 - group[0].start / max(1, len(document.text))
    salience = 0.5 * len(group) / most + 0.3 * early + 0.2 * inside
    mentions = tuple(Mention(start=g.start, end=g.end, text=g.text) for g in group)
    if entity is None:
        coarse = _majority(group)
        longest = max((g.text for g in group), key=len)
        return Entity(
            entity_id=id_, type=_NIL_TYPE[coarse], coarse=coarse, name=" ".join(longest.split()),
            mentions=mentions, salience=round(salience, 3), in_title=inside,
        )  # fmt: skip
    return Entity(
        entity_id=id_,
        type="nationality" if entity.role == "demonym" else entity.type,
        coarse=_majority(group),
        name=entity.name,
        mentions=mentions,
        wikidata_id=None if entity.role == "demonym" else entity.wikidata_id,
        country=entity.country,
        lat=entity.lat,
        lon=entity.lon,
        linked=True,
        link_score=round(max(g.score for g in group), 3),
        salience=round(salience, 3),
        in_title=inside,
    )


def _majority(group: list[Linked]) -> str:
    if len(group) == 1:
        return group[0].coarse
    votes: dict[str, int] = defaultdict(int)
    for linked in group:
        votes[linked.coarse] += 1
    return max(votes, key=lambda c: (votes[c], c))


class Places:
    """Columns `places` and `countries`: where the article is about.

    `kind` is the place's type, or `demonym` ("Afghan"), or `metonym` where a country or capital stands
    for its government ("Kabul said"). `countries` has every country with at least 5 % of the evidence.
    """

    name = "places"
    version = "1"
    columns: tuple[str, ...] = ("places", "countries")

    def enrich(self, document: Document) -> Mapping[str, Any]:
        """The places in the order of the text, and the countries, most evidence first."""
        groups: dict[tuple[str, str], list[Mention]] = defaultdict(list)
        chosen: dict[tuple[str, str], tuple[Candidate, float]] = {}
        for toponym in document.toponyms:
            place = toponym.chosen
            if place is None or place.lat is None or place.lon is None:
                continue
            kind = "metonym" if document.is_metonym(toponym) else place.type
            kind = "demonym" if place.role == "demonym" else kind
            key = (place.entity_id, kind)
            chosen.setdefault(key, (place, toponym.score))
            groups[key].append(
                Mention(start=toponym.start, end=toponym.end, text=document.text[toponym.start : toponym.end])
            )
        places = [_place(kind, *chosen[id_, kind], groups[id_, kind]) for id_, kind in groups]
        countries = tuple(c for c, share in document.countries.items() if share >= _FEWEST)
        return {"places": tuple(places), "countries": countries}


def _place(kind: str, place: Candidate, score: float, mentions: list[Mention]) -> Place:
    assert place.lat is not None
    assert place.lon is not None
    return Place(
        name=place.name, lat=place.lat, lon=place.lon, country=place.country, mentions=tuple(mentions),
        geonameid=place.geonameid, admin1=place.admin1, kind=kind, score=round(score, 3),
    )  # fmt: skip


def steps(config: EnrichConfig) -> tuple[Step, ...]:
    """The built-in steps, then the plug-ins that the settings name, in their order.

    Raises:
        ConfigError: A plug-in can't be opened (see `Kind.open`), fills an unknown column, or takes the name
            of another.
    """
    listed: list[Step] = [Entities(), Places(), Topics()]
    taken = {step.name for step in listed}
    problems: list[str] = []
    for _, step in KIND.open(config.enrichers, config):
        if unknown := [c for c in step.columns if c not in COLUMNS]:
            problems.append(f"{step.name}: fills {unknown[0]!r}; possible are {', '.join(COLUMNS)}")
        elif step.name in taken:
            problems.append(f"{step.name}: there is another enricher of this name")
        else:
            taken.add(step.name)
            listed.append(step)
    if problems:
        raise ConfigError(problems)
    return tuple(listed)


def checked_extras(name: str, extras: Mapping[str, str]) -> Mapping[str, str]:
    """What a plug-in says in `extras`, if each key is its own.

    Raises:
        ValueError: A key does not begin with the plug-in's name and a dot, or a value is no text.
    """
    for key, value in extras.items():
        if not isinstance(value, str) or not isinstance(key, str) or not key.startswith(f"{name}."):
            raise ValueError(f"{name}: extras must be texts by keys that begin with '{name}.', not {key!r}")
    return extras
