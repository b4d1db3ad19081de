"""WARC or Kafka to Parquet by newsmill's direct runner, without entities: the stages that the peers have.

Usage: python -m peers.newsmill_direct (PAGES.warc.gz | BOOTSTRAP/TOPIC) OUTPUT [PROCESSES]
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from newsmill.config import Config, EnrichConfig, KafkaConfig, LakeConfig, PageConfig
from newsmill.ops import allocator
from newsmill.page.sandbox import extraction
from newsmill.records import Fate

if TYPE_CHECKING:
    from newsmill.direct import Source, Summary


def main(pages: str, output: str, processes: int) -> Summary:
    """Run until all is read, in a process set up as `newsmill run` sets up its own; what was done."""
    os.environ.update(allocator.ARROW)
    allocator.settle()
    config = Config(
        lake=LakeConfig(path=output), enrich=EnrichConfig(enabled=False), page=PageConfig(slots=processes)
    )
    extraction(config.page.model_dump_json(), config.input.model_dump_json()).start()

    from newsmill.cli.run import RunProgress
    from newsmill.direct import DirectMill, FileSource, KafkaSource
    from newsmill.lake.lake import Lake

    source: Source
    if pages.endswith(".warc.gz"):
        source = FileSource(config, [Path(pages)])
    else:
        bootstrap, _, topic = pages.partition("/")
        config = config.model_copy(update={"kafka": KafkaConfig(bootstrap=bootstrap, topic=topic)})
        source = KafkaSource(config)
    lake = Lake.open(config.lake)
    progress = RunProgress()
    allocator.keep()
    mill = DirectMill(config, source, lake, clock=lambda: time.time_ns() // 1000)
    mill.run(once=True, stop=threading.Event(), watches=[progress])
    lake.release()
    return progress.totals


if __name__ == "__main__":
    done = main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 2)
    written = sum(done.fates[fate] for fate in (Fate.ARTICLE, Fate.COPY, Fate.REVISION))
    print(json.dumps(done.as_dict() | {"articles": written}))
