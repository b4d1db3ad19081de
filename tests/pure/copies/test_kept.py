"""The index in a folder: what a start takes from it, and what it never trusts."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from itertools import product
from pathlib import Path

import msgspec
import numpy as np
import pytest

from newsmill.config import CopiesConfig
from newsmill.copies import index as indexes
from newsmill.copies.files import MANIFEST, Folder, wipe
from newsmill.copies.index import CopyIndex
from newsmill.copies.sketches import Sketch
from newsmill.records import Fate
from newsroom import MINUTE, made, newsweek, reworded, story

DAY = 86_400_000_000


def opened(path: Path, **settings: object) -> CopyIndex:
    return CopyIndex(CopiesConfig(**settings), files=Folder(path))  # type: ignore[arg-type]


def fed(ready: CopyIndex, batches: list[list[Sketch]], start: int = 0) -> list[object]:
    told: list[object] = []
    for number, batch in enumerate(batches, start):
        resolution = ready.resolve(f"{number}", batch)
        ready.commit(f"{number}")
        told += [resolution.decisions, resolution.events]
    return told


def closed(ready: CopyIndex) -> None:
    folder = ready._folder
    assert folder is not None
    folder.close()


def news(seed: int) -> list[list[Sketch]]:
    """Stories, copies and revisions over nine days, delivered in any order, in batches of some size."""
    rng = random.Random(seed)
    sketches = [
        made(
            reworded(story(rng.randrange(25), 120), n, rng.choice((0.0, 0.0, 0.02, 0.05))),
            f"site-{rng.randrange(120)}",
            n,
            rng.choice((None, rng.randrange(500))),
            ingested=(n * 9 // 240) * DAY,
            recorded=rng.randrange(400) * MINUTE,
            domain=f"paper-{rng.randrange(7)}.example",
        )
        for n in range(240)
    ]
    batches, start = [], 0
    while start < len(sketches):
        size = rng.randrange(1, 40)
        batches.append(sketches[start : start + size])
        start += size
    return batches


@pytest.mark.parametrize("seed", range(12))
def test_index_taken_from_its_folder_goes_on_as_the_one_that_never_stopped(tmp_path, seed):
    batches = news(seed)
    stops = sorted(random.Random(seed).sample(range(1, len(batches)), 3))
    never = CopyIndex(CopiesConfig(horizon_days=3))
    told = fed(never, batches)
    found: list[object] = []
    for start, end in zip((0, *stops), (*stops, len(batches)), strict=True):
        ready = opened(tmp_path / "index", horizon_days=3)
        assert ready.load() == (None if start == 0 else f"until {start}".encode())
        found += fed(ready, batches[start:end], start)
        ready.publish(f"until {end}".encode())
        assert ready.nbytes == 0
        closed(ready)
    assert found == told
    assert ready.texts == never.texts


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    ready = opened(tmp_path / "index")
    fed(ready, [newsweek(1)])
    ready.publish(b"all")
    closed(ready)
    return tmp_path / "index"


def test_what_was_published_is_taken_when_nothing_changed(kept):
    assert opened(kept).load() == b"all"


@pytest.mark.parametrize("harm", ["cut", "longer", "one bit", "zeros", "gone"])
def test_nothing_is_taken_when_any_file_is_not_as_it_was_written(kept, harm):
    for path in sorted(kept.iterdir()):
        if path.name == "lock":
            continue
        whole = path.read_bytes()
        at = len(whole) // 2
        if harm == "gone":
            path.unlink()
        else:
            path.write_bytes(
                {
                    "cut": whole[:-1],
                    "longer": whole + b"\0",
                    "one bit": whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :],
                    "zeros": bytes(len(whole) - 1) + b"\1",
                }[harm]
            )
        ready = opened(kept)
        assert ready.load() is None, path.name
        assert ready.texts == 0
        closed(ready)
        path.write_bytes(whole)
    assert opened(kept).load() == b"all"


@pytest.mark.parametrize(
    "settings", [{"horizon_days": 8}, {"identity_days": 30}, {"min_containment": 0.5}, {"keep_body": "all"}]
)
def test_nothing_is_taken_when_other_settings_made_it(kept, settings):
    assert opened(kept, **settings).load() is None


def test_the_folders_place_is_no_setting_that_makes_another_index(kept, tmp_path):
    moved = tmp_path / "elsewhere"
    kept.rename(moved)
    assert opened(moved, folder=moved).load() == b"all"


@pytest.mark.parametrize("what", ["__version__", "LAYOUT"])
def test_nothing_is_taken_when_another_version_made_it(kept, monkeypatch, what):
    monkeypatch.setattr(indexes, what, "another")
    assert opened(kept).load() is None


def test_a_manifest_that_is_no_manifest_is_none(kept):
    import xxhash

    no_utf8 = b"\x81\xa1\xff\x01"
    for content in (b"", b"x", no_utf8, msgspec.msgpack.encode({"maker": 1}), bytes(100)):
        (kept / MANIFEST).write_bytes(xxhash.xxh3_64_digest(content) + content)
        ready = opened(kept)
        assert ready.load() is None
        closed(ready)


def test_folder_is_refused_when_another_process_has_it(kept):
    first = Folder(kept)
    with pytest.raises(BlockingIOError):
        Folder(kept)
    first.close()
    Folder(kept).close()


def test_no_byte_of_a_text_stays_in_the_folder_when_it_is_left(tmp_path):
    ready = opened(tmp_path)
    batch = [made(story(n), f"{n}", n, n, ingested=n // 20 * DAY) for n in range(60)]
    fed(ready, [batch[:30]])
    ready.publish(b"half")
    fed(ready, [batch[30:50]], 1)
    ready.leave()
    copies = [made(story(n), f"copy {n}", 100 + n, 900, ingested=2 * DAY) for n in range(60)]
    again = ready.resolve("again", copies).decisions  # what is in memory goes on
    assert sum(again[s.position].fate is Fate.COPY for s in copies) == 50
    ready.commit("again")
    ready.publish(b"never")
    left = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert not left
    assert all(sketch.hashes[:8] not in left for sketch in batch)


def test_files_of_others_stay_when_the_index_is_removed(kept):
    (kept / "notes.txt").write_text("mine")
    (kept / "texts-1.array").write_text("mine too")
    assert wipe(kept) > 5
    assert {path.name for path in kept.iterdir()} == {"notes.txt", "texts-1.array", "lock"}


def test_files_are_few_when_the_index_was_folded_often(tmp_path):
    ready = opened(tmp_path, horizon_days=2)
    for number in range(60):
        batch = [made(story(1000 * number + n, 60), f"{number} {n}", n, n, ingested=DAY) for n in range(12)]
        fed(ready, [batch], number)
        ready.publish(b"so far")
    assert len(list(tmp_path.iterdir())) < 11 * 8
    assert ready.texts == 720


def test_texts_leave_the_disk_with_their_day(tmp_path):
    ready = opened(tmp_path, horizon_days=1)
    sizes = []
    for day in range(6):
        batch = [made(story(100 * day + n, 60), f"{day} {n}", n, n, ingested=day * DAY) for n in range(40)]
        fed(ready, [batch], day)
        ready.publish(b"so far")
        sizes.append(sum(path.stat().st_size for path in tmp_path.glob("texts-*")))
    assert sizes[1] == sizes[2] == sizes[5] == 2 * sizes[0]
    gone = made(story(3, 60), "copy", 999, 5, ingested=5 * DAY)
    (decision,) = ready.resolve("last", [gone]).decisions.values()
    assert decision.fate is Fate.ARTICLE


def test_memory_a_text_is_under_200_bytes_when_most_are_in_files(tmp_path, monkeypatch):
    from newsmill.copies import store

    monkeypatch.setattr(store, "FOLD", 512)
    ready, rng = opened(tmp_path), np.random.default_rng(1)
    for start in range(0, 16384, 1024):
        batch = []
        for n in range(start, start + 1024):
            hashes = np.sort(rng.integers(0, 2**32, 160)).astype("<u4")
            made_up = made("", f"{n}", n, n)
            batch.append(
                msgspec.structs.replace(
                    made_up,
                    text_hash=n + 1,
                    shingles=400,
                    hashes=hashes.tobytes(),
                    sums=bytes(160),
                    keys=np.unique(hashes[:20]).tobytes(),
                    words=bytes(256),
                )
            )
        fed(ready, [batch], start)
        assert ready.nbytes <= 200 * 1024
    assert ready.nbytes / ready.texts < 200


KILLED = """
    import signal
    import sys
    from pathlib import Path
    from newsmill.copies import store
    from test_kept import closed, fed, news, opened

    store.FOLD = 24
    batches = news(5)
    ready = opened(Path(sys.argv[1]), horizon_days=3)
    start = int(ready.load() or 0)
    for number, batch in enumerate(batches[start:], start):
        fed(ready, [batch], number)
        ready.publish(f"{number + 1}".encode())
    signal.pause()
"""


def test_a_killed_process_leaves_what_it_published_last(tmp_path):
    batches = news(5)
    never = CopyIndex(CopiesConfig(horizon_days=3))
    told = fed(never, batches)
    rng = random.Random(2)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    seen = set()
    for _ in range(8):
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path)], env=environment
        )
        deadline = time.monotonic() + 60
        manifest = tmp_path / MANIFEST
        before = manifest.stat().st_mtime_ns if manifest.exists() else 0
        while (manifest.stat().st_mtime_ns if manifest.exists() else 0) == before:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(rng.random() * 0.3)
        process.send_signal(signal.SIGKILL)
        process.wait()
        ready = opened(tmp_path, horizon_days=3)
        known = ready.load()
        assert known is not None
        start = int(known)
        seen.add(start)
        assert fed(ready, batches[start:], start) == told[2 * start :]
        if start == len(batches) and ready._folder is not None:
            ready._folder.wipe()  # the next process begins anew
        closed(ready)
    assert len(seen) > 2


@pytest.mark.parametrize("seed", range(4))
def test_rows_of_the_lake_that_came_since_are_learnt_as_if_it_had_never_stopped(tmp_path, seed):
    batches = news(seed)
    never = CopyIndex(CopiesConfig(horizon_days=30))
    rows = []
    for number, batch in enumerate(batches):
        decisions = never.resolve(f"{number}", batch).decisions
        never.commit(f"{number}")
        rows.append(
            [
                indexes.SeedRow(sketch=s.encode(), revision=d.revision, cluster_id=d.duplicate.cluster_id)
                for s in batch
                if (d := decisions[s.position]).fate is not Fate.REDELIVERY
            ]
        )
    half = len(batches) // 2
    ready = opened(tmp_path, horizon_days=30)
    fed(ready, batches[:half])
    ready.publish(b"half")
    closed(ready)
    started = opened(tmp_path, horizon_days=30)
    assert started.load() == b"half"
    started.seed(row for batch in rows[half:] for row in batch)
    assert started.texts == never.texts
    for name, text, recorded in product(range(0, 120, 9), range(0, 25, 4), (0, 1000)):
        one = made(story(text, 120), f"site-{name}", 9999, 5, recorded=recorded * MINUTE, ingested=9 * DAY)
        (expected,) = never.resolve("one", [one]).decisions.values()
        (found,) = started.resolve("one", [one]).decisions.values()
        assert (found.fate, found.revision) == (expected.fate, expected.revision)
        assert found.duplicate.representative_id == expected.duplicate.representative_id
        assert found.duplicate.copy_type == expected.duplicate.copy_type
