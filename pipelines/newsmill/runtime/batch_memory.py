"""How much memory the drafts of one batch may take in the process that runs it, and when it must be smaller.

A batch waits whole in memory while copies are looked for, a few times as objects and many times as bytes
that are handed from step to step. So its cost is estimated from the texts of its pages, and a batch that
costs more than there is room for is planned again with fewer records. A batch of one record is never
refused: a page is bounded by `input.max_decompressed_bytes`.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from typing import Final

import pyarrow as pa

from newsmill.errors import TooLarge

BASE_MB: Final = 450
"""What the process takes without any batch: libraries, the knowledge base, the index of copies of a week."""
COPIES: Final = 6.0
"""How often a text is there as an object, at most: `benchmarks/memory.py` stays within the limit by it."""
FOUND: Final = 3.0
"""How often what was found in a text is there encoded: as it came, and after each of two shuffles."""
BYTES: Final = 16.0
"""How often a text's compressed bytes are there, at most; by the same."""
LEAST_MB: Final = 50


class Room:
    """What is left of a batch's memory; shared by the threads that make its drafts.

    Args:
        memory_mb: Most that the whole process shall take.
    """

    def __init__(self, memory_mb: int) -> None:
        self.limit = max(LEAST_MB, memory_mb - BASE_MB) * 1_000_000
        self.taken = 0.0
        self.records = 0
        self.refused: TooLarge | None = None
        self._lock = threading.Lock()

    def take_texts(self, texts: Sequence[str], found: bytes = b"") -> None:
        """Take the room of one more draft. Raises TooLarge where there is none left, and it has company.

        Args:
            texts: Its body, and what was cut from it.
            found: The entities, places and topics of its text, encoded: that goes with it from step to step.
        """
        packed = _packed("\n".join(texts).encode("utf-8", "surrogatepass")) + _packed(found)
        self._take(COPIES * sum(map(sys.getsizeof, texts)) + FOUND * len(found) + BYTES * packed)

    def take_payload(self, payload: bytes) -> None:
        """Take the room of one more quarantined record. Raises as `take_text`."""
        self._take(COPIES * len(payload) + BYTES * _packed(payload))

    def _take(self, cost: float) -> None:
        with self._lock:
            self.taken += cost
            self.records += 1
            if self.taken > self.limit and self.records > 1:
                self.refused = TooLarge(f"{self.records} records take {self.taken / 1e6:.0f} MB")
                raise self.refused

    def fits(self) -> int:
        """How many records like those so far fit well; at least one."""
        if not self.taken:
            return sys.maxsize
        return max(1, int(0.7 * self.limit * self.records / self.taken))


def _packed(content: bytes) -> int:
    packed: bytes = pa.compress(content, codec="zstd", asbytes=True)
    return len(packed)
