"""Words of languages that are written without spaces or capitals, with their class and their cost.

Classes: P person, F family name, G (part of a) given name, L place, O body, N noun, X other word. Costs are
negative logarithms of how frequent a word is. `condense.py` makes the lists, and names their sources.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

SURNAMES_ZH = frozenset(
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林郑谢罗梁宋唐许韩冯邓曹彭曾肖萧田董潘袁于蒋蔡余杜叶程苏魏吕丁任沈姚"
    "卢姜崔钟谭陆汪范金石廖贾夏韦付傅方白邹孟熊秦邱江尹薛闫阎段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤温"
    "康施文牛樊葛邢安齐易乔伍庞颜倪庄聂章鲁岳翟殷詹申欧耿关兰焦俞左柳甘祝包宁尚符舒阮柯纪梅童凌毕单季裴霍涂成"
    "苗谷盛曲翁冉骆蓝路游辛靳管柴蒙鲍华喻祁蒲房滕屈饶解牟艾尤阳时穆农司卓古吉缪简车项连芦麦褚娄窦戚岑景党宫费"
    "卜冷晏席卫米柏宗瞿桂全佟应赖洪丘阙辜臧闵苟邬边卞姬师和仇栾隋商刁沙荣巫寇桑郎甄丛仲虞敖巩明佘池查麻苑迟邝冀谌"
)
"""Chinese family names of one sign, the frequent ones first."""

SURNAMES_ZH_LONG = frozenset(
    "欧阳 上官 司马 诸葛 司徒 东方 令狐 夏侯 皇甫 尉迟 公孙 慕容 宇文 长孙 端木 轩辕".split()
)

SURNAMES_KO = frozenset(
    "김이박최정강조윤장임한오서신권황안송류유홍전고문양손배백허남심노하곽성차주우구나민진지엄채원천방공현함변염여추"
    "도소석선설마길연위표명기반왕금옥육인맹제모탁국어은편용예경봉사부가복태목형피두감음빈동온호"
)
"""Korean family names of one syllable."""


@dataclass(frozen=True)
class Lexicon:
    """A language's words.

    Attributes:
        words: Class and cost by word; a word has the class that is cheapest.
        family: Words that are family names too.
        names: Words that are given names too.
        given: Cost of a sign in a given name (`1`, `2` and a syllable in Korean).
        longest: Signs of the longest word.
    """

    words: Mapping[str, tuple[str, float]]
    family: frozenset[str]
    names: frozenset[str]
    given: Mapping[str, float]
    longest: int


_LANGUAGES: Final = ("zh", "ja", "ko")


@cache
def lexicon(language: str) -> Lexicon:
    """The list of `language`: zh, ja or ko."""
    words: dict[str, tuple[str, float]] = {}
    given: dict[str, float] = {}
    kinds: dict[str, set[str]] = {"F": set(), "G": set()}
    for line in _packed(f"{language}.tsv.gz").splitlines():
        word, class_, cost = line.split("\t")
        if word[0] == "~":
            given[word[1:]] = int(cost) / 10
            continue
        if class_ in kinds:
            kinds[class_].add(word)
        if word not in words or int(cost) / 10 < words[word][1]:
            words[word] = class_, int(cost) / 10
    longest = max(map(len, words))
    return Lexicon(words, frozenset(kinds["F"]), frozenset(kinds["G"]), given, longest)


@cache
def simplified() -> dict[int, int]:
    """For `str.translate`: traditional Han signs to their simplified ones, one for one."""
    pairs = (line.split("\t") for line in _text("han_variants.tsv").splitlines())
    return {ord(traditional): ord(simple) for traditional, simple in pairs}


def preload() -> None:
    """Read the files, and unpack none: whoever has the first text of a language does that."""
    simplified()
    for language in _LANGUAGES:
        _raw(f"{language}.tsv.gz")


@cache
def _raw(name: str) -> bytes:
    return files(__package__).joinpath("data", name).read_bytes()


def _packed(name: str) -> str:
    return gzip.decompress(_raw(name)).decode("utf-8")


def _text(name: str) -> str:
    return _raw(name).decode("utf-8")
