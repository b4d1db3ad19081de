"""Reading a dump to a spool: what is kept of it, in order, with marks from which a killed reading goes on."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import shutil
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
import xxhash

from newsmill.errors import ConfigError
from newsmill.knowledge.wikidata import items
from newsmill.knowledge.wikidata.archive import Damaged, Mark, Piece, pieces, text_of
from newsmill.knowledge.wikidata.items import LONGEST_LINE, Lines
from newsmill.records import Record

FORMAT: Final = 1  # raise it with each change of what a spool holds
ITEMS: Final = "items"
SUBCLASSES: Final = "subclasses"
_PROGRESS: Final = "progress"
_LOCK: Final = "lock"

_SAVED_EVERY_S: Final = 5.0
_TRACE: Final = 1 << 20
"""Bytes of the dump's beginning, and of what was read last, by which it is known again."""


class Options(Record, frozen=True, kw_only=True):
    """What is kept of a dump."""

    least_sitelinks: int
    languages: tuple[str, ...]
    most_broken: int


class Progress(Record, frozen=True, kw_only=True):
    """How far a reading is, and what it found: all that going on needs."""

    format: int = FORMAT
    least_sitelinks: int
    languages: tuple[str, ...]
    trace: str
    mark: Mark = Mark()
    read: int = 0
    carry: bytes = b""  # the beginning of a line whose rest was not read yet
    is_overlong: bool = False  # it was dropped, and its rest will be
    items: int = 0  # bytes of the spool's files
    subclasses: int = 0
    lines: int = 0
    seen: int = 0
    kept: int = 0
    broken: int = 0
    first_broken: str = ""


class Part(Record, frozen=True, kw_only=True):
    """What a piece holds: the rest of a line, whole lines, and the beginning of a line."""

    head: bytes
    lines: Lines | None = None  # None where the piece has no line's end
    tail: bytes = b""


@contextmanager
def spool_at(folder: Path) -> Iterator[Path]:
    """The folder of a spool, held by this process alone.

    Raises:
        ConfigError: It can't be made, or another process has it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise ConfigError(f"{folder}: can't be written: {error.strerror}") from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(f"{folder}: another `newsmill kb build` reads into it") from None
        yield folder
    finally:
        os.close(lock)


def read(
    dump: Path, spool: Path, options: Options, *, workers: int, told: Callable[[Progress], None]
) -> Progress:
    """Read a dump to its end, from its beginning or from where a killed reading had come to.

    Args:
        dump: gzip or bzip2.
        spool: A folder of `spool_at`.
        options: What is kept.
        workers: Processes that decompress and parse; 1 for this one alone.
        told: Is called with each progress.

    Raises:
        ConfigError: The dump is torn or no dump, has too many broken lines, or the spool is another
            dump's. What was read until then stays for the next try.
    """
    progress = _begun(dump, spool, options)
    told(progress)
    saved = time.monotonic()
    with (
        _appending(spool / ITEMS, progress.items) as kept,
        _appending(spool / SUBCLASSES, progress.subclasses) as above,
    ):

        def save() -> None:
            for file in (kept, above):
                file.flush()
                os.fsync(file.fileno())
            _save(dump, spool, progress)

        try:
            for piece, part in _parts(dump, progress.mark, options, workers):
                for lines in _joined(progress, part, options):
                    kept.write(lines.items)
                    above.write(lines.subclasses)
                    progress = _counted(progress, lines)
                progress = msgspec.structs.replace(_carried(progress, part), mark=piece.mark, read=piece.read)
                if progress.broken > options.most_broken:
                    raise ConfigError(
                        f"{dump}: more than {options.most_broken:,} lines are broken; {progress.first_broken}"
                    )
                told(progress)
                if time.monotonic() - saved > _SAVED_EVERY_S:
                    save()
                    saved = time.monotonic()
            if progress.carry:
                lines = items.read(progress.carry, least=options.least_sitelinks, languages=options.languages)
                kept.write(lines.items)
                above.write(lines.subclasses)
                progress = msgspec.structs.replace(_counted(progress, lines), carry=b"")
        except Damaged as error:
            raise ConfigError(f"{dump}: {error.what}: byte {error.at:,}") from None
        finally:
            save()
    told(msgspec.structs.replace(progress, read=dump.stat().st_size))
    return progress


def remove_if_empty(spool: Path) -> None:
    """Delete a spool without an item: there is nothing to go on from."""
    kept = spool / ITEMS
    if not kept.exists() or not kept.stat().st_size:
        shutil.rmtree(spool)


def _begun(dump: Path, spool: Path, options: Options) -> Progress:
    """The progress that a killed reading left, or none."""
    file = spool / _PROGRESS
    if not file.exists():
        return Progress(
            least_sitelinks=options.least_sitelinks, languages=options.languages, trace=_trace(dump, 0)
        )
    try:
        found = msgspec.msgpack.decode(file.read_bytes(), type=Progress)
    except ValueError:
        found = None
    if (
        found is None
        or (found.format, found.least_sitelinks, found.languages)
        != (FORMAT, options.least_sitelinks, options.languages)
        or found.trace != _trace(dump, found.read)
    ):
        raise ConfigError(
            f"{spool}: holds what was read of another dump or with other options; remove that folder, or "
            "give the dump and the options that it began with"
        )
    return found


def _save(dump: Path, spool: Path, progress: Progress) -> None:
    traced = msgspec.structs.replace(progress, trace=_trace(dump, progress.read))
    draft = spool / f"{_PROGRESS}.new"
    with draft.open("wb") as file:
        file.write(msgspec.msgpack.encode(traced))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(spool / _PROGRESS)


def _trace(dump: Path, read: int) -> str:
    """By what a dump is known again: its first bytes, and those before `read`."""
    try:
        with dump.open("rb") as file:
            digest = xxhash.xxh3_128(file.read(min(_TRACE, read)))
            file.seek(max(0, read - _TRACE))
            digest.update(file.read(min(_TRACE, read)))
    except OSError as error:
        raise ConfigError(f"{dump}: can't be read: {error.strerror}") from None
    return digest.hexdigest()


@contextmanager
def _appending(path: Path, size: int) -> Iterator[BinaryIO]:
    """A file of the spool, cut to what the progress knows of."""
    with path.open("ab") as file:
        file.truncate(size)
        yield file


def _parts(dump: Path, mark: Mark, options: Options, workers: int) -> Iterator[tuple[Piece, Part]]:
    """The pieces in order with what is in them; no more are held than the workers need."""
    work = partial(_read_piece, least=options.least_sitelinks, languages=options.languages)
    if workers == 1:
        for read_here in pieces(dump, mark):
            yield read_here, work(read_here)
        return
    context = multiprocessing.get_context("spawn")
    waiting: deque[tuple[Piece, Future[Part]]] = deque()
    source, damaged, is_over = pieces(dump, mark), None, False
    piece: Piece | None
    with ProcessPoolExecutor(workers, context, signal.signal, (signal.SIGINT, signal.SIG_IGN)) as pool:
        try:
            while waiting or not is_over:
                while not is_over and len(waiting) < 2 * workers:
                    try:
                        piece = next(source, None)
                    except Damaged as error:  # what stands before it is read first
                        piece, damaged = None, error
                    is_over = piece is None
                    if piece is not None:
                        light = msgspec.structs.replace(piece, text=b"", blocks=())
                        waiting.append((light, pool.submit(work, piece)))
                if waiting:
                    first, part = waiting.popleft()
                    yield first, part.result()
        except BrokenProcessPool:
            raise ConfigError(
                f"{dump}: a process that read it died: killed, or out of memory. Started again, the build "
                "goes on where it was; fewer --workers take less memory"
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)
    if damaged is not None:
        raise damaged


def _read_piece(piece: Piece, *, least: int, languages: tuple[str, ...]) -> Part:
    text = text_of(piece)
    first = text.find(b"\n")
    if first < 0:
        return Part(head=text)
    last = text.rfind(b"\n")
    lines = items.read(text[first + 1 : last], least=least, languages=languages) if last > first else Lines()
    return Part(head=text[:first], lines=lines, tail=text[last + 1 :])


def _joined(progress: Progress, part: Part, options: Options) -> Iterator[Lines]:
    """The lines that end in a part."""
    if part.lines is None:
        return
    if progress.is_overlong:
        yield Lines(lines=1, broken=1, first_broken=((0, f"is longer than {LONGEST_LINE:,} bytes"),))
    else:
        line = progress.carry + part.head
        yield items.read(line, least=options.least_sitelinks, languages=options.languages)
    yield part.lines


def _carried(progress: Progress, part: Part) -> Progress:
    """With the beginning of the line that goes on in the next part."""
    if part.lines is not None:
        return msgspec.structs.replace(progress, carry=part.tail, is_overlong=False)
    if progress.is_overlong or len(progress.carry) + len(part.head) > LONGEST_LINE:
        return msgspec.structs.replace(progress, carry=b"", is_overlong=True)
    return msgspec.structs.replace(progress, carry=progress.carry + part.head)


def _counted(progress: Progress, lines: Lines) -> Progress:
    first = progress.first_broken
    if not first and lines.first_broken:
        number, what = lines.first_broken[0]
        first = f"the first one, line {progress.lines + number + 1:,}: {what}"
    return msgspec.structs.replace(
        progress,
        items=progress.items + len(lines.items),
        subclasses=progress.subclasses + len(lines.subclasses),
        lines=progress.lines + lines.lines,
        seen=progress.seen + lines.seen,
        kept=progress.kept + lines.kept,
        broken=progress.broken + lines.broken,
        first_broken=first,
    )
