"""What a recogniser is, and what it needs from a gazetteer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from newsmill.knowledge.spans import Span


class Candidate(Protocol):
    """What an entity that bears a name must tell."""

    @property
    def coarse(self) -> str:
        """PER, ORG, LOC or MISC."""
        ...

    @property
    def role(self) -> str:
        """`demonym` where the name is of a place's people, `capitals` where it counts in capitals only."""
        ...

    @property
    def prior(self) -> float:
        """Probability of this entity among those that bear the name, 0–1."""
        ...

    @property
    def importance(self) -> float:
        """How much it is written about, 0–1, on one scale over all types."""
        ...


class Names(Protocol):
    """A gazetteer, as far as recognisers use it."""

    def lookup(self, surface: str) -> Sequence[Candidate]:
        """The entities that `surface` can name, likeliest first; empty when it is unknown."""
        ...

    def places_without_case(self) -> Iterable[tuple[str, float]]:
        """The places whose names are in a script without capitals, and the weights of the names."""
        ...


class Recogniser(Protocol):
    """Finds names in a text. Keeps no state between calls: threads may share one."""

    @property
    def name(self) -> str:
        """Its name in a row's versions."""
        ...

    @property
    def version(self) -> str:
        """Changes with whatever may change its spans."""
        ...

    def recognise(self, text: str, language: str) -> list[Span]:
        """Names in `text`, by start, without overlap.

        Types follow CoNLL 2003: nationalities, events, works, laws and products are MISC, newspapers
        and agencies ORG. `language` is ISO 639-1; one that the recogniser can't read gives no spans.
        """
        ...
