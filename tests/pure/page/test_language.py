from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from langdetect.lang_detect_exception import LangDetectException
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from newsmill.page import language, language_detectors
from newsmill.page.language import detect

ENGLISH = (
    "The government said on Tuesday that it would publish the report before the end of the month. "
    "Ministers had been asked to explain why the inquiry took so long."
)
FRENCH = (
    "Le gouvernement a annoncé mardi que le rapport serait publié avant la fin du mois. "
    "Les ministres devaient expliquer pourquoi l'enquête avait duré si longtemps."
)
BOKMAAL = "Regjeringen legger i dag frem et forslag til ny lov om skatt, sier statsministeren til pressen."
SENTENCES = {
    "en": ENGLISH,
    "fr": FRENCH,
    "nb": BOKMAAL,
    "zh": "国务院总理周二在北京主持召开会议，研究部署下一阶段经济工作。",
    "ja": "政府は火曜日、月末までに報告書を公表すると発表した。",
    "am": "የኢትዮጵያ መንግሥት ዛሬ በአዲስ አበባ ስብሰባ አካሂዷል።",
    "zu": (
        "Uhulumeni uthe ngoLwesibili uzoshicilela umbiko ngaphambi kokuphela kwenyanga, abantu bayalinda."
    ),
    "yo": "Ìjọba sọ ní ọjọ́ Ìṣẹ́gun pé òun yóò gbé ìròyìn náà jáde kí oṣù tó parí.",
    "ka": "მთავრობამ სამშაბათს განაცხადა, რომ ანგარიშს თვის ბოლომდე გამოაქვეყნებს.",
}
UNKNOWN_TO_BOTH_DETECTORS = {
    "mi": "Ko te āpōpō o ngā mahi waka ama katoa kei ngā ringaringa o ngā tamariki me ngā rangatahi.",
    "ts": "Vanhu hinkwavo va velekiwa va ntshunxekile, va ringana hi xindzhuti na timfanelo.",
    "tn": "Batho botlhe ba tsetswe ba gololesegile mme ba lekana ka seriti jaaka ditshwanelo tsotlhe.",
    "yi": "יעדער מענטש ווערט געבוירן פֿרײַ און גלײַך אין כּבֿוד און רעכט, און דער מענטש האָט פֿאַרשטאַנד.",
    "ti": "ብመንጽር ክብርን መሰልን ኩሎም ሰባት እንትውለዱ ነፃን ማዕርን እዮም፣ ናይ ሰብ መሰል ኣብ ኩሉ ኣሎ።",
    "dv": "ހުރިހާ އިންސާނުން ވެސް އުފަންވަނީ މިނިވަންކަމުގައެވެ.",
    "bo": "འགྲོ་བ་མིའི་རིགས་རྒྱུད་ཡོངས་ལ་སྐྱེས་ཙམ་ཉིད་ནས་ཆེ་མཐོངས་དང་།",
    "chr": "ᏂᎦᏓ ᎠᏂᏴᏫ ᏂᎨᎫᏓᎸᎾ ᎠᎴ ᎤᏂᎶᏱ ᎤᎾᏕᎿ ᏚᏳᎧᏛ ᎨᏒᎢ.",
}


@pytest.mark.parametrize("code", SENTENCES)
def test_language_is_found_from_the_text_alone(code: str) -> None:
    found = detect(SENTENCES[code], html_lang=None)
    assert found.code == code
    assert found.confidence > 0.5
    assert (found.html, found.disagrees) == (None, False)


SITE_LINES_BEFORE = (
    "Log in | Register | Your account\nWorld Politics Money Culture Weather Podcasts\nSend "
    "this page to a friend."
)
SITE_LINES_AFTER = (
    "Subscribe to our weekly letter and get the best of the paper.\nAll rights reserved. Imprint. Contact."
)
STORIES = {
    "de": (
        "Der Stadtrat hat am Montag beschlossen, die alte Brücke zu sanieren. Die Arbeiten "
        "beginnen im Mai und kosten vier Millionen."
    ),
    "zh": "市议会星期一决定修复老桥，工程将于五月开始，费用约四百万。",
    "sw": (
        "Baraza la mji limeamua Jumatatu kukarabati daraja la zamani. Kazi itaanza mwezi Mei na "
        "itagharimu milioni nne."
    ),
    "fi": (
        "Kaupunginvaltuusto päätti maanantaina korjata vanhan sillan. Työt alkavat toukokuussa ja"
        " maksavat neljä miljoonaa."
    ),
    "hi": "नगर परिषद ने सोमवार को पुराने पुल की मरम्मत का फैसला किया। काम मई में शुरू होगा।",
    "uk": "Міська рада у понеділок вирішила відремонтувати старий міст. Роботи почнуться в травні.",
}
RELATIVES = {
    "hr": (
        "Gradsko vijeće je u ponedjeljak odlučilo obnoviti most. Radovi će trajati tjedan dana, a"
        " tvrtka iz Europe dobit će tisuću eura."
    ),
    "bs": (
        "Gradsko vijeće je u ponedjeljak odlučilo obnoviti most. Radovi će trajati sedmicu, a "
        "kompanija iz Evrope dobit će hiljadu eura, saopćeno je."
    ),
    "sr": (
        "Gradsko veće je u ponedeljak odlučilo da obnovi most. Radovi će trajati nedelju dana, a "
        "firma iz Evrope dobiće hiljadu evra, saopšteno je posle sednice."
    ),
    "id": (
        "Dewan kota mengatakan bahwa jembatan lama akan diperbaiki karena rusak. Perusahaan itu "
        "menerima uang sejumlah empat juta rupiah setelah rapat."
    ),
    "ms": (
        "Majlis bandar raya berkata bahawa jambatan lama akan dibaiki kerana rosak. Syarikat itu "
        "menerima wang empat juta ringgit selepas mesyuarat."
    ),
}


@pytest.mark.parametrize("code", STORIES)
def test_language_is_the_bodys_when_a_sites_english_lines_stand_around_it(code: str) -> None:
    text = f"{SITE_LINES_BEFORE}\n{STORIES[code]}\n{SITE_LINES_AFTER}"
    assert detect(text, html_lang=None).code == code


@pytest.mark.parametrize("code", ["de", "fi", "sw"])
def test_language_is_the_bodys_when_long_lines_of_a_site_stand_around_it(code: str) -> None:
    before = "We and our partners store information on a device to show you what we think you like to read."
    text = f"{before}\n{STORIES[code] * 6}\n{before}"
    assert detect(text, html_lang=None).code == code


def test_language_is_the_texts_own_when_a_quotation_in_another_language_stands_inside() -> None:
    text = f"{ENGLISH * 4}\n{STORIES['de']}\n{ENGLISH * 4}"
    assert detect(text, html_lang=None).code == "en"


@pytest.mark.parametrize("code", RELATIVES)
def test_language_is_told_from_its_relatives_by_words_that_they_lack(code: str) -> None:
    assert detect(RELATIVES[code], html_lang=None).code == code


def test_language_is_found_when_most_words_are_names() -> None:
    text = (
        "TALLINN (Harbour Press) - Minister Ragnar Oolikainen met Captain Beatriz Vasquez at Port"
        " Nova on Sunday, said Nordhaven AS."
    )
    assert detect(text, html_lang=None).code == "en"


@pytest.mark.parametrize("code", UNKNOWN_TO_BOTH_DETECTORS)
def test_language_is_found_by_script_or_function_words_when_no_detector_has_it(code: str) -> None:
    found = detect(UNKNOWN_TO_BOTH_DETECTORS[code], html_lang=None)
    assert found.code == code
    assert found.method in {"script", "function_words"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n\t",
        "12 345,67 – 8",
        "https://example.com/a/b?c=d",
        "😀🎉😀",
        "ok",
        "a@b.example #tag @you",
        "\x00\ufffd",
    ],
)
def test_language_is_und_when_the_text_tells_nothing(text: str) -> None:
    found = detect(text, html_lang=None)
    assert (found.code, found.method, found.disagrees) == ("und", "none", False)


def test_the_default_detector_is_asked_only_when_the_arbiter_leaves_a_doubt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    class Witness:
        name = "langdetect"
        languages = frozenset(("en", "de", "nl", "af"))

        def probabilities(self, text: str) -> dict[str, float]:
            asked.append(text)
            return {"nl": 0.9}

    monkeypatch.setattr(language, "default_detector", Witness)
    found = detect(ENGLISH * 5, html_lang=None)
    assert (found.code, found.confidence, found.method, asked) == ("en", 1.0, "arbiter", [])
    assert detect("Die water is warm in die see", html_lang=None).confidence < 1.0
    assert asked


def test_language_is_und_when_no_language_is_likely() -> None:
    assert detect("xqz vwkj pfgh zzrt qwpl mnvb xcvk jjjq", html_lang=None).code == "und"


def test_declared_language_decides_when_the_text_is_too_short() -> None:
    found = detect("Live", html_lang="de-AT")
    assert (found.code, found.method, found.html) == ("de", "html_lang", "de")


def test_declared_language_does_not_decide_when_the_script_is_another() -> None:
    assert detect("Привет", html_lang="en").code == "und"
    assert detect("Live", html_lang="ru").code == "und"


def test_declared_language_decides_between_close_languages() -> None:
    text = "Vlada je danas objavila novi plan."
    assert {detect(text, html_lang=code).code for code in ("hr", "bs")} == {"hr", "bs"}


def test_disagreement_is_flagged_when_the_page_declares_another_language() -> None:
    found = detect(FRENCH, html_lang="en")
    assert (found.code, found.html, found.disagrees) == ("fr", "en", True)


@pytest.mark.parametrize(
    ("attribute", "html"),
    [
        ("no", "nb"), ("nb-NO", "nb"), ("NO_no", "nb"), ("iw", "he"), ("eng", "en"), ("fil", "tl"),
        ("zh-Hant", "zh"),
                ("x-default", None), ("undefined", None), ("", None), ("und", None), ("{{lang}}", None),
    ],
)  # fmt: skip
def test_declared_language_is_read_in_its_shortest_spelling(attribute: str, html: str | None) -> None:
    assert detect(BOKMAAL, html_lang=attribute).html == html


def test_declared_norwegian_agrees_with_both_written_forms() -> None:
    assert not detect(BOKMAAL, html_lang="no").disagrees
    assert not detect(
        "Eg veit ikkje kva som skjer her, men me får sjå korleis det går med dei.", html_lang="no"
    ).disagrees


def test_confidence_is_lower_when_half_of_the_text_is_in_another_language() -> None:
    mixed = detect(f"{ENGLISH}\n" * 4 + f"{FRENCH}\n" * 4, html_lang=None)
    assert mixed.code in {"en", "fr", "und"}
    assert mixed.confidence < 0.7 < detect(ENGLISH, html_lang=None).confidence


def test_language_is_that_of_most_of_the_text_when_the_start_is_in_another() -> None:
    assert detect("Subscribe to our newsletter now.\n" + f"{FRENCH}\n" * 8, html_lang="en").code == "fr"


def test_title_counts_when_the_text_is_short() -> None:
    assert detect("10:30", html_lang=None, title=FRENCH).code == "fr"


def test_language_is_the_same_in_a_hundred_runs_and_in_threads() -> None:
    texts = [ENGLISH, FRENCH[:40], "국무총리 中國 東京", "Vlada je danas objavila", f"{ENGLISH} {FRENCH}"]
    expected = [detect(text, html_lang=None) for text in texts]
    with ThreadPoolExecutor(8) as pool:
        runs = list(pool.map(lambda _: [detect(text, html_lang=None) for text in texts], range(100)))
    assert all(run == expected for run in runs)


@pytest.mark.parametrize(
    "text", [*SENTENCES.values(), "HANOI và Đà Nẵng, NATO 2026", ENGLISH.upper(), "한국 ﬁ Ș"]
)
def test_probabilities_are_those_of_langdetect_itself(text: str) -> None:
    own = language_detectors.default_detector()
    assert isinstance(own, language_detectors.Langdetect)
    plain = own._factory.create()
    plain.n_trial = language_detectors.TRIALS
    plain.append(text)
    try:
        said = {
            language_detectors.FOLDED.get(found.lang, found.lang): found.prob
            for found in plain.get_probabilities()
        }
    except LangDetectException:
        said = {}
    assert own.probabilities(text) == said


@pytest.mark.parametrize(
    "text", [*SENTENCES.values(), "HANOI và Đà Nẵng, NATO 2026", ENGLISH.upper(), "Vesti: вести", "7"]
)
def test_probabilities_are_those_of_py3langid_itself(text: str) -> None:
    plain = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    said = language_detectors.folded({code: p for code, p in plain.rank(text) if p > 1e-6})
    found = language_detectors.arbiter().probabilities(text)
    assert list(found.items()) == list(said.items())


def test_module_wide_state_of_langdetect_is_left_alone() -> None:
    from langdetect import DetectorFactory, detector_factory

    detect(ENGLISH, html_lang=None)
    assert DetectorFactory.seed is None
    assert detector_factory._factory is None


@pytest.mark.parametrize(
    "text", ["a" * 1_000_000, "@" * 1_000_000, "a@" * 500_000, " " * 1_000_000, "https://" * 100_000]
)
def test_language_is_found_in_bounded_time_when_the_text_is_hostile(text: str) -> None:
    detect("warm up the models", html_lang=None)
    started = time.thread_time()
    detect(text, html_lang=None)
    assert time.thread_time() - started < 1.0


def test_known_languages_are_named_once() -> None:
    found = (
        language_detectors.arbiter().probabilities(ENGLISH).keys()
        | language_detectors.default_detector().probabilities(ENGLISH).keys()
    )
    assert not found & language_detectors.FOLDED.keys()


def test_languages_of_short_sentences_are_mostly_right_and_seldom_wrong(shared: Path) -> None:
    def rows(kind: str) -> list[dict[str, str]]:
        return [json.loads(line) for line in (shared / f"eval/{kind}/lingua.jsonl").open(encoding="utf-8")]

    gold = {row["id"]: row["lang"] for row in rows("gold")}
    sample = rows("texts")[::5]
    found = {row["id"]: detect(row["text"], html_lang=None).code for row in sample}
    right = sum(code == gold[key] for key, code in found.items())
    wrong = sum(code not in (gold[key], "und") for key, code in found.items())
    assert right / len(found) >= 0.91
    assert wrong / len(found) <= 0.05


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (
            "hr",
            "Veleposlanici su promatrali natjecanje glazbenika u središtu grada, a prosvjednike su uhitili.",
        ),
        (
            "bs",
            "Ambasadori su posmatrali takmičenje muzičara u centru, a lijepo vrijeme je trajalo sedmicama.",
        ),
        ("sr", "Ambasadori su posmatrali takmičenje muzičara u centru, a lepo vreme je trajalo nedeljama."),
    ],
)
def test_relatives_are_told_by_how_their_words_begin(code: str, text: str) -> None:
    assert detect(text, html_lang=None).code == code


@pytest.mark.parametrize(
    ("text", "code", "script"),
    [
        ("東京都議会選挙、自民党大敗", "ja", "Jpan"),
        ("経済産業省、新計画発表", "ja", "Jpan"),
        ("日本政府、緊急事態宣言延長発表", "ja", "Jpan"),
        ("总统习近平今日会见德国总理", "zh", "Hans"),
        ("總統今日會見德國總理", "zh", "Hant"),
        ("台灣大學學生會選舉結果", "zh", "Hant"),
        ("香港特區政府公布新措施", "zh", "Hant"),
    ],
)
def test_headline_in_han_signs_alone_is_told_by_the_signs_of_one_country(
    text: str, code: str, script: str
) -> None:
    told = detect(text, html_lang=None)
    assert (told.code, told.script) == (code, script)


def test_body_decides_when_a_japanese_headline_has_no_kana() -> None:
    body = "政府は七日、新しい計画を発表した。来年から始まる見通しだ。"
    assert detect(body, html_lang=None, title="中国国家主席訪米").code == "ja"
    assert detect("", html_lang=None, title="東京都議会選挙結果").code == "ja"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (
            "U Osijeku je jučer otvoren novi most, a gradonačelnik je rekao da je grad dao dva milijuna. "
            "Radovi su trajali godinu dana, priopćila je županija.",
            "hr",
        ),
        (
            "Osijek je u subotu dobio novi park. Iz grada poručuju da su radovi koštali milijun eura.",
            "hr",
        ),
        (
            "U Sarajevu je jučer otvoren novi most, a gradonačelnica je rekla da je grad dao dva miliona. "
            "Radovi su trajali godinu dana, saopćeno je iz kantona.",
            "bs",
        ),
    ],
)
def test_places_and_numbers_tell_croatian_from_bosnian(text: str, code: str) -> None:
    assert detect(text, html_lang=None).code == code


def test_language_and_script_are_those_of_the_title_when_the_text_is_empty() -> None:
    told = detect("", html_lang=None, title="東京都議会選挙の結果が発表された")
    assert (told.code, told.script) == ("ja", "Jpan")
    nothing = detect("", html_lang=None, title=None)
    assert (nothing.code, nothing.script, nothing.confidence) == ("und", None, 0.0)
