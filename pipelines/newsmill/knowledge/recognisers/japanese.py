"""Names among the words that a Japanese text was cut into.

A run is Han signs and katakana together, since names are written in both: `アメリカ合衆国`. A word in
katakana is cut only where words of the lists make it up whole. Then

- a *body* is words before a word such as `会社`, with a name among them;
- a *site* is words before a word such as `駅` or `空港`, with a name among them;
- an *address* is places one in the other, without a sign between them: `高知県室戸市`;
- a *person* is a family name before a given name or a title, and a foreign name in katakana with its points;
- a place that only begins the name of an event (`日本選手権`) is none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from newsmill.knowledge.recognisers.tokens import Token
from newsmill.knowledge.spans import Span

_HAN = r"\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff"
_KATAKANA = r"[\u30a1-\u30fa\u30fc]"
_POINTS = "・=＝"

RUN = re.compile(rf"(?:[{_HAN}]|{_KATAKANA}+(?:[{_POINTS}]{_KATAKANA}+)*)+")
"""What is cut at once."""

LOAN_SIGNS = frozenset(map(chr, (*range(0x30A1, 0x30FB), 0x30FC))) | frozenset(_POINTS)
"""Signs that stand in no word alone."""

_LOAN = re.compile(rf"{_KATAKANA}+(?:[{_POINTS}]{_KATAKANA}+)*")
_PART = re.compile(rf"{_KATAKANA}+")

_UNKNOWN_LOAN = 12.0
"""Cost of a word in katakana that is in no list, and of several with points between them."""

_POINT = 1.0
"""Cost of a point that parts two names."""

_ADDRESS_SIGNS = frozenset("都道府県州省市郡区町村")
"""Signs with which the name of a place ends that others lie in."""

_IN_KANA = re.compile(r"(?![にのはがをでともへや])[\u3041-\u3096]{2,5}[市区町村]")
"""A municipality in hiragana behind what it lies in: `青森県むつ市`."""

_QUARTER = re.compile(rf"[{_HAN}]{{1,5}}(?:[市区町村]|[一二三四五六七八九十]丁目)$")
_SIDES = frozenset("東西南北")
_COUNTERS = frozenset("年月日時分秒回人代号次期度円位歳")
_ERA_OR_BATTLE = re.compile(r"の(?:戦い|乱|役|変)|(?:\d{1,2}|元)年")
"""What makes a place a battle's (`関ヶ原の戦い`), or was an era (`慶長5年`)."""

_SITE_IN_KANA = re.compile(
    r"(.{2,}?)(?:タワー|ビル|ホール|ホテル|プラザ|シティ|パーク|スタジアム|アリーナ|ドーム|ダム|トンネル|ブリッジ|モール|"
    r"スクエア|ランド|ガーデン|センター)$"
)
"""A site whose last part is in katakana: a word that is in no list, behind a place."""

_NAMED_SITE = re.compile(
    rf"[{_HAN}{_KATAKANA[1:-1]}]{{2,}}(?:山|岳|川|湖|島|寺|城|駅|橋|峠|神社|神宮|空港|半島|公会堂)$"
)
"""A name of the list that is no common noun: `富士山`, `クリミア半島`."""

_OF_DISTRICTS = frozenset("内外民営立")
"""What follows the sign of a district in a word that is no name: `市内`."""

_NO_FIRST = frozenset("LNO")
"""Classes of the words with which no foreign person's name begins: `ジャズ・バンド`."""

_NO_GIVEN = frozenset("家城派系軍氏藩県市区町村郡駅線山川島港内外前後等方側党社会店局部課室館院寺宮門")
"""Signs behind a family name that make another name of it."""

_OF_PERSONS_ALONE = ("氏", "さん", "容疑者", "被告")
"""Titles before which a word in katakana is a person's name, whatever else it is."""

NEIGHBOUR = re.compile(
    rf"[李尹文朴金盧習王温胡江鄧毛蔡頼馬林陳韓崔鄭趙張劉黄周呉楊朱羅全姜曹沈宋洪][{_HAN}]{{1,2}}"
    r"(?=(?:前|元|次期)?(?:大統領|国家主席|総書記|総統|行政長官|国務委員|朝鮮労働党))"
)
"""A person of China or Korea, whose name is in no list, before an office of these countries alone."""

_OF_PERSONS = frozenset("FGPK")
_SHORT_SITE = 5  # signs of a building's name in katakana
_MOST_GIVEN = 3  # signs of a given name that is in no list
_MOST_PARTS = 6  # words before the last one of a body or site
_LONGEST_NAME = 20  # signs of a body or site
_MOST_FOREIGN = 4  # parts of a foreign person's name
_MOST_AHEAD = 4  # words behind a place among which that of an event is looked for


class Lists(Protocol):
    """The words that tell what a name is."""

    ends: frozenset[str]
    titles: frozenset[str]
    offices: frozenset[str]
    company: frozenset[str]
    place_ends: frozenset[str]
    sites: frozenset[str]
    stations: frozenset[str]
    site_kinds: frozenset[str]
    events: frozenset[str]
    family: frozenset[str]
    names: frozenset[str]

    def class_of(self, word: str) -> str:
        """The class of a word, or nothing."""
        ...


def loans(
    text: str, start: int, end: int, class_of: Callable[[str], str]
) -> Mapping[int, list[tuple[int, float, str]]]:
    """What `text[start:end]` has in katakana, by where it begins: where it ends, its cost and class."""
    found: dict[int, list[tuple[int, float, str]]] = {}
    for loan in _LOAN.finditer(text, start, end):
        parts = list(_PART.finditer(text, loan.start(), loan.end()))
        for part in parts:
            found[part.start()] = [(part.end(), _UNKNOWN_LOAN, "K")]
            if part.end() < loan.end():
                found[part.end()] = [(part.end() + 1, _POINT, "X")]
        if len(parts) > 1 and any(class_of(part[0]) != "L" for part in parts):
            found[loan.start()].append((loan.end(), _UNKNOWN_LOAN, "K"))
    return found


def spans(text: str, tokens: Sequence[Token], lists: Lists) -> Iterator[Span]:
    """Names among the words of a run."""
    at = 0
    first = tokens[0]
    if first.start and text[first.start - 1].isdigit() and _word(text, first) in _COUNTERS:
        at = 1  # 3日東京駅
    while at < len(tokens):
        token = tokens[at]
        found = _longer(text, tokens, at, lists)
        if found is not None:
            stop, coarse = found
            yield Span(start=token.start, end=tokens[stop - 1].end, coarse=coarse)
            at = stop
            continue
        person = _person(text, tokens, at, lists)
        if person is not None:
            yield Span(start=token.start, end=tokens[person - 1].end, coarse="PER")
            at = person
        elif token.class_ == "L" or _is_district(text, tokens, at, lists):
            stop = _address(text, tokens, at, lists)
            if not _goes_on(text, tokens, at, stop, lists):
                yield Span(start=_side(text, tokens, at), end=_end(text, tokens, stop), coarse="LOC")
            at = stop
        else:
            if token.class_ in "PO" and token.end - token.start > 1:
                yield Span(start=token.start, end=token.end, coarse="PER" if token.class_ == "P" else "ORG")
            elif _is_site(text, token, lists) and not _goes_on(text, tokens, at, at + 1, lists):
                yield Span(start=token.start, end=token.end, coarse="LOC")
            at += 1


def _word(text: str, token: Token) -> str:
    return text[token.start : token.end]


def _is_site(text: str, token: Token, lists: Lists) -> bool:
    """Whether a word is the name of a mountain, an island or the like, or of a building in katakana."""
    word = _word(text, token)
    if token.class_ == "K":
        site = _SITE_IN_KANA.match(word)
        return site is not None and len(word) > _SHORT_SITE and lists.class_of(site[1]) not in ("N", "X")
    return token.class_ == "N" and word not in lists.site_kinds and _NAMED_SITE.match(word) is not None


def _is_district(text: str, tokens: Sequence[Token], at: int, lists: Lists) -> bool:
    """Whether a word is a place by what follows it: `足寄郡`, `帯広市内`."""
    if tokens[at].class_ not in "FK" or at + 1 == len(tokens) or tokens[at].end - tokens[at].start < 2:
        return False
    after = _word(text, tokens[at + 1])
    return after in lists.place_ends or (after[0] in _ADDRESS_SIGNS and after[1:] in _OF_DISTRICTS)


def _side(text: str, tokens: Sequence[Token], at: int) -> int:
    """Where a place begins with the side of it that is meant: `南ドイツ`."""
    start = tokens[at].start
    before = at and text[start - 1] in _SIDES and tokens[at - 1].start == start - 1
    return start - 1 if before and text[start] in LOAN_SIGNS else start


def _end(text: str, tokens: Sequence[Token], stop: int) -> int:
    """Where a place ends, with the sign of its kind in the next word, or with what lies in it in hiragana."""
    end = tokens[stop - 1].end
    if stop < len(tokens) and text[end] in _ADDRESS_SIGNS:
        return end + 1 if _word(text, tokens[stop])[1:] in _OF_DISTRICTS else end
    inner = _IN_KANA.match(text, end) if text[end - 1] in _ADDRESS_SIGNS else None
    return inner.end() if inner else end


def _longer(text: str, tokens: Sequence[Token], at: int, lists: Lists) -> tuple[int, str] | None:
    """Where the body or site ends that begins with the word at `at`, and its type."""
    first = tokens[at]
    if first.class_ not in "LNOP?FGK" or _word(text, first) in lists.ends:
        return None
    last: tuple[int, str] | None = None
    named = False
    for index in range(at, min(len(tokens), at + _MOST_PARTS)):
        token, word = tokens[index], _word(text, tokens[index])
        body = word in lists.ends
        site = word in lists.sites or (token.class_ in "KN" and _SITE_IN_KANA.match(word) is not None)
        if token.end - first.start > _LONGEST_NAME or (token.class_ == "X" and not body and not site):
            break
        any_noun = (word in lists.company and first.class_ in "N?K") or (
            word in lists.stations and _is_noun_of_site(text, tokens[index - 1], lists)
        )
        if index > at and (body or site) and (named or any_noun):
            last = index + 1, "ORG" if body else "LOC"
        named = named or token.class_ in "LOP" or _may_name(token)
    return last


def _is_noun_of_site(text: str, token: Token, lists: Lists) -> bool:
    """Whether a noun before a word such as `駅` may be its name, and tells not only its kind: `最寄駅`."""
    word = _word(text, token)
    return token.class_ in "N?" and len(word) > 1 and word not in lists.site_kinds


def _may_name(token: Token) -> bool:
    """Whether a word may be the name of what follows it: part of a person's, or one in katakana."""
    return token.class_ in "FGK" and token.end - token.start > 1


def _address(text: str, tokens: Sequence[Token], at: int, lists: Lists) -> int:
    """The word behind a place and those that lie in it, one behind the other."""
    stop = at + 1
    if stop < len(tokens) and _word(text, tokens[stop]) in lists.place_ends:
        stop += 1
    while stop < len(tokens) and text[tokens[stop - 1].end - 1] in _ADDRESS_SIGNS:
        if _QUARTER.fullmatch(text, tokens[stop].start, tokens[-1].end):
            return len(tokens)
        is_last = stop + 1 == len(tokens) and tokens[stop].end - tokens[stop].start > 1
        if tokens[stop].class_ != "L" and not (is_last and tokens[stop].class_ in "FG"):
            break
        stop += 1
        if stop < len(tokens) and _word(text, tokens[stop]) in lists.place_ends:
            stop += 1
    return stop


def _goes_on(text: str, tokens: Sequence[Token], at: int, stop: int, lists: Lists) -> bool:
    """Whether a place is only the beginning of a longer name, or one sign that is a word too."""
    end = tokens[stop - 1].end
    ahead = tokens[stop : stop + _MOST_AHEAD]
    if end - tokens[at].start == 1 and not ahead and not (at and tokens[at - 1].class_ == "L"):
        return True
    if ahead:
        return ahead[0].class_ in "?GK" or any(_is_event(_word(text, token), lists) for token in ahead)
    following = text[end : end + 1]
    if following == "ー" or _ERA_OR_BATTLE.match(text, end):
        return True
    return following.isalpha() and not "\u3040" <= following < "\u30a0"


def _is_event(word: str, lists: Lists) -> bool:
    return any(word[-size:] in lists.events for size in range(1, len(word) + 1))


def _person(text: str, tokens: Sequence[Token], at: int, lists: Lists) -> int | None:
    """Where the person's name ends that begins with the word at `at`."""
    token, word = tokens[at], _word(text, tokens[at])
    if token.class_ not in _OF_PERSONS and word not in lists.family and word[0] not in LOAN_SIGNS:
        return None
    titled = _titled(text, token.end, lists)
    if token.class_ == "K":
        parts = _PART.findall(word)
        foreign = 1 < len(parts) <= _MOST_FOREIGN and len(parts[0]) > 1
        foreign = foreign and lists.class_of(parts[0]) not in _NO_FIRST and lists.class_of(parts[-1]) != "N"
        return at + 1 if foreign or (titled and len(parts) == 1 and len(word) > 2) else None
    if at + 1 < len(tokens) and word in lists.family:
        after = tokens[at + 1]
        given = _word(text, after)
        unknown = _unlisted(text, tokens, at + 1, lists) if len(word) > 1 else None
        if unknown is not None:
            return unknown
        if given not in lists.titles and given in lists.names:
            return at + 2
    is_name = word in lists.family or token.class_ in "FGP"
    if word[0] in LOAN_SIGNS and any(text.startswith(title, token.end) for title in _OF_PERSONS_ALONE):
        return at + 1
    if (
        word[0] in LOAN_SIGNS
        and token.class_ not in "LO"
        and any(text[token.end : token.end + size] in lists.offices for size in range(2, 7))
    ):
        return at + 1  # トランプ大統領, though a card is called so too
    return at + 1 if len(word) > 1 and is_name and titled else None


def _unlisted(text: str, tokens: Sequence[Token], at: int, lists: Lists) -> int | None:
    """Where a given name ends that is in no list: up to three signs before a title or the end of the run."""
    stop = at
    while stop < len(tokens) and tokens[stop].end - tokens[at].start <= _MOST_GIVEN:
        word = _word(text, tokens[stop])
        if len(word) > 1 and word not in lists.names:
            break
        if _titled(text, tokens[stop].start, lists) or word in _NO_GIVEN:
            break
        stop += 1
    if stop == at:
        return None
    is_end = stop == len(tokens) and not text[tokens[stop - 1].end :][:1].isalnum()
    hiragana = stop == len(tokens) and "\u3040" <= text[tokens[stop - 1].end :][:1] < "\u30a0"
    sure = any(tokens[i].class_ in "G?" for i in range(at, stop))
    ended = is_end or hiragana or _titled(text, tokens[stop - 1].end, lists)
    return stop if sure and ended else None


def _titled(text: str, at: int, lists: Lists) -> bool:
    """Whether a title stands at `text[at]`, and no word that only begins so: `選手権`."""
    if any(text[at : at + size] in lists.events for size in (3, 4, 5)):
        return False
    return any(text[at : at + size] in lists.titles for size in (1, 2, 3, 4))
