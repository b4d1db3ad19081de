"""Lines that are furniture whatever page they stand on: "ALSO READ: …", "Subscribe to …", "2 min read"."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_RULES: Final[tuple[tuple[str, str], ...]] = (
    (
        "related-line",
        r"(?:also|must|now)[ -]read\b|read (?:also|more|next|the full|our|about|on)\b|(?:see|watch"
        r"|listen) (?:also|more|next)\b"
        r"|related(?: (?:articles?|stor(?:y|ies)|posts?|content|coverage|topics?|news|links?"
        r"|reading))?\s*(?:[:|»-]|$)"
        r"|more(?: (?:from|on|about|stories|news|in|like))\b[^.]{0,60}$|most (?:read|popular|viewed"
        r"|shared|watched)\b[^.]{0,40}$"
        r"|more (?:\w+ ){0,4}(?:stories|news|articles|coverage|reads|headlines)\b[^.]{0,40}$"
        r"|recommended\b[^.]{0,40}$|you (?:may|might) (?:also )?(?:like|be interested)|don['’]t"
        r" miss\b[^.]{0,60}$"
        r"|(?:previous|next) (?:story|article|post|page)\b|latest (?:from|news|stories"
        r"|articles)\b[^.]{0,40}$|trending\b[^.]{0,30}$"
        r"|popular\s*$|up next\b|top stories\b[^.]{0,30}$|editor['’]?s['’]? (?:picks?|choice)\b|what to"
        r" read next|further reading"
        r"|lesen sie (?:auch|mehr|hier|dazu)|(?:lies|lesen) (?:auch|mehr)\b|mehr (?:zum thema|dazu|aus"
        r"|über|von)\b|auch interessant|das könnte sie"
        r"|(?:à lire|lire|voir) (?:aussi|également|la suite|encore)\b|(?:lee|leer|vea|ver|lea) (?:también"
        r"|más)\b|te puede interesar|más (?:sobre|en|noticias)\b[^.]{0,40}$"
        r"|(?:leggi|leia|veja|ler|lees|les) (?:anche|também|mais|ook|også|altri)\b|saiba mais|читайте"
        r" также|читать далее|zobacz (?:też|także|również)|czytaj (?:też|także|więcej)"
        r"|关注|相关(?:阅读|新闻|文章)|延伸阅读|関連(?:記事|ニュース)",
    ),
    (
        "subscribe-prompt",
        r"(?:sign|log) (?:up|in|on)\b[^.]{0,80}(?:newsletter|inbox|email|e-mail|account|continue|alerts?"
        r"|updates|free|daily|weekly|comment)"
        r"|(?:please )?subscribe (?:to|now|today|here|for|and|our)\b|already (?:a subscriber|have an"
        r" account|registered)"
        r"|get (?:the|our|all|more|your)\b[^.]{0,60}(?:inbox|newsletter|app\b|delivered|headlines)"
        r"|(?:click|tap) here to (?:subscribe|sign|get|join|read|download|register)|download (?:the"
        r"|our)\b[^.]{0,30}\bapp\b"
        r"|(?:receive|delivered)\b[^.]{0,60}(?:inbox|newsletter)|this (?:article|story|content) is"
        r" (?:only )?(?:available|exclusive|for) (?:to |for )?subscribers"
        r"|support (?:our|us|independent)\b[^.]{0,60}$|(?:make|become) a (?:donation|member|supporter"
        r"|subscriber)\b"
        r"|(?:jetzt )?(?:newsletter|abonnieren|kostenlos anmelden)\b[^.]{0,60}$|abonnez-vous"
        r"|suscr[ií]bete|iscriviti|inscrivez-vous|assine\b",
    ),
    (
        "share-prompt",
        r"(?:share|tweet|pin|email|print|whatsapp|facebook|twitter)(?: (?:this|on|via|with|the|article"
        r"|story|post|it|to)\b[^.]{0,40})?$"
        r"|follow (?:us|me|him|her|them|@)\b|follow [^.]{1,60} on (?:twitter|facebook|instagram|x\b"
        r"|google|linkedin|threads|tiktok|whatsapp|youtube)"
        r"|like us on|join (?:us|our|the) (?:on|whatsapp|telegram|conversation|facebook|discussion)"
        r"|(?:teilen|drucken|partager|compartir|condividi|compartilh)[^.]{0,30}$|folgen sie|suivez[-"
        r" ]nous|síguenos|seguici|siga\b[^.]{0,40}(?:facebook|twitter|instagram)",
    ),
    (
        "comment-prompt",
        r"(?:leave|post|add|write|view|show|hide|read|see|load) (?:a |your |all |more |the )?(?:comments?"
        r"|reply)\b|comments?(?: \(\d+\)| are closed| section|:)?\s*$"
        r"|\d+ comments?$|what do you think\?|have your say|let us know (?:in the comments|what you"
        r" think)|kommentare?\b[^.]{0,30}$|commentaires?\b[^.]{0,20}$|comentarios?\b[^.]{0,20}$",
    ),
    (
        "time-line",
        r"(?:\d+|one|two|three|four|five) ?-?min(?:ute)?s?\.?(?: read| de lecture| lesezeit)\b.{0,20}$"
        r"|reading time\b.{0,20}$|estimated read.{0,20}$|lesezeit\b.{0,20}$"
        r"|(?:(?:first |originally )?published|updated|last (?:updated|modified)|posted|created|erstellt"
        r"|aktualisiert|veröffentlicht|publi[ée]|mis à jour|publicado|actualizado|pubblicato"
        r"|stand)\b[^.]{0,20}\d[^.]{0,40}$",
    ),
    (
        "advertisement",
        r"(?:advertisement|advertising|ad|anzeige|werbung|publicit[éeà]|publicidad|pubblicità|sponsored"
        r"|promoted|reklama?|article continues (?:below|after)"
        r"|story continues|continue reading|continua a leggere|scroll (?:down|to)|advertisement - "
        r"|loading|please (?:wait|enable)|skip (?:ad|to))\b[^.]{0,60}\.{0,3}$",
    ),
    (
        "copyright",
        r"(?:©|\(c\) ?\d|copyright\b|all rights reserved|alle rechte vorbehalten|tous droits)",
    ),
    (
        "image-credit",
        r"(?:photo|image|picture|foto|bild|crédito?|credit|source|quelle|video|illustration)(?: (?:by"
        r"|credit|courtesy|via))? ?[:©/].{0,80}$"
        r"|\(?(?:photo|image) (?:by|courtesy|credit)\b.{0,80}$|(?:getty images|shutterstock|istock|dpa"
        r"|afp)(?:/[^.]{0,40})?$",
    ),
    (
        "legal-notice",
        r"(?:免责|免責|版权|版權|特别|特別|郑重)?[声聲]明\s*[:：]|本[网網站][^。]{0,8}(?:载|載)|凡[^。]{0,12}注明|未经[^。]{0,12}授权|版权所有|版權所有"
        r"|(?:电话|電話|邮箱|郵箱|地址|传真|投稿|联系电话|举报电话)\s*[:：]|disclaimer\s*[:：]|haftungsausschluss\b[^.]{0,40}$"
        r"|avis de non-responsabilité|disclaimer$|aviso legal\b[^.]{0,40}$|note legali\b[^.]{0,40}$",
    ),
    ("go-top", r"(?:go|back|return) to ?(?:the )?top\b|nach oben$|haut de page$|top$"),
    (
        "tags-line",
        r"(?:tags?|topics?|keywords?|categor(?:y|ies)|filed under|labels?|schlagw[oö]rter|themen|mots[-"
        r" ]cl[ée]s|etiquetas|temas|in this article|posted in|tagged)\s*(?::.{0,300})?$",
    ),
)
_PATTERN: Final = re.compile(
    r"[\W_]{0,20}(?:"
    + "|".join(f"(?P<{name.replace('-', '_')}>{pattern})" for name, pattern in _RULES)
    + ")",
    re.IGNORECASE,
)
_LONGEST: Final = 300


def line_rule(text: str) -> str | None:
    """The name of the rule that the start of a line falls under, or None; only of lines up to 300 characters.

    >>> line_rule("ALSO READ: Polio vax drive resumes in Afghanistan")
    'related-line'
    >>> line_rule("2 mins read")
    'time-line'
    >>> line_rule("The minister read the letter to the house.")
    """
    return _rule_of(text) if len(text) <= _LONGEST else None


@lru_cache(maxsize=512)  # a page's lines are asked for thrice, and many pages have the same ones
def _rule_of(text: str) -> str | None:
    match = _PATTERN.match(text)
    return match.lastgroup.replace("_", "-") if match and match.lastgroup else None


def furniture_rule(text: str, link_share: float) -> str | None:
    """The rule of a line that is furniture wherever it stands: one that a rule knows and that is no sentence.

    >>> furniture_rule("Subscribe to our newsletter", 0.0), furniture_rule("© 2026 The Echo.", 0.0)
    ('subscribe-prompt', 'copyright')
    >>> furniture_rule("Copyright law in the region dates from the age of print.", 0.0)
    """
    rule = line_rule(text)
    if rule is None or link_share > _MOSTLY_LINKED:
        return rule
    if rule == "legal-notice" or _RIGHTS.search(text):
        return rule
    return None if is_sentence(text) else rule


def is_sentence(text: str) -> bool:
    """Whether a text of more than two words ends as a sentence does."""
    return ends_sentence(text) and (text.count(" ") > 1 or not text.isascii())


def ends_sentence(text: str) -> bool:
    """Whether a text ends with a mark that ends sentences, or with quotation marks or brackets behind one."""
    last = text[-1:]
    if last in _QUOTING:
        last = text[-8:].rstrip(_QUOTING)[-1:]
    return last != "" and last in _ENDING


_MOSTLY_LINKED: Final = 0.5
_RIGHTS: Final = re.compile(
    r"©|\(c\) ?\d|all rights reserved|alle rechte vorbehalten|tous droits réservés", re.IGNORECASE
)
_ENDING: Final = ".!?…。！？؟।"
_QUOTING: Final = "'\"”’»›)]）」』"


_DATE: Final = re.compile(
    r"\b\d{1,2}[./-]\d{1,2}[./-]\d{2,4}\b|\b\d{4}[./-]\d{1,2}[./-]\d{1,2}(?:\b|(?=T\d))"
    r"|\b\d{1,2}:\d{2}\b|\b\d{1,2}"
    r" ?[ap]\.?m\b"
    r"|\b\d{1,2}(?:st|nd|rd|th|\.|º)?(?: de| of)? [^\W\d]{3,10}\.?,?(?: de| of)? \d{4}\b"
    r"|\b[^\W\d]{3,10}\.? \d{1,2}(?:st|nd|rd|th)?,? \d{4}\b"
    r"|\d{4} ?[年년] ?\d{1,2} ?[月월]",
    re.IGNORECASE,
)
_DIGIT: Final = re.compile(r"\d")
_BYLINE: Final = re.compile(
    r"(?:by|von|par|por|di|door|av|af|od|автор:?)\s+[^\W\d_]\S+(?:\s+\S+){0,7}$", re.IGNORECASE
)


def is_opening_line(text: str) -> bool:
    """Whether a short line above the text only says when, or by whom, it was written.

    >>> is_opening_line("Wednesday 20 November 2019 11:42, UK"), is_opening_line("By Jane Doe")
    (True, True)
    >>> is_opening_line("2026-11-24T10:05:00Z"), is_opening_line("20261124T100500")
    (True, False)
    """
    words = text.split()
    if len(words) > 14 or len(text) > 120:
        return False
    if _BYLINE.match(text):
        return True
    return bool(_DIGIT.search(text) and (_DATE.search(text) and not text.endswith((".", "!", "?", "”", '"'))))
