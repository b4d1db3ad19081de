"""An enricher of one's own: a topic for each country that an article is about."""

from newsmill.config import EnrichConfig
from newsmill.knowledge.document import Document


class CountryTopics:
    """Fills `topics` with `country:XX`, in place of the built-in topics."""

    name = "country-topics"
    version = "1"
    columns = ("topics",)

    def __init__(self, config: EnrichConfig) -> None:
        self._config = config

    def enrich(self, document: Document) -> dict[str, tuple[str, ...]]:
        """The columns that this enricher fills, for one article."""
        return {"topics": tuple(f"country:{code}" for code in document.countries)}
