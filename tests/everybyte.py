"""Looks for words in every byte of a folder: as they are, inside compressed pages, footers and manifests."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq


def holding(folder: Path | str, words: Sequence[str]) -> list[str]:
    """Files below a folder in which any of the words stand, in whatever part."""
    found = []
    for path in sorted(Path(folder).rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            texts = b"\0".join((path.name.encode(), data, *_inside(data)))
            if any(word.encode() in texts for word in words):
                found.append(str(path.relative_to(folder)))
    return found


def _inside(data: bytes) -> Iterator[bytes]:
    if data[:4] == b"PAR1":
        try:
            parquet = pq.ParquetFile(pa.BufferReader(data))
        except pa.ArrowInvalid:
            return
        for batch in parquet.iter_batches():
            for column in batch.columns:
                yield from (_text(value) for value in column.to_pylist())
        for group in range(parquet.num_row_groups):
            for number in range(parquet.metadata.num_columns):
                told = parquet.metadata.row_group(group).column(number).statistics
                if told is not None and told.has_min_max:
                    yield _text(told.min)
                    yield _text(told.max)
    elif data[:2] == b"\x1f\x8b":
        yield gzip.decompress(data)
    elif data[:3] == b"Obj":
        for entry in fastavro.reader(io.BytesIO(data)):
            yield _text(entry)


def _text(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, dict):
        return b"\0".join(_text(part) for part in value.values())
    if isinstance(value, list | tuple):
        return b"\0".join(_text(part) for part in value)
    return str(value).encode("utf-8", "surrogatepass")
