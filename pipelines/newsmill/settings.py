"""Reading the configuration: file, environment and command line become one checked `Config`.

Every mistake is found before anything starts and is told with its place: the line of the file, the
name of the environment variable, or the option.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import MarkedYAMLError

from newsmill.config import Config
from newsmill.errors import ConfigError

ENV_PREFIX = "NEWSMILL__"
Path_ = tuple[str, ...]

_SECTION = object()
"""Stands for a mapping whose keys follow."""

_SECRETS: set[Path_] = {("kafka", "sasl_password")}
_MAPPINGS: set[Path_] = {("lake", "catalog"), ("input", "avro_schema_files")}


@dataclass(frozen=True)
class Loaded:
    """A checked configuration, and for each key that was set where it came from."""

    config: Config
    origins: Mapping[Path_, str]


def load(
    file: Path | None = None,
    *,
    options: Mapping[Path_, Any] | None = None,
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
        for path, value, line in _file_leaves(file):
            if path in _SECRETS:
                name = ENV_PREFIX + "__".join(path).upper()
                problems.append(
                    f"{file}:{line}: {'.'.join(path)}: a secret must not be in the file; set {name} "
                    f"or {'.'.join(path)}_file"
                )
            if value is not _SECTION:
                _place(values, path, value)
            origins[path] = f"{file}:{line}"
    for path, value in _environment_leaves(environment or {}):
        _place(values, path, value)
        origins[path] = ENV_PREFIX + "__".join(path).upper()
    for path, value in (options or {}).items():
        if value is not None:
            _place(values, path, value)
            origins[path] = "command line"
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        mistakes: list[dict[str, Any]] = [dict(e) for e in error.errors()]
        problems += [_problem(e, origins) for e in mistakes]
        for mistake in mistakes:
            _remove(values, tuple(str(part) for part in mistake["loc"]))
        config = Config.model_validate(values)
    problems += _contradictions(config, origins)
    for check in checks:
        problems += check(config)
    if problems:
        raise ConfigError(problems)
    return Loaded(config, origins)


def shown(loaded: Loaded) -> list[tuple[str, str, str]]:
    """(key, value, origin) of every setting, secrets masked, in the order of the sections."""
    rows = []
    for path, value in _model_leaves(loaded.config, ()):
        text = "********" if isinstance(value, SecretStr) else str(value)
        rows.append((".".join(path), text, loaded.origins.get(path, "default")))
    return rows


def _file_leaves(file: Path) -> list[tuple[Path_, Any, int]]:
    try:
        document = YAML(typ="rt").load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{file}: can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{file}: is not UTF-8 text") from None
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{file}:{line}: {error.problem}") from None
    if document is None:
        return []
    if not isinstance(document, CommentedMap):
        raise ConfigError(f"{file}:1: must be a mapping of sections, e.g. `kafka:`")
    return list(_leaves(document, (), 1))


def _leaves(node: Any, path: Path_, line: int) -> Iterator[tuple[Path_, Any, int]]:
    if isinstance(node, CommentedMap) and node and path not in _MAPPINGS:
        yield path, _SECTION, line
        for key in node:
            yield from _leaves(node[key], (*path, str(key)), node.lc.key(key)[0] + 1)
    else:
        yield path, _plain(node), line


def _plain(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {k: _plain(v) for k, v in node.items()}
    if isinstance(node, list):
        return [_plain(v) for v in node]
    return node


def _environment_leaves(environment: Mapping[str, str]) -> Iterator[tuple[Path_, Any]]:
    source = EnvSettingsSource(_Environment, env_prefix=ENV_PREFIX, env_nested_delimiter="__")
    source.env_vars = {k.lower(): v for k, v in environment.items() if k.startswith(ENV_PREFIX)}
    known: set[Path_] = set()
    try:
        found = source()
    except ValueError as error:
        raise ConfigError(f"environment: {error}") from None
    for path, value in _nested(found, ()):
        known.add(path)
        yield path, value
    for name, text in source.env_vars.items():
        path = tuple(name.removeprefix(ENV_PREFIX.lower()).split("__"))
        if not any(path[: len(k)] == k for k in known):
            yield path, text


class _Environment(BaseSettings):
    __annotations__ = {name: field.annotation for name, field in Config.model_fields.items()}


def _nested(value: Any, path: Path_) -> Iterator[tuple[Path_, Any]]:
    if isinstance(value, Mapping) and path not in _MAPPINGS:
        for key, inner in value.items():
            yield from _nested(inner, (*path, key))
    else:
        yield path, value


def _place(values: dict[str, Any], path: Path_, value: Any) -> None:
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
    path = tuple(str(part) for part in error["loc"])
    where = next((origins[path[:n]] for n in range(len(path), 0, -1) if path[:n] in origins), "")
    where = where or next((o for p, o in origins.items() if p[: len(path)] == path), "configuration")
    key = ".".join(path)
    if error["type"] == "extra_forbidden":
        known = _siblings(path)
        close = difflib.get_close_matches(path[-1], known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"known keys: {', '.join(known)}"
        return f"{where}: {key}: unknown key; {hint}"
    return f"{where}: {key}: {error['msg'][:1].lower()}{error['msg'][1:]}, got {_short(path, error['input'])}"


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
    text = "********" if path in _SECRETS else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _model_leaves(model: BaseModel, path: Path_) -> Iterator[tuple[Path_, Any]]:
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from _model_leaves(value, (*path, name))
        else:
            yield (*path, name), value


def _contradictions(config: Config, origins: Mapping[Path_, str]) -> list[str]:
    """Settings that are each right but can't go together."""
    kafka, problems = config.kafka, []
    sasl = kafka.security_protocol.value.startswith("SASL")

    def say(key: str, text: str) -> None:
        problems.append(f"{origins.get(('kafka', key), 'configuration')}: kafka.{key}: {text}")

    if sasl and kafka.sasl_mechanism is None:
        say("sasl_mechanism", "is needed for SASL: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512")
    if sasl and kafka.sasl_username is None:
        say("sasl_username", "is needed for SASL")
    if sasl and kafka.sasl_password is None and kafka.sasl_password_file is None:
        say(
            "sasl_password",
            f"is needed: set {ENV_PREFIX}KAFKA__SASL_PASSWORD or kafka.sasl_password_file",
        )
    if not sasl and kafka.sasl_mechanism is not None:
        say("sasl_mechanism", f"has no effect with security_protocol {kafka.security_protocol.value}")
    if (kafka.ssl_cert_file is None) != (kafka.ssl_key_file is None):
        say("ssl_cert_file", "ssl_cert_file and ssl_key_file go together")
    for key in ("ssl_ca_file", "ssl_cert_file", "ssl_key_file", "sasl_password_file"):
        path = getattr(kafka, key)
        if path is not None and not path.is_file():
            say(key, f"no such file: {path}")
    if config.enrich.kb is not None and not config.enrich.kb.is_dir():
        where = origins.get(("enrich", "kb"), "configuration")
        problems.append(
            f"{where}: enrich.kb: no such folder: {config.enrich.kb}; `newsmill kb build --add` makes one"
        )
    return problems
