"""What is said of settings that are wrong: in words of the file, in the order of its lines, all at once."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from newsmill.config import Config
from newsmill.config.loading import load
from newsmill.config.mistakes import annotated
from newsmill.errors import ConfigError

FOREIGN = re.compile(
    r"[Ii]nput should|[Vv]alid |instance|unable|pars|pattern|tuple|dictionary|string|None|\bint\b"
)
"""Words of the library that checks, and of Python."""


def leaves(model: type[BaseModel] = Config, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = [path] if path else []
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found += leaves(inner, (*path, name))
        else:
            found.append((*path, name))
    return found


def nested(path: tuple[str, ...], value: Any) -> Any:
    for name in reversed(path):
        value = {name: value}
    return value


def problems(file: Path, content: Any) -> tuple[str, ...]:
    file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    try:
        load(file)
    except ConfigError as error:
        return error.problems
    return ()


WRONG = (
    "hello there",
    "",
    -1,
    0,
    10**20,
    1.5,
    True,
    ["a"],
    [["a"]],
    {"a": "b"},
    {"a": {"b": []}},
    "nan",
    "inf",
)


@pytest.mark.parametrize("path", leaves(), ids=".".join)
def test_wrong_value_is_told_in_words_of_the_file_whatever_it_is(
    path: tuple[str, ...], tmp_path: Path
) -> None:
    file = tmp_path / "mill.yaml"
    refused = 0
    for value in WRONG:
        found = problems(file, nested(path, value))
        refused += bool(found)
        for problem in found:
            told, _, got = problem.removeprefix(str(file)).partition(", got ")
            assert not FOREIGN.search(told), problem
            assert ".".join(path[:1]) in told
            assert SecretStr.__name__ not in got
    assert refused


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kafka: hello", "kafka: must be a section, with its settings below it: bootstrap, topic, "),
        ("enrich: {models: en}", "enrich.models: must be a list, e.g. [en], got 'en'"),
        (
            "lake: {catalog: 'sqlite:///x'}",
            "must be a mapping, e.g. {type: sql, uri: postgresql://host/database}",
        ),
        ("lake: {path: 'ftp://x/y'}", "lake.path: no storage is known for ftp://, only for folders and s3, "),
        (
            "rights: {on_reserved: Drop}",
            "must be keep, metadata_only or drop; did you mean drop?, got 'Drop'",
        ),
        ("page: {processes: 0}", "page.processes: must be greater than 0, got 0"),
        ("batch: {max_wait_s: 1e99}", "batch.max_wait_s: must be at most 31536000, got "),
        ("portable: {job_name: A}", "must be 1 to 40 small letters, digits and hyphens"),
        (
            "lake: {namespace: a b}",
            "must be letters, digits, underscores and hyphens, in parts joined by dots",
        ),
        ("kafka: {group: a b}", "kafka.group: must not be empty, and hold no blanks, got 'a b'"),
    ],
)
def test_wrong_value_is_told_with_what_it_must_be(text: str, said: str, tmp_path: Path) -> None:
    (found,) = problems(tmp_path / "mill.yaml", text)
    assert said in found


def test_mistakes_stand_in_the_order_of_their_lines(tmp_path: Path) -> None:
    text = """\
lake: {path: 'ftp://x'}
rights: {on_reserved: sell}
kafka:
  dead_letter_topic: pages
  topic: pages
  bogus: 1
batch: {max_records: 0}
enrich: {kb: /nowhere}
kafka:
  topic: pages
page: {processes: many}
"""
    file = tmp_path / "mill.yaml"
    lines = [int(problem.removeprefix(f"{file}:").split(":")[0]) for problem in problems(file, text)]
    assert lines == sorted(lines)
    assert len(set(lines)) >= 6


def test_key_that_is_set_twice_is_told_with_both_lines_and_without_its_value(tmp_path: Path) -> None:
    file = tmp_path / "mill.yaml"
    text = (
        "kafka:\n  sasl_password: canary\n  topic: a\n  sasl_password: {a: canary}\n  topic: b\nkafka: {}\n"
    )
    found = problems(file, text)
    assert f"{file}:4: kafka.sasl_password: is set twice, in line 2 too" in found
    assert f"{file}:5: kafka.topic: is set twice, in line 3 too" in found
    assert f"{file}:6: kafka: is set twice, in line 1 too" in found
    assert not any("canary" in problem for problem in found)


def test_keys_that_are_merged_are_not_set_twice(tmp_path: Path) -> None:
    text = "x-a: &a {group: g}\nx-b: &b {topic: t}\nkafka:\n  <<: [*a, *b]\n  topic: u\n"
    assert problems(tmp_path / "mill.yaml", text) == ()


def test_password_in_a_lakes_address_is_not_shown(tmp_path: Path) -> None:
    found = problems(tmp_path / "mill.yaml", "lake: {path: 's3://key:canary@bucket/lake'}")
    assert found and not any("canary" in problem for problem in found)


def test_type_of_a_setting_is_found_by_its_path() -> None:
    assert annotated(Config, ("page", "processes")) is not None
    assert annotated(Config, ("page", "bogus")) is None
