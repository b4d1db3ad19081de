"""One batch of the direct runner as a bounded Beam pipeline on one thread of this process.

Imported where there is a batch: Beam's imports take longer than all else that a run needs to find that
nothing waits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from newsmill.config import Config
from newsmill.errors import Rejected, Stage
from newsmill.flow.bounded.collect_files import CollectFiles
from newsmill.flow.bounded.pipeline import batch_pipeline, in_process
from newsmill.flow.elements.stage_result import FateCollector
from newsmill.flow.elements.working import ROOM, as_raised
from newsmill.flow.steps.decode import Withheld
from newsmill.flow.steps.tabulate import tabulate
from newsmill.lake import files as data_files
from newsmill.lake.files import DataFile
from newsmill.lake.ledger import Batch
from newsmill.records import SourceRecord
from newsmill.runners.batch_sources import Source
from newsmill.runners.underway import Told, told
from newsmill.runners.watchdog import watched
from newsmill.runtime import registry
from newsmill.runtime.batch_memory import Room
from newsmill.sources.envelopes import header_url


def run(
    config: Config,
    source: Source,
    batch: Batch,
    *,
    index: str,
    into: str,
    withheld: tuple[frozenset[str], frozenset[str]],
    boilerplate: str | None,
    watches: Sequence[Told],
) -> Counter[str]:
    """Run a batch to its end; the busy time of each stage in microseconds.

    Args:
        config: All settings.
        source: Where its records come from.
        batch: What is run.
        index: Name of the resident copies index.
        into: Name of the resident list that gets the batch's files.
        withheld: URL keys and domains that were taken down.
        boilerplate: Name under which the sites' Boilerplate is registered; none is cut where absent.
        watches: Told how far the batch is.

    Raises:
        Transient: The broker or the store was away for too long.
        TooLarge: The batch does not fit into its memory.
        BaseException: What else a stage failed of, with a note that says the stage.
    """
    pipeline = in_process()
    urls, domains = withheld
    written = batch_pipeline(
        source.read(pipeline, batch),
        config,
        batch_id=batch.batch_id,
        index=index,
        withheld=Withheld(url_keys=urls, domains=domains),
        boilerplate=boilerplate,
    )
    written | "CollectFiles" >> CollectFiles(into=into)
    try:
        with as_raised(), watched(config.batch.stall_s), told(watches, records=batch.records):
            result = pipeline.run()
            result.wait_until_finish()
    except BaseException:
        room: Room = registry.find(ROOM)
        if room.refused is not None:
            raise room.refused from None
        raise
    counters = result.metrics().query()["counters"]
    busy = {c.key.metric.namespace: c.result for c in counters if c.key.metric.name == "busy_us"}
    return Counter(busy)


def quarantined(
    config: Config, batch: Batch, records: Iterable[SourceRecord], why: Rejected
) -> list[DataFile]:
    """The files of a batch whose records are all rejected, without a pipeline."""
    ends = FateCollector(batch.ingested_at)
    for record in records:
        ends.reject(record, Stage.BATCH, why, url=header_url(record))
    lake = config.lake
    return [
        file
        for table, at, rows in tabulate(ends.chunk())
        for file in data_files.write_all(
            lake.path, table, rows, ingested_at=at, file_rows=lake.file_rows, patience_s=lake.patience_s
        )
    ]
