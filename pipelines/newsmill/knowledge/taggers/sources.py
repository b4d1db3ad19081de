"""Which corpora each tagger is made from."""

from __future__ import annotations

from newsmill.knowledge.taggers.corpora import Corpus

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
    "fi": (
        Corpus(
            name="Turku NER", repository="TurkuNLP/turku-ner-corpus",
            commit="41856819d45580f1c4ce7100e75ea6b859fb75dc", licence="CC-BY-SA-4.0",
            train=("data/conll/train.tsv", "data/conll/dev.tsv"), test=("data/conll/test.tsv",),
            form="tab-0-1", kinds={**_FOUR, "PRO": "MISC", "EVENT": "MISC"},
        ),
    ),
    "fr": (
        Corpus(
            name="Europeana Newspapers, French", repository=_EUROPEANA, commit=_EUROPEANA_AT,
            licence="CC0-1.0", train=("enp_FR*/*.bio",), form="by-type", kinds=_FOUR, share=0.8,
        ),
    ),
    "hr": (_uner("Croatian SET", "Croatian-SET", "20dcb2ef6b6bf9d5e03605a74c4d87215a1574c1"),),
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
    "pt": (
        _uner("Portuguese Bosque", "Portuguese-Bosque", "f2c2ad67aed900385fbe5d655af41f439c9b3333"),
    ),
    "ro": (
        Corpus(
            name="RONEC 1 and 2", repository="dumitrescustefan/ronec",
            commit="5ca6a898d4fa42f27fd49501d4a3265e61e9340c", licence="MIT",
            train=("data/valid.json", "ronec_v1/ronec/conllup/zips/ronec_iob.zip"), test=("data/test.json",),
            form="ronec", kinds=_RONEC,
        ),
    ),
    "sk": (_uner("Slovak SNK", "Slovak-SNK", "886e7c6d7e066e23246af5070d115a036a465c6d"),),
    "sv": (_uner("Swedish Talbanken", "Swedish-Talbanken", "dbb692085267da83a35d1e1d2c111671b3c7c46b"),),
}  # fmt: skip
"""By language. Each licence allows use of any kind; those that end in `SA` hold for the tagger too."""
