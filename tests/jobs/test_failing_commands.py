"""What a user sees of a command that fails: one error, its cause, and no trace."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import synthetic


def newsmill(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "newsmill", *map(str, arguments)],
        capture_output=True,
        text=True,
        env=os.environ | environment,
        timeout=250,
    )


def test_disk_that_is_full_inside_the_pipeline_is_one_error_with_its_step(tmp_path: Path) -> None:
    full = {"NEWSMILL_TEST": "1", "NEWSMILL_FAILPOINT": "file.before_fsync@1:enospc"}
    demo = ("demo", "--no-kafka", "--lake")
    done = newsmill(*demo, tmp_path / "one", **full)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "No space left on device" in error and "(in the step " in error and "free some space" in error
    debugged = newsmill("--debug", *demo, tmp_path / "two", **full)
    assert debugged.returncode == 1
    assert "Traceback (most recent call last)" in debugged.stderr
    assert error in debugged.stderr.splitlines()


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("failing") / "lake"
    return synthetic.made(folder, batches=1, size=20)


@pytest.mark.parametrize("table", ["articles", "fate"])
def test_file_that_is_torn_is_one_error_that_names_it(lake: Path, table: str) -> None:
    (file,) = (lake / table).glob("data/**/*.parquet")
    whole = file.read_bytes()
    file.write_bytes(whole[:-100])
    try:
        for command in (
            ("explain", f"{synthetic.TOPIC}/0/3", "-l", lake),
            ("report", lake, "-o", lake.parent / "r"),
        ):
            done = newsmill(*command)
            assert done.returncode == 1
            assert "Traceback" not in done.stderr
            assert file.name in done.stderr and "newsmill audit" in done.stderr
    finally:
        file.write_bytes(whole)


@pytest.mark.parametrize(
    "arguments",
    [
        ("gc", "LAKE", "--dry-run", "--set", "lake.catalog={type: sqlx}"),
        ("compact", "LAKE", "--set", "lake.catalog={type: sql, uri: 'nodb://x/y'}"),
        ("compact", "ftp://host/lake"),
        ("explain", "x/0/1", "-l", "ftp://host/lake"),
        ("report", "ftp://host/lake"),
        ("audit", "ftp://host/lake"),
        ("explain", "\x1b[2J", "-l", "LAKE"),
        ("run", "--once", "--set", "lake.path=ftp://host/lake"),
        ("doctor", "--set", "kafka.bootstrap=http://broker"),
        ("ingest", "LAKE", "--set", "kafka.bootstrap=broker"),
        ("replay", "LAKE", "--domain", "x.example", "--set", "page.site_overrides=/none.yaml"),
    ],
)
def test_mistake_of_the_user_is_told_without_a_trace_and_ends_with_two(
    lake: Path, arguments: tuple[str, ...]
) -> None:
    done = newsmill(*(str(lake) if argument == "LAKE" else argument for argument in arguments))
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert all(line.startswith("error: ") for line in done.stderr.strip().splitlines())
    assert "\x1b" not in done.stdout + done.stderr
