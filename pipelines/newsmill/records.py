"""What flows through the pipelines: frozen, typed, serialisable values.

Times are integers: microseconds since 1970-01-01 UTC (`_at` fields). Offsets into text count
Python characters. Every record encodes to MessagePack by field name (`msgspec`), so a reader of
an older version ignores fields that it does not know and fills in defaults for those it misses.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

Micros = int


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of all records."""


class Fate(StrEnum):
    """The one end that each Kafka record comes to."""

    ARTICLE = "article"  # a story not seen before: a row in `articles`
    COPY = "copy"  # a story of another URL again: a row with evidence; an equal body is kept once
    REVISION = "revision"  # a URL seen before with changed content: a row, revision + 1
    REDELIVERY = "redelivery"  # a URL seen before with the same content: no row
    NOT_ARTICLE = "not_article"  # a section page, feed, error page …: no row, a reason
    WITHHELD = "withheld"  # taken down, or rights reserved: no body, a reason
    QUARANTINED = "quarantined"  # can't be processed: payload kept, a code


class NotArticleReason(StrEnum):
    """Why a page or a record is no article: a closed set, a label of metrics."""

    EMPTY = "empty"
    NOT_HTML = "not_html"
    FEED = "feed"
    ERROR_PAGE = "error_page"
    REDIRECT = "redirect"
    CAPTCHA = "captcha"
    CONSENT_PAGE = "consent_page"
    LOGIN_WALL = "login_wall"
    HOME_PAGE = "home_page"
    SECTION_PAGE = "section_page"
    GALLERY = "gallery"
    VIDEO = "video"
    NO_TEXT = "no_text"
    TOMBSTONE = "tombstone"  # a record without a value
    NO_PAGE = "no_page"  # a WARC record without a page


class WithheldReason(StrEnum):
    """Why a page's content is not kept."""

    TAKEN_DOWN = "taken_down"
    RIGHTS_RESERVED = "rights_reserved"


class CopyType(StrEnum):
    """How a copy's text differs from that of the article it was compared with."""

    EXACT = "exact"
    TRUNCATED = "truncated"
    EXTENDED = "extended"
    EDITED = "edited"
    COMPILATION = "compilation"


class OriginMethod(StrEnum):
    """By which evidence it is known who published first."""

    BYLINE = "byline"
    DATELINE = "dateline"
    CLOSING_LINE = "closing_line"
    ATTRIBUTION = "attribution"
    JSON_LD = "json_ld"
    CANONICAL = "canonical"
    EARLIEST = "earliest"


class ClusterChange(StrEnum):
    """What happened to a cluster."""

    CREATED = "created"
    JOINED = "joined"
    LEFT = "left"
    MERGED = "merged"
    REPRESENTATIVE_CHANGED = "representative_changed"


class Position(Record, frozen=True, kw_only=True, order=True):
    """Where a record stands in its source. Ordered by (topic, partition, offset)."""

    topic: str
    partition: int
    offset: int


class FilePlace(Record, frozen=True, kw_only=True):
    """Where a page stands in files. Offset and length are those of its WARC record, as CDX has them."""

    file: str  # as its folder, or itself, was named
    offset: int | None = None  # of the gzip member, which holds this record alone; None: the whole file
    length: int | None = None


class SourceRecord(Record, frozen=True, kw_only=True):
    """One Kafka record, or what stands in for it from a WARC file or a folder."""

    position: Position
    value: bytes | None
    key: bytes | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    timestamp: Micros | None = None  # the broker's; None where it gave none
    source: FilePlace | None = None  # None for a record of a topic


class OffsetRange(Record, frozen=True, kw_only=True):
    """One slice of a partition: the records at offsets from `start` to before `end`."""

    topic: str
    partition: int
    start: int
    end: int  # exclusive
    records: int  # found in the range; 0 where it holds only transaction markers
    bytes: int  # of keys, values and headers
    offsets_crc: int | None = None  # CRC-32 of the offsets found, 8 bytes each, little-endian
    topic_id: str | None = None  # the broker's; another one once the topic was deleted and made again


class Gap(Record, frozen=True, kw_only=True):
    """Offsets that were never committed and are gone from the broker."""

    topic: str
    partition: int
    start: int
    end: int  # exclusive


class RawPage(Record, frozen=True, kw_only=True):
    """A page as the crawler got it: a decoded envelope, body still bytes."""

    position: Position
    url: str  # as requested: the identity of the page
    body: bytes
    envelope: str = "raw"  # raw | json | avro | warc
    final_url: str | None = None  # after redirects
    fetched_at: Micros | None = None
    received_at: Micros | None = None  # when it was there at the latest, as the broker says
    status: int | None = None
    content_type: str | None = None
    charset: str | None = None  # from the HTTP header or the envelope
    content_encoding: str | None = None
    headers: dict[str, str] = {}  # HTTP response headers, names in lower case


class Removal(Record, frozen=True, kw_only=True):
    """A block that was cut from the extracted text, so that `explain` can show and undo it."""

    rule: str  # e.g. "related-line", "repeated-block", "share-prompt"
    text: str
    paragraph: int  # index among the extracted paragraphs, before any removal


class Extraction(Record, frozen=True, kw_only=True):
    """How the body was got, and how far to trust it."""

    method: str  # trafilatura | json_ld | resiliparse | …
    reason: str  # why this candidate was chosen
    candidates: dict[str, int] = {}  # characters by method
    agreement: float | None = None  # 0–1 word overlap of the chosen with the next candidate
    completeness: float = 1.0  # 0–1
    marks: tuple[str, ...] = ()  # truncated, paywall, mojibake, live_ticker …
    charset: str = "utf-8"
    removed: tuple[Removal, ...] = ()


class Rights(Record, frozen=True, kw_only=True):
    """What the publisher says about machine use."""

    reserved: bool = False  # any opt-out signal below
    tdm_reservation: bool | None = None
    policy_url: str | None = None
    noai: bool = False
    license: str | None = None


class Page(Record, frozen=True, kw_only=True):
    """What the page itself says: text and metadata. `body` paragraphs are joined by one newline."""

    title: str | None
    body: str
    description: str | None = None
    authors: tuple[str, ...] = ()
    published_at: Micros | None = None
    published_on: str | None = None  # the day in the page's own time zone, YYYY-MM-DD
    published_source: str | None = None  # json_ld | meta | time_element | url | text
    published_precision: str | None = None  # second | minute | day
    modified_at: Micros | None = None
    canonical_url: str | None = None  # as claimed, absolute; trusted only inside the same site
    site_name: str | None = None
    publisher: str | None = None  # JSON-LD publisher
    source_organization: str | None = None  # JSON-LD sourceOrganization / provider
    section: str | None = None
    tags: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    html_lang: str | None = None
    is_accessible_for_free: bool | None = None
    byline: str | None = None  # as printed, agencies included: evidence for the origin
    rights: Rights = Rights()
    extraction: Extraction


class NotArticle(Record, frozen=True, kw_only=True):
    """A page that is no article, with the reason, and with its URL where a record named one and no page."""

    reason: NotArticleReason
    url: str | None = None


class Failure(Record, frozen=True, kw_only=True):
    """A rejected record, whole: it can be replayed from this alone."""

    record: SourceRecord
    stage: str
    code: str
    message: str
    stack: str = ""
    attempts: int = 1
    url: str | None = None


class Language(Record, frozen=True, kw_only=True):
    """The language of a text, and how that is known."""

    code: str  # ISO 639-1 (639-3 where it has no two-letter code); "und" when unknown
    confidence: float  # 0–1
    method: str  # langdetect | arbiter | script | function_words | html_lang | none
    html: str | None = None  # the page's own lang attribute, primary subtag
    disagrees: bool = False  # detected and declared languages differ
    script: str | None = None  # ISO 15924, of most letters of the body; None without letters


class ParsedPage(Record, frozen=True, kw_only=True):
    """A page as read, and the language of its body."""

    page: Page
    language: Language


class PageWithVerdict(Record, frozen=True, kw_only=True):
    """What a page gives even where it is no article."""

    parsed: ParsedPage
    not_article: NotArticle | None = None


class Draft(Record, frozen=True, kw_only=True):
    """An article before copies are looked for: page, identity and language."""

    position: Position
    url: str
    final_url: str | None
    canonical_url: str | None  # only when it may be believed (same registrable domain)
    url_key: str  # the normalised identity URL
    domain: str  # registrable domain, lower case, ASCII
    article_id: str  # 32 hex digits of the URL key's hash
    content_hash: str  # 32 hex digits of the normalised title and body
    fetched_at: Micros | None
    ingested_at: Micros
    recorded_at: Micros | None = None  # the broker's time of the record
    source: FilePlace | None = None
    page: Page
    language: Language


class Duplicate(Record, frozen=True, kw_only=True):
    """How an article relates to the cluster of its story, as known when the row was written."""

    is_duplicate: bool
    cluster_id: str
    representative_id: str  # article_id of the cluster's representative
    copy_type: CopyType | None = None
    similarity: float | None = None  # Jaccard of shingles with the matched article, 0–1
    containment: float | None = None  # share of this article's shingles found in the matched one
    containment_of: float | None = None  # share of the matched one's shingles found in this
    novel_share: float | None = None  # share of this article's shingles found in no matched article
    opening: float | None = None  # share of what both openings speak of that the other text says too
    matched_id: str | None = None  # the article it was compared with
    method: str | None = None  # hash | sketch
    links: tuple[str, ...] = ()  # for a compilation: the article_ids of stories it contains


class Origin(Record, frozen=True, kw_only=True):
    """Who published first, with the evidence."""

    method: OriginMethod
    confidence: float
    agency: str | None = None
    domain: str | None = None
    url: str | None = None
    article_id: str | None = None
    evidence: str | None = None
    start: int | None = None  # offsets of the evidence in the body; None when it is elsewhere
    end: int | None = None


class Mention(Record, frozen=True, kw_only=True):
    """One place in the body where an entity is named."""

    start: int
    end: int
    text: str


class Entity(Record, frozen=True, kw_only=True):
    """A person, organisation, place or thing named in an article, linked or NIL."""

    entity_id: str  # the knowledge base's id, or "nil:" + normalised name
    type: str  # fine: person, organisation, company, agency, armed_group, city, country, event …
    coarse: str  # PER | ORG | LOC | MISC
    name: str  # the knowledge base's label, or the longest surface form
    mentions: tuple[Mention, ...]
    wikidata_id: str | None = None
    country: str | None = None  # ISO 3166-1 alpha-2
    lat: float | None = None
    lon: float | None = None
    linked: bool = False
    link_score: float | None = None  # 0–1
    salience: float = 0.0  # 0–1, see `knowledge`
    in_title: bool = False


class Place(Record, frozen=True, kw_only=True):
    """A place named in the body, resolved to coordinates."""

    name: str
    lat: float
    lon: float
    country: str | None
    mentions: tuple[Mention, ...]
    geonameid: int | None = None
    admin1: str | None = None
    kind: str = "place"  # country | admin1 | city | place | demonym | metonym
    score: float = 0.0


class Enrichment(Record, frozen=True, kw_only=True):
    """What the knowledge stage adds to an article."""

    entities: tuple[Entity, ...] = ()
    places: tuple[Place, ...] = ()
    countries: tuple[str, ...] = ()  # ISO 3166-1 alpha-2, most evidence first
    topics: tuple[str, ...] = ()
    extras: dict[str, str] = {}  # what enrichers and steps of other packages found, by "name.key"
    versions: dict[str, str] = {}  # enricher name → version
    marks: tuple[str, ...] = ()  # what was left out: names-in-part-of-text, mentions-cut …


class Article(Record, frozen=True, kw_only=True):
    """A finished row of `articles`."""

    draft: Draft
    fate: Fate
    revision: int  # 1 for the first content seen at a URL
    duplicate: Duplicate
    origin: Origin | None = None
    enrichment: Enrichment = Enrichment()
    keep_body: bool = True
    body_hash: str | None = None  # of the text; None where no row keeps it: reserved rights, or none are kept
    sketch: bytes | None = None  # from which the copies index is filled again; opaque outside `copies`


class ClusterEvent(Record, frozen=True, kw_only=True):
    """One change of a cluster, append-only."""

    event: ClusterChange
    cluster_id: str
    article_id: str
    representative_id: str
    size: int  # members after the event
    domain: str
    copy_type: CopyType | None = None
    merged_into: str | None = None
    position: Position  # the record that caused it
    at: Micros  # ingested_at of that record


class FateRow(Record, frozen=True, kw_only=True):
    """One row of the ledger: the end of one source record."""

    position: Position
    fate: Fate
    ingested_at: Micros
    reason: str | None = None  # not_article and withheld: why; quarantined: the code; gap: skipped
    stage: str | None = None
    article_id: str | None = None
    revision: int | None = None
    url: str | None = None
    domain: str | None = None
    recorded_at: Micros | None = None
    bytes: int | None = None  # of the record's value
    source: FilePlace | None = None
