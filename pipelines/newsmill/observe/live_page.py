"""The live page: one file without any request but for its own figures, and the policy that keeps it so.

It is the same for everybody and holds nothing of any page: figures and titles come as JSON, and its script
puts them in as text. The policy lets run the one script whose hash it names, which may ask this server only.
"""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache
from importlib.resources import files


def look() -> str:
    """The style that the report and the live page share."""
    return _read("look.css")


@lru_cache(maxsize=1)
def page() -> bytes:
    """The page."""
    return _read("live.html").replace("{style}", _style()).replace("{script}", _script()).encode()


@lru_cache(maxsize=1)
def policy() -> str:
    """Its Content-Security-Policy."""
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src {_hash(_style())}",
            f"script-src {_hash(_script())}",
            "connect-src 'self'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


def _style() -> str:
    return look() + _read("live.css")


def _script() -> str:
    return _read("live.js")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _read(name: str) -> str:
    return files("newsmill.observe").joinpath("page", name).read_text("utf-8")
