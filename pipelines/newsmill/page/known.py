"""What a page and a second extractor say of the article, made ready to compare passages with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from newsmill.page.passages import Passage, fold, length

_FEW_WORDS: Final = 3
_FEW_UNSPACED: Final = 6
_MOST_SEARCHED: Final = 200_000_000
"""Characters searched for the lines of one page, so that many lines cost no square of them."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the page says of its article, folded, to compare passages with.

    Attributes:
        titles: Its titles.
        title: The words of the chosen one.
        description: What it says it is about.
        stated: Its JSON-LD articleBody; None where it gives none.
    """

    titles: frozenset[str]
    title: frozenset[str]
    description: str
    stated: SecondOpinion | None


class SecondOpinion:
    """A text that stands for the article elsewhere, as a vote for passages: a second extractor's, JSON-LD."""

    def __init__(self, text: str) -> None:
        self._lines = {fold(line) for line in text.splitlines()}
        self._text = f" {fold(text)} "
        self._searched = 0

    def __contains__(self, folded: str) -> bool:
        if folded in self._lines:
            return True
        if folded.count(" ") < _FEW_WORDS and length(folded) < _FEW_UNSPACED:
            return False
        self._searched += len(self._text)
        return self._searched < _MOST_SEARCHED and f" {folded} " in self._text

    def among(self, passages: Sequence[Passage]) -> frozenset[int]:
        """The passages that the other extractor found."""
        return frozenset(n for n, p in enumerate(passages) if p.folded and p.folded in self)


def known(*, title: str | None, titles: Sequence[str], description: str, stated: str) -> Known:
    """What the page says of its article, made ready to compare passages with.

    Args:
        title: Its title.
        titles: What it gives as its title here and there.
        description: What it says it is about.
        stated: Its JSON-LD articleBody.
    """
    return Known(
        titles=frozenset(fold(each) for each in titles if each),
        title=frozenset(fold(title or "").split()),
        description=fold(description),
        stated=SecondOpinion(stated) if stated else None,
    )
