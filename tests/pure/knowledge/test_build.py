from pathlib import Path

import pytest

from newsmill.errors import ConfigError
from newsmill.knowledge import files
from newsmill.knowledge.build import build
from newsmill.knowledge.entries import Entry, user_entries
from newsmill.knowledge.gazetteer import Gazetteer


def city(name: str, weight: float = 1e5, **more: object) -> Entry:
    return Entry(
        type="city", name=name, names=((name, "name", 1.0),), weight=weight, lat=1.0, lon=2.0, **more
    )  # type: ignore[arg-type]


def test_the_same_entities_give_the_same_bytes(tmp_path: Path) -> None:
    entries = [city("Athens", geonameid=1), city("Paris", geonameid=2)]
    first = build(entries, tmp_path / "a", sources={"x": "1"})
    second = build(entries, tmp_path / "b", sources={"x": "1"})
    assert first == second
    for file in sorted((tmp_path / "a").iterdir()):
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()


def test_version_changes_with_a_name(tmp_path: Path) -> None:
    one = build([city("Athens", geonameid=1)], tmp_path / "a", sources={})
    two = build([city("Athina", geonameid=1)], tmp_path / "b", sources={})
    assert one != two


def test_entities_with_one_id_become_one_with_all_names(tmp_path: Path) -> None:
    mine = Entry(type="company", name="Acme", names=(("Acme", "name", 1.0),), weight=3e6, qid=7, country="US")
    theirs = Entry(
        type="organisation", name="Acme Inc", names=(("Acme Inc", "name", 1.0),), weight=2e4, qid=7
    )
    build([mine, theirs], tmp_path / "kb", sources={})
    kb = Gazetteer.open(tmp_path / "kb")
    assert len(kb) == 1
    found = kb.lookup("Acme Inc")[0]
    assert (found.entity_id, found.type, found.name, found.country) == ("Q7", "company", "Acme", "US")


def test_build_replaces_a_knowledge_base_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    build([city("Athens", geonameid=1)], tmp_path / "kb", sources={})
    build([city("Paris", geonameid=2)], tmp_path / "kb", sources={})
    assert [p.name for p in tmp_path.iterdir()] == ["kb"]
    assert Gazetteer.open(tmp_path / "kb").lookup("paris")


def test_packed_knowledge_base_is_smaller_and_answers_alike(tmp_path: Path) -> None:
    towns = [city(f"Town {n}", geonameid=n) for n in range(1, 3_000)]
    for name, packed in (("packed", True), ("mapped", False)):
        build(towns, tmp_path / name, sources={}, packed=packed)
    size = {p.name: (p / "entities.arrow").stat().st_size for p in tmp_path.iterdir()}
    assert size["packed"] < size["mapped"] / 2
    one, two = (Gazetteer.open(tmp_path / name) for name in size)
    assert one.lookup("town 7") == two.lookup("town 7") != ()
    assert (one.version, one.has_context) == (two.version, False)


def test_build_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build([city("Athens", geonameid=1)], tmp_path / "kb", sources={})

    def fails(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "write_entities", fails)
    with pytest.raises(OSError, match="No space"):
        build([city("Paris", geonameid=2)], tmp_path / "kb", sources={})
    assert [p.name for p in tmp_path.iterdir()] == ["kb"]
    assert Gazetteer.open(tmp_path / "kb").lookup("athens")


def test_open_names_the_missing_file_when_the_folder_is_no_knowledge_base(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"names\.marisa is missing; `newsmill kb build --add`"):
        Gazetteer.open(tmp_path)


@pytest.mark.parametrize("file", ["names.marisa", "names.arrow", "edges.arrow", "entities.arrow"])
def test_open_says_damaged_when_a_file_is_torn(tmp_path: Path, file: str) -> None:
    build([city("Athens", geonameid=1)], tmp_path / "kb", sources={})
    (tmp_path / "kb" / file).write_bytes(b"not what was here")
    with pytest.raises(ConfigError, match="is damaged"):
        Gazetteer.open(tmp_path / "kb")


def test_build_refuses_an_empty_knowledge_base(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="at least one entity"):
        build([], tmp_path / "kb", sources={})


def test_users_yaml_and_csv_give_entities(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("company:\n- [Acme Mills, null, US, [Acme, AM]]\n")
    (tmp_path / "own.csv").write_text(
        "type,name,wikidata_id,country,aliases,lat,lon\ncity,Newtown,Q5,US,New Town|NT,1.5,2.5\n"
    )
    build(user_entries([tmp_path / "own.yaml", tmp_path / "own.csv"]), tmp_path / "kb", sources={})
    kb = Gazetteer.open(tmp_path / "kb")
    assert kb.lookup("acme mills")[0].entity_id == "newsmill:acme-mills"
    assert [(c.entity_id, c.lat, c.lon) for c in kb.lookup("New Town")] == [("Q5", 1.5, 2.5)]


def test_users_files_tell_every_mistake_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("company:\n- [Acme, P31, US]\n")
    (tmp_path / "b.csv").write_text("type,name\ncity,\n")
    with pytest.raises(ConfigError) as raised:
        user_entries([tmp_path / "a.yaml", tmp_path / "b.csv", tmp_path / "none.yaml"])
    problems = raised.value.problems
    assert len(problems) == 3
    assert "'P31' is no Wikidata id" in problems[0]
    assert "line 2" in problems[1]
    assert "none.yaml: can't be read" in problems[2]
