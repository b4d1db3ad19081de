import re

from newsmill.knowledge import name_suggestion_index
from newsmill.knowledge.entries import data, english_words, table
from newsmill.knowledge.names import key

FILES = ("people.yaml", "bodies.yaml", "abroad.yaml")


def curated() -> dict[str, tuple[str, list[str]]]:
    found = {}
    for file in FILES:
        for rows in table(file).values():
            for name, qid, _, *more in rows:
                if qid:
                    found[qid] = (name, more[0] if more else [])
    return found


def test_no_wikidata_id_stands_for_two_curated_entities() -> None:
    seen: dict[str, str] = {}
    for file in FILES:
        for rows in table(file).values():
            for name, qid, *_ in rows:
                if qid:
                    assert seen.setdefault(qid, name) == name, qid
    places = [q for names in table("cities.yaml").values() for q in names.values()]
    ids = [q[0] if isinstance(q, list) else q for q in places]
    assert len(ids) == len(set(ids))
    assert not set(ids) & set(seen)


def test_curated_ids_agree_with_the_name_suggestion_index() -> None:
    """Where the index knows an id of ours, its label shares a word or the acronym with our names."""
    index = {f"Q{o.qid}": o for o in name_suggestion_index.read(data("organisations.tsv.gz"))}
    both = {q: v for q, v in curated().items() if q in index}
    assert len(both) > 50
    wrong = []
    for qid, (name, others) in both.items():
        ours = {w for n in (name, *others) for w in re.findall(r"\w+", key(n)) if len(w) > 1}
        theirs = {
            w for n in (index[qid].name, *index[qid].names) for w in re.findall(r"\w+", key(n)) if len(w) > 1
        }
        if not ours & theirs:
            wrong.append((qid, name, index[qid].name))
    assert wrong == []


def test_points_of_the_tables_are_on_the_globe() -> None:
    rows = [row for rows in table("regions.yaml").values() for row in rows]
    points = [(row[2], row[3]) for row in rows]
    points += [tuple(c["point"]) for c in table("countries.yaml").values() if c and "point" in c]
    points += [tuple(c["point"]) for c in table("divisions.yaml").values() if c and "point" in c]
    assert all(-90 <= lat <= 90 and -180 <= lon <= 180 for lat, lon in points)


def test_english_words_are_there() -> None:
    assert {"target", "reading", "nice", "mobile"} <= english_words()
