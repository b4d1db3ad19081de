"""An envelope of one's own: a first line `CRAWL/1 URL TIME`, then the page as it was fetched."""

from newsmill import Rejected, SourceRecord
from newsmill.config import InputConfig
from newsmill.errors import Code

HEAD = b"CRAWL/1 "


class CrawlLines:
    """Reads records that begin with `CRAWL/1`; others are left to newsmill."""

    def __init__(self, config: InputConfig) -> None:
        self._config = config

    def decode(self, record: SourceRecord) -> tuple[dict[str, str], bytes] | None:
        """The fields of the first line and the page, or None for another kind of record."""
        if record.value is None or not record.value.startswith(HEAD):
            return None
        line, _, body = record.value.removeprefix(HEAD).partition(b"\n")
        try:
            url, time = line.decode().split()
        except ValueError as error:
            raise Rejected(Code.SCHEMA, f"CRAWL/1: the first line is no URL and time: {error}") from error
        return {"url": url, "fetched_at": time}, body
