"""Names in Chinese and Japanese: a text is cut into its likeliest words, and words are put together to names.

Runs of Han signs (and katakana) are cut by the cheapest way through the words of the language's list, the
gazetteer's places, and, in Chinese, what may be a family name with a given name. Titles beside a name make
it cheaper. Then bodies are words before a word such as `公司`; what Japanese makes of its words is told in
`japanese`. Work and memory are linear in the text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Iterator, Sequence

from newsmill.knowledge.forms import press_names
from newsmill.knowledge.recognisers import japanese
from newsmill.knowledge.recognisers.cues import words_of
from newsmill.knowledge.recognisers.lexicon import (
    SURNAMES_ZH,
    SURNAMES_ZH_LONG,
    lexicon,
    simplified,
)
from newsmill.knowledge.recognisers.tokens import Token
from newsmill.knowledge.spans import Span

LANGUAGES = frozenset(("zh", "ja"))

_RUN = re.compile(r"[\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff]+")
_SOUNDS = (
    "默富阿埃艾爱安昂奥巴白拜班邦包贝本比彼毕宾波伯勃博布查茨慈达大代丹当道德登邓迪蒂丁杜顿多恩尔法凡方菲费芬丰冯弗夫福盖"
    "甘冈高戈哥格葛根贡古瓜哈海汉豪赫黑亨洪胡华怀惠霍基吉加贾简江杰金京喀卡开凯坎康考柯科克肯孔库夸昆拉莱赖兰朗劳勒雷"
    "里利莉连列林琳留刘龙卢鲁路伦罗洛吕马迈曼芒毛梅门蒙孟米密敏明摩莫姆穆纳娜南内尼妮宁纽农努诺欧帕潘庞佩彭皮平坡珀蒲"
    "普奇齐乔切钦琼丘让热仁日荣茹儒瑞若萨塞赛桑瑟森沙莎山尚绍舍申圣施什史舒朔斯丝思松苏孙索塔泰坦汤唐陶特腾提铁汀廷图"
    "托瓦万王旺威维韦魏温文翁沃乌武西希锡夏肖谢辛兴休许雅亚扬耶叶伊易因英尤于约赞泽曾扎詹哲珍朱佐祖"
)
"""Signs with which Chinese writes the sounds of foreign names (the tables of the Xinhua agency)."""

_FOREIGN = re.compile(rf"[{_SOUNDS}]{{1,6}}(?:[·•‧][{_SOUNDS}]{{1,6}}){{1,4}}")
_POINT = re.compile("[·•‧]")
_MOST_AGAIN = 30
_UNKNOWN = 13.0
"""Cost of a sign that is no word."""

_PERSON = 4.0
"""Cost of a person's name, beside that of its signs."""

_FAMILY = 5.5
"""Cost of a family name of one sign; the frequent ones cost less."""

_BESIDE = 3.0
"""What a title or a word of speech beside a name takes from its cost."""

_PLACE_SIGNS = frozenset("市省县区镇乡村州岛山河江湖海湾路街港国洲旗盟峡角原")
"""Last signs of names of places: what else a list calls a place is none that nobody else knows."""

_LISTED = 7.0
"""Cost of a body of newsmill's own list."""

_FOREIGNER, _FOREIGN_SIGN = 5.0, 2.5
"""Cost of a foreign family name beside an office, and of each of its signs."""

_LONGEST_FOREIGN = 6
_LONGEST_PLACE = 10
_LEAST_PLACE = 15_000.0  # weight from which the gazetteer's places are looked for
_SURE_PLACE = 1_000_000.0  # weight from which a place's name that is a word too is the place's
_MOST_PARTS = 6  # words before a body's last one
_LONGEST_BODY = 16  # signs


class Cutter:
    """Cuts texts of one language into words.

    Args:
        language: One of `LANGUAGES`.
        places: Names of places and how much is written about them, of the gazetteer.
    """

    def __init__(self, language: str, places: Iterable[tuple[str, float]]) -> None:
        known = lexicon(language)
        self._language = language
        self._words = dict(known.words)
        known_places = dict(places)
        for word, (class_, cost) in known.words.items():
            if (
                class_ == "L"
                and language == "zh"
                and word not in known_places
                and word[-1] not in _PLACE_SIGNS
            ):
                self._words[word] = "N", cost
        for name, weight in known_places.items():
            self._add_place(name, weight)
        for short in press_names(language):
            self._words.setdefault(short, ("L", _LISTED))
        for body in words_of("body", language):
            self._words[body] = "O", _LISTED
        self._reach: dict[str, int] = {}  # signs of the longest word that begins with these two
        for word in self._words:
            if len(word) > 1:
                self._reach[word[:2]] = max(len(word), self._reach.get(word[:2], 0))
        self._given, self.family, self.names = known.given, known.family, known.names
        self.ends, self.titles = words_of("end", language), words_of("title", language)
        self.company, self.place_ends = words_of("company", language), words_of("place_end", language)
        self.sites, self.events = words_of("site", language), words_of("event", language)
        self.stations, self.site_kinds = words_of("station", language), words_of("site_kind", language)
        self.offices, self._times = words_of("office", language), words_of("time", language)
        self._roles, self._follow = words_of("role", language), self.titles | words_of("speaks", language)

    def _add_place(self, name: str, weight: float) -> None:
        if not 1 < len(name) <= _LONGEST_PLACE or weight < _LEAST_PLACE:
            return
        name = name.translate(simplified()) if self._language == "zh" else name
        word = self._words.get(name)
        if word is not None and word[0] in "NXPO" and weight < _SURE_PLACE:
            return
        cost = max(7.0, 13.0 - 2.0 * (weight / _LEAST_PLACE) ** 0.25) + 3.0 / len(name)
        if word is None or word[0] != "L" or cost < word[1]:
            self._words[name] = "L", cost

    def class_of(self, word: str) -> str:
        """The class of a word (`lexicon`), or nothing."""
        return self._words.get(word, ("", 0.0))[0]

    def recognise(self, text: str) -> list[Span]:
        """Names in `text`, by start, without overlap."""
        if self._language == "ja":
            runs = japanese.RUN.finditer(text)
            spans = [
                span for run in runs for span in japanese.spans(text, self._cut(text, *run.span()), self)
            ]
            near = [
                Span(start=m.start(), end=m.end(), coarse="PER") for m in japanese.NEIGHBOUR.finditer(text)
            ]
            met = [s for s in spans if all(s.end <= n.start or n.end <= s.start for n in near)]
            return sorted([*met, *near]) if near else spans
        plain = text.translate(simplified())
        spans = [Span(start=m.start(), end=m.end(), coarse="PER") for m in _FOREIGN.finditer(plain)]
        taken = {at for span in spans for at in range(span.start, span.end)}
        for run in _RUN.finditer(text):
            if run.start() not in taken:
                spans += _spans(plain, self._cut(plain, run.start(), run.end()), self)
        return _apart([*spans, *_again(plain, spans, self._words)])

    def _cut(self, plain: str, start: int, end: int) -> list[Token]:
        """The cheapest words of the run `plain[start:end]`."""
        words, reach, chinese = self._words, self._reach, self._language == "zh"
        size = end - start
        cost = [0.0] + [math.inf] * size
        back: list[tuple[int, str]] = [(0, "?")] * (size + 1)
        loans = {} if chinese else japanese.loans(plain, start, end, self.class_of)
        for at in range(size):
            here, position = cost[at], start + at
            if here == math.inf:
                continue  # within a word in katakana
            if plain[position] not in japanese.LOAN_SIGNS:
                single = words.get(plain[position])
                total = here + (min(_UNKNOWN, single[1]) if single else _UNKNOWN)
                if total < cost[at + 1]:
                    cost[at + 1], back[at + 1] = total, (at, single[0] if single else "?")
            for stop, price, class_ in loans.get(position, ()):
                if plain[position:stop] not in words and here + price < cost[stop - start]:
                    cost[stop - start], back[stop - start] = here + price, (at, class_)
            for length in range(2, min(reach.get(plain[position : position + 2], 0), size - at) + 1):
                found = words.get(plain[position : position + length])
                if found is not None and here + found[1] < cost[at + length]:
                    cost[at + length], back[at + length] = here + found[1], (at, found[0])
            if chinese and plain[position] in _SOUNDS:
                for length in self._foreigners(plain, position, end):
                    price = here + _FOREIGNER + _FOREIGN_SIGN * length
                    if price < cost[at + length]:
                        cost[at + length], back[at + length] = price, (at, "P")
            if chinese and (
                plain[position] in SURNAMES_ZH or plain[position : position + 2] in SURNAMES_ZH_LONG
            ):
                for length, price in self._persons(plain, position, end):
                    if here + price < cost[at + length]:
                        cost[at + length], back[at + length] = here + price, (at, "P")
        tokens = []
        at = size
        while at:
            before, class_ = back[at]
            tokens.append(Token(start + before, start + at, class_))
            at = before
        tokens.reverse()
        return tokens

    def _foreigners(self, plain: str, at: int, end: int) -> Iterator[int]:
        """Lengths of what may be a foreign family name before or behind an office: `德国总理 | 默茨`."""
        led = any(plain[max(0, at - size) : at] in self.offices for size in (2, 3, 4))
        for stop in range(at + 1, min(end, at + _LONGEST_FOREIGN) + 1):
            if plain[stop - 1] not in _SOUNDS:
                return
            if (
                stop - at > 1
                and self._words.get(plain[at:stop], ("P",))[0] not in "NX"
                and (led or any(plain[stop : stop + size] in self.offices for size in (2, 3, 4)))
            ):
                yield stop - at

    def _persons(self, plain: str, at: int, end: int) -> Iterator[tuple[int, float]]:
        """Chinese names: a family name and one or two signs of a given name; length and cost."""
        family = 2 if plain[at : at + 2] in SURNAMES_ZH_LONG else 1
        price = _PERSON + _FAMILY
        if any(plain[max(0, at - size) : at] in self._roles for size in (2, 3, 4)):
            price -= _BESIDE
        for count in (1, 2):
            stop = at + family + count
            if stop > end:
                return
            if plain[stop - 1 : stop + 1] in self._times:
                return  # 王毅 | 周一
            price += self._given.get(plain[stop - 1], 11.0)
            beside = any(plain[stop : stop + size] in self._follow for size in (1, 2, 3))
            yield family + count, price - (_BESIDE if beside else 0.0) + (1.5 if count == 1 else 0.0)


def _spans(plain: str, tokens: Sequence[Token], cutter: Cutter) -> Iterator[Span]:
    """Names among the words of a Chinese run."""
    at = 0
    while at < len(tokens):
        token = tokens[at]
        body = _body(plain, tokens, at, cutter)
        if body is not None:
            yield Span(start=token.start, end=tokens[body - 1].end, coarse="ORG")
            at = body
        elif token.class_ == "L":
            at += 1
            end = token.end
            if at < len(tokens) and plain[tokens[at].start : tokens[at].end] in cutter.place_ends:
                end, at = tokens[at].end, at + 1
            yield Span(start=token.start, end=end, coarse="LOC")
        else:
            if token.class_ in "PO" and token.end - token.start > 1:
                yield Span(start=token.start, end=token.end, coarse="PER" if token.class_ == "P" else "ORG")
            at += 1


def _body(plain: str, tokens: Sequence[Token], at: int, cutter: Cutter) -> int | None:
    """Where the body ends that begins with the word at `at`: its last word is a body's (`公司`)."""
    first = tokens[at]
    if first.class_ not in "LNOP?FG" or plain[first.start : first.end] in cutter.ends:
        return None
    last = None
    for index in range(at + 1, min(len(tokens), at + _MOST_PARTS)):
        token = tokens[index]
        word = plain[token.start : token.end]
        if token.end - first.start > _LONGEST_BODY or (token.class_ == "X" and word not in cutter.ends):
            break
        if word in cutter.ends:
            last = index + 1
    if last is None:
        return None
    named = any(token.class_ in "LOP" for token in tokens[at : last - 1])
    word = plain[tokens[last - 1].start : tokens[last - 1].end]
    return last if named or (word in cutter.company and first.class_ in "N?") else None


def _again(plain: str, spans: Sequence[Span], words: Collection[str]) -> Iterator[Span]:
    """Other mentions of the persons whose names are written by their sound."""
    names = {plain[s.start : s.end] for s in spans if s.coarse == "PER"}
    parts = {_POINT.split(name)[-1] for name in names}
    parts = {part for part in parts if len(part) > 1 and part not in words}
    foreign = sorted(part for part in parts if all(sign in _SOUNDS for sign in part))[:_MOST_AGAIN]
    for name in foreign:
        for match in re.finditer(name, plain):
            yield Span(start=match.start(), end=match.end(), coarse="PER")


def _apart(spans: list[Span]) -> list[Span]:
    kept: list[Span] = []
    for span in sorted(spans, key=lambda s: (s.start, -s.end)):
        if not kept or span.start >= kept[-1].end:
            kept.append(span)
    return kept
