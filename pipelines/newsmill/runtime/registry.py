"""Things that live in the driver's process longer than one bounded pipeline.

A DoFn reaches them by name, so they are never pickled. Only for runners whose workers are threads of
the driver's process.
"""

from __future__ import annotations

from typing import Any

_residents: dict[str, Any] = {}


def register(name: str, thing: Any) -> None:
    """Make a thing known to the DoFns of this process, in place of an earlier one of the name."""
    _residents[name] = thing


def get(name: str) -> Any:
    """The thing registered under the name. Raises KeyError where there is none in this process."""
    return _residents[name]


def find(name: str) -> Any:
    """The thing registered under the name; None where there is none."""
    return _residents.get(name)


def unregister(name: str) -> None:
    """Forget a name."""
    _residents.pop(name, None)
