"""Adding entities of one's own to a knowledge base, without what it was made from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from newsmill.knowledge import build
from newsmill.knowledge.entries import Entry
from newsmill.knowledge.gazetteer import Gazetteer


def extend(base: Path, own: list[Entry], folder: Path, *, sources: dict[str, str]) -> str:
    """Write to `folder` the knowledge base `base` with entities added, and return its version.

    The result is the one that `build.build` makes of `own` followed by the entities of `base`: where
    one has the id of another, its name, type and place win, and the names of both count.

    Raises:
        ConfigError: `base` is no knowledge base, or `folder` can't be written or holds something else.
    """
    gazetteer = Gazetteer.open(base)
    there = list(gazetteer.entries())
    rows = build.merged([*own, *there])
    number = {build.identity(row): index for index, row in enumerate(rows)}
    moved = [number[build.identity(row)] for row in there]
    found = build.edges(rows, _known(gazetteer, own, there, moved))
    return build.write(rows, found, folder, sources=gazetteer.about["sources"] | sources)


def _known(
    gazetteer: Gazetteer, own: list[Entry], there: list[Entry], moved: list[int]
) -> Iterator[tuple[str, int, int, float]]:
    """The edges of the base; a place's foreign name that is now the name of an added entity weighs less."""
    new = build.chief_names(own) - build.chief_names(there)
    name = build.ROLES.index("name")
    for bare, entity, role, weight in gazetteer.edges():
        row = there[entity]
        foreign = bare in new and role == name and weight < row.weight and build.may_be_foreign(row, bare)
        yield bare, moved[entity], role, weight * build.FOREIGN if foreign else weight
