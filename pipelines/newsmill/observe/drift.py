"""Extraction drift: says when a site's pages begin to come out otherwise than they used to.

A redesign shows in the pages before anybody reports it: bodies get short, dates or titles go missing,
articles are taken for section pages. Each domain is compared with its own past, so a site that never
had dates is no alarm.

The newest pages of a domain (`RECENT` or a few more) are tested against its past (at least `MIN_PAST`
pages, older ones counting less and less): shares by the two-proportion z-test, lengths by the z-test
of the mean of their logarithms. A change must be both significant (`Z`, far out since a test is made
with each batch) and large (`MIN_SHARE_CHANGE`, `MIN_LENGTH_RATIO`), and the next `RECENT` pages must
confirm it, so that an afternoon of short notices is no alarm and the new level is not mixed with the
old. A change is told once: what confirmed it is the new past.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from newsmill.records import Micros

RECENT: Final = 15
"""How many of the newest pages are tested; older ones go to the past."""
MIN_PAST: Final = 40
PAST: Final = 1000
"""Weight, in pages, beyond which the past fades."""
Z: Final = 4.0
"""How far out a change must be, twice in a row: `benchmarks/drift.py` prints what that costs and finds."""
MIN_SHARE_CHANGE: Final = 0.25
MIN_LENGTH_RATIO: Final = 1.6
DOMAINS: Final = 20_000
"""Most domains that are watched; the one not seen for longest is forgotten. About 1 kB each."""


class Signal(StrEnum):
    """What is watched."""

    LENGTH = "length"  # characters of the body, geometric mean
    DATED = "dated"  # share of articles with a date of publication
    TITLED = "titled"  # share of articles with a title
    NOT_ARTICLE = "not_article"  # share of pages that are no article


@dataclass(frozen=True, kw_only=True)
class Pages:
    """What came out of some pages of one domain: counts, and sums that add up.

    `log_chars` is the sum of log(1 + characters of the body) over the articles, `log_chars_sq` the sum
    of the squares.
    """

    domain: str
    at: Micros
    pages: float
    articles: float
    dated: float
    titled: float
    log_chars: float
    log_chars_sq: float


@dataclass(frozen=True, kw_only=True)
class DriftEvent:
    """A domain's pages come out otherwise than before. `before` and `after` are shares, or characters."""

    domain: str
    signal: Signal
    at: Micros  # of the newest page that was tested
    before: float
    after: float
    pages: int  # recent pages that show it
    z: float


class DriftWatch:
    """Watches many domains, in bounded memory.

    Args:
        domains: Most domains kept.
    """

    def __init__(self, *, domains: int = DOMAINS) -> None:
        self._most = domains
        self._domains: OrderedDict[str, _Domain] = OrderedDict()

    def observe(self, pages: Pages) -> list[DriftEvent]:
        """Add pages of a domain, oldest first, and say what has changed."""
        domain = self._domains.get(pages.domain)
        if domain is None:
            domain = self._domains[pages.domain] = _Domain()
            if len(self._domains) > self._most:
                self._domains.popitem(last=False)
        self._domains.move_to_end(pages.domain)
        return domain.observe(pages)


def drift_events(pages: Iterable[Pages], watch: DriftWatch | None = None) -> Iterator[DriftEvent]:
    """The changes in a history of pages, ordered by time within each domain; `watch` remembers them."""
    watch = watch or DriftWatch()
    for some in pages:
        yield from watch.observe(some)


def log_chars(chars: int) -> float:
    """A body's length as `Pages` sums it."""
    return math.log1p(chars)


class _Sums:
    """Sums of pages, which may fade."""

    __slots__ = ("articles", "dated", "log_chars", "log_chars_sq", "pages", "titled")

    def __init__(self) -> None:
        self.pages = self.articles = self.dated = self.titled = self.log_chars = self.log_chars_sq = 0.0

    def add(self, more: Pages | _Sums, weight: float = 1.0) -> None:
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + weight * getattr(more, name))

    def fade(self, factor: float) -> None:
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) * factor)


class _Domain:
    """One domain: its past as faded sums, its recent pages one by one, and what awaits confirmation."""

    def __init__(self) -> None:
        self._past = _Sums()
        self._recent: deque[Pages] = deque()
        self._suspicious: list[Pages] = []

    def observe(self, pages: Pages) -> list[DriftEvent]:
        self._recent.append(pages)
        recent = _Sums()
        for some in self._recent:
            recent.add(some)
        while recent.pages - self._recent[0].pages >= RECENT:
            oldest = self._recent.popleft()
            recent.add(oldest, -1.0)
            self._settle(oldest)
        if recent.pages < RECENT or self._past.pages < MIN_PAST:
            return []
        events = list(_changes(pages, self._past, recent))
        if self._suspicious:
            if events:
                self._past = _Sums()
            else:
                self._settle(*self._suspicious)
            self._suspicious = []
            return events
        if events:
            self._suspicious = list(self._recent)
            self._recent.clear()
        return []

    def _settle(self, *some: Pages) -> None:
        for pages in some:
            self._past.add(pages)
        if self._past.pages > PAST:
            self._past.fade(PAST / self._past.pages)


def _changes(newest: Pages, past: _Sums, recent: _Sums) -> Iterator[DriftEvent]:
    shares = [
        (
            Signal.NOT_ARTICLE,
            past.pages - past.articles,
            past.pages,
            recent.pages - recent.articles,
            recent.pages,
        )
    ]
    if recent.articles >= RECENT / 2 and past.articles >= MIN_PAST / 2:
        shares += [
            (Signal.DATED, past.dated, past.articles, recent.dated, recent.articles),
            (Signal.TITLED, past.titled, past.articles, recent.titled, recent.articles),
        ]
        before, after = past.log_chars / past.articles, recent.log_chars / recent.articles
        z = _z_of_means(past, recent)
        if z >= Z and abs(after - before) >= math.log(MIN_LENGTH_RATIO):
            yield _event(newest, Signal.LENGTH, math.expm1(before), math.expm1(after), recent.articles, z)
    for signal, past_hits, past_all, recent_hits, recent_all in shares:
        z = _z_of_shares(past_hits, past_all, recent_hits, recent_all)
        before, after = past_hits / past_all, recent_hits / recent_all
        if z >= Z and abs(after - before) >= MIN_SHARE_CHANGE:
            yield _event(newest, signal, before, after, recent_all, z)


def _event(newest: Pages, signal: Signal, before: float, after: float, pages: float, z: float) -> DriftEvent:
    return DriftEvent(
        domain=newest.domain,
        signal=signal,
        at=newest.at,
        before=before,
        after=after,
        pages=round(pages),
        z=z,
    )


def _z_of_shares(past_hits: float, past_all: float, recent_hits: float, recent_all: float) -> float:
    """Two-proportion z, pooled, with one imagined hit and miss so that 0 and 1 have some spread."""
    pooled = (past_hits + recent_hits + 1) / (past_all + recent_all + 2)
    spread = math.sqrt(pooled * (1 - pooled) * (1 / past_all + 1 / recent_all))
    return abs(recent_hits / recent_all - past_hits / past_all) / spread


def _z_of_means(past: _Sums, recent: _Sums) -> float:
    """Welch's z of the mean log length; a spread of at least 0.1 is taken."""

    def error(sums: _Sums) -> tuple[float, float]:
        mean = sums.log_chars / sums.articles
        variance = max(sums.log_chars_sq / sums.articles - mean * mean, 0.01)
        return mean, variance / sums.articles

    (before, e1), (after, e2) = error(past), error(recent)
    return abs(after - before) / math.sqrt(e1 + e2)
