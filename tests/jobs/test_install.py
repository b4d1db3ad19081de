"""What `pip install` gives: wheel and sdist in clean environments, used from a folder outside the clone.

Packages come from a folder that is filled once with the versions of the lock file.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from distributions import ROOT, build

LATEST = "latest"
OLDEST = {(3, 11): "23.0"}
"""Oldest pip that a supported system brings, by Python; for others the one that comes with them."""
PYTHONS = ("3.11", "3.12", "3.13")
CLEAN = {
    k: v
    for k, v in os.environ.items()
    if not k.startswith(("PYTHON", "VIRTUAL_ENV", "UV_PYTHON", "PIP_FIND"))
}


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("built"))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a wheel of every locked package; skips where no registry is reached."""
    folder = tmp_path_factory.mktemp("house")
    python = clean_venv(folder / "venv", "23.0" if sys.version_info < (3, 12) else None)
    wheel = [python, "-m", "pip", "wheel", "--quiet", "--no-deps", "--use-pep517", "--wheel-dir", folder]
    done = run(*wheel, "--requirement", ROOT / "requirements-build.lock", check=False)
    if done.returncode:
        pytest.skip(f"no package registry: {done.stderr.strip()[-200:]}")
    run(*wheel, "--requirement", ROOT / "requirements.lock")
    shutil.rmtree(folder / "venv")
    return folder


def run(
    *words: object, cwd: Path | None = None, home: Path | None = None, check: bool = True
) -> subprocess.CompletedProcess[str]:
    environment = CLEAN | ({"HOME": str(home)} if home else {})
    done = subprocess.run(
        [str(w) for w in words], cwd=cwd, env=environment, capture_output=True, text=True, timeout=900
    )
    assert not check or done.returncode == 0, f"{words}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done


def clean_venv(folder: Path, pip: str | None) -> Path:
    """The interpreter of a new environment with that pip, or with the one that Python brings."""
    run(sys.executable, "-m", "venv", folder)
    python = folder / "bin" / "python"
    if pip:
        wanted = "pip" if pip == LATEST else f"pip=={pip}"
        run(python, "-m", "pip", "install", "--quiet", "--upgrade", wanted)
    return python


def reads_pages_and_answers_the_readme(python: Path, folder: Path) -> None:
    """The demo's pages go from a WARC file to a lake, and the README's query answers, in an empty folder."""
    folder.mkdir()
    told = run(python.parent / "newsmill", "demo", "--no-kafka", cwd=folder, home=folder / "home")
    assert "all 33 samples came to the fates expected of them" in told.stdout
    found = re.search(r"```sql\n-- newsmill sql.*\n((?s:.*?))```", (ROOT / "README.md").read_text())
    assert found is not None
    answer = run(
        python.parent / "newsmill", "sql", "demo-lake/tables", found.group(1), "--format", "json", cwd=folder
    )
    assert sum(json.loads(line)["copies"] for line in answer.stdout.splitlines()) == 7
    run(python, ROOT / "examples" / "one_page.py", cwd=folder)
    assert len(run(python, ROOT / "examples" / "beam_pipeline.py", cwd=folder).stdout.splitlines()) == 33
    told = run(python, ROOT / "examples" / "own_sink.py", "demo-lake/tables", cwd=folder).stdout
    assert len(told.splitlines()) == 27


@pytest.mark.parametrize("pip", [OLDEST.get(sys.version_info[:2]), LATEST])
@pytest.mark.parametrize("kind", ["whl", "tar.gz"])
def test_installed_newsmill_reads_pages_and_answers_queries(
    kind: str, pip: str | None, dist: Path, house: Path, tmp_path: Path
) -> None:
    python = clean_venv(tmp_path / "venv", pip)
    [package] = dist.glob(f"*.{kind}")
    offline = ["--quiet", "--no-compile", "--no-index", "--find-links", house]
    run(python, "-m", "pip", "install", *offline, package, cwd=tmp_path)
    reads_pages_and_answers_the_readme(python, tmp_path / "elsewhere")


def interpreter(version: str) -> Path | None:
    """A Python of that version on this machine, if there is one."""
    found = sorted(Path("~/.pyenv/versions").expanduser().glob(f"{version}.*/bin/python3"))
    if named := shutil.which(f"python{version}"):
        found.append(Path(named))
    return next((python for python in found if run(python, "--version", check=False).returncode == 0), None)


@pytest.mark.parametrize("version", [v for v in PYTHONS if v != "{}.{}".format(*sys.version_info)])
def test_wheel_runs_on_other_pythons(version: str, dist: Path, tmp_path: Path) -> None:
    found = interpreter(version)
    if found is None:
        pytest.skip(f"no Python {version} on this machine")
    uv = Path(sys.executable).with_name("uv")
    python = tmp_path / "venv" / "bin" / "python"
    run(uv, "venv", "--quiet", "--python", found, tmp_path / "venv")
    [wheel] = dist.glob("*.whl")
    install = [
        uv,
        "pip",
        "install",
        "--quiet",
        "--python",
        python,
        "--constraint",
        ROOT / "requirements.lock",
        wheel,
    ]
    run(*install, cwd=tmp_path)
    reads_pages_and_answers_the_readme(python, tmp_path / "elsewhere")
