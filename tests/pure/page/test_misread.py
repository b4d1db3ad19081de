"""Text whose UTF-8 was read as Latin-1 or Windows-1252."""

import pytest

from newsmill.page.misread import restored

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
            piece = given[slice(*found.span(start, end))]
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
