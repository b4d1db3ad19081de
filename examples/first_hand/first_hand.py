"""A step of one's own: it sees an article when copies, origin and places are known."""

import msgspec

from newsmill import Article, Enrichment
from newsmill.config import EnrichConfig


class FirstHand:
    """Says in `extras` whether an article is first-hand: no copy, no agency's, and about some place."""

    version = "1"

    def __init__(self, config: EnrichConfig) -> None:
        self._config = config

    def apply(self, article: Article) -> Enrichment:
        """The article's enrichment with one key more."""
        found = article.enrichment
        is_first = not article.duplicate.is_duplicate and article.origin is None and bool(found.places)
        extras = {**found.extras, "first-hand.is_first_hand": "yes" if is_first else "no"}
        return msgspec.structs.replace(found, extras=extras)
