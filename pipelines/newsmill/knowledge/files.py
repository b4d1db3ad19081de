"""The files of a knowledge base, written whole or not at all.

- `names.marisa`: a marisa-trie of name keys (`names.key`), each with a number
- `names.arrow`: by that number, where the name's edges begin, and its flags, a bit each
- `edges.arrow`: from a name to the entities that bear it: entity, role, weight
- `entities.arrow`: one row an entity; columns that are nearly empty are written as runs, and numbers of
  tables as small as they fit
- `about.json`: format, version, counts, sources

What comes with newsmill is compressed with zstd, for the wheel. What users build is not: its columns are
mapped into memory, opened at once and shared by processes. They are read alike.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import marisa_trie
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from newsmill.errors import ConfigError
from newsmill.knowledge.entries import COARSE, english_words
from newsmill.runtime.folders import strangers

FORMAT = 1  # raise it with each change of the files' layout
FILES = ("about.json", "edges.arrow", "entities.arrow", "names.arrow", "names.marisa")
"""What a knowledge base is made of."""

_MOST_IN_A_BYTE: Final = 256

_PACKED: Final = pa.ipc.IpcWriteOptions(compression=pa.Codec("zstd", compression_level=19))
_MAPPED: Final = pa.ipc.IpcWriteOptions()

About = dict[str, Any]
Write = Callable[[str, pa.RecordBatch, About], None]


def replaced(folder: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a draft, and put it in the place of `folder`, which holds a knowledge base or nothing.

    Raises:
        ConfigError: The folder can't be written or holds something else.
    """
    refuse_strangers(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".kb-", dir=folder.parent))
    except OSError as error:
        raise ConfigError(f"{folder}: can't be written: {error.strerror}") from None
    before = draft.with_name(f"{draft.name}-before")
    try:
        write(draft)
        draft.chmod(0o755)
        if folder.exists():
            os.replace(folder, before)
        try:
            os.replace(draft, folder)
        except OSError:
            if before.exists():
                os.replace(before, folder)
            raise
        shutil.rmtree(before, ignore_errors=True)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def refuse_strangers(folder: Path) -> None:
    """A folder that is replaced must be a knowledge base without anything beside it, or empty.

    Raises:
        ConfigError: It is something else.
    """
    if not folder.exists():
        return
    others = strangers(folder, FILES) if folder.is_dir() else [folder]
    if not others and any(folder.iterdir()) and not _is_about(folder / "about.json"):
        others = [folder]
    if others:
        named = "" if others == [folder] else f": {others[0]} is none of its files"
        raise ConfigError(f"{folder}: is there and no knowledge base{named}; name another folder")


def _is_about(file: Path) -> bool:
    """Whether a file is what a knowledge base says of itself."""
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and {"format", "version", "entities"} <= found.keys()


def write_names(
    trie: marisa_trie.Trie,
    starts: npt.NDArray[np.uint32],
    edges: dict[str, npt.NDArray[Any]],
    draft: Path,
    about: About,
    *,
    packed: bool,
) -> None:
    """Write the names and their edges.

    Args:
        trie: The names.
        starts: By a name's number, its first edge; at the end the number of edges.
        edges: entity (uint32), role (uint8) and weight (float32), by name.
        draft: Where to write.
        about: What stands in each file.
        packed: Compress the columns.
    """
    trie.save(str(draft / "names.marisa"))
    flags = np.zeros(len(starts), dtype=np.bool_)
    for word in english_words():
        if (number := trie.get(word)) is not None:
            flags[number] = True
    names = pa.record_batch({"start": pa.array(starts), "flags": pa.array(flags)})
    _write(draft / "names.arrow", names, about, packed)
    _write(draft / "edges.arrow", pa.record_batch({n: pa.array(c) for n, c in edges.items()}), about, packed)


def write_entities(
    columns: dict[str, pa.Array],
    tables: dict[str, list[str]],
    draft: Path,
    about: About,
    *,
    packed: bool,
) -> None:
    """Write the entities, and what ends the base: `about.json`.

    Args:
        columns: By name, of one length.
        tables: types, countries and admin1: what the numbers in the columns of these names stand for.
        draft: Where to write.
        about: What stands in each file.
        packed: Compress the columns.
    """
    coarse = {t: COARSE.get(t, "ORG") for t in tables["types"]}
    batch = pa.record_batch(columns | {"key": pc.run_end_encode(columns["key"], run_end_type=pa.int32())})
    for name in ("type", "country"):
        if len(tables["types" if name == "type" else "countries"]) <= _MOST_IN_A_BYTE:
            batch = batch.set_column(batch.schema.get_field_index(name), name, columns[name].cast(pa.uint8()))
    _write(draft / "entities.arrow", batch, {**about, **tables, "coarse": coarse}, packed)
    (draft / "about.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def _write(path: Path, batch: pa.RecordBatch, about: About, packed: bool) -> None:
    batch = batch.replace_schema_metadata({"newsmill": json.dumps(about)})
    options = _PACKED if packed else _MAPPED
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, batch.schema, options=options) as writer:
        writer.write_batch(batch)
