"""Names in scripts without capitals: Chinese, Japanese, Korean, Arabic, Persian, Hebrew, Hindi."""

from itertools import pairwise

import pytest
from hypothesis import given, settings, strategies as st

from growth import cpu_ratio
from newsmill.knowledge.enricher import Enricher
from newsmill.knowledge.recognisers.cued import LANGUAGES as CUED, Cued
from newsmill.knowledge.recognisers.han import Cutter
from newsmill.knowledge.recognisers.hangul import recognise
from newsmill.knowledge.recognisers.lexicon import lexicon, simplified

CUTTER = Cutter("zh", [("北京", 2e7), ("东京", 3e7)])
JAPANESE = Cutter("ja", [("東京", 3e7), ("東京都", 1e7), ("三重県", 1e6)])


def entities(enricher: Enricher, text: str, language: str) -> set[tuple[str, str]]:
    found = enricher.enrich_text(text, language=language).entities
    return {(m.text, e.coarse) for e in found for m in e.mentions}


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("zh", "林墨河部长在北京会见了周雁市长。", {("林墨河", "PER"), ("北京", "LOC"), ("周雁", "PER")}),
        ("zh", "他参观了青河造船有限公司的工厂。", {("青河造船有限公司", "ORG")}),
        ("zh", "美国总统唐纳德·特朗普说，联合国应当改革。", {("唐纳德·特朗普", "PER"), ("联合国", "ORG")}),
        ("zh", "陳水扁總統在台北說。", {("陳水扁", "PER"), ("台北", "LOC")}),
        ("ja", "田中太郎さんは東京で話した。", {("田中太郎", "PER"), ("東京", "LOC")}),
        ("ja", "安倍首相は北海道大学を訪れた。", {("安倍", "PER"), ("北海道大学", "ORG")}),
        ("ja", "バラク・オバマは大阪市に着いた。", {("バラク・オバマ", "PER"), ("大阪市", "LOC")}),
        ("ja", "会社は高知県室戸市にある。", {("高知県室戸市", "LOC")}),
        ("ja", "青森県むつ市で火事があった。", {("青森県むつ市", "LOC")}),
        ("ja", "アメリカ合衆国はスペイン人と会った。", {("アメリカ合衆国", "LOC"), ("スペイン", "LOC")}),
        ("ja", "サンライズ航空の便は成田空港に着いた。", {("サンライズ航空", "ORG"), ("成田空港", "LOC")}),
        ("ja", "富士山と新川駅へ。", {("富士山", "LOC"), ("新川駅", "LOC")}),
        ("ja", "黒田真四郎は帯広市内に住む。", {("黒田真四郎", "PER"), ("帯広市", "LOC")}),
        ("ja", "ゲーベル氏は来た。", {("ゲーベル", "PER")}),
        ("ja", "スペイン・ドイツへ行く。", {("スペイン", "LOC"), ("ドイツ", "LOC")}),
        ("ko", "대전시 유성구 봉명동에", {("대전시 유성구 봉명동", "LOC")}),
        ("ko", "일본시각 9일 강릉시는", {("일본", "LOC"), ("강릉시", "LOC")}),
        ("ko", "그는 인천국제공항에 있다.", {("인천국제공항", "LOC")}),
        ("ko", "최모(33)씨와 박씨는 정 회장을 만났다.", {("최", "PER"), ("박", "PER"), ("정", "PER")}),
        ("ko", "문재인 대통령은 서울에서 말했다.", {("문재인", "PER"), ("서울", "LOC")}),
        ("ko", "삼성전자와 서울대학교가 합의했다.", {("삼성전자", "ORG"), ("서울대학교", "ORG")}),
        ("ar", "وصل الرئيس السوداني عمر البشير إلى القاهرة", {("عمر البشير", "PER"), ("القاهرة", "LOC")}),
        ("ar", "أعلنت وزارة الدفاع ذلك في بغداد", {("وزارة الدفاع", "ORG"), ("بغداد", "LOC")}),
        ("ar", "عاد الوفد من لندن ومن ثم إلى طهران وبواشنطن", {("لندن", "LOC"), ("وبواشنطن", "LOC")}),
        ("fa", "محمد خاتمی در تهران گفت", {("محمد خاتمی", "PER"), ("تهران", "LOC")}),
        ("ar", "فاز اللاعب الروسي بوريس كارلوف على خصمه", {("بوريس كارلوف", "PER")}),
        ("ar", "قال كريم داود وسمير الحداد إن", {("كريم داود", "PER"), ("وسمير الحداد", "PER")}),
        ("ar", "وصل الهولندي بيتر هوفسترا. ثم عاد هوفسترا", {("بيتر هوفسترا", "PER"), ("هوفسترا", "PER")}),
        ("fa", "دکتر رستمی و مهندس کاویانی در آنجا", {("رستمی", "PER"), ("کاویانی", "PER")}),
        ("fa", "آتش در شهر شیراز و کره جنوبی", {("شهر شیراز", "LOC"), ("کره جنوبی", "LOC")}),
        ("fa", "سفیر جمهوری اسلامی ایران در آنجا", {("جمهوری اسلامی ایران", "LOC")}),
        ("fa", "مردم کشور مالی و جمهوری چک", {("مالی", "LOC")}),
        ("he", "ראש הממשלה בנימין נתניהו נפגש בירושלים", {("בנימין נתניהו", "PER"), ("בירושלים", "LOC")}),
        ("hi", "प्रधानमंत्री नरेंद्र मोदी ने दिल्ली में कहा", {("नरेंद्र मोदी", "PER"), ("दिल्ली", "LOC")}),
    ],
)  # fmt: skip
def test_names_are_found_without_capitals(
    enricher: Enricher, language: str, text: str, expected: set[tuple[str, str]]
) -> None:
    assert expected <= entities(enricher, text, language)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("zh", "我们要讲文明，树新风，表示热烈的祝贺。"),
        ("ko", "여성이 말했고 감동은 컸다."),
        ("ar", "في المناطق الشمالية كانت الأمطار غزيرة"),
        ("ja", "最寄駅は新空港の近くで、ショッピングモールがある。"),
        ("ja", "慶長5年の関ヶ原の戦いと日本選手権の話をした。"),
        ("ja", "ジャズ・バンドのライブ・アルバムを買った。"),
        ("ko", "전 대통령을 위해 일했다."),
        ("fa", "منابع مالی این شرکت در آستانه سال نو سالم است"),
        ("ar", "الشعب الفلسطيني يواجه سيول الشتاء"),
        ("ja", "新しい事業を始めたが、計画は失敗した。"),
    ],
)
def test_words_of_every_day_are_no_names(enricher: Enricher, language: str, text: str) -> None:
    assert entities(enricher, text, language) == set()


def test_traditional_signs_are_read_as_simplified_ones() -> None:
    assert "陳水扁".translate(simplified()) == "陈水扁"
    assert all(len(chr(t)) == len(chr(s)) for t, s in simplified().items())


def test_lists_hold_classes_and_costs() -> None:
    for language in ("zh", "ja", "ko"):
        words = lexicon(language).words
        assert len(words) > 50_000
        assert {class_ for class_, _ in words.values()} <= set("PLONXFG")
        assert all(cost >= 0 for _, cost in words.values())


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="王北京大学说·有限公司AB, 。东", max_size=60))
def test_spans_are_ordered_and_apart_whatever_the_text(text: str) -> None:
    spans = CUTTER.recognise(text)
    assert all(0 <= span.start < span.end <= len(text) for span in spans)
    assert all(a.end <= b.start for a, b in pairwise(spans))


@pytest.mark.parametrize("unit", ["王北京大学", "王", "·", "王·", "有限公司", "在北京，"])
def test_chinese_costs_no_more_than_its_length(unit: str) -> None:
    assert cpu_ratio(CUTTER.recognise, lambda n: unit * (n // len(unit)), small=10_000) < 1.5


@pytest.mark.parametrize(
    "unit", ["東京都港区", "カ", "カ・", "・", "三重県", "駅", "東京駅", "田中太", "1日"]
)
def test_japanese_costs_no_more_than_its_length(unit: str) -> None:
    assert cpu_ratio(JAPANESE.recognise, lambda n: unit * (n // len(unit)), small=10_000) < 1.5


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="東京都港区駅カナ・田中郎市1日いわき氏、", max_size=60))
def test_japanese_spans_are_ordered_and_apart_whatever_the_text(text: str) -> None:
    spans = JAPANESE.recognise(text)
    assert all(0 <= span.start < span.end <= len(text) for span in spans)
    assert all(a.end <= b.start for a, b in pairwise(spans))


def test_places_of_an_address_keep_their_points(enricher: Enricher) -> None:
    for language, text in (
        ("ja", "本社は東京都にあり、工場は大阪府堺市にある。"),
        ("ko", "프랑스 파리를 떠났다."),
    ):
        found = enricher.enrich_text(text, language=language).places
        assert len(found) >= 2
        assert all(place.lat is not None for place in found)


def test_korean_and_cued_languages_cost_no_more_than_their_length() -> None:
    assert cpu_ratio(recognise, lambda n: "김철수 대통령은 " * (n // 9), small=10_000) < 1.5
    for language in sorted(CUED):
        reader = Cued(language)
        assert cpu_ratio(reader.recognise, lambda n: "وزارة محمد " * (n // 11), small=10_000) < 1.5
