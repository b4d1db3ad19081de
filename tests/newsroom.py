"""Made-up stories and what sites do with them."""

from __future__ import annotations

import hashlib
import random
from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from newsmill.config import CopiesConfig
from newsmill.copies.files import Nameless
from newsmill.copies.index import CopyIndex
from newsmill.copies.sketches import Sketch, sketch
from newsmill.records import ClusterEvent, Draft, Extraction, Language, Page, Position

_SYLLABLES = (
    "ba den kor lis mav neth or pil qua rev sol tam ur vex wen yor zan chel drim fos gath hul".split()
)
MINUTE = 60_000_000


def vocabulary(seed: int = 0, size: int = 6000) -> list[str]:
    rng = random.Random(seed)
    return sorted({"".join(rng.choices(_SYLLABLES, k=rng.choice((1, 2, 2, 3, 3)))) for _ in range(size)})


WORDS = vocabulary()


def story(number: int, words: int = 300) -> str:
    """A text of its own: sentences of 8 to 20 words, three to a paragraph."""
    rng = random.Random(f"story {number}")
    paragraphs: list[str] = []
    sentences: list[str] = []
    while words > 0:
        count = min(words, rng.randint(8, 20))
        words -= count
        sentences.append(" ".join(rng.choices(WORDS, k=count)).capitalize() + ".")
        if len(sentences) == 3 or words == 0:
            paragraphs.append(" ".join(sentences))
            sentences = []
    return "\n".join(paragraphs)


def title_of(text: str) -> str:
    """A headline made of words of the text's beginning."""
    return " ".join(word.strip(".") for word in text.split()[:40] if len(word) > 5)[:60].title()


def cut(text: str, share: float) -> str:
    """The beginning of a text."""
    words = text.split(" ")
    return " ".join(words[: int(len(words) * share)])


def reworded(text: str, seed: int, share: float = 0.04) -> str:
    """Some words replaced by others."""
    rng = random.Random(seed)
    return " ".join(rng.choice(WORDS) if rng.random() < share else word for word in text.split(" "))


def draft(
    body: str,
    *,
    url: str,
    offset: int,
    title: str | None = None,
    published: int | None = None,
    precision: str = "second",
    recorded: int | None = None,
    ingested: int = 0,
    topic: str = "news",
    partition: int = 0,
    domain: str = "example.org",
    language: str = "en",
) -> Draft:
    title = title_of(body) if title is None else title
    digest = hashlib.blake2b(url.encode(), digest_size=16).hexdigest()
    content = hashlib.blake2b(f"{title}\n{body}".encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return Draft(
        position=Position(topic=topic, partition=partition, offset=offset),
        url=url,
        final_url=None,
        canonical_url=None,
        url_key=url,
        domain=domain,
        article_id=digest,
        content_hash=content,
        fetched_at=None,
        ingested_at=ingested,
        recorded_at=recorded,
        page=Page(
            title=title,
            body=body,
            published_at=published,
            published_precision=precision,
            extraction=Extraction(method="given", reason="test"),
        ),
        language=Language(code=language, confidence=1.0, method="test"),
    )


def made(body: str, name: str, offset: int, published: int | None = None, **more: object) -> Sketch:
    """A sketch of a text at `https://<name>`, published some minutes after the epoch."""
    minutes = None if published is None else published * MINUTE
    return sketch(draft(body, url=f"https://{name}", offset=offset, published=minutes, **more))  # type: ignore[arg-type]


def article_id(name: str) -> str:
    """The id of what `made` makes at a name."""
    return hashlib.blake2b(f"https://{name}".encode(), digest_size=16).hexdigest()


def index(**settings: object) -> CopyIndex:
    return CopyIndex(CopiesConfig(**settings), files=Nameless())  # type: ignore[arg-type]


def fed(sketches: Sequence[Sketch], sizes: Iterable[int] = ()) -> tuple[CopyIndex, list[ClusterEvent]]:
    """An index that was given the sketches in batches of the sizes (the rest in one)."""
    made_index, events, start = index(), [], 0
    for number, size in enumerate([*sizes, len(sketches)]):
        batch = sketches[start : start + size]
        if batch:
            events += made_index.resolve(f"batch {number}", batch).events
            made_index.commit(f"batch {number}")
        start += size
    return made_index, events


def folded(events: Iterable[ClusterEvent]) -> tuple[set[frozenset[str]], dict[str, str]]:
    """Where all articles are in the end, from the events alone: clusters, and representatives by article."""
    cluster: dict[str, str] = {}
    members: dict[str, set[str]] = defaultdict(set)
    leader: dict[str, str] = {}
    for event in events:
        if event.event in ("created", "joined"):
            members[cluster.get(event.article_id, "")].discard(event.article_id)
            cluster[event.article_id] = event.cluster_id
            members[event.cluster_id].add(event.article_id)
        elif event.event == "left" and cluster.get(event.article_id) == event.cluster_id:
            members[event.cluster_id].discard(cluster.pop(event.article_id) and event.article_id)
        elif event.event == "merged" and event.merged_into is not None:
            for article in members.pop(event.cluster_id, set()):
                cluster[article] = event.merged_into
                members[event.merged_into].add(article)
        leader[event.merged_into or event.cluster_id] = event.representative_id
    groups = {frozenset(group) for group in members.values() if group}
    return groups, {article: leader[of] for article, of in cluster.items()}


def at(sketch_: Sketch, **fields: object) -> Sketch:
    """A sketch with other fields."""
    return msgspec.structs.replace(sketch_, **fields)


def newsweek(seed: int) -> list[Sketch]:
    """Stories with their copies, revisions, round-ups, reports and records without times, in source order."""
    rng = random.Random(seed)
    sketches: list[Sketch] = []
    texts: list[str] = []
    for offset in range(160):
        roll, name = rng.random(), f"site-{offset}"
        published = rng.choice([None, rng.randrange(500)])
        if roll < 0.4 or not texts:
            text = story(1000 * seed + offset, rng.choice((60, 150, 300)))
            texts.append(text)
        elif roll < 0.5:
            text = "\n".join(cut(t, 0.7) for t in rng.sample(texts, min(3, len(texts))))
        else:
            text = rng.choice(texts)
            if roll < 0.9:
                text = reworded(text, offset, rng.choice((0, 0.02, 0.05)))
                text = cut(text, rng.choice((0.35, 0.6, 1)))
            if roll > 0.8:
                text += "\n" + story(offset, 40)
        if rng.random() < 0.15 and offset > 10:
            name = f"site-{rng.randrange(offset)}"
        title = rng.choice((title_of(text), "", "News in brief"))
        sketches.append(made(text, name, offset, published, title=title, recorded=offset * MINUTE))
    return sketches


def turning_pages(seed: int) -> list[Sketch]:
    """Short pages that are copied, cut, extended and turned into each other's text, in source order."""
    rng = random.Random(seed)
    pages: dict[str, str] = {}
    sketches: list[Sketch] = []
    kinds = {"new": 30, "exact": 15, "edited": 10, "cut": 15, "changed": 20, "turned": 3, "again": 7}
    for offset in range(1, 321):
        (kind,) = rng.choices(list(kinds), list(kinds.values()))
        name, known = f"page-{offset}", list(pages)
        if len(known) < 5 or kind == "new":
            text = story(seed * 1000 + offset, rng.randrange(40, 120))
        else:
            source = rng.choice(known)
            text = pages[source]
            if kind in ("changed", "turned", "again"):
                name = source
            if kind == "edited":
                text = reworded(text, rng.randrange(10**6), 0.05)
            elif kind == "cut":
                text = cut(text, 0.5)
            elif kind == "changed":
                text += "\n" + story(seed * 1000 + offset, 30)
            elif kind == "turned":
                text = pages[rng.choice(known)]
        pages[name] = text
        sketches.append(made(text, name, offset, offset))
    return sketches


def decided(batch, *, ready=None):
    """Decisions in the order of the sketches."""
    resolution = (ready or index()).resolve("batch", batch)
    return [resolution.decisions[sketch.position] for sketch in batch]
