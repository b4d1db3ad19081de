"""Pages that are no article: only where the evidence is plain, since a lost article is worse."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from newsmill.page import structured
from newsmill.page.metadata import Facts
from newsmill.page.passages import HEADINGS, Passage, length
from newsmill.records import NotArticleReason as Reason

LEAST_WORDS: Final = 20
SHORT_WORDS: Final = 60
LONG_WORDS: Final = 250
_TITLE_SHARE: Final = 0.7
_WHOLE_TITLE: Final = 0.9
_SOME_TITLE: Final = 0.5
_HEAD: Final = 1_000
_WORD: Final = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_MANY_TEASERS: Final = 8

_ERROR: Final = re.compile(
    r"\b(?:404|410|403|500|502|503|504)\b(?:\s*[-–—:|]|\s+(?:not|error|forbidden|gone|bad|service"
    r"|internal|page)|$)|(?:page|article|story|site|seite|artikel) (?:was |is |could |can(?:'t"
    r"|not) )?(?:not|be|no longer|wurde nicht) ?(?:be )?(?:found|available|exist|gefunden)"
    r"|not found$|seite nicht gefunden|page introuvable|página no encontrada|pagina non trovata|access"
    r" denied|forbidden$|internal server error|bad gateway|service unavailable|something went"
    r" wrong|site can.t be reached",
    re.IGNORECASE,
)
_CAPTCHA: Final = re.compile(
    r"captcha|are you (?:a )?(?:human|robot)|verify (?:that )?you are (?:a )?human|just a moment"
    r"|attention required|checking your browser|unusual traffic|press & hold|pardon our"
    r" interruption|enable javascript and cookies to continue|bot verification|ddos",
    re.IGNORECASE,
)
_CONSENT: Final = re.compile(
    r"before you continue|we value your privacy|your privacy choices|cookie (?:consent|settings|policy"
    r"|einstellungen)|consent (?:required|manag)|wir (?:und unsere partner|benötigen ihre"
    r" zustimmung)|datenschutz-?einstellungen|accept (?:all )?cookies|werbefrei"
    r" (?:weiter)?lesen|mit werbung (?:weiter)?lesen|privacy gate|gdpr"
    r"|(?:vos|mes) choix de confidentialité|gestion(?:naire)? (?:des cookies|du consentement)"
    r"|(?:accepter|paramétrer|refuser) (?:les|tous les|et) (?:cookies|continuer|fermer)|nous (?:et nos"
    r" partenaires|respectons votre vie privée)|continuer sans accepter"
    r"|(?:configuración|política|aviso) de (?:cookies|privacidad)|valoramos tu privacidad|nosotros y"
    r" nuestros (?:socios|\d+ socios)|aceptar (?:todas las )?cookies"
    r"|la tua privacy è importante|impostazioni dei cookie|noi e i nostri partner"
    r"|accetta(?:re)? (?:tutti )?i cookie"
    r"|valorizamos a sua privacidade|nós e os nossos parceiros|aceitar (?:todos os )?cookies"
    r"|wij (?:en onze partners|waarderen uw privacy)|cookie-?instellingen|szanujemy twoją prywatność",
    re.IGNORECASE,
)
_LOGIN: Final = re.compile(
    r"^(?:sign|log) ?in\b|^login\b|^anmelden\b|^einloggen|please (?:sign|log) in|forgot (?:your"
    r" )?password|create an account|^register\b|enter your password|se connecter|iniciar sesión"
    r"|accedi$",
    re.IGNORECASE,
)
_NOTICES: Final = (
    (Reason.CAPTCHA, _CAPTCHA),
    (Reason.ERROR_PAGE, _ERROR),
    (Reason.LOGIN_WALL, _LOGIN),
    (Reason.CONSENT_PAGE, _CONSENT),
)
_TO_THE_READER: Final = re.compile(
    r"\b(?:you|your|you['’]re|we|our|please|sorry|oops|click|(?-i:Sie|Ihre?[mnrs]?)|bitte|wir|uns(?:ere[nr]?)?|leider"
    r"|vous|votre|vos|nous|nos|veuillez|désolé|usted|ustedes|nosotros|nuestros?|lo sentimos|por favor"
    r"|voi|noi|nostri|spiacenti|você|nós|nossos|desculpe|uw|wij|onze|helaas|twój|twoją|nasi|przepraszamy"
    r"|вы|вас|ваш\w*|мы|нас|наши\w*|пожалуйста|извините)\b|您|你|我们|我們|请|請|ください|申し訳",
    re.IGNORECASE,
)
_SMALL: Final = frozenset(
    """
    the a an this that your our we you is are was be to of in on for and or not page file site
    website url error oops sorry whoops please http https status code required continue seite fehler
    die der das diese ist wurde nicht ihre ihr unsere vos mes votre su sus la tua vostra sua uw jouw
    nous vous le les cette erreur est pas désolé una el esta página no se ha pagina non è de des du
    verification check security human robot login account privacy cookies cookie policy settings
    consent choices manage accept partners
    """.split()
)
_LIVE: Final = re.compile(
    r"\blive ?(?:blog|ticker|updates?|text)\b|\bas it happened\b|\bminute by minute\b|\ben direct\b"
    r"|\bliveticker\b|\bminuto a minuto\b|\ben vivo\b",
    re.IGNORECASE,
)
_FEED: Final = re.compile(r"<(?:rss|feed|rdf:RDF|urlset|sitemapindex|opml)\b", re.IGNORECASE)
_PROLOGUE: Final = (("<!--", "-->"), ("<?", ">"))
_LONGEST_PROLOGUE: Final = 20_000
_BLANKS: Final = "\ufeff \t\r\n\f"


def by_start(text: str) -> Reason | None:
    """The reason that the first characters of a body give: a feed, JSON, plain text; None for HTML.

    >>> by_start("<?xml version='1.0'?><rss version='2.0'>"), by_start('{"a": 1}'), by_start("<p>Hello")
    (<NotArticleReason.FEED: 'feed'>, <NotArticleReason.NOT_HTML: 'not_html'>, None)
    """
    head = text.lstrip(_BLANKS)[:_LONGEST_PROLOGUE]
    if not head:
        return Reason.EMPTY
    if _FEED.match(head, _after_prologue(head)):
        return Reason.FEED
    if head[0] in "{[" and not re.search(r"<(?:html|body|p|div|article)\b", head, re.IGNORECASE):
        return Reason.NOT_HTML
    return None if "<" in text else Reason.NOT_HTML


def _after_prologue(head: str) -> int:
    """Where comments and processing instructions at the beginning end."""
    at = 0
    while opened := next((pair for pair in _PROLOGUE if head.startswith(pair[0], at)), None):
        opening, closing = opened
        end = head.find(closing, at + len(opening))
        if end < 0:
            break
        at = end + len(closing)
        while at < len(head) and head[at] in _BLANKS:
            at += 1
    return at


def by_content(
    page: Facts, passages: Sequence[Passage], body: str, url: str, *, has_date: bool, status: int | None
) -> Reason | None:
    """Why a parsed page is no article, or None.

    Args:
        page: Meta tags, JSON-LD and title.
        passages: All passages of the page.
        body: The extracted text.
        url: The page's URL.
        has_date: Whether the page states when it was published.
        status: The HTTP status; None when unknown.
    """
    if status is not None and status >= 400:
        return Reason.ERROR_PAGE
    words = length(body) if body else 0
    if status is not None and 300 <= status < 400 and words < SHORT_WORDS:
        return Reason.REDIRECT
    is_article = bool(page.article) or "article" in (page.meta.get("og:type") or [""])[0].lower()
    title = page.title or ""
    if words < LONG_WORDS and not is_article and (reason := _notice(title, body, words, has_date=has_date)):
        return reason
    kinds = set().union(*(structured.types(node) for node in page.nodes)) if page.nodes else set()
    teasers = sum(p.frame.tag in HEADINGS and p.link_share > 0.8 for p in passages)
    listing = teasers >= _MANY_TEASERS and not is_article and not has_date
    if listing and urlsplit(url).path in ("", "/"):
        return Reason.HOME_PAGE
    if listing and words < (3 * SHORT_WORDS if kinds & {"CollectionPage", "ItemList"} else SHORT_WORDS):
        return Reason.SECTION_PAGE
    if words < LEAST_WORDS and not (is_article and body):
        if kinds & {"ImageGallery", "MediaGallery"}:
            return Reason.GALLERY
        if "VideoObject" in kinds or (page.meta.get("og:type") or [""])[0].lower().startswith("video"):
            return Reason.VIDEO
        if not body:
            return Reason.SECTION_PAGE if listing else Reason.NO_TEXT
        if teasers >= _MANY_TEASERS:
            return Reason.SECTION_PAGE
        if not title and not has_date:
            return Reason.NO_TEXT
    return None if body else Reason.NO_TEXT


def _notice(title: str, body: str, words: int, *, has_date: bool) -> Reason | None:
    """The reason why a short page is a notice to its reader, and no report about such notices.

    A notice's title says nothing else, or its few words speak to the reader: a report has a subject.
    """
    speaks = _TO_THE_READER.search(body[:_HEAD]) is not None
    for reason, pattern in _NOTICES:
        covered = _covered(title, pattern)
        if words < SHORT_WORDS and covered >= _TITLE_SHARE and (speaks or not has_date):
            return reason
        if covered >= _WHOLE_TITLE and speaks and not has_date:
            return reason
        is_named = covered >= _SOME_TITLE or pattern.search(body[:_HEAD]) is not None
        if words < LEAST_WORDS and (speaks or not title) and is_named:
            return reason
    return None


def _covered(title: str, pattern: re.Pattern[str]) -> float:
    """Share of a title's words, 0–1, that a pattern or the small words around it account for."""
    words = [(match.start(), match.group().lower()) for match in _WORD.finditer(title[:_HEAD])]
    spans = [match.span() for match in pattern.finditer(title[:_HEAD])]
    if not words or not spans:
        return 0.0
    known = sum(
        any(first <= at < last for first, last in spans) or word in _SMALL or word.isdecimal()
        for at, word in words
    )
    return known / len(words)


def is_live(page: Facts) -> bool:
    """Whether a page is a live ticker, whose text grows."""
    return "LiveBlogPosting" in structured.types(page.article) or bool(_LIVE.search(page.title or ""))
