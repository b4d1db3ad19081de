"""MarkInOrder: whole batches in, their drafts with fate, cluster and copy type out, batch after batch."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.userstate import BagStateSpec, ReadModifyWriteStateSpec

from newsmill.config import Config
from newsmill.copies.index import SeedRow
from newsmill.errors import Stage
from newsmill.flow.elements.batches import AHEAD, BatchPart, BatchPlan, WholeBatch
from newsmill.flow.elements.chunks import (
    CHUNK_RECORDS,
    ClassifiedChunk,
    ClassifiedDraft,
    RecordCoder,
    SketchedChunk,
    TerminalFates,
    register,
)
from newsmill.flow.elements.stage_result import busy
from newsmill.flow.steps.decode import Withheld
from newsmill.flow.steps.mark import mark
from newsmill.flow.steps.remember import Memory
from newsmill.flow.streaming.worker_lake import reader
from newsmill.records import Fate, FateRow, Micros, Record, WithheldReason


class Learnt(Record, frozen=True, kw_only=True):
    """What one batch taught the copies index."""

    plan: BatchPlan
    rows: tuple[SeedRow, ...]


class LastMarked(Record, frozen=True, kw_only=True):
    """The last batch that was marked, and how many were since the state was last trimmed."""

    ingested_at: Micros
    untrimmed: int = 0


register(Learnt, LastMarked)


class MarkInOrder(beam.PTransform):
    """Decide article, copy, revision or redelivery as `MarkCopies` does, in the order of the plans.

    The index is a cache of the worker, in memory and in files of its machine: the lake and what was learnt
    since its last commit make it anew, whenever the state, or the lake where no batch is under way, names
    another batch than the index has seen last. So the state holds the sketches of batches under way only,
    however long the horizon is. The files are kept for the next worker whenever the lake has all batches
    that the index knows.

    Guarantees: unbounded; one key; no timers. A batch that comes before its turn waits. A batch that
    the lake has already is dropped.

    Args:
        config: All settings; the lake is read, never written.
    """

    def __init__(self, *, config: Config) -> None:
        super().__init__()
        self._fn = _MarkFn(config)

    def expand(self, batches: beam.PCollection[WholeBatch]) -> tuple[Any, Any]:
        """Batches to chunks of marked drafts, and to parts that say what else became of them."""
        oks, parts = (
            batches
            | "OneKey" >> beam.Map(_one_key).with_output_types(tuple[bytes, WholeBatch])
            | "Mark" >> beam.ParDo(self._fn).with_outputs("parts", main="oks")
        )
        return oks, parts


def _one_key(batch: WholeBatch) -> tuple[bytes, WholeBatch]:
    return b"", batch


class _Resident:
    """The index of this worker process and the batch that it has seen last."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.memory: Memory | None = None
        self.last: Micros | None = None


_residents: dict[str, _Resident] = {}


@beam.typehints.with_input_types(tuple[bytes, WholeBatch])
@beam.typehints.with_output_types(ClassifiedChunk, parts=BatchPart)
class _MarkFn(beam.DoFn):
    LAST = ReadModifyWriteStateSpec("last", RecordCoder(LastMarked))
    EARLY = BagStateSpec("early", RecordCoder(WholeBatch))
    LEARNT = BagStateSpec("learnt", RecordCoder(Learnt))

    def __init__(self, config: Config) -> None:
        self._config = config

    def process(
        self,
        keyed: tuple[bytes, WholeBatch],
        last: Any = beam.DoFn.StateParam(LAST),
        early: Any = beam.DoFn.StateParam(EARLY),
        learnt: Any = beam.DoFn.StateParam(LEARNT),
    ) -> Iterator[Any]:
        committed = reader(self._config.lake).committed()
        turn: list[WholeBatch] = []
        waiting = {b.plan.ingested_at: b for b in chain(early.read(), (keyed[1],))}
        so_far: LastMarked | None = last.read()
        for batch in sorted(waiting.values(), key=lambda b: b.plan.ingested_at):
            if batch.plan.in_lake(committed):
                del waiting[batch.plan.ingested_at]
            elif batch.plan.after is None or (so_far and so_far.ingested_at == batch.plan.after):
                del waiting[batch.plan.ingested_at]
                turn.append(batch)
                so_far = LastMarked(ingested_at=batch.plan.ingested_at)
        with busy("MarkCopies"):
            for batch in turn:
                yield from self._mark(batch, last, learnt, committed)
        early.clear()
        for batch in waiting.values():
            early.add(batch)

    def _mark(self, batch: WholeBatch, last: Any, learnt: Any, committed: Any) -> Iterator[Any]:
        plan = batch.plan
        before: LastMarked | None = last.read()
        if plan.after is None:
            learnt.clear()
            before = None
        elif before and before.untrimmed >= 2 * AHEAD:
            kept = [one for one in learnt.read() if not one.plan.in_lake(committed)]
            learnt.clear()
            for one in kept:
                learnt.add(one)
            before = LastMarked(ingested_at=before.ingested_at)
        resident = _residents.setdefault(self._config.lake.model_dump_json(), _Resident())
        with resident.lock:
            seen = before.ingested_at if before else reader(self._config.lake).last_ingested_at
            if resident.memory is None or resident.last != seen:
                if resident.memory is not None:
                    resident.memory.close()
                resident.memory = self._remember(learnt.read(), committed)
            memory, resident.last = resident.memory, None
            memory.knows(seen)
            memory.keep()
            index = memory.index
            drafts, withheld = self._withhold(p.drafts for p in batch.parts if p.drafts is not None)
            marked, ended, events = mark(index, str(plan.ingested_at), drafts)
            index.commit(str(plan.ingested_at))
            resident.last = plan.ingested_at
        learnt.add(Learnt(plan=plan, rows=tuple(_seed(item) for item in marked)))
        last.write(LastMarked(ingested_at=plan.ingested_at, untrimmed=before.untrimmed + 1 if before else 1))
        for start in range(0, len(marked), CHUNK_RECORDS):
            yield ClassifiedChunk(drafts=tuple(marked[start : start + CHUNK_RECORDS]))
        told = events if events.events else None
        yield TaggedOutput("parts", BatchPart(ingested_at=plan.ingested_at, plan=plan, events=told))
        if fates := (*withheld, *ended):
            part = BatchPart(
                ingested_at=plan.ingested_at, records=len(fates), ends=TerminalFates(fates=fates)
            )
            yield TaggedOutput("parts", part)

    def _remember(self, learnt: Iterable[Learnt], committed: Any) -> Memory:
        # A marked batch is not marked again.
        memory = Memory(self._config, reader(self._config.lake), rely_on_lake=False)
        for one in sorted(learnt, key=lambda one: one.plan.ingested_at):
            if not one.plan.in_lake(committed):
                memory.index.seed(one.rows)
        return memory

    def _withhold(self, chunks: Iterable[SketchedChunk]) -> tuple[list[SketchedChunk], list[FateRow]]:
        """Take out what was taken down since the job began."""
        urls, domains = reader(self._config.lake).withheld()
        withheld = Withheld(url_keys=urls, domains=domains)
        kept, ended = [], []
        for chunk in chunks:
            for item in chunk.drafts:
                draft = item.draft
                if withheld.first((draft.url, draft.final_url, draft.canonical_url)) is not None:
                    ended.append(
                        FateRow(
                            position=draft.position,
                            fate=Fate.WITHHELD,
                            ingested_at=draft.ingested_at,
                            reason=WithheldReason.TAKEN_DOWN,
                            stage=Stage.DEDUPLICATE.value,
                            url=draft.url,
                            domain=draft.domain,
                            recorded_at=draft.recorded_at,
                            bytes=item.value_bytes,
                            source=draft.source,
                        )
                    )
                else:
                    kept.append(item)
        return [SketchedChunk(drafts=tuple(kept))], ended


def _seed(item: ClassifiedDraft) -> SeedRow:
    return SeedRow(
        sketch=item.sketch,
        revision=item.decision.revision,
        cluster_id=item.decision.duplicate.cluster_id,
    )
