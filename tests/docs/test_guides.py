"""What the guides show is run: queries on the demo's lake, commands against the command line's own help."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import typer.main
from duckdb_extensions import import_extension

from newsmill.cli import app
from newsmill.observe import questions

ROOT = Path(__file__).parents[2]
GUIDES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
QUERYING = (ROOT / "docs" / "guide" / "querying.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", QUERYING, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def duck(demo_lake: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB after what the guide says first, with the views that it names; the extension is at hand."""
    first = blocks("sql")[0].replace("INSTALL iceberg; ", "").replace("LAKE", str(demo_lake))
    for extension in ("avro", "iceberg"):
        import_extension(extension)
    with duckdb.connect() as connection:
        connection.load_extension("avro")
        connection.execute(first)
        for name in ("clusters", "articles", "stories"):
            connection.execute((ROOT / "schemas" / "output" / f"{name}.sql").read_text(encoding="utf-8"))
        yield connection


@pytest.mark.parametrize("query", blocks("sql")[1:], ids=range(1, len(blocks("sql"))))
def test_query_of_the_guide_gives_rows(duck: duckdb.DuckDBPyConnection, demo_lake: Path, query: str) -> None:
    assert duck.sql(query.replace("LAKE", str(demo_lake)).rstrip().rstrip(";")).fetchall()


def test_query_of_the_readme_gives_rows(duck: duckdb.DuckDBPyConnection, demo_lake: Path) -> None:
    [query] = re.findall(
        r"^```sql\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    assert duck.sql(query.replace("/data/lake", str(demo_lake)).rstrip().rstrip(";")).fetchall()


def test_views_through_iceberg_say_what_newsmill_sql_says(
    duck: duckdb.DuckDBPyConnection, demo_lake: Path
) -> None:
    asked = "SELECT (SELECT count(*) FROM copies), (SELECT count(*) FROM article_entities_latest)"
    assert duck.sql(asked).fetchall() == questions.connect(str(demo_lake)).sql(asked).fetchall()


@pytest.mark.parametrize("code", blocks("python"), ids=range(len(blocks("python"))))
def test_python_of_the_guide_runs(demo_lake: Path, code: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", code.replace("LAKE", str(demo_lake))],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


@pytest.mark.parametrize(
    "guide",
    [guide for guide in GUIDES if guide.name != "first-steps.md"],  # its own test runs it, mistakes included
    ids=lambda g: str(g.relative_to(ROOT)),
)
def test_commands_of_a_guide_exist(guide: Path) -> None:
    group: Any = typer.main.get_command(app)
    context = group.context_class(group)
    known = set(group.list_commands(context))
    text = guide.read_text(encoding="utf-8")
    for match in re.finditer(r"(?:^\$ |`)newsmill ([a-z]+)(.*)", text, re.MULTILINE):
        assert match[1] in known, f"{guide}: newsmill {match[1]}"
        options = {
            option
            for command in (group.get_command(context, match[1]),)
            for sub in getattr(command, "commands", {"": command}).values()
            for parameter in sub.params
            for option in (*parameter.opts, *parameter.secondary_opts)
        }
        for option in re.findall(r"(?<=\s)(--?[a-z][a-z-]*)", match[2].split("`")[0].split("#")[0]):
            assert option in options, f"{guide}: newsmill {match[1]} {option}"


@pytest.mark.parametrize("guide", GUIDES, ids=lambda g: str(g.relative_to(ROOT)))
def test_links_of_a_guide_lead_somewhere(guide: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", guide.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (guide.parent / target).exists(), f"{guide}: {target}"
