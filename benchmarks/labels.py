"""Pages with known texts as examples for the weights: which passages are the article's, and how surely.

The evaluation folder (see `benchmarks/extraction.py`) is read, nothing of it is kept. `peers/blind` is never
read here. A page's site decides its fold, so that no site is on both sides of a measurement.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import tldextract
from lxml import html
from numpy.typing import NDArray
from resiliparse.extract.html2text import extract_plain_text
from trafilatura import bare_extraction

from newsmill.config import PageConfig
from newsmill.page import analysis, decoding, evidence, metadata, structured
from newsmill.page.known import SecondOpinion, known
from newsmill.page.passages import Passage, fold, in_heading, length, passages
from newsmill.page.tree import Element, Elements, parse

FOLDS: Final = 5
SETS: Final = ("scrapinghub", "fundus_eval", "trafilatura", "fundus_pages", "readability")
_GRAM: Final = 4
_SHARE: Final = 0.5
_CLEAR: Final = (0.2, 0.8)
_HEAD_WORDS: Final = 14
_TAUGHT: Final = 0.15
_MOST_TAUGHT: Final = 12.0
_UNSPACED: Final = re.compile(r"([\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff])")
_EXTRACT: Final = tldextract.TLDExtract(suffix_list_urls=())

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Example:
    """A page's passages as rows, with the vote of the second extractor and without it."""

    name: str
    identity: str
    fold: int
    voted: Floats
    unvoted: Floats
    wanted: Floats  # 1 for a passage of the article
    sureness: Floats  # 0 where the gold says nothing of a passage


def site_of(row: dict[str, Any]) -> str:
    """The registrable name of a page's site without its suffix; a page without one stands alone."""
    for named in (row.get("url"), row.get("site")):
        if named and "." in named and (domain := _EXTRACT(named).domain):
            return domain
    return str(row["id"])


def fold_of(site: str) -> int:
    """The fold, 0–4, on which a site is scored: its weights are learned from the other folds."""
    return int.from_bytes(hashlib.blake2b(site.encode(), digest_size=4).digest(), "big") % FOLDS


def golds(folder: Path) -> Iterator[tuple[str, Path, dict[str, Any]]]:
    """(set, page's file, gold) of every page that weights may be learned from."""
    for name in SETS:
        urls = {row["id"]: row.get("url") for row in _lines(folder / "inputs" / f"{name}.jsonl")}
        for row in _lines(folder / "gold" / f"{name}.jsonl"):
            yield (
                name,
                folder / "pages" / name / f"{row['id']}.html.gz",
                {"url": urls.get(row["id"]), **row},
            )
    look = folder / "peers" / "look"
    for gold in sorted((look / "gold").glob("*.jsonl")):
        for row in _lines(gold):
            yield f"look.{gold.stem}", look / "pages" / gold.stem / f"{row['id']}.html.gz", row


def example(name: str, file: Path, gold: dict[str, Any]) -> Example | None:
    """A page as an example; None where nothing is known of its passages."""
    text = decoding.to_text(gzip.decompress(file.read_bytes()), None)
    root = parse(text.utf8, PageConfig())
    found = passages(root)
    if not found:
        return None
    facts = metadata.facts(Elements(root), "https://unknown.invalid/", found)
    page = known(
        title=facts.title,
        titles=facts.titles,
        description=facts.description or "",
        stated=structured.text(structured.body(facts.article)) or "",
    )
    rows = evidence.rows(found, page)
    voted = SecondOpinion(analysis.second_opinion(root)).among(found)
    wanted, sureness = labels(gold, found, page.titles)
    if not gold.get("body"):
        _taught(root, found, page.titles, voted, wanted, sureness)
    which = list(rows.passages)
    if not sureness[which].any():
        return None
    fold = fold_of(site_of(gold))
    return Example(
        name, str(gold["id"]), fold, rows.with_votes(voted), rows.values, wanted[which], sureness[which]
    )


def labels(gold: dict[str, Any], found: Sequence[Passage], titles: frozenset[str]) -> tuple[Floats, Floats]:
    """(1 for each passage of the article, how sure that is) by a page's gold.

    A gold has a whole `body`, or phrases that are `with` and `without` the text, or the text's `head`.
    Long passages weigh more, by the root of their words; pages with whole bodies weigh alike.
    """
    wanted, sureness = np.zeros(len(found), np.float32), np.zeros(len(found), np.float32)
    texts = [_spaced(p.text) for p in found]
    if gold.get("body"):
        _by_body(gold, texts, wanted, sureness)
    elif gold.get("with") is not None or gold.get("without") is not None:
        _by_phrases(gold, found, wanted, sureness)
    elif gold.get("head"):
        _by_head(gold["head"], texts, wanted, sureness)
    for n, p in enumerate(found):
        if p.folded in titles or in_heading(p) is not None:
            sureness[n] = 0
        sureness[n] *= min(length(p.text), 60) ** 0.5
    total = float(sureness.sum())
    whole = bool(gold.get("body"))
    if total:
        sureness *= (30 if whole else 8) / max(total, 8.0)
    return wanted, sureness


def _taught(
    root: Element,
    found: Sequence[Passage],
    titles: frozenset[str],
    voted: frozenset[int],
    wanted: Floats,
    sureness: Floats,
) -> None:
    """Where the gold is silent, what three unlike extractors agree on counts a little.

    Golds of phrases name a few spots of a page only. Trafilatura fast, Trafilatura with its fallbacks, and
    Resiliparse say the same of most of the rest.
    """
    source = html.tostring(root, encoding="unicode")
    full = bare_extraction(source, include_comments=False)
    others = [
        SecondOpinion((full.text or "") if full is not None else ""),
        SecondOpinion(extract_plain_text(source, main_content=True, alt_texts=False, links=False)),
    ]
    taught = np.zeros(len(found), np.float32)
    for n, p in enumerate(found):
        if sureness[n] or not p.folded or p.folded in titles or in_heading(p) is not None:
            continue
        votes = {n in voted, *(p.folded in other for other in others)}
        if len(votes) == 1:
            wanted[n] = votes.pop()
            taught[n] = min(length(p.text), 60) ** 0.5
    sureness += taught * min(_TAUGHT, _MOST_TAUGHT / max(1.0, float(taught.sum())))


def _by_body(gold: dict[str, Any], texts: Sequence[str], wanted: Floats, sureness: Floats) -> None:
    free = set(gold.get("optional") or ())
    body = f" {_spaced(' '.join(part for n, part in enumerate(gold['body']) if n not in free))} "
    optional = f" {_spaced(' '.join(gold['body'][n] for n in free))} "
    words = body.split()
    grams = {tuple(words[n : n + _GRAM]) for n in range(len(words) - _GRAM + 1)}
    for n, text in enumerate(texts):
        own = text.split()
        if len(own) >= _GRAM:
            parts = [tuple(own[k : k + _GRAM]) for k in range(len(own) - _GRAM + 1)]
            share = sum(part in grams for part in parts) / len(parts)
            whole = len(own) >= 2 * _GRAM or f" {text} " in body
            wanted[n] = share >= (_SHARE if whole else 0.99)
            sureness[n] = 0.4 if _CLEAR[0] <= share <= _CLEAR[1] else 1
    for n, text in enumerate(texts):
        if text and len(text.split()) < _GRAM:
            wanted[n] = _stands_beside(n, texts, wanted, body)
            sureness[n] = 0.7
        if not wanted[n] and text and f" {text} " in optional:
            sureness[n] = 0
    first: dict[str, int] = {}
    for n, text in enumerate(texts):
        if wanted[n] and len(text.split()) >= _GRAM:
            if text in first and body.count(f" {text} ") < 2:
                sureness[n] = 0
                sureness[first[text]] *= 0.3
            first.setdefault(text, n)


def _stands_beside(n: int, texts: Sequence[str], wanted: Floats, body: str) -> bool:
    """Whether a line of few words stands in the gold beside the words that it stands beside on the page."""
    before = next((texts[k] for k in range(n - 1, max(-1, n - _GRAM), -1) if wanted[k]), "")
    after = next((texts[k] for k in range(n + 1, min(len(texts), n + _GRAM)) if wanted[k]), "")
    ends = " ".join([*before.split()[-_GRAM:], texts[n]])
    begins = " ".join([texts[n], *after.split()[:_GRAM]])
    return bool(before and f" {ends} " in body) or bool(after and f" {begins} " in body)


def _by_phrases(gold: dict[str, Any], found: Sequence[Passage], wanted: Floats, sureness: Floats) -> None:
    with_, without = ([fold(phrase) for phrase in gold.get(key) or ()] for key in ("with", "without"))
    for n, p in enumerate(found):
        own = p.folded
        is_in = any(phrase and (phrase in own or (len(own) > 25 and own in phrase)) for phrase in with_)
        is_out = any(phrase and (phrase in own or (len(own) > 15 and own in phrase)) for phrase in without)
        if is_in != is_out:
            wanted[n], sureness[n] = is_in, 1.5


def _by_head(head: str, texts: Sequence[str], wanted: Floats, sureness: Floats) -> None:
    start = " ".join(_spaced(head).split()[:_HEAD_WORDS])
    at = next((n for n, text in enumerate(texts) if start and start in text), None)
    if at is None:
        return
    wanted[at], sureness[at] = 1, 1.5
    for n in range(at):
        if not _spaced(head).startswith(texts[n]):
            sureness[n] = 0.3


def _spaced(text: str) -> str:
    """A text folded, with a blank around each letter of a script that has none."""
    folded = fold(text)
    return folded if folded.isascii() else " ".join(_UNSPACED.sub(r" \1 ", folded).split())


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
