"""What `newsmill run` tells: a live line on a terminal, log lines elsewhere, one line at the end."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import structlog
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from newsmill.cli.output import Screen
from newsmill.strings import counted

if TYPE_CHECKING:
    from newsmill.lake.files import DataFile
    from newsmill.runners.progress import Summary
    from newsmill.runtime.work import Work
    from newsmill.sources.transactions import Backlog

EVERY_S: Final = 60.0
"""How often a log tells of a batch that runs, and of what stands behind a transaction."""


class RunProgress:
    """A live bar on a terminal, a log line a batch elsewhere, and one a minute within a batch.

    Args:
        stop: Set where the run was told to stop before it was done.
    """

    def __init__(self, stop: threading.Event) -> None:
        from newsmill.runners.progress import Summary

        self._stop = stop
        self._waiting: int | None = None
        self.totals = Summary()
        self.held: Sequence[Backlog] = ()
        self._log = structlog.get_logger()
        self._told_s = self._told_held_s = time.monotonic()
        self._bar = None
        if sys.stderr.isatty():
            self._bar = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                console=Screen(err=True),
            )
            self._task = self._bar.add_task("waiting for the first batch", total=None)

    def __enter__(self) -> RunProgress:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._bar:
            self._bar.stop()

    def alive(self) -> None:
        """Nothing to show."""

    def lag(self, behind: Mapping[tuple[str, int], int]) -> None:
        """Shown with the batch, and at the end."""
        self._waiting = sum(behind.values())

    def held_back(self, found: Sequence[Backlog]) -> None:
        """Warn, once a minute, where the same transaction is open as when it was last looked at."""
        before = {(part.topic, part.partition): part.stable_end for part in self.held if part.held_back}
        self.held = found
        now = time.monotonic()
        stuck = [
            part
            for part in found
            if part.held_back and before.get((part.topic, part.partition)) == part.stable_end
        ]
        if stuck and now - self._told_held_s >= EVERY_S:
            self._told_held_s = now
            for part in stuck:
                self._log.warning(
                    "records stand behind an open transaction",
                    topic=part.topic,
                    partition=part.partition,
                    offset=part.stable_end,
                    offsets=part.held_back,
                )

    def working(self, work: Work | None) -> None:
        """Tell how far the batch is."""
        if work is None:
            self._told_s = time.monotonic()
            return
        rate = work.done / max(work.seconds, 1e-9)
        slow = f"; {work.slow[0]} at one piece of work for {work.slow[1]:.0f} s" if work.slow else ""
        if self._bar:
            stage = max(work.pages, key=lambda name: _ORDER.get(name, -1), default="")
            self._bar.update(
                self._task,
                description=f"batch: {rate:.0f} pages/s, {_STAGES.get(stage, 'reading')}{slow}",
                completed=self.totals.records + work.done,
                total=self.totals.records + work.records,
            )
        elif time.monotonic() - self._told_s >= EVERY_S:
            self._told_s = time.monotonic()
            self._log.info(
                "batch under way",
                records=work.records,
                seconds=round(work.seconds),
                **{f"pages_{_STAGES[name]}": n for name, n in work.pages.items() if name in _STAGES},
                **({"slow": work.slow[0], "slow_s": round(work.slow[1])} if work.slow else {}),
            )

    def batch_committed(self, summary: Summary, files: Sequence[DataFile]) -> None:
        """Tell of one committed batch."""
        totals = self.totals = self.totals + summary
        if self._bar:
            fates = "  ".join(f"{fate} {n}" for fate, n in totals.fates.most_common())
            self._bar.update(
                self._task,
                description=f"{totals.records / max(totals.seconds, 1e-9):.0f} pages/s  {fates}",
                completed=totals.records,
                total=totals.records + summary.waiting,
            )
            return
        self._log.info(
            "batch committed",
            records=summary.records,
            seconds=round(summary.seconds, 2),
            waiting=summary.waiting,
            **{f"fate_{fate}": n for fate, n in sorted(summary.fates.items())},
        )

    def ending(self) -> str:
        """What the run did, in one line."""
        totals = self.totals
        held = sum(part.held_back for part in self.held)
        behind = f"; {held:,} offsets stand behind an open transaction and can't be read yet" if held else ""
        stopped = self._stop.is_set()
        waiting = self._waiting if self._waiting is not None else totals.waiting
        left = f"; about {waiting:,} {'record waits' if waiting == 1 else 'records wait'}" if waiting else ""
        if not totals.batches and stopped:
            return f"stopped before a batch was committed{left}{behind}"
        if not totals.batches:
            return f"nothing to do: the lake has all records that can be read{behind}"
        fates = ", ".join(f"{n:,} {fate}" for fate, n in totals.fates.most_common())
        done = f"{counted(totals.records, 'record')} in {counted(totals.batches, 'batch', 'batches')}"
        return f"{'stopped: ' if stopped else ''}{done}, {totals.seconds:.1f} s: {fates}{left}{behind}"


_STAGES: Final = {"DecodeEnvelopes": "decoded", "ExtractPages": "extracted", "LinkEntities": "enriched"}
_ORDER: Final = {name: number for number, name in enumerate(_STAGES)}
