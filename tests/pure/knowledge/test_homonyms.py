"""Which of the bearers of a name is meant, in a knowledge base of Wikidata's form."""

import gzip

import pytest
from tests.wikidata_lines import COMPANY, dump, item

from newsmill.config import EnrichConfig
from newsmill.knowledge.default import knowledge_base
from newsmill.knowledge.enricher import Enricher
from newsmill.knowledge.wikidata.making import make
from newsmill.knowledge.wikidata.reading import Options

FRANCE, CANADA = 142, 16
ITEMS = [
    item(900_001, "Julien Marceau", links=40, words="French novelist",
         claims={"P27": [FRANCE], "P106": [36180]}),
    item(900_002, "Julien Marceau", links=12, words="Canadian ice hockey player",
         claims={"P27": [CANADA], "P106": [2066131]}),
    item(900_003, "Tilbury Foods", (COMPANY,), links=30, words="French food company",
         claims={"P17": [FRANCE]}),
    item(900_004, "Tilbury Foods", (COMPANY,), links=20, words="Canadian food company",
         claims={"P17": [CANADA]}),
    item(900_005, "Ruth Ellerby", links=6, words="British botanist"),
]  # fmt: skip


@pytest.fixture(scope="module")
def enricher(tmp_path_factory: pytest.TempPathFactory) -> Enricher:
    folder = tmp_path_factory.mktemp("wikidata")
    (folder / "dump.gz").write_bytes(gzip.compress(dump(ITEMS)))
    options = Options(least_sitelinks=5, languages=("en",), most_broken=0)
    make(
        folder / "dump.gz", folder / "kb", options, base=knowledge_base(), own=[], sources={}, workers=1,
        told=lambda _: None,
    )  # fmt: skip
    return Enricher.open(EnrichConfig(kb=folder / "kb"))


def meant(enricher: Enricher, text: str, name: str, url: str | None = None) -> str | None:
    found = enricher.enrich_text(text, language="en", url=url)
    return next((e.wikidata_id for e in found.entities if e.name == name or name in e.entity_id), None)


@pytest.mark.parametrize(
    ("text", "qid"),
    [
        ("Julien Marceau was seen on Monday.", "Q900001"),
        ("Julien Marceau, the novelist, was seen on Monday.", "Q900001"),
        ("Julien Marceau, the hockey player, was seen in Toronto.", "Q900002"),
        ("The ice hockey match begins in Montreal. Julien Marceau will not play, he said.", "Q900002"),
        ("Julien Marceau, a plumber from Leeds, was fined on Monday.", None),
    ],
)
def test_words_and_country_tell_namesakes_apart(enricher: Enricher, text: str, qid: str | None) -> None:
    assert meant(enricher, text, "Julien Marceau") == qid


@pytest.mark.parametrize(
    ("url", "qid"),
    [(None, "Q900003"), ("https://example.ca/a", "Q900004"), ("https://example.fr/a", "Q900003")],
)  # fmt: skip
def test_country_of_the_site_tells_namesakes_apart(enricher: Enricher, url: str | None, qid: str) -> None:
    assert meant(enricher, "Shares of Tilbury Foods fell on Monday.", "Tilbury Foods", url) == qid


def test_little_known_person_is_linked_only_where_the_text_says_so(enricher: Enricher) -> None:
    assert meant(enricher, "Ruth Ellerby spoke to reporters on Monday.", "Ruth Ellerby") is None
    botany = "Ruth Ellerby, the British botanist, spoke to reporters on Monday."
    assert meant(enricher, botany, "Ruth Ellerby") == "Q900005"
