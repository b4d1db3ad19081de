"""Steps after enrichment, of other packages: each sees a whole article and adds to what was found in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

from newsmill.config import EnrichConfig
from newsmill.knowledge.steps import checked_extras
from newsmill.records import Article, Enrichment
from newsmill.runtime.plugins import Kind


class ArticleStep(Protocol):
    """A plug-in of the entry point group `newsmill.steps`, called with `EnrichConfig`.

    Threads share one. An article's fate is decided when it comes here, and its story's cluster rests on it:
    whatever a step raises stops the job, `Rejected` too.
    """

    version: str

    def apply(self, article: Article) -> Enrichment:
        """The article's enrichment, changed or not; `msgspec.structs.replace` changes one.

        It sees page, language, fate, copies, origin and enrichment. Keys that it adds to `extras` begin with
        the step's name and a dot.
        """
        ...


KIND: Final = Kind[ArticleStep]("steps", "enrich.steps", methods=("apply",), attributes={"version": str})

Steps = Sequence[tuple[str, ArticleStep]]
"""Steps in the order that they run, with the names that the settings have for them."""


def open_all(config: EnrichConfig) -> Steps:
    """Those that the settings name. Raises ConfigError as `Kind.open`."""
    return KIND.open(config.steps, config)


def applied(article: Article, steps: Steps) -> Article:
    """The article after all steps.

    Raises:
        TypeError: A step gave no enrichment.
        ValueError: It added to the `extras` of another.
    """
    for name, step in steps:
        found = step.apply(article)
        if not isinstance(found, Enrichment):
            raise TypeError(f"the step {name} gave no Enrichment, but {type(found).__name__}")
        before = article.enrichment.extras
        checked_extras(name, {k: v for k, v in found.extras.items() if before.get(k) != v})
        versions = {**found.versions, name: step.version}
        article = msgspec.structs.replace(
            article, enrichment=msgspec.structs.replace(found, versions=versions)
        )
    return article
