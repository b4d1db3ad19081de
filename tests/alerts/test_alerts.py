"""Every alert that must not be blind fires for real: a real Prometheus, real processes, a real broker.

All but the quickest two take minutes: `make alerts`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaProducer

from broker import Broker
from newsmill.cli.ingest import ingest
from newsmill.config import KafkaConfig
from newsmill.demo import PAGES
from prometheus import Mill, Prometheus, hurried, until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(1800)]
by_hand = pytest.mark.skipif(not os.environ.get("NEWSMILL_ALERTS"), reason="takes minutes: make alerts")

BAD, GOOD = 110, 30
MATTERS = ("a bridge", "a ferry", "a school")
SITE = "redesigned.example"
GRAFANA = Path(__file__).parents[2] / "deploy" / "grafana"


def settings(config: KafkaConfig, lake: Path, *more: str) -> list[str]:
    return [
        *(f"kafka.bootstrap={config.bootstrap}", f"kafka.topic={config.topic}", f"lake.path={lake}"),
        *("batch.max_wait_s=1", "enrich.enabled=false", *more),
    ]


def page(n: int, *, paragraphs: int, dated: bool = True) -> tuple[str, bytes]:
    """(URL, HTML) of a page of one site; its text is its own, so that none is a copy."""
    told = "".join(
        f"<p>Item {n * 31 + k}: the council of ward {n * 7 + k} met about {MATTERS[k % 3]} and put off its "
        f"decision {n + k} weeks, said member {chr(65 + n % 26)}{chr(97 + k)}.</p>"
        for k in range(paragraphs)
    )
    day = f"2026-03-{1 + n % 28:02}T08:00:00Z"
    dates = f'<meta property="article:published_time" content="{day}">' if dated else ""
    head = f"<head><title>Ward {n} waits</title>{dates}</head>"
    html = f"<html lang='en'>{head}<body><article><h1>Ward {n} waits</h1>{told}</article></body></html>"
    return f"https://{SITE}/{n}", html.encode()


def send(kafka: Broker, config: KafkaConfig, pages: list[tuple[str, bytes]], *, partition: int = 0) -> None:
    producer = kafka.producer()
    for url, body in pages:
        producer.send(config.topic, body, headers=[("url", url.encode())], partition=partition)
    producer.close()


def test_absent_target_fires_when_nothing_is_scraped(tmp_path: Path) -> None:
    with Prometheus(tmp_path / "prometheus", [], factor=60) as prometheus:
        alert = prometheus.await_firing("NewsmillAbsent")
        assert alert["annotations"]["summary"] == "No target of the job newsmill is scraped"


def test_quarantine_fires_when_it_is_the_first_batch_that_is_bad(kafka: Broker, tmp_path: Path) -> None:
    config = kafka.topic()
    with (
        Mill(settings(config, tmp_path / "lake"), tmp_path / "log") as mill,
        Prometheus(tmp_path / "prometheus", [mill.target], factor=60) as prometheus,
    ):
        until(lambda: prometheus.query("newsmill_records_total"), "its series are scraped")
        send(kafka, config, [page(n, paragraphs=6) for n in range(GOOD)])
        kafka.send(config, [b"\x00 no envelope"] * BAD)
        alert = prometheus.await_firing("NewsmillQuarantine")
        share = float(re.match(r"([\d.]+)% of the records", alert["annotations"]["summary"])[1])  # type: ignore[index]
        assert share == pytest.approx(100 * BAD / (BAD + GOOD), abs=0.01)


@by_hand
def test_crash_loop_fires_when_a_process_is_killed_again_and_again(kafka: Broker, tmp_path: Path) -> None:
    mill = Mill(settings(kafka.topic(), tmp_path / "lake"), tmp_path / "log")
    with Prometheus(tmp_path / "prometheus", [mill.target], factor=1) as prometheus:
        starts = 0
        while not prometheus.firing("NewsmillCrashLoop"):
            assert starts < 12
            with mill:
                since = time.time()
                until(
                    lambda at=since: prometheus.query(  # type: ignore[misc]
                        f'process_start_time_seconds{{job="newsmill"}} >= {at - 2}'
                    ),
                    "its start is scraped",
                )
            starts += 1
        alert = prometheus.await_firing("NewsmillCrashLoop")
        told = int(re.search(r"was started (\d+) times in half an hour", alert["annotations"]["summary"])[1])  # type: ignore[index]
        assert 3 <= told <= starts


@pytest.fixture(scope="module")
def busy(kafka: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Prometheus, Mill]]:
    """A mill that has read samples, bad records, a site that was redesigned, and an open transaction."""
    folder = tmp_path_factory.mktemp("busy")
    config = kafka.topic(partitions=2)
    with (
        Mill(settings(config, folder / "lake"), folder / "log") as mill,
        Prometheus(folder / "prometheus", [mill.target], factor=20) as prometheus,
    ):
        until(lambda: prometheus.query("newsmill_records_total"), "its series are scraped")
        send(kafka, config, [page(n, paragraphs=24) for n in range(60)])
        kafka.send(config, [b"\x00 no envelope"] * BAD)
        for read in (BAD + 60, BAD + 90):  # twice, since a series shows no increase with its first value
            ingest([PAGES], topic=config.topic, bootstrap=config.bootstrap)
            until(
                lambda most=read: prometheus.query(f"sum(newsmill_records_total) > {most}"),  # type: ignore[misc]
                "the samples are committed",
            )
        seen = 'increase(newsmill_domain_records_total{fate="not_article"}[1h]) > 0'
        until(lambda: prometheus.query(seen), "the second time is seen of single sites too")
        mill.kill()
        mill.start()
        mill.await_ready()
        for first in (100, 120, 140):  # a change is believed when later batches confirm it
            done = sum(value for _, value in prometheus.query("newsmill_batches_total"))
            send(kafka, config, [page(n, paragraphs=4, dated=False) for n in range(first, first + 20)])
            until(
                lambda before=done: prometheus.query(f"newsmill_batches_total > {before}"),  # type: ignore[misc]
                "the changed pages are committed",
            )
        stuck = KafkaProducer(
            bootstrap_servers=config.bootstrap, transactional_id="stuck", transaction_timeout_ms=800_000
        )
        stuck.init_transactions()
        stuck.begin_transaction()
        url, body = page(900, paragraphs=6)
        stuck.send(config.topic, body, headers=[("url", url.encode())], partition=1).get(60)
        send(kafka, config, [page(n, paragraphs=6) for n in range(901, 911)], partition=1)
        yield prometheus, mill
        stuck.abort_transaction()
        stuck.close()


@by_hand
def test_drift_fires_when_the_past_of_the_site_was_seen_by_a_process_that_is_dead(
    busy: tuple[Prometheus, Mill],
) -> None:
    prometheus, mill = busy
    alert = prometheus.await_firing("NewsmillDrift")
    assert alert["labels"]["domain"] == SITE
    assert alert["annotations"]["summary"].startswith(f"Pages of {SITE} come out otherwise than before (")
    mill.kill()
    mill.start()
    mill.await_ready()
    counted = f'newsmill_drift_events_total{{domain="{SITE}"}} > 0'
    until(lambda: prometheus.query(counted), "the next process counts the changes of the last hour")


@by_hand
def test_stuck_transaction_fires_and_names_the_place(busy: tuple[Prometheus, Mill]) -> None:
    prometheus, _ = busy
    alert = prometheus.await_firing("NewsmillTransactionOpen")
    assert re.fullmatch(
        r"11 offsets of \S+ partition 1 stand behind a transaction that does not end",
        alert["annotations"]["summary"],
    )


@by_hand
@pytest.mark.parametrize("board", sorted(GRAFANA.glob("*.json")), ids=lambda file: file.name)
def test_no_panel_is_empty_when_a_real_run_is_shown(busy: tuple[Prometheus, Mill], board: Path) -> None:
    prometheus, _ = busy
    prometheus.await_firing("NewsmillDrift")
    empty = []
    for panel in json.loads(board.read_text())["panels"]:
        asked = [
            target["expr"].replace("$__rate_interval", "10m").replace("$job", ".*")
            for target in panel["targets"]
        ]

        def shown(queries: list[str] = asked) -> bool:
            found = [prometheus.query(query) for query in queries]
            return any(value == value for series in found for _, value in series)

        try:
            until(shown, "a value", patience_s=30)
        except AssertionError:
            empty.append(f"{panel['title']}: {asked}")
    assert empty == []


@by_hand
def test_batch_that_never_ends_and_a_lost_lease_fire(kafka: Broker, tmp_path: Path) -> None:
    config = kafka.topic()
    lake = tmp_path / "lake"
    send(kafka, config, [page(n, paragraphs=6) for n in range(4)])
    url, body = page(99, paragraphs=6)
    send(kafka, config, [(url, body.replace(b"a bridge", b"quicksand"))])
    stuck = Mill(
        settings(config, lake, "lake.lease_s=6"),
        tmp_path / "stuck.log",
        {"NEWSMILL_TEST": "1", "NEWSMILL_POISON": "quicksand:sleep"},
    )
    other = Mill(settings(config, lake, "lake.lease_s=6"), tmp_path / "other.log")
    with stuck, Prometheus(tmp_path / "prometheus", [stuck.target, other.target], factor=60) as prometheus:
        alert = prometheus.await_firing("NewsmillBatchEndless")
        assert re.fullmatch(r"One batch runs for 1m \d+s", alert["annotations"]["summary"])
        assert stuck.process is not None
        stuck.process.send_signal(signal.SIGSTOP)
        with other:
            other.await_ready()
            stuck.process.send_signal(signal.SIGCONT)
            alert = prometheus.await_firing("NewsmillLeaseLost")
            assert alert["labels"]["instance"] == stuck.target
            assert alert["annotations"]["summary"].startswith(
                f"{stuck.target} has not held the right to write its lake for "
            )


@by_hand
def test_disk_that_fills_fires_before_it_is_full(kafka: Broker, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3g", "tmpfs", str(disk)]
    if os.geteuid() != 0 or shutil.which("mount") is None or subprocess.run(mount, check=False).returncode:
        pytest.skip("a disk of its own can be mounted by root only")
    try:
        with (
            Mill(settings(kafka.topic(), disk / "lake"), tmp_path / "log") as mill,
            Prometheus(tmp_path / "prometheus", [mill.target], factor=120) as prometheus,
        ):
            until(lambda: prometheus.query("newsmill_disk_free_bytes"), "its disk is scraped")
            with (disk / "other data").open("wb") as other:
                while not prometheus.firing("NewsmillDiskFills"):
                    other.write(b"\0" * 8_000_000)
                    other.flush()
                    time.sleep(0.5)
                    assert other.tell() < 900_000_000
            alert = prometheus.await_firing("NewsmillDiskFills")
            assert re.fullmatch(
                rf"The disk of {re.escape(str(disk))}/lake has 2\.\d+GB free: it is full, or will be within "
                "a day",
                alert["annotations"]["summary"],
            )
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_rules_are_hurried_as_a_whole() -> None:
    for name in ("recording.yml", "alerts.yml"):
        text = (GRAFANA.parent / "prometheus" / name).read_text()
        assert not re.search(r"(\[|offset |for: )\d+[smhd]\b", hurried(text, 20))
    alerts = hurried((GRAFANA.parent / "prometheus" / "alerts.yml").read_text(), 20)
    assert {"> 90", "> 180", ", 4320"} <= set(re.findall(r"(?:>|,) \d+(?=[\s)])", alerts))
    assert not re.search(r"\b(1800|3600|86400)\b", alerts)
