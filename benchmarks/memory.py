"""The most memory that `newsmill run` takes, for the worst pages that are let in.

    python benchmarks/memory.py [--pages 8] [--write docs/performance.md]

Each case is a topic of pages of the largest size that passes the limits, read in one run with the default
settings. The exit code is 1 where the command takes more than `batch.memory_mb`.
"""

from __future__ import annotations

import argparse
import gzip
import os
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from kafka import KafkaProducer

from measuring import measure, write_section
from newsmill.config import BatchConfig
from newsmill.dev import local_kafka
from newsmill.dev.local_kafka import DevKafka

TEXT: Final = 9_900_000
"""Bytes of text of one page: what is left of the 10 MB that a record may have."""
UNPACKED: Final = 18_000_000
"""Of a page that was compressed: nearly `input.max_decompressed_bytes`."""
PAGE = "<html><head><title>{title}</title></head><body><article>{text}</article></body></html>"
WORDS = "harbour council bridge tariff storm ferry election budget glacier orchard museum strike".split()
CODE_POINTS: Final = 0x4E00, 0x9FFF


def page(number: int, text: str) -> bytes:
    return PAGE.format(title=f"Report {number}", text=text).encode()


def prose(number: int, size: int) -> str:
    """Paragraphs of plain words."""
    chance = random.Random(number)
    paragraphs = (f"<p>{' '.join(chance.choices(WORDS, k=60))} {number}.</p>" for _ in range(size // 480))
    return "".join(paragraphs)


def repeated(number: int, size: int) -> str:
    """Sentences of a few dozen, each with a number of its own: gzip packs them to less than a twentieth."""
    chance = random.Random(number)
    sentences = [" ".join(chance.choices(WORDS, k=34)) for _ in range(60)]
    return "".join(f"<p>{chance.choice(sentences)} {at}.</p>" for at in range(size // 240))


def noise(number: int, size: int) -> str:
    """Paragraphs of letters by chance: nothing packs them well."""
    chance = random.Random(number)
    letters = "abcdefghijklmnopqrstuvwxyz"
    paragraphs = (
        "<p>" + " ".join("".join(chance.choices(letters, k=7)) for _ in range(60)) + ".</p>"
        for _ in range(size // 490)
    )
    return "".join(paragraphs)


def wide(number: int, size: int) -> str:
    """Paragraphs of Chinese characters: 3 bytes each."""
    chance = random.Random(number)
    first, last = CODE_POINTS
    paragraphs = (
        "<p>" + "".join(chr(chance.randrange(first, last)) for _ in range(200)) + "。</p>"
        for _ in range(size // 610)
    )
    return "".join(paragraphs)


Header = tuple[str, bytes]


def cases(count: int) -> Iterator[tuple[str, list[tuple[bytes, list[Header]]]]]:
    """(name, values with headers) of each case."""
    packed = [("content-encoding", b"gzip")]
    yield (
        "prose, gzip in the envelope",
        [(gzip.compress(page(n, prose(n, TEXT)), 6), packed) for n in range(count)],
    )
    yield (
        "sentences that come again, gzip in the envelope",
        [(gzip.compress(page(n, repeated(n, UNPACKED)), 9), packed) for n in range(4 * count)],
    )
    yield "prose, as it is", [(page(n, prose(n, TEXT)), []) for n in range(count)]
    yield "letters by chance", [(page(n, noise(n, TEXT)), []) for n in range(count)]
    yield "Chinese characters by chance", [(page(n, wide(n, TEXT)), []) for n in range(count)]
    yield (
        "broken envelopes by chance",
        [(b"{" + random.Random(n).randbytes(TEXT), []) for n in range(4 * count)],
    )
    yield (
        "prose, pages of 100 kB",
        [(page(n, prose(n, 100_000)), []) for n in range(200)] * 5,
    )


def send(kafka: DevKafka, topic: str, values: list[tuple[bytes, list[Header]]]) -> None:
    producer = KafkaProducer(
        bootstrap_servers=kafka.kafka(topic).bootstrap,
        acks="all",
        max_request_size=local_kafka.MESSAGE_BYTES,
    )
    for number, (value, headers) in enumerate(values):
        url = f"https://site{number % 7}.example/{number}".encode()
        producer.send(topic, value, headers=[("url", url), *headers], partition=number % 2)
    producer.close()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pages", type=int, default=8, help="of each case with the largest pages")
    parser.add_argument("--only", default="", help="cases whose names hold this")
    parser.add_argument("--write", type=Path, help="put the table into this page")
    given = parser.parse_args()
    limit = BatchConfig().memory_mb
    rows, small = [], True
    with tempfile.TemporaryDirectory() as scratch, DevKafka(data=Path(scratch, "kafka")) as kafka:
        for number, (name, values) in enumerate(cases(given.pages)):
            if given.only not in name:
                continue
            topic = f"case{number}"
            kafka.make_topic(topic, partitions=2)
            send(kafka, topic, values)
            config = kafka.kafka(topic)
            run = measure(
                name,
                [
                    *(sys.executable, "-m", "newsmill", "-q", "run", "--once"),
                    *("--set", f"kafka.bootstrap={config.bootstrap}", "--set", f"kafka.topic={topic}"),
                    *("--set", f"lake.path={scratch}/lake{number}"),
                ],
            )
            fits = run.peak_mb <= limit
            small &= fits
            megabytes = sum(len(value) for value, _ in values) / 1e6
            rows.append(
                f"| {name} | {len(values)} | {megabytes:.0f} | {run.peak_mb:.0f} "
                f"| {run.peak_children_mb:.0f} | {'yes' if fits else '**NO**'} |"
            )
            print(rows[-1], flush=True)
    text = "\n".join(
        [
            f"`python benchmarks/memory.py --pages {given.pages}`: one run a case with the default settings, "
            f"{os.cpu_count()} cores; the most resident MB. The limit of the command is "
            f"`batch.memory_mb`, {limit}.",
            "",
            "| pages | how many | MB in the topic | command | extraction processes together | within |",
            "| --- | ---: | ---: | ---: | ---: | --- |",
            *rows,
        ]
    )
    print(text)
    if given.write is not None:
        write_section(given.write, "worst", text)
    if not small:
        sys.exit(1)


if __name__ == "__main__":
    main()
