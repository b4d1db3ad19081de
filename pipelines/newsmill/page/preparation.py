"""What reading pages needs is loaded before the first page, since a confined process can open no file.

Libraries import when a page first asks for it, e.g. a codec by the name of a charset. A process that is
confined can't, and its page would fail for something that is no fault of the page.
"""

from __future__ import annotations

import encodings
import importlib
import pkgutil
from typing import Final

from newsmill.records import Position, RawPage
from newsmill.urls import registrable_domain

_OF_OTHER_SYSTEMS: Final = frozenset(("mbcs", "oem"))
"""Codecs that only Windows has."""

_IMPORTED_LATE: Final = ("_strptime", "idna.uts46data")
"""Modules that libraries import inside a function: of dates by a form, of hosts that are not ASCII."""

SAMPLE: Final = RawPage(
    position=Position(topic="sample", partition=0, offset=0),
    url="https://www.sample.example/2024/02/ships",
    body=b"""<!doctype html><html lang="en"><head><title>Ships of Port Alder</title></head><body><article>
<h1>Ships of Port Alder</h1><p>By Anna Reed</p><p>The harbour master counted the ships before noon, and the
tide turned late in the day. Nobody knew where the last of them had come from.</p><p>She wrote their names
down, one after another, as her father had done for thirty years.</p><p>In the evening the book was full.</p>
</article></body></html>""",
)
"""A page that is read before the first one, so that what is loaded at first use is loaded."""


def import_late() -> None:
    """Import the modules that libraries import inside functions that read pages."""
    for module in pkgutil.iter_modules(encodings.__path__):
        if module.name not in _OF_OTHER_SYSTEMS:
            importlib.import_module(f"encodings.{module.name}")
    for name in _IMPORTED_LATE:
        importlib.import_module(name)
    registrable_domain(SAMPLE.url)  # reads the suffix list
