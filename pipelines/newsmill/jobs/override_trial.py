"""Rules for single sites, tried on pages before they are set: what would come out otherwise.

Nothing is written, and nothing is fetched: pages come from files, from a WARC file, from the lake's
quarantine, or from the topic that a row of the lake names.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final

from newsmill.config import Config
from newsmill.errors import ConfigError, Rejected
from newsmill.jobs import source_records
from newsmill.jobs.explain import fates_of
from newsmill.lake.places import position_of
from newsmill.page import overrides
from newsmill.page.sandbox import Sandbox
from newsmill.records import NotArticle, Page, Position, RawPage, SourceRecord
from newsmill.sources import envelopes, files, foreign_envelopes
from newsmill.urls import site

MOST_COMPARED: Final = 2_000
"""Paragraphs of a text up to which two are compared line by line, which may take their product in time."""

_AT_ONCE: Final = 50


@dataclass(frozen=True)
class Outcome:
    """What a page gives; texts are paragraphs joined by one newline."""

    fate: str  # article | not_article: reason | code: message
    title: str | None = None
    published_at: str | None = None
    modified_at: str | None = None
    authors: tuple[str, ...] = ()
    byline: str | None = None
    text: str = ""


@dataclass(frozen=True)
class Trial:
    """One page, without the tried rules and with them."""

    url: str
    before: Outcome
    after: Outcome

    @property
    def changes(self) -> bool:
        """Whether the rules make a difference."""
        return self.before != self.after

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"url": self.url, "changes": self.changes} | {
            "before": asdict(self.before),
            "after": asdict(self.after),
        }


@dataclass
class Found:
    """The pages that were looked at."""

    pages: int = 0
    other_sites: int = 0  # of sites that the rules do not name
    lost: int = 0  # records whose payload neither the lake nor the topic has any more
    unreadable: int = 0  # records that hold no page
    problems: list[str] = field(default_factory=list)  # pages of files that can't be read, and why


def trials(config: Config, rules: Path, what: str, found: Found) -> Iterator[Trial]:
    """Read pages twice: with the settings as they are, and with the rules in place of those that are set.

    Args:
        config: All settings; `page.site_overrides` are the rules of before.
        rules: A file as `overrides` reads it.
        what: A file or a folder of pages, a WARC file, or what `explain` takes: URL, article_id, or position.
        found: Counts the pages, those of sites without rules included, which are not read.

    Raises:
        ConfigError: The rules are wrong, there is no such file, or the lake has no such record.
    """
    sites = overrides.load(rules)
    foreign = foreign_envelopes.open_all(config.input)
    tried = config.page.model_copy(update={"site_overrides": rules})
    with (
        Sandbox(page=config.page, input=config.input) as as_it_is,
        Sandbox(page=tried, input=config.input) as with_rules,
    ):
        wanted = _of_sites(_pages(config, what, foreign, found), sites, found)
        while pages := tuple(islice(wanted, _AT_ONCE)):
            before, after = as_it_is.map(pages), with_rules.map(pages)
            for page, old, new in zip(pages, before, after, strict=True):
                yield Trial(page.final_url or page.url, _outcome(old), _outcome(new))


def difference(trial: Trial) -> Iterator[str]:
    """What changes, a line each: `-` before, `+` after, other lines around them in the text."""
    for name in ("fate", "title", "published_at", "modified_at", "authors", "byline"):
        old, new = getattr(trial.before, name), getattr(trial.after, name)
        if old != new:
            yield f"- {name}: {_shown(old)}"
            yield f"+ {name}: {_shown(new)}"
    old, new = trial.before.text.splitlines(), trial.after.text.splitlines()
    if old == new:
        return
    yield f"  text: {len(old)} paragraphs, {len(trial.before.text)} characters"
    yield f"     → {len(new)} paragraphs, {len(trial.after.text)} characters"
    if max(len(old), len(new)) <= MOST_COMPARED:
        for line in list(difflib.unified_diff(old, new, lineterm="", n=1))[2:]:
            yield "  …" if line.startswith("@@") else f"{line[0]} {line[1:]}"


def _shown(value: object) -> str:
    return (", ".join(value) if isinstance(value, tuple) else str(value or "")) or "none"


def _of_sites(
    pages: Iterator[RawPage], sites: Mapping[str, overrides.SiteRules], found: Found
) -> Iterator[RawPage]:
    for page in pages:
        found.pages += 1
        if site(page.url) in sites:
            yield page
        else:
            found.other_sites += 1


def _pages(
    config: Config, what: str, foreign: foreign_envelopes.Envelopes, found: Found
) -> Iterator[RawPage]:
    path = Path(what)
    if path.exists():
        records = files.read([path], on_problem=lambda file, why: found.problems.append(f"{file}: {why}"))
    else:
        records = _records(config, what, found)
    for record in records:
        try:
            page = envelopes.decode(record, config.input, foreign)
        except Rejected:
            found.unreadable += 1
            continue
        if isinstance(page, NotArticle):
            found.unreadable += 1
        else:
            yield page


def _records(config: Config, what: str, found: Found) -> Iterator[SourceRecord]:
    """The records of what the lake knows: from its quarantine, from files, or from the topic."""
    places = [position_of(row) for row in fates_of(config.lake.path, what)]
    if not places:
        raise ConfigError(f"{what}: no such file, and the lake at {config.lake.path} has no record of it")
    lost: list[Position] = []
    for _, record in source_records.as_they_came(config, places, lost):
        yield record
    found.lost += len(lost)


def _outcome(found: Page | NotArticle | Rejected) -> Outcome:
    if isinstance(found, Rejected):
        return Outcome(f"{found.code}: {found.message.splitlines()[0] if found.message else ''}")
    if isinstance(found, NotArticle):
        return Outcome(f"not_article: {found.reason}")
    return Outcome(
        fate="article",
        title=found.title,
        published_at=_time(found.published_at),
        modified_at=_time(found.modified_at),
        authors=found.authors,
        byline=found.byline,
        text=found.body,
    )


def _time(micros: int | None) -> str | None:
    return None if micros is None else f"{datetime.fromtimestamp(micros / 1e6, UTC):%Y-%m-%d %H:%M:%S} UTC"
