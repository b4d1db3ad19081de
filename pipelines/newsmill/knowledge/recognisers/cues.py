"""Words that tell what a name is (`data/cues.yaml`, `data/first_names.txt.gz`)."""

from __future__ import annotations

import gzip
from functools import cache
from importlib.resources import files

from ruamel.yaml import YAML

from newsmill.knowledge.names import fold


@cache
def cues(kind: str) -> frozenset[str]:
    """The words of one kind, lower case."""
    return _all()[kind]


@cache
def first_names() -> frozenset[str]:
    """Given names of the world's countries, folded: Faker's lists, without common English words."""
    packed = files(__package__).joinpath("data/first_names.txt.gz").read_bytes()
    return frozenset(gzip.decompress(packed).decode("utf-8").split())


@cache
def _all() -> dict[str, frozenset[str]]:
    tables = YAML(typ="safe").load(files(__package__).joinpath("data/cues.yaml").read_text(encoding="utf-8"))
    return {
        kind: frozenset(words.split()) | frozenset(map(fold, words.split())) for kind, words in tables.items()
    }
