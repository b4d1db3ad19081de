"""Write `page/letter_pairs.tsv`: which letter follows which, in each language of the Latin script.

    python benchmarks/letter_pairs.py

Counted by langdetect (its profiles, made of Wikipedia's articles); languages that it lacks are counted in
CLDR's names of countries, languages, months and currencies, through Babel.
"""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from pathlib import Path

from babel import Locale
from langdetect.detector_factory import PROFILES_DIRECTORY

PROFILES = (
    "af ca cs cy da de en es et fi fr hr hu id it lt lv nl no pl pt ro sk sl so sq sv sw tl tr vi".split()
)
CLDR = "is fo ga eu gl ku".split()
RARE = 1e-3
"""A letter of ASCII that follows so seldom is left out: it costs as much as one that never does."""
LEAST = 3e-6
"""Share of all pairs below which one is left out: words of other languages hold such pairs too."""

TABLE = Path(__file__).parents[1] / "pipelines/newsmill/page/letter_pairs.tsv"
HEAD = (
    "# Made by benchmarks/letter_pairs.py from langdetect's profiles and CLDR. Code, then for each character"
    " (_ is none) those that follow it, each with -10 times the natural logarithm of its share.\n"
)


def from_profile(code: str) -> Counter[str]:
    """Pairs of lower-case letters, and of a letter and a word's end, as langdetect counted them."""
    counts: Counter[str] = Counter()
    for gram, count in json.loads((Path(PROFILES_DIRECTORY) / code).read_text("utf-8"))["freq"].items():
        if len(gram) == 2:
            counts[gram.lower()] += count
    return counts


def from_names(code: str) -> Counter[str]:
    """The same in names of CLDR."""
    locale = Locale(code)
    counts: Counter[str] = Counter()
    for names in (locale.territories, locale.languages, locale.months["format"]["wide"], locale.currencies):
        for name in names.values():
            for word in name.lower().split():
                letters = f" {''.join(c for c in word if c.isalpha())} "
                counts.update(letters[n : n + 2] for n in range(len(letters) - 1))
    return counts


def line(code: str, counts: Counter[str]) -> str:
    """A language's line of the table."""
    pairs = {pair: n for pair, n in counts.items() if all(c.isalpha() or c == " " for c in pair)}
    of_first: Counter[str] = Counter()
    for pair, n in pairs.items():
        of_first[pair[0]] += n
    total = sum(pairs.values())
    following: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
    for pair, n in pairs.items():
        if len(pair) == 2 and n >= LEAST * total and (n >= RARE * of_first[pair[0]] or not pair.isascii()):
            cost = round(-10 * math.log(n / of_first[pair[0]]))
            following[pair[0]].append((cost, pair[1]))
    cells = (
        (first + "".join(f"{second}{cost}" for cost, second in sorted(rest))).replace(" ", "_")
        for first, rest in sorted(following.items())
    )
    return "\t".join((code, *cells)) + "\n"


def main() -> None:
    """Write the table."""
    lines = [line(code, from_profile(code)) for code in PROFILES]
    lines += [line(code, from_names(code)) for code in CLDR]
    TABLE.write_text(HEAD + "".join(sorted(lines)), "utf-8")


if __name__ == "__main__":
    main()
