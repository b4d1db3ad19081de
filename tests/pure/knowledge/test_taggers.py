from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest

from newsmill.errors import ConfigError
from newsmill.knowledge.gazetteer import Gazetteer
from newsmill.knowledge.recognisers import Rules, Statistical
from newsmill.knowledge.recognisers.statistical import MODELS, problems
from newsmill.knowledge.recognisers.words import Words
from newsmill.knowledge.taggers import features, training
from newsmill.knowledge.taggers.corpora import Corpus, Sentence
from newsmill.knowledge.taggers.tagger import Tagger, named

pytest.importorskip("pycrfsuite", reason="an optional extra: newsmill[taggers]")

TAGGERS = sorted((name, model.language) for name, model in MODELS.items() if model.module == "pycrfsuite")
TEXTS = {
    "da": ("Det siger Mette Holm Jensen til Ritzau i København.", "Mette Holm Jensen"),
    "de": ("Das sagte Karin Lindemann am Montag in Kaiserslautern.", "Karin Lindemann"),
    "en": ("That was said by Karen Lindeman, a spokeswoman, in Ottawa.", "Karen Lindeman"),
    "es": ("Lo dijo el alcalde, José García Ruiz, en Valladolid.", "José García Ruiz"),
    "fi": ("Asiasta kertoi Helsingissä Matti Virtanen.", "Matti Virtanen"),
    "fr": ("M. Jean Duval, maire de Rouen, a parlé hier à Paris.", "Rouen"),
    "hr": ("Predsjednik Ivan Horvat govorio je jučer u Zagrebu.", "Ivan Horvat"),
    "it": ("Lo ha detto il sindaco Carlo Bianchi a Bologna.", "Carlo Bianchi"),
    "nb": ("Det sier Kari Nordmann i Trondheim til NTB.", "Kari Nordmann"),
    "pl": ("Powiedział to wczoraj Jan Kowalski w Krakowie.", "Jan Kowalski"),
    "pt": ("O ministro João Silva falou ontem em Lisboa.", "João Silva"),
    "ro": ("Ministrul Ion Popescu a vorbit ieri la Cluj.", "Cluj"),
    "sk": ("Povedal to včera Ján Novák v Bratislave.", "Ján Novák"),
    "sv": ("Det säger Anna Lindström i Göteborg på måndagen.", "Göteborg"),
}


@pytest.fixture(scope="module")
def rules(kb: Gazetteer) -> Rules:
    return Rules(kb)


def corpus(**changed: object) -> Corpus:
    settings: dict[str, object] = {
        "name": "made", "repository": "a/b", "commit": "0", "licence": "CC0-1.0", "train": ("learned.*",),
        "form": "iob2", "kinds": {"PER": "PER", "nam_loc": "LOC"},
    }  # fmt: skip
    return Corpus(**(settings | changed))  # type: ignore[arg-type]


def written(root: Path, name: str, text: str) -> None:
    root.joinpath("a+b").mkdir(exist_ok=True)
    root.joinpath("a+b", name).write_text(text, encoding="utf-8")


@pytest.mark.parametrize(("name", "language"), TAGGERS)
def test_each_tagger_that_the_settings_name_finds_names(name: str, language: str, rules: Rules) -> None:
    text, expected = TEXTS[language]
    recogniser = Statistical.open([name], rules=rules)
    assert expected in [text[s.start : s.end] for s in recogniser.recognise(text, language)]


def test_each_tagger_has_a_card_with_its_corpora_and_licence() -> None:
    for _, language in TAGGERS:
        sources = training.used(language)
        card = training.DATA.joinpath(f"{language}.md").read_text(encoding="utf-8")
        assert sources
        assert all(source.commit[:8] in card and source.licence in card for source in sources)
        assert f"Licence of the model: {training.licence(language)}." in card


def test_notice_tells_the_licence_of_each_tagger() -> None:
    notice = training.DATA.parent.joinpath("NOTICE.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| (\w+)\.crf\.zst \| (\S+) \|$", notice, re.MULTILINE))
    assert rows == {language: training.licence(language) for _, language in TAGGERS}


def test_tagger_whose_file_was_taken_out_is_refused_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert list(problems(["da"])) == []
    monkeypatch.setattr("newsmill.knowledge.taggers.tagger.DATA", tmp_path)
    assert list(problems(["da"])) == ["'da' was taken out of this newsmill: there is no da.crf.zst"]


def test_a_tagger_reads_no_more_of_a_text_than_models_do(rules: Rules) -> None:
    recogniser = Statistical.open(["ro"], rules=rules)
    text = TEXTS["ro"][0] + "\n" + "ord " * 200_000 + "Ion Popescu"
    found = recogniser.recognise(text, "ro")
    assert "Cluj" in [text[s.start : s.end] for s in found if s.start < 100]


def test_a_tagger_gives_the_same_names_one_by_one_and_many_at_once(rules: Rules) -> None:
    recogniser = Statistical.open(["ro"], rules=rules)
    texts = [TEXTS["ro"][0], "", "\n", "x" * 50_000]
    assert list(recogniser.recognise_all(texts, "ro")) == [recogniser.recognise(t, "ro") for t in texts]


def test_two_models_of_one_language_are_refused() -> None:
    assert len(list(problems(["ro", "xx", "fr-small", "fr-small", "no"]))) == 2
    if MODELS["fr"].missing is None:
        assert list(problems(["ro", "fr-small", "fr"])) == [
            "'fr-small' and 'fr' read one language; name one of them"
        ]


def test_tags_are_names_also_where_an_inside_follows_nothing() -> None:
    words = Words("Anna Berg Oslo Oslo i", "nb").part(0, 5)
    tags = ["I-PER", "I-PER", "I-LOC", "B-LOC", "O"]
    assert list(named(words, tags)) == [(0, 9, "PER"), (10, 14, "LOC"), (15, 19, "LOC")]
    assert list(named(words, ["O", "O", "O", "O", "B-LOC"])) == [(20, 21, "LOC")]


def test_long_lines_are_read_in_pieces() -> None:
    text = "ord " * (features.LONGEST_LINE + 1) + "\nslut"
    words = Words(text, "da")
    stretches = list(features.lines(text, words.part(0, words.count)))
    assert [last - first for first, last in stretches] == [features.LONGEST_LINE, 1, 1]
    assert list(features.lines("", [])) == []


def test_corpus_in_universal_ners_form_keeps_the_spaces_of_its_text(tmp_path: Path) -> None:
    written(
        tmp_path,
        "learned.iob2",
        '# text = "Anna", sa hon.\n1\t"\tO\n2\tAnna\tB-PER\n3\t"\tO\n4\t,\tO\n5\tsa\tO\n6\thon\tO\n7\t.\tO\n',
    )
    (sentence,) = corpus().learned(tmp_path)
    assert [(word, tag) for word, tag, space in sentence if space] == [(",", "O"), ("sa", "O"), (".", "O")]
    assert list(training.lines([sentence])) == [('"Anna", sa hon.', [(1, 5, "PER")])]


def test_corpus_with_bare_types_gives_a_name_for_each_run(tmp_path: Path) -> None:
    written(
        tmp_path,
        "learned.bio",
        "Anna I-PER\nBerg I-PER\nmet O\nBo I-PER\nLi I-nam_loc_city\n. O\nDan I-PER\n",
    )
    first, second = corpus(form="by-type").learned(tmp_path)
    assert [tag for _, tag, _ in first] == ["B-PER", "I-PER", "O", "B-PER", "B-LOC", "O"]
    assert second == [("Dan", "B-PER", True)]


def test_trees_of_cess_give_names_by_their_class_and_leave_out_a_month_and_unclassed_names(
    tmp_path: Path,
) -> None:
    tree = (
        "\n(\n  (S\n    (sn (np0000l Nueva_York Nueva_York))\n (sn-SUJ *0* *0*)\n"
        "    (Fpa -Fpa- -Fpa-) (np0000p Ana Ana) (Fpt -Fpt- -Fpt-)))\n"
        "\n(\n  (S (sn (np00000 EDF EDF)) (vmis3s0 llegó llegar)))\n"
        "\n(\n  (S (vmis3s0 llegó llegar) (Fp . .)))\n"
    )
    with zipfile.ZipFile(tmp_path / "learned.zip", "w") as archive:
        for name in ("10017_20000413", "10018_20000513"):
            archive.writestr(f"cess/{name}.tbf", tree.encode("latin-1"))
    (tmp_path / "a+b").mkdir()
    (tmp_path / "learned.zip").rename(tmp_path / "a+b" / "learned.zip")
    first, second = corpus(form="cess", kinds={"p": "PER", "l": "LOC"}).learned(tmp_path)
    assert [(word, tag) for word, tag, _ in first] == [
        ("Nueva", "B-LOC"), ("York", "I-LOC"), ("(", "O"), ("Ana", "B-PER"), (")", "O"),
    ]  # fmt: skip
    assert [word for word, _, _ in second] == ["llegó", "."]


def test_text_of_a_corpus_is_read_without_its_tags(tmp_path: Path) -> None:
    written(tmp_path, "learned.tsv", "Anna\tB-PER\nsang\tO\n")
    ((anna, sang),) = corpus(form="tab-0-1", kinds={}).learned(tmp_path)
    assert (anna, sang) == (("Anna", "O", True), ("sang", "O", True))


def test_teacher_reads_many_sentences_as_one_text_and_gives_lines_of_few(rules: Rules) -> None:
    teacher = Statistical.open(["ro"], rules=rules)
    sentences = ["Ministrul Ion Popescu a vorbit ieri la Cluj."] * 7
    names = [(s.start, s.end, s.coarse) for s in teacher.recognise("\n".join(sentences), "ro")]
    made = list(training._tagged(sentences, lambda _: names))
    assert [text.count("Popescu") for text, _ in made] == [1, 2, 3, 1]
    found = [[text[start:end] for start, end, _ in names] for text, names in made]
    assert found[0][-1] == "Cluj"
    assert found == [found[0] * text.count("Cluj") for text, _ in made]


def test_no_sentence_that_is_measured_on_is_learned_from(tmp_path: Path) -> None:
    same = "Anna\tB-PER\nsang\tO\n\n"
    written(tmp_path, "learned.tsv", same + "Bo\tB-PER\nsang\tO\n\n")
    written(tmp_path, "kept.tsv", "Anna-\tB-PER\nsang!\tO\n")
    made = corpus(form="tab-0-1", test=("kept.tsv",))
    assert [s[0][0] for s in made.learned(tmp_path)] == ["Bo"]
    shared = corpus(form="tab-0-1", share=0.5)
    assert [s[0][0] for s in shared.learned(tmp_path)] == ["Anna"]
    assert [s[0][0] for s in shared.kept(tmp_path)] == ["Bo"]


def test_missing_file_of_a_corpus_is_told_with_its_repository(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"learned\.\*: no such file; made is in a/b"):
        corpus().learned(tmp_path)
    with pytest.raises(ConfigError, match="no corpora of 'xx'"):
        training.known(["xx"])


def test_training_gives_the_same_bytes_and_a_tagger_that_knows_what_it_learned(rules: Rules) -> None:
    sentences: list[Sentence] = [
        [
            ("I", "O", True),
            (place, "B-LOC", True),
            ("bor", "O", True),
            (name, "B-PER", True),
            (".", "O", True),
        ]
        for place in ("Qaanaaq", "Nuuk", "Sisimiut")
        for name in ("Pipaluk", "Malik", "Aviaja", "Inuk")
    ]
    model = training.train({"da": training.lines(sentences)}, rules)
    assert model == training.train({"da": training.lines(sentences)}, rules)
    text = "I Qaanaaq bor Malik."
    tagger = Tagger(model, "da")
    assert list(tagger.names(text, *rules.read(text, "da"))) == [(2, 9, "LOC"), (14, 19, "PER")]
    assert training.measured(training.lines(sentences), tagger, rules, "da")["all"] == 1.0
