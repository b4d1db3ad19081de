"""Sketches: equal where texts are equal to a reader, and stable bytes."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from newsmill.copies import sketches
from newsmill.copies.sketches import (
    KEYS,
    MAX_KEYS,
    SAMPLE,
    VERSION,
    Sketch,
    claimed_time,
    sketch,
    tokenise,
)
from newsmill.records import Extraction, Page
from newsroom import at, draft, made, story

DAY = 86_400_000_000


def shared_hashes(a: Sketch, b: Sketch) -> float:
    mine, other = np.frombuffer(a.hashes, "<u4"), np.frombuffer(b.hashes, "<u4")
    return float(np.isin(mine, other).mean())


@pytest.mark.parametrize(
    "change",
    [
        str.upper,
        lambda text: text.replace(".", " …"),
        lambda text: text.replace(" ", "  \t"),
        lambda text: text.replace("o", "0").replace("l", "1"),
        lambda text: text.replace("fi", "ﬁ"),
    ],
    ids=["case", "punctuation", "spacing", "look-alikes", "ligatures"],
)
def test_text_hash_stays_when_only_the_look_changes(change):
    text = story(1)
    assert made(change(text), "a", 1, title="T").text_hash == made(text, "b", 2, title="T").text_hash


def test_text_hash_changes_when_a_word_does():
    text = story(1)
    assert made(text, "a", 1).text_hash != made(text.replace(text.split()[50], "other", 1), "b", 2).text_hash


def test_hashes_are_shared_and_checksums_are_not_when_only_numbers_differ():
    first = "Shares rose 12 points to 4810 while the index of all 300 firms closed at 77 " + story(2, 40)
    other = first.replace("12", "31").replace("4810", "9922").replace("300", "210").replace("77", "15")
    a, b = made(first, "a", 1, title="T"), made(other, "b", 2, title="T")
    assert a.hashes == b.hashes
    assert a.sums != b.sums
    assert a.text_hash != b.text_hash


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("国务院总理昨天在北京会见了来访的外国代表团并举行了会谈双方同意加强合作" * 4, 8),
        ("ニュースによると首相は昨日東京で記者会見を開き新しい政策を発表した" * 4, 8),
        ("นายกรัฐมนตรีกล่าวเมื่อวานนี้ว่ารัฐบาลจะเพิ่มงบประมาณ" * 6, 14),
        ("대통령은 어제 서울에서 기자 회견을 열고 새로운 정책을 발표했다 " * 4, 5),
        ("قال الوزير أمس إن الحكومة ستزيد الميزانية في العام المقبل " * 4, 5),
    ],
    ids=["Chinese", "Japanese", "Thai", "Korean", "Arabic"],
)
def test_tokens_are_characters_when_the_script_has_no_spaces(text, width):
    tokens, found = tokenise(text)
    assert found == width
    assert (len(tokens) > 100) is (width > 5)


def test_half_a_chinese_text_is_found_in_the_whole():
    whole = "".join(
        chr(0x4E00 + int.from_bytes(hashlib.md5(bytes([i, j])).digest()[:2]) % 4000)
        for i in range(20)
        for j in range(20)
    )
    a, b = made(whole[:200], "a", 1, title=""), made(whole, "b", 2, title="")
    assert shared_hashes(a, b) > 0.4
    assert set(np.frombuffer(a.keys, "<u4")) & set(np.frombuffer(b.keys, "<u4"))


@pytest.mark.parametrize("body", ["", "   ", "One two three.", "\ud800\udfff", "٣٤٥ 123"])
def test_text_is_compared_with_nothing_when_it_is_too_short(body):
    short = made(body, "a", 1, title="A b")
    assert (short.text_hash, short.keys, short.hashes) == (0, b"", b"")


def test_title_counts_as_the_first_line_when_the_body_is_short():
    body = "Twenty words of a brief that many pages could carry in the very same form after all is said."
    assert made(body, "a", 1, title="Fire in Salem").text_hash != made(body, "b", 2, title="Flood").text_hash
    assert made(story(1), "a", 1, title="X").text_hash == made(story(1), "b", 2, title="Y").text_hash


def test_long_text_has_more_keys_and_no_larger_sample():
    short, long_ = made(story(3, 100), "a", 1), made(story(3, 3000), "b", 2)
    assert len(short.keys) == 4 * KEYS
    assert len(long_.keys) == 4 * MAX_KEYS
    assert len(long_.hashes) == 4 * SAMPLE


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=400), st.text(max_size=60))
def test_sketch_is_well_formed_whatever_the_text(body, title):
    made_sketch = made(body, "a", 1, title=title)
    hashes = np.frombuffer(made_sketch.hashes, "<u4")
    assert np.all(hashes[1:] >= hashes[:-1])
    assert len(hashes) == len(made_sketch.sums) <= SAMPLE
    assert 0 <= made_sketch.text_hash < 2**63
    assert Sketch.decode(made_sketch.encode()) == made_sketch


def test_bytes_of_a_sketch_are_the_same_on_every_machine_and_day():
    text = story(5) + "\nIn 2021 the 12 members met."
    encoded = made(text, "a", 1, 10).encode()
    assert hashlib.sha256(encoded).hexdigest() == GOLDEN


def test_sketch_of_another_version_is_compared_with_nothing():
    old = Sketch.decode(at(made(story(1), "a", 1), version=VERSION + 1).encode()).comparable()
    assert (old.article_id, old.text_hash, old.keys) == (made("", "a", 1).article_id, 0, b"")


@pytest.mark.parametrize(
    ("published", "precision", "recorded", "expected"),
    [
        (5 * DAY + 77, "second", 9 * DAY, 5 * DAY + 77),
        (5 * DAY, "day", 9 * DAY, 6 * DAY - 1),
        (5 * DAY, "day", 5 * DAY + 3, 5 * DAY + 3),
        (50 * DAY, "minute", 9 * DAY, 9 * DAY),
        (None, None, 9 * DAY, 9 * DAY),
        (None, None, None, None),
    ],
    ids=["exact", "day", "day, but recorded before its end", "in the future", "unknown", "nothing known"],
)
def test_claimed_time(published, precision, recorded, expected):
    page = Page(
        title="",
        body="",
        published_at=published,
        published_precision=precision,
        extraction=Extraction(method="given", reason="test"),
    )
    assert claimed_time(page, recorded) == expected


def test_sketch_depends_on_nothing_but_the_draft():
    one = draft(story(9), url="https://a", offset=3)
    assert sketch(one) == sketch(one)


GOLDEN = "82b8c95bed4a2bf279dbc14d8fdfb4a776e0905ea89e00e784c6af77bf097e91"


def test_sketches_import_all_they_need_when_they_are_imported() -> None:
    """What numpy imports on demand fails with a RecursionError where two threads demand it at once."""
    program = """
import sys
import numpy as np
from newsmill.copies import sketches
before = set(sys.modules)
sketches._keys(np.arange(100, dtype=np.uint64) << np.uint64(56))
sys.exit(", ".join(name for name in set(sys.modules) - before if name.startswith("numpy")) or 0)
"""
    ended = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


def test_words_of_european_texts_are_those_of_all_texts() -> None:
    """The quicker pattern is used for texts of these characters only."""
    characters = [chr(code) for code in range(sys.maxunicode + 1) if sketches._EUROPEAN.fullmatch(chr(code))]
    text = " ".join(f"a{character}b{character}{character}" for character in characters)
    assert len(characters) > 1_000
    assert sketches._european_words(text) == sketches._WORD.findall(text)
