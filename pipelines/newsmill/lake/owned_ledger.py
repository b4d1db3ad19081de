"""The ledger of a lake as its one owner changes it: progress, the batch under way, and its tries.

Who writes is fenced by an epoch in the ledger. Taking over raises it by a commit of its own, so any change
that was staged under an older epoch fails its compare-and-swap, however late it comes.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable

import msgspec
from pyiceberg.table import Table, Transaction

from newsmill.errors import Fenced, LakeError
from newsmill.lake import attempts, lease
from newsmill.lake.ledger import (
    BATCH,
    EPOCH,
    INGESTED_AT,
    OWNER,
    PENDING,
    Batch,
    last_change,
    offsets_of,
    pending_batch,
    topic_ids_of,
)
from newsmill.lake.schemas import LEDGER
from newsmill.lake.staging import append, set_properties
from newsmill.lake.tables import Tables
from newsmill.records import Micros


class OwnedLedger:
    """The ledger, owned by this process until `release`."""

    def __init__(self, tables: Tables, held: lease.Lease) -> None:
        self.tables = tables
        self._lease = held
        self._epoch = 0

    @property
    def last_ingested_at(self) -> Micros:
        """Time of the last committed batch; 0 before the first. Each further batch has a later one."""
        return int(self._ledger().properties.get(INGESTED_AT, 0))

    @property
    def last_change(self) -> Micros:
        """The newest time that a row of the lake may have as its last change."""
        return last_change(self._ledger().properties)

    def release(self) -> None:
        """Give the lake back, so that another process may open it at once."""
        self._lease.release()
        self.tables.close()

    def heartbeat(self) -> None:
        """Raises Fenced when another process has taken over. A thread keeps the lease up meanwhile."""
        self.tables.retry(self._lease.check)

    def lease_age_s(self) -> float:
        """Time since the right to write was last renewed."""
        return self._lease.age_s()

    def committed(self) -> dict[tuple[str, int], int]:
        """The next offset of each (topic, partition) that was ever committed."""
        return offsets_of(self._ledger().properties)

    def topic_ids(self) -> dict[str, str]:
        """The broker's id of each topic, as of its last batch; none of what lakes of before did not note."""
        return topic_ids_of(self._ledger().properties)

    @property
    def version(self) -> str | None:
        """Id of the last committed batch."""
        return self._ledger().properties.get(BATCH)

    def pending(self) -> Batch | None:
        """The batch that was begun and not committed. It must be done again, or abandoned."""
        return pending_batch(self._ledger())

    def attempt(self, batch: Batch) -> Batch:
        """Count another try of a pending batch, before it is begun."""
        return self._renoted(batch, lambda noted: msgspec.structs.replace(noted, attempts=noted.attempts + 1))

    def forgive(self, batch: Batch) -> None:
        """Take back the count of a try that ended in order: told to stop, or for no fault of its records."""
        self._renoted(
            batch, lambda noted: msgspec.structs.replace(noted, attempts=max(0, noted.attempts - 1))
        )

    def blame(self, batch: Batch, why: str) -> None:
        """Note why a try failed that counts."""
        self._renoted(batch, lambda noted: msgspec.structs.replace(noted, why=why))

    def suspects(self) -> attempts.Suspects | None:
        """The range in which some record kills the process; none where there is none, or it is behind."""
        ledger = self._ledger()
        found = attempts.suspects(ledger)
        return None if found is None or found.passed(offsets_of(ledger.properties)) else found

    def suspect(self, batch: Batch) -> attempts.Suspects:
        """Forget a pending batch whose tries were in vain, and note its range: to be read by halves.

        Raises:
            LakeError: The batch is decided already.
        """
        found = attempts.cut(batch, self.suspects())

        def stage(table: Table, transaction: Transaction) -> bool:
            if self._noted(table, batch).files:
                raise LakeError(f"batch {batch.batch_id} is decided: it can't be cut")
            attempts.note(table, transaction, found, forget=PENDING)
            return True

        self._change_ledger(stage)
        return found

    def trust(self) -> None:
        """Forget the suspect range: what killed the process is quarantined."""

        def stage(table: Table, transaction: Transaction) -> bool:
            if attempts.SUSPECTS not in table.properties:
                return False
            set_properties(table, transaction, {}, remove=[attempts.SUSPECTS])
            return True

        self._change_ledger(stage)

    def _renoted(self, batch: Batch, change: Callable[[Batch], Batch]) -> Batch:
        changed: list[Batch] = []

        def stage(table: Table, transaction: Transaction) -> bool:
            changed.append(change(self._noted(table, batch)))
            set_properties(table, transaction, {PENDING: msgspec.json.encode(changed[-1]).decode()})
            return True

        self._change_ledger(stage)
        return changed[-1]

    def abandon(self, batch: Batch) -> None:
        """Forget a pending batch, e.g. because the broker lost its offsets. Its files go with `gc`.

        Raises:
            LakeError: The batch is decided already.
        """

        def stage(table: Table, transaction: Transaction) -> bool:
            noted = self._noted(table, batch)
            if noted.files:
                raise LakeError(f"batch {batch.batch_id} is decided: it can't be abandoned")
            set_properties(table, transaction, {}, remove=[PENDING])
            return True

        self._change_ledger(stage)

    def _take_over(self) -> None:
        """Raise the epoch by a snapshot, so that whatever was staged under the old one fails."""

        def stage(table: Table, transaction: Transaction) -> bool:
            self._epoch = int(table.properties.get(EPOCH, 0)) + 1
            owner = f"{socket.gethostname()}:{os.getpid()}"
            set_properties(table, transaction, {EPOCH: str(self._epoch), OWNER: owner})
            append(table, transaction, [], {EPOCH: str(self._epoch)})
            return True

        self.tables.change(LEDGER, stage)

    def _change_ledger(self, stage: Callable[[Table, Transaction], bool]) -> Table:
        """Change the ledger, if it is still ours."""

        def fenced(table: Table, transaction: Transaction) -> bool:
            self._check_epoch(table)
            return stage(table, transaction)

        return self.tables.change(LEDGER, fenced)

    def _check_epoch(self, table: Table) -> None:
        if int(table.properties.get(EPOCH, 0)) != self._epoch:
            owner = table.properties.get(OWNER)
            raise Fenced(f"{owner} has taken over this lake; this process must not commit any more")

    def _noted(self, table: Table, batch: Batch) -> Batch:
        found = pending_batch(table)
        if found is None or found.sequence != batch.sequence or found.batch_id != batch.batch_id:
            raise LakeError(f"batch {batch.batch_id} is not pending")
        return found

    def _ledger(self) -> Table:
        return self.tables.load(LEDGER)
