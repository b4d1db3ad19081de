"""Renowned persons and bodies in the languages and scripts of the news that names them."""

import pytest

from newsmill.knowledge.enricher import Enricher
from newsmill.knowledge.gazetteer import Gazetteer

NATIONAL, PEOPLES, MACRON = "Rassemblement National", "Republican People's Party", "Emmanuel Macron"
PUTIN, TRUMP, XI = "Vladimir Putin", "Donald Trump", "Xi Jinping"
ZELENSKYY, COMMISSION = "Volodymyr Zelenskyy", "European Commission"


@pytest.mark.parametrize(
    ("language", "text", "names"),
    [
        ("ru", "Газпром и Сбербанк сообщили о прибыли.", {"Gazprom", "Sberbank"}),
        ("uk", "Президент Зеленський зустрівся з Макроном у Парижі.", {ZELENSKYY, MACRON}),
        ("zh", "台積電宣布在台中建廠，普京與特朗普通話。", {"TSMC", PUTIN, TRUMP}),
        ("zh", "赖清德表示，习近平与普京会晤。", {"Lai Ching-te", XI, PUTIN}),
        ("ja", "トランプ大統領は東京で石破首相と会談した。", {TRUMP, "Shigeru Ishiba"}),
        ("ko", "트럼프 대통령이 서울에서 만났다.", {TRUMP}),
        ("ko", "시진핑 주석이 서울에서 만났다.", {XI}),
        ("fr", "La Commission européenne a critiqué le Rassemblement national.", {COMMISSION, NATIONAL}),
        ("it", "La Commissione europea ha multato Google.", {COMMISSION, "Google"}),
        ("pl", "Orlen zwiększa zyski.", {"Orlen"}),
        ("pt", "A Petrobras subiu os preços.", {"Petrobras"}),
        ("de", "Die Commerzbank wehrt sich gegen die Übernahme durch Unicredit.", {"Commerzbank"}),
        ("tr", "CHP lideri Özgür Özel Ankara'da konuştu, AFAD açıkladı.", {PEOPLES, "AFAD"}),
        ("es", "Petróleos Mexicanos anunció pérdidas.", {"Pemex"}),
        ("ar", "التقى الرئيس بوتين مع ماكرون في باريس.", {PUTIN, MACRON}),
        ("el", "Ο Μητσοτάκης συναντήθηκε με τον Μακρόν.", {"Kyriakos Mitsotakis", MACRON}),
    ],
)  # fmt: skip
def test_renowned_names_are_linked_in_their_own_scripts(
    enricher: Enricher, language: str, text: str, names: set[str]
) -> None:
    found = {e.name for e in enricher.enrich_text(text, language=language, statistical=False).entities}
    assert names <= found


@pytest.mark.parametrize("name", ["EFE", "ANP", "PAP", "ANSA", "TASS", "Reuters", "Xinhua", "Yonhap"])
def test_name_of_an_agency_is_the_agencys_before_any_rare_bodys(kb: Gazetteer, name: str) -> None:
    assert kb.lookup(name)[0].type == "outlet"


def test_katakana_that_goes_on_is_no_name(enricher: Enricher) -> None:
    found = enricher.enrich_text("新しいモディファイアーが出た。", language="ja", statistical=False)
    assert not found.entities


def test_abbreviation_of_a_party_counts_where_the_text_is_about_its_country(kb: Gazetteer) -> None:
    assert kb.spelled("CHP", "tr")[0].role == "domestic"
    assert not any(c.role == "domestic" for c in kb.spelled("Chp", "tr"))
