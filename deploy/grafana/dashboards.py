"""Makes the dashboards: `python deploy/grafana/dashboards.py` writes the JSON files beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from grafana_foundation_sdk.builders import bargauge, common, dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as options
from grafana_foundation_sdk.models.common import GraphDrawStyle, StackingMode
from grafana_foundation_sdk.models.dashboard import (
    Dashboard,
    DashboardCursorSync,
    DataSourceRef,
    Threshold as Step,
    ThresholdsMode,
    VariableRefresh,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

SOURCE = DataSourceRef(type_val="prometheus", uid="${source}")
JOB = 'job=~"$job"'


def query(expression: str, legend: str = "", *, instant: bool = False) -> prometheus.Dataquery:
    """A PromQL query; `JOB` in it stands for the chosen jobs."""
    found = prometheus.Dataquery().ref_id("A").expr(expression.replace("JOB", JOB)).legend_format(legend)
    return found.instant().format(PromQueryFormat.TABLE) if instant else found


def graph(
    title: str,
    description: str,
    unit: str,
    *queries: prometheus.Dataquery,
    width: int = 12,
    stacked: bool = False,
) -> timeseries.Panel:
    """A chart over time."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .min(0)
        .datasource(SOURCE)
        .span(width)
        .height(8)
        .legend(common.VizLegendOptions().show_legend(True).placement(options.LegendPlacement.BOTTOM))
    )
    if stacked:
        panel = (
            panel.draw_style(GraphDrawStyle.BARS)
            .fill_opacity(80)
            .stacking(common.StackingConfig().mode(StackingMode.NORMAL))
        )
    for letter, one in zip("ABCD", queries, strict=False):
        panel = panel.with_target(one.ref_id(letter))
    return panel


def figure(
    title: str,
    description: str,
    unit: str,
    expression: str,
    *,
    warn: float | None = None,
    bad: float | None = None,
) -> stat.Panel:
    """One number, green, amber from `warn` and red from `bad`."""
    steps = [Step(value=None, color="green")]
    steps += [
        Step(value=value, color=color)
        for value, color in ((warn, "orange"), (bad, "red"))
        if value is not None
    ]
    return (
        stat.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .datasource(SOURCE)
        .span(4)
        .height(4)
        .thresholds(dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
        .with_target(query(expression))
    )


def bars(title: str, description: str, unit: str, expression: str, legend: str) -> bargauge.Panel:
    """The present values of several series, side by side."""
    return (
        bargauge.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .orientation(options.VizOrientation.HORIZONTAL)
        .datasource(SOURCE)
        .span(12)
        .height(9)
        .with_target(query(expression, legend).instant())
    )


def rows(title: str, description: str, expression: str) -> table.Panel:
    """The present values of several series, as a table."""
    return (
        table.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .span(12)
        .height(9)
        .with_target(query(expression, instant=True))
    )


def blank(uid: str, title: str, description: str) -> dashboard.Dashboard:
    """A dashboard with the choice of data source and job."""
    job = (
        dashboard.QueryVariable("job")
        .label("job")
        .datasource(SOURCE)
        .query("label_values(newsmill_build_info, job)")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .include_all(True)
        .multi(True)
    )
    return (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags(["newsmill"])
        .refresh("30s")
        .time("now-6h", "now")
        .timezone("utc")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(dashboard.DatasourceVariable("source").label("source").type("prometheus"))
        .with_variable(job)
    )


def flow() -> Dashboard:
    """For who is on call: is it up, is it behind, does it commit."""
    build = blank("newsmill-flow", "newsmill: flow", "Is the mill up, is it behind, does it commit?")
    numbers = (
        figure(
            "Waiting records",
            "Offsets between the lake and the end.",
            "short",
            "sum(newsmill_lag_records{JOB})",
        ),
        figure(
            "Without a fate since",
            "Age of the oldest record that may have no fate yet; alert NewsmillBehind from one hour.",
            "s",
            "time() - min(newsmill_complete_until_timestamp_seconds{JOB})",
            warn=900,
            bad=3600,
        ),
        figure(
            "Last commit",
            "Time since the last commit. Long is fine when nothing waits.",
            "s",
            "time() - max(newsmill_last_commit_timestamp_seconds{JOB})",
        ),
        figure(
            "Quarantined, last hour",
            "Alert NewsmillQuarantine from 2 %.",
            "percentunit",
            'sum(increase(newsmill_records_total{JOB,fate="quarantined"}[1h]))'
            " / sum(increase(newsmill_records_total{JOB}[1h]))",
            warn=0.01,
            bad=0.02,
        ),
        figure(
            "Lost by the broker, last day",
            "Offsets that retention took before they were read.",
            "short",
            "sum(increase(newsmill_lost_offsets_total{JOB}[1d]))",
            bad=1,
        ),
        figure("Up", "Processes that answer.", "short", "sum(newsmill_build_info{JOB})"),
    )
    graphs = (
        graph(
            "Records by fate",
            "What became of the records, a second.",
            "cps",
            query("sum by (fate) (rate(newsmill_records_total{JOB}[$__rate_interval]))", "{{fate}}"),
            stacked=True,
        ),
        graph(
            "Lag by partition",
            "Offsets between the lake and the end of the partition.",
            "short",
            query("sum by (topic, partition) (newsmill_lag_records{JOB})", "{{topic}}/{{partition}}"),
        ),
        graph(
            "Age of records at their commit",
            "From the broker's stamp on a record to the commit of its fate.",
            "s",
            *(
                query(
                    f"histogram_quantile({q}, sum by (le) "
                    "(rate(newsmill_record_age_seconds_bucket{JOB}[15m])))",
                    name,
                )
                for q, name in ((0.5, "median"), (0.95, "95 of 100"))
            ),
        ),
        graph(
            "Time of a batch, and of its commit",
            "95 of 100 are faster.",
            "s",
            query(
                "histogram_quantile(0.95, sum by (le) (rate(newsmill_batch_seconds_bucket{JOB}[15m])))",
                "batch",
            ),
            query(
                "histogram_quantile(0.95, sum by (le) (rate(newsmill_commit_seconds_bucket{JOB}[15m])))",
                "commit",
            ),
        ),
        graph(
            "Busy time by stage",
            "Seconds of work a second, over all threads: the tallest is what to speed up.",
            "short",
            query("sum by (stage) (rate(newsmill_stage_seconds_total{JOB}[$__rate_interval]))", "{{stage}}"),
            stacked=True,
        ),
        graph(
            "Batch under way",
            "Its records, and the pages each stage has ended with; alert NewsmillBatchEndless from one hour.",
            "short",
            query("sum(newsmill_batch_records{JOB})", "records"),
            query("sum by (stage) (newsmill_batch_pages_done{JOB})", "{{stage}}"),
            query("max(newsmill_batch_seconds_now{JOB})", "seconds"),
        ),
        graph(
            "Behind open transactions",
            "Offsets that nobody may read yet, and the offset at which a partition ends; alert "
            "NewsmillTransactionOpen where it stays.",
            "short",
            query("sum by (topic, partition) (newsmill_held_back_offsets{JOB})", "{{topic}}/{{partition}}"),
            query(
                "sum by (topic, partition) (rate(newsmill_stable_end_offset{JOB}[$__rate_interval]))", "moves"
            ),
        ),
        graph(
            "Right to write",
            "Time since it was renewed, and from when another may take over; alert NewsmillLeaseLost.",
            "s",
            query("max by (instance) (newsmill_lease_age_seconds{JOB})", "{{instance}}"),
            query("max(newsmill_lease_limit_seconds{JOB})", "may be taken over"),
        ),
        graph(
            "Free disk",
            "Of the lake's disk; alert NewsmillDiskFills where it will be full within a day.",
            "bytes",
            query("min by (lake) (newsmill_disk_free_bytes{JOB})", "{{lake}}"),
        ),
        graph(
            "Bytes in and out",
            "Values of records read, and Parquet files committed.",
            "Bps",
            query("sum(rate(newsmill_record_bytes_total{JOB}[$__rate_interval]))", "records"),
            query("sum by (table) (rate(newsmill_file_bytes_total{JOB}[$__rate_interval]))", "{{table}}"),
        ),
        graph(
            "Batches and files",
            "Committed in an hour: many small files want larger batches, or `newsmill compact`.",
            "short",
            query("sum(increase(newsmill_batches_total{JOB}[1h]))", "batches"),
            query("sum by (table) (increase(newsmill_files_total{JOB}[1h]))", "files of {{table}}"),
        ),
        graph(
            "Memory and CPU",
            "Of the main process; extraction runs in processes of its own.",
            "short",
            query("sum by (instance) (process_resident_memory_bytes{JOB}) / 1e6", "{{instance}} MB"),
            query(
                "sum by (instance) (rate(process_cpu_seconds_total{JOB}[$__rate_interval]))",
                "{{instance}} cores",
            ),
        ),
    )
    return _filled(build, (*numbers, *graphs))


def content() -> Dashboard:
    """For who looks after the data: what comes out of the pages."""
    build = blank(
        "newsmill-content", "newsmill: content", "What comes out of the pages, and from which sites?"
    )
    panels = (
        graph(
            "Why pages are no articles",
            "Records an hour by reason.",
            "short",
            query(
                'sum by (reason) (increase(newsmill_records_total{JOB,fate="not_article"}[1h]))', "{{reason}}"
            ),
            stacked=True,
        ),
        graph(
            "Quarantine by code",
            "Records an hour.",
            "short",
            query(
                'sum by (reason) (increase(newsmill_records_total{JOB,fate="quarantined"}[1h]))', "{{reason}}"
            ),
            stacked=True,
        ),
        bars(
            "Languages, last day",
            "Rows written to articles.",
            "short",
            "topk(15, sum by (lang) (increase(newsmill_articles_total{JOB}[1d])))",
            "{{lang}}",
        ),
        bars(
            "Sites, last day",
            "The 50 with most traffic have a series of their own.",
            "short",
            "topk(20, sum by (domain) (increase(newsmill_domain_records_total{JOB}[1d])))",
            "{{domain}}",
        ),
        graph(
            "Copies by type",
            "Copies an hour.",
            "short",
            query("sum by (copy_type) (increase(newsmill_copies_total{JOB}[1h]))", "{{copy_type}}"),
            stacked=True,
        ),
        graph(
            "Length of articles",
            "Characters of the body.",
            "short",
            *(
                query(
                    f"histogram_quantile({q}, sum by (le) (rate(newsmill_body_chars_bucket{{JOB}}[1h])))",
                    name,
                )
                for q, name in ((0.1, "10 of 100"), (0.5, "median"), (0.9, "90 of 100"))
            ),
        ),
        rows(
            "Drift, since the start of the process",
            "Sites whose pages began to come out otherwise than before: often a redesign.",
            "sum by (domain, signal) (newsmill_drift_events_total{JOB}) > 0",
        ),
        rows(
            "Share of pages that are no articles, by site, last day",
            "High where the crawler sends section pages, or the extraction fails.",
            'topk(20, sum by (domain) (increase(newsmill_domain_records_total{JOB,fate="not_article"}[1d]))'
            " / sum by (domain) (increase(newsmill_domain_records_total{JOB}[1d])))",
        ),
        rows(
            "What is running",
            "Versions.",
            "sum by (version, schema, python, beam) (newsmill_build_info{JOB})",
        ),
    )
    return _filled(build, panels)


def made() -> Iterator[tuple[str, str]]:
    """File names and their content."""
    for name, board in (("flow", flow()), ("content", content())):
        made_of = json.loads(JSONEncoder().encode(board))
        for variable in made_of["templating"]["list"]:
            for key in ("auto", "auto_count", "auto_min"):  # only variables of intervals have them
                variable.pop(key, None)
        yield f"{name}.json", json.dumps(made_of, sort_keys=True, indent=2) + "\n"


def _filled(
    build: dashboard.Dashboard,
    panels: Sequence[timeseries.Panel | stat.Panel | bargauge.Panel | table.Panel],
) -> Dashboard:
    for panel in panels:
        build = build.with_panel(panel)
    return build.build()


if __name__ == "__main__":
    for name, content_ in made():
        Path(__file__).with_name(name).write_text(content_, encoding="utf-8")
