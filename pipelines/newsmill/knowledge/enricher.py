"""The door of the knowledge stage: a text goes in, entities, places, countries and topics come out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from newsmill.config import EnrichConfig
from newsmill.errors import ConfigError
from newsmill.knowledge.default import knowledge_base
from newsmill.knowledge.document import Document
from newsmill.knowledge.gazetteer import Gazetteer
from newsmill.knowledge.recognisers import Recogniser, Rules
from newsmill.knowledge.steps import Step, steps
from newsmill.records import Draft, Enrichment


class Enricher:
    """Runs the enrichers over a text. Threads may share one."""

    def __init__(
        self,
        gazetteer: Gazetteer,
        enrichers: Sequence[Step],
        *,
        rules: Sequence[Recogniser],
        statistical: Sequence[Recogniser] = (),
    ) -> None:
        self._gazetteer = gazetteer
        self._steps = tuple(enrichers)
        self._rules = tuple(rules)
        self._statistical = tuple(statistical)

    @classmethod
    def open(cls, config: EnrichConfig) -> Enricher:
        """Open the knowledge base, the recognisers that `config` names, and the plug-ins.

        Without `config.kb` the default knowledge base is opened, and built first where this machine
        has none yet.

        Raises:
            ConfigError: The knowledge base, a model or a plug-in can't be opened.
        """
        gazetteer = Gazetteer.open(config.kb or knowledge_base())
        return cls(gazetteer, steps(config), rules=(Rules(gazetteer),), statistical=())

    @property
    def versions(self) -> dict[str, str]:
        """Version by enricher, with the knowledge base's and the recognisers' as `kb` and their names."""
        recognisers = {r.name: r.version for r in (*self._rules, *self._statistical)}
        return {"kb": self._gazetteer.version, **recognisers, **{s.name: s.version for s in self._steps}}

    def enrich(self, draft: Draft, *, statistical: bool) -> Enrichment:
        """Entities, places, countries and topics of an article.

        Args:
            draft: The article. Offsets in the result count characters of `draft.page.body`.
            statistical: Also run the statistical recognisers that the configuration names.
        """
        return self.enrich_text(
            draft.page.body,
            language=draft.language.code,
            title=draft.page.title,
            url=draft.url,
            statistical=statistical,
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
    ) -> Enrichment:
        """The same for a bare text. Offsets count characters of `text`.

        Args:
            text: What is read.
            language: ISO 639-1, or "und".
            title: Its headline; entities named there are more salient.
            url: Where it was published; the host name tells of places.
            statistical: Also run the statistical recognisers.
            only: Names of the enrichers to run; all where absent.

        Raises:
            ConfigError: `only` names an enricher that is not there.
        """
        unknown = sorted(set(only or ()) - {s.name for s in self._steps})
        if unknown:
            known = ", ".join(s.name for s in self._steps)
            raise ConfigError(f"there is no enricher {unknown[0]}; there are: {known}")
        recognisers = (*self._rules, *self._statistical) if statistical else self._rules
        document = Document(
            text, language=language, title=title, url=url, gazetteer=self._gazetteer, recognisers=recognisers
        )
        values: dict[str, Any] = {}
        versions = {"kb": self._gazetteer.version, **{r.name: r.version for r in recognisers}}
        for step in self._steps:
            if only is None or step.name in only:
                values |= step.enrich(document)
                versions[step.name] = step.version
        return Enrichment(**values, versions=versions)
