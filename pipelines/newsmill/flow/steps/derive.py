"""What follows from one page and its address alone: worked out in the extraction processes, after reading.

The pipeline takes it where it may: `identify` and `finish` do the same themselves for a page of which an
extraction process could not say it. So no row, and no page's fate, depends on where it was worked out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from newsmill.config import EnrichConfig, PageConfig
from newsmill.copies import origin
from newsmill.copies.sketches import sketch
from newsmill.flow.elements.derived import Derived
from newsmill.page.identity import draft
from newsmill.page.preparation import SAMPLE
from newsmill.records import Extraction, Language, Page, ParsedPage, RawPage, SourceRecord
from newsmill.runtime.budget import Budget
from newsmill.runtime.once import once

if TYPE_CHECKING:
    from newsmill.knowledge.enricher import Enricher

_SAMPLES: Final = (
    ("en", "Anna Reed met the mayor of Paris, Reuters reported."),
    ("de", "Anna Reed kam aus Wien."),
)


def derive(raw: RawPage, parsed: ParsedPage, *, page: PageConfig, told: str) -> Derived:
    """What follows from a page.

    Args:
        raw: The page as it came.
        parsed: What it says.
        page: Its `cpu_limit_s` bounds each half: identity, sketch and origin; and the enrichers.
        told: An EnrichConfig as JSON.

    Raises:
        Rejected: `E_URL`, or `E_BUDGET` when the page takes more CPU time than its limit.
    """
    budget = Budget(page.cpu_limit_s)
    made = draft(SourceRecord(position=raw.position, value=None), raw, parsed.page, parsed.language, 0)
    sketched, credited = sketch(made), origin.attribute(made)
    budget.check("its identity, sketch and origin")
    enricher = _enricher(told)
    found = enricher and enricher.enrich(made, statistical=False, cpu_limit_s=page.cpu_limit_s)
    return Derived(
        content_hash=made.content_hash,
        sketch=sketched,
        origin=credited,
        enrichment=msgspec.msgpack.encode(found) if found is not None else None,
    )


def prepare(*, page: PageConfig, told: str) -> None:
    """Load all that `derive` needs: a confined process can open no file."""
    origin.prepare()
    if _enricher(told) is not None:
        from newsmill.knowledge import preloading

        preloading.preload()
    for code, body in _SAMPLES:
        said = Page(title="Ships", body=body, extraction=Extraction(method="sample", reason="sample"))
        language = Language(code=code, confidence=1.0, method="none")
        derive(SAMPLE, ParsedPage(page=said, language=language), page=page, told=told)


def is_found_beside(config: EnrichConfig) -> bool:
    """Whether the extraction processes find entities, places and topics.

    They run newsmill's own rules and nothing else: a plug-in may open files and connections, and a
    statistical model is large and for representatives only.
    """
    return config.enabled and not config.models and not config.enrichers


@once
def _enricher(told: str) -> Enricher | None:
    from newsmill.knowledge.enricher import Enricher

    config = EnrichConfig.model_validate_json(told)
    return Enricher.open(config) if is_found_beside(config) else None
