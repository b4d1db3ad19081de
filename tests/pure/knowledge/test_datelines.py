"""A dateline's place is a place and its agency an organisation, whatever recogniser or model is asked."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings, strategies as st

from growth import cpu_ratio
from newsmill.config import EnrichConfig
from newsmill.knowledge.document import Document
from newsmill.knowledge.enricher import Enricher
from newsmill.knowledge.gazetteer import Gazetteer
from newsmill.knowledge.recognisers.datelines import datelines
from newsmill.knowledge.recognisers.statistical import MODELS
from newsmill.knowledge.spans import COARSE, Span, apart
from newsmill.knowledge.steps import Entities, Places

TAGGERS = {MODELS[name].language: name for name in sorted(MODELS) if MODELS[name].missing is None}


@pytest.fixture(scope="module")
def tagging() -> Enricher:
    return Enricher.open(EnrichConfig(models=tuple(TAGGERS.values())))


def told(enricher: Enricher, text: str, language: str) -> list[tuple[str, str]]:
    found = enricher.enrich_text(text, language=language)
    spans = sorted((m.start, m.text, e.coarse) for e in found.entities for m in e.mentions)
    return [(name, coarse) for _, name, coarse in spans]


@pytest.mark.parametrize(
    ("language", "text", "names"),
    [
        ("en", "PARIS (Reuters) - Paris Hilton said so.", [("PARIS", "LOC"), ("Reuters", "ORG")]),
        ("en", "WASHINGTON, Nov 3 (Reuters) - Denzel", [("WASHINGTON", "LOC"), ("Reuters", "ORG")]),
        ("en", "KYIV, Ukraine (AP) — Rain.", [("KYIV", "LOC"), ("Ukraine", "LOC"), ("AP", "ORG")]),
        ("en", "GAZA/JERUSALEM (AP) - Rain.", [("GAZA", "LOC"), ("JERUSALEM", "LOC"), ("AP", "ORG")]),
        ("es", "MADRID (EFE).- El presidente del Gobierno, Pedro", [("MADRID", "LOC"), ("EFE", "ORG")]),
        ("es", "Buenos Aires (EFE).- Llueve.", [("Buenos Aires", "LOC"), ("EFE", "ORG")]),
        ("fi", "HELSINKI (STT) Tampereella juhlittiin.", [("HELSINKI", "LOC"), ("STT", "ORG")]),
        ("sv", "STOCKHOLM (TT) Statsminister Ulf Kristersson", [("STOCKHOLM", "LOC"), ("TT", "ORG")]),
        ("de", "KÖNIGSWINTER (dpa) - Der Minister", [("KÖNIGSWINTER", "LOC"), ("dpa", "ORG")]),
        ("de", "Berlin (dpa/AFP) – Es regnet.", [("Berlin", "LOC"), ("dpa", "ORG"), ("AFP", "ORG")]),
        ("fr", "PARIS (AFP) - Paris Jackson est là.", [("PARIS", "LOC"), ("AFP", "ORG")]),
        ("de", "WIEN (APA) - Es regnet.", [("WIEN", "LOC"), ("APA", "ORG")]),
        ("it", "AMBURGO (GERMANIA) - Piove.", [("AMBURGO", "LOC"), ("GERMANIA", "LOC")]),
        ("pl", "WARSZAWA (PAP) - Pada.", [("WARSZAWA", "LOC"), ("PAP", "ORG")]),
        ("uk", "КИЇВ (Укрінформ) – Іде дощ.", [("КИЇВ", "LOC"), ("Укрінформ", "ORG")]),
        ("ar", "القاهرة (رويترز) - قال", [("القاهرة", "LOC"), ("رويترز", "ORG")]),
        ("ko", "(서울=연합뉴스) 비가 온다.", [("서울", "LOC"), ("연합뉴스", "ORG")]),
        ("ja", "【ワシントン共同】雨だ。", [("ワシントン", "LOC"), ("共同", "ORG")]),
        ("ja", "［東京　3日　ロイター］ - 雨だ。", [("東京", "LOC"), ("ロイター", "ORG")]),
        ("en", "LONDON — Rain.", [("LONDON", "LOC")]),
    ],
)  # fmt: skip
def test_dateline_is_place_and_agency_in_each_language(
    enricher: Enricher, tagging: Enricher, language: str, text: str, names: list[tuple[str, str]]
) -> None:
    for one in (enricher, tagging):
        found = told(one, text, language)
        assert found[: len(names)] == names


@pytest.mark.parametrize(
    "text",
    [
        "NATO (North Atlantic Treaty Organization) said so.",
        "Barack Obama (Democrat) said so.",
        "Angela Merkel (CDU) – die Kanzlerin – sprach.",
        "IBM (NYSE) - shares rose.",
        "He was in PARIS (Texas) - for years.",
        "1 (one) - two",
        "",
    ],
)
def test_line_is_no_dateline_when_it_begins_with_something_else(kb: Gazetteer, text: str) -> None:
    document = Document(text, language="en", title=None, url=None, gazetteer=kb, recogniser=Random([]))
    assert document.spans == []


def test_person_stays_one_when_the_dateline_has_the_name(enricher: Enricher) -> None:
    text = "PARIS (Reuters) - Paris Hilton left. She likes Paris."
    assert told(enricher, text, "en") == [
        ("PARIS", "LOC"), ("Reuters", "ORG"), ("Paris Hilton", "PER"), ("Paris", "LOC"),
    ]  # fmt: skip
    found = enricher.enrich_text(text, language="en")
    assert [m.text for p in found.places for m in p.mentions] == ["PARIS", "Paris"]


class Random:
    """A recogniser that says what it is told to."""

    name, version = "random", "0"

    def __init__(self, spans: list[Span]) -> None:
        self._spans = spans

    def recognise(self, text: str, language: str) -> list[Span]:
        return self._spans


TEXT = "PARIS (AFP) - The Bank of England and Premier Keir Starmer met New York Mayor Eric Adams in London."
SPANS = st.lists(
    st.tuples(st.integers(0, len(TEXT) - 1), st.integers(1, 40), st.sampled_from(COARSE)), max_size=12
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(SPANS)
def test_entities_never_overlap_or_nest_whatever_a_recogniser_says(
    kb: Gazetteer, spans: list[tuple[int, int, str]]
) -> None:
    given = [Span(start=s, end=min(len(TEXT), s + n), coarse=c) for s, n, c in spans]
    for language in ("en", "fr"):
        document = Document(
            TEXT, language=language, title=None, url=None, gazetteer=kb, recogniser=Random(given)
        )
        assert all(a.end <= b.start for a, b in pairwise(document.spans))
        found = Entities().enrich(document)["entities"]
        mentions = sorted((m.start, m.end) for e in found for m in e.mentions)
        assert all(a[1] <= b[0] for a, b in pairwise(mentions))
        places = sorted((m.start, m.end) for p in Places().enrich(document)["places"] for m in p.mentions)
        assert all(a[1] <= b[0] for a, b in pairwise(places))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(SPANS)
def test_spans_apart_are_some_of_those_given_and_hold_the_longest(spans: list[tuple[int, int, str]]) -> None:
    given = [Span(start=s, end=s + n, coarse=c, sure=n % 7 == 0) for s, n, c in spans]
    kept = apart(given)
    assert set(kept) <= set(given)
    assert all(a.end <= b.start for a, b in pairwise(kept))
    for span in given:
        assert any(k.start < span.end and span.start < k.end and (k.sure or not span.sure) for k in kept)


@pytest.mark.parametrize("line", ["A B C D E (", "PARIS, A A A A ", "(((((", "GAZA/", "É’É-", "【ア"])
def test_cost_of_datelines_is_linear_in_the_text(line: str) -> None:
    def work(text: str) -> None:
        datelines(text, lambda _: True, lambda _: False)

    assert cpu_ratio(work, lambda size: line * size, small=20_000) < 2
    assert cpu_ratio(work, lambda size: (line * 3 + "\n") * size, small=20_000) < 2
