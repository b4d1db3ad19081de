"""What may stand in a string, wherever it comes from: pages, envelopes, structured data, error messages.

Two rules, and one way to apply them to a whole record:

- `line`: a field. No control characters, no lone surrogates, no noncharacters, no characters that turn the
  direction of what is printed around them; line breaks and tabs become one blank.
- `prose`: a text. The same, but it keeps its line breaks.

Both also break runs of marks, so that no later step pays for them (`stream_safe`).

What a page says is besides brought to one form, so that equal words compare as equal (`composed`).
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec
import regex

R = TypeVar("R", bound=msgspec.Struct)

UNPRINTABLE: Final = (
    "\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ud800-\udfff\ufdd0-\ufdef\ufeff\ufff9-\ufffb\ufffe\uffff"
)
"""Controls without those that part lines, lone surrogates, noncharacters and marks of annotations."""

TURNING: Final = "\u202a-\u202e\u2066-\u2069"
"""Bidirectional embeddings, overrides and isolates: they act on what stands beside the field."""

_BREAKS: Final = "\x0b\x0c\x1c-\x1f\x85\u2028\u2029"
_OUT: Final = re.compile(f"[{UNPRINTABLE}{TURNING}]+")
_TO_BLANK: Final = re.compile(f"[\t\n\r{_BREAKS}]+")
_TO_BREAK: Final = re.compile(f"\r\n?|[{_BREAKS}]")
_BLANKS: Final = re.compile(" {2,}")
_MARK: Final = r"[[^\p{ccc=0}]\u0f73\u0f75\u0f81\uff9e\uff9f]"
_LONGEST_RUN: Final = 30
_LONG_RUN: Final = regex.compile(f"{_MARK}{{{_LONGEST_RUN}}}(?={_MARK})", regex.VERSION1)
_SPARSE: Final = tuple(
    (step, regex.compile(f"{_MARK}{{{(_LONGEST_RUN + 1) // step}}}", regex.VERSION1))
    for step in (_LONGEST_RUN + 1, 6)
)
"""A run that is too long has so many neighbours among every 31st and every 6th character of a text."""
_JOINER: Final = "\u034f"
_PROSE_FIELDS: Final = frozenset(("body", "message", "stack"))
_LINK_FIELDS: Final = frozenset(("canonical_url", "images", "policy_url", "url"))
_REFERENCE: Final = re.compile(r"&#[xX]?[0-9a-fA-F]{9,};?")


def line(text: str) -> str:
    """A string that may be a field: printed anywhere, it changes nothing but its own place.

    >>> line("Fuel\\x1b]0;x\\x07 taxes\\nrise")
    'Fuel]0;x taxes rise'
    """
    if text.isprintable():
        return text if text.isascii() else stream_safe(text)
    cleaned = _TO_BLANK.sub(" ", _OUT.sub("", text))
    if cleaned != text:
        cleaned = _BLANKS.sub(" ", cleaned).strip()
    return stream_safe(cleaned)


def prose(text: str) -> str:
    """A string that may be a text of several lines, which are parted by `\\n` alone."""
    if text.isprintable() or text.replace("\n", "").isprintable():
        return text if text.isascii() else stream_safe(text)
    return stream_safe(_TO_BREAK.sub("\n", _OUT.sub("", text)).replace("\t", " "))


def whole(text: str) -> str:
    """The text with lone surrogates, which JSON can carry and UTF-8 can't, as U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def shown(text: str) -> str:
    """A name that must stay apart from others: what may not stand in it is written as an escape."""
    return text if text.isprintable() else _NOT_SHOWN.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def quoted(text: str) -> str:
    """What a file says, as a message may have it: in one line, cut where it is long.

    >>> quoted("1\\n2"), len(quoted("x" * 900))
    ('1\\\\u000a2', 80)
    """
    said = shown(text[: QUOTED_CHARS + 1])
    return said if len(said) <= QUOTED_CHARS else f"{said[: QUOTED_CHARS - 1]}…"


def in_place(text: str) -> str:
    """A text whose offsets others count: what may not stand in it becomes U+FFFD, one for one."""
    return text if text.isprintable() else _ANY_OUT.sub("\ufffd", text)


QUOTED_CHARS: Final = 80
"""Most characters of a file's content in a message."""

_NOT_SHOWN: Final = re.compile(f"[{UNPRINTABLE}{TURNING}{_BREAKS}\t\n\r]")
_ANY_OUT: Final = re.compile(f"[{UNPRINTABLE}]")


def cleaned(record: R) -> R:
    """A record whose strings, however deep, keep their rules: `prose` for texts, `line` for all else.

    All but links are `composed`.
    """
    changed = {
        name: new
        for name in record.__struct_fields__
        if (new := _cleaned(old := getattr(record, name), _rule(name))) != old
    }
    return msgspec.structs.replace(record, **changed) if changed else record


def _rule(field: str) -> Callable[[str], str]:
    if field in _LINK_FIELDS:
        return line
    return _composed_prose if field in _PROSE_FIELDS else _composed_line


def _composed_prose(text: str) -> str:
    return composed(prose(text))


def _composed_line(text: str) -> str:
    return composed(line(text))


def _cleaned(value: Any, rule: Callable[[str], str]) -> Any:
    if type(value) is str:
        return rule(value)
    if isinstance(value, msgspec.Struct):
        return cleaned(value)
    if isinstance(value, tuple):
        return tuple(_cleaned(item, rule) for item in value)
    if isinstance(value, dict):
        return {
            line(key) if isinstance(key, str) else key: _cleaned(item, rule) for key, item in value.items()
        }
    return value


def stream_safe(text: str) -> str:
    """A text without long runs of marks, in Unicode's Stream-Safe Text Format (UAX 15, D4).

    After 30 characters that are no starters a combining grapheme joiner is put in. Nothing is lost, and what
    sorts the marks of a run, as normalisation does, has at most 30 to sort.
    """
    if text.isascii() or not all(marks.search(text[::step]) for step, marks in _SPARSE):
        return text
    return _LONG_RUN.sub(_joined, text)


def _joined(match: regex.Match[str]) -> str:
    return f"{match[0]}{_JOINER}"


def composed(text: str) -> str:
    """A text in the form that is stored and compared: NFC, and nothing in it that no reader sees.

    Out go soft hyphens, marks of direction, and joiners and zero-width spaces but where a script needs them;
    presentation forms of Arabic become its letters, blanks of any width one blank. Applied again it changes
    nothing. The cost is linear in the text.

    >>> composed("Jose\u0301 Mer\u00adkel, 10\u202f000")
    'José Merkel, 10 000'
    """
    if text.isascii():
        return text
    for _ in range(_MOST_PASSES):
        before, beyond = text, beyond_ascii(text)
        if not is_nfc(text, beyond):
            text = stream_safe(nfc(text))
        if UNSEEN.search(beyond) is not None:
            text = stream_safe(UNSEEN.sub(as_read, text))
        if text == before:
            break
    return text


def beyond_ascii(text: str) -> str:
    """The characters of a text that ASCII lacks, in their order: what they tell is told by these few.

    >>> beyond_ascii("Köln, “the ferry”")
    'ö“”'
    """
    return text.encode("utf-8", "surrogatepass").translate(None, _ASCII).decode("utf-8", "surrogatepass")


def is_nfc(text: str, beyond: str) -> bool:
    """Whether a text is in normal form NFC; only where a character may compose is all of it looked at.

    Args:
        text: The text.
        beyond: Its characters beyond ASCII, in their order.
    """
    return unicodedata.is_normalized("NFC", text if _MAY_COMPOSE.search(beyond) else beyond)


def nfc(text: str) -> str:
    """A text in normal form NFC, at a cost that is linear in it (CPython's own is not)."""
    return text if text.isascii() else unicodedata.normalize("NFC", stream_safe(text))


def as_read(match: re.Match[str]) -> str:
    """What `composed` makes of what `UNSEEN` finds: nothing, a blank, letters, or the same where needed."""
    sign, at, text = match[0], match.start(), match.string
    if sign in _BLANK:
        return " "
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    if sign in _JOINERS:
        return sign if _JOINED.match(before) else ""
    if sign == _ZERO_WIDTH:
        return sign if _UNSPACED.match(before) and _UNSPACED.match(after) else ""
    return unicodedata.normalize("NFKC", sign) if _FIRST_PRESENTED <= sign < _LAST_PRESENTED else ""


_ASCII: Final = bytes(range(128))
_MAY_COMPOSE: Final = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u0591-\u11ff\u135d-\u135f\u1700-\u1cff\u1dc0-\u1dff\u20d0-\u20ff\u2cef-\u2cf1"
    "\u2d7f\u2de0-\u2dff\u302a-\u302f\u3099\u309a\ua66f-\ua6ff\ua800-\uabff\ufb1e\ufe20-\ufe2f"
    "\U00010000-\U0001efff]"
)
"""What may become one with the character before it, or change places with it; and much of the same scripts
that does neither."""

_MOST_PASSES: Final = 4  # what goes out may bring marks together, whose order then changes
_BLANK: Final = (
    "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
)
_JOINERS: Final = "\u200c\u200d"
_ZERO_WIDTH: Final = "\u200b"
_FIRST_PRESENTED: Final = "\ufb50"
_LAST_PRESENTED: Final = "\ufeff"
_MARKS_OF_DIRECTION: Final = "\u061c\u200e\u200f"
_PRESENTED: Final = "\ufb50-\ufdcf\ufdf0-\ufdf9\ufe70-\ufefc"
UNSEEN: Final = re.compile(
    f"[\u00ad\ufeff{_MARKS_OF_DIRECTION}\u2060-\u2064{_BLANK}{_JOINERS}{_ZERO_WIDTH}{_PRESENTED}]"
)
"""What may not be in a composed text, a sign at a time: `as_read` tells what stands for it."""

_JOINED: Final = re.compile(
    "[\u0600-\u07ff\u0840-\u0dff\u0f00-\u109f\u1780-\u18af\u1a00-\u1aaf\u1b00-\u1bff\ufe0f\u2600-\u27bf"
    "\ua840-\uaaff\uabc0-\uabff\U0001e900-\U0001e95f\U0001f000-\U0001faff]"
)
"""Signs behind which a joiner tells something: of Arabic, Indic and other joined scripts, and pictographs."""

_UNSPACED: Final = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1a20-\u1aad]")
"""Scripts of which some part words by zero-width spaces: Thai, Lao, Burmese, Khmer, Tai Tham."""


def nfkc(text: str) -> str:
    """A text in normal form NFKC, at a cost that is linear in it (CPython's own is not)."""
    return text if text.isascii() else unicodedata.normalize("NFKC", stream_safe(text))


def unescaped(text: str) -> str:
    """A text with HTML's character references resolved; numbers that no character has are left out.

    `html.unescape` alone fails where a number has more digits than Python converts.
    """
    return html.unescape(_REFERENCE.sub("", text)) if "&" in text else text


def counted(number: int, what: str, several: str | None = None) -> str:
    """A number with its noun.

    >>> counted(1, "line"), counted(1200, "line"), counted(0, "batch", "batches")
    ('1 line', '1,200 lines', '0 batches')
    """
    return f"{number:,} {what if number == 1 else several or f'{what}s'}"
