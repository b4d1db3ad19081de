"""What a worker process has once, whichever of its threads asks first."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache, wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def once(make: Callable[P, T]) -> Callable[P, T]:
    """Call `make` once for the same arguments, also where threads ask at the same time; the others wait.

    `functools.cache` lets each of them make one: three copies of a model of 250 MB. Arguments must be
    hashable. An error is given to who asked and forgotten.
    """
    made = cache(make)
    turn = threading.Lock()

    @wraps(make)
    def get(*args: P.args, **named: P.kwargs) -> T:
        with turn:
            return made(*args, **named)  # type: ignore[arg-type]

    return get
