import pytest

from newsmill.config import EnrichConfig
from newsmill.knowledge.default import knowledge_base
from newsmill.knowledge.enricher import Enricher
from newsmill.knowledge.gazetteer import Gazetteer


@pytest.fixture(scope="session")
def kb() -> Gazetteer:
    """The knowledge base that comes with newsmill."""
    return Gazetteer.open(knowledge_base())


@pytest.fixture(scope="session")
def enricher() -> Enricher:
    return Enricher.open(EnrichConfig())
