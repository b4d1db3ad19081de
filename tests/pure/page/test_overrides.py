"""Rules for single sites: off by default, checked when read."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsmill.config import InputConfig, PageConfig
from newsmill.errors import ConfigError
from newsmill.page.analysis import read_page_any
from newsmill.page.overrides import load
from newsmill.records import Position, RawPage

TEXT = (
    "<p>The council voted on Monday to rebuild the old bridge after years of debate about its cost.</p>" * 4
)
PLUG = "<p class='plug'>Our shop sells fine bridges of wood, come and see them today.</p>"
PAGE = f"<h1>Bridge</h1><div class='a story-text'>{TEXT}{PLUG}</div>"


def body(site_overrides: Path | None, url: str = "https://www.example.org/1") -> str:
    raw = RawPage(position=Position(topic="t", partition=0, offset=0), url=url, body=PAGE.encode())
    return read_page_any(raw, page=PageConfig(site_overrides=site_overrides), input=InputConfig())[0].body


def test_rules_apply_to_their_site_only(tmp_path: Path) -> None:
    file = tmp_path / "sites.yaml"
    file.write_text("example.org:\n  remove: [p.plug]\n  body: [.story-text]\n")
    assert "shop" in body(None)
    assert "shop" in body(file, "https://other.example/1")
    assert "shop" not in body(file)
    assert "council voted" in body(file)


def test_every_wrong_rule_is_told(tmp_path: Path) -> None:
    file = tmp_path / "sites.yaml"
    file.write_text("example.org:\n  remove: ['div > p']\nother.org:\n  rmove: [p]\n")
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize("text", ["- a\n", "a: [\n"])
def test_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "sites.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError):
        load(file)
