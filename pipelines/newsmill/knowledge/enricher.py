"""The door of the knowledge stage: a text goes in, entities, places, countries and topics come out."""

from __future__ import annotations

from newsmill.config import EnrichConfig
from newsmill.records import Draft, Enrichment


class Enricher:
    """Runs every installed enricher over a text."""

    def __init__(self, config: EnrichConfig) -> None:
        self._config = config

    @classmethod
    def open(cls, config: EnrichConfig) -> Enricher:
        """Open the knowledge base and the recognisers that `config` names."""
        return cls(config)

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
    ) -> Enrichment:
        """The same for a bare text. Offsets count characters of `text`."""
        return Enrichment(versions={"newsmill": "0"})
