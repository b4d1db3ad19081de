"""A Flink on loopback: a JobManager, TaskManagers with a worker pool each, and Beam's job server.

Every one is a process of its own, as in production, and can be killed by itself. All TaskManagers know their
pool by one name; each has a file of hosts in which that name is the loopback address of its own pool.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from newsmill.flink.rest import FlinkRest

HERE: Final = Path(__file__).parent
POOL: Final = "pool.newsmill.test"
"""Each TaskManager's own pool."""
OPENED: Final = [
    "--add-exports=java.base/sun.net.util=ALL-UNNAMED",
    *(
        f"--add-opens=java.base/{package}=ALL-UNNAMED"
        for package in (
            "java.lang",
            "java.lang.reflect",
            "java.net",
            "java.io",
            "java.nio",
            "sun.nio.ch",
            "java.text",
            "java.time",
            "java.util",
            "java.util.concurrent",
            "java.util.concurrent.atomic",
            "java.util.concurrent.locks",
        )
    ),
]
"""What Flink's own configuration opens on Java 17."""
JAVA: Final = ["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", *OPENED]
METASPACE: Final = "256m"


def versions(jar: Path) -> tuple[str, str]:
    """Of the Flink that a job server's jar is made for, and of its Beam."""
    with zipfile.ZipFile(jar) as inside:
        flink = inside.read(".flink-runtime.version.properties").decode()
        beam = inside.read("org/apache/beam/sdk/sdk.properties").decode()
    return _property(flink, "project.version"), _property(beam, "version")


def _property(text: str, name: str) -> str:
    return next(line.split("=", 1)[1].strip() for line in text.splitlines() if line.startswith(f"{name}="))


def libraries(version: str) -> Path:
    """Flink's jars, fetched from Maven the first time."""
    folder = HERE.parent / ".flink" / version
    if not (folder / f"flink-runtime-{version}.jar").is_file():
        subprocess.run(
            [
                "mvn", "-q", "-B", "-f", str(HERE / "flink" / "pom.xml"), f"-Dflink.version={version}",
                "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies",
                f"-DoutputDirectory={folder}",
            ],
            check=True,
        )  # fmt: skip
    return folder


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait(what: str, seconds: float, met: Callable[[], object]) -> float:
    """Wait until it is so; the seconds that it took. Ends the program where it takes longer."""
    start = time.monotonic()
    while not met():
        if time.monotonic() - start > seconds:
            raise TimeoutError(f"{what}: not after {seconds:.0f} s")
        time.sleep(0.3)
    return time.monotonic() - start


def listens(port: int, host: str = "127.0.0.1") -> bool:
    """Whether somebody does."""
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


class Cluster:
    """All of them; a context manager that ends them.

    Args:
        jar: Beam's job server for this Flink.
        folder: For settings, logs, checkpoints and savepoints.
        managers: TaskManagers, of one slot each.
    """

    def __init__(self, jar: Path, folder: Path, *, managers: int = 2) -> None:
        self.version, self.beam = versions(jar)
        self._jar, self._folder, self._managers = jar, folder, managers
        self._classpath = f"{libraries(self.version)}/*"
        self._rest_port, self._rpc, self._pool_port = free_port(), free_port(), free_port()
        self._ports = [free_port() for _ in range(3)]
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._stack = ExitStack()
        self.url = f"http://127.0.0.1:{self._rest_port}"
        self.rest = FlinkRest(self.url)

    def __enter__(self) -> Cluster:
        conf = self._folder / "conf"
        conf.mkdir(parents=True)
        settings = {
            "jobmanager.rpc.address": "127.0.0.1",
            "jobmanager.rpc.port": self._rpc,
            "jobmanager.bind-host": "127.0.0.1",
            "rest.address": "127.0.0.1",
            "rest.bind-address": "127.0.0.1",
            "rest.port": self._rest_port,
            "web.submit.enable": "false",
            "web.cancel.enable": "false",
            "taskmanager.host": "127.0.0.1",
            "taskmanager.bind-host": "127.0.0.1",
            "taskmanager.numberOfTaskSlots": 1,
            "taskmanager.cpu.cores": 1.0,
            "taskmanager.memory.task.heap.size": "256m",
            "taskmanager.memory.task.off-heap.size": "16m",
            "taskmanager.memory.network.min": "64m",
            "taskmanager.memory.network.max": "64m",
            "taskmanager.memory.managed.size": "64m",
            "taskmanager.memory.framework.heap.size": "128m",
            "taskmanager.memory.framework.off-heap.size": "64m",
            "taskmanager.memory.jvm-metaspace.size": METASPACE,
            "taskmanager.memory.jvm-overhead.min": "64m",
            "taskmanager.memory.jvm-overhead.max": "64m",
            "restart-strategy": "fixed-delay",
            "restart-strategy.type": "fixed-delay",
            "restart-strategy.fixed-delay.attempts": 1000,
            "restart-strategy.fixed-delay.delay": "1 s",
            "heartbeat.timeout": 10000,
            "heartbeat.interval": 2000,
            "state.backend": "rocksdb",
            "state.backend.type": "rocksdb",
            "state.checkpoints.dir": (self._folder / "checkpoints").as_uri(),
            "state.savepoints.dir": (self._folder / "savepoints").as_uri(),
        }
        text = "".join(f"{key}: {value}\n" for key, value in settings.items())
        for name in ("flink-conf.yaml", "config.yaml"):  # until 1.18, and from 1.19 on
            (conf / name).write_text(text)
        self.start_job_manager()
        for number in range(self._managers):
            self.start_pool(number)
            self.start_task_manager(number)
        self.start_job_server()
        wait("slots", 400, lambda: self._slots() == self._managers)
        wait("job server", 400, lambda: listens(self._ports[0]))
        return self

    def __exit__(self, *exc: object) -> None:
        for name in list(self._running):
            self.kill(name)
        self._stack.close()

    @property
    def settings(self) -> dict[str, object]:
        """What `newsmill run` needs to know of it."""
        return {
            "portable.job_endpoint": f"127.0.0.1:{self._ports[0]}",
            "portable.flink_rest": self.url,
            "portable.worker_pool": f"{POOL}:{self._pool_port}",
        }

    def pid(self, name: str) -> int:
        """Process id of what was started under that name."""
        return self._running[name].pid

    def names(self) -> list[str]:
        """All that was started."""
        return list(self._running)

    def kill(self, name: str) -> None:
        """End it with `kill -9`, and wait for that."""
        process = self._running.pop(name)
        process.kill()
        process.wait()

    def start_job_manager(self) -> None:
        """The JobManager, without high availability."""
        main = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
        self._java("JobManager", ["-Xmx512m"], main, "--executionMode", "cluster")

    def start_task_manager(self, number: int) -> None:
        """A TaskManager of one slot, that knows its own pool."""
        hosts = self._folder / f"hosts-{number}"
        hosts.write_text(f"127.0.0.1 localhost {socket.gethostname()}\n{self._pool_host(number)} {POOL}\n")
        options = ["-Xmx512m", f"-XX:MaxMetaspaceSize={METASPACE}", f"-Djdk.net.hosts.file={hosts}"]
        main = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
        self._java(f"TaskManager {number}", options, main)

    def start_pool(self, number: int) -> None:
        """The pool of one TaskManager."""
        at = f"{self._pool_host(number)}:{self._pool_port}"
        command = [sys.executable, "-m", "newsmill.workers.worker_pool", "--address", at]
        self._start(f"pool {number}", [*command, "--max-workers", "8"])
        wait(f"pool {number}", 400, lambda: listens(self._pool_port, self._pool_host(number)))

    def start_job_server(self) -> None:
        """Beam's job server."""
        job, artifact, expansion = self._ports
        command = [
            *JAVA, "-Xmx768m", "-jar", str(self._jar), "--job-host=127.0.0.1", f"--job-port={job}",
            f"--artifact-port={artifact}", f"--expansion-port={expansion}",
            f"--artifacts-dir={self._folder / 'artifacts'}", f"--flink-master=127.0.0.1:{self._rest_port}",
        ]  # fmt: skip
        self._start("job server", command)

    def await_job_server(self) -> None:
        """Until it answers."""
        wait("job server", 400, lambda: listens(self._ports[0]))

    def await_slots(self) -> float:
        """Seconds until all TaskManagers are there."""
        return wait("slots", 400, lambda: self._slots() == self._managers)

    def stop(self, job: str, *, drain: bool) -> str:
        """Stop a job with a savepoint, as `flink stop`; where the savepoint is."""
        trigger = self.ask("POST", f"/jobs/{job}/stop", {"drain": drain})["request-id"]
        found: dict[str, Any] = {}

        def ended() -> bool:
            nonlocal found
            found = self.ask("GET", f"/jobs/{job}/savepoints/{trigger}")
            return bool(found["status"]["id"] == "COMPLETED")

        wait("savepoint", 400, ended)
        if "location" not in found["operation"]:
            raise RuntimeError(json.dumps(found["operation"])[:2000])
        return str(found["operation"]["location"])

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Flink's answer to what newsmill itself does not ask."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def workers(self, number: int) -> list[int]:
        """Process ids of the workers of one pool."""
        found = []
        for task in Path(f"/proc/{self.pid(f'pool {number}')}").glob("task/*/children"):
            found += [int(pid) for pid in task.read_text().split()]
        return [p for p in found if b"newsmill.workers.worker" in Path(f"/proc/{p}/cmdline").read_bytes()]

    def log(self, name: str) -> Path:
        """Where a process's output goes."""
        return self._folder / f"{name.replace(' ', '-')}.log"

    def _pool_host(self, number: int) -> str:
        return f"127.0.0.{number + 1}"

    def _slots(self) -> int:
        try:
            return int(self.ask("GET", "/overview")["slots-total"])
        except OSError:
            return 0

    def _java(self, name: str, options: list[str], main: str, *arguments: str) -> None:
        conf = ["--configDir", str(self._folder / "conf")]
        self._start(name, [*JAVA, *options, "-cp", self._classpath, main, *conf, *arguments])

    def _start(self, name: str, command: list[str]) -> None:
        out = self._stack.enter_context(self.log(name).open("ab"))
        self._running[name] = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=HERE, env=dict(os.environ)
        )
