"""From a dump to a knowledge base, by the command and by its parts; readings are really killed."""

import bz2
import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.wikidata_lines import CITY, COMPANY, FILM, dump, item
from typer.testing import CliRunner

from newsmill.cli.kb import app
from newsmill.errors import ConfigError
from newsmill.knowledge import default
from newsmill.knowledge.build import build
from newsmill.knowledge.entries import Entry
from newsmill.knowledge.gazetteer import Candidate, Gazetteer
from newsmill.knowledge.wikidata import items as wikidata_items, reading
from newsmill.knowledge.wikidata.making import spool_of

ATHENS = Entry(
    type="city", name="Athens", names=(("Athens", "name", 1.0), ("Athina", "name", 0.5)), weight=2e6,
    geonameid=264371, country="GR", lat=37.98, lon=23.73, population=664046,
)  # fmt: skip
GREECE = Entry(
    type="country", name="Greece", names=(("Greece", "name", 1.0),), weight=4e7, qid=41, country="GR"
)
ACME = Entry(type="company", name="Acme", names=(("Acme", "name", 1.0),), weight=2e4, qid=7)


@pytest.fixture(autouse=True)
def small_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes with newsmill is a town, a country and a firm."""
    build([GREECE, ATHENS, ACME], tmp_path / "base", sources={"towns": "1"})
    monkeypatch.setattr(default, "knowledge_base", lambda: tmp_path / "base")


def made(folder: Path, text: bytes, *words: str) -> Gazetteer:
    """The knowledge base that the command makes of a dump."""
    (folder / "dump.json.gz").write_bytes(gzip.compress(text))
    run(
        "build",
        "--wikidata",
        str(folder / "dump.json.gz"),
        "-o",
        str(folder / "kb"),
        "--workers",
        "1",
        *words,
    )
    return Gazetteer.open(folder / "kb")


def run(*words: str) -> dict[str, object]:
    result = CliRunner().invoke(app, [*words, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    told: dict[str, object] = json.loads(result.stdout)
    return told


def ids(found: tuple[Candidate, ...]) -> list[str]:
    return [candidate.entity_id for candidate in found]


def point(lat: float, lon: float) -> dict[str, float]:
    return {"latitude": lat, "longitude": lon}


def test_dump_gives_entities_with_type_country_point_and_year(tmp_path: Path) -> None:
    kb = made(
        tmp_path,
        dump(
            [
                item(100, "Maria Papa", links=40, words="novelist",
                     claims={"P27": [41], "P106": [36180]}),
                item(101, "Olive Mills", (900,), claims={"P17": [41], "P571": [{"time": "+1961-01-01"}]}),
                item(102, "Nea Polis", (CITY,), claims={"P17": [41], "P625": [point(38.5, 22.5)]}),
                item(900, "kind of firm", (), links=0, claims={"P279": [901]}),
                item(901, "another", (), links=0, claims={"P279": [COMPANY]}),
            ]
        ),
    )  # fmt: skip
    (maria,), (mills,), (polis,) = (kb.lookup(n) for n in ("maria papa", "Olive Mills", "Nea Polis"))
    assert (maria.type, maria.coarse, maria.country, maria.weight) == ("artist", "PER", "GR", 320_000.0)
    assert (mills.type, mills.founded, mills.country) == ("company", 1961, "GR")
    assert (polis.type, polis.lat, polis.lon, polis.entity_id) == ("city", 38.5, 22.5, "Q102")
    assert len(kb) == 6
    assert "dump.json.gz, 5 items" in kb.about["sources"]["wikidata"]
    assert kb.about["sources"]["towns"] == "1"


def test_items_lend_the_base_their_ids_and_names(tmp_path: Path) -> None:
    kb = made(
        tmp_path,
        dump(
            [
                item(1524, "Athens GR", (CITY,), links=200, labels={"de": "Athen"},
                     claims={"P625": [point(37.984, 23.728)], "P1566": ["264371"]}),
                item(7, "Acme Corporation", (COMPANY,), links=60, aliases=["ACME Inc"], claims={"P17": [41]}),
            ]
        ),
    )  # fmt: skip
    assert len(kb) == 3
    (athens,) = kb.lookup("Athen")
    assert (athens.entity_id, athens.name, athens.geonameid, athens.weight) == (
        "Q1524",
        "Athens",
        264371,
        1.6e6,
    )
    assert kb.lookup("Athens")[0].weight == 2e6
    (acme,) = kb.lookup("acme")
    assert (acme.name, acme.country, acme.weight) == ("Acme", "GR", 720_000.0)
    assert ids(kb.lookup("acme inc")) == ids(kb.lookup("acme corporation")) == ["Q7"]


@pytest.mark.parametrize(
    ("where", "geonames", "same"),
    [
        (point(38.0, 23.7), [], True), (point(33.95, -83.38), [], False),
        (point(33.95, -83.38), ["264371"], False), (None, ["264371"], False),
    ],
)  # fmt: skip
def test_town_is_the_bases_only_where_it_lies_there(
    tmp_path: Path, where: dict[str, float] | None, geonames: list[str], same: bool
) -> None:
    claims = {"P625": [where] if where else [], "P1566": geonames}
    kb = made(tmp_path, dump([item(200, "Athens", (CITY,), claims=claims)]))
    assert (len(kb) == 3) is same


def test_classes_that_are_no_names_of_the_news_are_left_out(tmp_path: Path) -> None:
    kb = made(
        tmp_path,
        dump(
            [
                item(300, "Athens (disambiguation)", (4167410,)), item(301, "Papadopoulos", (101352,)),
                item(302, "small letters", (987654,)), item(304, "A Film", (FILM,)),
            ]
        ),
    )  # fmt: skip
    assert sorted(set(kb.names())) == ["a film", "acme", "athens", "athina", "greece"]
    assert len(kb) == 4


def test_item_of_an_unknown_class_is_a_place_where_it_has_a_point_else_a_thing(tmp_path: Path) -> None:
    odd = [
        item(302, "Odd Rock", (987654,), claims={"P625": [point(38.0, 23.0)]}),
        item(303, "Odd Custom", ()),
    ]
    kb = made(tmp_path, dump(odd))
    assert [kb.lookup(name)[0].type for name in ("odd rock", "odd custom")] == ["place", "thing"]


def test_reading_that_kept_nothing_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "few.gz").write_bytes(gzip.compress(dump([item(1, "Ann Bell", links=2)])))
    with pytest.raises(ConfigError, match="none of its 1 items"):
        run("build", str(tmp_path / "kb"), "--wikidata", str(tmp_path / "few.gz"), "--workers", "1")
    assert not spool_of(tmp_path / "kb").exists()
    told = run("build", str(tmp_path / "kb"), "--wikidata", str(tmp_path / "few.gz"), "--min-sitelinks", "2")
    assert told["kept"] == 1


def test_bare_surnames_and_words_in_small_letters_are_no_names(tmp_path: Path) -> None:
    kb = made(
        tmp_path,
        dump(
            [
                item(310, "Maria Papa", links=50, aliases=["Papa", "the writer", "M. Papa", "12"]),
                item(311, "Pelé", links=90), item(312, "Time", (FILM,), links=20), item(313, "war", (198,)),
            ]
        ),
    )  # fmt: skip
    names = set(kb.names()) - {"acme", "athens", "athina", "greece"}
    assert names == {"maria papa", "m. papa", "pele"}


def test_a_names_renowned_bearer_comes_first_and_the_least_are_dropped(tmp_path: Path) -> None:
    kb = made(tmp_path, dump([item(400 + n, "John Smith", links=5 + n) for n in range(50)]))
    found = kb.lookup("john smith")
    assert found[0].entity_id == "Q449"
    assert len(found) == 32
    assert [c.weight for c in found] == sorted((c.weight for c in found), reverse=True)


def test_club_named_as_its_town_weighs_less_than_the_town(tmp_path: Path) -> None:
    club = item(500, "Athens F.C.", (476028,), links=150, aliases=["Athens"])
    kb = made(tmp_path, dump([club]))
    assert [c.type for c in kb.lookup("Athens")] == ["city", "club"]
    assert kb.lookup("Athens")[0].prior > 0.85


def test_item_that_stands_twice_counts_once(tmp_path: Path) -> None:
    assert len(made(tmp_path, dump([item(1, "Ann Bell"), item(1, "Ann Bell")]))) == 4


def test_same_dump_gives_the_same_bytes_whatever_reads_it(tmp_path: Path) -> None:
    text = dump([item(n, f"Name {n % 40} Family{n % 7}", links=n % 30) for n in range(1, 3_000)])
    (tmp_path / "a.json.gz").write_bytes(gzip.compress(text))
    (tmp_path / "b.json.bz2").write_bytes(bz2.compress(text, 1))
    told = [
        run(
            "build", "--wikidata", str(tmp_path / dump), "-o", str(tmp_path / kb / "kb"), "--workers", workers
        )
        for kb, dump, workers in (("1", "a.json.gz", "1"), ("2", "a.json.gz", "2"), ("3", "b.json.bz2", "2"))
    ]
    assert [t["kept"] for t in told] == [told[0]["kept"]] * 3
    for file in ("entities.arrow", "edges.arrow", "names.arrow", "names.marisa"):
        one, two = ((tmp_path / n / "kb" / file).read_bytes() for n in "12")
        assert one == two
    assert told[0]["version"] == told[2]["version"]


def test_broken_lines_are_skipped_and_told_up_to_the_bound(tmp_path: Path) -> None:
    text = dump([item(1, "Ann Bell"), b"{no", b"null", item(2, "Bob Bell")])
    (tmp_path / "d.gz").write_bytes(gzip.compress(text))
    told = run("build", str(tmp_path / "kb"), "--wikidata", str(tmp_path / "d.gz"), "--max-broken", "2")
    assert (told["items"], told["broken"]) == (2, 2)
    with pytest.raises(ConfigError, match=r"more than 1 lines are broken; the first one, line 3: is no JSON"):
        run("build", str(tmp_path / "kb2"), "--wikidata", str(tmp_path / "d.gz"), "--max-broken", "1")
    assert not (tmp_path / "kb2").exists()


def test_line_without_end_is_one_broken_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (reading, wikidata_items):
        monkeypatch.setattr(module, "LONGEST_LINE", 1_000_000)
    endless = b'{"id":"Q9","x":"' + b"a" * 30_000_000 + b'"}'
    text = dump([item(1, "Ann Bell"), endless, item(2, "Bob Bell")])
    (tmp_path / "d.gz").write_bytes(gzip.compress(text))
    told = run("build", str(tmp_path / "kb"), "--wikidata", str(tmp_path / "d.gz"), "--workers", "1")
    assert (told["items"], told["broken"], told["lines"]) == (2, 1, 5)


def test_torn_dump_is_refused_and_what_was_there_stays(tmp_path: Path) -> None:
    text = dump([item(n, f"Ann B{n}ell") for n in range(1, 2_000)])
    before = made(tmp_path, text).version
    whole = (tmp_path / "dump.json.gz").read_bytes()
    (tmp_path / "torn.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ConfigError, match=rf"torn\.gz: is torn: it ends here.*: byte {len(whole) // 2:,}"):
        run("build", str(tmp_path / "kb"), "--wikidata", str(tmp_path / "torn.gz"))
    assert Gazetteer.open(tmp_path / "kb").version == before
    (tmp_path / "torn.gz").write_bytes(whole)  # the rest was fetched
    assert (
        run("build", str(tmp_path / "kb"), "--wikidata", str(tmp_path / "torn.gz"))["entities"] == 2_000
    )  # two are the base's


def test_spool_of_another_dump_is_refused_with_the_way_out(tmp_path: Path) -> None:
    texts = [dump([item(n, f"Ann {letter}{n}ell") for n in range(1, 2_000)]) for letter in "BC"]
    packed = gzip.compress(texts[0])
    (tmp_path / "a.gz").write_bytes(packed[: len(packed) // 2])
    (tmp_path / "b.gz").write_bytes(gzip.compress(texts[1]))
    with pytest.raises(ConfigError, match="is torn"):
        run("build", str(tmp_path / "kb"), "--wikidata", str(tmp_path / "a.gz"))
    for words in (("b.gz",), ("a.gz", "--min-sitelinks", "6"), ("a.gz", "--languages", "de")):
        with pytest.raises(ConfigError, match=r"another dump or with other options; remove that folder"):
            run("build", str(tmp_path / "kb"), "--wikidata", str(tmp_path / words[0]), *words[1:])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--wikidata", "nowhere.gz", "-o", "kb"], "there is no such file"),
        (["--wikidata", "dump", "-o", "kb"], "neither gzip nor bzip2"),
        (["--wikidata", "dump", "-o", "kb", "--languages", "en,x1"], "--languages: x1"),
        (["--wikidata", "dump", "-o", "kb", "--languages", ","], "--languages: none"),
        (["--wikidata", "dump", "-o", "kb", "--from-packages"], "don't go together"),
        (["--wikidata", "dump"], "name one folder"),
        (["kb", "--wikidata", "dump", "-o", "kb"], "name one folder"),
        (["--wikidata", "few.gz", "-o", "kb"], "none of its 1 items is in 5 Wikipedias"),
        (["--wikidata", "few.gz", "-o", "."], "no knowledge base"),
    ],
)
def test_mistakes_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("dump").write_bytes(b"no archive")
    Path("few.gz").write_bytes(gzip.compress(dump([item(1, "Ann Bell", links=2)])))
    with pytest.raises(ConfigError, match=told):
        run("build", *words)


def test_own_entities_come_before_those_of_the_dump(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("company:\n- [My Mills, Q700, GR, [Mills]]\n")
    kb = made(tmp_path, dump([item(700, "Their Mills", (COMPANY,))]), "--add", str(tmp_path / "own.yaml"))
    assert [(c.name, c.entity_id) for c in kb.lookup("their mills")] == [("My Mills", "Q700")]


def test_columns_are_mapped_and_shared(tmp_path: Path) -> None:
    kb = made(tmp_path, dump([item(n, f"Ann B{n}ell") for n in range(1, 500)]))
    mapped = Path("/proc/self/maps").read_text()
    for file in ("entities.arrow", "edges.arrow", "names.arrow"):
        assert str(tmp_path / "kb" / file) in mapped
    assert kb.lookup("Ann B7ell")[0].entity_id == "Q7"


@pytest.mark.parametrize("kind", ["gz", "bz2"])
def test_killed_reading_goes_on_and_gives_the_same_bytes(tmp_path: Path, kind: str) -> None:
    text = dump([item(n, f"Ann {n:x} Bell{n % 97}", links=n % 40) for n in range(1, 40_000)])
    file = tmp_path / f"dump.{kind}"
    file.write_bytes(gzip.compress(text, 1) if kind == "gz" else bz2.compress(text, 1))
    wanted = command(file, tmp_path / "whole" / "kb", every_s=60.0)
    assert wanted.wait() == 0
    folder = tmp_path / "killed" / "kb"
    kills = 0
    while True:
        process = command(file, folder, every_s=0.0)
        before = saved(folder)
        while process.poll() is None and saved(folder) == before:
            time.sleep(0.005)
        if process.poll() is not None:
            break
        if kills < 3:
            process.send_signal(signal.SIGKILL)
            kills += 1
        elif process.wait() == 0:
            break
    assert process.returncode == 0
    assert kills == 3
    assert not spool_of(folder).exists()
    for name in os.listdir(folder):
        assert (folder / name).read_bytes() == (tmp_path / "whole" / "kb" / name).read_bytes(), name


def command(file: Path, folder: Path, *, every_s: float) -> subprocess.Popen[bytes]:
    """A build in a process of its own, which saves its progress as often."""
    program = (
        "from pathlib import Path; from newsmill.knowledge.wikidata import archive, making, reading;"
        f"reading._SAVED_EVERY_S = {every_s}; archive._TEXT = 500_000; archive._READ = 50_000;"
        f"making.make(Path({str(file)!r}), Path({str(folder)!r}), "
        "reading.Options(least_sitelinks=5, languages=('en',), most_broken=0),"
        f"base=Path({str(default.knowledge_base())!r}), own=[], sources={{}}, workers=1, told=lambda p: None)"
    )
    return subprocess.Popen([sys.executable, "-c", program])


def saved(folder: Path) -> bytes:
    """The progress that a reading saved last."""
    file = spool_of(folder) / "progress"
    try:
        return file.read_bytes()[-200:]
    except FileNotFoundError:
        return b""
