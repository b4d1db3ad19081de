"""What extraction processes derive from pages: the same as the command would, or nothing at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import derivers
from newsmill.config import EnrichConfig, InputConfig, PageConfig
from newsmill.flow.elements.chunks import Extracted
from newsmill.flow.elements.derived import Derived, enrichment_of, is_sound
from newsmill.flow.steps import derive
from newsmill.flow.steps.enrich import enricher
from newsmill.flow.steps.identify import identify
from newsmill.flow.steps.readers import readers
from newsmill.page.boilerplate import Boilerplate, _key
from newsmill.page.sandbox import Sandbox
from newsmill.records import Extraction, Language, Page, ParsedPage, Position, RawPage, SourceRecord

AT = 1_790_000_000_000_000
LIMITS = PageConfig(processes=1, cpu_limit_s=1.0, wall_limit_s=5.0)
RULES = EnrichConfig()
STORIES = {
    "en": "LONDON (Reuters) - Angela Merkel met Joe Biden in Berlin, the United Nations said on Tuesday.",
    "de": "Angela Merkel traf in Wien den Präsidenten der Vereinten Nationen, wie dpa meldet.",
    "fr": "Emmanuel Macron a rencontré Angela Merkel à Marseille, selon Le Monde, a annoncé la présidence.",
    "ru": "Президент Владимир Путин встретился с Ангелой Меркель в Варшаве, сообщает агентство ТАСС.",
    "ar": "قال الرئيس محمد بن سلمان إن الأمم المتحدة تجتمع في القاهرة مع وزير الخارجية سامح شكري.",
    "he": "ראש הממשלה בנימין נתניהו נפגש בירושלים עם נשיא ארצות הברית ג'ו ביידן, כך נמסר.",
    "hi": "प्रधानमंत्री नरेंद्र मोदी ने नई दिल्ली में संयुक्त राष्ट्र के महासचिव से मुलाकात की।",
    "zh": "新华社北京11月8日电 国家主席习近平在北京会见了德国总理默克尔，联合国秘书长也出席了会议。",
    "ja": "岸田文雄首相は東京で国連のグテーレス事務総長と会談した。共同通信が伝えた。",
    "ko": "(서울=연합뉴스) 윤석열 대통령은 서울에서 유엔 사무총장과 만났다고 밝혔다.",
    "th": "นายกรัฐมนตรีไทยพบเลขาธิการสหประชาชาติที่กรุงเทพมหานคร",
    "und": "Lorem ipsum dolor sit amet, consectetur adipiscing elit.",
}


def raw(act: str = "story") -> RawPage:
    return RawPage(
        position=Position(topic="t", partition=0, offset=0),
        url=f"https://paper.example/{act}",
        body=b"<html><body><p>A page.</p></body></html>",
    )


def parsed(body: str, code: str = "en") -> ParsedPage:
    page = Page(title="Merkel in Berlin", body=body, extraction=Extraction(method="given", reason="test"))
    return ParsedPage(page=page, language=Language(code=code, confidence=1.0, method="given"))


def extracted(said: ParsedPage, derived: Derived | None) -> Extracted:
    record = SourceRecord(position=Position(topic="t", partition=0, offset=7), value=b"x", timestamp=AT - 5)
    return Extracted(record=record, raw=raw(), page=said.page, language=said.language, derived=derived)


def derived(said: ParsedPage, config: EnrichConfig = RULES) -> Derived:
    return derive.derive(raw(), said, page=LIMITS, told=config.model_dump_json())


@pytest.mark.parametrize("code", STORIES)
def test_identify_gives_the_same_draft_when_a_page_comes_with_what_follows_from_it(code: str) -> None:
    said = parsed("\n".join([STORIES[code]] * 6), code)
    beside = identify(extracted(said, derived(said)), AT)
    here = identify(extracted(said, None), AT)
    assert msgspec.structs.replace(beside, enrichment=None) == here
    found = enrichment_of(beside.enrichment, said.page.body)
    assert found == enricher(RULES.model_dump_json()).enrich(here.draft, statistical=False)


@pytest.mark.parametrize(
    "change",
    [
        {"content_hash": "no hash"},
        {"sketch": {"hashes": b"123"}},
        {"sketch": {"marks": b"\0" * 1_000}},
        {"sketch": {"text_hash": 1 << 63}},
        {"sketch": {"shingles": -1}},
        {"origin": {"start": 5, "end": 1 << 40}},
        {"origin": {"start": -1, "end": 4}},
    ],
    ids=str,
)
def test_what_no_process_of_ours_says_is_not_taken(change: dict[str, Any]) -> None:
    said = parsed("\n".join([STORIES["en"]] * 6))
    right = derived(said)
    assert is_sound(right, said.page.body)
    ((field, to),) = change.items()
    value = msgspec.structs.replace(getattr(right, field), **to) if isinstance(to, dict) else to
    wrong = msgspec.structs.replace(right, **{field: value})
    assert not is_sound(wrong, said.page.body)
    assert identify(extracted(said, wrong), AT) == identify(extracted(said, None), AT)


def test_identity_and_times_are_those_of_the_record_whatever_a_process_says() -> None:
    said = parsed("\n".join([STORIES["en"]] * 6))
    right = derived(said)
    other = {"article_id": "f" * 32, "domain": "other.example", "ingested_at": 1, "body_hash": b"\1" * 16}
    forged = msgspec.structs.replace(right, sketch=msgspec.structs.replace(right.sketch, **other))
    assert identify(extracted(said, forged), AT).sketch == identify(extracted(said, None), AT).sketch


def test_enrichment_is_not_taken_when_it_is_broken_or_of_another_text() -> None:
    said = parsed(STORIES["en"])
    encoded = derived(said).enrichment
    assert encoded is not None
    assert enrichment_of(encoded, said.page.body) is not None
    assert enrichment_of(encoded, "short") is None
    assert enrichment_of(encoded[:-3], said.page.body) is None
    assert enrichment_of(b"\x91" * 200_000 + b"\xc0", said.page.body) is None


def test_what_follows_from_a_page_is_not_taken_when_boilerplate_was_cut_from_it() -> None:
    notice = "Become a friend of the Weekly and read every story of it."
    said = parsed("\n".join([*[STORIES["en"]] * 6, notice]))
    known = Boilerplate(lines={"paper.example": frozenset(filter(None, [_key(notice)]))})
    cut = identify(extracted(said, derived(said)), AT, known)
    assert notice not in cut.draft.page.body
    assert cut == identify(extracted(said, None), AT, known)


@pytest.mark.parametrize(
    "config", [{"enabled": False}, {"models": ("en",)}, {"enrichers": ("some-plug-in",)}], ids=str
)
def test_entities_are_left_to_the_command_when_more_than_rules_are_asked_for(config: dict[str, Any]) -> None:
    assert derived(parsed(STORIES["en"]), EnrichConfig(**config)).enrichment is None


def test_confined_process_derives_what_this_one_does_in_every_script() -> None:
    """A table that was not loaded before would be a file that may not be opened."""
    told = RULES.model_dump_json()
    pages = [
        msgspec.structs.replace(raw(code), body=_html(code, story).encode())
        for code, story in STORIES.items()
    ]
    sandbox = readers(PageConfig(processes=1).model_dump_json(), InputConfig().model_dump_json(), told)
    for page, (found, said) in zip(pages, sandbox.readings(pages), strict=True):
        assert isinstance(found, ParsedPage), page.url
        assert said == derive.derive(page, found, page=LIMITS, told=told), page.url


def _html(code: str, story: str) -> str:
    lines = "".join(f"<p>{story} {number}.</p>" for number in range(12))
    head = f"<html lang={code}><head><title>Merkel</title></head><body>"
    return f"{head}<article><h1>Merkel</h1>{lines}</article></body></html>"


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox[ParsedPage]]:
    monkeypatch.setenv("PYTHONPATH", str(Path(derivers.__file__).parent), prepend=":")
    with Sandbox(
        page=LIMITS,
        input=InputConfig(),
        read="newsmill.page.reading:read",
        gives=ParsedPage,
        derive="derivers:misbehave",
        told="told",
        derives=Language,
    ) as opened:
        yield opened


@pytest.mark.parametrize("act", ["segfault", "killed", "bug", "memory", "open", "other", "spin", "sleep"])
def test_page_keeps_its_outcome_when_what_follows_from_it_fails(
    failing: Sandbox[ParsedPage], act: str
) -> None:
    story = _html("en", STORIES["en"]).encode()
    pages = [msgspec.structs.replace(raw(name), body=story) for name in ("before", act, "after")]
    before, failed, after = failing.readings(pages)
    assert isinstance(before.outcome, ParsedPage)
    assert before.outcome == failed.outcome == after.outcome
    assert (before.derived.code, failed.derived, after.derived.code) == ("told", None, "told")
