import unicodedata

import pytest

from newsmill.page import language
from newsmill.page.language import detect
from newsmill.page.script import BLOCKS, LOOKED_AT, script_of, script_of_letter


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("The mayor spoke.", "Latn"), ("Năm mới ở Hà Nội", "Latn"), ("Мэр выступил.", "Cyrl"),
        ("Ο δήμαρχος μίλησε.", "Grek"), ("تحدث رئيس البلدية", "Arab"), ("שוחח ראש העיר", "Hebr"),
        ("महापौर ने कहा", "Deva"), ("মেয়র বলেছেন", "Beng"), ("நகரத்தந்தை பேசினார்", "Taml"),
        ("นายกเทศมนตรีกล่าว", "Thai"), ("მერმა ილაპარაკა", "Geor"), ("Քաղաքապետը խոսեց", "Armn"),
        ("ከንቲባው ተናገሩ", "Ethi"), ("ទីក្រុង", "Khmr"), ("시장이 말했다", "Kore"),
        ("시장이 말했다. 金 大統領", "Kore"), ("市長は語った。", "Jpan"), ("トランプ大統領", "Jpan"),
        ("市长昨天在北京说，这个问题很严重。", "Hans"), ("市長昨天在臺北說，這個問題很嚴重。", "Hant"),
        ("香港特區政府發言人表示", "Hant"), ("人民日本大小", "Hani"),
        ("中国的广告写着：カワイイ。这是昨天在东京发生的事情，记者说大家都觉得这个词很有意思，应该写进词典里去。",
         "Hans"),
    ],
)  # fmt: skip
def test_script_is_that_of_most_letters(text: str, script: str) -> None:
    assert script_of(text) == script


@pytest.mark.parametrize("text", ["", "12:30", "— … !", "🙂🙂", "\ud800"])
def test_text_without_letters_has_no_script(text: str) -> None:
    assert script_of(text) is None


def test_quotation_in_another_script_does_not_decide() -> None:
    assert script_of("The Moscow daily «Известия» said so on Monday, as did others.") == "Latn"


def test_no_more_of_a_text_is_read_than_the_bound() -> None:
    assert script_of("a" * LOOKED_AT + "б" * 10 * LOOKED_AT) == "Latn"


def test_script_of_a_body_stands_beside_its_language() -> None:
    found = detect("Gradonačelnik je rekao da će grad obnoviti most do kraja godine.", html_lang=None)
    assert found.script == "Latn"
    assert detect("Градоначелник је рекао да ће град обновити мост.", html_lang=None).script == "Cyrl"
    assert detect("", html_lang="de", title="Wahl").script == "Latn"  # that of the title
    assert detect("", html_lang="de").script is None


def test_lines_of_a_site_do_not_decide_on_the_script_of_a_body() -> None:
    story = "市長昨天在臺北說，這個問題很嚴重，市政府將在下個月提出新的計畫，並且邀請市民參加討論。" * 3
    site = "Subscribe to our newsletter\nAll rights reserved\n"
    assert detect(f"{site * 3}{story}\n{site * 3}", html_lang=None).script == "Hant"


def test_each_script_has_its_language_or_group_of_languages() -> None:
    assert {script for _, script in BLOCKS} == set(language._OF_SCRIPT)
    assert [start for start, _ in BLOCKS] == sorted(start for start, _ in BLOCKS)


@pytest.mark.parametrize(
    ("word", "script"),
    [("LATIN", "Latn"), ("CYRILLIC", "Cyrl"), ("GREEK", "Grek"), ("ARABIC", "Arab"), ("HEBREW", "Hebr"),
     ("HANGUL", "Hang"), ("HIRAGANA", "Kana"), ("KATAKANA", "Kana"), ("CJK", "Hani"), ("THAI", "Thai"),
     ("TAMIL", "Taml"), ("DEVANAGARI", "Deva"), ("KHMER", "Khmr"), ("MYANMAR", "Mymr"), ("ETHIOPIC", "Ethi")],
)  # fmt: skip
def test_letters_that_unicode_names_after_a_script_are_of_it(word: str, script: str) -> None:
    of_it = [
        chr(code)
        for code in range(0x10000)
        if chr(code).isalpha() and unicodedata.name(chr(code), "").split(" ")[0] == word
    ]
    assert len(of_it) > 30
    other = {letter for letter in of_it if script_of_letter(letter) != script}
    assert len(other) <= len(of_it) // 20, sorted(other)
