"""Reads a text with a tagger that comes with newsmill (`data/LANGUAGE.crf.zst`)."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import zstandard

from newsmill.errors import ConfigError
from newsmill.knowledge.recognisers.document import Guess
from newsmill.knowledge.recognisers.words import Word
from newsmill.knowledge.taggers import features

VERSION = "1"
"""Changes with the features, and with the models."""

DATA = files(__package__).joinpath("data")
"""Where the taggers that come with newsmill are."""

Name = tuple[int, int, str]
"""Start, end and coarse type."""


def file_of(language: str) -> Traversable:
    """The file of a tagger that comes with newsmill; who passes newsmill on may have taken it out."""
    return DATA.joinpath(f"{language}.crf.zst")


def unpacked(language: str) -> bytes:
    """CRFsuite's model of a language.

    Raises:
        ConfigError: Its file is missing or damaged.
    """
    file = file_of(language)
    try:
        return zstandard.decompress(file.read_bytes())
    except (OSError, zstandard.ZstdError) as error:
        raise ConfigError(f"{file}: is missing or damaged ({error}); install newsmill anew") from None


class Tagger:
    """A conditional random field of one language. Threads must take turns.

    Args:
        model: CRFsuite's model.
        language: ISO 639-1.
    """

    def __init__(self, model: bytes, language: str) -> None:
        self._bytes = model  # CRFsuite reads the model where it is and does not keep it alive
        self._model: Any = importlib.import_module("pycrfsuite").Tagger()
        self._model.open_inmemory(self._bytes)
        self._language = language

    @property
    def version(self) -> str:
        """Changes with whatever may change its names, but for the rules."""
        return f"tagger-{VERSION}"

    @classmethod
    def open(cls, language: str) -> Tagger:
        """The tagger that comes with newsmill.

        Raises:
            ConfigError: Its file is missing or damaged.
            ModuleNotFoundError: CRFsuite is not installed.
        """
        return cls(unpacked(language), language)

    def names(self, text: str, words: Sequence[Word], guesses: Sequence[Guess]) -> Iterator[Name]:
        """The names in a text, by start, without overlap.

        Args:
            text: What is read.
            words: Its words, as `words.Words` gives them.
            guesses: What the rules make of them.
        """
        guessed = features.guesses_by_word(words, guesses)
        for first, last in features.lines(text, words):
            row = features.sequence(text, words, first, last, guessed, self._language)
            yield from named(words[first:last], self._model.tag(row))


def named(words: Sequence[Word], tags: Sequence[str]) -> Iterator[Name]:
    """The names that tags (`O`, `B-PER`, `I-PER` …) say; an `I` that goes on with nothing begins a name."""
    first, kind = 0, ""
    for at, tag in enumerate([*tags, "O"]):
        place, _, here = tag.partition("-")
        if kind and (place != "I" or here != kind):
            yield words[first].start, words[at - 1].end, kind
            kind = ""
        if here and not kind:
            first, kind = at, here
