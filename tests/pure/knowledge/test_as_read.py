"""A text is read in one form, and what is found is told of the text that was given."""

import unicodedata

import pytest
from hypothesis import given as with_any, settings, strategies as st

from newsmill.knowledge.enricher import Enricher
from newsmill.page.as_read import read
from newsmill.page.language import detect
from newsmill.records import Enrichment

SPANISH = "El juez José María Pérez habló en Cádiz. Según la Unión Europea, España pagará más en Málaga."
GERMAN = "Die Kanzlerin Angela Merkel sprach in München mit dem Siemens-Chef Jürgen Müller über Österreich."
FRENCH = "Le président Emmanuel Macron a parlé à Orléans avec François Béziers de l’Union européenne."
POLISH = "Premier Donald Tusk spotkał się w Łodzi z ministrem Radosławem Sikorskim."
ARABIC = "قال الرئيس محمد مرسي في القاهرة إن وزارة الخارجية تتابع."
KOREAN = "윤석열 대통령은 서울에서 김정은 위원장을 만났다."
JAPANESE = "岸田文雄首相は東京でジョー・バイデン大統領と会談した。"
HINDI = "प्रधानमंत्री नरेंद्र मोदी ने मुंबई में कहा।"


def mentions(found: Enrichment) -> list[tuple[int, int, str]]:
    return [(m.start, m.end, m.text) for e in (*found.entities, *found.places) for m in e.mentions]


def soft(text: str) -> str:
    return " ".join(w[:3] + "\u00ad" + w[3:] if len(w) > 5 else w for w in text.split(" "))


def invisible(text: str) -> str:
    return " ".join(f"\u200e{w}\u200b" for w in text.split(" "))


def nfd(text: str) -> str:
    return unicodedata.normalize("NFD", text)


def no_break(text: str) -> str:
    return text.replace(" ", "\u00a0")


def narrow(text: str) -> str:
    return "\ufeff" + text.replace(" ", "\u202f")


def wide(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def half(text: str) -> str:
    parts = {"ジ": "ｼﾞ", "ョ": "ｮ", "ー": "ｰ", "バ": "ﾊﾞ", "イ": "ｲ", "デ": "ﾃﾞ", "ン": "ﾝ"}
    return "".join(parts.get(c, c) for c in text)


FORMS = {c: unicodedata.normalize("NFKC", c) for c in map(chr, range(0xFE80, 0xFEF5))}


def presented(text: str) -> str:
    form = {letter: shape for shape, letter in reversed(FORMS.items())}
    return "".join(form.get(c, c) for c in text)


@pytest.mark.parametrize(
    ("language", "text", "form"),
    [
        *(
            (language, text, form)
            for language, text in (
                ("es", SPANISH), ("de", GERMAN), ("fr", FRENCH), ("pl", POLISH), ("ar", ARABIC),
                ("ko", KOREAN), ("ja", JAPANESE), ("hi", HINDI),
            )
            for form in (nfd, invisible, no_break, narrow)
        ),
        ("de", GERMAN, soft),
        ("fr", FRENCH, soft),
        ("de", GERMAN, wide),
        ("es", SPANISH, wide),
        ("ja", JAPANESE, half),
        ("ar", ARABIC, presented),
        ("es", SPANISH, lambda text: text.encode().decode("latin-1")),
    ],
)  # fmt: skip
def test_names_are_the_same_at_their_places_when_the_text_is_written_in_another_form(
    enricher: Enricher, language: str, text: str, form: object
) -> None:
    given = form(text)  # type: ignore[operator]
    right = enricher.enrich_text(text, language=language, title=text)
    found = enricher.enrich_text(given, language=language, title=given)
    assert [(e.name, e.coarse) for e in found.entities] == [(e.name, e.coarse) for e in right.entities]
    assert [p.name for p in found.places] == [p.name for p in right.places]
    assert right.entities
    assert all(given[start:end] == told for start, end, told in mentions(found))
    for (start, end, _), (_, _, told) in zip(mentions(found), mentions(right), strict=True):
        again = read(given[start:end])
        bare = given[start:end] if again is None else again.text
        assert bare == told or form(told) in given[start:end]  # type: ignore[operator]


@pytest.mark.parametrize(
    "text",
    [
        SPANISH * 2,
        GERMAN * 2,
        "El presidente José María habló en Cádiz.",
        "Tổng thống đã đến thăm Hà Nội vào hôm qua.",
    ],
)
@pytest.mark.parametrize("form", [nfd, no_break, invisible])
def test_language_is_the_same_when_the_text_is_written_in_another_form(text: str, form: object) -> None:
    told = detect(form(text), html_lang=None, title=form(text[:40]))  # type: ignore[operator]
    right = detect(text, html_lang=None, title=text[:40])
    assert (told.code, told.confidence, told.method) == (right.code, right.confidence, right.method)


SIGNS = st.text(alphabet="ae\u0301\u0327 \u00ad\u200b\u200c\u200d\u00a0ﬁＮﾊﾞ한한ﻣقÃ©\u0958क्", max_size=60)


@settings(max_examples=400, deadline=None, derandomize=True)
@with_any(SIGNS)
def test_each_letter_read_has_a_place_in_order_whatever_was_given(text: str) -> None:
    found = read(text)
    if found is None:
        return
    assert len(found.starts) == len(found.ends) == len(found.text)
    assert list(found.starts) == sorted(found.starts)
    assert list(found.ends) == sorted(found.ends)
    assert all(0 <= s < e <= len(text) for s, e in zip(found.starts, found.ends, strict=True))
