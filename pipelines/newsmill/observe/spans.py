"""How long ago, for people."""

from __future__ import annotations


def span(seconds: float) -> str:
    """A time span in its largest fitting unit.

    >>> span(3), span(200), span(8000), span(300_000)
    ('3 s', '3 min', '2 h', '3 days')
    """
    for limit, unit, length in ((120, "s", 1), (7200, "min", 60), (172_800, "h", 3600)):
        if seconds < limit:
            return f"{max(seconds, 0) / length:.0f} {unit}"
    return f"{seconds / 86_400:.0f} days"
