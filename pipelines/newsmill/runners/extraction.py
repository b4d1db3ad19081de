"""Starting the extraction processes of a run, before all else is imported."""

from __future__ import annotations

from newsmill.config import Config
from newsmill.flow.steps.readers import readers


def start(config: Config) -> None:
    """Start those that are missing, without waiting for them."""
    page, input, enrich = config.page, config.input, config.enrich
    readers(page.model_dump_json(), input.model_dump_json(), enrich.model_dump_json()).start()
