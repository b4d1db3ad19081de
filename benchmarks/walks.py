"""What each alert of the runbook looks like, from the alert to the mended lake: real troubles, real commands.

    python benchmarks/walks.py [--only NewsmillDown] [--write docs/runbook.md]

For each alert a broker, a lake and a trouble are made, and the commands of its entry are run; what they print
is put at the end of the entry, shortened. Paths, addresses and process ids are shown as the reader has them:
LAKE, mill.yaml, broker:9092, PID.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

from kafka import KafkaProducer, TopicPartition
from kafka.admin import AbortTransactionSpec, KafkaAdminClient

import newsmill
from newsmill.cli import main as newsmill_main
from newsmill.config import KafkaConfig
from newsmill.dev.local_kafka import DevKafka
from newsmill.sources import transactions

LINES, COLUMNS = 12, 150
"""Most lines of one command that are recorded, and their length."""
MATTERS = ("a bridge", "a ferry", "a school")
NAMING = ("NewsmillDiskFills", "NewsmillSlowCommits")  # nights in whose lakes entities and places are, too
NAMED = "The mayor of London, Sadiq Khan, spoke about it in Berlin."


def page(n: int, *, paragraphs: int = 6, word: str = "", dated: bool = True) -> tuple[str, bytes]:
    """(URL, HTML) of a page with a text of its own."""
    told = "".join(
        f"<p>Item {n * 31 + k}: the council of ward {n * 7 + k} met about {MATTERS[k % 3]} and put off its "
        f"decision {n + k} weeks, said member {chr(65 + n % 26)}{chr(97 + k)}. {word}</p>"
        for k in range(paragraphs)
    )
    day = f"2026-03-{1 + n % 28:02}T08:00:00Z"
    dates = f'<meta property="article:published_time" content="{day}">' if dated else ""
    head = f"<head><title>Ward {n} waits</title>{dates}</head>"
    html = f"<html lang='en'>{head}<body><article><h1>Ward {n} waits</h1>{told}</article></body></html>"
    return f"https://site.example/{n}", html.encode()


EMPTY = (
    b"<html><head><title>Please log in</title></head><body><form><input type=password></form></body></html>"
)


class Night:
    """One alert: a topic, a lake, settings, and what was typed and printed."""

    def __init__(self, broker: DevKafka, folder: Path, name: str) -> None:
        self.broker = broker
        topic = f"night-{name.lower()}-{int(time.time())}"
        broker.make_topic(topic, partitions=1)
        self.kafka: KafkaConfig = broker.kafka(topic)
        self.lake, self.file = folder / name / "lake", folder / name / "mill.yaml"
        self.file.parent.mkdir()
        self.settings: dict[str, object] = {
            "kafka": {"bootstrap": self.kafka.bootstrap, "topic": topic},
            "lake": {"path": str(self.lake)},
            "batch": {"max_wait_s": 1},
            "enrich": {"enabled": name in NAMING},
            "metrics": {"port": _free_port()},
        }
        self.save()
        self.told: list[str] = []

    def save(self) -> None:
        """Write the settings."""
        self.file.write_text(json.dumps(self.settings), encoding="utf-8")

    @property
    def port(self) -> int:
        """Of the endpoint; 0 where there is none."""
        metrics = self.settings.get("metrics")
        return int(metrics["port"]) if isinstance(metrics, dict) else 0

    def send(self, *records: tuple[str, bytes]) -> None:
        """Put pages on the topic."""
        producer = KafkaProducer(bootstrap_servers=self.kafka.bootstrap, max_request_size=10_000_000)
        for url, body in records:
            producer.send(self.kafka.topic, body, headers=[("url", url.encode())] if url else [])
        producer.close()

    def start(self, **environment: str) -> subprocess.Popen[bytes]:
        """A run of its own process, as a service has it."""
        log = self.file.with_name("log").open("ab")
        return subprocess.Popen(
            [sys.executable, "-m", "newsmill", "run", "-c", str(self.file)],
            stdout=log,
            stderr=log,
            env=os.environ | environment,
        )

    def quietly(self, *arguments: str) -> None:
        """Run a command that is not recorded."""
        _run(arguments)

    def typed(self, *arguments: str, keep: str = "") -> None:
        """Run a command, and record what it prints: all lines, or those that hold `keep`."""
        printed = _run(arguments)
        shown = [line for line in printed.splitlines() if keep in line and not line.startswith("{")]
        self.record("newsmill " + " ".join(_quoted(a) for a in arguments), shown)

    def asked(self, path: str) -> None:
        """Record what the endpoint answers."""
        self.record(f"curl http://127.0.0.1:9400{path}", answer(self, path).splitlines())

    def record(self, command: str, lines: list[str]) -> None:
        """Keep a command with what it printed, in the reader's names."""
        cut = [line if len(line) <= COLUMNS else line[:COLUMNS] + "…" for line in map(self._plain, lines)]
        more = ["…"] if len(cut) > LINES else []
        self.told += [f"$ {self._plain(command)}", *cut[:LINES], *more]

    def _plain(self, text: str) -> str:
        for found, shown in (
            (f"{Path(newsmill.__file__).parent.parent}/", ""),
            (str(self.file), "mill.yaml"),
            (str(self.lake), "LAKE"),
            (self.kafka.topic, "news-pages"),
            (self.kafka.bootstrap, "broker:9092"),
            (socket.gethostname(), "HOST"),
            (str(self.port or "9400"), "9400"),
        ):
            text = text.replace(found, shown)
        return re.sub(r"process \d+", "process PID", text)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def _quoted(argument: str) -> str:
    return f'"{argument}"' if re.search(r"[\s*()]", argument) else argument


def _run(arguments: tuple[str, ...]) -> str:
    """What a command prints."""
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="utf-8")
    before = sys.argv
    sys.argv = ["newsmill", *arguments]
    try:
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(out),
            contextlib.suppress(SystemExit),
        ):
            newsmill_main()
    finally:
        sys.argv = before
    out.flush()
    return raw.getvalue().decode()


def until(ask: Callable[[], object], what: str) -> None:
    """Wait."""
    deadline = time.monotonic() + 600
    while not ask():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.3)


def answer(night: Night, path: str) -> str:
    """What the endpoint answers, also where something is wrong; nothing where it does not."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{night.port}{path}", timeout=20) as answered:
            return str(answered.read().decode())
    except urllib.error.HTTPError as error:
        return error.read().decode()
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return ""


@contextlib.contextmanager
def running(night: Night, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A run that is killed at the end, where it has not ended."""
    process = night.start(**environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


TRIED = {"NEWSMILL_TEST": "1"}


def down(night: Night) -> None:
    """Killed in the middle of a commit."""
    night.send(*(page(n) for n in range(20)))
    with running(night, **TRIED, NEWSMILL_FAILPOINT="commit.decided@1:kill") as process:
        process.wait(timeout=600)
    night.typed("status", "-c", str(night.file))
    night.typed("run", "-c", str(night.file), "--once")
    night.typed("audit", "-c", str(night.file), keep="r")


def absent(night: Night) -> None:
    """The mill runs, and nobody set metrics.port."""
    del night.settings["metrics"]
    night.save()
    night.send(*(page(n) for n in range(5)))
    with running(night):
        until(lambda: committed(night) == 5, "they are committed")
        night.typed("status", str(night.lake), keep="it")
        night.typed("config", "show", "-c", str(night.file), keep="metrics.")


def crash_loop(night: Night) -> None:
    """A record kills the run each time."""
    night.send(*(page(n) for n in range(4)), page(9, word="quicksand"))
    poison = {**TRIED, "NEWSMILL_POISON": "quicksand:kill"}
    starts = 0
    while starts < 40:
        with running(night, **poison) as process:
            until(lambda: process.poll() is not None or committed(night) >= 5, "the run ends")
            ended = process.poll()
        starts += 1
        if ended is None:
            break
        if starts == 2:
            night.typed("status", "-c", str(night.file), keep="batch")
    night.record("systemctl show newsmill --property=NRestarts", [f"NRestarts={starts - 1}"])
    night.typed("quarantine", "list", str(night.lake))
    night.typed("status", "-c", str(night.file), keep="to do")


def committed(night: Night) -> int:
    """Records that have their fate."""
    found = _run(("status", str(night.lake), "--json"))
    try:
        return sum(json.loads(found.splitlines()[-1])["committed"].values())
    except (ValueError, IndexError, KeyError):
        return 0


def not_committing(night: Night) -> None:
    """The broker is away."""
    night.send(*(page(n) for n in range(5)))
    night.quietly("run", "-c", str(night.file), "--once")
    bootstrap = night.kafka.bootstrap
    away = f"127.0.0.1:{_free_port()}"
    night.settings["kafka"]["bootstrap"] = away  # type: ignore[index]
    night.save()
    with running(night):
        until(lambda: "waiting for" in answer(night, "/ready"), "it waits")
        night.asked("/ready")
        night.asked("/health")
        night.record(
            "newsmill doctor -c mill.yaml",
            [
                line
                for line in _run(("doctor", "-c", str(night.file))).splitlines()
                if "kafka" in line or "→ start" in line
            ],
        )
    night.told = [line.replace(away, "broker:9092") for line in night.told]
    night.settings["kafka"]["bootstrap"] = bootstrap  # type: ignore[index]
    night.save()
    night.typed("run", "-c", str(night.file), "--once")


def endless(night: Night) -> None:
    """A batch whose stage stands still."""
    night.send(*(page(n) for n in range(6)), page(9, word="quicksand"))
    with running(night, **TRIED, NEWSMILL_POISON="quicksand:sleep") as process:
        until(lambda: '"batch": {' in answer(night, "/live.json"), "the batch runs")
        time.sleep(12)
        night.typed("status", "-c", str(night.file), keep="way")
        process.send_signal(signal.SIGTERM)
        time.sleep(3)
        night.asked("/ready")
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
        log = night.file.with_name("log").read_text().splitlines()
        night.record("systemctl kill newsmill; journalctl -u newsmill -n 1", log[-1:])
    night.typed("run", "-c", str(night.file), "--once")


def lease(night: Night) -> None:
    """Two runs on one lake."""
    night.send(*(page(n) for n in range(4)))
    with running(night):
        until(lambda: answer(night, "/ready") == '{"problems": []}\n', "it is ready")
        night.typed("status", "-c", str(night.file), keep="writer")
        night.typed("run", "-c", str(night.file), "--once", "--set", "metrics.port=0")
    night.typed("run", "-c", str(night.file), "--once")


def transaction(night: Night) -> None:
    """A producer died in a transaction."""
    night.send(*(page(n) for n in range(3)))
    stuck = KafkaProducer(
        bootstrap_servers=night.kafka.bootstrap, transactional_id="crawler-7", transaction_timeout_ms=800_000
    )
    stuck.init_transactions()
    stuck.begin_transaction()
    url, body = page(50)
    stuck.send(night.kafka.topic, body, headers=[("url", url.encode())]).get(60)
    night.send(*(page(n) for n in range(51, 56)))
    night.typed("run", "-c", str(night.file), "--once")
    night.typed("status", "-c", str(night.file))
    [holder] = transactions.holders(night.kafka, transactions.backlog(night.kafka, {}))
    admin = KafkaAdminClient(bootstrap_servers=night.kafka.bootstrap)
    place = TopicPartition(night.kafka.topic, 0)
    (state,) = admin.describe_producers([place]).values()
    (owner,) = [p for p in state.active_producers if p.current_transaction_start_offset == holder.offset]
    admin.abort_transaction(AbortTransactionSpec(place, owner.producer_id, owner.producer_epoch))
    admin.close()
    night.record(holder.mend(night.kafka.bootstrap), [])
    night.typed("run", "-c", str(night.file), "--once")


def behind(night: Night) -> None:
    """Many records wait."""
    night.send(*(page(n) for n in range(10)))
    night.quietly("run", "-c", str(night.file), "--once")
    night.send(*(page(n) for n in range(100, 160)))
    night.typed("status", "-c", str(night.file), keep="wait")
    night.typed("run", "-c", str(night.file), "--dry-run")
    night.typed("run", "-c", str(night.file), "--once", "--set", "batch.max_records=1000")


def flood(night: Night) -> None:
    """One site floods the topic."""
    night.send(*(page(n) for n in range(4)), *(("https://flood.example/list", EMPTY) for _ in range(40)))
    night.quietly("run", "-c", str(night.file), "--once")
    night.typed(
        "sql",
        str(night.lake),
        "SELECT domain, fate, count(*) AS records FROM fate GROUP BY ALL ORDER BY records DESC LIMIT 3",
    )


def lost(night: Night) -> None:
    """Retention took records that were not read."""
    night.send(*(page(n) for n in range(8)))
    night.quietly("run", "-c", str(night.file), "--once")
    night.send(*(page(n) for n in range(8, 30)))
    admin = KafkaAdminClient(bootstrap_servers=night.kafka.bootstrap)
    admin.delete_records({TopicPartition(night.kafka.topic, 0): 20})
    admin.close()
    night.typed("run", "-c", str(night.file), "--once")
    night.typed("run", "-c", str(night.file), "--once", "--on-data-loss", "skip")
    night.typed(
        "sql",
        str(night.lake),
        "SELECT partition, offset_end, ingested_at FROM fate WHERE fate = 'gap'",
    )


def full(night: Night) -> None:
    """Many small files."""
    for n in range(4):
        night.send(*(page(n * 10 + k, word=NAMED) for k in range(3)))
        night.quietly("run", "-c", str(night.file), "--once")
    night.typed("status", str(night.lake), keep="disk")
    night.typed("compact", str(night.lake), "--dry-run")
    night.typed("gc", str(night.lake), "--dry-run")


def quarantine(night: Night) -> None:
    """Pages over a cap."""
    night.settings["input"] = {"max_value_bytes": 3000}
    night.save()
    night.send(*(page(n, paragraphs=3) for n in range(6)), *(page(n, paragraphs=40) for n in range(20, 24)))
    night.quietly("run", "-c", str(night.file), "--once")
    night.typed("quarantine", "list", str(night.lake))
    night.typed("quarantine", "show", str(night.lake), f"{night.kafka.topic}/0/6", keep="  ")
    night.settings["input"] = {"max_value_bytes": 10_000_000}
    night.save()
    night.typed("quarantine", "replay", "--code", "E_SIZE", "-c", str(night.file))
    night.typed("audit", "-c", str(night.file), keep="r")


def dies(night: Night) -> None:
    """Pages that need more than their limits."""
    night.settings["page"] = {"cpu_limit_s": 0.02}
    night.save()
    night.send(*(page(n, paragraphs=400) for n in range(3)))
    night.quietly("run", "-c", str(night.file), "--once")
    night.typed("quarantine", "list", str(night.lake), "--code", "E_TIMEOUT")
    night.settings["page"] = {"cpu_limit_s": 10}
    night.save()
    night.typed("quarantine", "replay", "--code", "E_TIMEOUT", "-c", str(night.file))


def few(night: Night) -> None:
    """A site lets the crawler in no longer."""
    night.send(*(page(n) for n in range(3)), *((f"https://site.example/list/{n}", EMPTY) for n in range(9)))
    night.quietly("run", "-c", str(night.file), "--once")
    night.typed(
        "sql",
        str(night.lake),
        "SELECT reason, domain, count(*) AS records FROM fate WHERE reason IS NOT NULL GROUP BY ALL",
    )
    night.typed("explain", str(night.lake), "https://site.example/list/1")


def drift(night: Night) -> None:
    """A site was redesigned."""
    night.send(*(page(n, paragraphs=24) for n in range(60)))
    night.quietly("run", "-c", str(night.file), "--once")
    for first in (100, 120, 140):
        night.send(*(page(n, paragraphs=4, dated=False) for n in range(first, first + 20)))
        night.quietly("run", "-c", str(night.file), "--once")
    night.typed("status", "-c", str(night.file), keep="site.example")
    night.typed("explain", str(night.lake), "https://site.example/120")
    night.typed("replay", "-c", str(night.file), "--domain", "site.example", "--dry-run")


def slow(night: Night) -> None:
    """Small files of an earlier hour."""
    clock = time.time_ns
    with mock.patch.object(time, "time_ns", lambda: clock() - 2 * 3_600 * 1_000_000_000):
        for n in range(3):
            night.send(*(page(n * 10 + k, word=NAMED) for k in range(3)))
            night.quietly("run", "-c", str(night.file), "--once")
    night.send(page(40, word=NAMED))
    night.quietly("run", "-c", str(night.file), "--once")
    night.typed("status", str(night.lake), keep="disk")
    night.typed("compact", str(night.lake))
    night.typed("gc", str(night.lake))


NIGHTS: dict[str, Callable[[Night], None]] = {
    "NewsmillDown": down,
    "NewsmillAbsent": absent,
    "NewsmillCrashLoop": crash_loop,
    "NewsmillNotCommitting": not_committing,
    "NewsmillBatchEndless": endless,
    "NewsmillLeaseLost": lease,
    "NewsmillTransactionOpen": transaction,
    "NewsmillBehind": behind,
    "NewsmillLagGrows": flood,
    "NewsmillOffsetsLost": lost,
    "NewsmillDiskFills": full,
    "NewsmillQuarantine": quarantine,
    "NewsmillExtractionDies": dies,
    "NewsmillFewArticles": few,
    "NewsmillDrift": drift,
    "NewsmillSlowCommits": slow,
}
"""What happened, by alert."""


def written(runbook: str, name: str, what: str, told: list[str]) -> str:
    """The runbook with a walk at the end of an alert's entry, in place of an earlier one."""
    entry = re.search(rf"^## {name}\n.*?(?=^## |\Z)", runbook, re.MULTILINE | re.DOTALL)
    assert entry is not None, name
    text = re.sub(r"\n\*A night: .*\Z", "", entry[0], flags=re.DOTALL).rstrip("\n")
    block = "\n".join(["", f"*A night: {what}*", "", "```text", *told, "```", "", ""])
    return runbook[: entry.start()] + text + "\n" + block + runbook[entry.end() :]


def main() -> None:
    """Run the walks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--write", type=Path)
    given = parser.parse_args()
    os.environ["COLUMNS"] = "400"
    with tempfile.TemporaryDirectory(prefix="walks-") as name, DevKafka(data=Path(name, "kafka")) as broker:
        for alert in given.only or NIGHTS:
            happens = NIGHTS[alert]
            night = Night(broker, Path(name), alert)
            try:
                happens(night)
            finally:
                print(f"== {alert}\n" + "\n".join(night.told), flush=True)
            if given.write:
                what = (happens.__doc__ or "").strip()
                content = given.write.read_text(encoding="utf-8")
                given.write.write_text(
                    written(content, alert, what[:1].lower() + what[1:], night.told), encoding="utf-8"
                )


if __name__ == "__main__":
    main()
