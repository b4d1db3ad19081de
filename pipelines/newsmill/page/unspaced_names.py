"""Names of writers in lines of scripts without blanks: Chinese, Japanese, and Korean."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_LONGEST: Final = 400
_LONGEST_CREDIT: Final = 60
_MOST: Final = 12
_LONGEST_HAN: Final = 4
_FULL_HAN: Final = 3

_WRITER: Final = (
    r"作\s{0,4}者|文字记者|本[报報刊台网網]记者|本[报報刊台]記者|[见見]习记者|特[约約派](?:记者|記者|撰稿人?)|通讯员|通訊員|实习生|實習生"
    r"|实习记者|记\s{0,4}者|記\s{0,4}者|撰\s{0,4}文|撰稿人?|编译|編譯|口述|采写|採訪|作詞|著\s{0,4}者|執\s{0,4}筆者?|筆\s{0,4}者|取材・文|文・写真"
    r"|写真・文|文＝|文\s{0,4}(?=[/／|｜:：])|文字(?=[/／|｜:：])"
)
_EDITOR: Final = (
    r"责\s{0,4}任\s{0,4}编\s{0,4}辑|責\s{0,4}任\s{0,4}編\s{0,4}輯|责\s{0,4}编|責\s{0,4}編"
    r"|编\s{0,4}辑|編\s{0,4}輯|編集"
)
_HAN: Final = r"\u3400-\u4dbf\u4e00-\u9fff々"
_KANA: Final = r"\u3040-\u30ff"
_NAME: Final = rf"[{_HAN}{_KANA}]{{2,6}}(?:·[{_HAN}]{{1,6}})?"
_BETWEEN: Final = r"[\s、，,／/＆&和与及]{1,4}"
_NAMES: Final = rf"(?P<names>{_NAME}(?:{_BETWEEN}{_NAME}){{0,7}})"
_JOIN: Final = r"\s{0,4}[:：/／|｜=＝]?\s{0,4}"
_LABELLED: Final = re.compile(rf"(?:(?<![{_HAN}])|(?<=[报報社网網台刊]))(?:{_WRITER}){_JOIN}{_NAMES}")
_EDITED: Final = re.compile(rf"(?:{_EDITOR})\s{{0,4}}[:：/／|｜]\s{{0,4}}{_NAMES}")
_BRACKETED: Final = re.compile(rf"[\[【（(〔]\s{{0,4}}{_NAMES}\s{{0,4}}[\]】）)〕]")
_KOREAN: Final = re.compile(
    r"(?P<names>[\uac00-\ud7a3]{2,4})\s{0,2}(?:선임|수습|인턴|객원|전문)?\s?기자(?![\uac00-\ud7a3])"
)
_HAN_NAME: Final = re.compile(rf"[{_HAN}]{{2,4}}")
_KANA_LETTER: Final = re.compile(rf"[{_KANA}]")
_ANNOUNCING: Final = (":", "：", "/", "／", "|", "｜", "=", "＝")
_SURNAMES: Final = frozenset(
    "王李张張刘劉陈陳杨楊黄黃赵趙吴吳周徐孙孫马馬朱胡郭何高林罗羅郑鄭梁谢謝宋唐许許韩韓冯馮邓鄧曹彭曾肖蕭田董袁潘于蒋蔣蔡余"
    "杜叶葉程苏蘇魏吕呂丁任沈姚卢盧姜崔钟鍾谭譚陆陸汪范範金石廖贾賈夏韦韋付方白邹鄒孟熊秦邱江尹薛闫閻段雷侯龙龍史陶黎贺賀顾顧"
    "毛郝龚龔邵万萬钱錢严嚴覃武戴莫孔向汤湯温溫康施文牛樊葛邢安齐齊易乔喬伍庞龐颜顏倪庄莊聂聶章鲁魯岳翟殷詹申欧歐耿关關兰蘭焦"
    "俞左柳甘祝包宁寧尚符舒阮柯纪紀梅童凌毕畢单單季裴霍涂塗成苗谷曲翁冉骆駱蓝藍路游辛靳管柴蒙华華"
)
NO_NAME: Final = re.compile(
    r"[网網報报社台臺刊]$|新[闻聞]|日[报報]|晚[报報]|时[报報]|時報|财经|財經|频道|頻道|来源|來源|发表|發表|编辑|編輯|记者|記者|作者|本[报報站网網]"
    r"|摄影|攝影|综合|綜合|整理|报道|報道|報導|责任|時間|时间|更新|中心|网站|编译|部$|局$|委$|公司|大学|大學|转载|轉載|佚名|匿名|原创|微博|微信"
    r"|文章|阅读|閱讀|导读|首页|首頁|关注|评论|社論|社评|网络|網絡|網路|科技|软件|軟件|软體|传媒|傳媒|集团|集團|有限|工作室|平台|系统"
)
"""What a paper, an office or a firm is called, and what else stands beside names."""

_END: Final = " \t\u3000)）]】〕|｜"
_GOES_ON: Final = ("，", ",", "。", "；", ";")
_NO_END_OF_NAME: Final = re.compile(rf"[{_HAN}{_KANA}]|\s{{0,2}}[:：?？!！…]")
_PHOTO: Final = re.compile(r"\s{0,2}[/／]?\s{0,2}[摄攝]")
_DAY_OF_WIRE: Final = re.compile(r"\s{0,2}\d{1,2}日")
_AROUND: Final = re.compile(r"^[\W_]{1,3}|\s{0,2}[/／]\s{0,2}文$")
_SENTENCE_MARKS: Final = "。！？，；"
_LEADING: Final = re.compile(r"^[\W_]{1,3}")
_A_LABEL: Final = re.compile(rf"{_WRITER}|{_EDITOR}")


def in_unspaced_script(text: str, *, editors: bool = False) -> list[str]:
    """Names that a label announces in Chinese, Japanese or Korean; of editors, where asked.

    >>> in_unspaced_script("2019年05月06日 来源：青河日报 作者：林墨河 周雁")
    ['林墨河', '周雁']
    >>> in_unspaced_script("前提是河水足够深。（记者 林墨河）")
    ['林墨河']
    >>> in_unspaced_script("김민수 기자"), in_unspaced_script("记者：你们在哪里？")
    (['김민수'], [])
    """
    return list(dict.fromkeys(name for names in _credits(text, editors) for name in names))[:_MOST]


def in_credit_line(text: str, *, editors: bool = False, is_first: bool = False) -> list[str]:
    """Names of a line that is no sentence; with `is_first`, where it begins with the label.

    >>> in_credit_line("来源：青河日报 作者：林墨河"), in_credit_line("文：林墨河", is_first=True)
    (['林墨河'], ['林墨河'])
    >>> in_credit_line("来源：青河日报 作者：林墨河", is_first=True), in_credit_line("记者 林墨河 没有来。")
    ([], [])
    """
    if any(mark in text for mark in _SENTENCE_MARKS):
        return []
    if is_first and not (_EDITED if editors else _LABELLED).match(_LEADING.sub("", text)):
        return []
    return in_unspaced_script(text, editors=editors)


def _credits(text: str, editors: bool) -> Iterator[list[str]]:
    """The names of each credit of a line: those that are surely names, where their label leaves a doubt."""
    text = text[:_LONGEST]
    for match in (_EDITED if editors else _LABELLED).finditer(text):
        label = text[match.start() : match.start("names")]
        rest = text[match.end() :]
        names = _before(_cut(match["names"]), match["names"], rest)
        is_announced = label.rstrip().endswith(_ANNOUNCING)
        is_whole_line = (
            label[-1:].isspace()
            and not rest.strip(_END)
            and len(text) <= _LONGEST_CREDIT
            and any(map(_is_likely, names))
        )
        may_be_rare = (is_announced or is_whole_line) and not rest.startswith(_GOES_ON)
        yield [name for name in names if _is_likely(name) or (may_be_rare and _is_short(name))]
    if not editors:
        yield from (_cut(match["names"]) for match in _KOREAN.finditer(text))


def _before(names: list[str], written: str, rest: str) -> list[str]:
    """Names without the last one, where what follows shows that it is a label or begins a sentence."""
    if _PHOTO.match(rest):
        return []
    if not names or not written.endswith(names[-1]):
        return names
    if _DAY_OF_WIRE.match(rest):
        return [*names[:-1], _without_place(names[-1])]
    return names[:-1] if _NO_END_OF_NAME.match(rest) else names


def _without_place(name: str) -> str:
    """A name of Chinese characters without the town behind it, where a wire's day follows."""
    return name[:_FULL_HAN] if len(name) > _FULL_HAN and name[0] in _SURNAMES else name


def _is_short(name: str) -> bool:
    return len(name) <= _LONGEST_HAN or "·" in name or bool(_KANA_LETTER.search(name))


def _is_likely(name: str) -> bool:
    """Whether a word of Chinese characters is a name: it begins with a surname, or is written as in Japan."""
    return name[0] in _SURNAMES or len(name) == 4 or bool(_KANA_LETTER.search(name))


def is_han(name: str) -> bool:
    """Whether a word is two to four Chinese characters, as most names are."""
    return _HAN_NAME.fullmatch(name) is not None


def bracketed(text: str) -> list[str]:
    """Chinese names that stand alone in brackets, e.g. `（袁源）` at the end of a story."""
    match = _BRACKETED.search(text[-60:]) or _BRACKETED.search(text[:_LONGEST])
    if match is None:
        return []
    names = _cut(match["names"])
    is_all = all(name[0] in _SURNAMES and _HAN_NAME.fullmatch(name) for name in names)
    return names if is_all else []


def alone(text: str) -> list[str]:
    """Names of a line that holds nothing else, known by their surnames.

    >>> alone("胡平"), alone("林墨河 周雁"), alone("本地新闻"), alone("□ 胡平"), alone("胡平/文")
    (['胡平'], ['林墨河', '周雁'], [], ['胡平'], ['胡平'])
    """
    parts = _AROUND.sub("", text[:_LONGEST]).split()
    if not 1 <= len(parts) <= 4:
        return []
    ok = all(
        2 <= len(part) <= 3
        and part[0] in _SURNAMES
        and _HAN_NAME.fullmatch(part)
        and not NO_NAME.search(part)
        for part in parts
    )
    return parts if ok else []


def _cut(names: str) -> list[str]:
    found: list[str] = []
    for name in re.split(_BETWEEN, names):
        if _A_LABEL.fullmatch(name):
            continue
        end = NO_NAME.search(name)
        if end is not None:
            name = name[: end.start()]
        if len(name) < 2 and not found and end is not None:
            continue  # a paper before the names
        if not 2 <= len(name) <= 12:
            break  # what follows the names: a source, a place, a verb
        found.append(name)
        if end is not None:
            break
    return found
