"""A lake's catalog on a real PostgreSQL server, with a password, shared by lakes, stopped and started."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import synthetic
from newsmill.config import LakeConfig
from newsmill.jobs.explain import explain
from newsmill.lake.tables import Tables
from newsmill.lake.upkeep import compaction, garbage_collection
from newsmill.lake.upkeep.takedown import take_down
from newsmill.lake.verification.audit import audit
from newsmill.lake.writer import Lake
from newsmill.runtime import retrying

PASSWORD = "p@ss/w:rd"
SETTINGS = "-c listen_addresses=127.0.0.1 -c fsync=off -c unix_socket_directories=''"


@dataclass(frozen=True)
class Server:
    """A PostgreSQL server of this test, run by nobody."""

    data: Path
    port: int
    programs: Path

    def run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self.programs / program), "-D", str(self.data), *arguments],
            user="nobody" if os.geteuid() == 0 else None,
            cwd="/",
            stdout=subprocess.DEVNULL,
            check=True,
        )

    def start(self) -> None:
        log, options = str(self.data / "log"), f"{SETTINGS} -p {self.port}"
        self.run("pg_ctl", "--wait", "--log", log, "--options", options, "start")

    def stop(self) -> None:
        self.run("pg_ctl", "--wait", "--mode", "fast", "stop")


def programs() -> Path | None:
    """Where the server's programs are: Debian leaves them out of the path."""
    if found := shutil.which("initdb"):
        return Path(found).parent
    return next((path.parent for path in sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))), None)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    where = programs()
    if where is None:
        pytest.skip("PostgreSQL is not installed")
    data = Path(tempfile.mkdtemp(prefix="newsmill-postgres-"))
    secret = data.with_suffix(".password")
    secret.write_text(PASSWORD)
    if os.geteuid() == 0:
        shutil.chown(data, "nobody")
        shutil.chown(secret, "nobody")
    with socket.create_server(("127.0.0.1", 0)) as free:
        server = Server(data, free.getsockname()[1], where)
    server.run("initdb", "-U", "mill", "-A", "scram-sha-256", f"--pwfile={secret}", "-N")
    server.start()
    yield server
    server.stop()
    shutil.rmtree(data)
    secret.unlink()


@pytest.fixture
def config(server: Server, tmp_path: Path) -> LakeConfig:
    """A lake's settings; the password comes from a file."""
    secrets = tmp_path / "secrets.json"
    secrets.write_text(
        json.dumps({"uri": address(server, f":{PASSWORD.replace('@', '%40').replace('/', '%2F')}")})
    )
    return LakeConfig(
        path=str(tmp_path / "lake"),
        catalog={"type": "sql"},
        catalog_secrets_file=secrets,
        namespace=f"of_{tmp_path.name}",
    )


def address(server: Server, password: str = "") -> str:
    return f"postgresql+psycopg2://mill{password}@127.0.0.1:{server.port}/postgres"


def filled(config: LakeConfig) -> None:
    lake = Lake.open(config)
    synthetic.fill(lake, Path(config.path), batches=2, size=40)
    lake.release()


def test_lake_is_written_kept_and_read_when_its_catalog_is_a_server(config: LakeConfig) -> None:
    filled(config)
    list(compaction.compact(Tables.open(config)))
    take_down(config, "site1.example", reason="x", now=1_790_000_000_000_000)
    list(garbage_collection.collect(Tables.open(config), grace_s=3600, yes=True))
    assert Lake.open_readonly(config).committed() == {(synthetic.TOPIC, 0): 80}
    assert audit(config.path).findings == []
    assert explain(config.path, f"{synthetic.TOPIC}/0/5")


def test_note_tells_the_server_and_no_password_when_the_lake_is_made(
    config: LakeConfig, server: Server
) -> None:
    filled(config)
    note = (Path(config.path) / "lake.json").read_text()
    assert json.loads(note)["lake"]["catalog"]["uri"] == address(server)
    assert not any(
        word in file.read_bytes()
        for file in Path(config.path).rglob("*")
        if file.is_file()
        for word in (PASSWORD.encode(), b"p%40ss")
    )


def test_lakes_share_a_server_when_each_has_a_namespace(config: LakeConfig, tmp_path: Path) -> None:
    other = config.model_copy(update={"path": str(tmp_path / "other"), "namespace": "other"})
    for each in (config, other):
        filled(each)
    for each in (config, other):
        assert audit(each.path).findings == []


def test_server_that_is_stopped_and_started_is_waited_for(
    config: LakeConfig, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrying, "QUIET_S", 0.1)
    lake = Lake.open(config)
    server.stop()
    starting = threading.Timer(3, server.start)
    starting.start()
    synthetic.fill(lake, Path(config.path), batches=2, size=40)
    starting.join()
    assert lake.committed() == {(synthetic.TOPIC, 0): 80}
    lake.release()
    assert audit(config.path).findings == []


def test_six_writers_make_one_lake_when_they_open_it_at_the_same_time(config: LakeConfig) -> None:
    ids = synthetic.uuids_of_makers(config, 6)
    assert len(ids) == 6 and all(found == ids[0] for found in ids)
