"""What tests share: the folder of evaluation data, and a real broker that is started once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker import PASSWORD, USER, Broker
from newsmill.dev import local_kafka
from newsmill.dev.local_kafka import DevKafka
from newsmill.sources.brokers import close_idle

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # in the background of a shell; commands inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with evaluation pages and golds; it is no part of the repository."""
    named = os.environ.get("NEWSMILL_SHARED")
    folder = Path(named) if named else Path(__file__).parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip(f"no evaluation data: {folder} does not exist; set NEWSMILL_SHARED")
    return folder


@pytest.fixture(scope="session")
def java() -> None:
    """What a broker of one's own needs; skips where it is missing."""
    if problems := local_kafka.missing():
        pytest.skip("; ".join(problems))


@pytest.fixture(scope="session")
def kafka(java: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A real broker, with an open listener and one that asks for TLS and SASL."""
    with DevKafka(data=tmp_path_factory.mktemp("kafka"), users={USER: PASSWORD}) as dev:
        yield Broker(dev)
        close_idle()


@pytest.fixture(scope="session")
def demo_lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lake that `newsmill demo` makes of the sample pages, read from a WARC file."""
    folder = tmp_path_factory.mktemp("demo") / "demo-lake"
    done = subprocess.run(
        [sys.executable, "-m", "newsmill", "demo", "--no-kafka", "--lake", str(folder)],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "tables"
