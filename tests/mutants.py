"""Writers that lack one thing that the protocol needs: the fault tests must find each of them out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec


def _without_fsync() -> None:
    from newsmill.lake import storage

    storage.sync = lambda descriptor: None


def _without_fence() -> None:
    from newsmill.lake.writer import Lake

    Lake._check_epoch = lambda self, table: None


def _without_compare_and_swap() -> None:
    from pyiceberg.table.update import AssertRefSnapshotId

    AssertRefSnapshotId.validate = lambda self, base: None


def _with_the_ledger_first() -> None:
    from functools import partial

    from newsmill.lake import writer as lake

    publish = lake.Lake._publish

    def ledger_first(self: lake.Lake, batch: lake.Batch) -> lake.Commit:
        done = publish(self, msgspec.structs.replace(batch, files=_of(batch, {"fate"})))
        for name in lake.ORDER[:-1]:
            if files := _of(batch, {name}):
                self.tables.change(name, partial(lake._append_once, batch, files))
        return done

    lake.Lake._publish = ledger_first


def _of(batch: Any, tables: set[str]) -> tuple[Any, ...]:
    return tuple(file for file in batch.files if file.table in tables)


def _without_idempotent_batches() -> None:
    from newsmill.lake import writer as lake

    appended = lake._append_once

    def append_again(batch: Any, files: Any, table: Any, transaction: Any) -> bool:
        table.metadata = table.metadata.model_copy(
            update={"properties": {k: v for k, v in table.properties.items() if k != lake.SEQUENCE}}
        )
        return appended(batch, files, table, transaction)

    lake._append_once = append_again


def _without_decision() -> None:
    from newsmill.lake.writer import Lake

    Lake.commit = lambda self, batch, files: self._publish(msgspec.structs.replace(batch, files=tuple(files)))


MUTANTS: dict[str, Callable[[], None]] = {
    "fsync": _without_fsync,
    "fence": _without_fence,
    "compare-and-swap": _without_compare_and_swap,
    "ledger-last": _with_the_ledger_first,
    "idempotent-batch": _without_idempotent_batches,
    "decision": _without_decision,
}
"""Writers that lack one thing that the protocol needs. The suite must find each of them out."""
