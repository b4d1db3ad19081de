"""The corpora that taggers are made from, and how their files are read (for newsmill's maintainers).

None is on a registry, and none is a part of newsmill: `training` takes them from a folder with one folder for
each repository, named `OWNER+NAME`, at the commit that the table says.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from newsmill.errors import ConfigError
from newsmill.records import Record

Token = tuple[str, str, bool]
"""A word or mark, its tag (`O`, `B-PER`, `I-PER` …), and whether a space may stand behind it."""

Sentence = list[Token]


class Corpus(Record, frozen=True, kw_only=True):
    """A corpus of one language.

    Attributes:
        name: What it is called in cards and documents.
        repository: `OWNER/NAME` on GitHub.
        commit: The commit that was read.
        licence: SPDX's name.
        train: Patterns of its files that are learned from.
        test: Patterns of those that are never learned from, nor any sentence in them.
        form: How a file is read, a key of `FORMS`.
        kinds: What its types are called, or what they begin with, and the type of newsmill's that each is.
        share: The part of the sentences, from the first on, that is learned from, where no file is for tests.
    """

    name: str
    repository: str
    commit: str
    licence: str
    train: tuple[str, ...]
    test: tuple[str, ...] = ()
    form: str
    kinds: dict[str, str]
    share: float = 1.0

    def learned(self, root: Path) -> list[Sentence]:
        """The sentences that are learned from: none of them is one of `kept`."""
        kept = set(map(key, self.kept(root)))
        sentences = list(self._read(root, self.train))
        return [s for s in sentences[: int(len(sentences) * self.share)] if key(s) not in kept]

    def kept(self, root: Path) -> list[Sentence]:
        """The sentences that are only measured on."""
        sentences = list(self._read(root, self.train)) if self.share < 1 else []
        return sentences[int(len(sentences) * self.share) :] + list(self._read(root, self.test))

    def _read(self, root: Path, patterns: Iterable[str]) -> Iterator[Sentence]:
        folder = root / self.repository.replace("/", "+")
        for pattern in patterns:
            files = sorted(folder.glob(pattern))
            if not files:
                raise ConfigError([f"{folder / pattern}: no such file; {self.name} is in {self.repository}"])
            for file in files:
                for sentence in FORMS[self.form](file):
                    yield [(word, self._tag(tag), space) for word, tag, space in sentence]

    def _tag(self, tag: str) -> str:
        place, _, kind = tag.partition("-")
        parts = kind.split("_")
        names = ("_".join(parts[:length]) for length in range(len(parts), 0, -1))
        coarse = next((self.kinds[name] for name in names if name in self.kinds), "")
        return f"{place}-{coarse}" if coarse else "O"


def key(sentence: Sentence) -> str:
    """What two copies of a sentence have in common, however it was cut into words."""
    return "".join(filter(str.isalnum, "".join(word for word, _, _ in sentence))).lower()


def _columns(file: Path, word: int, tag: int, separator: str | None = None) -> Iterator[Sentence]:
    """Lines of columns; an empty line ends a sentence."""
    sentence: Sentence = []
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        cells = line.split(separator)
        if not line.strip() or line.startswith(("-DOCSTART", "# sent_id")):
            if sentence:
                yield sentence
            sentence = []
        elif len(cells) > max(word, tag) and not line.startswith("# ") and cells[word]:
            sentence.append((cells[word], cells[tag], True))
    if sentence:
        yield sentence


def _tagged_by_type(file: Path, separator: str | None = None) -> Iterator[Sentence]:
    """Word and tag; a run of words of one type is one name. Texts are cut at full stops."""
    sentence: Sentence = []
    before = "O"
    for whole in _columns(file, 0, 1, separator):
        for word, tag, _ in whole:
            kind = tag.partition("-")[2]
            place = "B" if tag.startswith("B-") or kind != before else "I"
            sentence.append((word, f"{place}-{kind}" if kind else "O", True))
            before = kind
            if word in ".!?" and len(sentence) > 4:
                yield sentence
                sentence, before = [], ""
        if sentence:
            yield sentence
            sentence, before = [], ""


def _iob2(file: Path) -> Iterator[Sentence]:
    """Universal NER: the text of each sentence stands before its words, which are parts of it."""
    text = ""
    sentence: Sentence = []
    for line in [*file.read_text(encoding="utf-8").splitlines(), ""]:
        if line.startswith("# text = "):
            text, sentence = line[9:], []
        elif line and line[0].isdigit():
            cells = line.split("\t")
            sentence.append((cells[1], cells[2], True))
        elif not line and sentence:
            yield _spaced(text, sentence)
            sentence = []


def _spaced(text: str, sentence: Sentence) -> Sentence:
    """The sentence with the spaces of its text, as far as its words stand in it."""
    found, at = [], 0
    for word, tag, _ in sentence:
        if text.startswith(word, at):
            at += len(word)
        space = at >= len(text) or text[at] == " "
        at += space
        found.append((word, tag, space))
    return found


def _ronec(file: Path) -> Iterator[Sentence]:
    if file.suffix == ".zip":
        yield from _ronec_zip(file)
        return
    for row in json.loads(file.read_text(encoding="utf-8")):
        yield list(zip(row["tokens"], row["ner_tags"], row["space_after"], strict=True))


def _ronec_zip(file: Path) -> Iterator[Sentence]:
    with zipfile.ZipFile(file) as archive:
        name = next(n for n in archive.namelist() if n.endswith(".conllup"))
        text = archive.read(name).decode("utf-8")
    sentence: Sentence = []
    for line in [*text.splitlines(), ""]:
        cells = line.split("\t")
        if line and cells[0].isdigit():
            sentence.append((cells[1], cells[10], "SpaceAfter=No" not in cells[9]))
        elif not line and sentence:
            yield sentence
            sentence = []


def _norne(file: Path) -> Iterator[Sentence]:
    """NorNE, in the treebank's own form and in that of Universal Dependencies."""
    for sentence in _columns(file, 1, -1):
        yield [(word, tag.removeprefix("name="), True) for word, tag, _ in sentence if word != "|"]


_LEAF = re.compile(r"\(([\w.-]+) (\S+) [^()\s]+\)")
_SHOWN = {"-Fpa-": "(", "-Fpt-": ")", "-Fca-": "[", "-Fct-": "]", "-Fla-": "{", "-Flt-": "}"}
_CESS_MAY = re.compile(r"_200005\d\d")
"""Files of May 2000, the month whose stories from EFE the Spanish set of CoNLL 2002 has."""


def _cess(file: Path) -> Iterator[Sentence]:
    """CESS-ESP's trees: a leaf is `(np0000l Hong_Kong Hong_Kong)`.

    Sentences with a name whose class is not told are left out.
    """
    with zipfile.ZipFile(file) as archive:
        for name in sorted(archive.namelist()):
            if not name.endswith(".tbf") or _CESS_MAY.search(name):
                continue
            for tree in archive.read(name).decode("latin-1").split("\n(\n"):
                leaves = [(tag, text) for tag, text in _LEAF.findall(tree) if text[0] != "*"]
                if leaves and not any(tag == "np00000" for tag, _ in leaves):
                    yield [token for tag, text in leaves for token in _leaf(tag, text)]


def _leaf(tag: str, text: str) -> Iterator[Token]:
    kind = tag[-1] if tag.startswith("np0000") else ""
    for at, word in enumerate(filter(None, _SHOWN.get(text, text).split("_"))):
        yield word, f"{'I' if at else 'B'}-{kind}" if kind else "O", True


def _masc(file: Path) -> Iterator[Sentence]:
    """MASC's written texts: `word_NN` a word, a sentence a line."""
    with zipfile.ZipFile(file) as archive:
        for name in sorted(n for n in archive.namelist() if "/written/" in n and not n.endswith("/")):
            for line in archive.read(name).decode("utf-8", "replace").splitlines():
                words = [token.rpartition("_")[0] for token in line.split()]
                if any(words):
                    yield [(word, "O", True) for word in words if word]


def _text(file: Path) -> Iterator[Sentence]:
    """The texts of the sentences of a treebank of Universal Dependencies."""
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith("# text = "):
            yield [(word, "O", True) for word in line[9:].split()]


FORMS: dict[str, Callable[[Path], Iterator[Sentence]]] = {
    "iob2": _iob2,
    "ronec": _ronec,
    "by-type": _tagged_by_type,
    "tab-0-1": lambda file: _columns(file, 0, 1, "\t"),
    "columns-0-1": lambda file: _columns(file, 0, 1),
    "columns-0-3": lambda file: _columns(file, 0, 3),
    "columns-1-2": lambda file: _columns(file, 1, 2),
    "cess": _cess,
    "conllup": lambda file: _columns(file, 0, 5),
    "masc": _masc,
    "norne": _norne,
    "text": _text,
}
