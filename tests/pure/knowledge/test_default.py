from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from newsmill.errors import ConfigError
from newsmill.knowledge import default, packages
from newsmill.knowledge.gazetteer import Gazetteer
from newsmill.knowledge.packages import Entry

ENTRY = Entry(type="city", name="Athens", names=(("Athens", "name", 1.0),), weight=1e5, geonameid=1)


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often entities were read; the cache is an empty folder, the packages hold one town."""
    calls: list[int] = []

    def entries() -> list[Entry]:
        calls.append(1)
        return [ENTRY]

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(packages, "entries", entries)
    return calls


def test_default_knowledge_base_is_built_once_when_many_ask_at_once(built: list[int]) -> None:
    with ThreadPoolExecutor(8) as pool:
        folders = set(pool.map(lambda _: default.knowledge_base(), range(8)))
    assert len(folders) == 1
    assert len(built) == 1
    assert Gazetteer.open(folders.pop()).lookup("athens")


def test_default_knowledge_base_is_built_anew_when_a_package_changes(
    built: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = default.knowledge_base()
    monkeypatch.setattr(packages, "versions", lambda: {"rigour": "99"})
    assert default.knowledge_base() != first
    assert len(built) == 2


def test_cache_keeps_the_three_newest(
    built: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for number in range(5):
        monkeypatch.setattr(packages, "versions", lambda number=number: {"rigour": str(number)})
        newest = default.knowledge_base()
    left = [f for f in (tmp_path / "newsmill").iterdir() if f.is_dir()]
    assert len(left) == 3
    assert newest in left


def test_cache_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(ConfigError, match=r"can.t be written: .*set XDG_CACHE_HOME or enrich\.kb"):
        default.knowledge_base()
