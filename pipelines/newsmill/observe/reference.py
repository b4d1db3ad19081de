"""The reference of metrics, made from `METRICS`: `python -m newsmill.observe.reference` writes it."""

from __future__ import annotations

from pathlib import Path

from newsmill.observe.labels import OTHER
from newsmill.observe.metrics import LABEL_VALUES, METRICS, TOP_DOMAINS

_HEAD = f"""# Metrics

`newsmill run` serves them at `/metrics` when `metrics.port` is set, on loopback unless `metrics.host` says
otherwise; `/health` says whether the loop is alive, `/ready` whether it takes records, and `/` is a
live page for people. Alerts: [runbook](../runbook.md). Dashboards: [deploy/grafana](../../deploy/grafana).

Labels are bounded: `domain` has the {TOP_DOMAINS} sites with most traffic, any other label at most
{LABEL_VALUES} values, and `{OTHER}` stands for the rest, so that no page can add series. Counters start at 0
with the process.

| metric | kind | labels | meaning |
| --- | --- | --- | --- |
"""
_TAIL = """
`process_*` are prometheus_client's: memory, CPU, open files, start time.

On Flink the job's own counters come from Flink's reporter; `deploy/prometheus/recording.yml` gives them this
shape.

This page is made from the code: `python -m newsmill.observe.reference`.
"""


def reference() -> str:
    """The page, in Markdown."""
    rows = []
    for metric in METRICS:
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        buckets = f" Buckets up to {', '.join(f'{b:g}' for b in metric.buckets)}." if metric.buckets else ""
        kind = metric.kind.__name__.lower()
        rows.append(f"| `{metric.name}` | {kind} | {labels} | {metric.help}.{buckets} |\n")
    return _HEAD + "".join(rows) + _TAIL


if __name__ == "__main__":
    target = Path("docs/reference/metrics.md")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(reference(), encoding="utf-8")
