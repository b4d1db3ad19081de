"""A compressed dump as pieces that can be read alone and again from a mark: gzip and bzip2.

A bzip2 file is cut at its blocks, each of which is made a stream of its own, so that pieces can be
decompressed in other processes and a reader goes on at the block where it stopped. A gzip file has no
such places but its members: its pieces are decompressed here, in order, and a reader that goes on
decompresses the member's beginning once more. Memory is bounded whatever the file holds.
"""

from __future__ import annotations

import bz2
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from newsmill.errors import ConfigError
from newsmill.records import Record

_READ: Final = 1 << 20
"""Compressed bytes that are read at once."""

_TEXT: Final = 8 << 20
"""Bytes of decompressed text of one piece of a gzip file."""

_BLOCKS: Final = 10
"""Blocks of one piece of a bzip2 file: 900,000 bytes of text each, mostly."""

_LONGEST_BLOCK: Final = 4 << 20
"""Compressed bytes of a bzip2 block at most: its 900,000 bytes of text never take as many."""

_BLOCK: Final = 0x314159265359
_FOOTER: Final = 0x177245385090
_MAGIC_BITS: Final = 48
_CRC_BITS: Final = 32


class Mark(Record, frozen=True, kw_only=True):
    """Where reading goes on.

    Attributes:
        at: Compressed bytes before the gzip member, or bits before the bzip2 block.
        skip: Bytes of the member's text that were read already.
    """

    at: int = 0
    skip: int = 0


class Piece(Record, frozen=True, kw_only=True):
    """A stretch of the dump.

    Attributes:
        text: It, decompressed.
        blocks: It, as bzip2 streams of one block each; one of the two is empty.
        starts: Compressed bytes before each of the blocks.
        read: Compressed bytes up to its end.
        mark: Where the next one begins.
    """

    text: bytes = b""
    blocks: tuple[bytes, ...] = ()
    starts: tuple[int, ...] = ()
    read: int
    mark: Mark


class Damaged(Exception):
    """An archive that can't be read further: what is wrong, and after how many of its bytes."""

    def __init__(self, what: str, at: int) -> None:
        super().__init__(what, at)
        self.what, self.at = what, at


def pieces(path: Path, mark: Mark | None = None) -> Iterator[Piece]:
    """The pieces of a dump, from the beginning or a mark.

    Raises:
        ConfigError: It can't be opened, or is neither gzip nor bzip2.
        Damaged: It is torn or no archive from some byte on.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise ConfigError(f"{path}: can't be read: {error.strerror}") from None
    with file:
        head = file.read(4)
        file.seek(0)
        if head[:2] == b"\x1f\x8b":
            yield from _gzip(file, mark or Mark())
        elif head[:3] == b"BZh":
            yield from _bzip2(file, mark or Mark())
        else:
            raise ConfigError(f"{path}: is neither gzip nor bzip2")


def text_of(piece: Piece) -> bytes:
    """A piece's text.

    Raises:
        Damaged: A block is not what its checksum says.
    """
    if not piece.blocks:
        return piece.text
    found = []
    for block, start in zip(piece.blocks, piece.starts, strict=True):
        try:
            found.append(bz2.decompress(block))
        except (OSError, ValueError):
            raise Damaged("is damaged: a block is not what its checksum says", start) from None
    return b"".join(found)


def _gzip(file: IO[bytes], mark: Mark) -> Iterator[Piece]:
    file.seek(mark.at)
    member, skip = mark.at, mark.skip
    data = b""
    while data := (data or file.read(_READ)).lstrip(b"\0"):
        member = file.tell() - len(data)
        reader = zlib.decompressobj(wbits=31)
        done = 0
        while not reader.eof:
            try:
                text = reader.decompress(data, _TEXT)
            except zlib.error as error:
                raise Damaged(f"is damaged: {error}", file.tell() - len(data)) from None
            data = reader.unused_data if reader.eof else reader.unconsumed_tail
            fresh = text[max(0, skip - done) :]
            done += len(text)
            if fresh:
                at = file.tell() - len(data)
                yield Piece(text=fresh, read=at, mark=Mark(at=member, skip=done))
            if not reader.eof and not data and not (data := file.read(_READ)):
                raise Damaged("is torn: it ends here, inside a gzip member", file.tell())
        skip = 0


def _bzip2(file: IO[bytes], mark: Mark) -> Iterator[Piece]:
    blocks: list[bytes] = []
    starts: list[int] = []
    for start, end, block in _bzip2_blocks(file, mark.at):
        blocks.append(block)
        starts.append(start >> 3)
        if len(blocks) == _BLOCKS:
            yield _of_blocks(blocks, starts, end)
            blocks, starts = [], []
    if blocks:
        yield _of_blocks(blocks, starts, end)


def _of_blocks(blocks: list[bytes], starts: list[int], end: int) -> Piece:
    return Piece(blocks=tuple(blocks), starts=tuple(starts), read=end >> 3, mark=Mark(at=end))


def _bzip2_blocks(file: IO[bytes], bit: int) -> Iterator[tuple[int, int, bytes]]:
    """From a bit on: the bits before and behind each block, and the block as a stream of its own.

    A mark is the bit of a block's first magic number, or of a stream's last one.
    """
    base = bit >> 3  # bytes of the file before `held`
    file.seek(base)
    held, searched = b"", 0
    last: int | None = None  # bit of the block that is open
    expected = bit if bit else _MAGIC_BITS - 16  # where the next magic number must stand; behind "BZh9"
    while True:
        more = file.read(_READ)
        held += more
        for at, is_footer in _magics(held, searched, last=not more):
            found = base * 8 + at
            if last is None and found != expected:
                if found < expected:
                    continue
                raise Damaged("is damaged: no block begins here", expected >> 3)
            if last is not None:
                yield last, found, _stream(held, last - base * 8, at)
            last, expected = (None, _next_stream(found)) if is_footer else (found, 0)
        if not more:
            break
        # what stands before the open block, or the place where the next one begins, is done with
        searched = max(0, len(held) - 16)
        keep = min((expected if last is None else last) // 8 - base, searched)
        if keep > 0:
            held, base, searched = held[keep:], base + keep, searched - keep
        if len(held) > _LONGEST_BLOCK + _READ:
            raise Damaged("is damaged: a block without an end begins here", base)
    if last is not None:
        raise Damaged("is torn: it ends here, inside a bzip2 block", base + len(held))
    if base + len(held) > (expected >> 3) - 4 and held[(expected >> 3) - 4 - base :].strip(b"\0"):
        raise Damaged("is torn or damaged: no bzip2 block begins here", expected >> 3)
    if base + len(held) < (expected >> 3) - 4:
        raise Damaged("is torn: it ends here, inside the last bytes of a bzip2 stream", base + len(held))


def _next_stream(footer: int) -> int:
    """The bit at which the first block of the stream behind a footer begins."""
    return (footer + _MAGIC_BITS + _CRC_BITS + 7) // 8 * 8 + 32


def _magics(held: bytes, searched: int, *, last: bool) -> list[tuple[int, bool]]:
    """The bits at which blocks begin or streams end, and whether it is an end, in order.

    Those that begin in the last 16 bytes are left for later, unless these are the `last` ones.
    """
    stop = len(held) if last else max(0, len(held) - 16)
    padded = held + b"\0" * 8 if last else held
    found = []
    for magic, is_footer in ((_BLOCK, False), (_FOOTER, True)):
        for shift in range(8):
            inner = (magic << 8 - shift).to_bytes(7, "big")[1:6]
            at = held.find(inner, searched + 1)
            while 0 < at <= stop:
                whole = int.from_bytes(padded[at - 1 : at + 6], "big")
                if whole >> 8 - shift & (1 << _MAGIC_BITS) - 1 == magic and searched <= at - 1 < stop:
                    found.append(((at - 1) * 8 + shift, is_footer))
                at = held.find(inner, at + 1)
    return sorted(found)


def _stream(held: bytes, start: int, end: int) -> bytes:
    """The block in these bits as a bzip2 stream; its checksum is that of the block."""
    first, behind = start >> 3, end + 7 >> 3
    bits = end - start
    block = int.from_bytes(held[first:behind], "big") >> behind * 8 - end & (1 << bits) - 1
    checksum = block >> max(0, bits - _MAGIC_BITS - _CRC_BITS) & (1 << _CRC_BITS) - 1
    whole = block << _MAGIC_BITS + _CRC_BITS | _FOOTER << _CRC_BITS | checksum
    bits += _MAGIC_BITS + _CRC_BITS
    padding = -bits % 8
    return b"BZh9" + (whole << padding).to_bytes((bits + padding) // 8, "big")
