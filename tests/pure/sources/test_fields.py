"""The schemas in schemas/input are the decoder's own contract."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import example, given, settings, strategies as st

from newsmill.config import InputConfig
from newsmill.errors import Rejected
from newsmill.records import Position, SourceRecord
from newsmill.sources import fields
from newsmill.sources.envelopes import decode

FOLDER = Path(__file__).parents[3] / "schemas" / "input"
EXAMPLES = sorted((FOLDER / "examples").glob("*.json"))
FORMS = jsonschema.Draft202012Validator(fields.json_schema())


def accepted(document: Any) -> bool:
    value = json.dumps(document).encode()
    record = SourceRecord(position=Position(topic="t", partition=0, offset=0), value=value)
    try:
        decode(record, InputConfig(format="json"))
    except Rejected:
        return False
    return True


@pytest.mark.parametrize("name", sorted(fields.files()))
def test_schema_file_is_what_the_code_says(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == fields.files()[name], (
        "run: python -m newsmill.sources.fields schemas/input"
    )


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_example_is_valid_and_decodes(path: Path) -> None:
    document = json.loads(path.read_bytes())
    FORMS.validate(document)
    assert accepted(document)


def test_schema_itself_is_valid() -> None:
    jsonschema.Draft202012Validator.check_schema(fields.json_schema())


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 10**18),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(
        [
            "",
            "http://a.org/",
            "2021-11-08",
            "2021-11-08T10:00:00Z",
            "2021-11-08T10:00",
            "2021-1-8",
            "base64",
            "text",
            " ",
            "200",
            "404 Not Found",
            "HTTP/1.1 200 OK",
            "1636365600.5",
            " 2021-11-08T10:00:00Z\t",
            "2021-11-08T10:00:00.1234567891Z",
            "2021-11-08T24:00:00Z",
            "2021-11-08T24:00:01Z",
            "2016-12-31T23:59:60Z",
            "2016-12-31T23:59:61Z",
            "9999-12-31T24:00:00Z",
            "0001-01-01T00:00:00+01:00",
            " 200",
        ]
    ),
    st.binary(max_size=9).map(lambda raw: b64encode(raw).decode()),
)
names = st.one_of(st.text(max_size=5), st.sampled_from(["Content-Type", "X-A", "x y", "é"]))
headers = st.one_of(
    st.dictionaries(names, st.one_of(scalars, st.lists(st.text(max_size=3), max_size=2)), max_size=3),
    st.lists(st.lists(st.one_of(names, scalars), max_size=3), max_size=2),
)
keys = [alias for aliases in fields.NAMES.values() for alias in aliases]
keys += [
    *fields.TEXT_BODIES,
    *fields.BASE64_BODIES,
    fields.EITHER_BODY,
    "body_encoding",
    "schema_version",
    "x",
]


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """A right document, with some keys dropped and some set to something else."""
    document: dict[str, Any] = {"url": "http://a.org/", "html": "<p>", "status": 200, "schema_version": 1}
    for key in draw(st.lists(st.sampled_from(sorted(document)), max_size=2, unique=True)):
        del document[key]
    for key in draw(st.lists(st.sampled_from(keys), max_size=3, unique=True)):
        document[key] = draw(st.one_of(scalars, headers))
    return document


def real_times(document: dict[str, Any]) -> bool:
    """The one thing of these documents that a pattern can't say: that a day exists."""
    for alias in fields.NAMES["fetched_at"]:
        value = document.get(alias)
        if isinstance(value, str) and re.match(fields.TIME, value):
            text = value.strip().upper().replace("T24:00:00Z", "T00:00:00Z").replace(":60Z", ":59Z")
            try:
                datetime.fromisoformat(text).astimezone(UTC)
            except (ValueError, OverflowError):
                return False
            if value.startswith("9999-12-31T24"):
                return False
    return True


@settings(max_examples=1500, deadline=None)
@given(documents())
@example({"url": "http://a.org/", "html": "<p>", "headers": {"": []}})
@example({"url": "http://a.org/", "html": "<p>", "headers": {"x-a": []}})
def test_decoder_accepts_exactly_what_the_schema_says(document: dict[str, Any]) -> None:
    assert accepted(document) == (FORMS.is_valid(document) and real_times(document))
