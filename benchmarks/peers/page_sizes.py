"""What one page of a given size costs, median of some readings.

Usage: python -m peers.page_sizes BYTES
"""

from __future__ import annotations

import json
import random
import resource
import statistics
import sys
from time import process_time

from newsmill.config import Config
from newsmill.copies.sketches import sketch
from newsmill.errors import Rejected
from newsmill.page.analysis import read_page
from newsmill.page.identity import draft
from newsmill.page.language import detect
from newsmill.records import NotArticle, Position, RawPage, SourceRecord

WORDS = (
    "the harbour master of a small town said on monday that ships had waited for days while storms kept "
    "crews from loading grain timber and steel for ports across northern waters"
).split()
POSITION = Position(topic="sizes", partition=0, offset=0)
CONFIG = Config()
READINGS = 5


def html(size: int) -> bytes:
    """A news page of nearly so many bytes: a third of it text, the rest navigation and markup."""
    rng = random.Random(size)
    head = '<html lang="en"><head><title>Ships wait for grain</title></head><body>'
    parts, length = [head, "<article><h1>Ships wait for grain</h1>"], len(head)
    while length < size - 1_500:
        text = " ".join(rng.choices(WORDS, k=60)).capitalize()
        links = "".join(f'<li class="nav-item menu"><a href="/{n}">{n}</a></li>' for n in range(12))
        parts.append(f'<div class="story-part"><p class="text">{text}.</p></div><ul class="nav">{links}</ul>')
        length += len(parts[-1])
    return "".join([*parts, "</article></body></html>"]).encode()


def main(size: int) -> dict[str, object]:
    """Read it several times; the figures."""
    raw = RawPage(position=POSITION, url="https://port.example/ships", body=html(size))
    small = RawPage(position=POSITION, url="https://port.example/ships", body=html(5_000))
    _read(small)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    read, language, sketched, fate = [], [], [], ""
    for _ in range(READINGS if size < 5_000_000 else 1):
        fate, times = _read(raw)
        read.append(times[0])
        language.append(times[1])
        sketched.append(times[2])
    return {
        "fate": fate,
        "read_ms": statistics.median(read),
        "language_ms": statistics.median(language),
        "sketch_ms": statistics.median(sketched),
        "added_mb": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1e3,
    }


def _read(raw: RawPage) -> tuple[str, tuple[float, float, float]]:
    """The fate of the page, and CPU milliseconds of reading, language and sketch."""
    start = process_time()
    try:
        page = read_page(raw, page=CONFIG.page, input=CONFIG.input)
    except Rejected as rejected:
        return rejected.code.value, ((process_time() - start) * 1000, 0.0, 0.0)
    read = process_time()
    if isinstance(page, NotArticle):
        return page.reason, ((read - start) * 1000, 0.0, 0.0)
    language = detect(page.body, html_lang=page.html_lang, title=page.title)
    told = process_time()
    sketch(draft(SourceRecord(position=POSITION, value=None), raw, page, language, 0))
    return "article", ((read - start) * 1000, (told - read) * 1000, (process_time() - told) * 1000)


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]))))
