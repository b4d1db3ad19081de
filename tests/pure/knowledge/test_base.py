"""The knowledge base that comes with newsmill, and building on it."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from newsmill.errors import ConfigError
from newsmill.knowledge import opentraveldata
from newsmill.knowledge.build import build
from newsmill.knowledge.default import knowledge_base
from newsmill.knowledge.entries import Entry, user_entries
from newsmill.knowledge.extend import extend
from newsmill.knowledge.gazetteer import Gazetteer

OWN = """
company:
- [Acme Mills, null, US, [Acme, AM]]
government:
- [Ruritanian Diet, null, XK, ["~Diet"]]
- [Lutetia, null, XK]
city:
- [Lutece, Q90, FR, [Lutèce]]
"""


@pytest.fixture(scope="module")
def packages() -> ModuleType:
    """What builds the knowledge base, with the very versions that it was built from."""
    try:
        from newsmill.knowledge import packages
    except ModuleNotFoundError as error:
        pytest.skip(f"{error.name} is not installed; pip install 'newsmill[kb-build]' brings it")
    sources = json.loads((knowledge_base() / "about.json").read_text())["sources"]
    assert packages.versions() == sources, "other packages than those it was built from: run make kb"
    return packages


@pytest.fixture(scope="module")
def entries(packages: ModuleType) -> list[Entry]:
    found: list[Entry] = packages.entries()
    return found


@pytest.fixture
def own(tmp_path: Path) -> list[Entry]:
    (tmp_path / "own.yaml").write_text(OWN, encoding="utf-8")
    return user_entries([tmp_path / "own.yaml"])


def bearers(kb: Gazetteer) -> Iterator[tuple[str, list[tuple[object, ...]]]]:
    for name in sorted(kb.names()):
        yield name, [(c.entity_id, c.name, c.type, c.role, c.weight, c.prior) for c in kb.lookup(name)]


def test_ids_of_towns_agree_with_those_of_the_author(packages: ModuleType) -> None:
    folder = Path(packages.neobase.__file__).parent
    known = {
        p.geonameid: f"Q{p.qid}"
        for p in opentraveldata.read(folder / opentraveldata.FILE)
        if p.qid and not p.is_airport and p.qid < packages._DOUBLES
    }
    own = {(e.geonameid, f"Q{e.qid}") for e in packages._city_entries(packages.towns(), (), ()) if e.qid}
    agree = [known[number] == qid for number, qid in own if number in known]
    assert len(agree) > 180
    assert sum(agree) >= 0.97 * len(agree)


def test_division_weighs_less_than_the_large_city_that_it_is_named_for(entries: list[Entry]) -> None:
    weights = {(e.type, e.country, e.name): e.weight for e in entries if e.type in ("admin1", "city")}
    for country, name in (("JP", "Osaka"), ("JP", "Hiroshima"), ("AT", "Salzburg")):
        assert weights["admin1", country, name] < weights["city", country, name]


def test_shipped_knowledge_base_is_what_the_packages_and_tables_give(
    tmp_path: Path, packages: ModuleType, entries: list[Entry]
) -> None:
    build(entries, tmp_path / "kb", sources=packages.versions(), packed=True)
    shipped = {file.name: file.read_bytes() for file in knowledge_base().iterdir()}
    built = {file.name: file.read_bytes() for file in (tmp_path / "kb").iterdir()}
    assert built.keys() == shipped.keys()
    differing = [name for name in built if built[name] != shipped[name]]
    assert not differing, "a table or the builder changed: run make kb and commit what it writes"


def test_extended_knowledge_base_is_the_one_built_from_all_entities_at_once(
    tmp_path: Path, own: list[Entry], entries: list[Entry]
) -> None:
    build([*own, *entries], tmp_path / "whole", sources={})
    extend(knowledge_base(), own, tmp_path / "extended", sources={"own.yaml": "own"})
    whole, extended = Gazetteer.open(tmp_path / "whole"), Gazetteer.open(tmp_path / "extended")
    assert list(bearers(extended)) == list(bearers(whole))
    assert extended.about["sources"]["own.yaml"] == "own"
    assert extended.lookup("acme")[0].entity_id == "newsmill:acme-mills"


def test_extending_by_nothing_changes_no_name(tmp_path: Path) -> None:
    towns = [
        Entry(type="city", name=n, names=((n, "name", 1.0),), weight=w, geonameid=i, lat=1.0, lon=2.0)
        for i, (n, w) in enumerate([("Athens", 1e5), ("Paris", 0.1), ("Athens", 3e4 / 7)], 1)
    ]
    build(towns, tmp_path / "base", sources={})
    extend(tmp_path / "base", [], tmp_path / "same", sources={})
    base, same = Gazetteer.open(tmp_path / "base"), Gazetteer.open(tmp_path / "same")
    assert list(bearers(base)) == list(bearers(same))
    assert list(base.entries()) == list(same.entries())


def test_foreign_name_of_a_place_weighs_less_once_it_is_an_added_entitys_own(tmp_path: Path) -> None:
    paris = Entry(
        type="city",
        name="Paris",
        names=(("Paris", "name", 1.0), ("Lutetia", "name", 0.8)),
        weight=2e6,
        qid=90,
    )
    build([paris], tmp_path / "base", sources={})
    mine = Entry(type="company", name="Lutetia", names=(("Lutetia", "name", 1.0),), weight=3e6, id="mine")
    extend(tmp_path / "base", [mine], tmp_path / "mine", sources={})
    weights = {c.name: c.weight for c in Gazetteer.open(tmp_path / "mine").lookup("lutetia")}
    assert weights == pytest.approx({"Lutetia": 3e6, "Paris": 2e6 * 0.8 * 0.02})


def test_build_refuses_a_folder_that_holds_something_else(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match="no knowledge base"):
        extend(knowledge_base(), [], tmp_path, sources={})
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]
