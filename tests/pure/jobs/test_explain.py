"""Every record of a lake can be told of, whatever became of it since."""

from __future__ import annotations

from pathlib import Path

import pytest

import synthetic
from newsmill.config import LakeConfig
from newsmill.errors import ConfigError
from newsmill.jobs.explain import explain, tell
from newsmill.lake.upkeep.takedown import take_down

NOW = 1_790_000_000_000_000


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("told") / "lake"
    return synthetic.made(folder, batches=1, size=20)


def records() -> list[int]:
    return [offset for offset in range(20) if synthetic.exists(offset)]


def test_story_of_every_record_is_told_before_and_after_a_takedown(lake: Path) -> None:
    told = {}
    for when in ("before", "after"):
        for offset in records():
            (story,) = explain(str(lake), f"{synthetic.TOPIC}/0/{offset}")
            told[when, offset] = dict(tell(story))
        if when == "before":
            take_down(LakeConfig(path=str(lake)), "site0.example", reason="case 7", now=NOW)
    withheld = [
        offset for offset in records() if ("withheld", "case 7") in told["after", offset].get("withheld", ())
    ]
    assert len(withheld) == synthetic.ARTICLES_A_GROUP
    assert all(("title" in dict(told["before", o]["page"])) for o in withheld)
    assert not any("title" in dict(told["after", o]["page"]) for o in withheld)


@pytest.mark.parametrize(
    "place", ["0/9223372036854775808", f"0/{10**30}", "2147483648/1", f"{10**12}/{10**25}"]
)
def test_place_that_kafka_can_not_have_is_one_without_a_record(lake: Path, place: str) -> None:
    assert explain(str(lake), f"{synthetic.TOPIC}/{place}") == []


@pytest.mark.parametrize("place", ["0/9223372036854775807", "2147483647/0"])
def test_last_place_that_kafka_can_have_is_looked_up(lake: Path, place: str) -> None:
    assert explain(str(lake), f"{synthetic.TOPIC}/{place}") == []


@pytest.mark.parametrize("what", ["", "/", "\ud83d", "\x00", "x" * 40, "http://", "[", "http://[", "a/b/c"])
def test_what_is_no_page_and_no_record_is_refused(lake: Path, what: str) -> None:
    with pytest.raises(ConfigError, match="neither a URL"):
        explain(str(lake), what)
