"""Strict F1 of names by rules on a corpus that newsmill was not made looking at: a file in BIO columns.

A line is a token and its tag (`B-`, `I-`, `E-`, `S-`, `O`), an empty line ends a sentence. Tokens are joined
by `--between`, nothing for languages without spaces. Types are those of OntoNotes or CoNLL.

Usage: python benchmarks/bio.py FILE --language ja [--between ""]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from newsmill.config import EnrichConfig
from newsmill.knowledge.enricher import Enricher

TYPES = {
    "PERSON": "PER", "PER": "PER", "GPE": "LOC", "LOC": "LOC", "FAC": "LOC", "ORG": "ORG",
}  # fmt: skip

Name = tuple[int, int, str]


def sentences(file: Path) -> Iterator[list[tuple[str, str]]]:
    """Tokens with their tags."""
    sentence: list[tuple[str, str]] = []
    for line in (*file.read_text(encoding="utf-8").splitlines(), ""):
        columns = line.split()
        if columns:
            sentence.append((columns[0], columns[-1]))
        elif sentence:
            yield sentence
            sentence = []


def read(sentence: list[tuple[str, str]], between: str) -> tuple[str, set[Name]]:
    """The text of a sentence, and its names."""
    text, names, open_ = "", set(), None
    for token, tag in (*sentence, ("", "O")):
        form, _, type_ = tag.partition("-")
        begins = form in ("B", "S") or (form in ("I", "E") and (open_ is None or open_[2] != type_))
        if open_ is not None and (begins or form == "O"):
            names.add(open_)
            open_ = None
        start = len(text)
        text += token
        if begins:
            open_ = (start, len(text), type_)
        elif open_ is not None:
            open_ = (open_[0], len(text), type_)
        text += between
    return text, {(start, end, TYPES[type_]) for start, end, type_ in names if type_ in TYPES}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--language", required=True, help="ISO 639-1")
    parser.add_argument("--between", default="", help="what stands between two tokens")
    args = parser.parse_args()
    enricher = Enricher.open(EnrichConfig())
    right, wrong, missed = set(), set(), set()
    for number, sentence in enumerate(sentences(args.file)):
        text, gold = read(sentence, args.between)
        found = enricher.enrich_text(text, language=args.language, title=None, url=None, statistical=False)
        named = {(m.start, m.end, e.coarse) for e in found.entities for m in e.mentions}
        named = {name for name in named if name[2] in TYPES.values()}
        right |= {(number, *name) for name in named & gold}
        wrong |= {(number, *name) for name in named - gold}
        missed |= {(number, *name) for name in gold - named}
    for type_ in (*sorted(set(TYPES.values())), "all"):
        counts = [sum(type_ in (name[3], "all") for name in names) for names in (right, wrong, missed)]
        f1 = 2 * counts[0] / max(1, 2 * counts[0] + counts[1] + counts[2])
        print(f"{type_:4} right {counts[0]:5} wrong {counts[1]:5} missed {counts[2]:5} F1 {f1:.3f}")


if __name__ == "__main__":
    main()
