"""LinkEntities: marked drafts in, finished articles out."""

from __future__ import annotations

import math
from collections.abc import Iterator

import apache_beam as beam

from newsmill.config import EnrichConfig, KeepBody, OnReserved
from newsmill.flow.elements.chunks import ArticleChunk, ClassifiedChunk, ClassifiedDraft, Finished
from newsmill.flow.elements.derived import enrichment_of
from newsmill.flow.elements.stage_result import busy
from newsmill.flow.steps.derive import is_found_beside
from newsmill.knowledge import article_steps
from newsmill.knowledge.enricher import Enricher
from newsmill.page.identity import body_hash
from newsmill.records import Article, Enrichment
from newsmill.runtime.once import once


class LinkEntities(beam.PTransform):
    """Find and link the entities, places and topics of each article.

    What the extraction processes found is taken. One article a draft; nothing ends here. Only representatives
    of a cluster pay for the statistical recognisers unless `enrich.copies` is set. Plug-ins of `enrich.steps`
    see each article at the end.

    Args:
        config: Knowledge base and recognisers.
        keep_body: Whether bodies are kept at all; of which copies, the index has decided.
        on_reserved: `metadata_only` drops the body of pages whose rights are reserved.
        cpu_limit_s: CPU time of one article after which no further enricher is run.
    """

    def __init__(
        self,
        *,
        config: EnrichConfig,
        keep_body: KeepBody,
        on_reserved: OnReserved,
        cpu_limit_s: float = math.inf,
    ) -> None:
        super().__init__()
        self._fn = _EnrichFn(config, keep_body, on_reserved, cpu_limit_s)

    def expand(self, chunks: beam.PCollection[ClassifiedChunk]) -> beam.PCollection[ArticleChunk]:
        """Chunks of marked drafts to chunks of articles, in the same order."""
        return chunks | "Enrich" >> beam.ParDo(self._fn)


def finish(
    item: ClassifiedDraft,
    enricher: Enricher | None,
    config: EnrichConfig,
    keep_body: KeepBody,
    on_reserved: OnReserved,
    cpu_limit_s: float = math.inf,
    steps: article_steps.Steps = (),
    found: Enrichment | None = None,
) -> Finished:
    """The pure twin: one marked draft to one article; without an enricher what was found, if anything."""
    draft, decision = item.draft, item.decision
    is_copy = decision.duplicate.is_duplicate
    if found is None and enricher is not None:
        found = enricher.enrich(draft, statistical=config.copies or not is_copy, cpu_limit_s=cpu_limit_s)
    withheld_body = on_reserved is OnReserved.METADATA_ONLY and draft.page.rights.reserved
    article = Article(
        draft=draft,
        fate=decision.fate,
        revision=decision.revision,
        duplicate=decision.duplicate,
        origin=item.origin or decision.origin_hint,
        enrichment=found or Enrichment(),
        keep_body=decision.keep_body and not withheld_body,
        body_hash=None if withheld_body or keep_body is KeepBody.NONE else body_hash(draft.page.body),
        sketch=item.sketch,
    )
    return Finished(article=article_steps.applied(article, steps), value_bytes=item.value_bytes)


@once
def enricher(config: str) -> Enricher:
    """The enricher of this worker process, opened once.

    Args:
        config: An EnrichConfig as JSON.
    """
    return Enricher.open(EnrichConfig.model_validate_json(config))


@beam.typehints.with_output_types(ArticleChunk)
class _EnrichFn(beam.DoFn):
    def __init__(
        self, config: EnrichConfig, keep_body: KeepBody, on_reserved: OnReserved, cpu_limit_s: float
    ) -> None:
        self._cpu_limit_s = cpu_limit_s
        self._config = config
        self._keep_body = keep_body
        self._on_reserved = on_reserved

    def setup(self) -> None:
        self._beside = is_found_beside(self._config)
        if self._config.enabled and not self._beside:
            self._enricher()
        self._steps = article_steps.open_all(self._config)

    def _enricher(self) -> Enricher:
        return enricher(self._config.model_dump_json())

    def process(self, chunk: ClassifiedChunk) -> Iterator[ArticleChunk]:
        with busy("LinkEntities", len(chunk.drafts)):
            articles = tuple(map(self._finished, chunk.drafts))
        yield ArticleChunk(articles=articles)

    def _finished(self, item: ClassifiedDraft) -> Finished:
        found = None
        if self._beside and item.enrichment is not None:
            found = enrichment_of(item.enrichment, item.draft.page.body)
        return finish(
            item,
            self._enricher() if found is None and self._config.enabled else None,
            self._config,
            self._keep_body,
            self._on_reserved,
            self._cpu_limit_s,
            self._steps,
            found,
        )
