import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from newsmill.config import EnrichConfig
from newsmill.errors import ConfigError
from newsmill.knowledge.build import build
from newsmill.knowledge.document import Document
from newsmill.knowledge.enricher import Enricher
from newsmill.knowledge.entries import user_entries
from newsmill.knowledge.gazetteer import Gazetteer
from newsmill.knowledge.steps import COLUMNS, steps
from newsmill.records import Entity

TEXT = """\
Pakistan has asked the Afghan Taliban to act against Tehreek-e-Taliban Pakistan (TTP), officials said.

Talks with the TTP were held in Kabul and in Khost. The chief of the Haqqani network, Sirajuddin Haqqani,
mediated.

Ambassador Mansoor Ahmed Khan told The Express Tribune that he could not confirm it. Foreign Minister Shah
Mahmood Qureshi flew to Kabul with Lt General Faiz Hameed of the ISI. Qureshi was content, and so was Hameed.

Nobody in Afghanistan would let the TTP use Afghan soil against Pakistan, Mansoor said."""

EXPECTED = {
    "Taliban": ("armed_group", "ORG"),
    "Tehreek-e-Taliban Pakistan": ("armed_group", "ORG"),
    "Haqqani network": ("armed_group", "ORG"),
    "Sirajuddin Haqqani": ("politician", "PER"),
    "Mansoor Ahmed Khan": ("politician", "PER"),
    "Shah Mahmood Qureshi": ("politician", "PER"),
    "Faiz Hameed": ("military_officer", "PER"),
    "Inter-Services Intelligence": ("agency", "ORG"),
    "The Express Tribune": ("outlet", "ORG"),
    "Pakistan": ("country", "LOC"),
    "Afghanistan": ("country", "LOC"),
    "Kabul": ("city", "LOC"),
}


def entities(enricher: Enricher, text: str, **more: str) -> dict[str, Entity]:
    found = enricher.enrich_text(text, language="en", title=more.get("title")).entities
    return {e.name: e for e in found if e.type != "nationality"}


def test_names_of_a_story_are_linked_with_their_types(enricher: Enricher) -> None:
    found = entities(enricher, TEXT)
    assert {n: (found[n].type, found[n].coarse) for n in EXPECTED} == EXPECTED
    assert found["Kabul"].wikidata_id == "Q5838"
    assert all(found[n].linked for n in EXPECTED)


def test_acronym_joins_the_long_form_that_introduces_it(enricher: Enricher) -> None:
    forms = [m.text for m in entities(enricher, TEXT)["Tehreek-e-Taliban Pakistan"].mentions]
    assert forms == ["Tehreek-e-Taliban Pakistan", "TTP", "TTP", "TTP"]


def test_acronym_of_an_unknown_body_joins_too(enricher: Enricher) -> None:
    text = "The Umbrella Makers Trade Council (UMTC) met on Monday. The UMTC has nine members."
    (body,) = [e for e in entities(enricher, text).values() if e.coarse == "ORG"]
    assert ([m.text for m in body.mentions], body.linked, body.entity_id[:4]) == (
        ["Umbrella Makers Trade Council", "UMTC", "UMTC"],
        False,
        "nil:",
    )


def test_short_mention_takes_the_entity_of_its_long_form(enricher: Enricher) -> None:
    found = entities(enricher, TEXT)
    assert [m.text for m in found["Faiz Hameed"].mentions] == ["Faiz Hameed", "Hameed"]
    assert "Mansoor" in [m.text for m in found["Mansoor Ahmed Khan"].mentions]
    unknown = entities(
        enricher, "Zelda Quillfeather sang. Critics loved Quillfeather, and Quillfeather loved them."
    )
    assert [len(e.mentions) for e in unknown.values()] == [3]


def test_offsets_are_those_of_the_text(enricher: Enricher) -> None:
    found = enricher.enrich_text(TEXT, language="en")
    for item in (*found.entities, *found.places):
        for mention in item.mentions:
            assert TEXT[mention.start : mention.end] == mention.text


def test_each_place_of_the_story_has_coordinates(enricher: Enricher) -> None:
    found = {m.text: p for p in enricher.enrich_text(TEXT, language="en").places for m in p.mentions}
    assert {"Pakistan", "Afghanistan", "Kabul", "Khost", "Afghan"} <= set(found)
    assert (round(found["Kabul"].lat), round(found["Kabul"].lon)) == (35, 69)
    assert (round(found["Khost"].lat), round(found["Khost"].lon), found["Khost"].country) == (33, 70, "AF")


def test_seed_page_has_all_its_entities(enricher: Enricher, shared: Path) -> None:
    text = (shared / "seed" / "000_130fa66825a9f5f5.txt").read_text(encoding="utf-8")
    found = entities(enricher, text)
    assert {n: (found[n].type, found[n].coarse) for n in EXPECTED} == EXPECTED


def test_title_makes_its_entities_more_salient(enricher: Enricher) -> None:
    plain, titled = entities(enricher, TEXT), entities(enricher, TEXT, title="Kabul talks go on")
    assert titled["Kabul"].in_title
    assert not plain["Kabul"].in_title
    assert titled["Kabul"].salience == pytest.approx(plain["Kabul"].salience + 0.2)
    assert all(0 <= e.salience <= 1 for e in titled.values())


def test_unknown_names_stay_nil(enricher: Enricher) -> None:
    (person,) = entities(enricher, "The novelist Zelda Quillfeather has died.").values()
    assert (person.linked, person.wikidata_id, person.link_score) == (False, None, None)
    assert person.entity_id == "nil:zelda quillfeather"


def test_common_words_at_a_sentence_start_are_no_brands(enricher: Enricher) -> None:
    text = "Next came the target. Orange is a colour. Best of all, Gap years are free. Shell eggs are cheap."
    assert not any(
        e.wikidata_id for e in entities(enricher, text).values() if e.type in ("company", "organisation")
    )


def test_nationality_keeps_the_country_but_no_link_of_its_own(enricher: Enricher) -> None:
    (found,) = [e for e in enricher.enrich_text("An Afghan poet spoke.", language="en").entities if e.linked]
    assert (found.type, found.coarse, found.country, found.wikidata_id) == ("nationality", "MISC", "AF", None)


def test_same_text_gives_the_same_rows(enricher: Enricher) -> None:
    other = Enricher.open(EnrichConfig())
    assert enricher.enrich_text(TEXT, language="en") == other.enrich_text(TEXT, language="en")


@pytest.mark.parametrize("language", ["de", "zh", "und", "xx", ""])
def test_any_language_is_accepted(enricher: Enricher, language: str) -> None:
    assert enricher.enrich_text("Kabul, 北京, Москва", language=language).places


@pytest.mark.parametrize(
    "text", ["", " ", "(", "(TTP)", "A" * 50_000, "Kabul, " * 3_000, "\x00\ud7ff\U0010ffff İ (AB)"]
)
def test_odd_texts_pass(enricher: Enricher, text: str) -> None:
    enricher.enrich_text(text, language="en", title=text[:100], url="https://" + text[:50])


def test_only_the_asked_enrichers_run(enricher: Enricher) -> None:
    found = enricher.enrich_text(TEXT, language="en", only=["places"])
    assert found.places
    assert not found.entities
    assert set(found.versions) == {"kb", "rules", "places"}
    with pytest.raises(ConfigError, match="no enricher nothing; there are: entities, places, topics"):
        enricher.enrich_text(TEXT, language="en", only=["nothing"])


class Shouting:
    """A plug-in, as someone else would write it."""

    name = "shouting"
    version = "7"
    columns = ("topics", "extras")

    def enrich(self, document: Document) -> dict[str, object]:
        return {"topics": (document.text.upper(),), "extras": {"shouting.words": "1"}}


def test_plugin_fills_its_columns_and_tells_its_version(enricher: Enricher) -> None:
    mine = Enricher(enricher._gazetteer, (*steps(EnrichConfig()), Shouting()), rules=enricher._rules)
    found = mine.enrich_text("quiet", language="en")
    assert found.topics == ("QUIET",)
    assert found.extras == {"shouting.words": "1"}
    assert found.versions["shouting"] == "7"


def test_columns_are_those_of_the_record(enricher: Enricher) -> None:
    fields = set(enricher.enrich_text("", language="en").__struct_fields__)
    assert set(COLUMNS) == fields - {"versions", "marks"}


def test_links_keep_their_precision_on_news(enricher: Enricher, shared: Path) -> None:
    """A guard; the measure is in docs/quality/enrichment.md."""
    texts = {r["id"]: r["text"] for r in map(json.loads, (shared / "eval/texts/msnbc.jsonl").open())}
    right = asked = 0
    for row in map(json.loads, (shared / "eval/gold/msnbc.jsonl").open()):
        gold = {(m["start"], m["end"]): m["qid"] for m in row["links"]}
        for entity in enricher.enrich_text(texts[row["id"]], language="en").entities:
            for m in entity.mentions if entity.wikidata_id else ():
                if (m.start, m.end) in gold:
                    asked += 1
                    right += gold[m.start, m.end] == entity.wikidata_id
    assert asked > 150
    assert right / asked > 0.9


def test_enricher_of_the_guide_works(enricher: Enricher) -> None:
    guide = Path(__file__).parents[3] / "docs/guide/knowledge.md"
    code = guide.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    names: dict[str, type] = {}
    exec(code, names)
    made = [names["CountryTopics"](EnrichConfig())]
    found = Enricher(enricher._gazetteer, made, rules=enricher._rules).enrich_text(
        "In Lahore.", language="en"
    )
    assert found.topics == ("country:PK",)


def test_files_of_the_guide_build(tmp_path: Path) -> None:
    guide = (Path(__file__).parents[3] / "docs/guide/knowledge.md").read_text(encoding="utf-8")
    own = guide[guide.index("```yaml\n# own.yaml") :]
    for kind in ("yaml", "csv"):
        (tmp_path / f"own.{kind}").write_text(own.split(f"```{kind}\n")[1].split("```")[0])
    build(user_entries([tmp_path / "own.yaml", tmp_path / "own.csv"]), tmp_path / "kb", sources={})
    kb = Gazetteer.open(tmp_path / "kb")
    assert {c.role for c in kb.lookup("Diet")} == {"domestic"}
    assert kb.lookup("New Town")[0].lat == pytest.approx(41.41)


@pytest.mark.parametrize(
    "line",
    [
        "Aaaa Bbbb Council (A{0:X}C) said. Mr Bbbb{0} went to Springfield. ",
        "Aaaa{0} Bbbb{0} Corp and Aaaa met. ",
    ],
)
def test_cost_grows_with_the_text_and_not_with_its_square(enricher: Enricher, line: str) -> None:
    def took(lines: int) -> float:
        text = "".join(line.format(n) for n in range(lines))
        started = time.thread_time()
        enricher.enrich_text(text, language="en")
        return time.thread_time() - started

    took(300)
    assert min(took(2400) for _ in range(3)) < 20 * max(min(took(300) for _ in range(3)), 0.01)


def test_rows_do_not_depend_on_the_hash_seed(enricher: Enricher) -> None:
    script = (
        "import sys, hashlib; from newsmill.config import EnrichConfig; import msgspec\n"
        "from newsmill.knowledge.enricher import Enricher\n"
        "found = Enricher.open(EnrichConfig()).enrich_text(sys.stdin.read(), language='en', title='Kabul')\n"
        "print(hashlib.sha256(msgspec.json.encode(found)).hexdigest())"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", script], input=TEXT * 3, env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(told) == 1


def test_text_of_more_than_a_page_may_cost_is_marked(enricher: Enricher) -> None:
    many = enricher.enrich_text("UK " * 6_000, language="en")
    assert "mentions-cut" in many.marks
    assert max(len(place.mentions) for place in many.places) <= 5_000
    assert "names-in-part-of-text" in enricher.enrich_text("word " * 30_000, language="en").marks
    assert enricher.enrich_text(TEXT, language="en").marks == ()


def test_enrichers_after_a_spent_budget_are_not_run_and_the_article_says_so(enricher: Enricher) -> None:
    found = enricher.enrich_text(TEXT, language="en", cpu_limit_s=0)
    assert found.marks == ("enrichment-cut",)
    assert "topics" not in found.versions


@pytest.mark.parametrize("text", ["", " ", "\n\n", "\u00ad\u200b", "\ufeff"])
def test_text_without_letters_has_no_entities_and_its_title_gives_none(enricher: Enricher, text: str) -> None:
    found = enricher.enrich_text(text, language="de", title="Merkel besucht Paris")
    assert (found.entities, found.places, found.countries) == ((), (), ())
