"""What a lake knows of itself: its id, its place, its catalog, the UUIDs and the schema of its tables.

The note is `lake.json` in the lake: `{"schema": 7, "lake": {…}}`. A copy carries it along, so that the copy
is not taken for the lake, and a lake whose catalog is lost or put back from an older backup is not taken for
a new one. A version of newsmill that knows older tables only stops at it, since it would miss what is in the
newer ones; those of before schema 7, which had all in one object, can't read it. Whoever finds something else
than the note says stops, and names the command that mends it.
"""

from __future__ import annotations

import json
import os
import shlex
import uuid
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec
from msgspec import structs

from newsmill.errors import ConfigError, Displaced, LakeError
from newsmill.lake import hints, locations
from newsmill.lake.schemas import LEDGER, SCHEMA_VERSION, TABLES
from newsmill.lake.storage import LocalStorage, Storage
from newsmill.records import Record

NOTE = "lake.json"
CATALOG_FILE = "catalog.db"
NAMESPACE: Final = "newsmill"

_OPEN_SETTINGS = frozenset(
    {
        *("type", "uri", "warehouse", "prefix", "py-catalog-impl", "schema_version", "pool_pre_ping"),
        *("s3.endpoint", "s3.region", "glue.region", "glue.endpoint", "glue.id", "gcs.project-id"),
        *(
            "rest.sigv4-enabled",
            "rest.signing-region",
            "rest.signing-name",
            "header.x-iceberg-access-delegation",
        ),
    }
)
"""Settings of a catalog that are no secret: all others stay out of the note."""

_OPEN_QUERY = frozenset({"sslmode", "host", "port", "dbname", "user", "application_name", "charset"})
"""Parts of a database address's query that are no secret."""


class Identity(Record, frozen=True, kw_only=True):
    """The note."""

    id: str
    location: str
    tables: dict[str, str]  # UUID of each table
    catalog: dict[str, str]  # without secrets; empty: the file in the lake
    hidden: tuple[str, ...] = ()  # settings of the catalog that are not noted
    namespace: str = NAMESPACE
    schema: int = 0  # of the version of newsmill that opened it for writing; 0: of one that did not note it

    @property
    def own_catalog(self) -> bool:
        """Whether the catalog is the lake's own file."""
        return not self.catalog


class _Note(Record, frozen=True):
    """The note's file. Of before schema 7, `Identity` itself."""

    schema: int = 0
    lake: msgspec.Raw = msgspec.Raw()  # empty of before


def new_id() -> str:
    """An id that no other lake has."""
    return uuid.uuid4().hex


def read(store: Storage) -> Identity | None:
    """The note; None for a lake of before there were notes, and where there is no lake.

    Raises:
        LakeError: The note can't be understood, or a newer version wrote the lake.
    """
    if store.size(NOTE) is None:
        return None
    with store.open(NOTE) as file:
        content = bytes(file.read())
    try:
        note = msgspec.json.decode(content, type=_Note)
        if note.schema > SCHEMA_VERSION:
            raise LakeError(
                f"{place(store)}: a newer newsmill has written this lake: its tables have schema "
                f"{note.schema}, this version knows {SCHEMA_VERSION}. Install the newer one; nothing was "
                "changed"
            )
        lake = bytes(note.lake) or content
        return structs.replace(msgspec.json.decode(lake, type=Identity), schema=note.schema)
    except ValueError as error:
        raise LakeError(f"{store.uri(NOTE)}: can't be read: {error}") from error


def write(store: Storage, note: Identity) -> None:
    """Put a note, of this version's schema, in place of another."""
    told = {"schema": SCHEMA_VERSION, "lake": msgspec.to_builtins(structs.replace(note, schema=0))}
    store.replace(NOTE, json.dumps(told, indent=2, ensure_ascii=False).encode() + b"\n")


def exists(store: Storage) -> bool:
    """Whether there is a lake: a note, or in an older lake the ledger, which is the last table to be made.

    So a lake whose making was cut short, or goes on, is none yet: the next writer ends its making.
    """
    return store.size(NOTE) is not None or hints.read(store, LEDGER) != ""


def check_exists(store: Storage) -> None:
    """Raises ConfigError that names the place where there is no lake."""
    if not exists(store):
        raise ConfigError(f"{place(store)}: no newsmill lake")


def check_place(store: Storage, location: str) -> None:
    """Check that a lake, or a table of it, says that it is where it was found.

    Args:
        store: Where it was found.
        location: Where it says that it is.

    Raises:
        Displaced: It is a copy, or was moved.
    """
    if not locations.same(location, store.uri("")):
        raise Displaced(place(store), location)


def check_hinted(store: Storage) -> None:
    """Check the place of a lake that has no note, by the metadata that readers find.

    Raises:
        LakeError: As `check_place`.
    """
    for table in TABLES:
        path = hints.metadata(store, table)
        if path is not None and store.size(path) is not None:
            with store.open(path) as file:
                location = str(json.loads(bytes(file.read()))["location"])
            check_place(store, location.removesuffix(f"/{table}"))


def check_catalog(
    store: Storage, note: Identity, properties: Mapping[str, str], namespace: str | None = None
) -> None:
    """Check that settings name the catalog that the lake notes.

    Raises:
        LakeError: They name another one.
    """
    told, _ = shown(properties)
    wanted = namespace or note.namespace
    if (told, wanted) != (note.catalog, note.namespace):
        raise LakeError(
            f"{place(store)}: its catalog is {described(note.catalog)}, namespace {note.namespace}; "
            f"the settings name {described(told)}, namespace {wanted}. "
            f"Leave lake.catalog out to use the noted one; "
            f"`newsmill lake recover {shlex.quote(place(store))}` with these settings moves the lake to "
            "this catalog"
        )


def lost(store: Storage, why: str) -> LakeError:
    """The error of a lake whose catalog does not know its newest state."""
    here = place(store)
    mend = f"newsmill lake recover {shlex.quote(here)}"
    return LakeError(f"{here}: {why}. `{mend}` mends it; nothing was changed")


def shown(properties: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Settings of a catalog without its secrets, and the names of those left out.

    >>> shown({"type": "sql", "uri": "postgresql://me:secret@db/lake?sslmode=require", "token": "t"})
    ({'type': 'sql', 'uri': 'postgresql://me@db/lake?sslmode=require'}, ('token',))
    """
    told = {name: properties[name] for name in sorted(properties) if name in _OPEN_SETTINGS}
    if "uri" in told:
        told["uri"] = _without_secrets(told["uri"])
    return told, tuple(sorted(properties.keys() - told.keys()))


def described(catalog: Mapping[str, str]) -> str:
    """A catalog in words."""
    return (
        catalog.get("uri") or json.dumps(dict(catalog)) if catalog else f"the lake's own file {CATALOG_FILE}"
    )


def place(store: Storage) -> str:
    """The lake's folder or URI, as a user writes it."""
    return str(store.root) if isinstance(store, LocalStorage) else store.uri("").rstrip("/")


def _without_secrets(uri: str) -> str:
    scheme, _, rest = uri.partition("://")
    if scheme.startswith("sqlite"):
        return f"{scheme}:///{os.path.abspath(rest[1:])}"  # a relative path holds in one folder only
    parts = urlsplit(uri)
    name, at, host = parts.netloc.rpartition("@")
    kept = urlencode([(key, value) for key, value in parse_qsl(parts.query) if key in _OPEN_QUERY])
    return f"{scheme}://{name.split(':', 1)[0]}{at}{host}{parts.path}{'?' if kept else ''}{kept}"
