"""What the live page shows of a run: how fast, how far behind, what became of records, which sites broke.

All of it is kept in memory as the run tells of it, in lists and counters that do not grow: a poll asks
neither the lake nor the broker, and costs the same after a week as after a minute.
"""

from __future__ import annotations

import json
import math
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from newsmill import __version__
from newsmill.observe.drift import DriftEvent
from newsmill.observe.quarantine import site_of
from newsmill.runtime.work import Work
from newsmill.sources.transactions import Backlog
from newsmill.strings import line

STEP_S: Final = 5
STEPS: Final = 180
"""The chart of pages a second: 15 minutes, in steps of 5 s."""
RATE_S: Final = 60
"""Pages a second are those of the last minute."""
DAY_S: Final = 86_400
PARTITIONS: Final = 8
FLOWS: Final = 40
SITES: Final = 10
KEPT_SITES: Final = 1_000
STORIES: Final = 12
TEXT_CHARS: Final = 160
"""Most of each list, and longest text of a stranger, that is shown."""
FRESH_S: Final = 1.0
"""However many look, the answer is made anew at most once in so long."""


class Live:
    """The figures of one run. May be told and asked from any thread.

    Args:
        clock: Unix time in seconds.
        lake: Folder or URI of the run's lake, as it is shown.
    """

    def __init__(self, clock: Callable[[], float], lake: str) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._started = clock()
        self._lake = lake
        self._done = self._done_now = 0
        self._steps: deque[tuple[int, int]] = deque(maxlen=STEPS + 1)  # number of the step, pages until then
        self._commits = self._lost = 0
        self._last_commit: float | None = None
        self._behind: dict[tuple[str, int], int] = {}
        self._held: dict[tuple[str, int], int] = {}
        self._work: Work | None = None
        self._fates: Counter[tuple[str, str]] = Counter()
        self._drift: deque[DriftEvent] = deque(maxlen=SITES)
        self._quarantined: dict[str, Counter[str]] = {}  # codes by site
        self._stories: deque[dict[str, Any]] = deque(maxlen=STORIES)
        self._answer: tuple[float, bytes] = (-math.inf, b"")

    def begin(self, stories: Iterable[Mapping[str, Any]]) -> None:
        """The newest articles of the lake before this run, oldest first."""
        with self._lock:
            self._tell_of(stories)

    def remember(self, events: Sequence[DriftEvent]) -> None:
        """Changes of sites that were seen before this run, newest first."""
        with self._lock:
            self._drift.extend(reversed(events))

    def lag(self, behind: Mapping[tuple[str, int], int]) -> None:
        """Offsets between the lake and the end of each (topic, partition)."""
        with self._lock:
            self._behind = dict(behind)

    def held_back(self, found: Sequence[Backlog]) -> None:
        """What stands behind open transactions."""
        with self._lock:
            self._held = {(part.topic, part.partition): part.held_back for part in found if part.held_back}

    def working(self, work: Work | None) -> None:
        """How far the batch under way is; its pages count until its commit."""
        with self._lock:
            self._work = work
            if work is not None:
                self._done_now = work.done
                self._mark()

    def committed(
        self,
        ledger: Sequence[Mapping[str, Any]],
        articles: Iterable[Mapping[str, Any]],
        events: Sequence[DriftEvent],
        *,
        lost: int,
    ) -> None:
        """A batch became visible, with these rows of `fate` and `articles`."""
        with self._lock:
            self._commits += 1
            self._lost += lost
            self._last_commit = self._clock()
            self._done, self._done_now = self._done + len(ledger), 0
            self._mark()
            self._fates.update((row["fate"], row["reason"] or "") for row in ledger)
            self._drift.extend(events)
            self._tell_of(articles)
            for row in ledger:
                if row["fate"] == "quarantined":
                    site = row["domain"] or site_of(row["url"])
                    if site in self._quarantined or len(self._quarantined) < KEPT_SITES:
                        self._quarantined.setdefault(site, Counter())[row["reason"] or ""] += 1

    def _tell_of(self, articles: Iterable[Mapping[str, Any]]) -> None:
        for row in articles:
            if not row["duplicate"]["is_duplicate"]:
                self._stories.append(
                    {
                        "at": row["ingested_at"].timestamp(),
                        "title": _text(row["title"]),
                        "site": _text(row["domain"]),
                        "lang": _text(row["lang"]),
                    }
                )

    def _mark(self) -> None:
        step = int(self._clock() // STEP_S)
        if self._steps and self._steps[-1][0] == step:
            self._steps.pop()
        elif not self._steps:
            self._steps.append((step - 1, 0))
        self._steps.append((step, self._done + self._done_now))

    def _rates(self, now: float) -> tuple[list[float], float]:
        """Pages a second in each step, oldest first, and over the last minute."""
        last = int(now // STEP_S)
        counts = dict(self._steps)
        known = next((count for step, count in reversed(self._steps) if step <= last - STEPS), None)
        if known is None:
            known = self._steps[0][1] if self._steps else 0
        until = []
        for step in range(last - STEPS, last + 1):
            known = counts.get(step, known)
            until.append(known)
        rates = [max(after - before, 0) / STEP_S for before, after in pairwise(until)]
        minute = rates[-RATE_S // STEP_S :]
        young = max(min(now - self._started, RATE_S), STEP_S)
        return [round(rate, 1) for rate in rates], round(sum(minute) * STEP_S / young, 1)

    def json(self, problems: Sequence[str]) -> bytes:
        """What the page shows; made anew at most once in `FRESH_S`.

        Args:
            problems: Why the run does not take records; empty where it does.
        """
        with self._lock:
            now = self._clock()
            if not 0 <= now - self._answer[0] < FRESH_S:
                self._answer = now, json.dumps(self._snapshot(now, problems)).encode()
            return self._answer[1]

    def _snapshot(self, now: float, problems: Sequence[str]) -> dict[str, Any]:
        rates, rate = self._rates(now)
        places = sorted(self._behind.keys() | self._held.keys())
        worst = sorted(places, key=lambda place: -self._behind.get(place, 0) - self._held.get(place, 0))
        return {
            "version": __version__,
            "lake": _text(self._lake),
            "now": now,
            "started": self._started,
            "problems": [_text(problem) for problem in problems],
            "rate": rate,
            "rates": rates,
            "step_s": STEP_S,
            "records": self._done,
            "commits": self._commits,
            "lost": self._lost,
            "last_commit": self._last_commit,
            "waiting": sum(self._behind.values()),
            "held_back": sum(self._held.values()),
            "partitions": len(places),
            "lag": [
                {
                    "name": f"{_text(place[0])} / {place[1]}",
                    "waiting": self._behind.get(place, 0),
                    "held_back": self._held.get(place, 0),
                }
                for place in worst[:PARTITIONS]
            ],
            "batch": self._batch(),
            "fates": [[fate, _text(reason), n] for (fate, reason), n in self._fates.most_common(FLOWS)],
            "sites": self._sites(now),
            "stories": list(reversed(self._stories)),
        }

    def _batch(self) -> dict[str, Any] | None:
        work = self._work
        if work is None:
            return None
        slow = work.slow and {"stage": work.slow[0], "seconds": round(work.slow[1])}
        return {"records": work.records, "done": work.done, "seconds": round(work.seconds), "slow": slow}

    def _sites(self, now: float) -> list[dict[str, Any]]:
        """Sites whose pages changed within a day, newest first, then those with most in quarantine."""
        found: list[dict[str, Any]] = [
            {
                "site": _text(event.domain),
                "what": event.signal.value,
                "at": event.at / 1e6,
                "before": event.before,
                "after": event.after,
            }
            for event in reversed(self._drift)
            if now - event.at / 1e6 < DAY_S
        ]
        most = sorted(self._quarantined.items(), key=lambda item: (-item[1].total(), item[0]))
        found += [
            {
                "site": _text(site),
                "what": "quarantined",
                "records": codes.total(),
                "codes": [_text(code) for code, _ in codes.most_common(3)],
            }
            for site, codes in most
        ]
        return found[:SITES]


def _text(text: str | None) -> str:
    """A stranger's text on one line, cut, without characters that control or turn the line."""
    clean = line(text or "")
    return clean if len(clean) <= TEXT_CHARS else f"{clean[:TEXT_CHARS]}…"
