"""The language of a text, and how that is known."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from langdetect import detector_factory, lang_detect_exception

from newsmill.records import Language


@cache
def _profiles() -> detector_factory.DetectorFactory:
    """An own factory: langdetect's module-wide one is neither seeded nor safe to load from threads."""
    factory = detector_factory.DetectorFactory()
    files = sorted(Path(detector_factory.PROFILES_DIRECTORY).iterdir())
    factory.load_json_profile([file.read_text(encoding="utf-8") for file in files if file.is_file()])
    factory.set_seed(0)
    return factory


def detect(text: str, *, html_lang: str | None, title: str | None = None) -> Language:
    """Detect the language of `text` (with its `title`), the page's own lang attribute as evidence."""
    declared = html_lang.strip().replace("_", "-").split("-")[0].lower() if html_lang else None
    detector = _profiles().create()
    detector.append("\n".join(filter(None, (title, text)))[:1000])
    try:
        best = detector.get_probabilities()
    except lang_detect_exception.LangDetectException:
        best = []
    if not best:
        return Language(code="und", confidence=0.0, method="none", html=declared)
    code = {"no": "nb", "zh-cn": "zh", "zh-tw": "zh"}.get(best[0].lang, best[0].lang)
    confidence = round(min(best[0].prob, 1.0), 4)
    return Language(
        code=code,
        confidence=confidence,
        method="langdetect",
        html=declared or None,
        disagrees=bool(declared) and declared != code,
    )
