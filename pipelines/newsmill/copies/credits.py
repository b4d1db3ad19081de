"""Names of those who are credited: agencies and outlets, their signs and sites.

The lists are data (`agencies.yaml`, `outlets.yaml`); this reads them and knows a name when it sees one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Final, NamedTuple

import regex
from ruamel.yaml import YAML

_LEAST_LABEL: Final = 4
"""A shorter first label of a domain (`ft`, `dw`) is no part of a name by chance."""

_SPLIT: Final = regex.compile(r"[^\p{L}\p{N}]+")
_APOSTROPHE: Final = regex.compile(r"[’'](?=\p{Ll}+$|$)")
_ARTICLES: Final = (
    "the ",
    "die ",
    "der ",
    "das ",
    "le ",
    "la ",
    "les ",
    "el ",
    "los ",
    "il ",
    "o ",
    "a ",
    "de ",
)


class Publisher(NamedTuple):
    """Somebody who is credited with news."""

    name: str
    domains: tuple[str, ...]
    is_agency: bool


class Names(NamedTuple):
    """All that is known, by folded name."""

    publishers: dict[str, Publisher]  # safe anywhere
    of_sites: dict[str, Publisher]  # by domain
    codes: dict[str, Publisher]  # short signs, only where a credit stands; exact case
    spellings: tuple[str, ...]  # of agencies' names and codes, longest first
    everything: tuple[str, ...]  # of all names, as written
    last_words: frozenset[str]
    first_words: frozenset[str]
    never: frozenset[str]


@cache
def names() -> Names:
    """The lists, read once."""
    agencies, outlets = read("agencies.yaml"), read("outlets.yaml")
    publishers: dict[str, Publisher] = {}
    codes: dict[str, Publisher] = {}
    spellings: list[str] = []
    for row in agencies:
        agency = Publisher(row["name"], tuple(row["domains"]), True)
        for spelling in (row["name"], *row.get("names", ())):
            publishers[fold(spelling)] = agency
        codes |= dict.fromkeys(row.get("codes", ()), agency)
        spellings += [*row.get("names", ()), *row.get("codes", ())]
        if not row.get("codes"):
            spellings.append(row["name"])
    everything = [s for s in spellings if s not in codes] + list(outlets["outlets"])
    for name, domains in outlets["outlets"].items():
        outlet = Publisher(name, tuple(domains), False)
        publishers[fold(name)] = outlet
        publishers.setdefault(_without_article(fold(name)), outlet)
    of_sites: dict[str, Publisher] = {}
    for publisher in publishers.values():
        for domain in publisher.domains:
            of_sites.setdefault(domain, publisher)
    return Names(
        publishers,
        of_sites,
        codes,
        tuple(sorted(set(spellings), key=lambda s: (-len(s), s))),
        tuple(sorted(set(everything), key=lambda s: (-len(s), s))),
        frozenset(outlets["last_words"]),
        frozenset(outlets["first_words"]),
        frozenset(fold(name) for name in outlets["never"]),
    )


@cache
def read(file: str) -> Any:
    """A YAML file of this package."""
    return YAML(typ="safe").load(files(__package__).joinpath(file).read_text(encoding="utf-8"))


def fold(name: str) -> str:
    """A name as it is compared: letters and digits, no case.

    >>> fold("  The  Express-Tribune.")
    'the express tribune'
    """
    return " ".join(_SPLIT.sub(" ", name.casefold()).split())


def credited(name: str) -> Publisher | None:
    """Whose sign it is, where a credit stands: codes count."""
    known = names()
    return known.codes.get(name.strip()) or known.publishers.get(fold(name))


def mentioned(name: str, trimmed: Sequence[str] = ()) -> tuple[Publisher, str] | None:
    """Whose name it is in running text, and the words that say so.

    Args:
        name: Capitalised words, or a known name.
        trimmed: Parts of `name` that are looked up too, best first: a name is often followed or led by
            another capitalised word. Only a whole name is believed for its form alone.
    """
    known = names()
    for part in (name, *trimmed):
        folded = fold(part)
        bare = _without_article(folded)
        found = known.publishers.get(folded) or (known.publishers.get(bare) if len(bare) > 3 else None)
        if found is not None:
            return found, part
    stem = _APOSTROPHE.split(name)[0]
    if stem != name:
        return mentioned(stem)
    words = name.removeprefix("The ").removeprefix("the ").split()
    formed = len(words) > 1 and (words[-1] in known.last_words or words[0] in known.first_words)
    if formed and _without_article(fold(name)) not in known.never:
        return Publisher(name, (), False), name
    return None


def is_own(publisher: Publisher, domain: str, site: str | None) -> bool:
    """Whether a publisher is the very site that the article stands on.

    >>> is_own(Publisher("Asian Lite News", (), False), "asianlite.com", None)
    True
    """
    if domain in publisher.domains:
        return True
    name = _solid(publisher.name)
    if site and name and _solid(site) == name:
        return True
    label = _solid(domain.split(".")[0])
    return len(label) >= _LEAST_LABEL and (name.startswith(label) or (len(name) >= 6 and name in label))


def _solid(name: str) -> str:
    return _without_article(fold(name)).replace(" ", "")


def _without_article(folded: str) -> str:
    for article in _ARTICLES:
        if folded.startswith(article):
            return folded[len(article) :]
    return folded
