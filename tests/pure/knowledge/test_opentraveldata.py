"""Towns and airports of OpenTravelData."""

from pathlib import Path

from newsmill.knowledge.opentraveldata import Point, read

COLUMNS = ("iata_code", "geoname_id", "fclass", "location_type", "alt_name_section")


def written(folder: Path, *rows: tuple[str, ...]) -> Path:
    file = folder / "points.csv"
    file.write_text("\n".join("^".join(row) for row in (COLUMNS, *rows)), encoding="utf-8")
    return file


def test_towns_and_airports_have_their_id_and_names_by_language(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        ("AAA", "1", "P", "C", "en|Newtown|p=ja|ニュータウン|=post|12345|=wkdt|Q90|"),
        ("AAA", "2", "S", "A", "en|Newtown International Airport|p=en|Newton Field|s="),
        ("AAA", "3", "S", "R", "en|Newtown Station|="),
        ("BBB", "0x", "P", "C", ""),
    )
    town, airport = read(file)
    names = (("en", "Newtown"), ("ja", "ニュータウン"))
    assert town == Point(geonameid=1, iata="AAA", is_airport=False, qid=90, names=names, short=())
    assert airport.is_airport
    assert airport.qid == 0
    assert airport.short == ("Newton Field",)


def test_names_of_the_past_and_of_everyday_speech_are_left_out(tmp_path: Path) -> None:
    file = written(tmp_path, ("AAA", "1", "P", "C", "en|New Amsterdam|h=en|The Big Town|c=en|Newtown|p"))
    [town] = read(file)
    assert town.names == (("en", "Newtown"),)


def test_odd_sections_give_no_names(tmp_path: Path) -> None:
    file = written(tmp_path, ("AAA", "1", "P", "C", "wkdt|Qx|==|x|=en||=wkdt||"))
    [town] = read(file)
    assert (town.qid, town.names) == (0, ())
