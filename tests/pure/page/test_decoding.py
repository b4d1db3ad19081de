"""Charsets: what bytes prove beats what headers say."""

from __future__ import annotations

import gzip

import brotli
import pytest
import zstandard

from newsmill.config import InputConfig
from newsmill.errors import Code, Rejected
from newsmill.page.decoding import BOMS, binary_kind, decompress, to_text

GERMAN = (
    "<p>Der Bürgermeister eröffnete gestern die Straße über den Fluss. Größere Schäden gab es nicht.</p>" * 5
)
RUSSIAN = "<p>Министр сообщил депутатам, что план будет выполнен в срок и без изменений.</p>" * 5
JAPANESE = "<p>東京都は十五日、新しい計画を発表した。市民の意見を聞く。</p>" * 5


@pytest.mark.parametrize(
    ("text", "encoded", "declared", "head"),
    [
        (GERMAN, "utf-8", "iso-8859-1", ""),
        (GERMAN, "cp1252", "iso-8859-1", ""),
        (GERMAN, "cp1252", "utf-8", ""),
        (GERMAN, "cp1252", None, "<meta charset=windows-1252>"),
        (GERMAN, "iso-8859-15", None, '<?xml version="1.0" encoding="iso-8859-15"?>'),
        (GERMAN, "utf-8-sig", "iso-8859-1", ""),
        (GERMAN, "utf-16", None, ""),
        (GERMAN, "utf-16-be", None, ""),
        (RUSSIAN, "cp1251", None, ""),
        (RUSSIAN, "koi8_r", None, "<meta charset=koi8-r>"),
        (RUSSIAN, "cp1251", "utf-8", ""),
        (JAPANESE, "cp932", None, "<meta http-equiv=Content-Type content='text/html; charset=Shift_JIS'>"),
        (JAPANESE, "euc_jp", "euc-jp", ""),
        (JAPANESE, "cp932", "utf-8", ""),
    ],
)
def test_text_is_read_in_its_charset(text: str, encoded: str, declared: str | None, head: str) -> None:
    assert to_text((head + text).encode(encoded), declared).text == head + text


ROWS = "".join(
    f"<tr class='result-row'><td class='place'>{n}</td><td class='name'>Runner {n * 7 % 900}</td>"
    f"<td class='club'>Harbour Athletic Club</td><td class='time'>0{n % 10}:{n % 60:02}</td></tr>"
    for n in range(900)
)
RESULTS = f"<html><body><article><table>{ROWS}</table></article></body></html>".encode()


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(RESULTS, 9)),
        ("br", brotli.compress(RESULTS, quality=11)),
        ("zstd", zstandard.compress(RESULTS, 19)),
    ],
)
def test_table_of_results_is_no_bomb_when_it_is_compressed_as_well_as_can_be(
    encoding: str, packed: bytes
) -> None:
    assert len(RESULTS) > 100_000 and len(RESULTS) > 10 * len(packed)
    assert decompress(packed, encoding, InputConfig()) == RESULTS


def test_bomb_is_told_before_it_is_opened_whole() -> None:
    with pytest.raises(Rejected) as caught:
        decompress(gzip.compress(bytes(15_000_000)), "gzip", InputConfig())
    assert caught.value.code is Code.DECOMPRESSION


def test_wrong_declaration_is_marked() -> None:
    assert "charset-corrected" in to_text(GERMAN.encode(), "iso-8859-1").marks
    assert to_text(GERMAN.encode(), "utf-8").marks == ()


def test_mojibake_is_repaired_and_marked() -> None:
    wrong = GERMAN.encode().decode("cp1252").encode()
    repaired = to_text(wrong, "utf-8")
    assert repaired.text == GERMAN and "mojibake-repaired" in repaired.marks


def test_controls_and_surrogates_never_pass() -> None:
    assert "\0" not in to_text(b"<p>a\0b", None).text


def test_noise_is_no_text() -> None:
    with pytest.raises(Rejected):
        to_text(bytes(range(256)) * 40, None)


def test_binary_is_told_by_its_first_bytes() -> None:
    assert binary_kind(b"%PDF-1.4") == "pdf"
    assert binary_kind(b"<html>") is None


@pytest.mark.parametrize(("bom", "charset"), BOMS)
def test_mark_of_a_charset_is_believed_though_a_character_is_torn(bom: bytes, charset: str) -> None:
    text = "<p>" + "Größe der Fähren im Hafen. " * 40 + "</p>"
    read = to_text(bom + text.encode(charset) + b"\xe2", None)
    assert read.text.startswith(text) and read.charset == charset


def test_mark_of_a_charset_is_not_believed_when_the_bytes_are_in_another() -> None:
    text = "<p>" + "Größe der Fähren für den Hafen in Köln. " * 40 + "</p>"
    assert to_text(b"\xef\xbb\xbf" + text.encode("cp1252"), "windows-1252").text == text
