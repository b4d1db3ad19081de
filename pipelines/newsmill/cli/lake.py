"""`newsmill lake`: a lake that was copied, moved, or has lost its catalog."""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from newsmill.cli.groups import group
from newsmill.cli.options import ConfigFile, Json, Sets, loaded
from newsmill.cli.output import say
from newsmill.strings import counted

if TYPE_CHECKING:
    from newsmill.lake.upkeep.mending import Mended

app = group("Adopt a copied or moved lake; recover one whose catalog is lost.")

Place = Annotated[str, typer.Argument(metavar="LAKE", help="Folder or URI of the lake, where it is now.")]


@app.command()
def adopt(
    lake: Place,
    moved: Annotated[
        bool,
        typer.Option("--moved", help="It is the same lake, and its old place is gone: it keeps its id."),
    ] = False,
    own_catalog: Annotated[
        bool, typer.Option("--own-catalog", help="The catalog shall be a file in the lake.")
    ] = False,
    config: ConfigFile = None,
    as_json: Json = False,
    sets: Sets = None,
) -> None:
    """Make a copied or moved lake a lake of its own, at the place where it is now.

    Writes the metadata of its tables anew for this place; reads no file of the place it came from, and
    changes no data file. A copy of a lake with an external catalog needs a namespace of its own
    (--set lake.namespace=…), another catalog, or --own-catalog.
    """
    from newsmill.lake.upkeep import mending

    settings = loaded(config, sets, lake__path=lake).config
    _tell(mending.adopt(settings.lake, moved=moved, own_catalog=own_catalog), "adopted", as_json=as_json)


@app.command()
def recover(
    lake: Place,
    config: ConfigFile = None,
    as_json: Json = False,
    sets: Sets = None,
) -> None:
    """Make the catalog name the newest whole state of the lake again, after it was lost or put back.

    Checks that the tables fit each other and the ledger, and changes nothing where they do not. Stop the run
    first. With lake.catalog in the settings the lake moves to that catalog.
    """
    from newsmill.lake.upkeep import mending

    settings = loaded(config, sets, lake__path=lake).config
    _tell(mending.recover(settings.lake), "recovered", as_json=as_json)


def _tell(mended: Mended, verb: str, *, as_json: bool) -> None:
    if as_json:
        say(json.dumps(asdict(mended)))
        return
    say(
        f"{verb} {mended.location}: {counted(mended.records, 'record')}; id {mended.id}, "
        f"catalog {mended.catalog}, namespace {mended.namespace}; "
        f"`newsmill audit {shlex.quote(mended.location)}` proves it"
    )
