"""Re-published wire stories: found, and nothing glued to round-ups and market reports."""

from __future__ import annotations

import json
import subprocess
import sys

from newsmill.copies.sketches import sketch
from newsroom import draft, fed, folded


def test_wire_copies_are_clustered_and_negatives_stay_alone(shared, tmp_path):
    texts = [json.loads(line) for line in (shared / "eval/texts/wirecopies.jsonl").open()]
    drafts = [
        draft(text["text"], url=f"https://{text['id']}", offset=n, title=text["title"])
        for n, text in enumerate(texts)
    ]
    _, events = fed([sketch(one) for one in drafts])
    cluster = {article: n for n, group in enumerate(folded(events)[0]) for article in group}
    predictions = tmp_path / "predictions.jsonl"
    predictions.write_text(
        "".join(
            json.dumps({"id": text["id"], "cluster": cluster[one.article_id]}) + "\n"
            for text, one in zip(texts, drafts, strict=True)
        )
    )
    gold = shared / "eval/gold/wirecopies.jsonl"
    command = [sys.executable, shared / "eval/score_dups.py", gold, predictions]
    scores = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    assert scores["ari"] >= 0.99
    assert scores["b3"]["f1"] >= 0.98
    sizes = [len(group) for group in folded(events)[0]]
    by_id = {text["id"]: cluster[one.article_id] for text, one in zip(texts, drafts, strict=True)}
    members = list(folded(events)[0])
    for row in map(json.loads, gold.open()):
        if row["edits"] in (["roundup"], ["series"]):
            assert len(members[by_id[row["id"]]]) == 1, row
    assert max(sizes) < 30
