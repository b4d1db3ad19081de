"""One-off work: pages or texts in, one annotated line each out.

The same extraction, copies index and enrichment as the pipeline's, without Kafka or a lake. All lines
are one batch, so clusters are final.
"""

from __future__ import annotations

import gzip
import json
import re
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

from newsmill import strings
from newsmill.config import Config
from newsmill.copies.index import CopyIndex, Decision
from newsmill.copies.origin import attribute
from newsmill.copies.sketches import Sketch, sketch
from newsmill.errors import Code, Rejected
from newsmill.knowledge.enricher import Enricher
from newsmill.page.identity import draft
from newsmill.page.language import detect
from newsmill.page.sandbox import Sandbox
from newsmill.records import (
    Draft,
    Enrichment,
    Extraction,
    Fate,
    Micros,
    NotArticle,
    Page,
    PageWithVerdict,
    Position,
    RawPage,
    SourceRecord,
)

UNREAD: Final = re.compile(r"E_[A-Z]+: line \d+: ")
"""How the error of a line begins that is no page: the user's mistake, not the page's."""

_TASK_LINES = 16


@dataclass(frozen=True)
class Line:
    """One line of the input, checked."""

    number: int
    id: str | None
    url: str | None = None
    html: bytes | None = None
    text: str | None = None
    title: str | None = None
    error: str | None = None  # why there is nothing to annotate


@dataclass(frozen=True)
class Annotated:
    """What is known of one line before clusters are."""

    line: Line
    draft: Draft | None = None
    sketch: Sketch | None = None
    enrichment: Enrichment = field(default_factory=Enrichment)
    not_article: str | None = None
    error: str | None = None


def annotate(
    lines: Iterable[str | bytes], config: Config, *, pages: Path | None = None, processes: int = 2
) -> Iterator[dict[str, object]]:
    """Annotate each line of a JSON Lines input; the order is kept.

    Args:
        lines: `{id, url?, title?, html? | html_path? | text?}`, one JSON object each; empty ones count for
            nothing.
        config: Limits and enrichment; Kafka and the lake are not used.
        pages: Folder where the page of a line without html or text is `<id>.html.gz`.
        processes: How many worker processes.

    Yields:
        One object a line. A line that can't be read and a page that can't be processed have their code
        in `error`; of the former the number of the line is said, and the id where it has one.
    """
    most = config.input.max_decompressed_bytes
    parsed = [_parsed(number, text, pages, most) for number, text in enumerate(lines, 1) if text.strip()]
    work = partial(_annotate_task, config.model_dump_json(), time.time_ns() // 1_000)
    tasks = list(_batched(parsed, _TASK_LINES))
    if processes > 1 and len(tasks) > 1:
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            done = [item for task in pool.map(work, tasks) for item in task]
    else:
        done = [item for task in tasks for item in work(task)]
    index = CopyIndex(config.copies)
    resolution = index.resolve("annotate", [item.sketch for item in done if item.sketch is not None])
    merged = {e.cluster_id: e.merged_into for e in resolution.events if e.merged_into is not None}
    for item in done:
        decision = resolution.decisions[item.draft.position] if item.draft is not None else None
        yield _shown(item, decision, merged)


def _parsed(number: int, text: str | bytes, pages: Path | None, most: int) -> Line:
    """A line, or why it is none."""
    fields: Any = None
    try:
        fields = json.loads(text)
        return _line(number, fields, pages, most)
    except Rejected as rejected:
        error = rejected
    except (ValueError, RecursionError) as no_json:
        why = "nested too deep" if isinstance(no_json, RecursionError) else str(no_json)
        error = Rejected(Code.SCHEMA, f"no JSON: {why}")
    id = fields.get("id") if isinstance(fields, dict) else None
    said = f"{error.code.value}: line {number}: {error.message}"
    return Line(number=number, id=id if isinstance(id, str) else None, error=said)


def _line(number: int, fields: Any, pages: Path | None, most: int) -> Line:
    if not isinstance(fields, dict) or not isinstance(fields.get("id"), str):
        raise Rejected(Code.SCHEMA, "must be an object with a text `id`")
    for name in ("url", "title", "text", "html", "html_path"):
        if not isinstance(fields.get(name), str | None):
            raise Rejected(Code.SCHEMA, f"`{name}` must be a text")
    given = [name for name in ("html", "html_path", "text") if fields.get(name) is not None]
    if len(given) > 1:
        raise Rejected(Code.SCHEMA, f"has {' and '.join(given)}: give one of them")
    html: bytes | None = None
    try:
        if fields.get("html") is not None:
            html = strings.whole(fields["html"]).encode()
        elif fields.get("html_path") is not None:
            html = _read(Path(fields["html_path"]), most)
        elif fields.get("text") is None:
            if pages is None:
                raise Rejected(Code.SCHEMA, "has neither html, html_path nor text; give --pages DIR")
            html = _read(_page_file(pages, fields["id"]), most)
    except gzip.BadGzipFile as error:
        raise Rejected(Code.DECOMPRESSION, f"its page: {error}") from None
    except OSError as error:
        raise Rejected(Code.SCHEMA, f"its page: {error.filename}: {error.strerror}") from None
    except (EOFError, zlib.error) as error:
        raise Rejected(Code.DECOMPRESSION, f"its page: {error}") from None
    except ValueError as error:  # a zero byte in a path
        raise Rejected(Code.SCHEMA, f"its page: {error}") from None
    return Line(
        number=number,
        id=fields["id"],
        url=fields.get("url"),
        html=html,
        text=strings.in_place(fields["text"]) if fields.get("text") is not None else None,
        title=strings.composed(strings.line(fields["title"])) if fields.get("title") is not None else None,
    )


def _page_file(pages: Path, id: str) -> Path:
    file = pages / f"{id}.html.gz"
    if file.resolve().parent != pages.resolve():
        raise Rejected(Code.SCHEMA, f"id {id!r} leads out of {pages}")
    return file


def _read(file: Path, most: int) -> bytes:
    """The bytes of a page, unpacked."""
    with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as opened:
        content = opened.read(most + 1)
    if len(content) > most:
        raise Rejected(Code.SIZE, f"{file}: more than {most:,} bytes")
    return content


def _batched(lines: Iterable[Line], size: int) -> Iterator[list[Line]]:
    iterator = iter(lines)
    while batch := list(islice(iterator, size)):
        yield batch


@cache
def _tools(config_json: str) -> tuple[Enricher, Sandbox[PageWithVerdict]]:
    """What one worker process needs; opened once."""
    config = Config.model_validate_json(config_json)
    one = config.page.model_copy(update={"processes": 1})
    sandbox = Sandbox(
        page=one, input=config.input, read="newsmill.page.reading:read_any", gives=PageWithVerdict
    )
    return Enricher.open(config.enrich), sandbox


def _annotate_task(config_json: str, received_at: Micros, lines: list[Line]) -> list[Annotated]:
    enricher, sandbox = _tools(config_json)
    return [_annotate_line(line, enricher, sandbox, received_at) for line in lines]


def _annotate_line(
    line: Line, enricher: Enricher, sandbox: Sandbox[PageWithVerdict], received_at: Micros
) -> Annotated:
    if line.error is not None:
        return Annotated(line=line, error=line.error)
    position = Position(topic="annotate", partition=0, offset=line.number)
    url = line.url or f"https://unknown.invalid/{line.number}"
    raw = RawPage(position=position, url=url, body=line.html or b"", received_at=received_at)
    not_article: NotArticle | None = None
    try:
        if line.text is not None:
            page = Page(
                title=line.title, body=line.text, extraction=Extraction(method="given", reason="text input")
            )
            language = detect(page.body, html_lang=None, title=page.title)
        else:
            (seen,) = sandbox.map([raw])
            if isinstance(seen, Rejected):
                raise seen
            assert isinstance(seen, PageWithVerdict)
            page, language, not_article = seen.parsed.page, seen.parsed.language, seen.not_article
        record = SourceRecord(position=position, value=None)
        made = draft(record, raw, page, language, 0)
    except Rejected as error:
        return Annotated(line=line, error=str(error))
    return Annotated(
        line=line,
        draft=made,
        sketch=sketch(made),
        enrichment=enricher.enrich(made, statistical=True),
        not_article=not_article.reason if not_article else None,
    )


def _shown(item: Annotated, decision: Decision | None, merged: Mapping[str, str]) -> dict[str, object]:
    if item.draft is None or decision is None:
        return {"id": item.line.id, "fate": Fate.QUARANTINED.value, "error": item.error}
    page, found = item.draft.page, item.enrichment
    fate = Fate.NOT_ARTICLE.value if item.not_article else decision.fate.value
    cluster = decision.duplicate.cluster_id
    while cluster in merged:
        cluster = merged[cluster]
    origin = attribute(item.draft) or decision.origin_hint
    return {
        "id": item.line.id,
        "fate": fate,
        "title": page.title,
        "date": page.published_on,
        "author": list(page.authors) or ([page.byline] if page.byline else []),
        "text": page.body,
        "lang": item.draft.language.code,
        "lang_script": item.draft.language.script,
        "links": [
            {"start": m.start, "end": m.end, "qid": e.wikidata_id}
            for e in found.entities
            if e.wikidata_id and e.linked
            for m in e.mentions
        ],
        "entities": [
            {"start": m.start, "end": m.end, "type": e.coarse} for e in found.entities for m in e.mentions
        ],
        "places": [
            {"start": m.start, "end": m.end, "lat": p.lat, "lon": p.lon, "geonameid": p.geonameid}
            for p in found.places
            for m in p.mentions
        ],
        "cluster": cluster,
        "origin": _plain(origin),
        "duplicate": _plain(decision.duplicate),
        "error": f"not_article: {item.not_article}" if item.not_article else None,
        **({"extras": found.extras} if found.extras else {}),  # of plug-ins
    }


def _plain(record: Any) -> Mapping[str, Any] | None:
    return None if record is None else {name: getattr(record, name) for name in record.__struct_fields__}
