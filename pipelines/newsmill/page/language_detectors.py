"""The two libraries that tell languages apart, with the same answers as they give and at less cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from operator import itemgetter
from pathlib import Path
from typing import Protocol

import numpy as np
from langdetect import detector, detector_factory, lang_detect_exception
from langdetect.utils.ngram import NGram
from numpy.typing import NDArray
from py3langid.langid import MODEL_FILE, LanguageIdentifier

TRIALS = 1
"""langdetect's trials over a window: its best guess is asked for, not its probability, and its own 7 give the
same answers (`benchmarks/language.py`)."""

_FREQUENT = 1_024
"""Runs of letters whose chances in langdetect's languages are kept as an array; most that are drawn are."""

_LEAST = 5e-7
"""Probability below which a language of the arbiter's is left out before the others are put in order."""

_HALF_TO_SINGLE = 13  # binary digits that a half float's fraction lacks
_SIGN_AND_VALUE = np.int32(np.uint32(0x8FFF_E000).view(np.int32))
_OTHER_BIAS = np.float32(2.0 ** (127 - 15))

# One code a language: varieties to their ISO 639-1 macrolanguage, old stages to the modern language,
# since news is written in it; `zxx` is "no linguistic content".
FOLDED = {
    "no": "nb", "fil": "tl", "zh-cn": "zh", "zh-tw": "zh", "wuu": "zh", "yue": "zh", "arz": "ar", "ary": "ar",
    "ltg": "lv", "sdh": "ku", "ckb": "ku", "fuv": "ff", "gug": "gn", "kik": "ki", "uzs": "uz", "grc": "el",
    "hbo": "he", "zxx": "und", "ji": "yi",
}  # fmt: skip


class Detector(Protocol):
    """What tells languages apart. Implementations keep no state between calls: threads may share one."""

    name: str
    languages: frozenset[str]  # the codes it knows

    def probabilities(self, text: str) -> dict[str, float]:
        """Probability by language code (folded to ISO 639-1 where it has one); empty when it can't tell."""
        ...


_normalised = lru_cache(maxsize=4_096)(NGram.normalize)
"""langdetect looks each character up in a list of Unicode's blocks."""


class _Detector(detector.Detector):  # type: ignore[misc]
    """langdetect's own with the same answers, to the last bit, for a third of the cost."""

    def __init__(
        self, factory: detector_factory.DetectorFactory, chances: Callable[[str], NDArray[np.float64]]
    ) -> None:
        super().__init__(factory)
        self._chances = chances

    def _extract_ngrams(self) -> list[str]:
        known, found = self.word_lang_prob_map, []
        grams, in_capitals = " ", False
        for character in map(_normalised, self.text):
            last = grams[-1]
            if last == " ":
                grams, in_capitals = " ", False
                if character == " ":
                    continue
            elif len(grams) >= NGram.N_GRAM:
                grams = grams[1:]
            grams += character
            in_capitals = character.isupper() and (in_capitals or last.isupper())
            if not in_capitals:
                found += [
                    gram for n in range(1, len(grams) + 1) if (gram := grams[-n:]) != " " and gram in known
                ]
        return found

    def _init_probability(self) -> NDArray[np.float64]:
        return np.full(len(self.langlist), 1.0 / len(self.langlist))

    def _update_lang_prob(self, prob: NDArray[np.float64], word: str, alpha: float) -> None:
        prob *= alpha / self.BASE_FREQ + self._chances(word)

    def _normalize_prob(self, prob: NDArray[np.float64]) -> float:
        prob /= sum(prob.tolist())  # one after the other: numpy's own sum differs in the last bit
        return float(prob.max())


class _Identifier(LanguageIdentifier):  # type: ignore[misc]
    """py3langid's own with the same scores, whose ranks are those of the languages that may be meant."""

    def _sparse_score(self, visits: Mapping[int, int], table: NDArray[np.float16]) -> NDArray[np.float32]:
        features = np.fromiter(visits.keys(), dtype=np.intp, count=len(visits))
        counts = np.fromiter(visits.values(), dtype=np.float32, count=len(visits))
        # numpy widens half floats one by one; by their bits they are widened all at once
        bits = table.view(np.int16).take(features, axis=0).astype(np.int32)
        bits <<= _HALF_TO_SINGLE
        bits &= _SIGN_AND_VALUE
        scores = bits.view(np.float32)
        scores *= _OTHER_BIAS
        return np.asarray(np.log1p(counts) @ scores + self.nb_pc)

    def rank(self, text: str) -> list[tuple[str, float]]:
        scores = self._decide(text)
        merged: dict[str, float] = {}
        for column in np.flatnonzero(scores >= _LEAST).tolist():
            merged.setdefault(self.nb_classes[column], float(scores[column]))
        return sorted(merged.items(), key=itemgetter(1), reverse=True)


class Langdetect:
    """langdetect 1.0.9, made repeatable: own profiles in a fixed order, a seed, no module-wide state."""

    name = "langdetect"

    def __init__(self) -> None:
        self._factory = detector_factory.DetectorFactory()
        profiles = sorted(Path(detector_factory.PROFILES_DIRECTORY).iterdir())
        self._factory.load_json_profile([p.read_text(encoding="utf-8") for p in profiles if p.is_file()])
        self._factory.set_seed(0)
        known = self._factory.word_lang_prob_map
        self._chances = lru_cache(maxsize=_FREQUENT)(lambda gram: np.array(known[gram]))
        self.languages = frozenset(FOLDED.get(code, code) for code in self._factory.get_lang_list())

    def probabilities(self, text: str) -> dict[str, float]:
        """Probabilities above 0.1 by language."""
        found = _Detector(self._factory, self._chances)
        found.n_trial = TRIALS
        found.append(text)
        try:
            return folded({guess.lang: float(guess.prob) for guess in found.get_probabilities()})
        except lang_detect_exception.LangDetectException:  # it has no letters that it knows
            return {}


class Py3langid:
    """py3langid's own model: 139 languages, a naive Bayes over byte n-grams, calibrated."""

    name = "arbiter"

    def __init__(self) -> None:
        self._identifier = _Identifier.from_model_file(MODEL_FILE, norm_probs=True)
        self.languages = frozenset(FOLDED.get(code, code) for code in self._identifier.labels)

    def probabilities(self, text: str) -> dict[str, float]:
        """Probabilities of all its languages."""
        return folded({code: p for code, p in self._identifier.rank(text) if p > 1e-6})


@cache
def default_detector() -> Detector:
    """The detector that gives the answer, loaded once a process."""
    return Langdetect()


@cache
def arbiter() -> Detector:
    """The detector that decides where the default is unsure or lacks the language; loaded once a process."""
    return Py3langid()


def folded(probabilities: Mapping[str, float]) -> dict[str, float]:
    """The same with the varieties of a language summed under its one code."""
    summed: dict[str, float] = defaultdict(float)
    for code, p in probabilities.items():
        summed[FOLDED.get(code, code)] += p
    return dict(summed)
