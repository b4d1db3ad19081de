"""Plug-ins: parts of other packages, found by entry points, used where a setting names them.

A kind of plug-in has an entry point group, e.g. `newsmill.envelopes`, and a setting that lists the names of
those to use, e.g. `input.envelopes: [crawl-lines]`. An installed package whose plug-ins no setting names is
never imported. What an entry point names is called once in each process, with the section of settings that
named it, and gives the plug-in.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from types import TracebackType
from typing import Any, Generic, TypeVar

from newsmill.errors import ConfigError

Plugin = TypeVar("Plugin")


@dataclass(frozen=True)
class Kind(Generic[Plugin]):
    """One kind of plug-in.

    Args:
        name: `newsmill.<name>` is the entry point group.
        setting: Lists the names of those that are used.
        methods: What a plug-in must have to be called.
        attributes: What it must have besides, and of which type.
    """

    name: str
    setting: str
    methods: tuple[str, ...]
    attributes: Mapping[str, type] = field(default_factory=dict)

    @property
    def group(self) -> str:
        """The entry point group."""
        return f"newsmill.{self.name}"

    def open(self, names: Sequence[str], section: object) -> tuple[tuple[str, Plugin], ...]:
        """The names and their plug-ins, in this order.

        Args:
            names: As the setting lists them.
            section: The settings that each is made with.

        Raises:
            ConfigError: With every one that is not installed, is installed or named twice, can't be imported,
                raises when it is made, or lacks what a plug-in of this kind has.
        """
        if not names:
            return ()
        there: dict[str, list[EntryPoint]] = {}
        for point in entry_points(group=self.group):
            there.setdefault(point.name, []).append(point)
        opened: list[tuple[str, Plugin]] = []
        problems: list[str] = []
        for place, name in enumerate(names):
            points = there.get(name, [])
            if name in names[:place]:
                problems.append(f"{name}: is named twice")
            elif not points:
                problems.append(f"{name}: {_missing(name, there)}")
            elif len(points) > 1:
                packages = " and ".join(sorted(_package(point) for point in points))
                problems.append(f"{name}: {packages} have it, only one of them may be installed")
            else:
                made, problem = self._made(points[0], section)
                problems += [f"{name} ({_package(points[0])}): {problem}"] if problem else []
                opened += [(name, made)] if problem is None else []
        if problems:
            raise ConfigError(problems)
        return tuple(opened)

    def _made(self, point: EntryPoint, section: object) -> tuple[Any, str | None]:
        """The plug-in, and why it can't be used."""
        with _OfOthers() as importing:
            factory = point.load()
        if importing.said is not None:
            return None, f"{point.value} can't be imported: {importing.said}"
        if not callable(factory):
            return None, f"{point.value} can't be called to make it"
        with _OfOthers() as making:
            made = factory(section)
            missing = [f"{m}()" for m in self.methods if not callable(getattr(made, m, None))]
            missing += [
                f"{name} that is a {wanted.__name__}"
                for name, wanted in self.attributes.items()
                if not isinstance(getattr(made, name, None), wanted)
            ]
        if making.said is not None:
            return None, f"{point.value} can't be made: {making.said}"
        if missing:
            return None, f"{point.value} is none of {self.group}: it has no {', no '.join(missing)}"
        return made, None

    def installed(self) -> list[tuple[str, str]]:
        """(name, package and version) of those that are installed, named by the setting or not."""
        return sorted((point.name, _package(point)) for point in entry_points(group=self.group))


class _OfOthers:
    """Keeps what is raised by other people's code while it is set up: a mistake of the settings."""

    said: str | None = None

    def __enter__(self) -> _OfOthers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception | SystemExit):
            return False
        self.said = f"{type(error).__name__}: {error}"
        return True


def _missing(name: str, there: dict[str, list[EntryPoint]]) -> str:
    close = difflib.get_close_matches(name, there, n=1)
    if close:
        return f"no installed package has it; did you mean {close[0]}?"
    return f"no installed package has it; there are: {', '.join(sorted(there)) or 'none'}"


def _package(point: EntryPoint) -> str:
    return "an unknown package" if point.dist is None else f"{point.dist.name} {point.dist.version}"
