"""How a command fails: one error with its cause, and an exit code. The long trace comes with --debug."""

from __future__ import annotations

import builtins
import errno
import re
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final

import typer
from pydantic import ValidationError

from newsmill import errors
from newsmill.cli.output import say
from newsmill.config import mistakes
from newsmill.errors import IN_STEP, ConfigError, NewsmillError

FAILED: Final = 1
MISTAKEN: Final = 2
"""Exit codes: something went wrong, or the user's settings or arguments are wrong."""

_MENDS: Final = {
    errno.ENOSPC: "free some space and run it again; nothing that was committed is lost",
    errno.EDQUOT: "the quota is used up; nothing that was committed is lost",
    errno.EROFS: "mount it for writing, or name another folder",
    errno.EACCES: "this user may not do that",
    errno.EPERM: "this user may not do that",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENFILE: "the machine has too many open files",
}
_ADVICE: Final = {
    "kafka": "`newsmill doctor` looks at the connection to the broker",
    "pyarrow": "a file can't be read; `newsmill audit LAKE` says which files are not what was committed",
    "duckdb": "a file can't be read; `newsmill audit LAKE` says which files are not what was committed",
    "sqlite3": "the catalog can't be used; `newsmill doctor` looks at it",
    "sqlalchemy": "the catalog can't be used; `newsmill doctor` looks at it",
    "pyiceberg": "the tables can't be used; `newsmill audit LAKE` says what is damaged",
    "fastavro": "a table's manifest can't be read; `newsmill audit LAKE` says what is damaged",
    "grpc": "the runner does not answer as it should; see its own log",
}
"""What to do about the errors of libraries that the outside world can cause, by the library."""

_TRACE: Final = "Traceback (most recent call last):"
_RAISED: Final = re.compile(r"^(?:RuntimeError: )*(?P<kind>[A-Za-z_][\w.]*)(?:: (?P<text>.*))?$")
_STEP: Final = re.compile(r" \[while running '([^']*?)(?:-ptransform-\d+)?'\]")
_ONE_OF: Final = re.compile(r" is not one of (.+)\.$")
_HOME: Final = Path(__file__).parent.parent
_BUG: Final = "this should not happen: `newsmill --debug …` prints the whole trace; please report it"


_debug = False


def configure(*, debug: bool) -> None:
    """Choose whether traces are printed whole, and let errors that nobody foresaw be told as the others are.

    These end the process with exit code 1.
    """
    global _debug
    _debug = debug

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not issubclass(kind, KeyboardInterrupt):
            told(error.with_traceback(trace))

    sys.excepthook = hook


def told(error: BaseException) -> int:
    """Print what went wrong; the exit code."""
    if _debug:
        say("".join(traceback.format_exception(error)).rstrip(), err=True)
    if isinstance(error, ConfigError):
        for problem in error.problems:
            say(f"error: {problem}", err=True)
        return MISTAKEN
    step = _step(error)
    if isinstance(error, NewsmillError):
        return _own(f"{error}{step}")
    if isinstance(error, OSError):
        say(f"error: {_of_system(error, step)}", err=True)
        return FAILED
    if _TRACE in str(error):
        return _of_beam(str(error))
    say(f"error: {_kind_and_text(type(error).__name__, str(error))}{step}", err=True)
    if advice := _advice(type(error).__module__):
        answer = "the broker's answer; " if _is_answer_of_broker(error) else ""
        say(f"  {answer}{advice}", err=True)
        return FAILED
    for cause in _causes(error):
        say(f"  because of {_kind_and_text(type(cause).__name__, str(cause))}", err=True)
    if where := _place(error.__traceback__):
        say(f"  in {where}", err=True)
    say(f"  {_BUG}", err=True)
    return FAILED


def of_option(error: typer.BadParameter) -> str:
    """What an option or an argument must be, in the words of `config.mistakes`."""
    cause = error.__cause__
    if not isinstance(cause, ValidationError):
        return error.message
    first = cause.errors()[0]
    if known := _ONE_OF.search(first["msg"]):
        choices = known[1].replace("'", "").split(", ")
        return f"must be {', '.join(choices[:-1])} or {choices[-1]}, got {first['input'] or 'nothing'}"
    return f"{mistakes.said('', first, None)}, got {first['input']}"


def short(text: str) -> str:
    """A message without the traces in it: the last error's kind and text, and the step it came from.

    >>> short("no: Traceback (most recent call last):\\n  File ...\\nKeyError: 'a' [while running 'Decode']")
    "no: KeyError: 'a' (in the step Decode)"
    """
    before, trace, after = text.partition(_TRACE)
    if not trace:
        return text
    kind, said, step = _last(after)
    return f"{before}{kind}{f': {said}' if said else ''}{f' (in the step {step})' if step else ''}"


def _own(message: str) -> int:
    say(f"error: {short(message)}", err=True)
    return FAILED


def _of_beam(text: str) -> int:
    """An error that comes out of Beam as the text of a trace: its last line is the cause."""
    kind, said, step = _last(text)
    name = kind.rsplit(".", 1)[-1]
    where = f" (in the step {step})" if step else ""
    own = getattr(errors, name, None) if kind.startswith("newsmill.errors.") else None
    if own is ConfigError:
        for line in said.splitlines():
            say(f"error: {line}", err=True)
        return MISTAKEN
    if own is not None:
        return _own(said + where)
    number = re.match(r"\[Errno (\d+)\]", said)
    mend = _MENDS.get(int(number[1])) if number else None
    say(f"error: {_kind_and_text(name, said)}{where}{f'; {mend}' if mend else ''}", err=True)
    if not _is_of_system(name):
        say(f"  {_advice(kind) or _BUG}", err=True)
    return FAILED


def _last(trace: str) -> tuple[str, str, str | None]:
    """(kind, text, step of the pipeline) of the last error of a trace."""
    lines = trace.rstrip().splitlines()
    frames = [n for n, line in enumerate(lines) if line.startswith('  File "')]
    after = lines[frames[-1] + 1 :] if frames else lines
    last = next((n for n, line in enumerate(after) if line[:1].strip()), 0)
    found = _RAISED.match(after[last])
    said = "\n".join([found["text"] or "" if found else after[last], *after[last + 1 :]]).rstrip()
    step = _STEP.search(said)
    return (found["kind"] if found else "error"), _STEP.sub("", said), step[1] if step else None


def _kind_and_text(kind: str, text: str) -> str:
    """An error's kind and text; some libraries, as kafka-python, begin the text with the kind."""
    said = re.sub(rf"^(?:\[Error -?\d+\] )?{re.escape(kind)}(?:: |$)", "", text)
    return f"{kind}: {said}"


def _is_answer_of_broker(error: BaseException) -> bool:
    return any(kind.__name__ == "BrokerResponseError" for kind in type(error).__mro__)


def _advice(module: str) -> str | None:
    return _ADVICE.get(module.partition(".")[0].lstrip("_"))


def _is_of_system(name: str) -> bool:
    kind = getattr(builtins, name, None)
    return isinstance(kind, type) and issubclass(kind, OSError)


def _of_system(error: OSError, step: str) -> str:
    """What the system refused, of which file, in which step, and how to mend it."""
    where = ": ".join(str(name) for name in (error.filename, error.filename2) if name is not None)
    what = error.strerror or str(error) or type(error).__name__
    mend = _MENDS.get(error.errno or 0)
    return (f"{where}: " if where else "") + what + step + (f"; {mend}" if mend else "")


def _step(error: BaseException) -> str:
    """The stage in which it was raised, where a note says so."""
    said = next((note for note in getattr(error, "__notes__", ()) if note.startswith(IN_STEP)), None)
    return f" ({said})" if said else ""


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen = {id(error)}
    following = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    while following is not None and id(following) not in seen:
        yield following
        seen.add(id(following))
        following = following.__cause__ or (None if following.__suppress_context__ else following.__context__)


def _place(trace: TracebackType | None) -> str | None:
    """The last place in newsmill that the error came through."""
    ours = [frame for frame in traceback.extract_tb(trace) if Path(frame.filename).is_relative_to(_HOME)]
    return f"{Path(ours[-1].filename).relative_to(_HOME.parent)}:{ours[-1].lineno}" if ours else None
