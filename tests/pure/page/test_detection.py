"""Pages that name no charset, or one that shifts: of any length, and with a byte that fits nowhere."""

from __future__ import annotations

import pytest

from newsmill.page.decoding import to_text

SENTENCES = {
    "gb18030": "市议会星期一决定，停航十一年的渡口今年秋天将重新开放，工程师说整个夏天都要修理木桩。",
    "big5hkscs": "市議會星期一決定，停航十一年的渡口今年秋天將重新開放，工程師說整個夏天都要修理木樁。",
    "cp932": "市議会は月曜日、十一年間休止していた渡し船を今秋から再開することを決めた。",
    "euc_jp": "市議会は月曜日、十一年間休止していた渡し船を今秋から再開することを決めた。",
    "cp949": "시의회는 월요일에 십일 년 동안 멈춘 나룻배를 올해 가을부터 다시 열기로 했다고 밝혔다.",
    "cp1251": "Городской совет решил в понедельник снова открыть паром, который не ходил одиннадцать лет.",
    "cp1253": "Το δημοτικό συμβούλιο αποφάσισε τη Δευτέρα να ανοίξει ξανά το πορθμείο μετά από χρόνια.",
    "cp1255": "מועצת העיר החליטה ביום שני לפתוח מחדש את המעבורת שלא פעלה אחת עשרה שנים בנהר.",
}
STRAY = {"cp1251": b"\x98", "cp1253": b"\xaa", "cp1255": b"\xd9"}


def page(charset: str, size: int, shift: int = 0) -> bytes:
    line = f"<p>{SENTENCES[charset]}</p>\n".encode(charset)
    return b"<html><body>" + b"x" * shift + line * max(1, size // len(line)) + b"</body></html>"


@pytest.mark.parametrize("charset", SENTENCES)
@pytest.mark.parametrize("size", [600, 30_000, 90_000])
def test_page_without_a_charset_is_read_whatever_its_length(charset: str, size: int) -> None:
    for shift in (0, 1):  # the cut of the sample falls into a character or between two
        assert SENTENCES[charset] in to_text(page(charset, size, shift), None).text


@pytest.mark.parametrize("charset", SENTENCES)
@pytest.mark.parametrize("size", [1_200, 90_000])
def test_one_byte_that_fits_no_charset_leaves_the_others_as_they_are(charset: str, size: int) -> None:
    whole = page(charset, size)
    middle = whole.index(b"</p>", len(whole) // 2)
    read = to_text(whole[:middle] + STRAY.get(charset, b"\xff") + whole[middle:], None)
    assert read.text.count(SENTENCES[charset]) >= whole.count(b"<p>") - 1


@pytest.mark.parametrize("declared", ["iso-2022-jp", "ISO-2022-JP", None])
def test_japanese_of_seven_bits_is_no_utf_8(declared: str | None) -> None:
    body = page("cp932", 600).decode("cp932").encode("iso2022_jp")
    read = to_text(body, declared)
    assert SENTENCES["cp932"] in read.text
    assert (read.charset, read.marks) == ("iso2022_jp", ())


def test_japanese_of_seven_bits_is_read_where_the_page_itself_names_it() -> None:
    head = b'<html><head><meta charset="iso-2022-jp"></head><body>'
    assert "再開" in to_text(head + "渡し船、再開へ".encode("iso2022_jp"), None).text


def test_chinese_of_seven_bits_is_read_only_where_it_is_named() -> None:
    body = b"<p>" + "市议会决定".encode("hz") + b"</p>"
    assert "市议会决定" in to_text(body, "hz-gb-2312").text
    assert to_text(b"<p>if a ~{ b }~</p>", None).text == "<p>if a ~{ b }~</p>"


def test_few_bytes_beyond_ascii_are_signs_of_windows_1252() -> None:
    assert "“ferry”" in to_text(b"<p>The \x93ferry\x94 opens.</p>", None).text


def test_utf_8_with_a_torn_character_stays_utf_8() -> None:
    body = "<p>Zürich, Köln, Łódź, Malmö und Århus</p>".encode() + b"\xc3<p>x</p>"
    read = to_text(body, None)
    assert "Łódź" in read.text and "replaced-characters" in read.marks
