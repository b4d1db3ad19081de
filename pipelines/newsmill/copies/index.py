"""The index of recent articles: says of each new one whether it is a story seen before."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import islice
from typing import Final

import msgspec
import numpy as np

from newsmill import __version__
from newsmill.config import CopiesConfig
from newsmill.copies import sketches
from newsmill.copies.batch import Batch, Decision, Resolution
from newsmill.copies.files import Files, Folder, Nameless
from newsmill.copies.identities import Seen
from newsmill.copies.sketches import Sketch
from newsmill.copies.store import FOLD, FOLD_SHARE, LAYOUT, Delta, Image, Store
from newsmill.records import Record
from newsmill.urls import article_id

__all__ = ["CopyIndex", "Decision", "Resolution", "SeedRow"]

SEED_ROWS: Final = 2048
"""Rows learnt at once on a fresh start."""


class SeedRow(Record, frozen=True, kw_only=True):
    """A row of `articles` as far as the index needs it on a fresh start."""

    sketch: bytes  # as in `copy_sketches`
    revision: int
    cluster_id: str


class Published(Record, frozen=True, kw_only=True):
    """An index that was published: what it was made of and by, and where its arrays are."""

    maker: str  # version, layout and settings
    source: bytes  # what it knows, as its owner notes it
    image: Image


_PUBLISHED: Final = msgspec.msgpack.Decoder(Published)
"""Made at import: msgspec crashes where two threads meet a type first."""


class CopyIndex:
    """Finds copies among the articles of the last days.

    One batch is staged at a time: `commit` keeps what it taught, `abandon` forgets it. The index changes in
    `commit` and `seed` only. Not safe for threads.

    Final clusters don't depend on how records are cut into batches or ordered, as long as no key is hot and
    no cluster massive (`HOT`, `MASSIVE`). Decisions and cluster ids tell what was known at the time.

    Args:
        config: Horizon, threshold, and whose bodies are kept.
        rely_on_lake: A copy may do without its body because a row of the lake has the text, not only one of
            its batch. Only for who can do a batch again when that row is taken down before it is committed.
        files: Where to keep what came before the last few batches; in memory where absent.
    """

    def __init__(
        self, config: CopiesConfig, *, rely_on_lake: bool = True, files: Files | None = None
    ) -> None:
        self._config = config
        self._rely_on_lake = rely_on_lake
        self._store = Store(config.horizon_days, config.identity_days, files)
        self._folder = files if isinstance(files, Folder) else None
        self._published = 0  # texts and articles that were known when it was published
        self._staged: Delta | None = None
        self._version: str | None = None
        self._taken_down: tuple[frozenset[str], frozenset[str]] = (frozenset(), frozenset())

    @property
    def version(self) -> str | None:
        """Id of the last committed batch; None before the first."""
        return self._version

    @property
    def nbytes(self) -> int:
        """Bytes in memory: of the index's arrays that are not in files."""
        return self._store.nbytes

    @property
    def texts(self) -> int:
        """Distinct texts that can be found."""
        return self._store.live

    @property
    def capped(self) -> int:
        """Postings not kept since their key is hot."""
        return self._store.keys.capped

    def is_due(self, *, ending: bool = False) -> bool:
        """Whether to publish: it would take long to learn again at a start what was learnt since.

        Args:
            ending: Nothing more is learnt in this process.
        """
        learnt = self._store.learnt - self._published
        least = 1 if ending else FOLD
        return self._folder is not None and learnt >= max(least, self.texts // FOLD_SHARE)

    def publish(self, source: bytes) -> None:
        """Keep the index for the next start, as it is after the last committed batch.

        Args:
            source: What it knows, for its owner to compare at a start.

        Raises:
            OSError: The disk is full.
        """
        if self._folder is not None:
            self._store.fold()
            image = self._store.image()
            published = Published(maker=self._maker(), source=source, image=image)
            self._folder.publish(msgspec.msgpack.encode(published), image.files())
            self._folder.keep(image.files())
            self._published = self._store.learnt

    def load(self) -> bytes | None:
        """Take what was published in the folder, into an index that knows nothing yet; its source.

        None where nothing was, it is torn, or another version or other settings made it: nothing is taken.
        """
        if self._folder is None:
            return None
        try:
            found = _PUBLISHED.decode(self._folder.read_manifest() or b"")
        except ValueError:  # a string may be no UTF-8
            return None
        if found.maker != self._maker() or not all(map(self._folder.is_whole, found.image.files())):
            return None
        self._folder.trust(found.image.files())
        self._store.load(found.image, self._folder.map)
        self._published = self._store.learnt
        return found.source

    def leave(self) -> None:
        """Remove the folder's files, and go on without one: they hold what was taken down."""
        if self._folder is not None:
            self._store.leave(Nameless())
            self._folder.wipe()
            self._folder = None

    def _maker(self) -> str:
        settings = self._config.model_dump_json(exclude={"folder"})
        return f"{__version__} {sketches.VERSION} {LAYOUT} {settings} {self._rely_on_lake}"

    def remember(self, seen: Iterable[Seen]) -> None:
        """Learn rows of the lake from before the horizon on a fresh start, before `seed`.

        Their URLs are known, so the same content is a redelivery and other content a revision; their texts
        can't be found.
        """
        self._store.remember(seen)

    def seed(self, rows: Iterable[Sketch | SeedRow]) -> None:
        """Learn rows of the lake on a fresh start; `version` stays as it is.

        Rows keep the revision and cluster id that they have. Of a row whose sketch another version made, only
        the URL and its content are learnt. What is known already is passed over. Rows may
        come in any order, but those out of the order of their ingest time are kept longer than the horizon.

        Raises:
            msgspec.ValidationError: when a row's sketch is none.
        """
        rows = iter(rows)
        while some := list(islice(rows, SEED_ROWS)):
            sketches = [row if isinstance(row, Sketch) else Sketch.decode(row.sketch) for row in some]
            given = {
                sketch.position: (row.revision, row.cluster_id)
                for sketch, row in zip(sketches, some, strict=True)
                if isinstance(row, SeedRow)
            }
            _, delta = Batch(
                self._store, self._config, "seed", sketches, given, rely_on_lake=self._rely_on_lake
            ).resolve()
            self._store.apply(delta)

    def resolve(self, batch_id: str, sketches: Sequence[Sketch]) -> Resolution:
        """Decide for all sketches of a batch together, whatever their order.

        The same batch id again replaces what was staged under it, and so does another.
        """
        batch = Batch(self._store, self._config, batch_id, sketches, rely_on_lake=self._rely_on_lake)
        resolution, self._staged = batch.resolve()
        return resolution

    def commit(self, batch_id: str) -> None:
        """Keep what the staged batch taught.

        Raises:
            ValueError: when another batch is staged, or none.
        """
        if self._staged is None or self._staged.batch_id != batch_id:
            raise ValueError(f"batch {batch_id} is not staged")
        self._store.apply(self._staged)
        self._version, self._staged = batch_id, None

    def forget_bodies(self, url_keys: Collection[str], domains: Collection[str]) -> None:
        """Rely no more on the texts of what was taken down: the next copy keeps its own."""
        told = frozenset(url_keys), frozenset(domains)
        if told != self._taken_down:
            ids = np.array([bytes.fromhex(article_id(key)) for key in url_keys], dtype="V16")
            self._store.bodies.forget(ids, self._store.domains.add(sorted(domains)))
            self._taken_down = told

    def abandon(self, batch_id: str) -> None:
        """Forget what the batch taught, if it is staged."""
        if self._staged is not None and self._staged.batch_id == batch_id:
            self._staged = None
