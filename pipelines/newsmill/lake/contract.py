"""The consumers' contract, made from the schemas: an ODCS data contract, and a page that explains each field.

`python -m newsmill.lake.contract schemas/output` writes both and the views for other engines (see
`dialects`), and notes new field ids; a test fails while they are not the same as the schemas.
"""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
from ruamel.yaml import YAML

from newsmill.errors import LakeError
from newsmill.lake import dialects
from newsmill.lake.columns import TableSchema
from newsmill.lake.schemas import SCHEMA_VERSION, TABLES

API_VERSION = "v3.2.0"
"""Version of the Open Data Contract Standard, bitol.io."""

SERVER = "lake"
"""Name of the contract's server: the tables as the lake's catalog has them, so that live rows are tested."""

_USE = (
    "Bodies, titles and descriptions are the publishers' works: `rights` tells what they say about machine "
    "use, and the reader has to honour it. Content that was taken down is null, with `withheld` saying why."
)
_LIMITS = (
    "Columns are only ever added, with new ids; a column's id, name and meaning stay. A row never changes, "
    "but for takedowns and replays. One record of the topic has exactly one row of `fate`. `dt` and `hour` "
    "are folders for pruning (UTC ingest time), not columns."
)


def odcs() -> str:
    """The data contract of all tables, as YAML."""
    contract = {
        "apiVersion": API_VERSION,
        "kind": "DataContract",
        "id": "newsmill",
        "name": "newsmill lake",
        "version": f"{SCHEMA_VERSION}.0.0",
        "status": "active",
        "description": {
            "purpose": "Each fetched news page with its text, language, copies, origin, entities and places.",
            "usage": _USE,
            "limitations": _LIMITS,
        },
        "servers": [
            {
                "server": SERVER,
                "type": "iceberg",
                "description": "the lake in the folder `lake`; see docs/guide/querying.md for another",
                "catalog": "newsmill",
                "catalogUrl": "sqlite:///lake/catalog.db",
                "namespace": "newsmill",
            }
        ],
        "schema": [_table(schema) for schema in TABLES.values()],
        "slaProperties": [
            {"property": "frequency", "value": 300, "unit": "s", "element": "articles.ingested_at"},
        ],
    }
    text = io.StringIO()
    yaml = YAML()
    yaml.width = 110
    yaml.dump(contract, text)
    return text.getvalue()


def page() -> str:
    """What each field of each table means, as Markdown."""
    lines = [
        "# Tables of the lake",
        "",
        "Made from `newsmill/lake/schemas.py` by `python -m newsmill.lake.contract schemas/output`.",
        "",
        f"Schema version {SCHEMA_VERSION}. {_LIMITS} {_USE}",
        "",
        "Times are UTC in microseconds. Offsets into text count characters. The state of the clusters is the "
        "view in [clusters.sql](clusters.sql) over `cluster_events`. [articles.sql](articles.sql) has the "
        "newest revision of each article, flat views of entities, places and copies, and the sites; "
        "[stories.sql](stories.sql) the earliest article of each story, the agency and the sizes by type. "
        "All of them for other engines: [spark.sql](spark.sql), [trino.sql](trino.sql).",
    ]
    for schema in TABLES.values():
        lines += ["", f"## {schema.name}", "", schema.doc, ""]
        lines += [f"Unique: ({', '.join(schema.key)}). Sorted inside a file by {', '.join(schema.sort)}.", ""]
        lines += ["| id | field | type | null | meaning |", "|---|---|---|---|---|"]
        for field in schema.arrow:
            lines += _rows(field, "")
    return "\n".join(lines) + "\n"


def _table(schema: TableSchema[Any]) -> dict[str, Any]:
    properties = []
    for column in schema.columns:
        found = _property(column.arrow)
        if column.key:
            found |= {"primaryKey": True, "primaryKeyPosition": column.key}
        if column.name == "ingested_at":
            found |= {"partitioned": True, "partitionKeyPosition": 1}
        if column.personal:
            found["classification"] = "personal"
        properties.append(found)
    return {
        "name": schema.name,
        "physicalName": schema.name,
        "physicalType": "table",
        "description": schema.doc,
        "properties": properties,
    }


def _property(field: pa.Field) -> dict[str, Any]:
    found: dict[str, Any] = {"name": field.name}
    if logical := _logical(field.type):
        found["logicalType"] = logical
    found |= {"physicalType": _physical(field.type), "required": not field.nullable}
    if doc := _doc(field):
        found["description"] = doc
    found["customProperties"] = [{"property": "icebergFieldId", "value": _id(field)}]
    if pa.types.is_struct(field.type):
        found["properties"] = [_property(child) for child in field.type]
    elif pa.types.is_list(field.type):
        found["items"] = _property(field.type.value_field)
    elif pa.types.is_map(field.type):
        key, value = field.type.key_field, field.type.item_field
        found["map"] = {"key": _property(key), "value": _property(value)}
    return found


def _rows(field: pa.Field, prefix: str) -> list[str]:
    path = prefix + field.name
    null = "yes" if field.nullable else "no"
    doc = _doc(field).replace("|", "\\|")
    lines = [f"| {_id(field)} | `{path}` | {_physical(field.type)} | {null} | {doc} |"]
    inner = field.type
    if pa.types.is_list(inner) and pa.types.is_struct(inner.value_type):
        path, inner = path + "[]", inner.value_type
    if pa.types.is_struct(inner):
        for child in inner:
            lines += _rows(child, path + ".")
    return lines


def _logical(type: pa.DataType) -> str:
    """The standard's type; empty where it has none."""
    if pa.types.is_binary(type):
        return ""
    if pa.types.is_map(type):
        return "map"
    if pa.types.is_timestamp(type):
        return "timestamp"
    if pa.types.is_date(type):
        return "date"
    if pa.types.is_list(type):
        return "array"
    if pa.types.is_struct(type):
        return "object"
    if pa.types.is_integer(type):
        return "integer"
    if pa.types.is_floating(type):
        return "number"
    return "boolean" if pa.types.is_boolean(type) else "string"


def _physical(type: pa.DataType) -> str:
    """The type as Iceberg names it."""
    if pa.types.is_timestamp(type):
        return "timestamptz"
    if pa.types.is_list(type):
        return f"list<{_physical(type.value_type)}>"
    if pa.types.is_map(type):
        return f"map<{_physical(type.key_type)}, {_physical(type.item_type)}>"
    if pa.types.is_struct(type):
        return "struct"
    name = str(type)
    return {"int32": "int", "int64": "long", "bool": "boolean", "date32[day]": "date"}.get(name, name)


def _doc(field: pa.Field) -> str:
    return str((field.metadata or {}).get(b"doc", b"").decode())


def _id(field: pa.Field) -> int:
    return int(field.metadata[b"PARQUET:field_id"])


def write(folder: Path) -> None:
    """Write the contract, the page, and the field ids that were ever given.

    Raises:
        LakeError: A column that was given an id has another one now, or is gone; nothing is written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    noted = folder / "field_ids.json"
    given = json.loads(noted.read_text(encoding="utf-8")) if noted.exists() else {}
    now = {name: schema.field_ids for name, schema in TABLES.items()}
    odd = [
        f"{table}.{path}"
        for table, ids in given.items()
        for path, id in ids.items()
        if now.get(table, {}).get(path) != id
    ]
    if odd:
        raise LakeError(f"columns whose field id changed, or that are gone: {', '.join(odd)}")
    noted.write_text(json.dumps(now, indent=1) + "\n", encoding="utf-8")
    (folder / "newsmill.odcs.yaml").write_text(odcs(), encoding="utf-8")
    (folder / "README.md").write_text(page(), encoding="utf-8")
    for dialect in dialects.DIALECTS:
        (folder / f"{dialect}.sql").write_text(dialects.text(dialect), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
