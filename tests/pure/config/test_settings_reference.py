"""The settings' reference, the file of `newsmill init` and what the program does are one."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from newsmill.config import reference
from newsmill.config.advice import WHEN
from newsmill.config.loading import load, shown
from newsmill.config.model import Config

ROOT = Path(__file__).parents[3]


def test_page_is_the_one_that_the_code_makes() -> None:
    made = reference.page()
    stored = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    assert stored == made, "python -m newsmill.config.reference"


def test_every_setting_has_a_meaning_and_when_to_change_it() -> None:
    keys = [key for key, _, _ in shown(load())]
    assert [setting.key for setting in reference.settings()] == keys == list(WHEN)
    for setting in reference.settings():
        assert len(setting.meaning) > 8 and len(setting.when) > 5, setting.key
        assert not setting.meaning.endswith("."), setting.key


def test_new_file_sets_the_defaults_only(tmp_path: Path) -> None:
    file = tmp_path / "mill.yaml"
    file.write_text(reference.file(), encoding="utf-8")
    loaded = load(file)
    assert loaded.config == Config()
    assert {".".join(path) for path in loaded.origins if len(path) == 2} == set(reference.ACTIVE)


def test_new_file_is_right_when_all_its_comments_are_taken_away(tmp_path: Path) -> None:
    names = {s.key.rpartition(".")[2] for s in reference.settings()} | set(reference.sections())
    text = re.sub(rf"^( *)# ({'|'.join(sorted(names))}):", r"\1\2:", reference.file(), flags=re.MULTILINE)
    file = tmp_path / "mill.yaml"
    file.write_text(text, encoding="utf-8")
    loaded = load(file)
    assert loaded.config == Config()
    secrets = {s.key for s in reference.settings() if s.secret}
    assert {s.key for s in reference.settings()} - secrets <= {".".join(path) for path in loaded.origins}


def test_lines_of_a_new_file_are_not_too_long() -> None:
    assert max(map(len, reference.file().splitlines())) <= 110


@pytest.mark.parametrize("folder", [".", "a new folder"])
def test_init_writes_a_file_that_is_right_and_overwrites_none(folder: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "newsmill", "init", folder]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    file = tmp_path / folder / "mill.yaml"
    checked = subprocess.run(
        [sys.executable, "-m", "newsmill", "config", "show", "-c", file, "--explain", "--json"],
        capture_output=True,
        text=True,
    )
    told = json.loads(checked.stdout)
    assert told["kafka.topic"]["origin"] == f"{file}:{_line(file, 'topic:')}"
    assert told["batch.max_wait_s"]["explained"].startswith(
        "A batch that is not full is closed after this long. "
    )
    file.write_text("mine", encoding="utf-8")
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert again.returncode == 2 and "is there already, and stays as it is" in again.stderr
    assert file.read_text(encoding="utf-8") == "mine"


def _line(file: Path, text: str) -> int:
    lines = file.read_text(encoding="utf-8").splitlines()
    return next(n for n, line in enumerate(lines, 1) if line.strip().startswith(text))
