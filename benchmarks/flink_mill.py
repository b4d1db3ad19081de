"""The endless job of one lake on a real Flink: its commands, and the pages that come while it runs."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

from endless import send
from flink_cluster import Cluster, wait
from newsmill.config import KafkaConfig, LakeConfig
from newsmill.dev.local_kafka import DevKafka
from newsmill.flow.elements.batches import AHEAD
from newsmill.lake.verification.audit import audit
from newsmill.lake.writer import Lake


class Wrong(Exception):
    """Something is not as it must be."""


def committed(lake: Path) -> int:
    """Records in the lake."""
    if not (lake / "lake.json").exists():
        return 0
    return sum(Lake.open_readonly(LakeConfig(path=str(lake))).committed().values())


class Mill:
    """One lake, and the commands that run its job.

    Args:
        more: Settings besides the places.
    """

    def __init__(self, cluster: Cluster, kafka: KafkaConfig, lake: Path, more: dict[str, object]) -> None:
        self.cluster, self.kafka, self.lake = cluster, kafka, lake
        self._settings: dict[str, object] = {
            "kafka.bootstrap": kafka.bootstrap,
            "kafka.topic": kafka.topic,
            "lake.path": lake,
            "lake.lease_s": 5,
            "page.processes": 1,
            "portable.parallelism": 2,
            "portable.checkpoint_interval_s": 5,
            **cluster.settings,
            **more,
        }
        self._number = 0

    def options(self, **more: object) -> list[str]:
        """As arguments of a command."""
        given = self._settings | {key.replace("__", "."): value for key, value in more.items()}
        return [part for key, value in given.items() for part in ("--set", f"{key}={value}")]

    def command(self, *arguments: str, **more: object) -> subprocess.Popen[bytes]:
        """`newsmill run --runner flink`, running."""
        self._number += 1
        self.log = self.lake.parent / f"{self.lake.name}-{self._number}.log"
        with self.log.open("wb") as out:
            command = [sys.executable, "-m", "newsmill", "run", "--runner", "flink", *arguments]
            return subprocess.Popen([*command, *self.options(**more)], stdout=out, stderr=out)

    def following(self) -> subprocess.Popen[bytes]:
        """`newsmill run --runner flink --attach`, once it follows the job that runs."""
        command = self.command("--attach")
        wait("attach", 300, lambda: command.poll() is not None or "following a job" in self.log.read_text())
        return command

    def job(self) -> str:
        """Id of the job, once it runs."""
        wait("job", 300, lambda: [j for j in self.cluster.rest.running("newsmill") if j.state == "RUNNING"])
        return self.cluster.rest.running("newsmill")[0].id

    def advance(self, by: int = 1, *, within_s: float = 600) -> float:
        """Seconds until the lake has so many records more."""
        before = committed(self.lake)
        return wait(f"commit after {before}", within_s, lambda: committed(self.lake) >= before + by)

    def ends(self, command: subprocess.Popen[bytes], code: int, within_s: float = 300) -> float:
        """Seconds until a command ends, with that exit code."""
        took = wait("end of the command", within_s, lambda: command.poll() is not None)
        if command.returncode != code:
            raise Wrong(f"exit code {command.returncode}, not {code}: {self.log.read_text()[-3000:]}")
        return took

    def audited(self, same_as: Path | None = None) -> int:
        """Records, all of them right."""
        report = audit(str(self.lake), broker=self.kafka, same_as=str(same_as) if same_as else None)
        if not report.right:
            raise Wrong(json.dumps([vars(f) for f in report.findings][:5], default=str))
        return report.records


class Arriving(threading.Thread):
    """Sends pages while jobs run: so many more than the lake has that every batch is a full one.

    Args:
        least: How many are sent in all, however soon there are enough.
    """

    def __init__(self, kafka: DevKafka, mill: Mill, least: int, batch: int) -> None:
        super().__init__(name="arriving", daemon=True)
        self._kafka, self._mill, self._least, self._ahead = kafka, mill, least, (AHEAD + 3) * batch
        self.sent = 0
        self.enough = threading.Event()

    def run(self) -> None:
        """Until there are enough."""
        while not self.enough.is_set() or self.sent < self._least:
            time.sleep(0.2)
            wanted = self._least if self.enough.is_set() else committed(self._mill.lake) + self._ahead
            if wanted > self.sent:
                send(self._kafka, self._mill.kafka.topic, wanted - self.sent, start=self.sent)
                self.sent = wanted
