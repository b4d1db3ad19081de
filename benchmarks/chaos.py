"""A whole `newsmill run` under everything at once; what is left is compared with the topic.

    python benchmarks/chaos.py --kills 100 --seed 1 [--write docs/reliability.md]

Pages come in all the time. The command is killed, or stopped and woken, at random times and started again;
beside it run compact, gc, audit, takedowns, and a second writer that must be refused. At the end all is
read to the end. Then a checker that uses nothing of newsmill compares what Kafka has with what DuckDB reads
of the tables: one fate a record, one row an article, no text of what was taken down. The last line is the
verdict.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

import duckdb
from duckdb_extensions import import_extension
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from measuring import write_section
from newsmill.dev.local_kafka import DevKafka

TOPIC: Final = "chaos"
PARTITIONS: Final = 3
SITES: Final = 12
WRITER: Final = "is writing this lake"


class Chaos:
    """One run: a topic that grows, a lake, and the one who breaks things."""

    def __init__(self, bootstrap: str, lake: Path, seed: int) -> None:
        self._chance = random.Random(seed)
        self._lake = lake
        self._bootstrap = bootstrap
        self._run: subprocess.Popen[bytes] | None = None
        self._enough = threading.Event()
        self._feeding = threading.Thread(target=self._feed, args=(random.Random(seed + 1),))
        self.done: Counter[str] = Counter()
        self.problems: list[str] = []
        self.taken_down: set[str] = set()

    def run(self, kills: int) -> None:
        """Break things until so many kills were done; then let it finish."""
        self._feeding.start()
        try:
            while self.done["kills"] < kills and not self.problems:
                self._start()
                time.sleep(self._chance.uniform(2, 25))
                self._break()
        finally:
            self._enough.set()
            self._feeding.join()
        if self._run is not None:
            self._kill()
        for _ in range(3):  # a batch that was killed twice is cut first
            if self._command("run", "--once", *self._settings()).returncode == 0:
                break
        else:
            self.problems.append("the last run does not end in order")

    def _break(self) -> None:
        action = self._chance.choices(
            ("kill", "stop", "compact", "gc", "audit", "takedown", "second"), (8, 2, 1, 1, 1, 0.5, 1)
        )[0]
        if action == "kill":
            self._kill()
        elif action == "stop":
            assert self._run is not None
            self._run.send_signal(signal.SIGSTOP)
            time.sleep(self._chance.uniform(0.5, 4))
            self._run.send_signal(signal.SIGCONT)
        elif not (self._lake / "fate" / "metadata" / "version-hint.text").exists():
            return
        elif action == "second":
            ended = self._command("run", "--once", *self._settings())
            if self._alive() and ended.returncode == 0:
                self.problems.append("a second writer was let in beside the first")
        elif action == "takedown":
            site = f"site{self._chance.randrange(SITES)}.example"
            if self._command("takedown", str(self._lake), site).returncode == 0:
                self.taken_down.add(site)
        else:
            ended = self._command(action, str(self._lake))
            if ended.returncode and WRITER not in ended.stderr:
                self.problems.append(
                    f"{action}: exit code {ended.returncode}: {(ended.stdout + ended.stderr)[-1500:]}"
                )
        self.done[action if action != "kill" else "kills"] += 1

    def _start(self) -> None:
        if not self._alive():
            self._run = subprocess.Popen(
                self._line("run", *self._settings(), "--set", "batch.max_wait_s=2"),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            self.done["starts"] += 1

    def _alive(self) -> bool:
        return self._run is not None and self._run.poll() is None

    def _kill(self) -> None:
        assert self._run is not None
        if self._alive():
            os.killpg(self._run.pid, signal.SIGKILL)
        self._run.wait()

    def _settings(self) -> list[str]:
        values = (
            f"kafka.bootstrap={self._bootstrap}",
            f"kafka.topic={TOPIC}",
            f"lake.path={self._lake}",
            "lake.lease_s=5",
            "batch.max_records=60",
            "enrich.enabled=false",
        )
        return [part for value in values for part in ("--set", value)]

    @staticmethod
    def _line(*arguments: str) -> list[str]:
        return [sys.executable, "-m", "newsmill", "-q", *arguments]

    def _command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._line(*arguments), capture_output=True, text=True, timeout=900, check=False
        )

    def _feed(self, chance: random.Random) -> None:
        producer = KafkaProducer(bootstrap_servers=self._bootstrap, acks="all")
        number = 0
        while not self._enough.wait(chance.uniform(0.05, 0.4)):
            told = number - 1 if number % 9 == 8 else number
            text = "".join(
                f"<p>Item {told * 7 + k}: {'the harbour and its ships ' * 6}{told}.</p>" for k in range(5)
            )
            page = f"<html><head><title>Report {told}</title></head><body><article>{text}</article></body>"
            url = b"none" if number % 17 == 16 else f"https://site{number % SITES}.example/{number}".encode()
            headers = [("url", url)]
            producer.send(TOPIC, page.encode(), headers=headers, partition=number % PARTITIONS)
            number += 1
        producer.close()


def check(bootstrap: str, lake: Path, taken_down: set[str]) -> tuple[int, list[str]]:
    """(records in the topic, what is wrong): by Kafka and by DuckDB alone."""
    wanted = _in_topic(bootstrap)
    with duckdb.connect() as connection:
        for extension in ("avro", "iceberg"):
            import_extension(extension)
            connection.load_extension(extension)
        fates = _rows(connection, lake, "fate", 'partition, "offset", fate')
        articles = _rows(connection, lake, "articles", 'partition, "offset", domain, body')
        quarantined = _rows(connection, lake, "quarantine", 'partition, "offset"')
    problems = []
    counted = Counter(row[:2] for row in fates)
    if lost := wanted - set(counted):
        problems.append(f"{len(lost)} records have no fate, e.g. {sorted(lost)[:3]}")
    if strange := set(counted) - wanted:
        problems.append(f"{len(strange)} fates of records that are not in the topic: {sorted(strange)[:3]}")
    if twice := [place for place, times in counted.items() if times > 1]:
        problems.append(f"{len(twice)} records have more than one fate, e.g. {sorted(twice)[:3]}")
    rows = Counter(row[:2] for row in articles)
    told = {row[:2] for row in fates if row[2] in ("article", "copy", "revision")}
    if told != set(rows) or max(rows.values(), default=1) > 1:
        problems.append(f"{len(told ^ set(rows))} fates and rows of articles do not fit")
    held = {row[:2] for row in fates if row[2] == "quarantined"}
    if held != set(map(tuple, quarantined)):
        problems.append(f"{len(held ^ set(map(tuple, quarantined)))} fates and quarantined rows do not fit")
    if left := [row[:2] for row in articles if row[2] in taken_down and row[3]]:
        problems.append(f"{len(left)} texts of sites that were taken down, e.g. {left[:3]}")
    return len(wanted), problems


def _in_topic(bootstrap: str) -> set[tuple[int, int]]:
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, group_id=None)
    parts = [TopicPartition(TOPIC, partition) for partition in range(PARTITIONS)]
    consumer.assign(parts)
    consumer.seek_to_beginning(*parts)
    ends = consumer.end_offsets(parts)
    found: set[tuple[int, int]] = set()
    while any(consumer.position(part) < end for part, end in ends.items()):
        for part, records in consumer.poll(1000).items():
            found |= {(part.partition, record.offset) for record in records}
    consumer.close()
    return found


def _rows(connection: Any, lake: Path, table: str, columns: str) -> list[tuple[Any, ...]]:
    if not (lake / table / "metadata" / "version-hint.text").exists():
        return []
    return list(connection.sql(f"SELECT {columns} FROM iceberg_scan('{lake / table}')").fetchall())


def told(kills: int, board: dict[str, Any], problems: list[str]) -> str:
    """The scoreboard as Markdown."""
    rows = "\n".join(f"| {name} | {value:,} |" for name, value in board.items())
    head = f"`make chaos KILLS={kills} SEED={board['seed']}`\n\n| what | how often |\n| --- | ---: |"
    right = "One fate a record, one row an article"
    if board.get("takedown"):
        right += ", nothing left of what was taken down"
    return f"{head}\n{rows}\n\n{'; '.join(problems) or right}."


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", type=Path, help="put the scoreboard into this page")
    given = parser.parse_args()
    start = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="chaos-") as scratch,
        DevKafka(data=Path(scratch, "kafka")) as dev,
    ):
        dev.make_topic(TOPIC, partitions=PARTITIONS)
        bootstrap, lake = dev.kafka(TOPIC).bootstrap, Path(scratch, "lake")
        chaos = Chaos(bootstrap, lake, given.seed)
        chaos.run(given.kills)
        records, problems = check(bootstrap, lake, chaos.taken_down)
    problems = [*chaos.problems, *problems]
    board = {
        "seed": given.seed,
        "minutes": round((time.monotonic() - start) / 60, 1),
        "records": records,
        **dict(sorted(chaos.done.items())),
    }
    print(json.dumps(board))
    if given.write is not None:
        text = told(given.kills, board, problems)
        write_section(given.write, "chaos", text)
    for problem in problems:
        print(f"violation: {problem}")
    print("wrong" if problems else "right")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
