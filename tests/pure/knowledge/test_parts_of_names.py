"""Words that are part of a person's name, or plain words, and name a place or a body elsewhere."""

import pytest

from newsmill.knowledge.enricher import Enricher


def mentions(enricher: Enricher, language: str, text: str) -> dict[str, str]:
    found = enricher.enrich_text(text, language=language, statistical=False)
    return {m.text: e.type for e in found.entities for m in e.mentions}


@pytest.mark.parametrize(
    ("language", "text", "name"),
    [
        ("pt", "O deputado Luís Angola falou ontem.", "Luís Angola"),
        ("es", "La actriz Victoria Abril recibió un premio.", "Victoria Abril"),
        ("es", "Ayer Lorenzo Córdova habló.", "Lorenzo Córdova"),
        ("it", "Ieri Francesca Albania ha vinto.", "Francesca Albania"),
        ("ru", "Об этом сообщил Владимир Иванов.", "Владимир Иванов"),
        ("sr", "Juče je Siniša Angola govorio.", "Siniša Angola"),
        ("de", "Gestern sprach Christian Lindner.", "Christian Lindner"),
    ],
)
def test_name_of_a_place_is_part_of_a_person_beside_a_first_name(
    enricher: Enricher, language: str, text: str, name: str
) -> None:
    found = enricher.enrich_text(text, language=language, statistical=False)
    assert mentions(enricher, language, text) == {name: "person"}
    assert not found.places


def test_president_is_linked_and_no_city_of_his_first_name(enricher: Enricher) -> None:
    found = enricher.enrich_text(
        "Президент России Владимир Путин прибыл в Минск.", language="ru", statistical=False
    )
    assert {"Q7747"} <= {e.wikidata_id for e in found.entities}
    assert {p.name for p in found.places} == {"Russia", "Minsk"}


def test_common_word_does_not_stand_for_a_little_known_body_that_also_bears_it(enricher: Enricher) -> None:
    found = enricher.enrich_text("Police said so. The Police said it.", language="en", statistical=False)
    assert all(e.wikidata_id is None for e in found.entities)


def test_marks_tell_a_plain_word_from_the_name_of_a_place(enricher: Enricher) -> None:
    assert "Bí" not in mentions(enricher, "vi", "Bí thư Thành ủy đến Bỉ và Pháp hôm qua.")
    assert mentions(enricher, "vi", "Ông đến Pháp và Đức hôm qua.") == {"Pháp": "country", "Đức": "country"}
    assert not enricher.enrich_text("The Café opened.", language="en", statistical=False).places


def test_language_of_a_part_of_a_country_speaks_for_it(enricher: Enricher) -> None:
    found = enricher.enrich_text("Reuníronse en Santiago onte.", language="gl", statistical=False)
    assert [p.name for p in found.places] == ["Santiago de Compostela"]
