import io
import json

import pytest
from tests.wikidata_lines import CITY, HUMAN, dump, item, statement

from newsmill.knowledge.wikidata.items import LONGEST_LINE, Item, Lines, read, unpacked


def kept(*items: object, languages: tuple[str, ...] = ("en", "de")) -> list[Item]:
    return list(unpacked(io.BytesIO(lines(*items, languages=languages).items)))


def lines(*items: object, languages: tuple[str, ...] = ("en", "de")) -> Lines:
    return read(dump(items), least=5, languages=languages)  # type: ignore[arg-type]


def test_item_is_read_with_all_that_is_kept() -> None:
    full = item(
        64, "Berlin", (CITY, 200_250), links=30, aliases=["Berlin, Germany"], words="capital of Germany",
        labels={"de": "Berlin", "de-ch": "Berlin CH", "fr": "Berlín", "mul": "Berlin M"},
        claims={
            "P17": [183], "P625": [{"latitude": 52.516666, "longitude": 13.383333}],
            "P571": [{"time": "+1244-00-00T00:00:00Z"}], "P1082": [{"amount": "+3755251"}],
            "P1566": ["2950159"],
        },
    )  # fmt: skip
    assert kept(full) == [
        Item(
            qid=64, links=30, labels=("Berlin", "Berlin M", "Berlin CH"), aliases=("Berlin, Germany",),
            classes=(CITY, 200_250), countries=(183,), founded=1244, point=(52.51667, 13.38333),
            population=3_755_251, geonames=(2_950_159,), words="capital of Germany",
        )
    ]  # fmt: skip


def test_items_of_fewer_wikipedias_are_left_out() -> None:
    found = lines(item(1, "A A", links=5), item(2, "B B", links=4), item(3, "C C", links=0))
    assert (found.seen, found.kept, found.broken) == (3, 1, 0)


def test_sites_that_are_no_wikipedias_do_not_count() -> None:
    quoted = item(1, "A A", links=4)
    quoted["sitelinks"] |= {site: {"site": site, "title": "x"} for site in ("enwikiquote", "commonswiki")}
    assert kept(quoted) == []


def test_values_that_are_unknown_or_withdrawn_are_none() -> None:
    odd = item(1, "A A", claims={"P27": [None], "P625": [None]})
    odd["claims"]["P106"] = [
        statement("P106", 1, "deprecated"),
        statement("P106", 2),
        statement("P106", 3, "preferred"),
    ]
    (found,) = kept(odd)
    assert (found.countries, found.point, found.occupations) == ((), None, (3, 2))


def test_classes_are_kept_whatever_they_are_linked_from() -> None:
    found = lines(item(9, "class", (), links=0, claims={"P279": [7, 8]}))
    assert found.kept == 0
    assert found.subclasses == b"".join(n.to_bytes(4, "little") for n in (9, 7, 9, 8))


@pytest.mark.parametrize(
    "line",
    [
        b"{", b"<html>", b'{"id":"Q1"', b'{"id":5,"site":1,"P279":1}', b"\xff\xfe{}", b'{"broken": }', b"{}",
            b'{"P279":' * 50_000 + b"1" + b"}" * 50_000,
        b'{"id":"Q1","labels":{"en":{"value":"\\ud800"}},"x":[' + b'"site",' * 9 + b"1]}",
        b'{"id":"Q1","claims":{"P31":[{"mainsnak":' + b"[" * 40_000 + b']}]},"x":[' + b'"site",' * 9 + b"1]}",
        b'{"id":"Q1","labels":"none","x":[' + b'"site",' * 9 + b"1]}",
        b'{"id":"Q1","claims":{"P31":{"a":1}},"x":[' + b'"site",' * 9 + b"1]}",
        b'{"x":"' + b"a" * LONGEST_LINE + b'"}',
    ],
    ids=lambda line: line[:20].decode(errors="replace"),
)  # fmt: skip
def test_broken_line_is_counted_and_the_others_are_read(line: bytes) -> None:
    found = lines(item(1, "A A"), line, item(2, "B B"))
    assert (found.seen, found.kept, found.broken) == (2, 2, 1)
    assert found.first_broken[0][0] == 2
    assert found.first_broken[0][1]


@pytest.mark.parametrize("qid", ["P31", "Q0", "Q01", "L5", "Q99999999999", "", "Q1\n"])
def test_what_is_no_item_is_passed_over(qid: str) -> None:
    other = item(1, "A A") | {"id": qid}
    found = lines(other)
    assert (found.seen, found.kept, found.broken) == (1, 0, 0)


def test_empty_objects_may_be_lists() -> None:
    bare = item(5, "A A", (HUMAN,)) | {"aliases": [], "descriptions": []}
    assert [i.labels for i in kept(bare)] == [("A A",)]
    nameless = item(6, "x") | {"labels": [], "claims": []}
    found = lines(nameless)
    assert (found.kept, found.broken) == (0, 0)


def test_names_of_other_languages_are_left_out() -> None:
    named = item(1, "A A", labels={"fr": "F", "de": "Dora D", "en-gb": "Anna A", "ru": "Р Р"})
    assert kept(named)[0].labels == ("A A", "Anna A", "Dora D")
    assert kept(named, languages=("ru", "en"))[0].labels[0] == "Р Р"


def test_names_are_bounded_in_number_and_length() -> None:
    many = item(1, "A A", aliases=[f"Name {n}" for n in range(500)] + ["x" * 5_000])
    (found,) = kept(many)
    assert len(found.aliases) == 40


def test_spool_is_read_as_it_was_written() -> None:
    found = kept(*(item(n, f"Name {n}") for n in range(1, 50)))
    assert [i.qid for i in found] == list(range(1, 50))
    assert json.loads(json.dumps(found[0].labels)) == ["Name 1"]
