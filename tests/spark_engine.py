"""Spark with Iceberg's runtime, as a process of its own that reads and keeps a lake's tables."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent / "engines"
JARS = Path(os.environ.get("NEWSMILL_SPARK_JARS") or HERE.parents[1] / ".engines")

_OPEN = [
    *("java.lang", "java.lang.invoke", "java.lang.reflect", "java.io", "java.net", "java.nio", "java.util"),
    *(
        "java.util.concurrent",
        "java.util.concurrent.atomic",
        "sun.nio.ch",
        "sun.nio.cs",
        "sun.security.action",
    ),
    "sun.util.calendar",
]
"""Packages of java.base that Spark 3.5 needs on Java 17 (its JavaModuleOptions)."""


def missing() -> str | None:
    """Why Spark can't be started here; none where it can."""
    if shutil.which("java") is None:
        return "no Java: Spark needs 17"
    if not any(JARS.glob("spark-sql_*.jar")):
        return f"no Spark in {JARS}: run `make engines`"
    return None


class Spark:
    """A Spark of one core; not for threads."""

    def __init__(self, folder: Path) -> None:
        opened = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPEN]
        self._folder = folder
        self._log = (folder / "spark.log").open("w")
        self._process = subprocess.Popen(
            ["java", "-Xmx1g", *opened, "-cp", f"{JARS}/*", str(HERE / "Lake.java")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        self._answer("ready")

    def read(self, table: Path | str, **columns: str) -> list[dict[str, Any]]:
        """Rows of the table in a folder; columns are Spark's expressions."""
        out = self._folder / "rows"
        self._ask("read", str(table), str(out), *(f"{text} AS `{name}`" for name, text in columns.items()))
        return _lines(out)

    def ask(self, lake: Path | str, statements: list[str], query: str) -> list[dict[str, Any]]:
        """Rows of a query over the tables of a lake, after some statements."""
        out = self._folder / "rows"
        self._ask("ask", str(lake), str(out), *(" ".join(text.split()) for text in (*statements, query)))
        return _lines(out)

    def appended(self, table: Path | str, after: int) -> list[dict[str, Any]]:
        """URL and offset of the rows that were appended after a snapshot."""
        out = self._folder / "rows"
        self._ask("appended", str(table), str(out), str(after))
        return _lines(out)

    def stream(self, table: Path | str, name: str, *, skip_overwrites: bool) -> list[dict[str, Any]]:
        """URL and offset of all rows that the stream of a name has seen, the new ones included."""
        out = self._folder / name
        self._ask("stream", str(table), str(out), str(skip_overwrites).lower())
        return _lines(out)

    def changelog(
        self, lake: Path | str, table: str, after: int | None, key: Sequence[str]
    ) -> list[dict[str, Any]]:
        """Offset and kind of each change of a table after a snapshot, as Iceberg's changelog view has it."""
        out = self._folder / "rows"
        self._ask("changelog", str(lake), str(out), table, str(after), ",".join(key))
        return _lines(out)

    def rewrite(self, catalog: Path | str, namespace: str, table: str) -> int:
        """Merge a table's small files with Iceberg's own action; how many were merged."""
        return int(self._ask("rewrite", str(catalog), namespace, table))

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)
        self._log.close()

    def _ask(self, *words: str) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write("\t".join(words) + "\n")
        self._process.stdin.flush()
        return self._answer("done")

    def _answer(self, wanted: str) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        assert line.startswith(wanted), f"{line or 'Spark has ended'}; see {self._log.name}"
        return line.removeprefix(wanted).strip()


def _lines(out: Path) -> list[dict[str, Any]]:
    lines = (line for part in sorted(out.glob("part-*.json")) for line in part.read_text().splitlines())
    return [json.loads(line) for line in lines]
