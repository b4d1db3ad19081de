"""The image's steps without Docker: in minimal Debian, then as uid 10001, read-only root, no home."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from distributions import ROOT

DEBIAN = ROOT / ".ci" / "debian"


def debian(*words: object, read_only: bool = False) -> subprocess.CompletedProcess[str]:
    environment = os.environ | ({"READ_ONLY": "1"} if read_only else {})
    return subprocess.run(
        [DEBIAN, *map(str, words)], env=environment, capture_output=True, text=True, timeout=1500
    )


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A root folder with what the image has."""
    if lacks := debian("lacks").stdout.splitlines():
        pytest.skip(f"to make a system this machine lacks {'; '.join(lacks)}")
    root = tmp_path_factory.mktemp("image") / "root"
    source = root / "src"
    made = debian("make", "bookworm", root, "python3", "python3-venv", "ca-certificates")
    if made.returncode:
        pytest.skip(f"debootstrap fails: {made.stderr[-300:]}")
    copied = [
        line.split()[1:-1]
        for line in (ROOT / "deploy" / "Dockerfile").read_text().splitlines()
        if line.startswith("COPY ") and line.endswith(("/src/", "/src/pipelines", "/src/deploy/image.sh"))
    ]
    (source / "deploy").mkdir(parents=True)
    for name in {name for names in copied for name in names}:
        subprocess.run(["cp", "-r", ROOT / name, source / name], check=True)
    for step in (("install", "/src"), ("user",)):
        done = debian("run", root, "0:0", "/root", "sh", "/src/deploy/image.sh", *step)
        assert done.returncode == 0, done.stdout + done.stderr
    subprocess.run(["rm", "-rf", source], check=True)
    yield root
    subprocess.run(["rm", "-rf", "--one-file-system", root], check=True)


@pytest.mark.timeout(1800)
def test_image_reads_the_sample_pages_as_nobody_with_a_read_only_root(image: Path) -> None:
    told = debian(
        "run", image, "10001:10001", "/nonexistent",
        "newsmill", "demo", "--no-kafka", "--lake", "/lake/demo", read_only=True,
    )  # fmt: skip
    assert told.returncode == 0, told.stdout + told.stderr
    assert "all 33 samples came to the fates expected of them" in told.stdout


def test_image_can_write_nothing_but_its_lake(image: Path) -> None:
    told = debian(
        "run", image, "10001:10001", "/nonexistent", "touch", "/opt/newsmill/x", "/lake/x", read_only=True
    )
    assert "'/opt/newsmill/x'" in told.stderr
    assert "/lake/x" not in told.stderr


def test_image_has_nothing_that_installs(image: Path) -> None:
    assert not list(image.glob("opt/newsmill/bin/pip*"))
    assert not list(image.glob("opt/newsmill/lib/python3*/site-packages/setuptools"))
