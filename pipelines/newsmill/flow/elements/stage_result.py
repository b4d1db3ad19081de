"""What a stage gives back: its results, and the records that ended in it."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any, Generic, NamedTuple, TypeVar

import apache_beam as beam
from apache_beam.metrics import Metrics

from newsmill.errors import Rejected, Stage
from newsmill.flow.elements.chunks import TerminalFates
from newsmill.flow.elements.working import ROOM, at_work
from newsmill.records import Failure, Fate, FateRow, Micros, SourceRecord
from newsmill.runtime import registry
from newsmill.urls import site, without_login

STACK_CHARS = 8_000
"""Longest stack trace kept with a quarantined record."""


T = TypeVar("T")


class StageResult(NamedTuple, Generic[T]):
    """The two streams of a stage: nothing that enters is in neither."""

    oks: beam.PCollection[T]
    ends: beam.PCollection[TerminalFates]


class FateCollector:
    """Collects the records of one chunk that end in one stage."""

    def __init__(self, ingested_at: Micros) -> None:
        self._ingested_at = ingested_at
        self._fates: list[FateRow] = []
        self._failures: list[Failure] = []

    def end(
        self,
        record: SourceRecord,
        fate: Fate,
        *,
        url: str | None = None,
        domain: str | None = None,
        **columns: Any,
    ) -> None:
        """The record comes to this fate; `columns` are further ones of its FateRow.

        Without a domain, it is that of the URL, where there is one.
        """
        self._fates.append(
            FateRow(
                position=record.position,
                fate=fate,
                ingested_at=self._ingested_at,
                recorded_at=record.timestamp,
                bytes=len(record.value or b""),
                source=record.source,
                url=None if url is None else without_login(url),
                domain=domain or site(url),
                **columns,
            )
        )

    def reject(self, record: SourceRecord, stage: Stage, error: Rejected, *, url: str | None = None) -> None:
        """The record is quarantined whole. Raises TooLarge where the batch has no room for it.

        Its URL counts where it is one: a row has none that a page can't have, and none with a login.
        """
        url, domain = None if url is None else without_login(url), site(url)
        if (room := registry.find(ROOM)) is not None:
            room.take_payload(record.value or b"")
        self.end(
            record,
            Fate.QUARANTINED,
            reason=error.code.value,
            stage=stage.value,
            url=url if domain else None,
            domain=domain,
        )
        stack = "".join(traceback.format_exception(error))[-STACK_CHARS:]
        self._failures.append(
            Failure(
                record=record,
                stage=stage.value,
                code=error.code.value,
                message=error.message,
                stack=stack,
                url=url if domain or "@" not in (url or "") else None,  # no URL, and perhaps a password in it
            )
        )

    def __bool__(self) -> bool:
        return bool(self._fates)

    def chunk(self) -> TerminalFates:
        """All that was collected."""
        return TerminalFates(fates=tuple(self._fates), failures=tuple(self._failures))


@contextmanager
def busy(stage: str, pages: int = 0) -> Iterator[None]:
    """Count the time that a stage works, in microseconds, also when it fails, and its pages.

    Args:
        stage: The stage's name in metrics: that of its transform in the batch pipeline.
        pages: How many pages it works at.
    """
    start = perf_counter()
    try:
        with at_work(stage, pages):
            yield
    finally:
        Metrics.counter(stage, "busy_us").inc(int((perf_counter() - start) * 1e6))
