"""Lakes, rivers and the like that are named for countries."""

import pytest

from newsmill.knowledge.enricher import Enricher


@pytest.mark.parametrize(
    ("language", "text", "name"),
    [
        ("en", "Fishermen on Lake Chad fled.", "Lake Chad"),
        ("en", "Snow fell on Mount Kenya.", "Mount Kenya"),
        ("en", "The Niger River rose.", "Niger River"),
        ("en", "Ships left the Strait of Georgia.", "Strait of Georgia"),
        ("en", "Pirates in the Gulf of Guinea struck.", "Gulf of Guinea"),
        ("fr", "Les pêcheurs du lac Tchad ont fui.", "lac Tchad"),
        ("fr", "Un ouragan dans le golfe du Mexique menace.", "golfe du Mexique"),
        ("es", "El río Paraguay creció.", "río Paraguay"),
        ("es", "El golfo de México sufre.", "golfo de México"),
        ("pt", "O rio Paraguai subiu muito.", "rio Paraguai"),
        ("it", "Il lago Ciad si prosciuga.", "lago Ciad"),
        ("de", "Im Golf von Mexiko tobt ein Sturm.", "Golf von Mexiko"),
        ("ru", "Озеро Чад высыхает.", "Озеро Чад"),
        ("uk", "Озеро Чад висихає.", "Озеро Чад"),
        ("ar", "تقع بحيرة تشاد في القارة.", "بحيرة تشاد"),
        ("tr", "Meksika Körfezi ısınıyor.", "Meksika Körfezi"),
        ("zh", "墨西哥湾发生飓风。", "墨西哥湾"),
        ("vi", "Tàu vào vịnh Thái Lan.", "vịnh Thái Lan"),
    ],
)
def test_landform_is_no_country_when_it_is_named_for_one(
    enricher: Enricher, language: str, text: str, name: str
) -> None:
    found = enricher.enrich_text(text, language=language, statistical=False)
    assert [(m.text, e.type) for e in found.entities for m in e.mentions] == [(name, "place")]
    assert not found.places


@pytest.mark.parametrize(
    ("language", "text", "country"),
    [
        ("en", "Chad closed its border on the lake.", "Chad"),
        ("ru", "Реки России широки.", "Russia"),
        ("es", "Los ríos de Colombia crecen.", "Colombia"),
        ("fr", "Le Tchad a fermé sa frontière.", "Chad"),
    ],
)
def test_country_stays_one_beside_words_for_landforms(
    enricher: Enricher, language: str, text: str, country: str
) -> None:
    found = enricher.enrich_text(text, language=language, statistical=False)
    assert country in [place.name for place in found.places]


def test_body_named_for_a_lake_does_not_tell_of_the_country(enricher: Enricher) -> None:
    found = enricher.enrich_text("The Lake Chad Basin Commission met.", language="en", statistical=False)
    assert not found.places
