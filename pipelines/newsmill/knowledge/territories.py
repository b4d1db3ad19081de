"""Countries and states with their Wikidata ids: rigour's territories as one small table.

rigour (MIT) can't be a dependency: what it needs is compiled from C++ source. `newsmill kb
condense-territories` rewrites `data/territories.tsv` where rigour is installed.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version

from newsmill.errors import ConfigError
from newsmill.knowledge.entries import data
from newsmill.records import Record

TABLE = "territories.tsv"


class Territory(Record, frozen=True, kw_only=True):
    """A country, or a part of one that has laws of its own."""

    code: str  # ISO 3166-1 alpha-2 or ISO 3166-2, in capitals: US, US-ND
    qids: tuple[str, ...]  # Wikidata ids: its own, then those of its predecessors and the like
    name: str
    full_name: str


def condense() -> str:
    """The table of the installed rigour: its version, then a line a territory.

    Raises:
        ConfigError: rigour is not installed.
    """
    try:
        rigour = import_module("rigour.territories")
    except ImportError as error:
        raise ConfigError(f"rigour can't be read: {error}; pip install rigour needs a C++ compiler") from None
    rows = [
        "\t".join((t.code.upper(), "|".join((t.qid, *sorted(t.other_qids))), t.name, t.full_name))
        for t in rigour.get_territories()
    ]
    return "\n".join((f"rigour {version('rigour')}", *sorted(rows))) + "\n"


def read() -> tuple[dict[str, Territory], str]:
    """The territories of the table by code, and the version of rigour that it was made from."""
    first, *lines = data(TABLE).decode().splitlines()
    found = {}
    for line in lines:
        code, qids, name, full_name = line.split("\t")
        found[code] = Territory(code=code, qids=tuple(qids.split("|")), name=name, full_name=full_name)
    return found, first.partition(" ")[2]
