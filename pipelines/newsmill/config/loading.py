"""Reading the configuration: file, environment and command line become one checked `Config`.

Every mistake is found before anything starts and is told with its place: the line of the file, the
name of the environment variable, or the option.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, get_args, get_origin

import structlog
from pydantic import BaseModel, SecretStr, TypeAdapter, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode

from newsmill.config import REPRESENTATIVE, Config, consistency, mistakes
from newsmill.errors import ConfigError

ENV_PREFIX = "NEWSMILL__"
Path_ = tuple[str, ...]

_MASK = "********"
_JSON: TypeAdapter[Any] = TypeAdapter(Any)
_ASIDE = "x-"
"""Keys of a file's first level that begin so set nothing: a place for what is merged into sections."""

_SECTION = object()
"""Stands for a mapping whose keys follow."""

RENAMED: Final[Mapping[Path_, Path_]] = {
    ("page", "slots"): ("page", "processes"),
    ("page", "learn_blocks"): ("page", "learn_boilerplate"),
}
"""Settings that had another name; a file, a variable or an option with the old one is still read."""

_DEEPEST = 20
"""Sections in sections of a file: more are an alias that holds itself."""


@dataclass(frozen=True)
class Loaded:
    """A checked configuration, and for each key that was set where it came from."""

    config: Config
    origins: Mapping[Path_, str]


def load(
    file: Path | None = None,
    *,
    options: Mapping[Path_, object] | None = None,
    environment: Mapping[str, str] | None = None,
    checks: Sequence[Callable[[Config], Sequence[str]]] = (),
) -> Loaded:
    """Merge the file, the environment and the options given, and check the whole.

    Args:
        file: YAML file; none means defaults only.
        options: Values from the command line by key path, e.g. `{("kafka", "topic"): "pages"}`;
            None values were not given.
        environment: Variables by name; only those that start with `NEWSMILL__` count.
        checks: Look at the world outside, e.g. whether the broker answers; each gives its problems.
            Where settings are wrong, they look at the right ones, so that all is told at once.

    Raises:
        ConfigError: With every mistake found, a line each.
    """
    values: dict[str, Any] = {}
    origins: dict[Path_, str] = {}
    problems: list[str] = []
    if file is not None:
        document, repeated = _document(file)
        problems += repeated
        for path, value, line in _file_leaves(file, document):
            if path[:2] in _SECRETS and value not in (_SECTION, None):
                path = path[:2]
                name = ENV_PREFIX + "__".join(path).upper()
                problems.append(
                    f"{file}:{line}: {'.'.join(path)}: a secret must not be in the file; set {name} "
                    f"or {'.'.join(path)}_file"
                )
            elif value is not _SECTION:
                _place(values, path, value)
            origins[path] = f"{file}:{line}"
    problems += _mistaken_names(environment or {})
    for path, value in _environment_leaves(environment or {}):
        _place(values, path, value)
        origins[path] = ENV_PREFIX + "__".join(path).upper()
    for path, value in (options or {}).items():
        if value is not None:
            _place(values, path, _value(path, value) if isinstance(value, str) else value)
            origins[path] = "command line"
    problems += _read_old_names(values, origins)
    _warn_of_old_values(values, origins)
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        wrong: list[dict[str, Any]] = [dict(e) for e in error.errors()]
        problems += [_problem(e, origins) for e in wrong]
        for path in dict.fromkeys(_setting(mistake) for mistake in wrong):
            _remove(values, path)
        config = Config.model_validate(values)
    problems += [f"{_origin(key, origins)}: {key}: {why}" for key, why in consistency.problems(config)]
    problems = mistakes.in_order(problems, partial(_line_in, file))
    for check in checks:
        problems += check(config)
    if problems:
        raise ConfigError(problems)
    return Loaded(config, origins)


def _read_old_names(values: dict[str, Any], origins: dict[Path_, str]) -> Iterator[str]:
    """Move settings from old names to the new ones, with a warning; yield those that are set by both."""
    for old, new in RENAMED.items():
        holder = values.get(old[0])
        if not isinstance(holder, dict) or old[1] not in holder:
            continue
        value, origin = holder.pop(old[1]), origins.pop(old)
        if new in origins:
            yield f"{origin}: {'.'.join(old)}: is the old name of {'.'.join(new)}, which is set too"
            continue
        _place(values, new, value)
        origins[new] = origin
        structlog.get_logger().warning(
            f"{'.'.join(old)} is now {'.'.join(new)}: the old name is still read", origin=origin
        )


def _warn_of_old_values(values: Mapping[str, Any], origins: Mapping[Path_, str]) -> None:
    copies = values.get("copies")
    if isinstance(copies, Mapping) and copies.get("keep_body") == REPRESENTATIVE:
        structlog.get_logger().warning(
            f"copies.keep_body: {REPRESENTATIVE} is now unless_exact: texts of edited copies are kept",
            origin=origins[("copies", "keep_body")],
        )


def shown(loaded: Loaded) -> list[tuple[str, Any, str]]:
    """(key, value as JSON has it, origin) of every setting, secrets masked, in the order of the sections."""
    rows = []
    for path, value in _model_leaves(loaded.config, ()):
        plain = _MASK if path in _SECRETS and value else _JSON.dump_python(value, mode="json")
        rows.append((".".join(path), plain, loaded.origins.get(path, "default")))
    return rows


def _document(file: Path) -> tuple[Any, list[str]]:
    """A file's content, and what is said of keys that it gives twice."""
    try:
        text = file.read_text(encoding="utf-8")
        repeated = list(_repeated(file, YAML(typ="rt").compose(text)))
        yaml = YAML(typ="rt")
        yaml.allow_duplicate_keys = True
        return yaml.load(text), repeated
    except OSError as error:
        raise ConfigError(f"{file}: can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{file}: is not UTF-8 text") from None
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{file}:{line}: {error.problem}") from None
    except YAMLError as error:
        raise ConfigError(f"{file}: is no YAML: {str(error).splitlines()[0]}") from None


def _repeated(file: Path, node: Any, path: Path_ = (), depth: int = 0) -> Iterator[str]:
    """Keys that stand twice in one mapping, with their lines; no value, which may be a secret."""
    if not isinstance(node, MappingNode) or depth > _DEEPEST:
        return
    lines: dict[str, int] = {}
    for key, value in node.value:
        name = str(getattr(key, "value", ""))
        line = key.start_mark.line + 1
        if name in lines and name != "<<":
            yield f"{file}:{line}: {'.'.join((*path, name))}: is set twice, in line {lines[name]} too"
        lines.setdefault(name, line)
        yield from _repeated(file, value, (*path, name), depth + 1)


def _line_in(file: Path | None, problem: str) -> int | None:
    """The line that a problem of the file names first; None for other problems."""
    found = re.match(r":(\d+): ", problem.removeprefix(str(file))) if file is not None else None
    return int(found[1]) if found and problem.startswith(str(file)) else None


def _file_leaves(file: Path, document: Any) -> list[tuple[Path_, Any, int]]:
    if document is None:
        return []
    if not isinstance(document, CommentedMap):
        raise ConfigError(f"{file}:1: must be a mapping of sections, e.g. `kafka:`")
    return list(_leaves(file, document, (), 1))


def _leaves(file: Path, node: Any, path: Path_, line: int) -> Iterator[tuple[Path_, Any, int]]:
    if len(path) > _DEEPEST:
        raise ConfigError(f"{file}:{line}: {'.'.join(path[:3])}…: sections are nested without an end")
    if isinstance(node, CommentedMap) and node and path not in _MAPPINGS:
        yield path, _SECTION, line
        for key in node:
            if path or not str(key).startswith(_ASIDE):
                yield from _leaves(file, node[key], (*path, str(key)), _line(node, key, line))
    elif node is not None or path not in _SECTIONS | _MAPPINGS:  # an empty one sets nothing
        yield path, _plain(node), line


def _line(node: CommentedMap, key: Any, line: int) -> int:
    """The line of a key; that of the mapping where the key was merged into it."""
    place = (node.lc.data or {}).get(key)
    return line if place is None else place[0] + 1


def _plain(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {k: _plain(v) for k, v in node.items()}
    if isinstance(node, list):
        return [_plain(v) for v in node]
    return node


def _environment_leaves(environment: Mapping[str, str]) -> Iterator[tuple[Path_, Any]]:
    for name, text in environment.items():
        if name.startswith(ENV_PREFIX):
            path = tuple(name.removeprefix(ENV_PREFIX).lower().split("__"))
            yield path, _value(path, text)


def _mistaken_names(environment: Mapping[str, str]) -> Iterator[str]:
    """Variables that look like settings and are none: `NEWSMILL_KAFKA_TOPIC`, `newsmill__kafka__topic`.

    Kubernetes gives each container variables for the services beside it, e.g. `NEWSMILL_METRICS_PORT` with
    an address: these are passed over.
    """
    known = {"_".join(path).upper(): ENV_PREFIX + "__".join(path).upper() for path in _paths(Config, ())}
    for name, text in sorted(environment.items()):
        plain = re.sub("__+", "_", name.upper())
        if name.startswith(ENV_PREFIX) or not plain.startswith("NEWSMILL_") or "://" in text[:8]:
            continue
        close = difflib.get_close_matches(plain.removeprefix("NEWSMILL_"), known, n=1, cutoff=0.9)
        if close:
            yield f"{name}: is no setting, and has no effect; did you mean {known[close[0]]}?"


def _paths(model: type[BaseModel], path: Path_) -> Iterator[Path_]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _paths(field.annotation, (*path, name))
        else:
            yield (*path, name)


def _value(path: Path_, text: str) -> Any:
    """A value that is given as text: what is a list or a mapping is written as in the file, in one line."""
    if path in _COMPOSED and text.lstrip()[:1] in ("[", "{"):
        try:
            return YAML(typ="safe").load(text)
        except YAMLError:
            return text
    return text


_annotation = partial(mistakes.annotated, Config)

_SECTIONS: set[Path_] = {p[:n] for p in _paths(Config, ()) for n in range(1, len(p))}
_MAPPINGS: set[Path_] = {p for p in _paths(Config, ()) if get_origin(_annotation(p)) is dict}
_COMPOSED: set[Path_] = _MAPPINGS | {p for p in _paths(Config, ()) if get_origin(_annotation(p)) is tuple}
_SECRETS: set[Path_] = {p for p in _paths(Config, ()) if SecretStr in get_args(_annotation(p))}


def _place(values: dict[str, Any], path: Path_, value: Any) -> None:
    """Put a value in the tree. The keys of a mapping may hold dots: what follows it is one key."""
    if path[:2] in _MAPPINGS and len(path) > 3:
        path = (*path[:2], ".".join(path[2:]))
    for key in path[:-1]:
        inner = values.setdefault(key, {})
        if not isinstance(inner, dict):
            values[key] = inner = {}
        values = inner
    values[path[-1]] = value


def _remove(values: dict[str, Any], path: Path_) -> None:
    """Remove the longest part of the path that is there."""
    node, known = values, []
    for key in path:
        if not isinstance(node, dict) or key not in node:
            break
        known.append((node, key))
        node = node[key]
    holder, key = known[-1]
    del holder[key]


def _problem(error: dict[str, Any], origins: Mapping[Path_, str]) -> str:
    path = _setting(error)
    key = ".".join(path)
    where = _origin(key, origins)
    if error["type"] == "extra_forbidden":
        known = _siblings(path)
        close = difflib.get_close_matches(path[-1], known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"known keys: {', '.join(known)}"
        return f"{where}: {key}: unknown key; {hint}"
    said = mistakes.said(key, error, _annotation(path))
    got = "nothing" if error["input"] is None else _short(path, error["input"])
    return f"{where}: {key}: {said}, got {got}"


def _setting(error: dict[str, Any]) -> Path_:
    """The path of a mistake; a mapping's key and its value count as one."""
    return tuple(str(part) for part in error["loc"] if part != "[key]")


def _origin(key: str, origins: Mapping[Path_, str]) -> str:
    """Where a setting was made, or the next above or below it."""
    path = tuple(key.split("."))
    above = next((origins[path[:n]] for n in range(len(path), 0, -1) if path[:n] in origins), None)
    below = next((o for p, o in origins.items() if p[: len(path)] == path), "configuration")
    return above or below


def _siblings(path: Path_) -> list[str]:
    model: type[BaseModel] = Config
    for part in path[:-1]:
        field = model.model_fields.get(part)
        inner = field.annotation if field is not None else None
        if not isinstance(inner, type) or not issubclass(inner, BaseModel):
            return []
        model = inner
    return list(model.model_fields)


def _short(path: Path_, value: Any) -> str:
    text = _MASK if path[:2] in _SECRETS or path[:2] == ("lake", "catalog") else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _model_leaves(model: BaseModel, path: Path_) -> Iterator[tuple[Path_, Any]]:
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from _model_leaves(value, (*path, name))
        else:
            yield (*path, name), value
