"""The knowledge base that comes with newsmill: `data/base`, built by `make kb` and never written to."""

from __future__ import annotations

from pathlib import Path


def knowledge_base() -> Path:
    """The folder of the knowledge base that is used where `enrich.kb` names none."""
    return Path(__file__).parent / "data" / "base"
