"""What is said of a setting that is wrong: what it must be, in words of the configuration file."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from enum import Enum
from types import UnionType
from typing import Any, Final, Union, get_args, get_origin

from pydantic import BaseModel

_EXAMPLES: Final = {
    "lake.catalog": "{type: sql, uri: postgresql://host/database}",
    "lake.catalog_secrets": "{password: …}",
    "input.avro_schema_files": "{7: page.avsc}",
    "enrich.models": "[en]",
    "input.envelopes": "[crawl-lines]",
    "page.extractors": "[story-box]",
    "enrich.enrichers": "[reading-ease]",
    "enrich.steps": "[front-page]",
    "lake.sinks": "[json-feed]",
}
_ORDERS: Final[Mapping[str, tuple[str, str]]] = {
    "greater_than": ("gt", "greater than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}
_KINDS: Final[Mapping[str, str]] = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "finite": "a number",
    "string": "a text",
    "path": "a path",
}


def said(key: str, error: Mapping[str, Any], annotation: Any) -> str:
    """What a value must be.

    Args:
        key: The setting, dots between the names of its path.
        error: As pydantic tells it.
        annotation: The type of the setting.

    >>> said("batch.max_records", {"type": "int_parsing", "input": "many"}, int)
    'must be a whole number'
    """
    kind, context = error["type"], error.get("ctx", {})
    if kind in _ORDERS:
        name, words = _ORDERS[kind]
        return f"must be {words} {_plain(context[name])}"
    if kind in ("too_short", "string_too_short"):
        return "must not be empty"
    if kind.startswith("int_") and _is_whole(error["input"]):
        return "must be a whole number of at most 16 digits, written without an exponent"
    if kind in ("enum", "literal_error"):
        known = _choices(annotation)
        close = difflib.get_close_matches(str(error["input"]).lower(), {k.lower(): k for k in known}, n=1)
        hint = f"; did you mean {next(k for k in known if k.lower() == close[0])}?" if close else ""
        return f"must be {', '.join(known[:-1])} or {known[-1]}{hint}"
    if kind in ("model_type", "model_attributes_type"):
        return f"must be a section, with its settings below it: {', '.join(annotation.model_fields)}"
    if kind in ("dict_type", "mapping_type"):
        return f"must be a mapping, e.g. {_EXAMPLES[key]}"
    if kind in ("tuple_type", "list_type"):
        return f"must be a list, e.g. {_EXAMPLES[key]}"
    for beginning, words in _KINDS.items():
        if kind.startswith(f"{beginning}_"):
            return f"must be {words}"
    text = str(error["msg"]).removeprefix("Value error, ")
    return f"{text[:1].lower()}{text[1:]}"


def _plain(number: float) -> str:
    return f"{int(number)}" if float(number).is_integer() else f"{number:.15g}"


def _is_whole(value: Any) -> bool:
    """Whether a value would be a whole number, were it written otherwise, or smaller: 1e99."""
    try:
        return value is not None and not isinstance(value, bool) and float(value).is_integer()
    except (TypeError, ValueError):
        return False


def _choices(annotation: Any) -> list[str]:
    """The values that an enumeration or a literal allows, also where none is allowed too."""
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return [str(choice.value) for choice in annotation]
    if get_origin(annotation) in (UnionType, Union):
        return [choice for part in get_args(annotation) for choice in _choices(part)]
    return [str(choice) for choice in get_args(annotation)]


def annotated(model: type[BaseModel], path: tuple[str, ...]) -> Any:
    """The type of a setting or a section by its path; of a mapping for a key in it; None where unknown."""
    found: Any = model
    for part in path:
        if not (isinstance(found, type) and issubclass(found, BaseModel)):
            return found
        if part not in found.model_fields:
            return None
        found = found.model_fields[part].annotation
    return found


def in_order(problems: list[str], place: Callable[[str], int | None]) -> list[str]:
    """Problems by their lines in the file, before those that stand elsewhere."""
    return sorted(problems, key=lambda problem: (place(problem) is None, place(problem) or 0))
