"""A page as it came: the record that a row of the lake was made of, while it is where it was read from."""

from __future__ import annotations

from pathlib import Path

import pyarrow.compute as pc

from newsmill.config import Config
from newsmill.errors import ConfigError, LakeError, Rejected, Transient
from newsmill.jobs import source_records
from newsmill.jobs.explain import Row, fates_of
from newsmill.lake import reader
from newsmill.lake.places import position_of
from newsmill.lake.rows import HOLDING
from newsmill.records import NotArticle, Position, RawPage, SourceRecord
from newsmill.sources import envelopes, files, foreign_envelopes
from newsmill.urls import site, url_key


def record_of(config: Config, what: str) -> SourceRecord | None:
    """The record of a page; of an address that was read more than once, the newest that became a row.

    Args:
        config: The lake, and the topic.
        what: A URL, an article_id, or `topic/partition/offset`.

    Returns:
        None where the lake has never seen it.

    Raises:
        ConfigError: There is no lake, or `what` is none of the three.
        LakeError: It was taken down, or neither the lake nor the topic nor its file has it any more.
    """
    fates = fates_of(config.lake.path, what)
    if not fates:
        return None
    row = ([fate for fate in fates if fate["fate"] in HOLDING["articles"]] or fates)[-1]
    if _taken_down(config.lake.path, row):
        raise LakeError(f"{what}: was taken down")
    place, lost = position_of(row), list[Position]()
    where = f"{what}: its record {place.topic}/{place.partition}/{place.offset}"
    try:
        for _, record in source_records.as_they_came(config, [place], lost):
            return record
    except ConfigError as error:
        raise LakeError(
            f"{where} is in the topic only, and no broker is set: name it with -c FILE, or with "
            f"--set kafka.bootstrap=…; none answers at {config.kafka.bootstrap}"
        ) from error
    except Transient as error:
        raise LakeError(
            f"{where} is in the topic only, and that can't be asked: {error}; name its broker with -c FILE, "
            "or with --set kafka.bootstrap=…"
        ) from error
    if place.topic.startswith(files.TOPIC):
        raise LakeError(f"{where} is not there any more: {_of_file(place)}")
    if place.topic == config.kafka.topic:
        raise LakeError(f"{where} is not there any more")
    raise LakeError(
        f"{where} is not in the lake, and the settings name another topic ({config.kafka.topic}): name its "
        f"broker and topic with -c FILE, or with --set kafka.bootstrap=… --set kafka.topic={place.topic}"
    )


def _of_file(place: Position) -> str:
    """Why the file of a record does not give it, and how to mend it."""
    named = Path(place.topic.removeprefix(files.TOPIC))
    path = named.absolute()
    if path.exists():
        return f"{path} was changed since, and has another page in its place"
    seen_from = (
        "" if named.is_absolute() else f"; the run named it {named}, seen from the folder it was started in"
    )
    return f"there is no {path}{seen_from}"


def page_of(config: Config, record: SourceRecord) -> RawPage:
    """The page in a record. Raises LakeError where it holds none."""
    try:
        page = envelopes.decode(record, config.input, foreign_envelopes.open_all(config.input))
    except Rejected as error:
        raise LakeError(f"the record can't be read: {error.message}; --record prints it as it is") from error
    if isinstance(page, NotArticle):
        raise LakeError(f"the record holds no page: {page.reason}; --record prints it as it is")
    return page


def _taken_down(lake: str, row: Row) -> bool:
    url = row["url"]
    if url is None:
        return False
    try:
        named = pc.field("value").isin([url_key(url), site(url)])
    except Rejected:
        return False
    return bool(reader.rows(lake, "takedowns").count_rows(filter=named))
