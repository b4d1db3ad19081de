"""What the rules' tier reads from files is read before it is needed, where no file can be opened later.

Tables of all languages are made, but for the dictionaries of scripts without spaces, which take 100 MB: of
those only the files' bytes are read, and who has such a text makes them.
"""

from __future__ import annotations

from newsmill.knowledge import forms, landforms, own_words, topics
from newsmill.knowledge.mentions import home_countries
from newsmill.knowledge.recognisers import cued, cues, lexicon


def preload() -> None:
    """Read all of it."""
    cues.preload()
    lexicon.preload()
    cued.given_names("ar")
    home_countries("en")
    topics.preload()
    own_words.preload()
    landforms.preload()
    forms.languages()
    forms.press_names("en")
