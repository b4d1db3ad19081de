import json
import subprocess
import sys
from pathlib import Path

import pytest

SEED = "https://asianlite.com/2021/top-news/taliban-toughen-stance-on-pak-policy-on-ttp/"


def explain(lake: Path, what: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "newsmill", "explain", what, "--lake", str(lake), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
    )


def stories(lake: Path, what: str) -> list[dict[str, dict[str, object]]]:
    done = explain(lake, what, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_seed_page_comes_out_right_in_every_column(demo_lake: Path) -> None:
    (story,) = stories(demo_lake, SEED)
    article = story["article"]
    assert article["title"] == "Taliban Toughen Stance on Pak Policy on TTP"
    body = article["body"]
    assert body.startswith(("Pakistani officials in interactions", "Days before the Afghan Taliban"))
    assert body.endswith("who frequently interacts with the Taliban government.")
    for boilerplate in (
        *("ALSO READ", "Previous Story", "Next Story", "Latest from", "Go toTop", "Don't Miss", "mins read"),
        *("Japan Cancels", "Ishiba", "Modi calls Yoga", "Odinga", "Imran reneges", "Nepali peacekeeper"),
    ):
        assert boilerplate not in body
    assert article["published_at"].startswith("2021-11-08")
    assert (article["lang"], article["lang_script"], article["domain"]) == ("en", "Latn", "asianlite.com")
    assert "Express Tribune" in article["origin"]["agency"]
    evidence = article["origin"]
    assert body[evidence["start"] : evidence["end"]] == evidence["evidence"]
    assert "Express Tribune reported" in evidence["evidence"]
    names = {entity["name"] for entity in article["entities"]}
    for name in (
        *("Tehreek-e-Taliban Pakistan", "Haqqani network", "Sirajuddin Haqqani", "Mansoor Ahmed Khan"),
        *("Shah Mahmood Qureshi", "Faiz Hameed", "Inter-Services Intelligence", "The Express Tribune"),
        *("Pakistan", "Afghanistan", "Kabul"),
    ):
        assert name in names
    for entity in article["entities"]:
        for mention in entity["mentions"]:
            assert body[mention["start"] : mention["end"]] == mention["text"]
    places = {place["name"]: place for place in article["places"]}
    assert places["Kabul"]["country"] == "AF"
    assert abs(places["Kabul"]["lat"] - 34.5) < 0.2 and abs(places["Kabul"]["lon"] - 69.2) < 0.2


def test_explain_tells_of_cuts_file_and_snapshot(demo_lake: Path) -> None:
    told = explain(demo_lake, SEED).stdout
    for part in (
        "fate: article",
        "cut: related-line",
        "snapshot:",
        ".parquet",
        "Express Tribune",
        "versions",
    ):
        assert part in told


def test_explain_tells_of_a_page_that_is_quarantined(demo_lake: Path) -> None:
    (story,) = stories(demo_lake, "https://www.nightdesk.example/puzzles/endless-garden")
    assert story["article"] is None
    assert story["fate"]["fate"] == "quarantined"
    assert story["quarantine"]["code"] == story["fate"]["reason"] == "E_NESTING"
    assert story["quarantine"]["payload_bytes"] == story["fate"]["bytes"]


@pytest.mark.parametrize(
    ("what", "code", "said"),
    [
        ("https://never.example/seen", 1, "the lake has no record of"),
        ("no such thing", 2, "neither a URL"),
    ],
    ids=["unknown", "nonsense"],
)
def test_explain_says_so_when_there_is_nothing(demo_lake: Path, what: str, code: int, said: str) -> None:
    done = explain(demo_lake, what)
    assert done.returncode == code
    assert said in done.stderr


def test_explain_says_so_when_there_is_no_lake(tmp_path: Path) -> None:
    done = explain(tmp_path, SEED)
    assert done.returncode == 2
    assert "no newsmill lake" in done.stderr
