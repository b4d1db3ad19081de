"""Text that was read in another charset than its own."""

import pytest

from growth import cpu_ratio
from newsmill.page.decoding import to_text
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


RUSSIAN_LONG = "Президент России Владимир Путин заявил, что Россия готова к переговорам с Украиной."
UKRAINIAN = "Президент України Володимир Зеленський заявив у Києві про це. «Так», – сказав він."
GREEK = "Ο πρωθυπουργός Κυριάκος Μητσοτάκης μίλησε στην Αθήνα για την οικονομία."
JAPANESE = "岸田文雄首相は東京でジョー・バイデン大統領と会談した。日本の政府が発表した。"


def loosely(data: bytes, charset: str) -> str:
    """Bytes in a charset of one byte a letter as browsers read them: those that it lacks are controls."""
    return "".join(bytes([b]).decode(charset, "ignore") or chr(b) for b in data)


@pytest.mark.parametrize(
    ("text", "own", "other"),
    [
        (RUSSIAN_LONG, "utf-8", "cp1251"),
        (UKRAINIAN, "utf-8", "cp1251"),
        (RUSSIAN_LONG, "cp1251", "latin-1"),
        (RUSSIAN_LONG, "koi8_r", "cp1252"),
        (GREEK, "cp1253", "cp1252"),
        (JAPANESE, "cp932", "cp1252"),
        (JAPANESE, "utf-8", "cp1252"),
    ],
)
def test_whole_text_is_read_right_with_its_places_when_its_charset_was_another(
    text: str, own: str, other: str
) -> None:
    given = loosely(text.encode(own), other)
    found = restored(given)
    assert found is not None
    assert found.text == text
    for at in range(len(text)):
        piece = given[slice(*found.span(at, at + 1))]
        assert piece == loosely(text[at].encode(own), other)


def test_what_is_left_of_japanese_is_read_when_the_other_charset_lacks_signs() -> None:
    found = restored(JAPANESE.encode().decode("cp932", "replace"))
    assert found is not None
    assert "首相は東京でジョー・バイ" in found.text


@pytest.mark.parametrize(
    "text",
    [
        RUSSIAN_LONG,
        UKRAINIAN,
        GREEK,
        JAPANESE,
        "США, СССР, РФ, РИА, СНГ, РПЦ, РСФСР, Россия, Сирия, Сербия и Румыния",
        "Сім'я, Рівне, Січ, Сєвєродонецьк",
        "„Über Österreich‚ die ‚Straße‘“, ÄÖÜ, ÀÉÈ, ïðåç",
        "ïðåç",
    ],
)
def test_whole_text_stays_when_it_is_in_its_own_charset(text: str) -> None:
    assert restored(text) is None


@pytest.mark.parametrize(("text", "charset"), [(RUSSIAN_LONG, "cp1251"), (UKRAINIAN, "cp1251")])
def test_page_is_mended_when_its_text_was_misread_as_a_whole(text: str, charset: str) -> None:
    html = f"<html><body><p>{loosely(text.encode(), charset)}</p></body></html>"
    found = to_text(html.encode(), "utf-8")
    assert text in found.text
    assert "mojibake-repaired" in found.marks


@pytest.mark.parametrize("unit", ["Рѕ", "縺", "‚Ì", "îñðî ", "Ã©", "РС"])
def test_cost_of_reading_again_is_linear_in_the_text(unit: str) -> None:
    assert cpu_ratio(restored, lambda size: unit * size, small=2_000) < 2
