"""What the commands print. Pages decide what stands in it, so nothing in it may act on a terminal.

All of it goes through here: `say` for plain lines, `Screen` for tables and progress. Colours are the
screen's own; control characters, lone surrogates and characters that turn the direction of print are
shown as `\\u001b`, which JSON reads as the same. `give` and `opened` give programs their data unchanged.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.segment import Segment

from newsmill.strings import TURNING, UNPRINTABLE

if TYPE_CHECKING:
    from rich.console import ConsoleOptions, RenderableType

_PIPE_COLUMNS: Final = 10_000
"""Width of what is no terminal: no line is broken there."""

_ACTING: Final = re.compile(f"[{UNPRINTABLE}{TURNING}\\r\\x0b\\x0c\\x1c-\\x1f\\x85\\u2028\\u2029]")


def plain(text: str) -> str:
    """A text that does nothing but be read; its line breaks and tabs stay.

    >>> plain("Rates rise\\x1b]0;owned\\x07")
    'Rates rise\\\\u001b]0;owned\\\\u0007'
    """
    return _ACTING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def say(text: str, *, err: bool = False) -> None:
    """Print a line to standard output, or to standard error."""
    print(plain(text), file=sys.stderr if err else sys.stdout, flush=True)


def give(text: str) -> None:
    """Data to standard output: UTF-8 as it is for programs and files; a terminal sees it `plain`."""
    if sys.stdout.isatty():
        sys.stdout.write(plain(text))
        return
    sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))
    sys.stdout.buffer.flush()


@contextmanager
def opened(output: Path | None) -> Iterator[IO[bytes]]:
    """The file of `--output`, made anew, or standard output: for data, which is given as it is."""
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with output.open("wb") as file:
        yield file


class Screen(Console):
    """Where tables, marked-up lines and progress go; without colours where it is no terminal."""

    def __init__(self, *, err: bool = False, highlight: bool = True, markup: bool = True) -> None:
        super().__init__(stderr=err, highlight=highlight, markup=markup)
        if not self.is_terminal and "COLUMNS" not in os.environ:
            self.width = _PIPE_COLUMNS

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """What is drawn: all texts are plain, whatever they came from."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=plain(segment.text))


def clean_event(_: Any, __: str, event: Any) -> Any:
    """A processor of structlog: the texts of a log line are plain."""
    return {key: plain(value) if isinstance(value, str) else value for key, value in event.items()}
