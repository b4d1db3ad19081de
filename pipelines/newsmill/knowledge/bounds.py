"""What one text may cost the knowledge stage: its work is linear in the text, and no text is read further."""

from __future__ import annotations

from typing import Final

MOST_CHARACTERS: Final = 100_000
"""Characters of a text in which names are looked for: more than any article has."""

MOST_TITLE: Final = 500
"""Characters of a title."""

MOST_MENTIONS: Final = 5_000
"""Names found in one text that are resolved and linked, the first ones."""

LONGEST_NAME: Final = 200
"""Characters of a name that is looked up."""

TEXT_CUT: Final = "names-in-part-of-text"
"""Mark: the text is longer than `MOST_CHARACTERS`."""

MENTIONS_CUT: Final = "mentions-cut"
"""Mark: the text has more names than `MOST_MENTIONS`."""

STEPS_CUT: Final = "enrichment-cut"
"""Mark: the enrichers took more CPU time than a page may, so the last ones were not run."""
