"""Plug-ins of other packages: what is wrong with them is told, all of it, before anything starts."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from newsmill.config import Config, EnrichConfig, InputConfig, PageConfig, loading
from newsmill.errors import ConfigError
from newsmill.knowledge import article_steps, steps
from newsmill.page import foreign_extractors
from newsmill.records import Article, Enrichment
from newsmill.runtime.plugins import Kind
from newsmill.sources import foreign_envelopes
from newsmill.sources.envelopes import decode
from wirelake import Sent, extracted

MODULE = """
raise_here = None

class Right:
    name, version, columns = "right", "1", ("topics", "extras")
    def __init__(self, config): self.config = config
    def decode(self, record): return {"url": "https://a.example/1"}, record.value
    def extract(self, html, *, url, own): return "  a text \\n\\n of its own "
    def enrich(self, document): return {"topics": ("x",), "extras": {"right.key": "1"}}
    def apply(self, article): return article.enrichment
    def write(self, batch_id, rows): pass

class Raising:
    def __init__(self, config): raise RuntimeError("no key is set")

class Leaving:
    def __init__(self, config): raise SystemExit(3)

class Empty:
    def __init__(self, config): pass

class Greedy(Right):
    name, columns = "greedy", ("body",)

class Twin(Right):
    name = "places"

class Odd(Right):
    columns = 3

number = 3
"""
KINDS = (
    foreign_envelopes.KIND,
    foreign_extractors.KIND,
    steps.KIND,
    article_steps.KIND,
)


def install(folder: Path, package: str, version: str = "1.0", **points: str) -> None:
    """A package as an installer leaves it; `points` are (name, object) of every group."""
    module = package.replace("-", "_")
    (folder / f"{module}.py").write_text(MODULE)
    info = folder / f"{module}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
    groups = [
        f"[newsmill.{group}]\n" + "".join(f"{n} = {value.format(module)}\n" for n, value in points.items())
        for group in ("envelopes", "extractors", "enrichers", "steps", "sinks")
    ]
    (info / "entry_points.txt").write_text("\n".join(groups))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith(("some_package", "other_package")):
            del sys.modules[name]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_plugin_is_made_with_the_section_that_names_it(kind: Kind, site: Path) -> None:
    install(site, "some-package", right="{}:Right")
    config = EnrichConfig()
    ((name, made),) = kind.open(["right"], config)
    assert name == "right"
    assert made.config is config
    assert ("right", "some-package 1.0") in kind.installed()


def test_package_that_no_setting_names_is_never_imported(site: Path) -> None:
    install(site, "some-package", right="{}:Right")
    (site / "some_package.py").write_text("raise RuntimeError('imported')")
    assert foreign_envelopes.open_all(InputConfig()) == ()
    assert [step.name for step in steps.steps(EnrichConfig())] == ["entities", "places", "topics"]


def test_all_that_is_wrong_with_plugins_is_told_at_once(site: Path) -> None:
    install(
        site,
        "some-package",
        absent="no_such_module:Thing",
        lacking="{}:Nothing",
        number="{}:number",
        raising="{}:Raising",
        leaving="{}:Leaving",
        empty="{}:Empty",
        right="{}:Right",
        twice="{}:Right",
    )
    install(site, "other-package", twice="{}:Right")
    names = ["absent", "lacking", "number", "raising", "leaving", "empty", "twice", "rigth", "right", "right"]
    with pytest.raises(ConfigError) as raised:
        foreign_envelopes.KIND.open(names, InputConfig())
    assert raised.value.problems == (
        "absent (some-package 1.0): no_such_module:Thing can't be imported: ModuleNotFoundError: No module "
        "named 'no_such_module'",
        "lacking (some-package 1.0): some_package:Nothing can't be imported: AttributeError: module "
        "'some_package' has no attribute 'Nothing'",
        "number (some-package 1.0): some_package:number can't be called to make it",
        "raising (some-package 1.0): some_package:Raising can't be made: RuntimeError: no key is set",
        "leaving (some-package 1.0): some_package:Leaving can't be made: SystemExit: 3",
        "empty (some-package 1.0): some_package:Empty is none of newsmill.envelopes: it has no decode()",
        "twice: other-package 1.0 and some-package 1.0 have it, only one of them may be installed",
        "rigth: no installed package has it; did you mean right?",
        "right: is named twice",
    )


def test_module_with_broken_code_is_a_mistake_of_the_settings(site: Path) -> None:
    install(site, "some-package", right="{}:Right")
    (site / "some_package.py").write_text("def broken(:\n")
    with pytest.raises(ConfigError, match="can't be imported: SyntaxError: "):
        foreign_extractors.KIND.open(["right"], PageConfig())


def test_enrichers_that_are_wrong_are_all_told(site: Path) -> None:
    install(site, "some-package", greedy="{}:Greedy", twin="{}:Twin", odd="{}:Odd")
    with pytest.raises(ConfigError) as raised:
        steps.steps(EnrichConfig(enrichers=("greedy", "twin")))
    assert raised.value.problems == (
        "greedy: fills 'body'; possible are entities, places, countries, topics, extras",
        "places: there is another enricher of this name",
    )
    with pytest.raises(ConfigError, match=r"it has no columns that is a tuple"):
        steps.steps(EnrichConfig(enrichers=("odd",)))


def test_settings_tell_of_every_kind_with_its_setting(site: Path) -> None:
    install(site, "some-package", raising="{}:Raising")
    wrong = {
        ("input", "envelopes"): ["gone"],
        ("page", "extractors"): ["raising"],
        ("enrich", "enrichers"): ["gone"],
        ("enrich", "steps"): ["gone"],
        ("lake", "sinks"): ["raising"],
        ("copies", "horizon_days"): 0,
    }
    with pytest.raises(ConfigError) as raised:
        loading.load(options=wrong)
    told = [problem.split(": ")[1] for problem in raised.value.problems]
    assert sorted(told) == sorted(".".join(path) for path in wrong)


def test_envelope_that_gives_something_else_is_a_bug(site: Path) -> None:
    install(site, "some-package", right="{}:Right")
    foreign = foreign_envelopes.open_all(InputConfig(envelopes=("right",)))
    record = extracted(0, Sent("https://b.example/2", "text")).record
    page = decode(record, InputConfig(), foreign)
    assert (page.url, page.body, page.envelope) == ("https://a.example/1", b"x", "right")
    foreign[0][1].decode = lambda record: "<html>"
    with pytest.raises(TypeError, match=r"the envelope right gave no \(mapping, bytes\), but str"):
        decode(record, InputConfig(), foreign)


def test_text_of_an_extractor_is_cleaned_as_any_other(site: Path) -> None:
    install(site, "some-package", right="{}:Right")
    found = foreign_extractors.first_text(PageConfig(extractors=("right",)), "<html>", url="u", own="")
    assert found == ("right", "a text\nof its own")


@pytest.mark.parametrize("extras", [{"other.key": "1"}, {"right.key": 1}, {"right": "1"}])
def test_extras_are_texts_under_the_name_of_who_found_them(extras: dict) -> None:
    with pytest.raises(ValueError, match=r"extras must be texts by keys that begin with 'right.'"):
        steps.checked_extras("right", extras)


def test_step_that_takes_anothers_extras_is_a_bug(article: Article) -> None:
    class Thief:
        version = "1"

        def apply(self, article: Article) -> Enrichment:
            return Enrichment(extras={"other.key": "2"})

    with pytest.raises(ValueError, match="extras must be texts"):
        article_steps.applied(article, [("thief", Thief())])


def test_step_that_gives_no_enrichment_is_a_bug(article: Article) -> None:
    class Nothing:
        version = "1"

        def apply(self, article: Article) -> Enrichment:
            return None

    with pytest.raises(TypeError, match="the step nothing gave no Enrichment, but NoneType"):
        article_steps.applied(article, [("nothing", Nothing())])


@pytest.fixture
def article() -> Article:
    from newsmill.config import KeepBody, OnReserved
    from newsmill.copies.index import CopyIndex
    from newsmill.flow.elements.chunks import SketchedChunk
    from newsmill.flow.steps.enrich import finish
    from newsmill.flow.steps.identify import identify
    from newsmill.flow.steps.mark import mark

    draft = identify(extracted(0, Sent("https://a.example/1", "One of two. " * 30)), 1)
    ((marked,), _, _) = mark(CopyIndex(Config().copies), "b", [SketchedChunk(drafts=(draft,))])
    return finish(marked, None, EnrichConfig(), KeepBody.ALL, OnReserved.KEEP).article
