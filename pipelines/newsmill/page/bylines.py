"""Names of writers in a line, and the labels before them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from newsmill.page import dates
from newsmill.page.unspaced_names import NO_NAME, in_unspaced_script

_LONGEST: Final = 400
_LONGEST_MARKED: Final = 2_000  # with the tags of a line that was escaped twice

_LABELS: Final = tuple(
    label.replace("_", " ")
    for label in """
    автор авторы автори текст подготовил подготовила аўтар συντάκτης συντάκτρια συντακτης γράφει_ο
    γράφει_η γράφει του της penulis oleh reporter pewarta jurnalis tác_giả szerző írta yazar yazan
    napsal napsala autorka autoři autor autora autoras autores tekst teksti toimittaja kirjoittaja
    skribent journalist reportér foto_og_tekst tekst_og_foto text_och_foto text texte testo di texto
    redactor redactora scris_de de par por door von av af by بقلم كتب كتبت الكاتب إعداد نویسنده
    نويسنده מאת लेखक ผู้เขียน เขียนโดย โดย auteur auteure autrice autore author authors auteurs
    words story verfasser verfasserin redakteur redakteurin korrespondent autorin autoren правил
    пише журналист журналіст
    """.split()
)
_NEED_COLON: Final = frozenset(
    (
        "текст",
        "text",
        "texte",
        "testo",
        "texto",
        "tekst",
        "teksti",
        "words",
        "story",
        "reporter",
        "journalist",
        "του",
        "της",
    )
)
_LABEL: Final = re.compile(
    r"^[\W_]{0,4}(?:(?P<label>"
    + "|".join(re.escape(label) for label in sorted(_LABELS, key=len, reverse=True))
    + r")(?P<colon>\s{0,3}[:：/|–-]\s{0,3}|\s{1,4}|(?=[\u0e00-\u0e7f])))+(?P<rest>\S.*)$",
    re.IGNORECASE | re.DOTALL,
)


_FEWEST_NAME: Final = 2
_MOST_NAME: Final = 4
_ARTICLES: Final = ("the", "our", "der", "die", "das", "le", "la", "les", "el", "los", "il")
_LONGEST_UNSPACED: Final = 24
_AROUND: Final = " -–—|:,·•.\"'“”*"
_QUOTED: Final = re.compile(r"\"[^\"]+\"|“[^“”]+”")
_TAG: Final = re.compile(r"</?[a-zA-Z][^<>]{0,300}>")
_BRACKETS: Final = "[]【】（）()〔〕"
_LEAD_IN: Final = re.compile(
    r"^(?:(?:written|posted|published|reported|story|words|text|article|analysis|opinion"
    r"|(?:ein(?:e)? )?(?:blog )?(?:artikel|beitrag|kommentar|gastbeitrag|kolumne|analyse|reportage"
    r"|interview|essay|gastkommentar)"
    r"|geschrieben|verfasst|erstellt|eingestellt|veröffentlicht|rechtsanwalt|publié|publicado|escrito"
    r"|scritto|propos recueillis|(?:von )?unserem? \w+)\s+)?"
    r"(?:(?:by){1,2}|von(?! und zu[mr]?\b)|vom|par|por|di|da|door|av|af|od"
    r"|autor(?:in|en|es|a|as)?(?=\s*:|\s)|auteure?s?|authors?|autore|text|texte?|foto|redakteur(?:in)?|автор(?:ы|и)?)\b\s*:?\s*(?:by\b\s*)?",
    re.IGNORECASE,
)
_CUT: Final = re.compile(
    r"\s*(?:[|•·;\n]|\s[-–—]\s|\bpublished\b|\bveröffentlicht\b|\bupdated\b"
    r"|\bposted\b"
    r"|\bon\s+(?:\w+day|\d)|\bam\s+\d|\bvom\s+\d|\bin:|\bhace\s+\d|\btiempo de\b"
    r"|(?<=\w)\s+(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day|mo|di|mi|do|fr|sa|so)\b[\s,]"
    r"|\d{1,2}[./:]\d|(?<=\w)[\s,(]+\d).*$",
    re.IGNORECASE | re.DOTALL,
)
"""Where the names in a byline end."""

_PART_CUT: Final = re.compile(
    r"\s(?:for the|(?:reporting |reports )?from|at the|in|aus|em|à|для|в|στ(?:ο|η"
    r"|ην))\s+(?=[^\W\d_a-zß-öø-ÿа-яα-ω]).*$",
    re.DOTALL,
)
"""Where one name ends: what follows is a place or a paper."""

_BEFORE_DAY: Final = re.compile(r"\s([^\W\d_]{3,12})\.?,?\s+\d")
_RANK: Final = (
    r"(?:senior|junior|chief|deputy|associate|assistant|managing|political|foreign|business|sports?|science|health"
    r"|technology|tech|education|environment|crime|court|local|national|staff|special|contributing|executive"
    r"|general|digital|freelance|guest|former|river|city|home affairs|world|features?|arts|culture"
    r"|economics?)"
)
_IS_RANK: Final = re.compile(_RANK, re.IGNORECASE)
_LAST_RANK: Final = re.compile(rf"(?:[ ,]{{1,3}}{_RANK})++[ ,]{{0,3}}$", re.IGNORECASE)
_SPLIT: Final = re.compile(
    r"\s*[;,|&\n•·、，]\s*"
    r"|\s+(?:and|(?<!von )und(?! zu)|et|y|e|og|och|en|oraz|i|и|та|και|dan|ve|ja|és|a"
    r"|with|mit|avec|con|im gespräch mit|in conversation with)\s+|\s+/\s+"
)
_NOISE: Final = re.compile(
    r"\([^)]*\)|\[[^\]]*\]|https?://\S+|\S+@\S+|@\w+|\b(?:follow|view|see|read|more|all posts|articles?"
    r" by|biography|bio|email|profile|kontakt|mehr)\b.*$",
    re.IGNORECASE,
)
_ROLE: Final = re.compile(
    r"\b(?:staff|editors?|reporters?|correspondent|correspondents|writers?|journalists?|producer"
    r"|columnist|contributors?|bureau|desk|team"
    r"|redaktion|redaktionsteam|redaktionell|redaktor|redakteur(?:in)?|redacción|redaction|rédaction"
    r"|redazione|redakcja|redaktsiya|agency|agencies|agentur(?:en)?|news"
    r"|newsroom|press|media|magazine|magazin|online|gmbh|inc|ltd|llc|association|foundation|institut"
    r"|university|ministerium|admin|administrator|webmaster"
    r"|user|guest|gast|anonymous|unknown|webteam|web|blog|presse|pressestelle|newswire|service|services"
    r"|network|company|office|department|chief|director|professor"
    r"|community|digital|today|times|post|herald|tribune|gazette|daily|weekly|journal|zeitung|editorial"
    r"|weitere|artikel|articles?|author|autor(?:in|en)?|nachrichtenagentur|stories|newsdesk|gesponserte"
    r"|sponsored|dienstleistung|inhalte"
    r"|webredaktion)\b|redaktion\b|(?:leiter|sprecher|präsident|minister|referent)(?:in)?\b|\.(?:com|de"
    r"|org|net|co|at|ch)\b",
    re.IGNORECASE,
)
_ALSO_SURNAME: Final = re.compile(
    r"editor|reporter|writer|journalist|producer|press|post|herald|guest|gast|chief|director|professor"
    r"|author|autor|\w+(?:leiter|sprecher|minister)",
    re.IGNORECASE,
)
"""Words of `_ROLE` that people are called, alone behind their first names."""

_PAPERS_FIRST: Final = frozenset(
    """
    associated canadian australian united free the washington huffington jerusalem national financial bangkok
    jakarta denver morning evening sunday saturday
    """.split()
)
"""Words before Press, Post and Herald that make a paper's name or an agency's of them."""

_LONGEST_WITH_TRADE: Final = 2
_JOINING: Final = frozenset(("and", "und", "et", "og", "och", "en", "with", "mit", "avec", "&"))
_AGENCIES: Final = frozenset(
    """
    afp ap apa ani ansa efe dpa reuters upi ians pti sda ats kna epd sid tass xinhua ritzau ntb tt afx
    bloomberg belga lusa anp mti ctk pap agerpres stringer wires agencies
    """.split()
)
_PARTICLES: Final = frozenset(
    """
    von van der den de del della di da dos du la le el al bin ibn ten ter zu zur af av y e und of the st mc jr
    sr zum
    """.split()
)
_NO_PEN_NAME: Final = re.compile(
    r"(?:posted|published|written|by|von|weiter|more|mehr|home|kurz|veröffentlicht|updated|share|no|the)",
    re.IGNORECASE,
)

_ANY_DAY: Final = re.compile(
    r"\b(?:\d{1,2}\.? [^\W\d_]{3,12}\.?,? \d{4}|[^\W\d_]{3,12}\.? \d{1,2}(?:st|nd|rd|th)?,? \d{4}"
    r"|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\d{4}[./-]\d{1,2}[./-]\d{1,2})\b"
)
_NOBODY: Final = frozenset(
    """
    published posted updated modified changed last first on at am um den the zuletzt geändert aktualisiert
    veröffentlicht erstellt stand vom publié publiée le mis mise à jour publicado actualizado atualizado el en
    em pubblicato aggiornato il geplaatst gepubliceerd bijgewerkt op by von par por no none author autor
    unknown anonymous gesponserte inhalte sponsored content anzeige advertisement
    """.split()
)
"""Words that name nobody, not even together."""


def label_and_rest(text: str) -> tuple[str, str] | None:
    """A line's label and what it announces; None where no label stands before.

    >>> label_and_rest("Συντάκτης: Νίκος Μάρκου")
    ('συντάκτης', 'Νίκος Μάρκου')
    >>> label_and_rest("Texts from the river") is None
    True
    """
    match = _LABEL.match(text[:_LONGEST])
    if match is None:
        return None
    label = match["label"].lower()
    if label in _NEED_COLON and not match["colon"].strip():
        return None
    return label, match["rest"]


def split(byline: str, outlets: Iterable[str] = (), *, cut_roles: bool = True) -> list[str]:
    """Names of people in a byline.

    >>> split("By Jane Doe and Max van der Berg, Reuters")
    ['Jane Doe', 'Max van der Berg']
    >>> split("Staff Reporter")
    []
    >>> split("Ines Corran in Eastmere and Jon Pell in London")
    ['Ines Corran', 'Jon Pell']
    >>> split("Mara Quill Political Editor"), split("Mara Quill March 10, 2026")
    (['Mara Quill'], ['Mara Quill'])
    >>> split("Автор: Иван Иванов"), split("[水野葉介，ITmidori]")
    (['Иван Иванов'], ['水野葉介'])

    Args:
        byline: The line.
        outlets: Names of the site and its publisher: they are cut off behind a name.
        cut_roles: Whether a name is cut out where an office stands in the same words.
    """
    text = " ".join(_TAG.sub(" ", byline[:_LONGEST_MARKED]).split())[:_LONGEST]
    if text[:1] in _BRACKETS and text[-1:] in _BRACKETS:
        text = text[1:-1]
    if not text.isascii():
        if names := in_unspaced_script(text):
            return names
        if (labelled := label_and_rest(text)) is not None:
            text = labelled[1]
    text = _NOISE.sub(" ", text)
    text = _LEAD_IN.sub("", text.strip(" -–—|:,·•")).strip()
    text = _CUT.sub("", _before_day(text))
    outlets = [outlet for outlet in outlets if outlet]
    parts = [part for part in _SPLIT.split(text) if part.strip()]
    found = [_name(_part(part, outlets, cut_roles=cut_roles)) for part in parts]
    names = [name for name in found if name]
    if len(names) < len(parts) and len(text) > _LONGEST_UNSPACED:
        names = [name for name in names if " " in name]  # of a sentence, some words are as short as names
    return names


def person(name: str) -> str | None:
    """A name that the page gives to one person as data, which may hold a trade's word; None where it is none.

    >>> person("Emily Post"), person("von der Leyen"), person("von Anna Reed")
    ('Emily Post', 'von der Leyen', None)
    >>> person("Court Reporter"), person("Orrin News"), person("Associated Press")
    (None, None, None)
    """
    name = " ".join(_TAG.sub(" ", name[:_LONGEST_MARKED]).split()).strip(" .,")
    words = name.split()
    if not 2 <= len(words) <= 5 or len(name) > 60 or any(c.isdigit() or c in ",;|/&@()" for c in name):
        return None
    if any(word.casefold() in _JOINING for word in words) and "von und zu" not in name.casefold():
        return None
    if not all(_is_name_word(word) or word.casefold() in _PARTICLES for word in words):
        return None
    if _LEAD_IN.match(name) and not (
        words[0].casefold() in _PARTICLES and (len(words) == 2 or words[1].casefold() in _PARTICLES)
    ):
        return None
    before, last = words[:-1], words[-1]
    if any(_ROLE.search(word) or _IS_RANK.fullmatch(word) for word in before):
        return None
    if not _ROLE.search(last):
        return name
    is_paper = len(words) > _LONGEST_WITH_TRADE or before[0].casefold() in _PAPERS_FIRST
    return name if _ALSO_SURNAME.fullmatch(last) and not is_paper else None


def printed(byline: str) -> str | None:
    """A byline without the label before it and the day behind it; None where it names nobody.

    >>> printed("von Redaktion, 24. Januar 2022"), printed("Autor: www.harbour.example")
    ('Redaktion', 'www.harbour.example')
    >>> printed("By Jane Doe, Reuters"), printed("Staff Writer | March 3, 2026")
    ('Jane Doe, Reuters', 'Staff Writer')
    >>> printed("Veröffentlicht am"), printed("Zuletzt geändert am: 15.10.2021"), printed("No Author")
    (None, None, None)
    """
    text = " ".join(byline[:_LONGEST].split())
    if (day := _ANY_DAY.search(text)) is not None:
        text = text[: day.start()]
    text = (_LEAD_IN.sub("", text) or text).strip(" -–—|:,·•(")
    words = re.findall(r"\w+", text.casefold())
    return text if any(word not in _NOBODY for word in words) else None


def _before_day(text: str) -> str:
    """A byline without the day behind it that begins with a month's name."""
    for match in _BEFORE_DAY.finditer(text):
        if match[1].lower() in dates.MONTHS:
            return text[: match.start()]
    return text


def _part(part: str, outlets: Sequence[str], *, cut_roles: bool) -> str:
    """One name without the place, the paper and the office behind it."""
    part = _bare(_PART_CUT.sub("", " " + part))
    for outlet in outlets:
        rest = part[: -len(outlet)].rstrip(" ,")
        if part.casefold().endswith(" " + outlet.casefold()) and rest.count(" ") >= _FEWEST_NAME - 1:
            part = rest
    words = part.split()
    while len(words) > _FEWEST_NAME and words[-1].casefold() in _AGENCIES:
        words.pop()
    part = " ".join(words)
    if cut_roles and (role := _ROLE.search(part)) is not None:
        before = _LAST_RANK.sub("", part[: role.start()]).strip(" ,")
        if _FEWEST_NAME <= len(before.split()) <= _MOST_NAME and before.split()[0].lower() not in _ARTICLES:
            return before
        if _LAST_RANK.sub("", " " + part[: role.start()]).strip():
            return part
        *_, last = _ROLE.finditer(part)
        behind = part[last.end() :].strip(" ,:")
        if _FEWEST_NAME <= len(behind.split()) <= _MOST_NAME:
            return behind
    return part


def _bare(part: str) -> str:
    """A part of a byline without the marks around it; a nickname keeps both its quotation marks.

    >>> _bare("– Pat “Red” Quill, "), _bare("“Pat Quill”"), _bare("Pat “Red”")
    ('Pat “Red” Quill', 'Pat Quill', 'Pat “Red”')
    """
    bare = part.strip(_AROUND)
    if not bare:
        return bare
    start = part.find(bare)
    end = start + len(bare)
    for quoted in _QUOTED.finditer(part):
        if quoted.start() < start < quoted.end() < end:
            start = quoted.start()
        elif start < quoted.start() < end <= quoted.end() - 1:
            end = quoted.end()
    return part[start:end]


def _name(part: str) -> str | None:
    part = _bare(_LEAD_IN.sub("", part))
    words = part.split()
    if not 2 <= len(words) <= 5 or len(part) > 60:
        if not (len(words) == 1 and not part.isascii() and 2 <= len(part) <= 5):
            return None
        return None if NO_NAME.search(part) else part
    if (
        _ROLE.search(part)
        or NO_NAME.search(part)
        or part.casefold() in _AGENCIES
        or any(c.isdigit() for c in part)
    ):
        return None
    if not all(_is_name_word(word) or word.casefold().strip(".") in _PARTICLES for word in words):
        return None
    return part if not part.isupper() or not part.isascii() else part.title()


def _is_name_word(word: str) -> bool:
    first = word.lstrip("('’\"“")[:1]
    return first.isupper() or (first.isalpha() and first.lower() == first.upper())


def pen_name(text: str) -> str | None:
    """A single word that stands where an author does."""
    text = _LEAD_IN.sub("", text).strip(" -–—|:,·•")
    if (
        not 2 < len(text) <= 30
        or _ROLE.search(text)
        or text.casefold() in _AGENCIES
        or _NO_PEN_NAME.match(text)
        or NO_NAME.search(text)
    ):
        return None
    return (
        text
        if text.replace("_", "a").replace(".", "a").replace("-", "a").isalnum() and not text.isdigit()
        else None
    )
