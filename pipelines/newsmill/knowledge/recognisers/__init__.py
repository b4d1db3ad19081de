"""Recognisers: where names stand in a text, and whether each is a person, organisation, place or other.

A recogniser knows nothing of entities; linking a span to one is the linker's work.
`Statistical` holds a `Rules` and weighs its evidence too, and leaves languages without a model to
it: a text is read by one of the two, never by both.
"""

from newsmill.knowledge.recognisers.recogniser import Names as Names, Recogniser as Recogniser
from newsmill.knowledge.recognisers.rules import Rules as Rules
from newsmill.knowledge.recognisers.statistical import Statistical as Statistical
