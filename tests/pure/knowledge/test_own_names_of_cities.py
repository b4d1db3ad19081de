"""Cities under their names in their own languages, and in those of others."""

import pytest

from newsmill.knowledge.enricher import Enricher
from newsmill.knowledge.gazetteer import Gazetteer

OWN = """
it  Rome=Roma Milan=Milano Turin=Torino Naples=Napoli Florence=Firenze Venice=Venezia Genoa=Genova
de  Vienna=Wien Munich=München Zürich=Zürich Nuremberg=Nürnberg Dresden=Dresden Salzburg=Salzburg
pt  Lisbon=Lisboa Porto=Porto Brasília=Brasília
nl  Antwerp=Antwerpen Gent=Gent Brussels=Brussel Utrecht=Utrecht Groningen=Groningen
fr  Brussels=Bruxelles Geneva=Genève Lyon=Lyon Liège=Liège
es  Seville=Sevilla Zaragoza=Zaragoza Valencia=Valencia Puebla=Puebla
pl  Warsaw=Warszawa Kraków=Kraków Łódź=Łódź Gdańsk=Gdańsk
cs  Prague=Praha Brno=Brno Pilsen=Plzeň
hu  Budapest=Budapest Szeged=Szeged
ro  Bucharest=București Cluj-Napoca=Cluj-Napoca
hr  Belgrade=Beograd Zagreb=Zagreb
sr  Belgrade=Београд Niš=Ниш
bg  Sofia=София
mk  Skopje=Скопје
sq  Tirana=Tiranë
da  Copenhagen=København Århus=Aarhus
sv  Gothenburg=Göteborg Stockholm=Stockholm
nb  Oslo=Oslo Trondheim=Trondheim
fi  Helsinki=Helsinki Turku=Turku Turku=Åbo
et  Tallinn=Tallinn
lv  Riga=Rīga
lt  Vilnius=Vilnius
ru  Moscow=Москва Minsk=Минск
uk  Kyiv=Київ Kharkiv=Харків Lviv=Львів Odesa=Одеса
el  Athens=Αθήνα Thessaloníki=Θεσσαλονίκη
tr  Istanbul=İstanbul Ankara=Ankara
ar  Cairo=القاهرة Baghdad=بغداد Damascus=دمشق Riyadh=الرياض
fa  Tehran=تهران
he  Jerusalem=ירושלים
zh  Beijing=北京 Shanghai=上海 Guangzhou=广州 Taipei=台北
ja  Tokyo=東京 Osaka=大阪 Kyoto=京都
ko  Seoul=서울 Busan=부산 Incheon=인천
th  Bangkok=กรุงเทพมหานคร
hi  Mumbai=मुंबई
bn  Dhaka=ঢাকা
ka  Tbilisi=თბილისი
hy  Yerevan=Երևան
vi  Hanoi=Hà_Nội
"""
ABROAD = """
de  Geneva=Genf Venice=Venedig Milan=Mailand Naples=Neapel Warsaw=Warschau Liège=Lüttich
es  Geneva=Ginebra Venice=Venecia Basel=Basilea Beijing=Pekín
pt  Geneva=Genebra Venice=Veneza Munich=Munique
it  Geneva=Ginevra Munich=Monaco_di_Baviera Lyon=Lione
pl  Geneva=Genewa Venice=Wenecja Munich=Monachium
cs  Geneva=Ženeva Venice=Benátky Vienna=Vídeň
tr  Geneva=Cenevre Venice=Venedik Athens=Atina
sl  Venice=Benetke Geneva=Ženeva
hu  Vienna=Bécs Geneva=Genf
nl  Geneva=Genève Cologne=Keulen
"""
PRESS = 2e6  # weight of a division with names of the press


def cases(names: str) -> list[tuple[str, str, str]]:
    """Language, English name and that of the language."""
    return [
        (line.split()[0], pair.partition("=")[0], pair.partition("=")[2].replace("_", " "))
        for line in names.strip().split("\n")
        for pair in line.split()[1:]
    ]


CASES = cases(OWN)


def test_cases_are_of_many_languages() -> None:
    assert len(CASES) > 80
    assert len({language for language, _, _ in CASES}) > 30


@pytest.mark.parametrize(("language", "english", "own"), CASES, ids=[own for _, _, own in CASES])
def test_own_name_means_the_city_when_a_division_is_named_for_it(
    kb: Gazetteer, language: str, english: str, own: str
) -> None:
    best = kb.spelled(own, language)[0]
    assert (best.type, best.entity_id) == ("city", kb.spelled(english, "en")[0].entity_id)
    assert best.wikidata_id is not None
    assert best.lat is not None


@pytest.mark.parametrize(("language", "english", "abroad"), cases(ABROAD))
def test_town_is_found_under_its_name_abroad_when_nothing_else_in_the_text_is_of_its_country(
    enricher: Enricher, language: str, english: str, abroad: str
) -> None:
    (place,) = enricher.enrich_text(f"Xxxx xxx xxxx {abroad}.", language=language).places
    best = enricher.enrich_text(f"They met in {english} then.", language="en").places[0]
    assert (place.name, place.country, place.lat) == (best.name, best.country, best.lat)


def test_no_division_outranks_the_main_city_in_it_that_bears_the_same_name(kb: Gazetteer) -> None:
    """But for those with names of the press in `divisions.yaml`: Quebec, New York, São Paulo."""
    outranked = []
    for name in kb.names():
        best, *others = kb.lookup(name)
        if best.type not in ("admin1", "admin2") or best.weight >= PRESS:
            continue
        for city in others:
            same = (city.country, city.admin1) == (best.country, best.admin1)
            main = city.population >= max(15_000, min(100_000, 0.05 * best.population))
            if city.type == "city" and same and main and city.weight >= 0.5 * city.population:
                outranked.append((name, best.name, city.name))
    assert outranked == []
