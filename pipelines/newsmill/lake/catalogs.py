"""The catalog that names a lake's tables: opened from its properties, which are checked before.

Properties that are secret are in `lake.catalog_secrets`, which comes from the environment or from a
file of its own, and is in no pickle: each process reads it for itself.
"""

from __future__ import annotations

import importlib
import os
import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any, Final
from urllib.parse import quote

from pyiceberg.catalog import Catalog, CatalogType, load_catalog
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import RESTError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DBAPIError,
    IntegrityError,
    NoSuchModuleError,
    OperationalError,
    ProgrammingError,
    SQLAlchemyError,
)

from newsmill.config import LakeConfig
from newsmill.errors import ConfigError, LakeError
from newsmill.lake import identity, locations, storage, trouble
from newsmill.lake.database import Database
from newsmill.lake.identity import CATALOG_FILE, Identity
from newsmill.lake.storage import Storage

SECRETS_VARIABLE: Final = "NEWSMILL__LAKE__CATALOG_SECRETS"

_SECRET: Final = re.compile(
    "secret|passw|token|credential|access-key|account-key|api-key|connection-string|authorization|private-key",
    re.IGNORECASE,
)
_NO_SECRET: Final = re.compile(
    "-(?:uri|url|enabled|expires-at|expiration|type|file|path|ms|s)$", re.IGNORECASE
)
_URL_SECRET: Final = re.compile(r"://[^/@\s]*:[^/@\s]+@|[?&](?:password|pwd|token|secret)=", re.IGNORECASE)

_KINDS: Final = tuple(kind.value for kind in CatalogType if kind is not CatalogType.IN_MEMORY)
_MODULES: Final = {
    "hive": "thrift",
    "glue": "boto3",
    "dynamodb": "boto3",
    "bigquery": "google.cloud.bigquery",
}
_DRIVERS: Final = {"postgresql": "pip install 'newsmill[postgres]'"}


def is_secret(name: str, value: str) -> bool:
    """Whether a property must not be in the file: its name says so, or it is a URL with a password.

    >>> is_secret("s3.secret-access-key", "x"), is_secret("uri", "postgresql://mill:pw@db/lake")
    (True, True)
    >>> is_secret("uri", "postgresql://mill@db/lake"), is_secret("token-refresh-enabled", "true")
    (False, False)
    """
    named = _SECRET.search(name) is not None and _NO_SECRET.search(name) is None
    return named or _URL_SECRET.search(value) is not None


def properties(config: LakeConfig) -> dict[str, str]:
    """All properties of the catalog, the secret ones with them; none where it is a file in the lake.

    Raises:
        ConfigError: The file of the secrets can't be read.
    """
    secrets = {name: value.get_secret_value() for name, value in config.catalog_secrets.items()}
    if not secrets and config.catalog_secrets_file is not None:
        secrets = _mapping(
            config.catalog_secrets_file.read_text(encoding="utf-8"), "lake.catalog_secrets_file"
        )
    if not secrets:
        secrets = from_environment(os.environ)
    return config.catalog | secrets


def from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Secrets in `NEWSMILL__LAKE__CATALOG_SECRETS`, a YAML or JSON mapping, or one in a variable of its own.

    >>> from_environment({"NEWSMILL__LAKE__CATALOG_SECRETS__URI": "sqlite:///x.db"})
    {'uri': 'sqlite:///x.db'}
    """
    whole = environment.get(SECRETS_VARIABLE)
    found = _mapping(whole, SECRETS_VARIABLE) if whole else {}
    for name, value in environment.items():
        if name.startswith(f"{SECRETS_VARIABLE}__"):
            found[name.removeprefix(f"{SECRETS_VARIABLE}__").lower()] = value
    return found


def problems(config: LakeConfig) -> Iterator[tuple[str, str]]:
    """(setting, why) of what can't be a catalog, found without asking it."""
    for name, value in config.catalog.items():
        if is_secret(name, value):
            yield (
                "catalog",
                f"{name}: a secret must not be among the plain settings; set {SECRETS_VARIABLE}, "
                "e.g. to {" + name + ": …}, or lake.catalog_secrets_file",
            )
    try:
        found = properties(config)
    except ConfigError as error:
        yield "catalog_secrets", str(error)
        return
    except (OSError, UnicodeDecodeError) as error:
        yield "catalog_secrets_file", f"can't be read: {getattr(error, 'strerror', None) or error}"
        return
    if found and (why := _problem(found)):
        yield "catalog", why


def connect(config: LakeConfig, store: Storage, note: Identity | None, *, make: bool) -> Catalog:
    """The catalog of a lake: that of the settings, else the noted one, else a SQLite file in the lake.

    Args:
        config: The settings.
        store: Where the lake is.
        note: What the lake notes of itself.
        make: The lake is to be made, and its own catalog with it.

    Raises:
        ConfigError: An object store without a catalog, or properties that no catalog can be made from.
        LakeError: The catalog refuses, is another one than the note says, or is a file that is missing.
    """
    found = properties(config)
    if note is not None:
        found = found if config.catalog else note.catalog | found
        if found:
            identity.check_catalog(store, note, found, config.namespace if config.catalog else None)
    if found:
        return external(found)
    if not isinstance(store, storage.LocalStorage):
        raise ConfigError(
            "lake.catalog: is needed for an object store, e.g. {type: sql, uri: postgresql://…}"
        )
    if not make and store.size(CATALOG_FILE) is None:
        raise identity.lost(store, f"its catalog {CATALOG_FILE} is missing")
    try:
        return own(store, CATALOG_FILE)
    except DatabaseError as error:
        if type(error) is not DatabaseError:
            raise
        raise identity.lost(store, f"its catalog {CATALOG_FILE} is broken: {error.orig}") from error


def external(found: Mapping[str, str]) -> Catalog:
    """The catalog of these properties.

    Raises:
        ConfigError: No catalog can be made from them.
        LakeError: It refuses.
    """
    if why := _problem(found):
        raise ConfigError(f"lake.catalog: {why}")
    try:
        return _loaded(found)
    except (ValueError, ArgumentError, ModuleNotFoundError) as error:
        raise ConfigError(f"lake.catalog: {error}") from error
    except (RESTError, SQLAlchemyError, OSError) as error:
        if trouble.passes(error):
            raise
        if isinstance(error, DBAPIError):
            raise trouble.plain(error) from error
        raise LakeError(f"the catalog can't be used: {error}") from error


def check_stray(config: LakeConfig, store: Storage) -> None:
    """Check, where there is no lake yet, that no catalog of another lake is in its place. Changes nothing.

    A lake with a catalog elsewhere does not use the place.

    Raises:
        LakeError: There is one, or a file of its name that is no catalog.
    """
    if properties(config) or not isinstance(store, storage.LocalStorage) or not store.size(CATALOG_FILE):
        return
    file, place = store.root / CATALOG_FILE, identity.place(store)
    mend = (
        f"there is no lake at {place}: move the file away, or put the whole lake there. Nothing was changed"
    )
    address = f"file:{quote(str(file))}?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True)) as connection:
            known = connection.execute("SELECT metadata_location FROM iceberg_tables").fetchall()
    except sqlite3.OperationalError:
        return  # without tables yet, or busy: another process makes the lake
    except sqlite3.DatabaseError as error:
        raise LakeError(f"{file}: is no catalog ({error}), and {mend}") from error
    for (location,) in known:
        path = locations.below(store.uri(""), str(location))
        if path is None:
            elsewhere = str(location).rsplit("/", 3)[0]
            raise LakeError(f"{file}: is the catalog of the lake at {elsewhere}, and {mend}")
        if store.size(path) is None:
            raise LakeError(f"{file}: names {path}, which is not there, and {mend}")


def own(store: storage.LocalStorage, file: str) -> Catalog:
    """A catalog that is a file in the lake; made where it is missing."""
    storage.make_folders(store.root)
    address = URL.create("sqlite", database=f"{store.root}/{file}")
    return _loaded({"type": "sql", "uri": address.render_as_string(hide_password=False)})


def _loaded(found: Mapping[str, str]) -> Catalog:
    """A catalog. Two processes may make its tables at the same time: who was slower looks again."""
    kind = Database if found.get("type", "").lower() == "sql" else load_catalog
    try:
        catalog = kind("newsmill", **storage.IO_PROPERTIES, **found)
    except (OperationalError, ProgrammingError, IntegrityError):
        catalog = kind("newsmill", **storage.IO_PROPERTIES, **found)
    if isinstance(catalog, SqlCatalog) and catalog.engine.dialect.name == "sqlite":
        event.listen(catalog.engine, "checkin", _rolled_back)
    return catalog


def _rolled_back(connection: Any, _: object) -> None:
    """End what a refused commit left open.

    SQLite refuses a COMMIT while somebody reads, and SQLAlchemy gives such a connection back with its
    transaction still open: whoever looks next on it sees a change that is in no database.
    """
    if connection is not None and connection.in_transaction:
        connection.rollback()


def _problem(found: Mapping[str, str]) -> str | None:
    """Why no catalog can be made from these properties; None if one can."""
    if "py-catalog-impl" in found:
        return None
    kind = found.get("type", "").lower()
    if kind not in _KINDS:
        known = ", ".join(_KINDS)
        return f"type: must be one of {known}, got {kind!r}" if kind else f"type: is missing: one of {known}"
    if kind in _MODULES and not _installed(_MODULES[kind]):
        return f"type: {kind} needs pip install 'pyiceberg[{kind}]'"
    if kind in ("sql", "rest", "hive") and "uri" not in found:
        return f"uri: is missing: a catalog of type {kind} needs it"
    return _sql_problem(found["uri"]) if kind == "sql" else None


def _sql_problem(uri: str) -> str | None:
    try:
        url = make_url(uri)
        url.get_dialect().import_dbapi()
    except ArgumentError:
        return "uri: must be a URL of SQLAlchemy, e.g. postgresql://user@host/database"
    except NoSuchModuleError:
        return f"uri: no database is known as {url.drivername!r}"
    except ModuleNotFoundError as error:
        mend = _DRIVERS.get(url.get_backend_name(), f"pip install {error.name}")
        return f"uri: {url.drivername} needs the driver {error.name}: {mend}"
    return None


def _installed(module: str) -> bool:
    try:
        importlib.import_module(module)
    except ModuleNotFoundError:
        return False
    return True


def _mapping(text: str, where: str) -> dict[str, str]:
    try:
        found: Any = YAML(typ="safe").load(text)
    except YAMLError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise ConfigError(f"{where}: must be a mapping of properties to texts, e.g. {{token: …}}")
    return {str(name): value for name, value in found.items()}
