"""Names in many languages from Babel's copy of Unicode CLDR: territories, areas, and cities of time zones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from babel import Locale
from babel.core import UnknownLocaleError, get_global

from newsmill.knowledge import own_words
from newsmill.knowledge.names import fold
from newsmill.knowledge.recognisers.cues import FREQUENT, frequent_words

# Languages whose names are taken: those with most news on the Web.
LANGUAGES = (
    "en de fr es it pt nl ru uk pl cs sk hu ro bg sr hr sl el tr sv da nb fi et lv lt ca eu gl af sq "
    "ar fa he ur hi bn ta te mr gu pa id ms vi th ko ja zh sw be mk bs ka hy kk uz az is ga zh_Hant sr_Latn "
    "ml kn ne si am my km lo mn ps"
).split()

AREAS = {
    "Africa": "002", "Asia": "142", "Europe": "150", "North America": "003", "South America": "005",
    "Oceania": "009", "Americas": "019", "Latin America": "419", "Central America": "013",
    "West Africa": "011", "East Africa": "014", "North Africa": "015", "Sub-Saharan Africa": "202",
    "Southeast Asia": "035", "South Asia": "034", "East Asia": "030", "Central Asia": "143",
    "Western Europe": "155", "Eastern Europe": "151", "Caribbean": "029",
    "European Union": "EU", "United Nations": "UN",
}  # fmt: skip
"""CLDR's code of areas and bodies that newsmill's own tables have, by their name there."""

_MOST_LETTERS = 3  # of a Latin abbreviation, which is no name to look for in text


@cache
def territories() -> dict[str, tuple[str, ...]]:
    """Names by code, of all languages, in the languages' order, each once."""
    names: dict[str, dict[str, None]] = defaultdict(dict)
    for language in LANGUAGES:
        for code, name in sorted(Locale.parse(language).territories.items()):
            if len(name) > _MOST_LETTERS or not name.isascii() or name.isupper():
                names[code].setdefault(name)
    return {code: tuple(found) for code, found in names.items()}


def area(name: str) -> tuple[str, ...]:
    """Names of an area or body of `AREAS` in all languages; none for another."""
    code = AREAS.get(name)
    return tuple(n for n in territories().get(code, ()) if n != name) if code else ()


def cities() -> Iterator[tuple[str, str, str]]:
    """Cities that time zones are named for: country, English name, name in another language."""
    countries = get_global("zone_territories")
    english = Locale.parse("en").time_zones
    for language in LANGUAGES:
        zones = Locale.parse(language).time_zones
        for zone, country in sorted(countries.items()):
            name = zones.get(zone, {}).get("city")
            if name and len(country) == 2:
                own = english.get(zone, {}).get("city") or zone.rpartition("/")[2].replace("_", " ")
                yield country, own, name


def own_word_lines() -> Iterator[str]:
    """What `own_words` reads: names of days, months, and countries that are frequent words, by language."""
    yield "# Made by `python -m newsmill.knowledge.locales` from CLDR and jusText's lists; do not edit."
    for language in FREQUENT:
        try:
            locale = Locale.parse(language)
        except (UnknownLocaleError, ValueError):
            continue
        # Names that stand alone are left out: Babel mixes those of other locales into them.
        days, months = locale.days["format"]["wide"], locale.months["format"]["wide"]
        words = {name.lower() for name in (*days.values(), *months.values())}
        one = sorted(word for word in words if len(word.split()) == 1 and not word.isdecimal())
        yield f"{language}\t{own_words.CALENDAR}\t{' '.join(one)}"
        if language in own_words.MARKED:
            names = {name.lower() for code, name in locale.territories.items() if len(code) == 2}
            marked = sorted(name for name in names if not name.isascii() and " " not in name)
            yield f"{language}\t{own_words.WRITTEN}\t{' '.join(marked)}"
        frequent = {fold(word) for word in frequent_words(language)}
        for code, name in sorted(locale.territories.items()):
            if len(code) == 2 and fold(name) in frequent:
                yield f"{language}\t{code}\t{name.lower()}"


if __name__ == "__main__":
    made = "".join(f"{line}\n" for line in own_word_lines())
    (Path(__file__).parent / "data" / own_words.FILE).write_text(made, encoding="utf-8")
