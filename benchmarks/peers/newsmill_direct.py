"""WARC or Kafka to Parquet by newsmill's direct runner, without entities: the stages that the peers have.

Usage: python -m peers.newsmill_direct (PAGES.warc.gz | BOOTSTRAP/TOPIC) OUTPUT [PROCESSES]
"""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path

from newsmill.cli.run import RunProgress
from newsmill.config import Config, EnrichConfig, KafkaConfig, LakeConfig, PageConfig
from newsmill.direct import DirectMill, FileSource, KafkaSource, Source, Summary
from newsmill.lake.lake import Lake
from newsmill.ops import allocator
from newsmill.records import Fate


def main(pages: str, output: str, processes: int) -> Summary:
    """Run until all is read, in a process set up as `newsmill run` sets up its own; what was done."""
    allocator.settle()
    config = Config(
        lake=LakeConfig(path=output), enrich=EnrichConfig(enabled=False), page=PageConfig(slots=processes)
    )
    source: Source
    if pages.endswith(".warc.gz"):
        source = FileSource(config, [Path(pages)])
    else:
        bootstrap, _, topic = pages.partition("/")
        config = config.model_copy(update={"kafka": KafkaConfig(bootstrap=bootstrap, topic=topic)})
        source = KafkaSource(config)
    lake = Lake.open(config.lake)
    progress = RunProgress()
    mill = DirectMill(config, source, lake, clock=lambda: time.time_ns() // 1000)
    mill.run(once=True, stop=threading.Event(), watches=[progress])
    lake.release()
    return progress.totals


if __name__ == "__main__":
    done = main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 2)
    written = sum(done.fates[fate] for fate in (Fate.ARTICLE, Fate.COPY, Fate.REVISION))
    print(json.dumps(done.as_dict() | {"articles": written}))
