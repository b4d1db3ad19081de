import bz2
import gzip
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from newsmill.errors import ConfigError
from newsmill.knowledge.wikidata import archive
from newsmill.knowledge.wikidata.archive import Damaged, Mark, pieces, text_of


def text(size: int) -> bytes:
    """Lines that compress about as a dump does."""
    chosen = random.Random(size)
    lines: list[bytes] = []
    while sum(map(len, lines[-1:])) * len(lines) < size:
        lines.append(
            b'{"id":"Q%d","x":"%x"}' % (len(lines), chosen.getrandbits(400) >> chosen.randrange(390))
        )
    return b"\n".join(lines)


TEXT = text(3_000_000)
STREAMS = [TEXT[at : at + 300_000] for at in range(0, len(TEXT), 300_000)]
ARCHIVES = {
    "one bzip2 stream": bz2.compress(TEXT),
    "many bzip2 streams": b"".join(bz2.compress(s, 1 + n % 9) for n, s in enumerate(STREAMS)),
    "bzip2 streams without a block": bz2.compress(b"") + bz2.compress(b"a\n") + bz2.compress(b""),
    "one gzip member": gzip.compress(TEXT),
    "many gzip members": b"".join(gzip.compress(s) for s in (b"", *STREAMS, b",\n")),
    "gzip with zeros behind it": gzip.compress(TEXT[:9_000]) + b"\0" * 512,
}


def whole(name: str) -> bytes:
    packed = ARCHIVES[name]
    return bz2.decompress(packed) if packed[:2] == b"BZ" else gzip.decompress(packed)


@pytest.fixture(params=list(ARCHIVES))
def name(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    (tmp_path / "dump").write_bytes(ARCHIVES[request.param])
    return str(request.param)


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of a test are small, so what is read at once is too."""
    monkeypatch.setattr(archive, "_READ", 50_001)
    monkeypatch.setattr(archive, "_TEXT", 200_000)
    monkeypatch.setattr(archive, "_BLOCKS", 1)


def read(path: Path, mark: Mark | None = None) -> bytes:
    return b"".join(map(text_of, pieces(path, mark)))


def test_pieces_are_the_text_in_order(tmp_path: Path, name: str) -> None:
    assert read(tmp_path / "dump") == whole(name)


def test_reading_goes_on_from_every_mark(tmp_path: Path, name: str) -> None:
    done = b""
    for piece in pieces(tmp_path / "dump"):
        done += text_of(piece)
        assert done + read(tmp_path / "dump", piece.mark) == whole(name)


def cuts(packed: bytes) -> Iterator[int]:
    yield from (5, 17, len(packed) // 2, len(packed) - 11, len(packed) - 1)


@pytest.mark.parametrize(
    "kind", ["one bzip2 stream", "many bzip2 streams", "one gzip member", "many gzip members"]
)
def test_torn_archive_is_told_with_its_place(tmp_path: Path, kind: str) -> None:
    packed = ARCHIVES[kind]
    for cut in cuts(packed):
        (tmp_path / "torn").write_bytes(packed[:cut])
        with pytest.raises(Damaged, match="torn") as raised:
            read(tmp_path / "torn")
        assert 0 <= raised.value.at <= cut + 4


@pytest.mark.parametrize(
    "kind", ["one bzip2 stream", "many bzip2 streams", "one gzip member", "many gzip members"]
)
def test_damaged_archive_is_told_with_its_place(tmp_path: Path, kind: str) -> None:
    packed = bytearray(ARCHIVES[kind])
    packed[len(packed) // 2] ^= 4
    (tmp_path / "damaged").write_bytes(packed)
    with pytest.raises(Damaged, match="damaged") as raised:
        read(tmp_path / "damaged")
    assert 0 <= raised.value.at < len(packed)


@pytest.mark.parametrize("behind", [b"<html>", b"BZh9", bz2.compress(b"x")[:20]])
def test_what_stands_behind_the_last_stream_is_damage(tmp_path: Path, behind: bytes) -> None:
    (tmp_path / "dump").write_bytes(bz2.compress(b"a\n") + behind)
    with pytest.raises(Damaged):
        read(tmp_path / "dump")


def test_bomb_is_read_in_bounded_pieces(tmp_path: Path) -> None:
    (tmp_path / "bomb").write_bytes(gzip.compress(b"\0" * 50_000_000))
    assert max(len(piece.text) for piece in pieces(tmp_path / "bomb")) <= 200_000


@pytest.mark.parametrize("head", [b"", b"{}", b"PK\3\4"])
def test_other_files_are_refused(tmp_path: Path, head: bytes) -> None:
    (tmp_path / "other").write_bytes(head)
    with pytest.raises(ConfigError, match="neither gzip nor bzip2"):
        list(pieces(tmp_path / "other"))
