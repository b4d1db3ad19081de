"""Makes the taggers that come with newsmill (`newsmill kb train-taggers CORPORA`, for its maintainers).

CORPORA holds a folder `OWNER+NAME` for each repository in `sources`, at its commit. Next to each model stands
its card. The same corpora, newsmill and CRFsuite give the same bytes; for English the same spaCy, too, which
teaches it (`newsmill[ner]`).
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.metadata
import importlib.util
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import zstandard

from newsmill.errors import ConfigError
from newsmill.knowledge.default import knowledge_base
from newsmill.knowledge.gazetteer import Gazetteer
from newsmill.knowledge.recognisers.rules import Rules
from newsmill.knowledge.recognisers.statistical import Statistical, small
from newsmill.knowledge.recognisers.words import Word
from newsmill.knowledge.spans import COARSE
from newsmill.knowledge.taggers import features
from newsmill.knowledge.taggers.corpora import Corpus, Sentence
from newsmill.knowledge.taggers.sources import SOURCES, TAUGHT, Taught
from newsmill.knowledge.taggers.tagger import Name, Tagger

SETTINGS = {"max_iterations": 10, "feature.minfreq": 3}
"""For CRFsuite's averaged perceptron: passes over the sentences, and how often a feature must be seen."""

SEED = 1

SHARED_ALIKE = "CC-BY-SA-4.0"

DATA = Path(__file__).parent / "data"
"""Where the taggers that come with newsmill are."""

SENTENCES = (1, 2, 3)
"""Sentences that are put on one line, in turn: news has several sentences a line."""

TOGETHER = 15
"""Sentences that a teacher reads as one text: a name that is said once in full is known by its last word."""

_NO_SPACE_BEFORE = frozenset(",.;:!?)]}»”…%")
_NO_SPACE_BEHIND = frozenset("([{«„“")
_ELIDED = ("l'", "d'", "n'", "s'", "qu'", "l’", "d’", "n’", "s’", "qu’")

Line = tuple[str, list[Name]]


def lines(sentences: Sequence[Sentence]) -> Iterator[Line]:
    """Sentences as lines of text with their names, some on a line."""
    at = turn = 0
    while at < len(sentences):
        count = SENTENCES[turn % len(SENTENCES)]
        yield _line([token for sentence in sentences[at : at + count] for token in sentence])
        at += count
        turn += 1


def _line(sentence: Sentence) -> Line:
    text, names = "", list[Name]()
    glued, kind = True, ""
    for word, tag, space in sentence:
        if text and not glued and not (len(word) <= len("...") and word[0] in _NO_SPACE_BEFORE):
            text += " "
        place, _, here = tag.partition("-")
        start = len(text)
        text += word.replace("\n", " ")
        if here and place == "I" and here == kind:
            names[-1] = (names[-1][0], len(text), kind)
        elif here:
            names.append((start, len(text), here))
        kind = here
        glued = not space or word in _NO_SPACE_BEHIND or word.lower().endswith(_ELIDED)
    return text, names


def labels(words: Sequence[Word], names: Iterable[Name]) -> list[str]:
    """The tag of each word; a word that a name has a part of is in the name."""
    found = ["O"] * len(words)
    for start, end, kind in names:
        place = "B"
        for at, word in enumerate(words):
            if word.start < end and word.end > start:
                found[at] = f"{place}-{kind}"
                place = "I"
    return found


def train(learned: Mapping[str, Iterable[Line]], rules: Rules) -> bytes:
    """A model of CRFsuite, which shuffles sentences by C's `rand`, from lines by their language."""
    ctypes.CDLL(None).srand(SEED)
    trainer: Any = importlib.import_module("pycrfsuite").Trainer("ap", verbose=False)
    trainer.set_params(SETTINGS)
    for language, (text, names) in ((key, line) for key in learned for line in learned[key]):
        words, guesses = rules.read(text, language)
        tags = labels(words, names)
        guessed = features.guesses_by_word(words, guesses)
        for first, last in features.lines(text, words):
            trainer.append(features.sequence(text, words, first, last, guessed, language), tags[first:last])
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "model")
        trainer.train(str(file))
        return file.read_bytes()


def measured(kept: Iterable[Line], tagger: Tagger, rules: Rules, language: str) -> dict[str, float]:
    """Strict F1 of the tagger alone, by type and of persons, organisations and places together (`all`)."""
    gold, found = set[tuple[int, Name]](), set[tuple[int, Name]]()
    for number, (text, names) in enumerate(kept):
        gold.update((number, name) for name in names)
        found.update((number, name) for name in tagger.names(text, *rules.read(text, language)))
    scores = {}
    for label, kinds in {**{kind: {kind} for kind in COARSE}, "all": {"PER", "ORG", "LOC"}}.items():
        here, there = ({n for n in names if n[1][2] in kinds} for names in (gold, found))
        scores[label] = 2 * len(here & there) / max(1, len(here) + len(there))
    return scores


def known(languages: Sequence[str]) -> list[str]:
    """The languages, or all that have corpora where none is named.

    Raises:
        ConfigError: One has none.
    """
    if unknown := sorted(set(languages) - SOURCES.keys()):
        raise ConfigError(
            [f"no corpora of {name!r}, only of {', '.join(sorted(SOURCES))}" for name in unknown]
        )
    return sorted(languages or SOURCES)


def make(language: str, corpora: Path, folder: Path = DATA) -> list[Path]:
    """Write the model of a language and its card.

    Raises:
        ConfigError: CRFsuite, or a file of the corpora, is not there.
    """
    if importlib.util.find_spec("pycrfsuite") is None:
        raise ConfigError(["taggers are made with CRFsuite: pip install 'newsmill[taggers]'"])
    rules = Rules(Gazetteer.open(knowledge_base()))
    sources, taught = SOURCES[language], TAUGHT.get(language)
    learned = [s for corpus in sources for s in corpus.learned(corpora)]
    silver = list(_silver(language, taught, corpora, rules)) if taught else []
    model = train({language: [*silver, *lines(learned)]}, rules)
    tagger = Tagger(model, language)
    scores = {}
    for corpus in sources:
        if kept := corpus.kept(corpora):
            scores[corpus.name] = measured(lines(kept), tagger, rules, language)
    files = [folder / f"{language}.crf.zst", folder / f"{language}.md"]
    folder.mkdir(parents=True, exist_ok=True)
    files[0].write_bytes(zstandard.compress(model, 19))
    files[1].write_text(card(language, len(learned), scores), encoding="utf-8")
    return files


def _silver(language: str, taught: Taught, corpora: Path, rules: Rules) -> Iterator[Line]:
    """The lines of texts with the names that a teacher finds in them."""
    if taught.sisters:
        learned = {
            sister: lines([s for corpus in sources for s in corpus.learned(corpora)])
            for sister, sources in taught.sisters.items()
        }
        tagger = Tagger(train(learned, rules), language)
        taught_by = Statistical({language: (small(language), tagger)}, rules)

        def teacher(text: str) -> list[Name]:
            return [(s.start, s.end, s.coarse) for s in taught_by.recognise(text, language)]

    else:
        teacher = partial(Statistical.open([language], rules=rules).alone, language=language)
    for text in taught.texts:
        sentences = list(map(_untagged, text.learned(corpora)))
        for at in range(0, len(sentences), TOGETHER):
            yield from _tagged(sentences[at : at + TOGETHER], teacher)


def _untagged(sentence: Sentence) -> str:
    return _line([(word, "O", space) for word, _, space in sentence])[0]


def _tagged(sentences: Sequence[str], teacher: Callable[[str], list[Name]]) -> Iterator[Line]:
    """The same as lines of `SENTENCES`; the teacher reads all of them as one text, one a line."""
    names = [(s, e, kind) for s, e, kind in teacher("\n".join(sentences)) if s < e]
    at = start = turn = 0
    while at < len(sentences):
        here = sentences[at : at + SENTENCES[turn % len(SENTENCES)]]
        text = " ".join(here)
        end = start + len(text)
        yield text, [(s - start, e - start, kind) for s, e, kind in names if start <= s and e <= end]
        at, turn, start = at + len(here), turn + 1, end + 1


def card(language: str, learned: int, scores: dict[str, dict[str, float]]) -> str:
    """What a tagger was made from, and how good it is on sentences that it did not learn from."""
    taught = TAUGHT.get(language)
    made = [f"{learned:,} sentences"] if learned else []
    made += ["what a teacher found in texts"] if taught else []
    told = [
        f"# Tagger of `{language}`",
        "",
        "Written by `newsmill kb train-taggers`.",
        "",
        f"Made from {' and '.join(made)} with CRFsuite {importlib.metadata.version('python-crfsuite')}. "
        f"Licence of the model: {licence(language)}.",
        "",
    ]
    if SOURCES[language]:
        told += _table("files learned from", SOURCES[language])
    if taught:
        told += [
            f"The teacher: {taught.teacher}. What it finds is no gold: its errors are",
            "learned too. It read the words of these texts; their tags, where they have any, were not read.",
            "",
            *_table("files read", taught.texts),
        ]
        if taught.sisters:
            told += [
                "The teacher's tagger was made from corpora of other languages:",
                "",
                *_table("files learned from", [c for sources in taught.sisters.values() for c in sources]),
            ]
    if scores:
        told += [
            "Strict F1 of the tagger alone on sentences of the same corpora that it did not learn from. They",
            "are of the same kind as those that it learned from: docs/quality/enrichment.md has other texts.",
            "",
            "| corpus | persons | organisations | places | all three |",
            "|---|---|---|---|---|",
        ]
        for name, found in scores.items():
            cells = " | ".join(f"{found[kind]:.3f}" for kind in ("PER", "ORG", "LOC", "all"))
            told.append(f"| {name} | {cells} |")
        told.append("")
    return "\n".join(told)


def _table(files: str, corpora: Sequence[Corpus]) -> list[str]:
    rows = (
        f"| {c.name} | {c.repository} @{c.commit[:8]} | {c.licence} | {' '.join(c.train)} |" for c in corpora
    )
    return [f"| corpus | repository | licence | {files} |", "|---|---|---|---|", *rows, ""]


def licence(language: str) -> str:
    """SPDX's name of a model's licence: newsmill's own, where no corpus demands that its be kept.

    Share-alike 3.0 lets what is made from it be under 4.0.
    """
    return SHARED_ALIKE if any("-SA-" in corpus.licence for corpus in used(language)) else "Apache-2.0"


def used(language: str) -> list[Corpus]:
    """Everything that a model was made from, the teacher's corpora too."""
    found = list(SOURCES[language])
    if taught := TAUGHT.get(language):
        found += [*taught.texts, *(corpus for sources in taught.sisters.values() for corpus in sources)]
    return found
