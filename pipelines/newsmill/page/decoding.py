"""From the bytes of a response to text: content encoding, then charset, each within bounds.

Headers are hints. A body that isn't compressed although the header says so is taken as it is; a declared
charset that doesn't fit the bytes loses against one that does; nothing grows past the caps.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import brotli
import zstandard

from newsmill import strings
from newsmill.config import InputConfig
from newsmill.errors import Code, Rejected
from newsmill.page.detection import charset_of
from newsmill.page.misread import MAY_BE_WHOLE, MOST, whole_restored
from newsmill.page.octets import beyond_ascii_led, has_controls, holds

_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
_STEP: Final = 65_536
_MOST_LAYERS: Final = 3
_MOST_MEMBERS: Final = 1_000  # of one gzip body
_PADDING: Final = re.compile(rb"\0*")
_RATIO_FLOOR: Final = 100_000
"""Bodies that stay below this many bytes may have any ratio: small pages of blanks compress well."""

_ZSTD_WINDOW: Final = 1 << 27

BOMS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_META: Final = re.compile(
    rb"<meta[^>]{0,300}?charset\s*+=\s*+[\"']?+\s*+([A-Za-z0-9_:.-]{2,40})", re.IGNORECASE
)
_XML: Final = re.compile(rb"<\?xml[^>]{0,100}?encoding\s*+=\s*+[\"']([A-Za-z0-9_.-]{2,40})", re.IGNORECASE)
_HEAD: Final = 4096
_SAMPLE: Final = 20_000

ALIASES: Final = {
    "iso-8859-1": "cp1252",
    "iso8859-1": "cp1252",
    "latin-1": "cp1252",
    "latin1": "cp1252",
    "us-ascii": "cp1252",
    "ascii": "cp1252",
    "iso-8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "x-sjis": "cp932",
    "ks_c_5601-1987": "cp949",
    "euc-kr": "cp949",
    "iso-8859-11": "cp874",
    "tis-620": "cp874",
    "x-euc-jp": "euc_jp",
    "big5": "big5hkscs",
    "unicode": "utf-16",
}
"""What browsers read these names as (WHATWG Encoding Standard)."""

_REFUSED: Final = frozenset(
    ("utf-7", "utf_7", "idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem")
)
_MOJIBAKE: Final = re.compile(r"Ã[\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ ¡-¿]|â€[™œ\x9d“”¦¢“]|Â[ -¿]")
_SIGNATURES: Final = (
    (b"%PDF-", "pdf"),
    (b"\x89PNG", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF8", "gif"),
    (b"PK\x03\x04", "zip"),
    (b"\x7fELF", "elf"),
    (b"RIFF", "riff"),
    (b"\x00\x00\x00\x18ftyp", "mp4"),
    (b"\x00\x00\x00\x20ftyp", "mp4"),
    (b"OggS", "ogg"),
    (b"ID3", "mp3"),
    (b"\xd0\xcf\x11\xe0", "ole"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!", "rar"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"wOFF", "font"),
    (b"\xca\xfe\xba\xbe", "class"),
    (b"MZ\x90\x00", "exe"),
    (b"\x80\x04\x95", "pickle"),
    (b"SQLite format 3\x00", "sqlite"),
)


@dataclass(frozen=True, slots=True)
class Text:
    """Decoded text.

    Attributes:
        text: The text.
        utf8: The same in UTF-8.
        beyond: Its characters beyond ASCII and those right before them (`octets.beyond_ascii_led`).
        charset: In which it was read.
        marks: Whether that was a guess, or the text was repaired.
    """

    text: str
    utf8: bytes
    beyond: str
    charset: str
    marks: tuple[str, ...] = ()

    @property
    def is_composed(self) -> bool:
        """Whether it is in normal form NFC."""
        return unicodedata.is_normalized("NFC", self.beyond)


def decompress(body: bytes, encoding: str | None, limits: InputConfig) -> bytes:
    """Undo the content encoding of a response.

    Args:
        body: The body as received.
        encoding: The Content-Encoding header, e.g. `gzip` or `gzip, br`; names that are unknown or
            that the body contradicts are passed over.
        limits: `max_decompressed_bytes` and `max_decompression_ratio` of the whole chain.

    Raises:
        Rejected: `E_DECOMP` over a cap, or for a body torn off in the middle; `E_SIZE` for a plain
            body over `max_decompressed_bytes`.
    """
    cap = min(limits.max_decompressed_bytes, max(_RATIO_FLOOR, limits.max_decompression_ratio * len(body)))
    names = [name.strip().lower() for name in (encoding or "").split(",")]
    for name in reversed([name for name in names if name in _DECODERS][:_MOST_LAYERS]):
        body = _undo(body, name, cap)
    for _ in range(_MOST_LAYERS):
        if body[:2] == _GZIP and body[2:3] == b"\x08":
            body = _undo(body, "gzip", cap)
        elif body[:4] == _ZSTD:
            body = _undo(body, "zstd", cap)
        else:
            break
    else:
        raise Rejected(Code.DECOMPRESSION, f"more than {_MOST_LAYERS} layers of compression")
    if len(body) > limits.max_decompressed_bytes:
        raise Rejected(Code.SIZE, f"{len(body)} bytes, more than {limits.max_decompressed_bytes}")
    return body


def binary_kind(body: bytes) -> str | None:
    """What a body that is no text is, by its first bytes; None for text."""
    head = body[:64]
    for signature, kind in _SIGNATURES:
        if head.startswith(signature):
            return kind
    if head[4:8] == b"ftyp":
        return "mp4"
    return None


def to_text(body: bytes, declared: str | None) -> Text:
    """Decode a page: BOM, then what bytes prove, then header, meta tag, XML declaration, detection.

    UTF-8 that decodes without a fault wins over any declaration: text in another charset practically never
    is valid UTF-8 by chance. Charsets that shift between sets within seven bits always are: they are known by
    their signs.

    Raises:
        Rejected: `E_DECODE` when the bytes are no text in any charset tried.
    """
    for bom, name in BOMS:
        if body.startswith(bom):
            body = body[len(bom) :]
            text = body.decode(name, "replace")
            if _few_faults(text):
                return _finished(text, name, declared)
            break  # a mark alone makes no text of bytes that are none
    zeros = body[:_SAMPLE].count(0)
    if zeros > len(body[:_SAMPLE]) // 5:
        return _wide(body, declared)
    head = body[:_HEAD]
    names: list[str | None] = [
        declared,
        *(match.group(1).decode("ascii") for match in (_META.search(head), _XML.search(head)) if match),
    ]
    if shifted := _shifted(body, names):
        return _finished(*shifted, declared)
    try:
        return _finished(body.decode("utf-8"), "utf-8", declared, utf8=body)
    except UnicodeDecodeError:
        pass
    for stated in names:
        codec = codec_of(stated)
        if codec is None or codec == "utf-8":
            continue
        text = body.decode(codec, "replace")
        if _plausible(text):
            return _finished(text, codec, declared)
    text = body.decode("utf-8", "replace")
    if _few_faults(text) and text.count("\ufffd") <= _characters_beyond_ascii(text) // 2:
        return _finished(text, "utf-8", declared, "replaced-characters")
    guessed = codec_of(charset_of(body))
    if guessed is not None:
        text = body.decode(guessed, "replace")
        if _plausible(text):
            return _finished(text, guessed, declared, "charset-guessed")
    text = body.decode("cp1252", "replace")
    if _plausible(text) and sum(c.isalpha() or c.isspace() for c in text[:_SAMPLE]) > 0.6 * len(
        text[:_SAMPLE]
    ):
        return _finished(text, "cp1252", declared, "charset-guessed")
    raise Rejected(Code.DECODE, "the bytes are no text in any charset tried")


_SHIFTING: Final = (
    (re.compile(rb"\x1b\$[@B(]|\x1b\([IJ]"), ("iso2022_jp", "iso2022_jp_ext"), False),
    (re.compile(rb"\x1b\$\)C"), ("iso2022_kr",), True),
    (re.compile(rb"~\{[!-w]"), ("hz",), True),
)
"""Signs of the charsets that shift within seven bits, their codecs, and whether the page must name them: no
text in another charset has the signs of Japanese mail by chance."""


def _shifted(body: bytes, names: list[str | None]) -> tuple[str, str] | None:
    """Text and charset of a page in a charset of seven bits that shifts between sets; None for any other."""
    if 0x1B not in body and not holds(body, b"~{"):
        return None
    named = [codec_of(name) for name in names]
    for sign, codecs_of_sign, must_be_named in _SHIFTING:
        if not sign.search(body) or (must_be_named and codecs_of_sign[0] not in named):
            continue
        for codec in codecs_of_sign:
            text = body.decode(codec, "replace")
            if text.count("\ufffd") <= len(text) // 500 + 3:
                return text, codecs_of_sign[0]
    return None


def _few_faults(text: str) -> bool:
    """Whether so few bytes were none of the charset that the others are text in it."""
    return text.count("\ufffd") <= max(3, len(text) // 500)


def _characters_beyond_ascii(text: str) -> int:
    return len(text) - len(text.encode("ascii", "ignore"))


def codec_of(name: str | None) -> str | None:
    """Python's codec for a charset name, as browsers read the name; None when there is none.

    >>> codec_of("ISO-8859-1"), codec_of("x-unheard-of")
    ('cp1252', None)
    """
    if not name:
        return None
    lowered = name.strip().lower()
    lowered = ALIASES.get(lowered, lowered)
    if lowered in _REFUSED:
        return None
    try:
        found = codecs.lookup(lowered)
        b"ab".decode(found.name, "replace")
    except (LookupError, ValueError, TypeError):
        return None
    return found.name


def _finished(text: str, charset: str, declared: str | None, *marks: str, utf8: bytes | None = None) -> Text:
    """Clean text of what no page means: NUL and other controls, lone surrogates, repaired mojibake marked."""
    utf8 = text.encode("utf-8", "surrogatepass") if utf8 is None else utf8
    beyond = beyond_ascii_led(utf8)
    found = list(marks)
    cleaned = text
    if has_controls(utf8) or _CONTROLS.search(beyond):
        cleaned = _CONTROLS.sub(_control, cleaned)
        utf8 = cleaned.encode()
    if holds(utf8, b"&#"):
        cleaned = _REFERENCES.sub(_reference, cleaned)
    if strings.stream_safe(beyond) is not beyond:
        cleaned = strings.stream_safe(cleaned)
    if cleaned is not text:
        text, utf8 = cleaned, cleaned.encode()
        beyond = beyond_ascii_led(utf8)
    claimed = codec_of(declared)
    if claimed is not None and claimed != charset and "charset-guessed" not in found:
        found.append("charset-corrected")
    if _may_be_mojibake(beyond) and len(_MOJIBAKE.findall(text[:200_000])) > 5:
        repaired = _repaired(text)
        found.append("mojibake" if repaired is None else "mojibake-repaired")
    elif (repaired := _read_again(text, beyond)) is not None:
        found.append("mojibake-repaired")
    if repaired is not None:
        text, utf8 = repaired, repaired.encode()
        beyond = beyond_ascii_led(utf8)
    return Text(text, utf8, beyond, charset, tuple(found))


_CONTROLS: Final = re.compile(
    f"(?:[\x00-\x08\x0b\x0c\x0e-\x1f\x7f{strings.TURNING}\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
    "|[\x80-\x84\x86-\x9f])+"
)
_REFERENCES: Final = re.compile(
    r"&#(?:0*(?:[0-8]|1[1-9]|2[0-9]|3[01]|11|12[7-9]|1[345]\d|823[4-8]|829[4-7]|5529[6-9]|55[3-9]\d\d"
    r"|56\d{3}|57[0-2]\d\d|573[0-3]\d|5734[0-3])(?!\d)"
    r"|x0*(?:[0-8bcef]|1[0-9a-f]|7f|[89][0-9a-f]|202[a-e]|206[6-9]|d[89a-f][0-9a-f]{2})(?![0-9a-f])"
    r"|\d{8}\d*|x[0-9a-f]{7}[0-9a-f]*);?",
    re.IGNORECASE,
)
"""Character references that stand for what `_CONTROLS` takes out, and for no character at all."""
_C1: Final = {chr(n): bytes([n]).decode("cp1252", "ignore") for n in range(0x80, 0xA0) if n != 0x85}


def _may_be_mojibake(beyond: str) -> bool:
    """Whether `_MOJIBAKE` may match a text with these characters beyond ASCII."""
    return "Ã" in beyond or "Â" in beyond or "â€" in beyond


def _control(match: re.Match[str]) -> str:
    """C1 controls are Windows-1252 characters in disguise; everything else goes."""
    return "".join([_C1.get(character, "") for character in match.group()])


def _reference(match: re.Match[str]) -> str:
    """The same for a character reference."""
    digits = match.group()[2:].rstrip(";").lstrip("0")
    code = int(digits[1:], 16) if digits[:1] in ("x", "X") else int(digits or "0") if len(digits) < 8 else 0
    return bytes([code]).decode("cp1252", "ignore") if 0x80 <= code <= 0x9F else ""


def _repaired(text: str) -> str | None:
    """UTF-8 that was once read as Windows-1252, read right; None unless every piece fits."""
    try:
        repaired = text.encode("cp1252").decode("utf-8")
    except UnicodeError:
        return None
    return repaired if len(_MOJIBAKE.findall(repaired[:200_000])) <= 1 else None


def _read_again(text: str, beyond: str) -> str | None:
    """A page that is misread as a whole, read right without a fault; None for any other."""
    if len(text) > MOST or not any(pair in beyond for pair in MAY_BE_WHOLE):
        return None
    found = whole_restored(text, strings.beyond_ascii(text))
    return found.text if found is not None and _few_faults(found.text) else None


def _plausible(text: str) -> bool:
    """Whether text decoded by a declared charset looks like one: few faults, few controls."""
    sample = text[: 10 * _SAMPLE]
    odd = sample.count("\ufffd") + sum(1 for c in sample[:_SAMPLE] if c < " " and c not in "\t\n\r\f")
    return odd <= max(2, len(sample) // 200)


def _wide(body: bytes, declared: str | None) -> Text:
    """UTF-16 or UTF-32 without a mark."""
    sample = body[:_SAMPLE]
    if sample[1::2].count(0) > len(sample) // 3:
        names = ["utf-32-le", "utf-16-le"] if sample[2::4].count(0) > len(sample) // 5 else ["utf-16-le"]
    elif sample[0::2].count(0) > len(sample) // 3:
        names = ["utf-32-be", "utf-16-be"] if sample[1::4].count(0) > len(sample) // 5 else ["utf-16-be"]
    else:
        names = []
    for name in names:
        text = body.decode(name, "replace")
        if _plausible(text) and "<" in text[:_SAMPLE]:
            return _finished(text, name, declared)
    stripped = body.replace(b"\0", b"")
    if stripped and len(stripped) > len(body) // 2 and _is_text(stripped):
        return to_text(stripped, declared)
    raise Rejected(Code.DECODE, "the bytes are no text: too many zero bytes")


def _is_text(body: bytes) -> bool:
    sample = body[:_SAMPLE]
    return sum(byte < 9 or 13 < byte < 32 for byte in sample) <= len(sample) // 100


def _undo(body: bytes, name: str, cap: int) -> bytes:
    if not body:
        return body
    out: bytes | None = _DECODERS[name](body, cap)
    if out is None:
        if _looks_plain(body):
            return body
        raise Rejected(Code.DECOMPRESSION, f"a torn or broken {name} body")
    return out


def _looks_plain(body: bytes) -> bool:
    """Whether a body that should be compressed is in truth plain text."""
    head = body[:512].lstrip(b"\xef\xbb\xbf \t\r\n")
    return head[:1] in (b"<", b"{", b"[") or (
        bool(head) and all(9 <= byte < 14 or 32 <= byte < 127 for byte in head)
    )


CAPS: Final = "input.max_decompressed_bytes and input.max_decompression_ratio limit it"


def _capped(size: int, cap: int) -> None:
    if size > cap:
        raise Rejected(Code.DECOMPRESSION, f"decompresses to more than {cap} bytes: {CAPS}")


def _inflate(body: bytes, cap: int, wbits: int) -> bytes | None:
    """The members of a body one after another; pieces go in, so that nothing is copied again and again."""
    out, at = bytearray(), 0
    for _ in range(_MOST_MEMBERS):
        decoder = zlib.decompressobj(wbits)
        try:
            while not decoder.eof:
                rest = decoder.unconsumed_tail
                if not rest:
                    rest = body[at : at + _STEP]
                    at += len(rest)
                chunk = decoder.decompress(rest, _STEP)
                out += chunk
                _capped(len(out), cap)
                if not chunk and not rest:
                    return None
        except zlib.error:
            return None
        at -= len(decoder.unused_data)
        padding = _PADDING.match(body, at)
        at = padding.end() if padding else at
        if wbits <= zlib.MAX_WBITS or body[at : at + 2] != _GZIP:
            return bytes(out)
    raise Rejected(Code.DECOMPRESSION, f"more than {_MOST_MEMBERS} members")


def gunzip(body: bytes, cap: int) -> bytes | None:
    """The bytes of a gzip body, all its members; None for one that is none, or torn.

    Raises:
        Rejected: `E_DECOMP` when it gives more than `cap` bytes, or has very many members.
    """
    return _inflate(body, cap, 16 + zlib.MAX_WBITS) if body[:2] == _GZIP else None


def _deflate(body: bytes, cap: int) -> bytes | None:
    found = _inflate(body, cap, zlib.MAX_WBITS)
    return found if found is not None else _inflate(body, cap, -zlib.MAX_WBITS)


def _brotli(body: bytes, cap: int) -> bytes | None:
    decoder, out = brotli.Decompressor(), bytearray()
    try:
        chunk = decoder.process(body, output_buffer_limit=_STEP)
        while True:
            out += chunk
            _capped(len(out), cap)
            if decoder.is_finished():
                return bytes(out)
            if decoder.can_accept_more_data() and not chunk:
                return None
            chunk = decoder.process(b"", output_buffer_limit=_STEP)
    except brotli.error:
        return None


def _zstd(body: bytes, cap: int) -> bytes | None:
    out = bytearray()
    try:
        with zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).stream_reader(
            body, read_across_frames=True
        ) as reader:
            while chunk := reader.read(_STEP):
                out += chunk
                _capped(len(out), cap)
    except zstandard.ZstdError:
        return None
    return bytes(out) or None


_DECODERS: Final[dict[str, Callable[[bytes, int], bytes | None]]] = {
    "gzip": gunzip,
    "x-gzip": gunzip,
    "deflate": _deflate,
    "br": _brotli,
    "zstd": _zstd,
}
