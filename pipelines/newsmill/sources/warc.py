"""Writing pages as a WARC file, gzipped record by record, as crawlers do."""

from __future__ import annotations

import gzip
import io
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from fastwarc.warc import WarcRecord, WarcRecordType

from newsmill.records import RawPage

_HTTP_FIELDS = ("content_type", "content_encoding")


def write_warc(path: Path, pages: Iterable[RawPage]) -> int:
    """Write pages as `response` records of a `.warc.gz` file; how many.

    The same pages give the same records: their ids are derived from URL and place in the file.
    """
    count = 0
    with path.open("wb") as file:
        for page in pages:
            plain = io.BytesIO()
            _record(page, count).write(plain)
            file.write(gzip.compress(plain.getvalue(), mtime=0))
            count += 1
    return count


def _record(page: RawPage, number: int) -> WarcRecord:
    record = WarcRecord()
    record.init_headers(WarcRecordType.response)
    record.headers["WARC-Target-URI"] = page.url
    record.headers["WARC-Record-ID"] = f"<urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{page.url}#{number}')}>"
    record.headers["Content-Type"] = "application/http; msgtype=response"
    if page.fetched_at is not None:
        fetched = datetime.fromtimestamp(page.fetched_at / 1e6, UTC)
        record.headers["WARC-Date"] = fetched.strftime("%Y-%m-%dT%H:%M:%SZ")
    headers = {**page.headers, **{n.replace("_", "-"): v for n in _HTTP_FIELDS if (v := getattr(page, n))}}
    head = f"HTTP/1.1 {page.status or 200} OK\r\n" + "".join(f"{n}: {v}\r\n" for n, v in headers.items())
    record.set_bytes_content(head.encode("latin-1", "replace") + b"\r\n" + page.body)
    return record
