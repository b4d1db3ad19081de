"""Trino with its Iceberg connector, as a process of its own that is asked over HTTP."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

HERE = Path(__file__).parent / "engines" / "trino"
JARS = Path(os.environ.get("NEWSMILL_TRINO_JARS") or HERE.parents[2] / ".engines" / "trino")
JAVA = os.environ.get("NEWSMILL_TRINO_JAVA") or next(
    (str(found) for found in sorted(Path("/usr/lib/jvm").glob("*25*/bin/java"))), None
)

_LOCAL = {"fs.local.enabled": "true", "local.location": "/"}
"""A connector that reads files of this machine, by their full paths."""


def missing() -> str | None:
    """Why Trino can't be started here; none where it can."""
    if JAVA is None:
        return "no Java 25 in /usr/lib/jvm: Trino needs it, by NEWSMILL_TRINO_JAVA too"
    if not any(JARS.glob("trino-main-*.jar")):
        return f"no Trino in {JARS}: run `make engines`"
    return None


class Trino:
    """A Trino of one process; not for threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._catalogs: dict[str | None, str] = {}
        self._log = (folder / "trino.log").open("w")
        options = ("-Xmx1g", "-XX:TieredStopAtLevel=1", "--add-modules=jdk.incubator.vector")
        self._process = subprocess.Popen(
            [str(JAVA), *options, "-cp", f"{JARS}/*", str(HERE / "Trino.java")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        assert self._process.stdout is not None
        self._address = self._process.stdout.readline().strip()
        assert self._address, f"Trino has ended; see {self._log.name}"

    def ask(self, lake: str | None, *statements: str) -> list[dict[str, Any]]:
        """Rows of the last statement, over the catalog of a lake, or one that starts empty."""
        if lake not in self._catalogs:
            self._catalogs[lake] = f"lake{len(self._catalogs)}"
            properties = _LOCAL | (self._empty() if lake is None else self._of(lake))
            said = ", ".join(f"\"{key}\" = '{value}'" for key, value in properties.items())
            made = f"CREATE CATALOG {self._catalogs[lake]} USING iceberg WITH ({said})"
            list(self._rows(made, "system", "runtime"))
        return [list(self._rows(said, self._catalogs[lake], "newsmill")) for said in statements][-1]

    def _of(self, lake: str) -> dict[str, str]:
        return {
            "iceberg.catalog.type": "jdbc",
            "iceberg.jdbc-catalog.driver-class": "org.sqlite.JDBC",
            "iceberg.jdbc-catalog.connection-url": f"jdbc:sqlite:{lake}/catalog.db",
            "iceberg.jdbc-catalog.catalog-name": "newsmill",
            "iceberg.jdbc-catalog.default-warehouse-dir": f"file://{self._folder}/views",
        }

    def _empty(self) -> dict[str, str]:
        return {
            "iceberg.catalog.type": "TESTING_FILE_METASTORE",
            "hive.metastore.catalog.dir": f"local://{self._folder}/metastore",
            "iceberg.register-table-procedure.enabled": "true",
        }

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)
        self._log.close()

    def _rows(self, statement: str, catalog: str, schema: str) -> Iterator[dict[str, Any]]:
        """By Trino's client protocol: a statement is posted, and its answer's pages follow one another."""
        where = {"User": "newsmill", "Catalog": catalog, "Schema": schema, "Time-Zone": "UTC"}
        headers = {f"X-Trino-{name}": value for name, value in where.items()}
        request = Request(f"{self._address}/v1/statement", statement.encode(), headers)
        while True:
            with urlopen(request, timeout=300) as answer:
                page = json.load(answer)
            assert "error" not in page, f"{page['error']['message']} in {statement}"
            names = [column["name"] for column in page.get("columns", ())]
            yield from (dict(zip(names, row, strict=True)) for row in page.get("data", ()))
            if "nextUri" not in page:
                return
            request = Request(page["nextUri"])
