"""Paragraphs that a site repeats on page after page: learned from its own articles.

A list of phrases can't know every site's boilerplate ("Become a friend of the Weekly"). What stands word
for word in several articles of one domain is such text. Learning and removing are apart, so that rows don't
depend on the order in which pages arrive: a batch is read with one frozen `Boilerplate`, and what it
teaches counts for the next batch only.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from newsmill.page.passages import fold
from newsmill.records import Page, Record, Removal

RULE: Final = "repeated-block"
LONGEST: Final = 600
"""Longer paragraphs are never taken for boilerplate: a quoted law or statement may recur."""


class Boilerplate(Record, frozen=True, kw_only=True):
    """What is known of each domain's boilerplate: immutable, small, serialisable.

    Attributes:
        lines: By domain, the hashes of folded paragraphs.
    """

    lines: dict[str, frozenset[int]] = msgspec.field(default_factory=dict)

    def without(self, page: Page, domain: str) -> Page:
        """The page without its domain's boilerplate; each removal is recorded in `extraction`.

        A page that would lose more than half of its text keeps all of it: it is the boilerplate's own page.
        """
        known = self.lines.get(domain)
        if not known or not page.body:
            return page
        paragraphs = page.body.split("\n")
        kept = [text for text in paragraphs if _key(text) not in known]
        if len(kept) == len(paragraphs) or sum(map(len, kept)) * 2 < len(page.body):
            return page
        removed = tuple(
            Removal(rule=RULE, text=text, paragraph=n)
            for n, text in enumerate(paragraphs)
            if _key(text) in known
        )
        extraction = msgspec.structs.replace(page.extraction, removed=page.extraction.removed + removed)
        return msgspec.structs.replace(page, body="\n".join(kept), extraction=extraction)


class BoilerplateLearner:
    """Counts in how many articles of a domain a paragraph stands.

    The same articles in any order give the same snapshot. Memory is bounded: at most `max_domains` domains
    with `max_lines` paragraphs each; the rarest go first, among equals those with the greatest hash.

    Args:
        min_articles: A paragraph is boilerplate from this many articles on.
        max_domains: Domains that are remembered.
        max_lines: Paragraphs that are remembered of one domain.
    """

    def __init__(self, *, min_articles: int = 4, max_domains: int = 5_000, max_lines: int = 2_000) -> None:
        self._min_articles, self._max_domains, self._max_lines = min_articles, max_domains, max_lines
        self._seen: dict[str, dict[int, set[str]]] = {}

    def learn(self, articles: Iterable[tuple[str, str, Page]]) -> None:
        """Count a batch of (domain, article_id, page); an article counts once, however often it comes."""
        for domain, article_id, page in articles:
            counts = self._seen.setdefault(domain, {})
            for text in page.body.split("\n"):
                if (key := _key(text)) is not None:
                    articles_with = counts.setdefault(key, set())
                    if len(articles_with) < self._min_articles:
                        articles_with.add(article_id)
        self._forget()

    def snapshot(self) -> Boilerplate:
        """What is known now; later learning doesn't change it."""
        found: Mapping[str, frozenset[int]] = {
            domain: frozenset(key for key, articles in counts.items() if len(articles) >= self._min_articles)
            for domain, counts in self._seen.items()
        }
        return Boilerplate(lines={domain: keys for domain, keys in found.items() if keys})

    def _forget(self) -> None:
        for domain, counts in self._seen.items():
            if len(counts) > self._max_lines:
                best = heapq.nsmallest(
                    self._max_lines, counts.items(), key=lambda item: (-len(item[1]), item[0])
                )
                self._seen[domain] = dict(best)
        if len(self._seen) > self._max_domains:
            ranked = sorted(self._seen.items(), key=lambda item: (-sum(map(len, item[1].values())), item[0]))
            self._seen = dict(ranked[: self._max_domains])


def _key(text: str) -> int | None:
    """63 bits of a paragraph's words (BLAKE2b); None for one too long or too short to be judged."""
    folded = fold(text)
    if not len(folded) >= 12 or len(text) > LONGEST:
        return None
    return int.from_bytes(hashlib.blake2b(folded.encode(), digest_size=8).digest(), "big") >> 1
