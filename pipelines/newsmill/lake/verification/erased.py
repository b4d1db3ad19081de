"""The checker's rule W2: no file of a lake's folder holds what was taken down, seen by readers or not.

All files are looked at: each Parquet file anywhere in the folder by its rows, each WARC file by the addresses
of its records, each manifest by the bounds that it tells; what is unfinished or torn is told, since it can't
be proved empty. No code is shared with the writer; which columns hold content is promised by `lake.schemas`.
"""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Collection, Iterator
from typing import Any
from urllib.parse import urlsplit

import fastavro
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from fastwarc.warc import ArchiveIterator

from newsmill.lake.schemas import TABLES
from newsmill.lake.verification.evidence import LakeEvidence, content, listed, of_a_lake, place
from newsmill.lake.verification.findings import Report

_OF_SKETCHES = ("article_id", "domain", "final_url", "canonical_url", "sketch")

WRITE_WAIT_S = 5.0
"""How long a writer may take to finish a file."""


def check(evidence: LakeEvidence, taken_down: Collection[tuple[str, str]], report: Report) -> None:
    """Look at all files; cheap where nothing was taken down."""
    held: list[tuple[str, int]] = []
    unknown: list[str] = []
    unfinished: list[str] = []
    bounds: list[str] = []
    urls = {value for kind, value in taken_down if kind == "url"}
    domains = {value for kind, value in taken_down if kind == "domain"}
    for uri in _files(evidence.root) if taken_down else ():
        try:
            if uri.endswith(".parquet"):
                if count := _held(content(uri), urls, domains):
                    held.append((uri, count))
            elif uri.endswith(".warc.gz"):
                data = content(uri)
                if of_a_lake(uri) and hashlib.sha256(data).hexdigest() not in uri:
                    unknown.append(uri)
                elif count := _recorded(data, urls, domains):
                    held.append((uri, count))
            elif uri.endswith(".avro"):
                ids = _content_ids(evidence, uri)
                if any(_bounded(entry, ids) for entry in fastavro.reader(io.BytesIO(content(uri)))):
                    bounds.append(uri)
            elif uri.endswith(".tmp"):
                unfinished.append(uri)
        except FileNotFoundError:
            continue  # removed, or given its name, meanwhile
        except (OSError, ValueError, EOFError):
            unknown.append(uri)
    unknown += _left(unfinished)
    again = "take it down again"
    named = {uri for table in evidence.tables.values() for uri in table.named}
    suspect = (*(uri for uri, _ in held), *unknown)
    foreign = [uri for uri in suspect if not of_a_lake(uri) and uri not in named]
    held = [(uri, count) for uri, count in held if uri not in foreign]
    unknown = [uri for uri in unknown if uri not in foreign]
    report.find("W2", f"files with rows whose content was taken down: {again}", held)
    report.find(
        "W2",
        "foreign files that hold such rows, or of which nothing is known: move them out of the lake, or "
        "delete them",
        foreign,
    )
    report.find("W2", "manifests that tell bounds of content", bounds)
    report.find("W2", f"unfinished or torn files, of which nothing is known: {again}", unknown)


def _left(unfinished: list[str]) -> list[str]:
    """Those that no writer that is at work finishes soon."""
    deadline = time.monotonic() + WRITE_WAIT_S
    left = unfinished
    while (left := [uri for uri in left if _is_there(uri)]) and time.monotonic() < deadline:
        time.sleep(0.2)
    return left


def _is_there(uri: str) -> bool:
    filesystem, path = place(uri)
    return bool(filesystem.get_file_info(path).is_file)


def _files(root: str) -> Iterator[str]:
    """All files of the folder; what a symbolic link leads to is none of them."""
    return (uri for uri, _, link in listed(root) if not link)


def _held(data: bytes, urls: set[str], domains: set[str]) -> int:
    """Rows that hold content of what was taken down."""
    parquet = pq.ParquetFile(pa.BufferReader(data))
    names = parquet.schema_arrow.names
    if {"article_id", "domain", "sketch"}.issubset(names):
        columns = [name for name in _OF_SKETCHES if name in names]
        return sum(_sketches(batch, urls, domains) for batch in parquet.iter_batches(columns=columns))
    if {"url_key", "domain", "body"}.issubset(names):
        return sum(_articles(batch, urls, domains) for batch in parquet.iter_batches())
    if {"article_id", "domain", "nth"}.issubset(names):
        batches = parquet.iter_batches(columns=["article_id", "domain"])
        return sum(_flat(batch, urls, domains) for batch in batches)
    if "payload" in names and "url" in names:
        batches = parquet.iter_batches(columns=["url", "payload"])
        return sum(_payloads(batch, urls, domains) for batch in batches)
    return 0


def _articles(rows: pa.RecordBatch, urls: set[str], domains: set[str]) -> int:
    mine = pc.or_(
        pc.is_in(rows["url_key"], pa.array(sorted(urls), pa.string())),
        pc.is_in(rows["domain"], pa.array(sorted(domains), pa.string())),
    )
    mine = pc.or_(pc.fill_null(mine, False), _led_there(rows, urls, domains))
    rows = pa.Table.from_batches([rows]).filter(mine)
    full = pa.array([False] * len(rows), pa.bool_())
    for name in TABLES["articles"].content.intersection(rows.column_names):
        full = pc.or_(full, _is_filled(rows[name]))
    return pc.sum(full).as_py() or 0


def _led_there(rows: pa.RecordBatch, urls: set[str], domains: set[str]) -> pa.Array:
    """Rows whose page led to what was taken down."""
    bare = {url.split("://", 1)[-1] for url in urls}
    found = pa.array([False] * len(rows), pa.bool_())
    for name in {"final_url", "canonical_url"}.intersection(rows.schema.names):
        led = [url is not None and _is_of(url, bare, domains) for url in rows[name].to_pylist()]
        found = pc.or_(found, pa.array(led, pa.bool_()))
    return found


def _flat(rows: pa.RecordBatch, urls: set[str], domains: set[str]) -> int:
    """Rows of a flat table: they are content as a whole."""
    return pc.sum(_of(rows, urls, domains)).as_py() or 0


def _sketches(rows: pa.RecordBatch, urls: set[str], domains: set[str]) -> int:
    mine = pc.or_(_of(rows, urls, domains), _led_there(rows, urls, domains))
    return pc.sum(pc.and_(mine, pc.is_valid(rows["sketch"]))).as_py() or 0


def _of(rows: pa.RecordBatch, urls: set[str], domains: set[str]) -> pa.Array:
    """Rows of the article itself, told by its id, or of its site."""
    ids = {hashlib.blake2b(url.encode(), digest_size=16).hexdigest() for url in urls}
    return pc.or_(
        pc.is_in(rows["article_id"], pa.array(sorted(ids), pa.string())),
        pc.is_in(rows["domain"], pa.array(sorted(domains), pa.string())),
    )


def _is_filled(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_map(column.type):
        column = column.cast(pa.list_(pa.struct([column.type.key_field, column.type.item_field])))
    if pa.types.is_list(column.type):
        return pc.greater(pc.coalesce(pc.list_value_length(column), 0), 0)
    return pc.is_valid(column)


def _payloads(rows: pa.RecordBatch, urls: set[str], domains: set[str]) -> int:
    bare = {url.split("://", 1)[-1] for url in urls}
    count = 0
    for url, payload in zip(rows["url"].to_pylist(), rows["payload"].is_valid().to_pylist(), strict=True):
        if payload and url is not None:
            count += _is_of(url, bare, domains)
    return count


def _recorded(data: bytes, urls: set[str], domains: set[str]) -> int:
    """Records of a WARC file that are of what was taken down."""
    bare = {url.split("://", 1)[-1] for url in urls}
    named = (r.headers.get("WARC-Target-URI") for r in ArchiveIterator(io.BytesIO(data), parse_http=False))
    return sum(_is_of(url, bare, domains) for url in named if url)


def _is_of(url: str, bare: set[str], domains: set[str]) -> bool:
    host = urlsplit(url).hostname or ""
    return any(host == name or host.endswith(f".{name}") for name in domains) or any(
        url.split("://", 1)[-1].removeprefix("www.") == name for name in bare
    )


def _content_ids(evidence: LakeEvidence, manifest: str) -> set[int]:
    """Field ids of the content of the table whose manifest it is."""
    tables = [t for name, t in evidence.tables.items() if f"/{name}/metadata/" in manifest]
    return {c["id"] for t in tables for c in t.columns if c["name"] in TABLES[t.name].content}


def _bounded(entry: Any, ids: set[int]) -> bool:
    file = entry.get("data_file") if isinstance(entry, dict) else None
    told = [*(file.get("lower_bounds") or ()), *(file.get("upper_bounds") or ())] if file else []
    return any(bound["key"] in ids for bound in told)
