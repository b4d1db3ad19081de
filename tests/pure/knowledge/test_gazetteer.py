import time

from newsmill.knowledge.default import knowledge_base
from newsmill.knowledge.gazetteer import Gazetteer


def names_in(kb: Gazetteer, text: str, language: str = "en") -> list[str]:
    return [text[m.start : m.end] for m in kb.scan(text, language)]


def test_scan_takes_the_longest_name(kb: Gazetteer) -> None:
    assert names_in(kb, "He left New York City for Kabul.") == ["New York City", "Kabul"]


def test_scan_finds_names_across_a_line_break_and_in_capitals(kb: Gazetteer) -> None:
    assert names_in(kb, "NEW YORK and New\nYork") == ["NEW YORK", "New\nYork"]


def test_scan_leaves_small_letters_and_parts_of_words(kb: Gazetteer) -> None:
    assert names_in(kb, "he was reading about us in kabul; Kabulish bread") == []


def test_scan_takes_acronyms_only_in_capitals(kb: Gazetteer) -> None:
    assert names_in(kb, "Who told the WHO?") == ["WHO"]


def test_scan_finds_names_in_scripts_without_capitals(kb: Gazetteer) -> None:
    assert "北京" in names_in(kb, "他昨天到达北京。", "zh")
    assert "Москва" in names_in(kb, "Москва — столица", "ru")


def test_scan_leaves_the_article_and_the_title_outside(kb: Gazetteer) -> None:
    assert names_in(kb, "The Guardian asked President Obama.") == ["Guardian", "Obama"]


def test_demonyms_are_marked(kb: Gazetteer) -> None:
    (match,) = kb.scan("An Afghan official", "en")
    assert (match.candidates[0].role, match.candidates[0].country) == ("demonym", "AF")


def test_lookup_puts_the_likeliest_first(kb: Gazetteer) -> None:
    assert [c.entity_id for c in kb.lookup("Paris")][:1] == ["Q90"]
    assert kb.lookup("Georgia")[0].country == "GE"
    assert {c.type for c in kb.lookup("Georgia")} >= {"country", "admin1"}
    assert kb.lookup("no such name at all") == ()


def test_candidates_priors_add_up_to_one(kb: Gazetteer) -> None:
    assert abs(sum(c.prior for c in kb.lookup("Springfield")) - 1) < 1e-3


def test_default_knowledge_base_keeps_its_budgets(kb: Gazetteer) -> None:
    folder = knowledge_base()
    assert len(kb) >= 250_000
    assert sum(f.stat().st_size for f in folder.iterdir()) <= 60e6
    started = time.thread_time()
    Gazetteer.open(folder)
    assert time.thread_time() - started < 0.25
