"""Drift across restarts: what a new process knows of sites comes from the lake."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

import press_week
from newsmill.observe.drift import DriftWatch, Pages, drift_events
from newsmill.observe.history import history, known
from newsmill.observe.metrics import RunMetrics

REDESIGNED = press_week.OUTLETS[4]
START = datetime.fromtimestamp(press_week.START / 1e6, UTC)
MARK = START + timedelta(hours=105)
"""The process is started anew before the site is redesigned."""


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = tmp_path_factory.mktemp("week") / "lake"
    press_week.fill(root, records=8_000)
    return str(root)


def parted(lake: str) -> tuple[list[Pages], list[Pages]]:
    """What came out of pages before the mark, and after it."""
    found = list(history(lake))
    mark = MARK.timestamp() * 1e6
    return [p for p in found if p.at < mark], [p for p in found if p.at >= mark]


def test_process_that_starts_anew_sees_a_redesign_as_one_that_never_stopped(lake: str) -> None:
    before, after = parted(lake)
    never_stopped = [e for e in drift_events([*before, *after]) if e.at >= MARK.timestamp() * 1e6]
    assert {(event.domain, event.signal.value) for event in never_stopped} == {
        (REDESIGNED, "length"),
        (REDESIGNED, "dated"),
    }
    watch = DriftWatch()
    assert list(drift_events(before, watch)) == []
    assert list(drift_events(after, watch)) == never_stopped


def test_lake_gives_the_watch_and_the_changes_that_a_process_needs_to_go_on(lake: str) -> None:
    before, after = parted(lake)
    _, events = known(lake, since=START)
    assert events == sorted(
        drift_events([*before, *after]), key=lambda event: (-event.at, event.domain, event.signal)
    )
    assert {event.domain for event in events} == {REDESIGNED}


def test_changes_of_the_last_hour_are_counted_again_by_the_next_process_and_older_ones_are_not(
    lake: str,
) -> None:
    watch, events = known(lake, since=START)
    newest = max(event.at for event in events) / 1e6
    for later, counted in ((1800, True), (7200, False)):
        metrics = RunMetrics(clock=lambda at=newest + later: at)  # type: ignore[misc]
        metrics.remember(watch, events)
        seen = metrics._metrics["newsmill_drift_events_total"].collect()[0].samples
        assert bool([s for s in seen if s.name.endswith("_total")]) is counted
