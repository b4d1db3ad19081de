"""The endless job on a real Flink cluster, with a TaskManager killed while it runs.

Beam's Flink job server is not in every registry, so these tests run where both are named:

    NEWSMILL_FLINK_JOB_SERVER_JAR   beam-runners-flink-<version>-job-server-2.77.0.jar
    NEWSMILL_FLINK_LIB              lib folder of a Flink of the same version; PyPI's
                                    apache-flink-libraries has it in deps/lib
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from newsmill.config import KafkaConfig, LakeConfig
from newsmill.lake.verification.audit import audit
from newsmill.lake.writer import Lake

JAR = os.environ.get("NEWSMILL_FLINK_JOB_SERVER_JAR", "")
LIB = os.environ.get("NEWSMILL_FLINK_LIB", "")
RECORDS = 400
OPENED = [
    f"--add-opens=java.base/java.{package}=ALL-UNNAMED" for package in ("lang", "nio", "util", "net", "time")
]

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait(what: str, seconds: float, met: Any) -> None:
    deadline = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < deadline, what
        time.sleep(0.5)


def story(number: int) -> bytes:
    """A small page."""
    text = "".join(
        f"<p>Paragraph {i} of story {number} on the council of town {number}, day {i}.</p>" for i in range(9)
    )
    page = f"<html lang=en><title>Story {number}</title><body><article>{text}</article></body></html>"
    return page.encode()


class Cluster:
    """A JobManager and TaskManagers of one slot each, started by class as the scripts do."""

    def __init__(self, lib: Path, folder: Path, stack: ExitStack) -> None:
        self.folder, self._stack, self._classpath = folder, stack, f"{lib}/*"
        self.rest = free_port()
        self._rpc = free_port()
        self.managers: list[subprocess.Popen[bytes]] = []
        conf = folder / "conf"
        conf.mkdir(parents=True)
        settings = {
            "jobmanager.rpc.address": "127.0.0.1",
            "jobmanager.rpc.port": self._rpc,
            "jobmanager.bind-host": "127.0.0.1",
            "rest.address": "127.0.0.1",
            "rest.bind-address": "127.0.0.1",
            "rest.port": self.rest,
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
            "taskmanager.memory.jvm-metaspace.size": "256m",
            "taskmanager.memory.jvm-overhead.min": "64m",
            "taskmanager.memory.jvm-overhead.max": "64m",
            "restart-strategy.type": "fixed-delay",
            "restart-strategy.fixed-delay.attempts": 100,
            "restart-strategy.fixed-delay.delay": "2 s",
            "heartbeat.timeout": 10000,
            "state.backend.type": "rocksdb",
            "execution.checkpointing.dir": (folder / "checkpoints").as_uri(),
            "state.checkpoints.dir": (folder / "checkpoints").as_uri(),
        }
        text = "".join(f"{key}: {value}\n" for key, value in settings.items())
        (conf / "config.yaml").write_text(text)
        self._java(
            "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint",
            "--configDir", str(conf), "--executionMode", "cluster",
        )  # fmt: skip

    def _java(self, main: str, *arguments: str) -> subprocess.Popen[bytes]:
        log = self._stack.enter_context((self.folder / f"{main.rpartition('.')[2]}.log").open("ab"))
        process = subprocess.Popen(
            ["java", "-Xmx512m", *OPENED, "-cp", self._classpath, main, *arguments], stdout=log, stderr=log
        )
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        return process

    def add_manager(self) -> None:
        """One more TaskManager."""
        self.managers.append(
            self._java(
                "org.apache.flink.runtime.taskexecutor.TaskManagerRunner",
                "--configDir", str(self.folder / "conf"),
            )
        )  # fmt: skip

    def ask(self, path: str) -> Any:
        """What the REST endpoint says; nothing while it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.rest}{path}", timeout=5) as answer:
                return json.load(answer)
        except OSError:
            return {}


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    if not (LIB and Path(LIB).is_dir()):
        pytest.skip("NEWSMILL_FLINK_LIB names no folder: no Flink to start")
    with ExitStack() as stack:
        made = Cluster(Path(LIB), tmp_path / "flink", stack)
        made.add_manager()
        made.add_manager()
        wait("two slots", 180, lambda: made.ask("/overview").get("slots-available") == 2)
        yield made


def test_flink_cluster_loses_a_slot_when_a_task_manager_is_killed(cluster: Cluster) -> None:
    cluster.managers[0].send_signal(signal.SIGKILL)
    wait("one slot", 120, lambda: cluster.ask("/overview").get("slots-total") == 1)
    cluster.add_manager()
    wait("two slots again", 180, lambda: cluster.ask("/overview").get("slots-total") == 2)


def test_nothing_is_lost_or_twice_when_a_task_manager_is_killed(
    kafka: Any, cluster: Cluster, tmp_path: Path
) -> None:
    if not JAR:
        pytest.skip("NEWSMILL_FLINK_JOB_SERVER_JAR is not set: Beam's job server can't be had here")
    topic: KafkaConfig = kafka.topic(partitions=4)
    for partition in range(4):
        pages = [story(number) for number in range(partition, RECORDS, 4)]
        kafka.send(topic, pages, partition=partition, headers=[("url", b"https://a.example/1")])
    lake, ports = tmp_path / "lake", [free_port() for _ in range(3)]
    settings = {
        "kafka.bootstrap": topic.bootstrap,
        "kafka.topic": topic.topic,
        "lake.path": lake,
        "lake.lease_s": 5,
        "batch.max_records": 50,
        "batch.max_wait_s": 1,
    }
    options = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    with ExitStack() as stack:
        server = subprocess.Popen(
            ["java", *OPENED, "-jar", JAR, "--job-host=127.0.0.1", f"--job-port={ports[0]}",
             f"--artifact-port={ports[1]}", f"--expansion-port={ports[2]}",
             f"--artifacts-dir={tmp_path / 'artifacts'}", f"--flink-master=127.0.0.1:{cluster.rest}"]
        )  # fmt: skip
        stack.callback(server.wait)
        stack.callback(server.kill)
        pool = subprocess.Popen(
            [sys.executable, "-m", "newsmill.workers.worker_pool", "--address", "127.0.0.1:0"],
            stdout=subprocess.PIPE,
            text=True,
        )
        stack.callback(pool.wait)
        stack.callback(pool.terminate)
        assert pool.stdout is not None
        at = pool.stdout.readline().split()[-1]
        wait("job server", 60, lambda: socket.socket().connect_ex(("127.0.0.1", ports[0])) == 0)
        flink = {
            "portable.job_endpoint": f"127.0.0.1:{ports[0]}",
            "portable.worker_pool": at,
            "portable.parallelism": 2,
            "portable.checkpoint_interval_s": 2,
        }
        command = subprocess.Popen(
            [sys.executable, "-m", "newsmill", "run", "--runner", "flink", *options,
             *(part for key, value in flink.items() for part in ("--set", f"{key}={value}"))]
        )  # fmt: skip
        stack.callback(command.kill)

        def committed() -> int:
            if not (lake / "catalog.db").exists():
                return 0
            return sum(Lake.open_readonly(LakeConfig(path=str(lake))).committed().values())

        wait("first batches", 180, lambda: committed() >= 100)
        cluster.managers[0].send_signal(signal.SIGKILL)
        cluster.add_manager()
        wait("all batches", 300, lambda: committed() == RECORDS)
        command.send_signal(signal.SIGTERM)
        assert command.wait(timeout=120) == 0
    direct = tmp_path / "direct"
    options[options.index(f"lake.path={lake}")] = f"lake.path={direct}"
    subprocess.run([sys.executable, "-m", "newsmill", "run", "--once", *options], check=True, timeout=600)
    report = audit(str(lake), broker=topic, same_as=str(direct))
    assert report.right, report.findings
    assert report.records == RECORDS
