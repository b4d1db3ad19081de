"""All settings with what they mean: the page docs/reference/settings.md, and the file of `newsmill init`.

`python -m newsmill.config.reference` writes the page.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr, TypeAdapter

from newsmill.config.advice import WHEN
from newsmill.config.model import Config

ACTIVE: Final = ("kafka.bootstrap", "kafka.topic", "lake.path")
"""What a new file sets; all else stands in it as a comment."""

_UNITS: Final = (("_s", "seconds"), ("_mb", "MB"), ("_bytes", "bytes"), ("_days", "days"))
_WIDTH: Final = 100
_ORDERS: Final = (("gt", "greater than"), ("ge", "at least"), ("lt", "less than"), ("le", "at most"))


@dataclass(frozen=True)
class Setting:
    """One setting."""

    key: str
    meaning: str
    kind: str  # what it may be, in words
    unit: str | None
    default: Any  # as JSON has it
    when: str  # when to change it
    secret: bool

    @property
    def told(self) -> str:
        """Meaning, kind, unit and when to change it, in one paragraph."""
        unit = f", in {self.unit}" if self.unit else ""
        return f"{self.meaning[:1].upper()}{self.meaning[1:]}. {self.kind}{unit}. Change it: {self.when}."


def settings() -> list[Setting]:
    """All of them, in the order of the model."""
    return list(_settings(Config, ""))


def sections() -> dict[str, str]:
    """What each section is about."""
    return {
        name: (field.annotation.__doc__ or "").strip().split("\n")[0]
        for name, field in Config.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    }


def page() -> str:
    """The reference, in Markdown."""
    out = [_HEAD]
    about = sections()
    section = None
    for setting in settings():
        name = setting.key.partition(".")[0]
        if name != section:
            section = name
            out.append(f"\n## {name}\n\n{about.get(name, 'A setting without a section.')}\n")
            out.append("\n| setting | default | meaning | change it |\n| --- | --- | --- | --- |\n")
        unit = f", in {setting.unit}" if setting.unit else ""
        default = "" if setting.default is None else f"`{_yaml(setting.default)}`"
        meaning = f"{setting.meaning}. {setting.kind}{unit}".replace("|", "\\|")
        out.append(f"| `{setting.key}` | {default} | {meaning} | {setting.when} |\n")
    return "".join(out) + _TAIL


def file() -> str:
    """A configuration file with all settings: three are set, the others are comments with their defaults."""
    out = [_COMMENT]
    about = sections()
    section = None
    for setting in settings():
        name, _, inner = setting.key.partition(".")
        if inner and name != section:
            section = name
            set_here = any(key.startswith(f"{name}.") for key in ACTIVE)
            out.append(f"\n# {about[name]}\n{'' if set_here else '# '}{name}:\n")
        elif not inner:
            out.append("\n")
        indent = "  " if inner else ""
        for line in textwrap.wrap(setting.told, _WIDTH - len(indent)):
            out.append(f"{indent}# {line}\n")
        if setting.secret:
            continue
        value = "" if setting.default is None else f" {_yaml(setting.default)}"
        mark = "" if setting.key in ACTIVE else "# "
        out.append(f"{indent}{mark}{inner or name}:{value}\n")
    return "".join(out)


def _settings(model: type[BaseModel], above: str) -> Iterator[Setting]:
    for name, field in model.model_fields.items():
        key = f"{above}{name}"
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _settings(field.annotation, f"{key}.")
            continue
        assert field.description is not None, key
        default = field.get_default(call_default_factory=True)
        yield Setting(
            key=key,
            meaning=field.description,
            kind=_kind(field.annotation, field.metadata),
            unit=next((unit for ending, unit in _UNITS if name.endswith(ending)), None),
            default=TypeAdapter(Any).dump_python(default, mode="json"),
            when=WHEN[key],
            secret=SecretStr in _parts(field.annotation),
        )


def _parts(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) in (UnionType, Union, Annotated):
        return tuple(part for inner in get_args(annotation) for part in _parts(inner))
    return (annotation, *get_args(annotation))


def _kind(annotation: Any, metadata: list[Any]) -> str:
    """What a value may be, in words."""
    if get_origin(annotation) is Annotated:
        return _kind(get_args(annotation)[0], [*get_args(annotation)[1:], *metadata])
    if get_origin(annotation) in (UnionType, Union):
        inner = [part for part in get_args(annotation) if part is not type(None)]
        return f"{_kind(inner[0], metadata)}, or nothing"
    if get_origin(annotation) is Literal:
        return "One of " + ", ".join(map(str, get_args(annotation)))
    if get_origin(annotation) is dict:
        return "A mapping"
    if get_origin(annotation) is tuple:
        return "A list"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return "One of " + ", ".join(str(choice.value) for choice in annotation)
    words = {bool: "true or false", int: "A whole number", float: "A number", Path: "A path"}
    return words.get(annotation, "A text") + _bounds(metadata)


def _bounds(metadata: list[Any]) -> str:
    found = []
    for item in metadata:
        for inner in getattr(item, "metadata", [item]):
            for name, words in _ORDERS:
                bound = getattr(inner, name, None)
                if bound is not None and abs(bound) < 1e6:
                    found.append(f"{words} {bound:g}")
    return f", {' and '.join(found)}" if found else ""


def _yaml(value: Any) -> str:
    """A default as a file has it, in one line."""
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value)


_HEAD: Final = """# Settings

A setting comes from, first wins: the command line (`--set kafka.topic=pages`), the environment
(`NEWSMILL__KAFKA__TOPIC`), the file (`-c mill.yaml`), the default. `newsmill init` writes a file with
all of this as comments; `newsmill config show --explain` says the same of the settings in force. Secrets
are never in the file.
"""
_TAIL: Final = """
This page is made from the code: `python -m newsmill.config.reference`.
"""
_COMMENT: Final = """\
# Settings of newsmill. A line that begins with `#` sets nothing: each shows the default.
# Check it with: newsmill config validate -c FILE
# What is in force, and where it comes from: newsmill config show -c FILE
"""

if __name__ == "__main__":
    Path("docs/reference/settings.md").write_text(page(), encoding="utf-8")
