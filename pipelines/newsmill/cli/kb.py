"""`newsmill kb`: build and show knowledge bases."""

from __future__ import annotations

import json
import time
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Annotated

import typer
from rich.table import Table

from newsmill.cli.options import Json, group
from newsmill.cli.output import Screen, say
from newsmill.errors import ConfigError

app = group("Build and show knowledge bases: who and what can be named.")

_Folder = Annotated[
    Path | None,
    typer.Argument(help="Folder of the knowledge base; the one that comes with newsmill if absent."),
]


@app.command()
def build(
    folder: Annotated[Path, typer.Argument(help="Where to write; an earlier knowledge base is replaced.")],
    add: Annotated[
        list[Path] | None, typer.Option(help="YAML or CSV file with entities of your own; may be repeated.")
    ] = None,
    from_packages: Annotated[
        bool,
        typer.Option(
            help="Build from the packages of newsmill[kb-build], not from what comes with newsmill."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Build a knowledge base: the one that comes with newsmill, and entities of your own.

    Your own entities come first: where one has the id of another entity, its name, type and place win.
    """
    from newsmill.knowledge import build as builder, default
    from newsmill.knowledge.entries import user_entries
    from newsmill.knowledge.extend import extend

    if not add and not from_packages:
        raise ConfigError("nothing to build: name files of your own with --add")
    started = time.monotonic()
    own = user_entries(add or ())
    sources = {str(path): "own" for path in add or ()}
    if from_packages:
        packages = _packages()
        builder.build([*own, *packages.entries()], folder, sources=packages.versions() | sources)
    else:
        extend(default.knowledge_base(), own, folder, sources=sources)
    about = _about(folder) | {"seconds": round(time.monotonic() - started, 1)}
    if as_json:
        say(json.dumps(about))
        return
    say(
        f"{folder}: {about['entities']:,} entities under {about['names']:,} names, {about['megabytes']} MB, "
        f"version {about['version']}"
    )


def _packages() -> ModuleType:
    try:
        return import_module("newsmill.knowledge.packages")
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"{error.name} is not installed; pip install 'newsmill[kb-build]' brings it"
        ) from None


@app.command()
def show(
    folder: _Folder = None,
    name: Annotated[list[str] | None, typer.Option(help="A name to look up; may be repeated.")] = None,
    as_json: Json = False,
) -> None:
    """Show what a knowledge base holds, or whom a name can mean."""
    from newsmill.knowledge import default
    from newsmill.knowledge.gazetteer import Gazetteer

    folder = folder or default.knowledge_base()
    about = _about(folder)
    gazetteer = Gazetteer.open(folder)
    found = {n: gazetteer.lookup(n) for n in name or ()}
    if as_json:
        bearers = {
            n: [{f: getattr(c, f) for f in c.__struct_fields__} for c in cs] for n, cs in found.items()
        }
        say(json.dumps(about | ({"found": bearers} if name else {})))
        return
    if not name:
        table = Table("", "", box=None, show_header=False)
        for key, value in about.items():
            table.add_row(
                key,
                ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else str(value),
            )
        Screen(markup=False).print(table)
        return
    table = Table("name", "prior", "type", "entity", "country", "id", box=None)
    for surface, candidates in found.items():
        for c in candidates[:10]:
            table.add_row(surface, f"{c.prior:.3f}", c.type, c.name, c.country or "", c.entity_id)
        if not candidates:
            table.add_row(surface, "", "", "unknown", "", "")
    Screen(markup=False).print(table)


@app.command(hidden=True)
def condense(
    package: Annotated[Path, typer.Argument(help="Unpacked npm package name-suggestion-index.")],
) -> None:
    """Rewrite the table of organisations that ships with newsmill (for its maintainers)."""
    from newsmill.knowledge import name_suggestion_index

    _write("organisations.tsv.gz", name_suggestion_index.condense(package))


@app.command(hidden=True)
def condense_territories() -> None:
    """Rewrite the table of territories that ships with newsmill from rigour (for its maintainers)."""
    from newsmill.knowledge import territories

    _write(territories.TABLE, territories.condense().encode())


@app.command(hidden=True)
def condense_words(
    sources: Annotated[Path, typer.Argument(help="Folder with the dictionaries that condense.py names.")],
) -> None:
    """Rewrite the word lists of languages without capitals (for newsmill's maintainers)."""
    from newsmill.knowledge.recognisers import condense

    for name, content in condense.files(sources):
        target = Path(condense.__file__).parent / "data" / name
        target.write_bytes(content)
        say(f"{target}: {len(content):,} bytes")


def _write(table: str, content: bytes) -> None:
    from newsmill.knowledge import default

    target = default.knowledge_base().parent / table
    target.write_bytes(content)
    say(f"{target}: {len(content):,} bytes")


def _about(folder: Path) -> dict[str, object]:
    from newsmill.knowledge.gazetteer import Gazetteer

    gazetteer = Gazetteer.open(folder)
    size = sum(f.stat().st_size for f in folder.iterdir())
    kept = {k: gazetteer.about[k] for k in ("version", "format", "entities", "names", "sources")}
    return {"folder": str(folder), **kept, "megabytes": round(size / 1e6, 1)}
