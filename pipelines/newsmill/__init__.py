"""newsmill: raw news pages in, a table of articles, copies and entities out.

The names below are for use as a library; each is imported where it is first used. What they raise is a
`NewsmillError`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from newsmill.api import (
        Lake as Lake,
        read_page as read_page,
    )
    from newsmill.config import Config as Config
    from newsmill.config.loading import load as load_config
    from newsmill.copies.index import CopyIndex as CopyIndex
    from newsmill.errors import (
        ConfigError as ConfigError,
        LakeError as LakeError,
        NewsmillError as NewsmillError,
        Rejected as Rejected,
    )
    from newsmill.flow.bounded.mark_copies import MarkCopies as MarkCopies
    from newsmill.flow.bounded.pipeline import batch_pipeline as batch_pipeline
    from newsmill.flow.elements.chunks import (
        ArticleChunk as ArticleChunk,
        ClassifiedChunk as ClassifiedChunk,
        DecodedChunk as DecodedChunk,
        ExtractedChunk as ExtractedChunk,
        RecordChunk as RecordChunk,
        SketchedChunk as SketchedChunk,
        TerminalFates as TerminalFates,
    )
    from newsmill.flow.elements.stage_result import StageResult as StageResult
    from newsmill.flow.steps.decode import (
        DecodeEnvelopes as DecodeEnvelopes,
        Withheld as Withheld,
    )
    from newsmill.flow.steps.enrich import LinkEntities as LinkEntities
    from newsmill.flow.steps.extract import ExtractPages as ExtractPages
    from newsmill.flow.steps.identify import IdentifyDrafts as IdentifyDrafts
    from newsmill.jobs.annotate import annotate as annotate
    from newsmill.knowledge.enricher import Enricher as Enricher
    from newsmill.page.sandbox import Sandbox as Sandbox
    from newsmill.records import (
        Article as Article,
        Draft as Draft,
        Enrichment as Enrichment,
        Fate as Fate,
        NotArticle as NotArticle,
        Page as Page,
        ParsedPage as ParsedPage,
        Position as Position,
        RawPage as RawPage,
        SourceRecord as SourceRecord,
    )

__version__ = "0.1.0"

_HOMES: Final = {
    "Article": "newsmill.records",
    "ArticleChunk": "newsmill.flow.elements.chunks",
    "ClassifiedChunk": "newsmill.flow.elements.chunks",
    "Config": "newsmill.config",
    "ConfigError": "newsmill.errors",
    "CopyIndex": "newsmill.copies.index",
    "DecodeEnvelopes": "newsmill.flow.steps.decode",
    "DecodedChunk": "newsmill.flow.elements.chunks",
    "Draft": "newsmill.records",
    "Enricher": "newsmill.knowledge.enricher",
    "Enrichment": "newsmill.records",
    "ExtractPages": "newsmill.flow.steps.extract",
    "ExtractedChunk": "newsmill.flow.elements.chunks",
    "Fate": "newsmill.records",
    "IdentifyDrafts": "newsmill.flow.steps.identify",
    "Lake": "newsmill.api",
    "LakeError": "newsmill.errors",
    "LinkEntities": "newsmill.flow.steps.enrich",
    "MarkCopies": "newsmill.flow.bounded.mark_copies",
    "NewsmillError": "newsmill.errors",
    "NotArticle": "newsmill.records",
    "Page": "newsmill.records",
    "ParsedPage": "newsmill.records",
    "Position": "newsmill.records",
    "RawPage": "newsmill.records",
    "RecordChunk": "newsmill.flow.elements.chunks",
    "Rejected": "newsmill.errors",
    "Sandbox": "newsmill.page.sandbox",
    "SketchedChunk": "newsmill.flow.elements.chunks",
    "SourceRecord": "newsmill.records",
    "StageResult": "newsmill.flow.elements.stage_result",
    "TerminalFates": "newsmill.flow.elements.chunks",
    "Withheld": "newsmill.flow.steps.decode",
    "annotate": "newsmill.jobs.annotate",
    "batch_pipeline": "newsmill.flow.bounded.pipeline",
    "load_config": "newsmill.config.loading",
    "read_page": "newsmill.api",
}
"""The public names, and the module of each."""

_CALLED: Final = {"load_config": "load"}

__all__ = [  # noqa: RUF022
    "__version__",
    "Article",
    "ArticleChunk",
    "ClassifiedChunk",
    "Config",
    "ConfigError",
    "CopyIndex",
    "DecodeEnvelopes",
    "DecodedChunk",
    "Draft",
    "Enricher",
    "Enrichment",
    "ExtractPages",
    "ExtractedChunk",
    "Fate",
    "IdentifyDrafts",
    "Lake",
    "LakeError",
    "LinkEntities",
    "MarkCopies",
    "NewsmillError",
    "NotArticle",
    "Page",
    "ParsedPage",
    "Position",
    "RawPage",
    "RecordChunk",
    "Rejected",
    "Sandbox",
    "SketchedChunk",
    "SourceRecord",
    "StageResult",
    "TerminalFates",
    "Withheld",
    "annotate",
    "batch_pipeline",
    "load_config",
    "read_page",
]


def __getattr__(name: str) -> object:
    """The public name, imported now."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(_HOMES[name]), _CALLED.get(name, name))
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """All public names."""
    return sorted({*globals(), *__all__})
