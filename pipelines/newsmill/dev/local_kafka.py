"""A real Kafka on this machine, without containers: one KRaft node from Maven's artifacts.

For development, the demo and the tests. It listens on the loopback interface only, keeps its data
in one folder, and needs Java 17 and Maven (for the first download, 43 MB).
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final

from kafka.admin import KafkaAdminClient, ScramMechanism, UserScramCredentialUpsertion
from pydantic import SecretStr

from newsmill.config import KafkaConfig, SecurityProtocol
from newsmill.errors import ConfigError, Transient
from newsmill.runtime import folders
from newsmill.sources.kafka import create_topic

KAFKA: Final = "4.1.1"
LOG4J: Final = "2.25.1"
MESSAGE_BYTES: Final = 11_000_000
"""Largest record batch the broker takes: a 10 MB page with its headers."""
READY_S: Final = 60.0
STOP_S: Final = 20.0
HOST: Final = "127.0.0.1"

_WRITTEN: Final = ("server.properties", "log4j2.xml", "broker.log", "state.json", "tls", "log")
MADE: Final = tuple(pattern for name in _WRITTEN for pattern in (name, f"{name}/*"))
"""Patterns of what is in a broker's folder; see `folders.strangers`."""
_MARK: Final = "# made by newsmill dev"
"""First line of the settings of a broker of this command."""

_POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>newsmill</groupId><artifactId>devcluster</artifactId><version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{KAFKA}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId>
      <version>{LOG4J}</version>
    </dependency>
  </dependencies>
</project>
"""

_LOG4J = """<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="WARN">
  <Appenders><Console name="out"><PatternLayout pattern="%d %p %c{1} %m%n"/></Console></Appenders>
  <Loggers><Root level="WARN"><AppenderRef ref="out"/></Root></Loggers>
</Configuration>
"""


def cache_dir() -> Path:
    """Where the broker's jars are kept: `newsmill/kafka-<version>` in the user's cache folder."""
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "newsmill" / f"kafka-{KAFKA}"


def missing() -> list[str]:
    """What this machine lacks to run the broker, each with how to mend it; empty when nothing."""
    problems = []
    version = _java_version()
    if version is None:
        problems.append(
            "Java is missing: install a Java 17 runtime (Debian: apt install openjdk-17-jre-headless)"
        )
    elif version < 17:
        problems.append(
            f"Java {version} is too old: Kafka {KAFKA} needs 17 or later (Debian: openjdk-17-jre-headless)"
        )
    if not _complete(cache_dir()) and shutil.which("mvn") is None:
        problems.append("Maven is missing: it fetches the broker once (Debian: apt install maven)")
    return problems


def jars() -> Path:
    """The folder with the broker's jars; fetched with Maven the first time.

    Raises:
        ConfigError: Java 17 or Maven is missing, with how to mend it.
        Transient: Maven could not fetch them.
    """
    folder = cache_dir()
    if _complete(folder):
        return folder
    if problems := missing():
        raise ConfigError(problems)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        pom, fetched = Path(scratch, "pom.xml"), Path(scratch, "jars")
        pom.write_text(_POM, encoding="utf-8")
        done = subprocess.run(
            [
                "mvn",
                "-B",
                "-q",
                "-f",
                str(pom),
                "dependency:copy-dependencies",
                f"-DoutputDirectory={fetched}",
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise Transient(f"Maven could not fetch Kafka {KAFKA}:\n{(done.stdout + done.stderr)[-2000:]}")
        (fetched / "complete").touch()
        try:
            fetched.rename(folder)
        except OSError:
            if not _complete(folder):
                shutil.rmtree(folder)
                fetched.rename(folder)
    return folder


@dataclass(frozen=True, kw_only=True)
class Running:
    """A broker that was started: its process and how to reach it."""

    pid: int
    started: str  # start time of the process: a reused pid has another
    bootstrap: str
    secure_bootstrap: str | None = None
    ca_file: str | None = None
    log: str


@dataclass(kw_only=True)
class DevKafka:
    """A single-node Kafka; also a context manager that stops it at the end.

    Args:
        data: Folder for its data, log and state; kept when it stops.
        port: Port on 127.0.0.1; a free one where 0.
        users: Passwords by name. Where given, a second listener asks for TLS and SASL SCRAM, with a
            certificate of a CA made for this broker (`ca_file`).
    """

    data: Path
    port: int = 0
    users: Mapping[str, str] = field(default_factory=dict)
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)

    def __enter__(self) -> DevKafka:
        self.start(attached=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def running(self) -> Running | None:
        """What runs with this data folder now; None when nothing does."""
        try:
            state = Running(**json.loads((self.data / "state.json").read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        return state if _start_time(state.pid) == state.started else None

    def start(self, *, attached: bool = False) -> Running:
        """Start the broker and wait until it answers; nothing happens where it already runs.

        Args:
            attached: End it also when this process dies, however it does (Linux, by `setpriv`).

        Raises:
            ConfigError: Java or Maven is missing, or the port is taken.
            Transient: It did not come up; the end of its log is in the message.
        """
        if (state := self.running) is not None:
            return state
        if problems := missing():
            raise ConfigError(problems)
        if not self._own() and (found := [n for n in _WRITTEN if (self.data / n).exists()]):
            raise ConfigError(f"{self.data / found[0]} was not made by newsmill: choose another folder")
        classpath = f"{jars()}/*"
        self.data.mkdir(parents=True, exist_ok=True)
        port, controller, secure = self.port or _free_port(), _free_port(), _free_port()
        if _answers(port):
            raise ConfigError(f"port {port} on 127.0.0.1 is taken by another process: choose one with --port")
        properties = self.data / "server.properties"
        properties.touch(mode=0o600)
        properties.write_text(self._properties(port, controller, secure), encoding="utf-8")
        (self.data / "log4j2.xml").write_text(_LOG4J, encoding="utf-8")
        if not (self.data / "log" / "meta.properties").exists():
            self._format(classpath, properties)
        log = self.data / "broker.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [
                    *(("setpriv", "--pdeathsig", "TERM") if attached and shutil.which("setpriv") else ()),
                    "java", "-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                    f"-Dlog4j2.configurationFile={self.data / 'log4j2.xml'}",
                    "-cp", classpath, "kafka.Kafka", str(properties),
                ],
                stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        state = Running(
            pid=process.pid,
            started=_start_time(process.pid) or "",
            bootstrap=f"127.0.0.1:{port}",
            secure_bootstrap=f"localhost:{secure}" if self.users else None,
            ca_file=str(self.data / "tls" / "ca.pem") if self.users else None,
            log=str(log),
        )
        (self.data / "state.json").write_text(json.dumps(asdict(state)), encoding="utf-8")
        self._process = process
        try:
            self._await_ready(state)
        except BaseException:
            self.stop()
            raise
        return state

    def make_topic(
        self, name: str, *, partitions: int = 1, settings: Mapping[str, str] | None = None
    ) -> None:
        """Make a topic; nothing happens where it already exists."""
        create_topic(self.kafka(name), partitions=partitions, settings=settings)

    def wipe(self) -> None:
        """Delete the data folder of a stopped broker.

        Raises:
            ConfigError: The folder is not one that this class made.
        """
        if not self.data.exists():
            return
        if self.running or not self._own():
            raise ConfigError(f"{self.data} is not the folder of a stopped broker: nothing was deleted")
        folders.remove(self.data, MADE, instead="take out what is to stay, or delete the folder yourself")

    def _own(self) -> bool:
        """Whether the folder is one that this class made."""
        try:
            return (self.data / "server.properties").read_text(encoding="utf-8").startswith(_MARK)
        except (OSError, UnicodeDecodeError):
            return False

    def kafka(self, topic: str, *, user: str | None = None) -> KafkaConfig:
        """Settings for the running broker: the open listener, or TLS and SCRAM as a user."""
        state = self._known()
        if user is None:
            return KafkaConfig(bootstrap=state.bootstrap, topic=topic)
        if state.secure_bootstrap is None or state.ca_file is None:
            raise ConfigError(f"the broker of {self.data} was started without users")
        return KafkaConfig(
            bootstrap=state.secure_bootstrap,
            topic=topic,
            security_protocol=SecurityProtocol.SASL_SSL,
            ssl_ca_file=Path(state.ca_file),
            sasl_mechanism="SCRAM-SHA-512",
            sasl_username=user,
            sasl_password=SecretStr(self.users[user]),
        )

    def stop(self) -> bool:
        """Stop the broker; False where none ran. Its data stay."""
        state = self.running
        if state is None:
            (self.data / "state.json").unlink(missing_ok=True)
            return False
        os.kill(state.pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_S
        while _start_time(state.pid) == state.started:
            if time.monotonic() > deadline:
                os.kill(state.pid, signal.SIGKILL)
            time.sleep(0.05)
        if self._process is not None:
            self._process.wait()
            self._process = None
        (self.data / "state.json").unlink(missing_ok=True)
        return True

    def _known(self) -> Running:
        state = self.running
        if state is None:
            raise Transient(f"no broker runs with {self.data}")
        return state

    def _await_ready(self, state: Running) -> None:
        assert self._process is not None
        deadline = time.monotonic() + READY_S
        port = int(state.bootstrap.rpartition(":")[2])
        while not _answers(port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                log = Path(state.log)
                tail = log.read_text(encoding="utf-8", errors="replace")[-2000:]
                raise Transient(f"Kafka did not come up within {READY_S:g} s; the end of {log}:\n{tail}")
            time.sleep(0.05)
        left = max(1, int((deadline - time.monotonic()) * 1000))
        admin = KafkaAdminClient(bootstrap_servers=state.bootstrap, bootstrap_timeout_ms=left)
        try:
            admin.list_topics()
            self._make_users(admin)
        finally:
            admin.close()

    def _make_users(self, admin: KafkaAdminClient) -> None:
        for name, password in self.users.items():
            for mechanism in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512):
                wanted = [UserScramCredentialUpsertion(name, mechanism, password)]
                if problem := admin.alter_user_scram_credentials(wanted)[name]:
                    raise ConfigError(f"user {name!r}: {problem}")

    def _properties(self, port: int, controller: int, secure: int) -> str:
        listeners = f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller}"
        advertised = f"PLAINTEXT://{HOST}:{port}"
        lines = []
        if self.users:
            password = make_certificate(self.data / "tls")
            listeners += f",SECURE://{HOST}:{secure}"
            advertised += f",SECURE://localhost:{secure}"
            module = "org.apache.kafka.common.security"
            plain = " ".join(f'user_{name}="{secret}"' for name, secret in self.users.items())
            lines = [
                f"ssl.keystore.location={self.data / 'tls' / 'broker.p12'}",
                "ssl.keystore.type=PKCS12",
                f"ssl.keystore.password={password}",
                f"ssl.key.password={password}",
                "listener.name.secure.sasl.enabled.mechanisms=SCRAM-SHA-256,SCRAM-SHA-512,PLAIN",
                *(
                    f"listener.name.secure.{name}.sasl.jaas.config={module}.scram.ScramLoginModule required;"
                    for name in ("scram-sha-256", "scram-sha-512")
                ),
                f"listener.name.secure.plain.sasl.jaas.config={module}.plain.PlainLoginModule required "
                f"{plain};",
            ]
        lines = [
            _MARK,
            *lines,
            "process.roles=broker,controller",
            "node.id=1",
            f"controller.quorum.voters=1@{HOST}:{controller}",
            f"listeners={listeners}",
            f"advertised.listeners={advertised}",
            "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL",
            "controller.listener.names=CONTROLLER",
            "inter.broker.listener.name=PLAINTEXT",
            f"log.dirs={self.data / 'log'}",
            f"message.max.bytes={MESSAGE_BYTES}",
            "auto.create.topics.enable=false",
            "offsets.topic.replication.factor=1",
            "offsets.topic.num.partitions=1",
            "transaction.state.log.replication.factor=1",
            "transaction.state.log.min.isr=1",
            "transaction.state.log.num.partitions=1",
            "share.coordinator.state.topic.replication.factor=1",
            "share.coordinator.state.topic.min.isr=1",
            "group.initial.rebalance.delay.ms=0",
        ]
        return "\n".join(lines) + "\n"

    def _format(self, classpath: str, properties: Path) -> None:
        cluster = urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
        tool = ["java", "-XX:TieredStopAtLevel=1", "-cp", classpath, "kafka.tools.StorageTool"]
        _run([*tool, "format", f"--cluster-id={cluster}", "-c", str(properties)])


def make_certificate(folder: Path) -> str:
    """Make a CA (`ca.pem`) and a key store with a certificate for localhost (`broker.p12`).

    Returns:
        The key store's password.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    password = secrets.token_hex(16)

    def keytool(store: str, *arguments: str, sent: bytes | None = None) -> bytes:
        command = ["keytool", arguments[0], "-keystore", str(folder / store), "-storetype", "PKCS12"]
        return _run([*command, "-storepass:env", "STORE", *arguments[1:]], sent=sent, env={"STORE": password})

    key = ("-keyalg", "EC", "-groupname", "secp256r1", "-validity", "3650")
    keytool("ca.p12", "-genkeypair", "-alias", "ca", "-dname", "CN=newsmill dev CA", *key,
            "-ext", "bc:c", "-ext", "ku=keyCertSign,cRLSign")  # fmt: skip
    ca = keytool("ca.p12", "-exportcert", "-alias", "ca", "-rfc")
    (folder / "ca.pem").write_bytes(ca)
    keytool("broker.p12", "-genkeypair", "-alias", "broker", "-dname", "CN=localhost", *key)
    request = keytool("broker.p12", "-certreq", "-alias", "broker")
    signed = keytool("ca.p12", "-gencert", "-alias", "ca", "-rfc", "-validity", "3650",
                     "-ext", "san=dns:localhost", sent=request)  # fmt: skip
    keytool("broker.p12", "-importcert", "-alias", "broker", "-noprompt", sent=ca + signed)
    return password


def _complete(folder: Path) -> bool:
    return (folder / "complete").is_file()


def _java_version() -> int | None:
    if shutil.which("java") is None:
        return None
    done = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False)
    match = re.search(r'version "(\d+)', done.stderr)
    return int(match[1]) if match else None


def _run(command: Sequence[str], *, sent: bytes | None = None, env: Mapping[str, str] | None = None) -> bytes:
    done = subprocess.run(
        command, input=sent, capture_output=True, env={**os.environ, **(env or {})}, check=False
    )
    if done.returncode != 0:
        said = (done.stdout + done.stderr).decode("utf-8", "replace")[-2000:]
        raise Transient(f"{' '.join(command[:1])} … ended with code {done.returncode}:\n{said}")
    return done.stdout


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


def _start_time(pid: int) -> str | None:
    """When a process started, as the system writes it; None where it has ended."""
    stat = Path(f"/proc/{pid}/stat")
    if stat.parent.parent.joinpath("self").exists():
        try:
            state, *rest = stat.read_text(encoding="utf-8").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        return None if state == "Z" else rest[18]
    done = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or None
