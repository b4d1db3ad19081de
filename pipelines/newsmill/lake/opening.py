"""What a writer looks at before it changes anything, and a dry run as well: whether the lake is all there."""

from __future__ import annotations

import shlex
from functools import partial
from itertools import islice
from typing import Final

from newsmill.config import LakeConfig
from newsmill.errors import LakeError
from newsmill.lake import catalogs, identity, storage
from newsmill.lake.schemas import LEDGER
from newsmill.lake.tables import Tables

LOOKED_AT: Final = 20
"""Files of the ledger that are looked for: an opening must stay cheap. `audit` looks for all."""


def check_ledger(tables: Tables) -> None:
    """Check that files that the ledger's newest snapshot names are there, `LOOKED_AT` of them.

    Raises:
        LakeError: One is gone.
    """
    store = tables.store
    named = [store.path(live.uri) for live in islice(tables.files(tables.load(LEDGER)), LOOKED_AT)]
    gone = [path for path in named if tables.retry(partial(store.size, path)) is None]
    if gone:
        here = identity.place(store)
        raise LakeError(
            f"{here}: files of the ledger are gone: {len(gone)} of {len(named)} looked for, "
            f"e.g. {gone[0]}. `newsmill audit {shlex.quote(here)}` names what is missing: put it back "
            "from a backup, else the whole lake. Nothing was changed"
        )


def check(config: LakeConfig) -> Tables | None:
    """Check what `Lake.open` would refuse, and change nothing; the tables, None without a lake.

    Raises:
        ConfigError: No lake can be there.
        LakeError: It is not the lake that its note tells of, files of its ledger are gone, or something else
            is in its place.
    """
    store = storage.at(config.path)
    if identity.exists(store):
        tables = Tables.open_readonly(config)
        check_ledger(tables)
        return tables
    catalogs.check_stray(config, store)
    return None
