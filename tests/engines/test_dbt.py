"""An incremental model of dbt-duckdb follows a lake, whatever is done to it: the example as it is shown.

dbt has an environment of its own, `.engines/dbt`, that `make engines` makes.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from newsmill.config import LakeConfig
from newsmill.lake import reader
from newsmill.lake.upkeep import compaction
from newsmill.lake.upkeep.takedown import take_down
from newsroom import story
from wirelake import AT, Press, Sent, made_no_article, press_day, retitled

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "dbt"
DBT = Path(os.environ.get("NEWSMILL_DBT") or ROOT / ".engines" / "dbt" / "bin" / "dbt")
LATER = AT + 10 * 3_600_000_000

pytestmark = pytest.mark.skipif(not DBT.exists(), reason=f"no {DBT}: run `make engines`")


class Model:
    """A copy of the example, and the database that it keeps."""

    def __init__(self, folder: Path, lake: str) -> None:
        self.project, self.lake = shutil.copytree(EXAMPLE, folder / "dbt"), lake
        (self.commands,) = re.findall(
            r"^```bash\n(.*?)^```",
            (EXAMPLE / "README.md").read_text(encoding="utf-8"),
            re.MULTILINE | re.DOTALL,
        )

    def build(self) -> str:
        """Type what the example says: what dbt printed."""
        path = f"{DBT.parent}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-c", self.commands],
            cwd=self.project,
            env=os.environ | {"PATH": path, "LAKE": self.lake},
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @property
    def since(self) -> str:
        """Where the next build goes on."""
        return (self.project / "since").read_text(encoding="utf-8")

    @since.setter
    def since(self, at: str) -> None:
        (self.project / "since").write_text(at, encoding="utf-8")

    def rows(self) -> list[tuple[object, ...]]:
        """What it has, in the order of the records."""
        with duckdb.connect(str(self.project / "news.duckdb"), read_only=True) as database:
            return database.sql(f"SELECT {SEEN} FROM articles ORDER BY ALL").fetchall()


SEEN = (
    'topic, "partition", "offset", article_id, revision, url, title, body, body_hash, withheld, '
    "epoch_us(ingested_at), epoch_us(updated_at), duplicate, entities, versions"
)


def in_lake(press: Press) -> list[tuple[object, ...]]:
    articles = reader.rows(press.config.path, "articles").to_table()
    with duckdb.connect() as here:
        return here.from_arrow(articles).select(SEEN).order("ALL").fetchall()


@pytest.fixture
def press(tmp_path: Path) -> Iterator[Press]:
    made = Press(LakeConfig(path=str(tmp_path / "lake")))
    press_day(made)
    made.send(Sent("https://late.example/1", story(51), "Later"), at=LATER)
    yield made
    made.close()


def run_on(press: Press) -> None:
    press.send(Sent("https://next.example/1", story(53), "Next"), at=press.lake.last_change + 1)


def compacted(press: Press) -> None:
    assert list(compaction.compact(press.lake.tables))


def replayed(press: Press) -> None:
    retitled(press, 2, "Another title", press.lake.last_change + 1)


def unmade(press: Press) -> None:
    made_no_article(press, 5)


def taken_down(press: Press) -> None:
    take_down(press.config, "wire.example", reason="case", now=LATER)


def planned_ahead(press: Press) -> None:
    """A batch whose time was told as visible before it was committed, as the endless job may have it."""
    planned = press.lake.last_change + 1
    for site in ("d.example", "e.example", "f.example"):
        take_down(press.config, site, reason="case", now=LATER)
    press.send(Sent("https://late.example/1", story(52), "Late"), at=planned)


NIGHTS: tuple[tuple[Callable[[Press], None], ...], ...] = (
    (compacted,),
    (run_on, replayed, unmade),
    (taken_down, planned_ahead),
)
"""What is done between two builds."""


@pytest.mark.timeout(3000)
def test_model_has_the_lake_after_run_compact_replay_and_takedown(press: Press, tmp_path: Path) -> None:
    model = Model(tmp_path, press.config.path)
    model.build()
    assert model.rows() == in_lake(press)
    for night in NIGHTS:
        before = model.rows()
        for step in night:
            step(press)
        since = model.since
        model.build()
        assert model.rows() == in_lake(press), night
        assert (model.rows() == before) == (night == (compacted,))
    model.since = since
    model.build()  # as after one that was cut off
    assert model.rows() == in_lake(press)
