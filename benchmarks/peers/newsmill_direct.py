"""WARC to Parquet by newsmill's direct runner, without entities: the stages that the peers have too.

Usage: python -m peers.newsmill_direct PAGES.warc.gz OUTPUT
"""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path

from newsmill.cli.run import RunProgress
from newsmill.config import BatchConfig, Config, EnrichConfig, LakeConfig
from newsmill.direct import DirectMill, FileSource, Summary
from newsmill.lake.lake import Lake


def main(warc: Path, output: Path) -> Summary:
    """Run until the file is read; what was done."""
    config = Config(
        lake=LakeConfig(path=str(output)),
        enrich=EnrichConfig(enabled=False),
        batch=BatchConfig(max_records=1_000),
    )
    lake = Lake.open(config.lake)
    progress = RunProgress()
    mill = DirectMill(config, FileSource(config, [warc]), lake, clock=lambda: time.time_ns() // 1000)
    mill.run(once=True, stop=threading.Event(), watches=[progress])
    lake.release()
    return progress.totals


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), Path(sys.argv[2])).as_dict()))
