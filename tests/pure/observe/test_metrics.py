from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pytest
from prometheus_client.parser import text_string_to_metric_families

from newsmill.errors import Code, ConfigError
from newsmill.lake import files
from newsmill.lake.files import DataFile
from newsmill.lake.rows import fates
from newsmill.lake.schemas import TABLES
from newsmill.observe.labels import OTHER, TopLabels
from newsmill.observe.metrics import METRICS, TOP_DOMAINS, RunMetrics
from newsmill.observe.server import MetricsServer
from newsmill.records import CopyType, Fate, FateRow, Position

AT = 1_760_000_000_000_000


@dataclass
class Summary:
    seconds: float = 12.0
    commit_seconds: float = 0.5
    lost: int = 3
    stage_us: dict[str, int] = field(default_factory=lambda: {"ExtractPages": 2_500_000})


def ledger(root: Path, rows: list[FateRow]) -> DataFile:
    return files.write(str(root), "fate", fates(rows), ingested_at=AT)


def row(offset: int, fate: Fate, *, domain: str = "a.example", reason: str | None = None) -> FateRow:
    return FateRow(
        position=Position(topic="pages", partition=0, offset=offset),
        fate=fate,
        reason=reason,
        domain=domain,
        ingested_at=AT,
        recorded_at=AT - 40_000_000,
        bytes=1000,
    )


def article_rows(root: Path, domain: str, count: int, *, chars: int, dated: bool) -> DataFile:
    schema = TABLES["articles"].arrow
    blank: dict[pa.DataType, object] = {pa.string(): "x", pa.int32(): 1, pa.int64(): 1, pa.bool_(): False}
    row = {f.name: blank.get(f.type, 0.5 if pa.types.is_floating(f.type) else None) for f in schema} | {
        "domain": domain,
        "title": "A title",
        "lang": "en",
        "body_chars": chars,
        "published_at": AT if dated else None,
        "ingested_at": AT,
        "duplicate": {
            "is_duplicate": True,
            "cluster_id": "c",
            "representative_id": "r",
            "copy_type": "edited",
        },
        "rights": {"reserved": False, "noai": False},
        "extraction": {"method": "m", "reason": "r", "charset": "utf-8"},
    }
    rows = pa.Table.from_pylist([row | {"offset": n} for n in range(count)], schema=schema)
    return files.write(str(root), "articles", rows, ingested_at=AT)


def scraped(metrics: RunMetrics) -> dict[tuple[str, tuple[str, ...]], float]:
    """Values by name and the values of the labels, which are shown in the order of their names."""
    with MetricsServer(metrics) as server:
        text = urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics", timeout=5).read().decode()
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_each_fate_code_and_copy_type_is_shown_as_zero_when_nothing_was_committed() -> None:
    """A rate can't see the first step of a series that begins with it."""
    found = scraped(RunMetrics())
    fates = {labels for name, labels in found if name == "newsmill_records_total"}
    assert {fate for fate, _ in fates} == set(Fate)
    assert {("quarantined", code.value) for code in Code} <= fates
    assert {labels for name, labels in found if name == "newsmill_copies_total"} == {
        (kind.value,) for kind in CopyType
    }
    assert {found["newsmill_records_total", labels] for labels in fates} == {0}


def test_batch_is_counted_by_fate_and_reason_when_committed(tmp_path: Path) -> None:
    metrics = RunMetrics(clock=lambda: AT / 1e6)
    rows = [
        row(0, Fate.ARTICLE),
        row(1, Fate.ARTICLE),
        row(2, Fate.QUARANTINED, reason="E_DECODE"),
    ]
    metrics.batch_committed(Summary(), [ledger(tmp_path, rows)])
    found = scraped(metrics)
    assert found["newsmill_records_total", ("article", "")] == 2
    assert found["newsmill_records_total", ("quarantined", "E_DECODE")] == 1
    assert found["newsmill_record_bytes_total", ()] == 3000
    assert found["newsmill_lost_offsets_total", ()] == 3
    assert found["newsmill_stage_seconds_total", ("ExtractPages",)] == 2.5
    assert found["newsmill_record_age_seconds_bucket", ("30.0",)] == 0
    assert found["newsmill_record_age_seconds_bucket", ("60.0",)] == 3
    assert found["newsmill_domain_records_total", ("a.example", "article")] == 2


def test_articles_are_counted_by_language_and_copy_type_when_committed(tmp_path: Path) -> None:
    metrics = RunMetrics()
    metrics.batch_committed(Summary(), [article_rows(tmp_path, "a.example", 3, chars=1500, dated=True)])
    found = scraped(metrics)
    assert found["newsmill_articles_total", ("en",)] == 3
    assert found["newsmill_copies_total", ("edited",)] == 3
    assert found["newsmill_body_chars_bucket", ("1000.0",)] == 0
    assert found["newsmill_body_chars_bucket", ("2000.0",)] == 3


def test_changed_template_raises_a_drift_metric_when_dates_and_text_go_missing(tmp_path: Path) -> None:
    metrics = RunMetrics()
    for batch, (chars, dated) in enumerate([(3000, True)] * 4 + [(250, False)] * 2):
        rows = article_rows(tmp_path / str(batch), "a.example", 20, chars=chars, dated=dated)
        pages = ledger(tmp_path / str(batch), [row(n, Fate.ARTICLE) for n in range(20)])
        events = metrics.batch_committed(Summary(), [rows, pages])
        assert bool(events) == (batch == 5)
    found = scraped(metrics)
    assert found["newsmill_drift_events_total", ("a.example", "dated")] == 1
    assert found["newsmill_drift_events_total", ("a.example", "length")] == 1


def test_series_stay_bounded_when_a_million_domains_flood_in(tmp_path: Path) -> None:
    metrics = RunMetrics()
    for batch in range(20):
        rows = [row(n, Fate.ARTICLE, domain=f"d{batch}-{n}.example") for n in range(300)]
        rows += [row(300 + n, Fate.ARTICLE, domain="busy.example") for n in range(50)]
        metrics.batch_committed(Summary(), [ledger(tmp_path / str(batch), rows)])
    found = scraped(metrics)
    domains = {labels[0] for name, labels in found if name == "newsmill_domain_records_total"}
    assert len(domains) == TOP_DOMAINS + 1
    assert {OTHER, "busy.example"} <= domains
    assert metrics._metrics["newsmill_records_total"].labels("article", "")._value.get() == 20 * 350


def test_top_labels_replace_the_rarest_only_when_a_newcomer_outgrows_it() -> None:
    forgotten: list[str] = []
    labels = TopLabels(2, forgotten.append)
    assert [labels.label(v) for v in "aabbbc"] == ["a", "a", "b", "b", "b", OTHER]
    assert [labels.label("c"), labels.label("c")] == [OTHER, "c"]
    assert forgotten == ["a"]


def test_lag_says_until_when_the_ledger_is_complete_when_caught_up(tmp_path: Path) -> None:
    now = AT / 1e6
    metrics = RunMetrics(clock=lambda: now)
    metrics.batch_committed(Summary(), [ledger(tmp_path, [row(0, Fate.ARTICLE)])])
    metrics.lag({("pages", 0): 7, ("pages", 1): 0})
    found = scraped(metrics)
    assert found["newsmill_lag_records", ("0", "pages")] == 7
    assert found["newsmill_complete_until_timestamp_seconds", ("0", "pages")] == now - 40
    assert found["newsmill_complete_until_timestamp_seconds", ("1", "pages")] == now


def test_every_declared_series_is_scraped_and_no_other_when_all_was_used(tmp_path: Path) -> None:
    metrics = RunMetrics()
    names = {family.name for family in metrics.registry.collect() if not family.name.startswith("process_")}
    assert names == {metric.name.removesuffix("_total") for metric in METRICS}


def status(server: MetricsServer, path: str, method: str = "GET") -> tuple[int, dict[str, list[str]]]:
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}{path}", method=method)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def test_server_tells_live_from_ready_when_the_loop_starts_stalls_and_stops() -> None:
    now = [1000.0]
    stop = threading.Event()
    metrics = RunMetrics(clock=lambda: now[0], live_s=60, stop=stop)
    with MetricsServer(metrics) as server:
        assert status(server, "/health") == (200, {"problems": []})
        assert status(server, "/ready") == (503, {"problems": ["starting"]})
        metrics.ready()
        assert status(server, "/ready") == (200, {"problems": []})
        now[0] += 61
        assert status(server, "/health") == (503, {"problems": ["the run loop is silent for 61 s"]})
        metrics.alive()
        stop.set()
        assert status(server, "/health") == (200, {"problems": []})
        assert status(server, "/ready") == (503, {"problems": ["stopping"]})
        assert status(server, "/admin")[0] == 404
        assert status(server, "/metrics", "POST")[0] == 405


def test_lease_is_told_as_it_is_when_scraped() -> None:
    age = [3.0]
    metrics = RunMetrics()
    metrics.watch_lease(lambda: age[0], 30.0)
    assert scraped(metrics)["newsmill_lease_age_seconds", ()] == 3
    age[0] = 40.0
    found = scraped(metrics)
    assert found["newsmill_lease_age_seconds", ()] == 40 > found["newsmill_lease_limit_seconds", ()]


def test_server_listens_on_loopback_only_when_no_host_is_given() -> None:
    with MetricsServer(RunMetrics()) as server:
        assert server._server.server_address[0] == "127.0.0.1"


def test_server_says_how_to_mend_it_when_the_port_is_taken() -> None:
    with (
        MetricsServer(RunMetrics()) as server,
        pytest.raises(ConfigError, match=r"metrics\.port.*another port"),
    ):
        MetricsServer(RunMetrics(), port=server.port)
