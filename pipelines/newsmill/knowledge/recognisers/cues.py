"""Words that tell what a name is (`data/cues.yaml`, `data/first_names.txt.gz`, `data/surnames.txt.gz`)."""

from __future__ import annotations

import gzip
from functools import cache, lru_cache
from importlib.resources import files

import justext
from ruamel.yaml import YAML

from newsmill.knowledge.forms import first_cases
from newsmill.knowledge.names import fold

FREQUENT = dict(
    pair.split(":")
    for pair in """
    af:Afrikaans sq:Albanian hy:Armenian az:Azerbaijani eu:Basque be:Belarusian bs:Bosnian bg:Bulgarian
    ca:Catalan hr:Croatian cs:Czech da:Danish nl:Dutch et:Estonian fi:Finnish fr:French gl:Galician
    ka:Georgian de:German el:Greek hu:Hungarian is:Icelandic id:Indonesian ga:Irish it:Italian kk:Kazakh
    ky:Kyrgyz lv:Latvian lt:Lithuanian lb:Luxembourgish mk:Macedonian ms:Malay mt:Maltese
    nb:Norwegian_Bokmal nn:Norwegian_Nynorsk pl:Polish pt:Portuguese ro:Romanian ru:Russian sr:Serbian
    sk:Slovak sl:Slovenian es:Spanish sw:Swahili sv:Swedish tl:Tagalog tr:Turkish uk:Ukrainian uz:Uzbek
    vi:Vietnamese cy:Welsh yo:Yoruba ar:Arabic fa:Persian he:Hebrew hi:Hindi bn:Bengali ta:Tamil
    """.split()
)
"""Languages with a list of frequent words, ISO 639-1, and what jusText calls the list."""

_REMEMBERED = 4_000
"""Words that stand beside names, of which the same ones do so in every text."""


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


@cache
def words_of(kind: str, language: str) -> frozenset[str]:
    """Folded words that tell what a name is in one language (`data/words.tsv`): role, head, end or speaks."""
    return _words().get((kind, language), frozenset())


@cache
def _words() -> dict[tuple[str, str], frozenset[str]]:
    lines = files(__package__).joinpath("data/words.tsv").read_text(encoding="utf-8").splitlines()
    rows = (line.split("\t") for line in lines if not line.startswith("#"))
    return {(kind, language): frozenset(fold(words).split()) for language, kind, words in rows}


@cache
def frequent_words(language: str) -> frozenset[str]:
    """Frequent words of a language in lower case, by jusText; none where it has no list."""
    name = FREQUENT.get(language)
    return frozenset(justext.get_stoplist(name)) if name else frozenset()


@lru_cache(maxsize=_REMEMBERED)
def is_of(word: str, kind: str, language: str) -> bool:
    """Whether a folded word, or what it is a form of, is one of `words_of`."""
    words = words_of(kind, language)
    return bool(words) and (word in words or not words.isdisjoint(first_cases(word, language)))


def ends_as_surname(word: str, language: str) -> bool:
    """Whether a folded word ends as surnames do (`data/surname_endings.tsv`)."""
    endings = _surname_endings().get(language, ())
    return len(word) > 4 and word.endswith(endings)


@cache
def _surname_endings() -> dict[str, tuple[str, ...]]:
    lines = files(__package__).joinpath("data/surname_endings.tsv").read_text(encoding="utf-8").splitlines()
    rows = (line.split("\t") for line in lines if not line.startswith("#"))
    return {language: tuple(map(fold, endings.split())) for language, endings in rows}


def preload() -> None:
    """Read all files of these lists, of all languages."""
    for load in (first_names, surnames, common_words, _words, _surname_endings, _all):
        load()
    for language in FREQUENT:
        frequent_words(language)


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
