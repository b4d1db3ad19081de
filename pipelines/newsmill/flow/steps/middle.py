"""The middle of both pipelines, assembled once: from records to drafts, and from marked drafts to articles.

What lies between is marking, which needs a batch's drafts together: a bounded batch gathers them by a
grouping, the endless job by its state. Labels are those of the pipelines themselves, since they name the
state of a saved job.
"""

from __future__ import annotations

from typing import NamedTuple

import apache_beam as beam

from newsmill.config import Config
from newsmill.flow.elements.chunks import (
    ArticleChunk,
    ClassifiedChunk,
    RecordChunk,
    SketchedChunk,
    TerminalFates,
)
from newsmill.flow.steps.decode import DecodeEnvelopes, Withheld
from newsmill.flow.steps.enrich import LinkEntities
from newsmill.flow.steps.extract import ExtractPages
from newsmill.flow.steps.identify import IdentifyDrafts


class Drafted(NamedTuple):
    """Every record that came in is in one of the two."""

    drafts: beam.PCollection[SketchedChunk]
    ends: tuple[beam.PCollection[TerminalFates], ...]


def drafts_of(
    records: beam.PCollection[RecordChunk],
    config: Config,
    *,
    withheld: Withheld,
    boilerplate: str | None = None,
    ahead: int = 0,
) -> Drafted:
    """Decode, extract and identify.

    Args:
        records: Chunks of source records.
        config: All settings.
        withheld: What was taken down when the pipeline was assembled.
        boilerplate: Name under which the sites' Boilerplate is registered; none is cut where absent.
        ahead: As in `ExtractPages`.
    """
    pages = records | "DecodeEnvelopes" >> DecodeEnvelopes(config=config.input, withheld=withheld)
    extracted = pages.oks | "ExtractPages" >> ExtractPages(
        page=config.page,
        input=config.input,
        on_reserved=config.rights.on_reserved,
        enrich=config.enrich,
        withheld=withheld,
        ahead=ahead,
    )
    drafts = extracted.oks | "IdentifyDrafts" >> IdentifyDrafts(
        cpu_limit_s=config.page.cpu_limit_s, boilerplate=boilerplate
    )
    return Drafted(drafts.oks, (pages.ends, extracted.ends, drafts.ends))


def articles_of(marked: beam.PCollection[ClassifiedChunk], config: Config) -> beam.PCollection[ArticleChunk]:
    """Spread marked drafts over all workers and enrich them.

    Args:
        marked: Drafts that will be rows of `articles`.
        config: All settings.
    """
    return (
        marked
        | "SpreadArticles" >> beam.Reshuffle()
        | "LinkEntities"
        >> LinkEntities(
            config=config.enrich,
            keep_body=config.copies.keep_body,
            on_reserved=config.rights.on_reserved,
            cpu_limit_s=config.page.cpu_limit_s,
        )
    )
