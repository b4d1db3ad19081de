"""An enricher of one's own: a topic for each country of an article, and a value that has no column."""

from newsmill.config import EnrichConfig
from newsmill.knowledge.document import Document


class CountryTopics:
    """Fills `topics` with `country:XX`, in place of the built-in topics, and adds to `extras`."""

    name = "country-topics"
    version = "1"
    columns = ("topics", "extras")

    def __init__(self, config: EnrichConfig) -> None:
        self._config = config

    def enrich(self, document: Document) -> dict[str, object]:
        """The columns that this enricher fills, for one article; keys of `extras` begin with its name."""
        countries = list(document.countries)
        return {
            "topics": tuple(f"country:{code}" for code in countries),
            "extras": {"country-topics.count": str(len(countries))},
        }
