"""Text whose UTF-8 was read as Latin-1 or Windows-1252."""

import pytest

from newsmill.config import EnrichConfig
from newsmill.knowledge.enricher import Enricher
from newsmill.knowledge.misread import restored

SPANISH = "El juez José María Pérez habló en Cádiz. Según la Unión Europea, España pagará más en Málaga."
RUSSIAN = "Президент приехал в Москву, сообщает агентство."


@pytest.mark.parametrize(
    ("text", "charset"),
    [
        (SPANISH, "latin-1"),
        (RUSSIAN, "latin-1"),
        ("Für Österreich „müßig“, so er – Łódź", "latin-1"),
        ("Für Österreich – müßige Straßen", "cp1252"),
        ("J’espère qu’à l’été, c’est réglé…", "cp1252"),
    ],
)
def test_misread_text_is_read_right_when_its_bytes_were_utf8(text: str, charset: str) -> None:
    given = text.encode().decode(charset)
    found = restored(given)
    assert found is not None
    assert found.text == text
    for start in range(len(text)):
        for end in (start + 1, min(len(text), start + 7)):
            piece = given[found.at(start) : found.at(end)]
            assert piece == text[start:end].encode().decode(charset)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain",
        SPANISH,
        RUSSIAN,
        "NÃO É À TOA. O ÂMBAR. ÉTÉ À ÎLE — «Ça» ÆØÅ Ñandú",
        "`Ã©` stands for é, and `Ã¡` for á.",
    ],
)
def test_text_stays_when_few_or_no_letters_are_misread(text: str) -> None:
    assert restored(text) is None


def test_text_stays_in_part_when_only_parts_are_misread() -> None:
    found = restored("Ã© Ã¡ Ã³ und Ä café Ã")
    assert found is not None
    assert found.text == "é á ó und Ä café Ã"


def test_names_are_found_at_their_places_in_the_text_given_when_it_is_misread() -> None:
    given = SPANISH.encode().decode("latin-1")
    enricher = Enricher.open(EnrichConfig())
    found = enricher.enrich_text(given, language="es", title="España".encode().decode("latin-1") * 3)
    right = enricher.enrich_text(SPANISH, language="es")
    assert [e.name for e in found.entities] == [e.name for e in right.entities]
    assert "José María Pérez" in [e.name for e in found.entities]
    mentions = [m for e in (*found.entities, *found.places) for m in e.mentions]
    assert all(given[m.start : m.end] == m.text for m in mentions)
    texts = {m.text.encode("latin-1").decode() for m in mentions}
    assert texts == {m.text for e in (*right.entities, *right.places) for m in e.mentions}
