"""Lines of the dump to the items that are kept.

A line is parsed if it is short, names as many wikis as the bound, or says what class a class is part of. Most
lines are long and do neither, which is what makes reading fast; that short ones are parsed shows what is no
item. Counting `"site"` in a line can't miss a sitelink: each one has that key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO, Any, Final, Generic, TypeVar

import msgspec

from newsmill.knowledge.names import key
from newsmill.records import Record

LONGEST_LINE: Final = 32 << 20
"""Bytes of a line; the longest items take five million."""

LARGEST_ID: Final = 1 << 31
"""The first number that is no item's."""

_SHORT: Final = 4_096
"""Bytes of a line that is parsed whatever it says."""

_MOST_NAMES: Final = 40
_LONGEST_NAME: Final = 80
_LONGEST_WORDS: Final = 160  # characters of a description
_MOST_CLAIMS: Final = 8  # of one property
_NOT_PEDIAS: Final = frozenset(
    "commonswiki specieswiki metawiki wikidatawiki mediawikiwiki sourceswiki foundationwiki incubatorwiki "
    "outreachwiki wikimaniawiki wikifunctionswiki".split()
)
_QID: Final = re.compile(r"Q([1-9]\d{0,9})")
_YEAR: Final = re.compile(r"([+-]\d{1,6})-")

_Empty = list[msgspec.Raw]  # PHP writes an empty object as an empty list


class Item(Record, frozen=True, kw_only=True, array_like=True):
    """What is kept of an item. Names come the likeliest first; ids are without their letter."""

    qid: int
    links: int
    labels: tuple[str, ...]
    aliases: tuple[str, ...] = ()
    classes: tuple[int, ...] = ()
    countries: tuple[int, ...] = ()
    occupations: tuple[int, ...] = ()
    holds_position: bool = False
    founded: int | None = None
    point: tuple[float, float] | None = None
    population: int = 0
    geonames: tuple[int, ...] = ()
    iso: str = ""
    words: str = ""


class Lines(Record, frozen=True, kw_only=True):
    """What was found in a stretch of lines.

    Attributes:
        items: Each kept `Item` as MessagePack, its length in four bytes before it.
        subclasses: Pairs of class and the class above it, four bytes each, little-endian.
        seen, kept: Items.
        broken: The lines that are no item, counted from 0, and what is wrong with the first ones.
        lines: All lines.
    """

    items: bytes = b""
    subclasses: bytes = b""
    seen: int = 0
    kept: int = 0
    lines: int = 0
    broken: int = 0
    first_broken: tuple[tuple[int, str], ...] = ()


Value = TypeVar("Value")


class _Valued(msgspec.Struct, Generic[Value]):
    value: Value


class _Target(msgspec.Struct):
    id: str = ""


class _Globe(msgspec.Struct):
    latitude: float | None = None
    longitude: float | None = None


class _Time(msgspec.Struct):
    time: str = ""


class _Quantity(msgspec.Struct):
    amount: str = ""


class _Snak(msgspec.Struct, Generic[Value]):
    datavalue: _Valued[Value] | None = None


class _Statement(msgspec.Struct, Generic[Value]):
    mainsnak: _Snak[Value]
    rank: str = "normal"


class _Claims(msgspec.Struct):
    P31: list[_Statement[_Target]] = []  # instance of
    P279: list[_Statement[_Target]] = []  # subclass of
    P17: list[_Statement[_Target]] = []  # country
    P27: list[_Statement[_Target]] = []  # country of citizenship
    P495: list[_Statement[_Target]] = []  # country of origin
    P106: list[_Statement[_Target]] = []  # occupation
    P39: list[_Statement[_Target]] = []  # position held
    P571: list[_Statement[_Time]] = []  # inception
    P625: list[_Statement[_Globe]] = []  # coordinates
    P1082: list[_Statement[_Quantity]] = []  # population
    P1566: list[_Statement[str]] = []  # GeoNames id
    P297: list[_Statement[str]] = []  # ISO 3166-1 alpha-2


class _ClassClaims(msgspec.Struct):
    P279: list[_Statement[_Target]] = []


class _Full(msgspec.Struct):
    id: str
    labels: dict[str, _Valued[str]] | _Empty = {}
    descriptions: dict[str, _Valued[str]] | _Empty = {}
    aliases: dict[str, list[_Valued[str]]] | _Empty = {}
    claims: _Claims | _Empty = msgspec.field(default_factory=_Claims)
    sitelinks: dict[str, msgspec.Raw] | _Empty = {}


class _Class(msgspec.Struct):
    id: str
    claims: _ClassClaims | _Empty = msgspec.field(default_factory=_ClassClaims)


_full = msgspec.json.Decoder(_Full)
_class = msgspec.json.Decoder(_Class)
_packed = msgspec.msgpack.Encoder()
_unpacked = msgspec.msgpack.Decoder(Item)
_SIZE: Final = 4  # bytes of the length before each item
_MOST_TOLD: Final = 3


def read(text: bytes, *, least: int, languages: tuple[str, ...]) -> Lines:
    """What whole lines of the dump hold.

    Args:
        text: Lines.
        least: Wikipedias that have an article on an item that is kept.
        languages: Languages whose names are kept, ISO 639-1, the first one before the others.
    """
    items, subclasses = bytearray(), bytearray()
    seen = kept = broken = number = 0
    told: list[tuple[int, str]] = []
    for number, raw in enumerate(text.split(b"\n"), 1):
        line = raw.strip(b" \t\r,")
        if line in (b"", b"[", b"]"):
            continue
        try:
            if line[:1] != b"{" or line[-1:] != b"}":
                raise ValueError("is no JSON object")
            if len(line) > LONGEST_LINE:
                raise ValueError(f"is longer than {LONGEST_LINE:,} bytes")
            renowned = line.count(b'"site"') >= least
            if renowned or len(line) < _SHORT or b'"P279"' in line:
                found = _full.decode(line) if renowned else _class.decode(line)
                qid = _number(found.id)
                if qid:
                    for above in _targets(_claims(found).P279):
                        subclasses += qid.to_bytes(4, "little") + above.to_bytes(4, "little")
                if qid and isinstance(found, _Full):
                    item = _item(qid, found, languages)
                    if item.links >= least and item.labels:
                        packed = _packed.encode(item)
                        items += len(packed).to_bytes(_SIZE, "little") + packed
                        kept += 1
            seen += 1
        except (ValueError, RecursionError) as error:  # DecodeError and UnicodeDecodeError are ValueErrors
            broken += 1
            if len(told) < _MOST_TOLD:
                told.append((number - 1, str(error)))
    return Lines(
        items=bytes(items), subclasses=bytes(subclasses), seen=seen, kept=kept, lines=number, broken=broken,
        first_broken=tuple(told),
    )  # fmt: skip


def unpacked(spool: IO[bytes]) -> Iterator[Item]:
    """The items in what `read` kept."""
    while size := spool.read(_SIZE):
        yield _unpacked.decode(spool.read(int.from_bytes(size, "little")))


def _item(qid: int, found: _Full, languages: tuple[str, ...]) -> Item:
    claims = _claims(found)
    assert isinstance(claims, _Claims)
    sitelinks = found.sitelinks if isinstance(found.sitelinks, dict) else {}
    links = sum(site.endswith("wiki") and site not in _NOT_PEDIAS for site in sitelinks)
    by_language = found.labels if isinstance(found.labels, dict) else {}
    also = found.aliases if isinstance(found.aliases, dict) else {}
    told = found.descriptions if isinstance(found.descriptions, dict) else {}
    labels = _distinct(by_language[code].value for code in _ordered(by_language, languages))
    aliases = _distinct(name.value for code in _ordered(also, languages) for name in also[code])
    words = next((told[code].value for code in _ordered(told, languages)), "")
    return Item(
        qid=qid,
        links=links,
        labels=tuple(labels),
        aliases=tuple(aliases[:_MOST_NAMES]),
        classes=_targets(claims.P31),
        countries=_targets(claims.P17) or _targets(claims.P27) or _targets(claims.P495),
        occupations=_targets(claims.P106),
        holds_position=bool(claims.P39),
        founded=_year(claims.P571),
        point=_point(claims.P625),
        population=_population(claims.P1082),
        geonames=tuple(int(text) for text in _texts(claims.P1566) if text.isascii() and text.isdigit())[:4],
        iso=next(iter(_texts(claims.P297)), "")[:2],
        words=words[:_LONGEST_WORDS],
    )


def _claims(found: _Full | _Class) -> Any:
    if isinstance(found.claims, list):
        return _Claims() if isinstance(found, _Full) else _ClassClaims()
    return found.claims


def _ordered(by_language: dict[str, Any], languages: tuple[str, ...]) -> list[str]:
    """The codes that belong to the languages, in their order; `mul` stands for the first one.

    >>> _ordered({"de": 1, "en-gb": 2, "fr": 3, "mul": 4, "en": 5}, ("en", "de"))
    ['en', 'mul', 'en-gb', 'de']
    """
    rank = {language: index for index, language in enumerate(languages)} | {"mul": 0}
    return sorted(
        (code for code in by_language if code.partition("-")[0] in rank),
        key=lambda code: (rank[code.partition("-")[0]], code != languages[0], code != "mul", code),
    )


def _distinct(names: Iterator[str]) -> list[str]:
    found: dict[str, str] = {}
    for name in names:
        if 1 < len(name) <= _LONGEST_NAME:
            found.setdefault(key(name), name)
            if len(found) == _MOST_NAMES:
                break
    return list(found.values())


def _number(qid: str) -> int:
    """The number of an item; 0 for a property or what is no id."""
    found = _QID.fullmatch(qid)
    number = int(found[1]) if found else 0
    return number if number < LARGEST_ID else 0


def _ranked(claims: list[_Statement[Value]]) -> list[Value]:
    """The values that hold, preferred ones first."""
    held = sorted((c for c in claims if c.rank != "deprecated"), key=lambda c: c.rank != "preferred")
    values = [found.value for c in held if (found := c.mainsnak.datavalue) is not None]
    return values[:_MOST_CLAIMS]


def _targets(claims: list[_Statement[_Target]]) -> tuple[int, ...]:
    return tuple(number for target in _ranked(claims) if (number := _number(target.id)))


def _texts(claims: list[_Statement[str]]) -> list[str]:
    return [text for text in _ranked(claims) if len(text) < 20]


def _year(claims: list[_Statement[_Time]]) -> int | None:
    found = next((_YEAR.match(value.time) for value in _ranked(claims)), None)
    return int(found[1]) if found else None


def _point(claims: list[_Statement[_Globe]]) -> tuple[float, float] | None:
    for value in _ranked(claims):
        lat, lon = value.latitude, value.longitude
        if lat is not None and lon is not None and -90 <= lat <= 90 and -180 <= lon <= 180:
            return round(lat, 5), round(lon, 5)
    return None


def _population(claims: list[_Statement[_Quantity]]) -> int:
    for value in _ranked(claims):
        digits = value.amount.removeprefix("+").partition(".")[0]
        if digits.isascii() and digits.isdigit() and len(digits) < 10:
            return int(digits)
    return 0
