"""Random bytes through decompression, charset and limits: a text or a code, never another exception."""

from __future__ import annotations

import gzip
import zlib

import brotli
import zstandard
from hypothesis import HealthCheck, given, settings, strategies as st

from hostile_pages import html
from newsmill.config import InputConfig, PageConfig
from newsmill.errors import Code, Rejected
from newsmill.page import decoding
from newsmill.page.tree import parse

LIMITS = InputConfig(max_decompressed_bytes=200_000)
PACKERS = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.compress,
}
ENCODINGS = st.sampled_from([None, "", "gzip", "deflate", "br", "zstd", "gzip, br", "identity", "x" * 300])
CHARSETS = st.sampled_from(
    [None, "utf-8", "utf-16", "iso-8859-1", "big5", "utf-7", "rot13", "undefined", "\0", "idna"]
)
FRAGMENTS = st.sampled_from(
    [
        b"<p>",
        b"</p>",
        b"<div ",
        b"<!--",
        b"-->",
        b"<script>",
        b"]]>",
        b"&#x0;",
        b"\xff\xfe",
        b"\0",
        b"<table><tr>",
        b"<svg>",
    ]
)
PAGES = st.lists(st.one_of(st.binary(max_size=60), FRAGMENTS), max_size=40).map(b"".join)
SETTINGS = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


@SETTINGS
@given(body=PAGES, encoding=ENCODINGS, charset=CHARSETS)
def test_any_bytes_give_a_text_or_a_code(body: bytes, encoding: str | None, charset: str | None) -> None:
    try:
        text = decoding.to_text(decoding.decompress(body, encoding, LIMITS), charset)
        parse(text.utf8, PageConfig())
    except Rejected as rejected:
        assert rejected.code in {Code.DECOMPRESSION, Code.SIZE, Code.DECODE, Code.NESTING, Code.NODES}
    else:
        text.text.encode("utf-8")
        assert "\0" not in text.text


@SETTINGS
@given(body=st.binary(max_size=2_000), name=st.sampled_from(sorted(PACKERS)))
def test_packed_bytes_come_back(body: bytes, name: str) -> None:
    packed = PACKERS[name](b"<p>" + body)
    assert decoding.decompress(packed, name, LIMITS) == b"<p>" + body


@SETTINGS
@given(name=st.sampled_from(sorted(PACKERS)), cut=st.floats(0.05, 0.95), flip=st.integers(0, 10_000))
def test_damaged_packed_pages_are_rejected_or_read(name: str, cut: float, flip: int) -> None:
    packed = bytearray(PACKERS[name](html()))
    packed = packed[: max(1, int(len(packed) * cut))]
    packed[flip % len(packed)] ^= 0x55
    try:
        decoding.decompress(bytes(packed), name, LIMITS)
    except Rejected as rejected:
        assert rejected.code is Code.DECOMPRESSION
