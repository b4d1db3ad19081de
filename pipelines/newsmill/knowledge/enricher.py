"""The door of the knowledge stage: a text goes in, entities, places, countries and topics come out."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any

from newsmill.config import EnrichConfig
from newsmill.errors import ConfigError
from newsmill.knowledge.bounds import STEPS_CUT
from newsmill.knowledge.default import knowledge_base
from newsmill.knowledge.document import Document
from newsmill.knowledge.gazetteer import Gazetteer
from newsmill.knowledge.given import as_given
from newsmill.knowledge.recognisers import Recogniser, Rules
from newsmill.knowledge.recognisers.statistical import Statistical
from newsmill.knowledge.steps import Step, checked_extras, steps
from newsmill.page.as_read import read
from newsmill.records import Draft, Enrichment
from newsmill.runtime.budget import Budget


class Enricher:
    """Runs the enrichers over a text. Threads may share one."""

    def __init__(
        self,
        gazetteer: Gazetteer,
        enrichers: Sequence[Step],
        *,
        rules: Recogniser,
        statistical: Recogniser | None = None,
    ) -> None:
        self._gazetteer = gazetteer
        self._steps = tuple(enrichers)
        self._rules = rules
        self._statistical = statistical

    @classmethod
    def open(cls, config: EnrichConfig) -> Enricher:
        """Open the knowledge base, the recognisers that `config` names, and the plug-ins.

        Without `config.kb` the default knowledge base is opened, and built first where this machine
        has none yet.

        Raises:
            ConfigError: The knowledge base, a model or a plug-in can't be opened.
        """
        gazetteer = Gazetteer.open(config.kb or knowledge_base())
        rules = Rules(gazetteer)
        statistical = Statistical.open(config.models, rules=rules) if config.models else None
        return cls(gazetteer, steps(config), rules=rules, statistical=statistical)

    @property
    def names(self) -> tuple[str, ...]:
        """The enrichers, in the order that they run."""
        return tuple(step.name for step in self._steps)

    def columns_of(self, name: str) -> tuple[str, ...]:
        """The columns that an enricher fills."""
        return next(step.columns for step in self._steps if step.name == name)

    def enrich(self, draft: Draft, *, statistical: bool, cpu_limit_s: float = math.inf) -> Enrichment:
        """Entities, places, countries and topics of an article.

        An article whose enrichers take too long stays an article: its story's cluster may rest on it. It
        has what was found until then, and the mark `STEPS_CUT`.

        Args:
            draft: The article. Offsets in the result count characters of `draft.page.body`.
            statistical: Also run the statistical recognisers that the configuration names.
            cpu_limit_s: CPU time after which no further enricher is run.
        """
        return self.enrich_text(
            draft.page.body,
            language=draft.language.code,
            title=draft.page.title,
            url=draft.url,
            statistical=statistical,
            cpu_limit_s=cpu_limit_s,
        )

    def enrich_text(
        self,
        text: str,
        *,
        language: str,
        title: str | None = None,
        url: str | None = None,
        statistical: bool = True,
        only: Collection[str] | None = None,
        cpu_limit_s: float = math.inf,
    ) -> Enrichment:
        """The same for a bare text. Offsets count characters of `text`, whatever is read instead (`as_read`).

        Args:
            text: What is read.
            language: ISO 639-1, or "und".
            title: Its headline; entities named there are more salient.
            url: Where it was published; the host name tells of places.
            statistical: Also run the statistical recognisers.
            only: Names of the enrichers to run; all where absent.
            cpu_limit_s: CPU time after which no further enricher is run.

        Raises:
            ConfigError: `only` names an enricher that is not there.
        """
        unknown = sorted(set(only or ()) - set(self.names))
        if unknown:
            raise ConfigError(f"there is no enricher {unknown[0]}; there are: {', '.join(self.names)}")
        recogniser = self._statistical if statistical and self._statistical is not None else self._rules
        rewritten = read(text)
        if rewritten is not None:
            text = rewritten.text
        if title is not None and (headline := read(title)) is not None:
            title = headline.text
        document = Document(
            text, language=language, title=title, url=url, gazetteer=self._gazetteer, recogniser=recogniser
        )
        values: dict[str, Any] = {}
        extras: dict[str, str] = {}
        versions = {"kb": self._gazetteer.version, recogniser.name: recogniser.version}
        budget, cut = Budget(cpu_limit_s), False
        for step in self._steps:
            if only is None or step.name in only:
                if cut := budget.is_spent:
                    break
                columns = dict(step.enrich(document))
                extras |= checked_extras(step.name, columns.pop("extras", {}))
                values |= columns
                versions[step.name] = step.version
        marks = (*document.marks, STEPS_CUT) if cut else document.marks
        found = Enrichment(**values, extras=extras, versions=versions, marks=marks)
        return found if rewritten is None else as_given(found, rewritten)
