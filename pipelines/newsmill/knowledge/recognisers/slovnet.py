"""Names in Russian by slovnet's recogniser, whose weights come in the package natasha (MIT).

natasha itself is not imported: it needs what newer Pythons lack. Its two files are read by slovnet and navec.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from newsmill.errors import ConfigError
from newsmill.knowledge.recognisers.document import Guess
from newsmill.knowledge.recognisers.words import Word

MODULES = ("slovnet", "navec", "natasha")
"""Python modules that must be installed; of natasha only the data is used."""

_VECTORS, _MODEL = "emb/navec_news*.tar", "model/slovnet_ner_news*.tar"


class Slovnet:
    """Reads Russian. Threads must take turns.

    Raises:
        ConfigError: The package natasha lacks the weights.
    """

    def __init__(self) -> None:
        spec = importlib.util.find_spec("natasha")
        folders = (spec.submodule_search_locations if spec else None) or []
        found = [sorted(Path(folder, "data").glob(name)) for name in (_VECTORS, _MODEL) for folder in folders]
        if len(found) != 2 or not all(found):
            raise ConfigError([f"enrich.models: the package natasha lacks {_VECTORS} or {_MODEL}"])
        (vectors, *_), (model, *_) = found
        self._ner: Any = importlib.import_module("slovnet").NER.load(model)
        self._ner.navec(importlib.import_module("navec").Navec.load(vectors))

    @property
    def version(self) -> str:
        """The package that the weights are from."""
        return f"natasha-{importlib.metadata.version('natasha')}"

    def names(
        self, text: str, words: Sequence[Word], guesses: Sequence[Guess]
    ) -> Iterator[tuple[int, int, str]]:
        """The names in a text as far as `words` reach: start, end, type."""
        end = words[-1].end if words else 0
        for span in self._ner(text[:end]).spans if end else ():
            yield span.start, span.stop, span.type
