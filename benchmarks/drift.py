"""How often the drift watch cries wolf, and how soon it sees a change, on made-up sites.

python benchmarks/drift.py
"""

from __future__ import annotations

import argparse
import json
import random
import statistics

from newsmill.observe.drift import DriftEvent, DriftWatch, Pages, Signal, log_chars


class Site:
    """Publishes pages; lengths are log-normal, and some days have a mood of their own."""

    def __init__(self, rng: random.Random, name: str) -> None:
        self._rng = rng
        self.name = name
        self.median = rng.lognormvariate(7.8, 0.4)
        self.spread = rng.uniform(0.4, 0.9)
        self.dated = rng.choice((1.0, 1.0, 0.98, 0.8, 0.0))
        self.not_article = rng.choice((0.0, 0.05, 0.2))
        self._mood = 0.0

    def batch(self, at: int) -> Pages:
        """One to six pages."""
        rng = self._rng
        self._mood = 0.9 * self._mood + rng.gauss(0, 0.05)
        pages = rng.randint(1, 6)
        articles = sum(rng.random() >= self.not_article for _ in range(pages))
        logs = [
            log_chars(int(self.median * rng.lognormvariate(self._mood, self.spread))) for _ in range(articles)
        ]
        return Pages(
            domain=self.name,
            at=at,
            pages=pages,
            articles=articles,
            dated=sum(rng.random() < self.dated for _ in range(articles)),
            titled=articles,
            log_chars=sum(logs),
            log_chars_sq=sum(x * x for x in logs),
        )


def wolf(sites: int, batches: int) -> dict[str, float]:
    """Alarms at sites that do not change."""
    rng, watch, alarms, pages = random.Random(1), DriftWatch(), 0, 0.0
    for site in (Site(rng, str(n)) for n in range(sites)):
        for at in range(batches):
            batch = site.batch(at)
            pages += batch.pages
            alarms += len(watch.observe(batch))
    return {"pages": pages, "alarms": alarms}


def change(kind: Signal, sites: int) -> dict[str, float | None]:
    """Share of changes that are seen within 200 pages, and after how many."""
    rng, delays = random.Random(2), []
    for n in range(sites):
        site, watch = Site(rng, str(n)), DriftWatch()
        site.dated = max(site.dated, 0.8)
        for at in range(100):
            watch.observe(site.batch(at))
        match kind:
            case Signal.LENGTH:
                site.median /= 4
            case Signal.DATED:
                site.dated = 0.0
            case _:
                site.not_article = 0.7
        seen, pages, events = False, 0.0, list[DriftEvent]()
        while pages < 200 and not seen:
            batch = site.batch(100)
            pages += batch.pages
            events = watch.observe(batch)
            seen = any(event.signal is kind for event in events)
        if seen:
            delays.append(pages)
    return {"seen": len(delays) / sites, "median_pages": statistics.median(delays) if delays else None}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sites", type=int, default=300)
    sites = parser.parse_args().sites
    print(json.dumps({"steady sites": wolf(sites, 1000)}))
    for kind, what in (
        (Signal.LENGTH, "a quarter of the text"),
        (Signal.DATED, "no dates"),
        (Signal.NOT_ARTICLE, "70 % no articles"),
    ):
        print(json.dumps({what: change(kind, sites)}))


if __name__ == "__main__":
    main()
