"""`newsmill kb`: build and show knowledge bases."""

from __future__ import annotations

import json
import os
import time
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress as ProgressBar,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from newsmill.cli.groups import group
from newsmill.cli.options import Json, outside_lakes
from newsmill.cli.output import Screen, say
from newsmill.errors import ConfigError

if TYPE_CHECKING:
    from newsmill.knowledge.entries import Entry

LEAST_SITELINKS: Final = 5
LANGUAGES: Final = ("en", "es", "de", "fr", "it", "pt", "nl", "pl", "ru", "uk", "ar", "fa", "zh", "ja", "ko")

app = group("Build and show knowledge bases: who and what can be named.")

_Folder = Annotated[
    Path | None,
    typer.Argument(help="Folder of the knowledge base; the one that comes with newsmill if absent."),
]


@app.command()
def build(
    folder: Annotated[
        Path | None,
        typer.Argument(
            help="Where to write, not in a lake; an earlier knowledge base is replaced.",
            callback=outside_lakes,
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "--output", "-o", help="The same.", callback=outside_lakes)
    ] = None,
    add: Annotated[
        list[Path] | None, typer.Option(help="YAML or CSV file with entities of your own; may be repeated.")
    ] = None,
    wikidata: Annotated[
        Path | None,
        typer.Option(
            help="Wikidata's JSON dump (.json.gz or .json.bz2), whose entities are added.", dir_okay=False
        ),
    ] = None,
    min_sitelinks: Annotated[
        int, typer.Option(min=1, help="Wikipedias that have an article on an item that is kept.")
    ] = LEAST_SITELINKS,
    languages: Annotated[
        str, typer.Option(help="Languages whose names are kept of the dump, the first one before the others.")
    ] = ",".join(LANGUAGES),
    max_broken: Annotated[
        int, typer.Option(min=0, help="Broken lines of the dump that are skipped before it is refused.")
    ] = 1_000,
    workers: Annotated[int, typer.Option(min=1, help="Processes that read the dump.")] = len(
        os.sched_getaffinity(0)
    ),
    from_packages: Annotated[
        bool,
        typer.Option(
            help="Build from the packages of newsmill[kb-build], not from what comes with newsmill."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Build a knowledge base: the one that comes with newsmill, and entities of your own or of Wikidata.

    Your own entities come first: where one has the id of another entity, its name, type and place win.
    A build from a dump that was killed goes on where it was when it is started again.

    A CSV file for --add has a first line with the columns type and name and, if known, wikidata_id, country,
    aliases (parted by |), lat, lon, population, geonameid, admin1. A YAML file lists rows under their type:
    `company: [[Acme Mills, Q42, US, [Acme]]]`; what is not known is null.
    """
    from newsmill.knowledge import build as builder, default
    from newsmill.knowledge.entries import user_entries
    from newsmill.knowledge.extend import extend

    folder = _target(folder, out)
    if not add and not from_packages and wikidata is None:
        raise ConfigError("nothing to build: name files of your own with --add, or a dump with --wikidata")
    if from_packages and wikidata is not None:
        raise ConfigError("--from-packages and --wikidata don't go together: build the one, then the other")
    started = time.monotonic()
    own = user_entries(add or ())
    sources = {str(path): "own" for path in add or ()}
    told: dict[str, object] = {}
    if wikidata is not None:
        told = _from_dump(
            wikidata, folder, min_sitelinks, languages, max_broken, own=own, sources=sources, workers=workers
        )
    elif from_packages:
        packages = _packages()
        builder.build([*own, *packages.entries()], folder, sources=packages.versions() | sources, packed=True)
    else:
        extend(default.knowledge_base(), own, folder, sources=sources)
    about = _about(folder) | told | {"seconds": round(time.monotonic() - started, 1)}
    if as_json:
        say(json.dumps(about))
        return
    say(
        f"{folder}: {about['entities']:,} entities under {about['names']:,} names, {about['megabytes']} MB, "
        f"version {about['version']}"
    )


def _target(folder: Path | None, out: Path | None) -> Path:
    if (folder is None) == (out is None):
        raise ConfigError("name one folder to write to: `newsmill kb build FOLDER` or `-o FOLDER`")
    return folder or out or Path()


def _from_dump(
    dump: Path,
    folder: Path,
    least: int,
    languages: str,
    most_broken: int,
    *,
    own: list[Entry],
    sources: dict[str, str],
    workers: int,
) -> dict[str, object]:
    """What a build from a dump read, with a progress bar meanwhile."""
    from newsmill.knowledge import default
    from newsmill.knowledge.wikidata.making import make
    from newsmill.knowledge.wikidata.reading import Options, Progress

    codes = tuple(code.strip().lower() for code in languages.split(",") if code.strip())
    wrong = [code for code in codes if not (code.isascii() and code.isalpha() and len(code) in (2, 3))]
    if wrong or not codes:
        raise ConfigError(f"--languages: {', '.join(wrong) or 'none'}: write codes like en,de,fr")
    if not dump.is_file():
        raise ConfigError(f"{dump}: there is no such file")
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(),
               TimeRemainingColumn())  # fmt: skip
    size = dump.stat().st_size
    with ProgressBar(*columns, console=Screen(err=True)) as bar:
        task = bar.add_task("reading", total=size)

        def show(progress: Progress) -> None:
            kept = f"{progress.kept:,} of {progress.seen:,} items"
            writing = ", writing" if progress.read == size else ""
            bar.update(task, completed=progress.read, description=f"{kept}{writing}")

        progress = make(
            dump, folder, Options(least_sitelinks=least, languages=codes, most_broken=most_broken),
            base=default.knowledge_base(), own=own, sources=sources, workers=workers, told=show,
        )  # fmt: skip
    if progress.broken:
        say(f"{progress.broken:,} broken lines were skipped; {progress.first_broken}", err=True)
    return {
        "lines": progress.lines, "items": progress.seen, "kept": progress.kept, "broken": progress.broken,
    }  # fmt: skip


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


@app.command(hidden=True)
def train_taggers(
    corpora: Annotated[
        Path, typer.Argument(help="Folder of the corpora that knowledge/taggers/sources.py names.")
    ],
    languages: Annotated[list[str] | None, typer.Argument(help="Whose; all if absent.")] = None,
) -> None:
    """Rewrite the taggers that ship with newsmill, and their cards (for its maintainers; takes minutes)."""
    from newsmill.knowledge.taggers import training

    for language in training.known(languages or ()):
        for file in training.make(language, corpora):
            say(f"{file}: {file.stat().st_size:,} bytes")


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
