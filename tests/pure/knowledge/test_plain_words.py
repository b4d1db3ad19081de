"""Frequent words, days and months that are spelled as places are none; places among such words stay."""

from __future__ import annotations

from importlib.resources import files

import pytest

from newsmill.knowledge import own_words
from newsmill.knowledge.enricher import Enricher
from newsmill.knowledge.locales import own_word_lines


def places(enricher: Enricher, text: str, language: str) -> set[tuple[str, str | None]]:
    found = enricher.enrich_text(text, language=language)
    return {(mention.text, place.country) for place in found.places for mention in place.mentions}


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("ru", "Самое старое здание города закрыли на ремонт."),
        ("es", "Cada año miles de turistas visitan la costa. Cada verano faltan médicos."),
        ("es", "El Partido presentó su programa."),
        ("pt", "Como em outros anos, faltou água. Ao todo são três obras."),
        ("it", "Dopo la pioggia il ponte è chiuso."),
        ("ar", "قال الوزير يوم الخميس إن المدينة ستضطر إلى إغلاق الجسر"),
        ("sv", "Men det blir dyrt. Vi får vänta."),
        ("nb", "Men det blir dyrt. Både veien og broen er stengt."),
        ("de", "Bei Regen bleibt die Straße gesperrt. Da hilft nichts."),
        ("fi", "Tänään satoi lunta."),
        ("et", "Täna sadas lund. Eile ka."),
    ],
)
def test_frequent_word_is_no_place(enricher: Enricher, language: str, text: str) -> None:
    assert places(enricher, text, language) == set()


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("ru", "Москва и Самоа подписали договор.", {("Москва", "RU"), ("Самоа", "WS")}),
        ("ru", "России нужен мост.", {("России", "RU")}),
        ("es", "Chad y Níger cierran la frontera.", {("Chad", "TD"), ("Níger", "NE")}),
        ("fi", "Tänään Helsingissä satoi lunta.", {("Helsingissä", "FI")}),
        ("ro", "România și Moldova construiesc un pod.", {("România", "RO"), ("Moldova", "MD")}),
        ("it", "Roma ha un nuovo ponte.", {("Roma", "IT")}),
        ("sv", "Malmö får en ny bro.", {("Malmö", "SE")}),
        ("ar", "وصل الوزير إلى المدينة المنورة", {("المدينة المنورة", "SA")}),
    ],
)
def test_place_that_is_a_frequent_word_stays(
    enricher: Enricher, language: str, text: str, expected: set[tuple[str, str | None]]
) -> None:
    assert expected <= places(enricher, text, language)


def test_own_words_are_those_of_the_libraries() -> None:
    made = files("newsmill.knowledge").joinpath("data", own_words.FILE).read_text(encoding="utf-8")
    assert made.splitlines() == list(own_word_lines()), "python -m newsmill.knowledge.locales"
    assert "الخميس" in own_words.calendar("ar") and "freitag" in own_words.calendar("de")
    assert (own_words.country("ru", "RU"), own_words.country("ru", "WS")) == ("россия", "")
