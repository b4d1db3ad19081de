"""DecodeEnvelopes: records in, crawled pages out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput

from newsmill.config import InputConfig
from newsmill.errors import Rejected, Stage
from newsmill.flow.elements.chunks import Decoded, DecodedChunk, RecordChunk, TerminalFates
from newsmill.flow.elements.stage_result import FateCollector, StageResult, busy
from newsmill.page.claims import claimed_urls
from newsmill.records import Fate, NotArticle, Record, SourceRecord, WithheldReason
from newsmill.sources import foreign_envelopes
from newsmill.sources.envelopes import decode
from newsmill.urls import registrable_domain, site, url_key


class Withheld(Record, frozen=True, kw_only=True):
    """What was taken down: URL keys and registrable domains whose pages are not kept any more."""

    url_keys: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()

    @property
    def any(self) -> bool:
        """Whether anything was."""
        return bool(self.url_keys or self.domains)

    def first(self, urls: Iterable[str | None]) -> str | None:
        """The first address, of all that a page has, that was taken down; what is no URL is none."""
        for url in urls if self.any else ():
            try:
                if url is not None and (
                    url_key(url) in self.url_keys or registrable_domain(url) in self.domains
                ):
                    return url
            except Rejected:
                continue
        return None


class DecodeEnvelopes(beam.PTransform):
    """Decode the envelope of each record.

    A record becomes one page, or ends: `not_article` (tombstone, empty value), `withheld` (taken
    down), or `quarantined`.

    Rejects: E_SCHEMA, E_SIZE, E_URL, E_DECOMP.

    Args:
        config: Envelope format and byte limits.
        withheld: What was taken down.
    """

    def __init__(self, *, config: InputConfig, withheld: Withheld) -> None:
        super().__init__()
        self._config = config
        self._withheld = withheld

    def expand(self, chunks: beam.PCollection[RecordChunk]) -> StageResult[DecodedChunk]:
        """Chunks of records to chunks of pages."""
        fn = _DecodeFn(self._config, self._withheld)
        oks, ends = chunks | "Decode" >> beam.ParDo(fn).with_outputs("ends", main="oks")
        return StageResult(oks, ends)


@beam.typehints.with_output_types(DecodedChunk, ends=TerminalFates)
class _DecodeFn(beam.DoFn):
    def __init__(self, config: InputConfig, withheld: Withheld) -> None:
        self._config = config
        self._withheld = withheld

    def setup(self) -> None:
        self._foreign = foreign_envelopes.open_all(self._config)

    def process(self, chunk: RecordChunk) -> Iterator[Any]:
        ends, pages = FateCollector(chunk.ingested_at), []
        with busy("DecodeEnvelopes"):
            for record in chunk.records:
                try:
                    raw = decode(record, self._config, self._foreign)
                    if isinstance(raw, NotArticle):
                        ends.end(
                            record,
                            Fate.NOT_ARTICLE,
                            reason=raw.reason,
                            stage=Stage.DECODE.value,
                            url=raw.url if site(raw.url) else None,
                        )
                        continue
                    url_key(raw.url)
                except Rejected as error:
                    if (url := self._taken_down(record, error.url)) is not None:
                        ends.end(record, Fate.WITHHELD, reason=WithheldReason.TAKEN_DOWN, url=url)
                    else:
                        ends.reject(record, Stage.DECODE, error, url=error.url)
                    continue
                if self._withheld.first((raw.url, raw.final_url)) is not None:
                    ends.end(record, Fate.WITHHELD, reason=WithheldReason.TAKEN_DOWN, url=raw.url)
                    continue
                pages.append(Decoded(record=record, raw=raw))
        if pages:
            yield DecodedChunk(ingested_at=chunk.ingested_at, pages=tuple(pages))
        if ends:
            yield TaggedOutput("ends", ends.chunk())

    def _taken_down(self, record: SourceRecord, named: str | None) -> str | None:
        """The URL by which a broken record names a page that was taken down: its content must not stay."""
        if not self._withheld.any:
            return None
        return self._withheld.first((named, *claimed_urls(record.value, record.key, record.headers)))
