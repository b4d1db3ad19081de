"""Following a lake that another process writes: what it committed, and how far behind the topic it is."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

from kafka.errors import KafkaError

from newsmill.config import Config
from newsmill.errors import Transient
from newsmill.lake.files import DataFile
from newsmill.lake.ledger import BATCH
from newsmill.lake.writer import ORDER, Lake
from newsmill.runners.batch_sources import HELD_EVERY_S
from newsmill.runners.progress import Watch, summary_of
from newsmill.runtime.retrying import Retrying
from newsmill.sources import kafka, transactions

EVERY_S: Final = 5.0
"""How often the lake is looked at."""


class Follower:
    """Tells watches of the batches that an endless job commits, as the direct runner tells of its own.

    Batches that came since the last look are told as one. Stage times are unknown here.

    Args:
        config: All settings.
        watches: Told of commits and of the lag.
    """

    def __init__(self, config: Config, watches: Sequence[Watch]) -> None:
        self._config = config
        self._watches = watches
        self._lake = Lake.open_readonly(config.lake)
        self._seen = {name: self._newest(name) for name in ORDER}
        self._since = time.monotonic()
        self._asked_s = -math.inf
        self._retrying = Retrying("what waits at the broker, to tell of the lag")

    def follow(self, stop: threading.Event) -> None:
        """Look until told to stop, then once more. A broker that is away is passed over."""
        while not stop.wait(EVERY_S):
            self.look()
        self.look()

    def look(self) -> None:
        """Tell what is new."""
        for watch in self._watches:
            watch.alive()
        try:
            behind = kafka.lag(self._config.kafka.hasty(), self._lake.committed())
        except Transient as error:
            self._retrying.note(error)
            return
        self._retrying.passed()
        held: Sequence[transactions.Backlog] = ()
        if time.monotonic() - self._asked_s >= HELD_EVERY_S:
            self._asked_s = time.monotonic()
            with suppress(Transient, KafkaError):
                held = transactions.backlog(self._config.kafka.hasty(), self._lake.committed())
        files = self._new_files()
        now = time.monotonic()
        for watch in self._watches:
            watch.lag(behind)
            if held:
                watch.held_back(held)
            if files:
                told = replace(summary_of(files), seconds=now - self._since, waiting=sum(behind.values()))
                watch.batch_committed(told, files)
        if files:
            self._since = now

    def _new_files(self) -> list[DataFile]:
        """Files of whole batches since the last look: the ledger is last, and housekeeping brings none."""
        before = dict(self._seen)
        newest = {name: self._newest(name) for name in reversed(ORDER)}
        if newest[ORDER[-1]] == before[ORDER[-1]]:
            return []
        self._seen = newest
        found = []
        for name in ORDER:
            table = self._lake.tables.load(name)
            batches = {s.sequence_number for s in table.snapshots() if s.summary and s.summary[BATCH]}
            for live in self._lake.tables.files(table, after=before[name]):
                if live.sequence <= newest[name] and live.sequence in batches:
                    found.append(
                        DataFile(table=name, path=live.uri, rows=live.rows, bytes=live.bytes, sha256="")
                    )
        return found

    def _newest(self, name: str) -> int:
        snapshot = self._lake.tables.load(name).current_snapshot()
        return snapshot.sequence_number or 0 if snapshot else 0
