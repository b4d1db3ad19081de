"""Words that tell what a name is (`data/cues.yaml`, `data/first_names.txt.gz`, `data/surnames.txt.gz`)."""

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
    return _packed(__package__, "first_names.txt.gz")


@cache
def surnames() -> frozenset[str]:
    """Family names of the world's countries, folded: Faker's lists, without common English words."""
    return _packed(__package__, "surnames.txt.gz")


@cache
def common_words() -> frozenset[str]:
    """Common English words, lower case: those that the knowledge base is built with."""
    return _packed("newsmill.knowledge", "english_words.txt.gz")


def is_common(word: str) -> bool:
    """Whether a folded word is common English: in the list, a plural of one in it, or made of such parts."""
    known = common_words()
    if word in known or (word.endswith("s") and word[:-1] in known):
        return True
    return "-" in word and all(part.isdigit() or part in known for part in word.split("-"))


def _packed(package: str, name: str) -> frozenset[str]:
    return frozenset(
        gzip.decompress(files(package).joinpath("data", name).read_bytes()).decode("utf-8").split()
    )


@cache
def _all() -> dict[str, frozenset[str]]:
    tables = YAML(typ="safe").load(files(__package__).joinpath("data/cues.yaml").read_text(encoding="utf-8"))
    return {
        kind: frozenset(words.split()) | frozenset(map(fold, words.split())) for kind, words in tables.items()
    }
