"""WARC or Kafka to Parquet by newsmill's direct runner, without entities: the stages that the peers have.

Usage: python -m peers.newsmill_direct (PAGES.warc.gz | BOOTSTRAP/TOPIC) OUTPUT [PROCESSES [entities]]
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from newsmill.config import Config, EnrichConfig, KafkaConfig, LakeConfig, PageConfig
from newsmill.records import Fate
from newsmill.runtime import allocator

if TYPE_CHECKING:
    from newsmill.runners.progress import Summary


def main(pages: str, output: str, processes: int, *, entities: bool) -> Summary:
    """Run until all is read, in a process set up as `newsmill run` sets up its own; what was done."""
    os.environ.update(allocator.ARROW)
    allocator.settle()

    from newsmill.cli.run import run_direct

    config = Config(
        lake=LakeConfig(path=output),
        enrich=EnrichConfig(enabled=entities),
        page=PageConfig(processes=processes),
    )
    if pages.endswith(".warc.gz"):
        return run_direct(config, once=True, files=[Path(pages)]).totals
    bootstrap, _, topic = pages.partition("/")
    return run_direct(
        config.model_copy(update={"kafka": KafkaConfig(bootstrap=bootstrap, topic=topic)}), once=True
    ).totals


if __name__ == "__main__":
    given = int(sys.argv[3]) if len(sys.argv) > 3 else 2
    done = main(sys.argv[1], sys.argv[2], given, entities="entities" in sys.argv[4:])
    written = sum(done.fates[fate] for fate in (Fate.ARTICLE, Fate.COPY, Fate.REVISION))
    print(json.dumps(done.as_dict() | {"articles": written}))
