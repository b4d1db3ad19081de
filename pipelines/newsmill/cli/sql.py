"""`newsmill sql`: questions to a lake in SQL, by DuckDB."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Final

import typer

from newsmill.cli.json_lines import json_line, jsonable
from newsmill.cli.options import ConfigFile, Sets, loaded
from newsmill.cli.output import give, plain, say
from newsmill.errors import ConfigError, LakeError, NewsmillError

if TYPE_CHECKING:
    import duckdb

PROMPT: Final = "newsmill> "
MORE: Final = "     ...> "
TABLES: Final = ".tables"
"""Lists what there is; the other things that start with a dot are DuckDB's own shell's."""
HISTORY: Final = Path("~/.newsmill_history")


class Form(StrEnum):
    """How rows are printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def sql(
    lake_or_query: Annotated[
        str | None, typer.Argument(metavar="[LAKE]", help="Folder or URI; else lake.path of the settings.")
    ] = None,
    query: Annotated[
        str | None, typer.Argument(metavar="[QUERY]", help="SQL; asked for line by line where absent.")
    ] = None,
    form: Annotated[Form, typer.Option("--format", help="How rows are printed.")] = Form.TABLE,
    config: ConfigFile = None,
    sets: Sets = None,
) -> None:
    """Ask the lake in DuckDB's SQL: its tables, and views such as `articles_latest`, `stories` and `copies`.

    The rows are those of the newest commit, read through Iceberg's metadata; nothing is changed.
    `articles_latest` has each article's newest revision. Without a query, questions are read from standard
    input, each up to a `;`; `.tables` lists what there is.
    """
    from newsmill.observe.questions import connect, is_query

    lake = lake_or_query
    if query is None and lake_or_query is not None and (lake_or_query == TABLES or is_query(lake_or_query)):
        lake, query = None, lake_or_query
    place = loaded(config, sets, lake__path=lake).config.lake.path
    with _interruptible():
        duck = connect(place)
        if query is not None:
            _ask(duck, place, _sql_of(query), form)
        else:
            _converse(duck, place, form)


def _sql_of(query: str) -> str:
    return "SHOW TABLES;" if query.strip() == TABLES else query


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C ends what runs as a KeyboardInterrupt.

    Where it comes while DuckDB asks Python for the rows of a table, DuckDB makes its own error of it.
    """
    import duckdb

    told = False

    def interrupted(number: int, frame: FrameType | None) -> None:
        nonlocal told
        told = True
        signal.default_int_handler(number, frame)

    before = signal.signal(signal.SIGINT, interrupted)
    try:
        yield
    except (NewsmillError, OSError, RuntimeError, duckdb.Error):
        if told:
            raise KeyboardInterrupt from None
        raise
    finally:
        signal.signal(signal.SIGINT, before)


def _ask(duck: duckdb.DuckDBPyConnection, lake: str, query: str, form: Form) -> None:
    import duckdb

    from newsmill.observe.questions import check_files

    try:
        for statement in duck.extract_statements(query):
            if form is Form.TABLE:
                if (answer := duck.sql(statement)) is not None:
                    say(str(answer).rstrip("\n"))
            elif form is Form.CSV:
                _write_csv(duck.execute(statement))
            else:
                _write_json(duck.execute(statement))
    except (duckdb.ParserException, duckdb.CatalogException, duckdb.BinderException) as error:
        raise ConfigError(str(error)) from None  # nothing was read yet
    except duckdb.Error as error:
        check_files(lake)
        raise ConfigError(str(error)) from None


def _write_csv(answer: duckdb.DuckDBPyConnection) -> None:
    """RFC 4180 with lines that end in a line feed; lists and structs as JSON, blobs as Base64."""
    import csv
    import io

    def give_rows(rows: Iterable[Iterable[object]]) -> None:
        lines = []
        for row in rows:
            made = io.StringIO(newline="")
            csv.writer(made).writerow(row)  # ends lines with both characters, so that either is quoted
            lines.append(made.getvalue().removesuffix("\r\n") + "\n")
        give("".join(lines))

    give_rows([_columns(answer)])
    while rows := answer.fetchmany(1000):
        give_rows([_cell(value) for value in row] for row in rows)


def _write_json(answer: duckdb.DuckDBPyConnection) -> None:
    columns = _told_apart(_columns(answer))
    while rows := answer.fetchmany(1000):
        give("".join(json_line(dict(zip(columns, row, strict=True))) + "\n" for row in rows))


def _told_apart(names: list[str]) -> list[str]:
    """A JSON object has each name once: the second `n` is `n_1`, as DuckDB names it itself."""
    taken: dict[str, None] = {}
    for name in names:
        number = 0
        told = name
        while told in taken or (number and told in names):
            number += 1
            told = f"{name}_{number}"
        taken[told] = None
    return list(taken)


def _cell(value: object) -> object:
    """Lists, structs and blobs as in JSON."""
    if isinstance(value, dict | list | tuple | bool):
        return json_line(value)
    return jsonable(value) if isinstance(value, bytes | datetime) else value


def _columns(answer: duckdb.DuckDBPyConnection) -> list[str]:
    return [column[0] for column in answer.description or ()]


def _converse(duck: duckdb.DuckDBPyConnection, lake: str, form: Form) -> None:
    """Questions from standard input, each ended by `;`; with history and completion on a terminal."""
    terminal = sys.stdin.isatty()
    if terminal:
        _edit(duck)
    asked = ""
    while True:
        try:
            line = input((MORE if asked else PROMPT) if terminal else "")
        except EOFError:
            break
        if not asked and line.strip() in (".quit", ".exit"):
            break
        asked = _sql_of(line) if not asked and line.strip() == TABLES else f"{asked}{line}\n"
        if asked.rstrip().endswith(";"):
            _tried(duck, lake, asked, form, terminal=terminal)
            asked = ""
    if asked.strip():
        _tried(duck, lake, asked, form, terminal=terminal)


def _tried(duck: duckdb.DuckDBPyConnection, lake: str, query: str, form: Form, *, terminal: bool) -> None:
    try:
        _ask(duck, lake, query, form)
    except (ConfigError, LakeError) as error:
        if not terminal:
            raise
        for problem in error.problems if isinstance(error, ConfigError) else [str(error)]:
            say(plain(problem), err=True)


def _edit(duck: duckdb.DuckDBPyConnection) -> None:
    """History and completion, where Python has readline."""
    import atexit

    with suppress(ImportError):
        import readline

        file = HISTORY.expanduser()
        with suppress(OSError):
            readline.read_history_file(file)
        atexit.register(_remember, file)
        asked = duck.execute(
            "SELECT table_name FROM duckdb_tables() UNION SELECT column_name FROM duckdb_columns()"
        )
        names = sorted(name for (name,) in asked.fetchall())

        def complete(text: str, number: int) -> str | None:
            found = [name for name in names if name.startswith(text)]
            return found[number] if number < len(found) else None

        readline.set_completer(complete)
        readline.parse_and_bind("tab: complete")


def _remember(file: Path) -> None:
    import readline

    with suppress(OSError):
        readline.write_history_file(file)
