"""What an article is about: top-level IPTC Media Topics, by counting cue words that anyone can read.

A topic's score is the sum over its cues of weight × (1 + ln(count)), with words of the title counted
three times, divided by the square root of the text's length in hundreds of words. The words that decided
are in `evidence`. Human interest, a topic of style and not of words, is left out. English only: the
column is empty in other languages rather than wrong.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import Any

from ruamel.yaml import YAML

from newsmill.knowledge.document import Document
from newsmill.knowledge.entries import data
from newsmill.knowledge.names import fold, fold_whole

LEAST = 3.0
"""The least score of a topic. Higher is surer and rarer; docs/quality/enrichment.md has both."""

SHARE = 0.7
"""The least share of the best topic's score that makes another one a topic too."""

MOST = 3

_ENTITY = 2.0  # weight of an entity of a topic's types
_WORD = re.compile(r"[a-z][a-z'-]+")
_STEM = 4  # letters by which words are found quickly


class Topics:
    """Column `topics`: names of IPTC Media Topics, surest first; at most three, often one, or none."""

    name = "topics"
    version = "1"
    columns: tuple[str, ...] = ("topics",)

    def enrich(self, document: Document) -> Mapping[str, Any]:
        """The topics whose score is at least `LEAST`, and near the best one's."""
        scores = sorted(
            ((sum(e.values()), t) for t, e in self.evidence(document).items()), key=lambda s: (-s[0], s[1])
        )
        best = scores[0][0] if scores else 0.0
        chosen = [t for score, t in scores if score >= max(LEAST, SHARE * best)]
        return {"topics": tuple(chosen[:MOST])}

    def evidence(self, document: Document) -> dict[str, dict[str, float]]:
        """By topic: the cues that were found, with what each adds to its score."""
        if document.language != "en":
            return {}
        words = Counter(_WORD.findall(fold_whole(document.text)))
        length = max(1.0, words.total() / 100)
        for word in _WORD.findall(fold(document.title or "")):
            words[word] += 3
        counts: dict[tuple[str, str], tuple[float, int]] = {}
        table = _cues()
        telling = [word for word in words if word[:_STEM] in table or word[:3] in table or word[:2] in table]
        for word in telling:
            for begins in (word[:2], word[:3], word[:_STEM]):
                for stem, whole, topic, weight in table.get(begins, ()):
                    if word == stem or (not whole and word.startswith(stem)):
                        old = counts.get((topic, stem), (weight, 0))
                        counts[topic, stem] = (weight, old[1] + words[word])
        types = _entity_cues()
        for entity in (m.entity for m in document.linked if m.entity is not None):
            for topic in types.get(entity.type, ()):
                cue = f"({entity.type})"
                counts[topic, cue] = (_ENTITY, counts.get((topic, cue), (_ENTITY, 0))[1] + 1)
        found: dict[str, dict[str, float]] = {}
        for (topic, cue), (weight, count) in counts.items():
            found.setdefault(topic, {})[cue] = weight * (1 + math.log(count)) / math.sqrt(length)
        return found


def preload() -> None:
    """Read the topics."""
    _cues()
    _entity_cues()


@cache
def _cues() -> dict[str, list[tuple[str, bool, str, float]]]:
    """By the first letters: (stem, whole word only, topic, weight)."""
    table: dict[str, list[tuple[str, bool, str, float]]] = {}
    for row in _rows():
        for raw in row["cues"].split():
            stem, whole, weight = raw.strip("!*"), raw[0] == "!", 1.0 if raw[-1] == "*" else 0.5
            table.setdefault(stem[:_STEM], []).append((stem, whole, row["name"], weight))
    return table


@cache
def _entity_cues() -> dict[str, tuple[str, ...]]:
    table: dict[str, tuple[str, ...]] = {}
    for row in _rows():
        for type_ in row.get("entities", ()):
            table[type_] = (*table.get(type_, ()), row["name"])
    return table


@cache
def _rows() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = YAML(typ="safe", pure=False).load(data("topics.yaml"))
    return rows
