from __future__ import annotations

import random

from newsmill.observe.drift import DriftWatch, Pages, Signal, drift_events, log_chars

HOUR = 3_600_000_000
MINUTES = HOUR // 12
"""Five of them, a batch."""


def pages(
    at: int, *, chars: list[int], dated: float = 1.0, not_articles: int = 0, domain: str = "a.example"
) -> Pages:
    logs = [log_chars(c) for c in chars]
    return Pages(
        domain=domain,
        at=at,
        pages=len(chars) + not_articles,
        articles=len(chars),
        dated=round(dated * len(chars)),
        titled=len(chars),
        log_chars=sum(logs),
        log_chars_sq=sum(x * x for x in logs),
    )


def lengths(rng: random.Random, count: int, median: float = 3000.0) -> list[int]:
    return [int(median * rng.lognormvariate(0, 0.7)) for _ in range(count)]


def test_redesign_is_told_within_the_hour_when_a_template_loses_text_and_dates() -> None:
    rng = random.Random(1)
    before = [pages(n * MINUTES, chars=lengths(rng, 4)) for n in range(40)]
    after = [pages(n * MINUTES, chars=lengths(rng, 4, 400.0), dated=0.0) for n in range(40, 100)]
    events = list(drift_events(before + after))
    assert {e.signal for e in events} == {Signal.LENGTH, Signal.DATED}
    assert all(40 * MINUTES < e.at < 40 * MINUTES + HOUR for e in events)
    length = next(e for e in events if e.signal is Signal.LENGTH)
    assert length.before > 2000 and length.after < 900
    assert next(e for e in events if e.signal is Signal.DATED).after == 0


def test_pages_taken_for_no_articles_are_told_when_their_share_jumps() -> None:
    rng = random.Random(2)
    before = [pages(n, chars=lengths(rng, 18), not_articles=2) for n in range(10)]
    after = [pages(n, chars=lengths(rng, 5), not_articles=15) for n in range(10, 14)]
    assert [(e.signal, e.at) for e in drift_events(before + after)] == [(Signal.NOT_ARTICLE, 11)]


def test_burst_of_short_notices_is_no_drift_when_it_passes() -> None:
    rng = random.Random(6)
    history = [pages(n, chars=lengths(rng, 20)) for n in range(10)]
    history += [pages(10, chars=lengths(rng, 16, 200.0))]
    history += [pages(n, chars=lengths(rng, 20)) for n in range(11, 20)]
    assert not list(drift_events(history))


def test_site_that_never_had_dates_is_no_drift_when_it_stays_so() -> None:
    rng = random.Random(3)
    assert not list(drift_events(pages(h, chars=lengths(rng, 10), dated=0.0) for h in range(50)))


def test_steady_sites_raise_no_alarm_when_watched_for_long() -> None:
    rng = random.Random(4)
    watch = DriftWatch()
    events = []
    for at in range(400):
        for site in range(30):
            dates = 0.85 if site % 2 else 1.0
            chars = lengths(rng, rng.randint(1, 8))
            dated = sum(rng.random() < dates for _ in chars) / len(chars)
            events += watch.observe(
                pages(at, chars=chars, dated=dated, not_articles=rng.randint(0, 2), domain=f"{site}.example")
            )
    assert events == []


def test_change_is_told_once_when_it_stays() -> None:
    rng = random.Random(5)
    history = [pages(h, chars=lengths(rng, 20)) for h in range(5)]
    history += [pages(h, chars=lengths(rng, 20), dated=0.0) for h in range(5, 60)]
    assert [(e.signal, e.at) for e in drift_events(history)] == [(Signal.DATED, 6)]


def test_memory_is_bounded_when_domains_never_end() -> None:
    watch = DriftWatch(domains=100)
    for n in range(1000):
        watch.observe(pages(n, chars=[1000], domain=f"{n}.example"))
    assert len(watch._domains) == 100
