"""Made-up news for the benchmarks of copies: stories, ways of editing them, and texts that are no copies."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import numpy as np

from newsmill.records import Draft, Extraction, Language, Page, Position

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from forms import FORMS, filled  # the forms of the tests

MINUTE = 60_000_000
SHARE_OF_COPIES = 0.35
MEDIAN_WORDS = 350
SPREAD = 0.6  # of the logarithm of the length
SYLLABLES = "ba den kor lis mav neth or pil qua rev sol tam ur vex wen yor zan chel drim fos gath hul".split()


class Doc(NamedTuple):
    """A made-up article; `of` is the number of the story it is a copy of."""

    number: int
    of: int
    title: str
    body: str


@cache
def vocabulary() -> tuple[list[str], list[float]]:
    rng = random.Random(0)
    words = sorted({"".join(rng.choices(SYLLABLES, k=rng.choice((1, 2, 2, 3, 3)))) for _ in range(30_000)})
    rng.shuffle(words)
    return words, list(accumulate(1 / (rank + 5) for rank in range(len(words))))


def story(number: int, words: int | None = None) -> str:
    """Sentences of words as frequent as those of a language, three to a paragraph."""
    rng = random.Random(f"story {number}")
    known, weights = vocabulary()
    left = words or int(min(3000, max(60, rng.lognormvariate(np.log(MEDIAN_WORDS), SPREAD))))
    sentences = []
    while left > 0:
        count = min(left, rng.randint(8, 25))
        left -= count
        sentences.append(" ".join(rng.choices(known, cum_weights=weights, k=count)).capitalize() + ".")
    return "\n".join(" ".join(sentences[at : at + 3]) for at in range(0, len(sentences), 3))


def headline(text: str) -> str:
    return " ".join(word.strip(".") for word in text.split()[:40] if len(word) > 5)[:60].title()


def reworded(text: str, rng: random.Random, share: float) -> str:
    known, weights = vocabulary()
    return " ".join(
        rng.choices(known, cum_weights=weights)[0] if rng.random() < share else word
        for word in text.split(" ")
    )


def cut(text: str, share: float) -> str:
    words = text.split(" ")
    return " ".join(words[: max(12, int(len(words) * share))])


def inserted(text: str, rng: random.Random, share: float) -> str:
    paragraphs = text.split("\n")
    extra = story(rng.randrange(10**9), max(12, int(len(text.split()) * share)))
    return "\n".join([*paragraphs[: len(paragraphs) // 2], extra, *paragraphs[len(paragraphs) // 2 :]])


def misread(text: str, rng: random.Random, share: float) -> str:
    """Words with a letter as text recognition gets it wrong."""
    pairs = [("l", "1"), ("o", "0"), ("s", "5"), ("e", "c"), ("h", "b"), ("m", "rn"), ("i", "l")]
    words = []
    for word in text.split(" "):
        possible = [pair for pair in pairs if pair[0] in word]
        wrong = possible and rng.random() < share
        words.append(word.replace(*rng.choice(possible), 1) if wrong else word)
    return " ".join(words)


EDITS: dict[str, Callable[[str, random.Random], str]] = {
    "none": lambda text, rng: text,
    "dateline and closing line": lambda text, rng: f"SALEM (XPA) - {text}\n(Reporting by the Salem desk)",
    "2 % of words": lambda text, rng: reworded(text, rng, 0.02),
    "5 % of words": lambda text, rng: reworded(text, rng, 0.05),
    "10 % of words": lambda text, rng: reworded(text, rng, 0.10),
    "cut to 75 %": lambda text, rng: cut(text, 0.75),
    "cut to 50 %": lambda text, rng: cut(text, 0.5),
    "cut to 25 %": lambda text, rng: cut(text, 0.25),
    "cut to 50 %, 5 % of words": lambda text, rng: reworded(cut(text, 0.5), rng, 0.05),
    "30 % inserted": lambda text, rng: inserted(text, rng, 0.3),
    "100 % appended": lambda text, rng: text + "\n" + story(rng.randrange(10**9), len(text.split())),
    "cut to 60 %, 5 % of words, 30 % inserted": lambda text, rng: inserted(
        reworded(cut(text, 0.6), rng, 0.05), rng, 0.3
    ),
    "10 % of words misread": lambda text, rng: misread(text, rng, 0.10),
}


def report(number: int) -> str:
    """A market report: the same words with other numbers."""
    rng = random.Random(f"report {number}")
    form = story(0, 90).split()
    return " ".join(
        f"{word} {rng.uniform(1, 20000):.2f}" if n % 7 == 3 else word for n, word in enumerate(form)
    )


def round_up(number: int) -> str:
    """The leads of four stories that no other round-up has, each with its headline."""
    parts = [story(4 * number + n) for n in range(1, 5)]
    return "\n".join(f"{headline(part)}. {cut(part, 0.2)}" for part in parts)


def stream(seed: int = 1) -> Iterator[Doc]:
    """News without end: new stories, and copies of recent ones in all ways of editing."""
    rng = random.Random(seed)
    edits = list(EDITS.values())
    originals: list[int] = []
    number = 0
    while True:
        number += 1
        if originals and rng.random() < SHARE_OF_COPIES:
            of = originals[-rng.randint(1, min(len(originals), 5000))]
            text = story(of)
            yield Doc(number, of, headline(text), rng.choice(edits)(text, rng))
        else:
            originals.append(number)
            text = story(number)
            yield Doc(number, number, headline(text), text)


def identifier(number: int) -> str:
    """32 hex digits, the first of them spread as those of a hash."""
    return f"{number * 0x9E3779B97F4A7C15 % 2**64:016x}{number:016x}"


def drafted(doc: Doc) -> Draft:
    digest = identifier(doc.number)
    return Draft(
        position=Position(topic="news", partition=0, offset=doc.number),
        url=f"https://example.org/{doc.number}",
        final_url=None,
        canonical_url=None,
        url_key=digest,
        domain=f"site{doc.number % 997}.example",
        article_id=digest,
        content_hash=digest,
        fetched_at=None,
        ingested_at=doc.number * MINUTE // 100,
        recorded_at=doc.number * MINUTE // 100,
        page=Page(title=doc.title, body=doc.body, extraction=Extraction(method="given", reason="")),
        language=Language(code="en", confidence=1.0, method="none"),
    )


def negatives(count: int) -> dict[str, list[tuple[str, str]]]:
    """Titles and texts that are no copies of one another, by what they are."""
    made = {
        "market reports": [("Market closes", report(n)) for n in range(count)],
        "round-ups": [("Morning briefing", round_up(n)) for n in range(count)],
    }
    for name, form in FORMS.items():
        fillings = {filled(form, n) for n in range(min(map(len, form.blanks.values())))}
        made[f"{name} ({form.language})"] = sorted(fillings)
    return made
