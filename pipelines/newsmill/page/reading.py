"""All that one page's bytes tell: what it says, and in which language."""

from __future__ import annotations

from newsmill.config import InputConfig, PageConfig
from newsmill.page import analysis, preparation
from newsmill.page.analysis import read_page_any
from newsmill.page.language import detect
from newsmill.page.language_detectors import arbiter, default_detector
from newsmill.records import NotArticle, PageWithVerdict, ParsedPage, RawPage


def prepare(*, page: PageConfig, input: InputConfig) -> None:
    """Load what `analysis.prepare` does, and the language models; py3langid's makes a temporary file."""
    analysis.prepare(page=page, input=input)
    arbiter()
    default_detector()
    read(preparation.SAMPLE, page=page, input=input)


def read(raw: RawPage, *, page: PageConfig, input: InputConfig) -> ParsedPage | NotArticle:
    """Read a page and detect its language; what the sandbox's processes do in the pipeline.

    Raises:
        Rejected: as `analysis.read_page` does.
    """
    seen = read_any(raw, page=page, input=input)
    return seen.not_article or seen.parsed


def read_any(raw: RawPage, *, page: PageConfig, input: InputConfig) -> PageWithVerdict:
    """As `read`, for those who want the text whatever the page is.

    Raises:
        Rejected: As `analysis.read_page`.
    """
    found, verdict = read_page_any(raw, page=page, input=input)
    language = detect(found.body, html_lang=found.html_lang, title=found.title)
    return PageWithVerdict(parsed=ParsedPage(page=found, language=language), not_article=verdict)
