"""The language of a text, and how that is known.

`Py3langid`, the arbiter, gives the answer: it knows many languages more than `Langdetect`, and its
probability can be believed where langdetect's is nearly always 0.99999. Where it leaves a doubt,
langdetect, seeded, is asked about the same sample. Languages that neither knows are recognised by
their script or by their function words (`function_words.tsv`), and what can't be told is `und`. The
page's own lang attribute is evidence, not an answer: it decides between close languages and for
texts too short to tell. Reasons and measurements: `docs/decisions/0021-language.md`.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from functools import cache, lru_cache
from importlib.resources import files
from typing import NamedTuple

from babel.core import get_global

from newsmill.page.as_read import read
from newsmill.page.language_detectors import FOLDED, arbiter, default_detector
from newsmill.page.lines import line_rule
from newsmill.page.script import COMMON, is_japanese, script_of, script_of_letter
from newsmill.records import Language

LOOKED_AT = 10_000
"""Characters of a text that are cleaned and sampled; the rest is not read."""

WINDOW = 130
"""Characters of each window of a long text's sample: three windows, or five where they fit."""

FEW_WINDOWS = 3
"""Windows of a text that is not long enough for five."""

LONG_LINE = 0.5
"""Share of the longest line's bytes from which a line is part of the body that decides."""

LONGEST_LINE = 600
"""Bytes of a line that count for that comparison, so that one very long line does not decide alone."""

MARKER_WEIGHT = 3.0
"""What one word that a language has and its relative lacks does to the odds between the two."""

STEM = "~"
"""What ends the beginning of a word in `relatives.tsv`."""

LENGTHS_OF_STEMS = range(3, 16)
"""Letters that such a beginning has."""

MOST_MARKERS = 6
"""Words that count so at most, so that no word list outweighs everything else."""

RELATIVE_PRIOR = 0.05
"""Probability that a relative has at least before its words are counted."""

LONGEST_WEIGHT = 3.0
"""How many times more a byte of a short text's longest line counts than one of its other lines."""

ENOUGH = 40
"""Characters of long lines below which all lines are read."""

SHORT = 200
"""Characters below which the title is read with the text."""

LEAST_SMALL_LETTERS = 10
"""Letters of words in small letters below which they are not asked for themselves."""

LEAST_LETTERS = 12
"""Letters below which a text in a script of many languages is too short to tell."""

DECLARED_WEIGHT = 10.0
"""How many times likelier the language that the page declares is than without the declaration."""

WITNESS_WEIGHT = 2.0
"""What langdetect's word does to the odds of a language that it knows: times this, or divided by it."""

ACCEPTED = 0.42
"""Confidence below which the answer is `und`: of the answers between this and one half, more are right
than wrong (`benchmarks/language.py`)."""

ACCEPTED_SMALL = 0.5
"""The same for the words in small letters alone, asked where the names in a text leave it open."""

SURE = 0.9
"""Probability from which the arbiter is not doubted, but where it takes one language for a relative."""

BEYOND_DOUBT = 0.998
"""Probability from which langdetect's word changes neither the answer nor the confidence that is stored."""

RELATIVE_SHARE = 0.08
"""Share of a language's function words among all words that tells it from the relative it is taken for."""

FUNCTION_SHARE = 0.25
"""The same where the arbiter is unsure, whatever it says."""

_NO_LETTERS = re.compile(r"[\d_]+|[\U0001F000-\U0001FAFF\u2600-\u27BF]+")
_ADDRESSED = ("@", "://", "#", "www.")
_LETTERS = re.compile(r"[^\W\d_]")
_WORDS = re.compile(r"[^\W\d_]+(?:['’ʼ][^\W\d_]+)*|[۽۾]")
_SUBTAG = re.compile(r"[a-z]{2,3}(?=$|[-_])")

# A declared language that is a group: what its pages are really in does not contradict it.
_GROUPS: dict[str, set[str | None]] = {"no": {"nb", "nn"}, "sh": {"sr", "hr", "bs"}}

# The language that is nearly alone in using a script, or in capitals a script that many languages share.
_OF_SCRIPT = {
    "Latn": "LATIN", "Cyrl": "CYRILLIC", "Arab": "ARABIC", "Hebr": "HEBREW", "Deva": "DEVANAGARI",
    "Beng": "BENGALI", "Ethi": "ETHIOPIC", "Hani": "HAN", COMMON: "OTHER", "Kana": "ja", "Hang": "ko",
    "Grek": "el", "Armn": "hy", "Syrc": "syr", "Thaa": "dv", "Nkoo": "nqo", "Guru": "pa", "Gujr": "gu",
    "Orya": "or", "Taml": "ta", "Telu": "te", "Knda": "kn", "Mlym": "ml", "Sinh": "si", "Thai": "th",
    "Laoo": "lo", "Tibt": "bo", "Mymr": "my", "Geor": "ka", "Cher": "chr", "Cans": "iu", "Khmr": "km",
    "Mong": "mn", "Bali": "ban", "Sund": "su", "Olck": "sat", "Tfng": "zgh", "Yiii": "ii", "Lisu": "lis",
    "Vaii": "vai", "Java": "jv", "Mtei": "mni", "Adlm": "ff",
}  # fmt: skip


def detect(text: str, *, html_lang: str | None, title: str | None = None) -> Language:
    """Detect the language of a text.

    The same input gives the same answer in every process and thread.

    Args:
        text: The body. Up to `LOOKED_AT` characters are read, and some windows of its long lines classified.
        html_lang: The page's lang attribute as written (`en-GB`, `no`), evidence for close languages.
        title: Read with the text when that is shorter than `SHORT`.

    Returns:
        The language that most of the text is in. `confidence` is the probability that the code is
        right (it is near the share of the windows for a text in two languages). `method` tells what
        decided: `arbiter`, `langdetect` (it agrees with an arbiter in doubt), `script`, `function_words`,
        `html_lang` (between languages that the text leaves open, or for a text too short to tell),
        `none` with the code `und`. `disagrees` only where both languages are known.
    """
    declared = _declared(html_lang)
    folded = FOLDED.get(declared, declared) if declared else None
    sample = text[:LOOKED_AT]
    rewritten = read(sample)
    lines = _body(sample if rewritten is None else rewritten.text)
    script = script_of("\n".join(lines))
    if title and sum(map(len, lines)) < SHORT:
        rewritten = read(title[:SHORT])
        title = title[:SHORT] if rewritten is None else rewritten.text
        lines = [f"{_prose(title)} {' '.join(lines)}"]
        script = script or script_of(title)
    code, confidence, method = _decide(lines, folded)
    return Language(
        code=code,
        confidence=round(confidence, 2),  # what machines add up differently is far below
        method=method,
        html=folded,
        disagrees=declared is not None and code != "und" and code not in _GROUPS.get(declared, {folded}),
        script=script,
    )


def _decide(lines: Sequence[str], declared: str | None) -> tuple[str, float, str]:
    """Code, confidence and method for the lines of a text."""
    windows = _windows(lines)
    sample = " ".join(window for window, _ in windows)
    letters = _LETTERS.findall(sample)
    if not letters:
        return "und", 0.0, "none"
    script, share = _script(letters)
    told = script in _SCRIPT_ONLY or len(letters) < LEAST_LETTERS or _is_han_alone(script, letters)
    if script.islower() and told:
        return script, share, "script"
    if script != "HAN" and len(letters) < LEAST_LETTERS:
        plausible = declared and script in _WRITTEN_IN.get(declared, {"LATIN"})
        return (declared, ACCEPTED, "html_lang") if declared and plausible else ("und", 0.0, "none")

    posterior = _posterior(windows)
    undeclared = max(posterior, key=lambda code: (posterior[code], code), default="und")
    unknown = _by_function_words(sample, undeclared, posterior.get(undeclared, 0.0))
    if unknown:
        return (*unknown, "function_words")
    posterior = _told_apart(" ".join(lines), undeclared, posterior)
    if declared in posterior:
        posterior[declared] *= DECLARED_WEIGHT
        total = sum(posterior.values())
        posterior = {code: p / total for code, p in posterior.items()}
    best = max(posterior, key=lambda code: (posterior[code], code), default="und")
    confidence = posterior.get(best, 0.0)
    if confidence >= BEYOND_DOUBT:
        return best, confidence, "html_lang" if best != undeclared else arbiter().name
    default = default_detector()
    first = default.probabilities(windows[len(windows) // 2][0])
    witness = max(first, key=lambda code: (first[code], code), default="und")
    if best in default.languages:
        confidence = _weighed(confidence, WITNESS_WEIGHT if witness == best else 1 / WITNESS_WEIGHT)
    if confidence < ACCEPTED or best == "und":
        return _without_names(sample) or ("und", confidence, "none")
    if best == witness:
        return best, confidence, default.name
    return best, confidence, "html_lang" if best != undeclared else arbiter().name


def _without_names(sample: str) -> tuple[str, float, str] | None:
    """What the words in small letters say of a short text that its names leave open."""
    if len(sample) > SHORT:
        return None
    small = " ".join(word for word in sample.split() if word.islower())
    if len(_LETTERS.findall(small)) < LEAST_SMALL_LETTERS:
        return None
    found = arbiter().probabilities(small)
    best = max(found, key=lambda code: (found[code], code), default="und")
    return (best, found[best], arbiter().name) if found.get(best, 0.0) >= ACCEPTED_SMALL else None


def _posterior(windows: Sequence[tuple[str, float]]) -> dict[str, float]:
    """The weighted mean of the arbiter's probabilities; of a short text as a whole where its lines agree.

    Where three of five windows are surely of one language, the two between them could not outweigh them.
    """
    asked = windows[::2] if len(windows) > FEW_WINDOWS else windows
    told = {window: arbiter().probabilities(window) for window, _ in asked}
    if len(asked) < len(windows) and not _agree(told.values()):
        told |= {window: arbiter().probabilities(window) for window, _ in windows if window not in told}
        asked = windows
    best = {max(p, key=lambda code: (p[code], code), default="und") for p in told.values()}
    whole = " ".join(window for window, _ in windows)
    if len(windows) > 1 and len(best) == 1 and len(whole) <= FEW_WINDOWS * WINDOW:
        return arbiter().probabilities(whole)
    total = sum(weight for _, weight in asked)
    posterior: dict[str, float] = defaultdict(float)
    for window, weight in asked:
        for code, p in told[window].items():
            posterior[code] += p * weight / total
    return dict(posterior)


def _agree(told: Collection[Mapping[str, float]]) -> bool:
    """Whether all are surely of one language."""
    first, *others = told
    sure = (code for code, p in first.items() if p >= SURE)
    return any(all(p.get(code, 0.0) >= SURE for p in others) for code in sure)


def _told_apart(prose: str, best: str, posterior: Mapping[str, float]) -> dict[str, float]:
    """The probabilities after the words that tell `best` from its close relatives were counted."""
    group = next((words for words in _relatives().values() if best in words), None)
    if group is None:
        return dict(posterior)
    words = {word.lower() for word in _WORDS.findall(prose)} | {f"-{letter}" for letter in set(prose)}
    hits = {code: known.markers(words) for code, known in group.items()}
    most = max(hits.values())
    told = {
        code: max(posterior.get(code, 0.0), RELATIVE_PRIOR) * MARKER_WEIGHT ** -min(most - n, MOST_MARKERS)
        for code, n in hits.items()
    }
    share = sum(posterior.get(code, 0.0) for code in group) / sum(told.values())
    return {**posterior, **{code: p * share for code, p in told.items()}}


def _weighed(p: float, factor: float) -> float:
    """The probability `p` after its odds were multiplied by `factor`."""
    return p * factor / (p * factor + 1 - p) if p < 1 else 1.0


def _prose(text: str) -> str:
    """`text` without web and mail addresses, handles and tags, spaces collapsed."""
    words = text.split()
    if not any(sign in text for sign in _ADDRESSED):
        return " ".join(words)
    return " ".join(
        word for word in words if "@" not in word and "://" not in word and not word.startswith(("#", "www."))
    )


def _body(text: str) -> list[str]:
    """The prose of the lines that say most, in the order of the text.

    A site's own lines (menus, invitations, rights) may be in another language than the story. They are
    told by their words (`line_rule`) and by their length: a line of the body is long. Lines count by
    their bytes in UTF-8, since a letter of a script with many letters says more.
    """
    lines = [line for line in map(_prose, text.splitlines()) if line]
    lines = _enough([line for line in lines if line_rule(line) is None], lines)
    size = [_bytes(line) for line in lines]
    least = LONG_LINE * min(max(size, default=0), LONGEST_LINE)
    return _enough([line for line, n in zip(lines, size, strict=True) if n >= least], lines)


def _enough(some: list[str], whole: list[str]) -> list[str]:
    """Some lines of a text where they are long enough to tell its language, else all."""
    return some if sum(map(len, some)) >= ENOUGH else whole


def _windows(lines: Sequence[str]) -> list[tuple[str, float]]:
    """What is classified of a text, with its weight.

    A short text is cut into its longest line, which weighs more, what stands before it and what stands
    after it. A long one gives windows at equal distances. Numbers and pictographs are cut out.
    """
    prose = " ".join(lines)
    if len(prose) > FEW_WINDOWS * WINDOW:
        count = 5 if len(prose) >= 5 * WINDOW else FEW_WINDOWS
        starts = [(len(prose) - WINDOW) * i // (count - 1) for i in range(count)]
        cuts = [(prose[start : start + WINDOW], 1.0) for start in starts]
    else:
        longest = max(range(len(lines)), key=lambda i: _bytes(lines[i]), default=0)
        parts = [
            " ".join(part) for part in (lines[:longest], lines[longest : longest + 1], lines[longest + 1 :])
        ]
        weights = (1.0, LONGEST_WEIGHT, 1.0)
        cuts = [(part, _bytes(part) * weight) for part, weight in zip(parts, weights, strict=True)]
    return [(_NO_LETTERS.sub(" ", cut), weight) for cut, weight in cuts if cut]


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


@lru_cache(maxsize=1_000)
def _declared(html_lang: str | None) -> str | None:
    """Primary subtag of a lang attribute in its shortest spelling; None when it names no language."""
    found = _SUBTAG.match((html_lang or "").strip().lower())
    if found is None or found[0] in {"und", "zxx", "mul"}:
        return None
    alias: str = get_global("language_aliases").get(found[0], found[0])
    return "sh" if found[0] == "sh" else alias.split("_")[0].lower()


def _script(letters: Sequence[str]) -> tuple[str, float]:
    """The script of most letters (or the language that it belongs to), and their share."""
    counts: Counter[str] = Counter()
    for letter, number in Counter(letters).items():
        counts[_OF_SCRIPT[script_of_letter(letter)]] += number
    if counts["ja"] and counts["HAN"]:
        counts["ja"] += counts.pop("HAN")
    elif counts["HAN"] and is_japanese(letters, counts["HAN"]):
        counts["ja"] = counts.pop("HAN")
    script, count = max(counts.items(), key=lambda item: (item[1], item[0]), default=("OTHER", 0))
    return script, count / max(len(letters), 1)


def _is_han_alone(script: str, letters: Sequence[str]) -> bool:
    """Whether a text is Japanese by its Han signs, which the detectors take for Chinese."""
    return script == "ja" and not any(script_of_letter(letter) == "Kana" for letter in letters)


# Scripts of the languages that are not written in Latin letters only.
_WRITTEN_IN: dict[str, set[str]] = {code: {code} for code in _OF_SCRIPT.values() if code.islower()} | {
    code: {script, *(("LATIN",) if code in {"sr", "ku", "uz", "kk", "ff", "su", "jv"} else ())}
    for script, codes in {
        "CYRILLIC": "ru uk be bg mk sr mn kk ky tg tt ba cv sah os uz ce",
        "ARABIC": "ar fa ur ps ug ku sd",
        "HEBREW": "he yi",
        "DEVANAGARI": "hi mr ne sa gom",
        "BENGALI": "bn as",
        "ETHIOPIC": "am ti",
        "HAN": "zh",
    }.items()
    for code in codes.split()
}

# Scripts whose language neither detector knows.
_SCRIPT_ONLY = frozenset(
    {"syr", "dv", "nqo", "bo", "chr", "iu", "ban", "su", "sat", "zgh", "ii", "lis", "vai", "mni"}
)


@cache
def _function_words() -> tuple[tuple[str, frozenset[str], frozenset[str]], ...]:
    """Code, what the arbiter takes it for, and function words of languages, from `function_words.tsv`."""
    table = files("newsmill.page").joinpath("function_words.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in table.splitlines() if not line.startswith("#"))
    return tuple(
        (code, frozenset(relatives.split()), frozenset(words.split())) for code, relatives, words in rows
    )


class _Known(NamedTuple):
    """What tells a language from its relatives."""

    words: frozenset[str]  # and its letters, behind a hyphen
    begins: frozenset[str]

    def markers(self, words: Collection[str]) -> int:
        """How many of some words, each given once, are the language's by themselves or by how they begin."""
        whole = self.words.intersection(words)
        if not self.begins:
            return len(whole)
        others = (word for word in words if word not in whole)
        return len(whole) + sum(any(word[:n] in self.begins for n in LENGTHS_OF_STEMS) for word in others)


@cache
def _relatives() -> dict[str, dict[str, _Known]]:
    """What is known of languages by group and code, from `relatives.tsv`."""
    table = files("newsmill.page").joinpath("relatives.tsv").read_text(encoding="utf-8")
    groups: dict[str, dict[str, _Known]] = {}
    for line in table.splitlines():
        if not line.startswith("#"):
            group, code, words, *letters = line.split("\t")
            begins = frozenset(word.removesuffix(STEM) for word in words.split() if word.endswith(STEM))
            whole = (word for word in words.split() if not word.endswith(STEM))
            known = _Known(frozenset((*whole, *(f"-{letter}" for letter in "".join(letters)))), begins)
            groups.setdefault(group, {})[code] = known
    return groups


def _by_function_words(sample: str, best: str, p: float) -> tuple[str, float] | None:
    """A language that no detector knows, when enough of its function words make up the sample.

    Args:
        sample: The text.
        best: The arbiter's answer.
        p: The arbiter's probability of it.
    """
    asked = [row for row in _function_words() if best in row[1] or p < SURE]
    if not asked:
        return None
    words = [word.lower().replace("’", "'") for word in _WORDS.findall(sample)]
    found = []
    for code, relatives, known in asked:
        hits = [word for word in words if word in known]
        share = len(hits) / max(len(words), 1)
        if best in relatives:
            enough = share >= RELATIVE_SHARE and len(set(hits)) >= 2
        else:
            enough = share >= FUNCTION_SHARE and len(set(hits)) >= 3
        if enough:
            found.append((share, code))
    if not found:
        return None
    share, code = max(found)
    return code, min(1.0, 0.7 + share)
