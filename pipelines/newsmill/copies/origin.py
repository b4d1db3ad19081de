"""Origin: who published a story first, from evidence in the article itself.

Every finding has its text, its method and, where it stands in the body, its exact offsets. What the site says
of itself (its tag line, its own copyright) is no origin.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import Any, Final, NamedTuple

import regex

from newsmill.copies.credits import Publisher, credited, fold, is_own, mentioned, names, read
from newsmill.records import Draft, Origin, OriginMethod
from newsmill.urls import site

CONFIDENCE: Final = {
    "dateline": 0.95,
    "byline": 0.9,
    "canonical": 0.9,
    "closing_line": 0.9,
    "credit": 0.8,
    "source_organization": 0.85,
    "publisher": 0.6,
    "reporting_line": 0.6,
    "attribution": 0.5,
}
"""Judgement, not measurement: how often such evidence names the true source, by kind."""

AGAIN: Final = 0.1
"""Each further attribution to the same outlet, and one in the first third of the text, adds this."""

MOST: Final = 0.8
"""Attributions in running text never say more: the outlet may be the source of one fact only."""

_HEAD: Final = 300
_FIRST_PARAGRAPHS: Final = 2
_LAST_PARAGRAPHS: Final = 4
_LAST_LINE: Final = 400
_SIGN: Final = 100
_SEARCHED: Final = 20_000
_MOST_REPORTED: Final = 200
_NAME_WINDOW: Final = 160
_UNCASED: Final = frozenset(("ar", "fa", "ur", "hi", "zh", "ja", "ko", "th"))
_FLAGS: Final = regex.VERSION1

_WORD: Final = r"(?:St\.|[\p{Lu}\p{N}](?:[\p{L}\p{N}&’'\-]|\.(?=\p{L})){0,30})"
_CAPITALISED: Final = (
    rf"(?P<name>(?:[Tt]he\s)?(?=\p{{Lu}}){_WORD}"
    rf"(?:\s(?:of|and|de|da|do|di|della|la|le|du|des|der)(?=\s\p{{Lu}})|\s{_WORD}){{0,5}})"
)
_PHOTO: Final = regex.compile(
    r"(?i)\b(?:photos?|images?|pictures?|file|getty|foto|bild|imagen?|video|graphic|illustration)\b|写真|图片|사진|फोटो"
)
_PUBLISHED: Final = regex.compile(r"published|appeared|[Cc]opyright|©")
_TRAILING: Final = ".’'-&"
_REPORTING: Final = regex.compile(
    r"\(?(?:Additional )?[Rr]eporting by \p{Lu}\p{L}+ \p{Lu}[^\n]{0,200}?;\s*"
    r"[Ee]diting by \p{Lu}[^\n)]{0,120}\)?"
)


def prepare() -> None:
    """Read the lists, and compile what serves all languages."""
    for pattern in (_agency, _dateline, _closing, _named):
        pattern()
    for uncased in (False, True):
        _name_at_end(uncased)


class _Finding(NamedTuple):
    publisher: Publisher
    method: str
    confidence: float
    evidence: str
    start: int | None = None
    url: str | None = None


def attribute(draft: Draft) -> Origin | None:
    """The origin that an article names, with the evidence; None where it names none but its own site.

    The surest finding counts; of equally sure ones, the first in the order of `CONFIDENCE`.
    """
    best: _Finding | None = None
    for finding in _findings(draft):
        if is_own(finding.publisher, draft.domain, draft.page.site_name):
            continue
        if best is None or finding.confidence > best.confidence:
            best = finding
    if best is None:
        return None
    return Origin(
        method=OriginMethod(_METHODS.get(best.method, best.method)),
        confidence=round(best.confidence, 2),
        agency=best.publisher.name or None,
        domain=best.publisher.domains[0] if best.publisher.domains else None,
        url=best.url,
        evidence=best.evidence,
        start=best.start,
        end=None if best.start is None else best.start + len(best.evidence),
    )


_METHODS: Final = {
    "credit": "closing_line",
    "reporting_line": "closing_line",
    "source_organization": "json_ld",
    "publisher": "json_ld",
}


def _findings(draft: Draft) -> Iterator[_Finding]:
    yield from _datelines(draft.page.body)
    yield from _bylines(draft)
    yield from _canonical(draft)
    yield from _closings(draft.page.body, draft.language.code.partition("-")[0])
    yield from _declared(draft)
    yield from _attributions(draft)


def _datelines(body: str) -> Iterator[_Finding]:
    """Credits where the text begins, such as LONDON (Reuters) -, 新华社北京11月8日电, (서울=연합뉴스)."""
    for start, paragraph in _paragraphs(body[: 4 * _HEAD])[:_FIRST_PARAGRAPHS]:
        found = _dateline().match(paragraph[:_HEAD])
        if found and _PHOTO.search(found[0]):
            continue
        publisher = credited(found["name"]) if found else None
        if found and publisher:
            yield _finding(publisher, "dateline", found[0], start + found.start())
            return


def _closings(body: str, language: str) -> Iterator[_Finding]:
    """Credits where the text ends, and notices of first publication at either end."""
    paragraphs = _paragraphs(body)
    for start, paragraph in reversed(paragraphs[-_LAST_PARAGRAPHS:]):
        cut = max(0, len(paragraph) - _LAST_LINE)
        line = paragraph[cut:]
        near = max(0, len(line) - _SIGN)
        found = _closing().search(line, near)
        if found and not _PHOTO.search(line[max(0, found.start() - 20) :]):
            publisher = credited(found["name"])
            if publisher:
                yield _finding(publisher, "closing_line", found[0], start + cut + found.start())
        yield from _credit_lines(line, start + cut, language)
        reporting = _REPORTING.search(line)
        if reporting:
            reuters = credited("Reuters")
            if reuters:
                yield _finding(reuters, "reporting_line", reporting[0], start + cut + reporting.start())
    for start, paragraph in paragraphs[:1] if len(paragraphs) > _LAST_PARAGRAPHS else ():
        yield from _credit_lines(paragraph[:_LAST_LINE], start, language)


def _credit_lines(line: str, start: int, language: str) -> Iterator[_Finding]:
    for at, named in _credits(line, language):
        if _PHOTO.search(line[max(0, at - 20) : named.end()]):
            continue
        name = named["name"].rstrip(_TRAILING)
        agency = credited(name)
        known = (agency, name) if agency else mentioned(name, _beginnings(name))
        if known is None and _PUBLISHED.search(line[at : named.end()]):
            known = (Publisher(name, (), False), name)
        if known:
            yield _finding(known[0], "credit", line[at : named.start() + len(known[1])], start + at)


def _credits(line: str, language: str) -> Iterator[tuple[int, regex.Match[str]]]:
    """Where phrases such as "Source:" stand, and the names that follow them."""
    at = 0
    while (phrase := _credit(language).search(line, at)) is not None:
        named = _named().match(line, phrase.end()) or _named().match(line, phrase.end("phrase"))
        if named is None:
            at = phrase.start() + 1
            continue
        yield phrase.start(), named
        at = named.end()


def _bylines(draft: Draft) -> Iterator[_Finding]:
    """Agencies among those who sign the article."""
    for line in (draft.page.byline, *draft.page.authors):
        for found in _agency().finditer(line or ""):
            publisher = credited(found[0])
            if publisher and not _is_given_name(found):
                yield _Finding(publisher, "byline", CONFIDENCE["byline"], (line or "")[:200])


_NAME_BESIDE: Final = regex.compile(r"\s\p{Lu}\p{Ll}+")
_NAME_BEFORE: Final = regex.compile(r"\p{Lu}\p{Ll}+\s$")


def _is_given_name(found: regex.Match[str]) -> bool:
    """Whether an agency's sign is a name of the person who signs, as in "Petra Sauer"."""
    if not found[0].istitle() or found[0] not in names().codes:
        return False
    line, start, end = found.string, found.start(), found.end()
    before = line[max(0, start - _NAME_WINDOW) : start]
    return bool(_NAME_BESIDE.match(line, end) or (_NAME_BEFORE.search(before) and end == len(line)))


def _canonical(draft: Draft) -> Iterator[_Finding]:
    """The page says that its own address is on another site."""
    url = draft.page.canonical_url
    domain = site(url)
    if url and domain and domain != draft.domain and "." in domain:
        publisher = names().of_sites.get(domain)
        named = Publisher(publisher.name if publisher else "", (domain,), False)
        yield _Finding(named, "canonical", CONFIDENCE["canonical"], url, url=url)


def _declared(draft: Draft) -> Iterator[_Finding]:
    """What the page's JSON-LD says: any source organisation, a publisher if it is an agency."""
    source, publisher = draft.page.source_organization, draft.page.publisher
    if source:
        known = credited(source) or Publisher(source, (), False)
        yield _Finding(known, "source_organization", CONFIDENCE["source_organization"], source)
    agency = credited(publisher) if publisher else None
    if publisher and agency and agency.is_agency:
        yield _Finding(agency, "publisher", CONFIDENCE["publisher"], publisher)


def _attributions(draft: Draft) -> Iterator[_Finding]:
    """The outlet that the running text gives as its source most often."""
    body = draft.page.body[:_SEARCHED]
    found: list[tuple[int, str, Publisher]] = []
    reported = _reported(body, draft.language.code.partition("-")[0])
    for start, end, name, before in islice(reported, _MOST_REPORTED):
        known = mentioned(name.rstrip(_TRAILING), (_ends if before else _beginnings)(name))
        if known:
            publisher, words = known
            cut = name.rindex(words) if before else len(name) - len(words)
            start, end = (start + cut, end) if before else (start, end - cut)
            found.append((start, body[start:end], publisher))
    others = [f for f in found if not is_own(f[2], draft.domain, draft.page.site_name)]
    counts = Counter(fold(publisher.name).removeprefix("the ") for _, _, publisher in others)
    if not counts:
        return
    most = max(counts.values())
    start, evidence, publisher = min(
        (f for f in others if counts[fold(f[2].name).removeprefix("the ")] == most), key=lambda f: f[:2]
    )
    early = start < len(draft.page.body) / 3
    confidence = min(MOST, CONFIDENCE["attribution"] + AGAIN * (most - 1 + early))
    yield _Finding(publisher, "attribution", confidence, evidence, start)


def _finding(publisher: Publisher, method: str, evidence: str, start: int) -> _Finding:
    kept = evidence.strip()
    return _Finding(
        publisher, method, CONFIDENCE[method], kept, start + len(evidence) - len(evidence.lstrip())
    )


def _paragraphs(text: str) -> list[tuple[int, str]]:
    """Paragraphs that aren't blank, with their offsets."""
    found, at = [], 0
    for line in text.split("\n"):
        if line.strip():
            found.append((at, line))
        at += len(line) + 1
    return found


def _beginnings(name: str) -> list[str]:
    """The first words of a name, most first."""
    return [name[: m.start()].rstrip(_TRAILING) for m in regex.finditer(r"\s", name)][::-1]


def _ends(name: str) -> list[str]:
    """The last words of a name, most first."""
    return [name[m.end() :] for m in regex.finditer(r"\s", name)]


@cache
def _agency() -> regex.Pattern[str]:
    return regex.compile(r"(?<![\p{L}\p{N}])\L<agencies>(?![\p{L}\p{N}])", _FLAGS, agencies=names().spellings)


@cache
def _dateline() -> regex.Pattern[str]:
    place = r"[^\n()（）\[\]【】.!?。]{0,60}?(?:[.](?=\s*\d|\s*[(（])[^\n()（）.]{0,20}?)?"
    dash = r"(?:[.]?\s*[-–—−:：|/]+|[.]?(?=\s\p{L}))"
    inside = r"[^\n()（）\[\]【】]"
    forms = (
        rf"{place}[(（]\s*(?P<name>\L<agencies>)(?:\s[^()（）\n]{{0,30}}|/[^()（）\n]{{0,30}})?\s*[)）]{dash}",
        rf"(?:{place}[\s,])?(?P<name>\L<agencies>)\s?[.]\s?[-–—]",
        rf"{place}\s[-–—/]\s?(?P<name>\L<agencies>)\s?(?:[-–—/:.]|\s\|)",
        r"[\p{Lu}][\p{L} ]{1,30}/(?P<name>\L<agencies>)\s?[-–—.:]",
        r"(?P<name>\L<agencies>)(?:,\s?|\s?[-–—/]\s?)\p{Lu}[\p{L} ]{1,30}(?:,[^\n]{0,20}?)?\s?[-–—:]",
        r"[（(【\[]?\s?(?P<name>\L<agencies>)[^\n。，,]{0,25}?(?:电|電|讯|訊|報導|报道)[）)】\]]?",
        rf"[(（\[【]{inside}{{0,25}}?[=＝/ ]?\s?(?P<name>\L<agencies>)\s?{inside}{{0,10}}[)）\]】](?=\s*\S)",
    )
    return regex.compile(rf"\s*(?|{'|'.join(forms)})", _FLAGS, agencies=names().spellings)


@cache
def _closing() -> regex.Pattern[str]:
    more = r"(?:\s?[/,&+]\s?[\p{L}\-]{2,30}){0,4}"
    sign = r"(?P<name>\L<agencies>)(?![\p{L}\p{N}])" + more
    forms = (
        rf"^[\s(（\[—–\-/*]*{sign}[\s)）\]/*]*[.।。]?\s*$",
        rf"(?<=[.!?”\"’»」…।。\s])\s*[(（\[]\s?{sign}\s?[)）\]]\s?[.।。]?\s*$",
        rf"(?<=[.!?”\"’»」…।。])\s*[—–\-]{{1,2}}\s?{sign}\s?[.]?\s*$",
        rf"(?<=[.!?”\"’»」…।])\s+{sign}\s*$",
    )
    return regex.compile(rf"(?|{'|'.join(forms)})", _FLAGS, agencies=names().spellings)


@cache
def _credit(language: str) -> regex.Pattern[str]:
    rows = read("attributions.yaml")
    codes = dict.fromkeys((language, "en")) if language in rows else rows
    phrases = "|".join(_bounded(phrase) for code in codes for phrase in rows[code]["credit"])
    return regex.compile(
        rf"(?<![\p{{L}}\p{{N}}])(?P<phrase>(?:{phrases})\s{{0,3}})(?:the\s|PTI and\s)?", _FLAGS
    )


@cache
def _named() -> regex.Pattern[str]:
    """A known name, else capitalised words; apart from the phrases: thousands of names compile slowly."""
    return regex.compile(
        rf"(?|(?P<name>\L<names>)(?![\p{{L}}\p{{N}}])|{_CAPITALISED})",
        _FLAGS,
        names=(*names().everything, *names().spellings),
    )


def _reported(body: str, language: str) -> Iterator[tuple[int, int, str, bool]]:
    """Places where a name is given as a source: start, end, name, whether the name comes before the verb."""
    for pattern, before, needed in _reporting_patterns(language):
        if needed and not any(word in body for word in needed):
            continue
        for match in pattern.finditer(body):
            if not before:
                yield match.start(), match.end(), match["name"], False
                continue
            window = body[max(0, match.start() - _NAME_WINDOW) : match.start()]
            named = _name_at_end(language in _UNCASED).search(window)
            if named:
                yield match.start() - len(window) + named.start("name"), match.end(), named["name"], True


class _Reporting(NamedTuple):
    """How a text says that somebody reported something."""

    pattern: regex.Pattern[str]
    before: bool  # whether the name comes before what the pattern matches
    needed: tuple[str, ...]  # one of them is in whatever it matches; none where that is not known


@cache
def _reporting_patterns(language: str) -> tuple[_Reporting, ...]:
    """Patterns of a language and of English."""
    phrases = read("attributions.yaml")
    compiled = []
    for code in dict.fromkeys((language, "en")):
        name = r"(?P<name>\L<names>)" if code in _UNCASED else _CAPITALISED
        for phrase in phrases.get(code, {}).get("reported", ()):
            before = phrase.startswith("NAME")
            bounded = _bounded(phrase)
            pattern = bounded.removeprefix("NAME") if before else bounded.replace("NAME", name)
            lists: dict[str, Any] = {"names": names().everything} if r"\L<" in pattern else {}
            compiled.append(_Reporting(regex.compile(pattern, _FLAGS, **lists), before, _needed(phrase)))
    return tuple(compiled)


_CHOICE: Final = regex.compile(r"\(\?:([^()]+)\)(?![?*])")
_LETTERS: Final = regex.compile(r"\p{L}{4,}(?![?*])")


def _needed(phrase: str) -> tuple[str, ...]:
    r"""Letters, some of which are in whatever a phrase matches: to look for them first costs a tenth.

    They begin the alternatives of a group that is no part of another one; none where a phrase has no such
    group, or an alternative begins with fewer than four letters.

    >>> _needed(r"NAME\s+(?:has\s+)?(?:reported|revealed?)\b")
    ('reported', 'reveale')
    """
    for choice in _CHOICE.finditer(phrase):
        before = phrase[: choice.start()]
        letters = [_LETTERS.match(alternative) for alternative in choice[1].split("|")]
        if before.count("(") == before.count(")") and all(letters):
            return tuple(found[0] for found in letters if found)
    return ()


_BOUNDS: Final = {
    r"\s+": r"\s{1,3}",
    r"\s*": r"\s{0,3}",
    r"\w+": r"\w{1,30}",
    r"\d+": r"\d{1,2}",
    ")*": "){0,4}",
    ")+": "){1,4}",
}
"""What the phrases of `attributions.yaml` repeat without end, and what is looked for: a text of one word
again and again would cost its square."""


def _bounded(phrase: str) -> str:
    for endless, bounded in _BOUNDS.items():
        phrase = phrase.replace(endless, bounded)
    return phrase


@cache
def _name_at_end(uncased: bool) -> regex.Pattern[str]:
    if uncased:
        return regex.compile(r"(?P<name>\L<names>)$", _FLAGS, names=names().everything)
    return regex.compile(_CAPITALISED + "$", _FLAGS)
