"""What can be set: one frozen, typed tree, checked whole before anything starts.

A setting comes from, first wins: the command line, the environment (`NEWSMILL__KAFKA__TOPIC`), the
file, the default. Secrets are never in the file: they come from the environment or from files
named by a `*_file` key.
"""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
)

LARGEST: Final = 2**53
"""No whole number of the settings is larger: JSON, and what is computed with it, keep it exact."""

YEAR_S: Final = 31_536_000.0
"""No time of the settings is longer: waits of the system count in few bits."""


def _endpoint(text: str) -> str:
    """One `host:port`."""
    host, colon, port = text.rpartition(":")
    if "://" in text:
        raise ValueError(f"must be host:port without {text.split('://')[0]}://")
    if not colon or text.endswith("]"):
        raise ValueError("must be host:port, the port is missing")
    if ":" in host and not re.fullmatch(r"\[[0-9A-Fa-f:.%]+\]", host):
        raise ValueError("must be host:port, an IPv6 address in brackets: [::1]:9092")
    if not host or re.search(r"[\s/@,]", host):
        raise ValueError("must be host:port, the host is none")
    if not (port.isascii() and port.isdecimal() and 0 < int(port) < 65_536):
        raise ValueError("must be host:port with a port from 1 to 65535")
    return text


def _endpoints(text: str) -> str:
    """`host:port[,host:port]`."""
    for part in text.split(","):
        _endpoint(part.strip())
    return text


def _topic(text: str) -> str:
    """A name that Kafka allows."""
    if text in (".", "..") or not re.fullmatch(r"[A-Za-z0-9._-]{1,249}", text):
        raise ValueError("must be a topic's name: 1 to 249 letters, digits, dots, underscores and hyphens")
    return text


def _name(text: str) -> str:
    """A text without blanks."""
    if not re.fullmatch(r"\S+", text):
        raise ValueError("must not be empty, and hold no blanks")
    return text


def _namespace(text: str) -> str:
    """A namespace of a catalog."""
    if not re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", text):
        raise ValueError("must be letters, digits, underscores and hyphens, in parts joined by dots")
    return text


def _job_name(text: str) -> str:
    """A name that Flink's operator takes for a job."""
    if not re.fullmatch(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?", text):
        raise ValueError("must be 1 to 40 small letters, digits and hyphens, a letter first, no hyphen last")
    return text


def _url(text: str) -> str:
    """The address of an HTTP service."""
    if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#@]*)?", text):
        raise ValueError("must be http://host:port or https://host:port, without a login")
    return text


PositiveInt = Annotated[int, Field(gt=0, le=LARGEST)]
Count = Annotated[int, Field(gt=0, le=32_768)]
Seconds = Annotated[float, Field(gt=0, le=YEAR_S, allow_inf_nan=False)]
Days = Annotated[float, Field(ge=0, le=3650, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Endpoint = Annotated[str, AfterValidator(_endpoint)]
Endpoints = Annotated[str, AfterValidator(_endpoints)]
Topic = Annotated[str, AfterValidator(_topic)]
Name = Annotated[str, AfterValidator(_name)]
Namespace = Annotated[str, AfterValidator(_namespace)]
JobName = Annotated[str, AfterValidator(_job_name)]
HttpUrl = Annotated[str, AfterValidator(_url)]


class Section(BaseModel):
    """Base of all sections: unknown keys are mistakes, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SecurityProtocol(StrEnum):
    """How the connection to a broker is protected."""

    PLAINTEXT = "PLAINTEXT"
    SSL = "SSL"
    SASL_PLAINTEXT = "SASL_PLAINTEXT"
    SASL_SSL = "SASL_SSL"


class KafkaConfig(Section):
    """The topic to read and how to reach it."""

    bootstrap: Endpoints = Field("localhost:9092", description="host:port[,host:port] of the brokers")
    topic: Topic = Field("news-pages", description="topic with the raw pages")
    group: Name = Field(
        "newsmill", description="consumer group; its committed offsets serve lag dashboards only"
    )
    security_protocol: SecurityProtocol = Field(
        SecurityProtocol.PLAINTEXT, description="how the connection is protected"
    )
    ssl_ca_file: Path | None = Field(
        None, description="PEM file of who signs the brokers' certificates; the system's where absent"
    )
    ssl_cert_file: Path | None = Field(None, description="PEM file of this client's certificate")
    ssl_key_file: Path | None = Field(None, description="PEM file of its key")
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(
        None, description="how this client logs in"
    )
    sasl_username: Name | None = Field(None, description="who logs in")
    sasl_password: SecretStr | None = Field(
        None, min_length=1, description="only from NEWSMILL__KAFKA__SASL_PASSWORD, never from the file"
    )
    sasl_password_file: Path | None = Field(None, description="file with one line, the password")
    dead_letter_topic: Topic | None = Field(
        None, description="also send quarantined records to this topic (direct runner)"
    )
    patience_s: Seconds | None = Field(
        None, description="how long `run` waits for a broker that is away; for ever where absent"
    )

    def hasty(self) -> KafkaConfig:
        """The same brokers, asked once: what is away is Transient at once."""
        return self.model_copy(update={"patience_s": 0.0})

    def __getstate__(self) -> dict[Any, Any]:
        """What a pickle holds: all but the password, which each process reads for itself."""
        state = super().__getstate__()
        return state | {"__dict__": state["__dict__"] | {"sasl_password": None}}


class EnvelopeFormat(StrEnum):
    """How a page is wrapped in a record's value."""

    AUTO = "auto"
    RAW = "raw"
    JSON = "json"
    AVRO = "avro"
    WARC = "warc"


class InputConfig(Section):
    """How records are read as pages."""

    format: EnvelopeFormat = Field(
        EnvelopeFormat.AUTO, description="how a page is wrapped in a record's value; auto: told by the value"
    )
    max_value_bytes: PositiveInt = Field(10_000_000, description="a larger record is quarantined (E_SIZE)")
    max_decompressed_bytes: PositiveInt = Field(20_000_000, description="cap of a page after decompression")
    max_decompression_ratio: PositiveInt = Field(50, description="cap of decompressed / compressed bytes")
    avro_schema_files: dict[int, Path] = Field(
        {}, description="schema files by Schema Registry id; other ids use schemas/input/page.avsc"
    )
    envelopes: tuple[Name, ...] = Field(
        (), description="plug-ins that are asked first whether a record is theirs, e.g. [crawl-lines]"
    )


class PageConfig(Section):
    """Limits and choices of extraction."""

    max_depth: PositiveInt = Field(200, description="deepest nesting of elements that is parsed")
    max_nodes: PositiveInt = Field(300_000, description="most elements of one page")
    wall_limit_s: Seconds = Field(
        60.0,
        description="how long the process of a page may be stopped, or wait for the system; time in which "
        "it computes is not counted, and one that sleeps by itself is ended after 2 s",
    )
    cpu_limit_s: Seconds = Field(
        10.0,
        description="most CPU time of one page in the extraction process (where less: 1 s and 3 s a MB), "
        "and in each later stage",
    )
    memory_limit_mb: PositiveInt = Field(1024, description="address space above the idle process, MB")
    processes: Count = Field(2, description="extraction processes of one worker; usually its cores")
    learn_boilerplate: bool = Field(
        False,
        description="direct runner: cut paragraphs that stand in four or more articles of a site, "
        "learned one batch behind",
    )
    site_overrides: Path | None = Field(
        None, description="YAML file with rules for single sites; off by default"
    )
    extractors: tuple[Name, ...] = Field(
        (), description="plug-ins that are asked for a page's text; the first one that has one is taken"
    )


class OnReserved(StrEnum):
    """What to do with a page whose publisher reserves rights."""

    KEEP = "keep"
    METADATA_ONLY = "metadata_only"
    DROP = "drop"


class RightsConfig(Section):
    """How publishers' reservations are honoured."""

    on_reserved: OnReserved = Field(
        OnReserved.KEEP,
        description="a page whose publisher reserves rights: keep it, keep its metadata_only, or drop it; "
        "the reservation is noted in each case",
    )


REPRESENTATIVE = "representative"
"""Value of `copies.keep_body` that lost the texts of edited copies; read as `unless_exact`."""


class KeepBody(StrEnum):
    """Whose bodies are kept: of all but copies whose very text is kept with another article, all, none."""

    UNLESS_EXACT = "unless_exact"
    ALL = "all"
    NONE = "none"


class CopiesConfig(Section):
    """How copies are found."""

    horizon_days: int = Field(7, gt=0, le=36_500, description="how long an article's copies can be found")
    identity_days: int | None = Field(
        None,
        gt=0,
        le=36_500,
        description="how long a URL is known, so that its page is a redelivery or a revision when it is read "
        "again; at least the horizon, and as long as the lake where empty",
    )
    keep_body: KeepBody = Field(
        KeepBody.UNLESS_EXACT,
        description="unless_exact: a copy's body too, unless the same text is kept with another article; "
        "all; none",
    )
    min_containment: Share = Field(0.6, description="least share of the smaller text found in the larger")
    folder: Path | None = Field(
        None,
        description="folder of the copies index's files, one for each lake, on a disk of the machine that "
        "marks copies; where empty `_copies` in a lake that is a folder, else temporary files of each "
        "start",
    )

    @field_validator("keep_body", mode="before")
    @classmethod
    def _renamed(cls, value: Any) -> Any:
        return KeepBody.UNLESS_EXACT if value == REPRESENTATIVE else value


class EnrichConfig(Section):
    """Entities, places and topics."""

    enabled: bool = Field(True, description="false writes articles without entities, places and topics")
    kb: Path | None = Field(None, description="knowledge base folder; the packaged one where absent")
    models: tuple[str, ...] = Field(
        (), description="statistical recognisers, e.g. [en, de]; needs newsmill[ner] or newsmill[taggers]"
    )
    copies: bool = Field(False, description="run the statistical tier on copies too")
    enrichers: tuple[Name, ...] = Field(
        (), description="plug-ins that fill columns from an article's text, after newsmill's own"
    )
    steps: tuple[Name, ...] = Field(
        (), description="plug-ins that see each article when all enrichers have, also where enabled is false"
    )


class LakeConfig(Section):
    """Where the tables are."""

    path: str = Field("lake", description="folder, or a URI that Arrow knows (s3://bucket/prefix)")
    catalog: dict[str, str] = Field(
        {}, description="properties of any pyiceberg catalog; a SQLite file in the lake where empty"
    )
    catalog_secrets: dict[str, SecretStr] = Field(
        {},
        exclude=True,
        description="properties of the catalog with keys, tokens or passwords: only from "
        "NEWSMILL__LAKE__CATALOG_SECRETS, never from the file",
    )
    catalog_secrets_file: Path | None = Field(None, description="YAML file with the same")
    namespace: Namespace = Field(
        "newsmill",
        description="namespace of the tables in the catalog; lakes that share a catalog need one each",
    )
    sinks: tuple[Name, ...] = Field(
        (), description="plug-ins that get the rows of each batch too (direct runner)"
    )
    file_rows: PositiveInt = Field(200_000, description="most rows of one Parquet file")
    snapshot_days: Days = Field(
        7.0,
        description="for how long readers can ask for a state of the tables that is past: each of the newest "
        "500, and the last of each hour before; files that `compact` replaced stay as long",
    )
    keep_raw: bool = Field(
        False,
        description="keep the record of each page as it came, in WARC files beside the tables, so that "
        "`raw` and `replay --from-raw` need no topic (direct runner)",
    )
    raw_days: Days | None = Field(
        None,
        description="for how many days of ingest raw records are kept: `gc` lets go of older ones; for ever "
        "where empty",
    )
    lease_s: Seconds = Field(30.0, description="a writer silent for longer may be taken over")
    patience_s: Seconds | None = Field(
        None,
        description="how long `run` waits for a catalog or an object store that is away or locked; for ever "
        "where absent",
    )

    def __getstate__(self) -> dict[Any, Any]:
        """What a pickle holds: all but the secrets, which each process reads for itself."""
        state = super().__getstate__()
        return state | {"__dict__": state["__dict__"] | {"catalog_secrets": {}}}


class BatchConfig(Section):
    """Bounds of one micro-batch of the direct runner."""

    max_records: PositiveInt = Field(5_000, description="most records of a batch")
    max_bytes: PositiveInt = Field(500_000_000, description="most bytes of its records' values")
    memory_mb: PositiveInt = Field(
        1_000,
        description="direct runner: most memory of the command, MB; a batch that takes more is cut. "
        "Extraction processes have limits of their own (page.memory_limit_mb)",
    )
    max_wait_s: Seconds = Field(300.0, description="a batch that is not full is closed after this long")
    stall_s: Seconds = Field(
        1800.0, description="a batch in which nothing got on for this long ends the process; 2 such cut it"
    )


class MetricsConfig(Section):
    """The endpoint for Prometheus and orchestrators."""

    port: int | None = Field(
        None,
        ge=0,
        le=65535,
        description="serve /metrics, /health, /ready and a live page at /; 0: a free port",
    )
    host: Name = Field("127.0.0.1", description="address to listen on; the endpoint has no authentication")


class OnDataLoss(StrEnum):
    """What to do when the broker no longer has the next offset."""

    FAIL = "fail"
    SKIP = "skip"


class PortableConfig(Section):
    """The endless job: where its runner is and how it is run. Not used by the direct runner."""

    job_endpoint: Endpoint = Field("127.0.0.1:8099", description="host:port of the runner's job service")
    artifact_endpoint: Endpoint | None = Field(
        None,
        description="host:port of its artifact service; needed where the one that it names is not reachable",
    )
    flink_rest: HttpUrl | None = Field(
        None, description="flink: URL of its REST endpoint, which jobs are looked for and cancelled by"
    )
    worker_pool: Endpoint = Field(
        "127.0.0.1:50000", description="host:port of the worker pool, as the runner's workers see it"
    )
    worker_pool_token: SecretStr | None = Field(
        None,
        min_length=1,
        exclude=True,
        description="only from NEWSMILL__PORTABLE__WORKER_POOL_TOKEN, never from the file: what the "
        "pool asks for before it starts a worker, where it has one",
    )
    worker_pool_token_file: Path | None = Field(None, description="file with the same")
    job_name: JobName = Field("newsmill", description="name of the job in the runner")
    parallelism: Count = Field(1, description="flink: parallel instances of each step")
    workers: Count = Field(1, description="flink: workers of one TaskManager; usually its slots")
    max_parallelism: Count = Field(
        128, description="flink: key groups; can't be changed without losing the state"
    )
    checkpoint_interval_s: Seconds = Field(30.0, description="flink: time between checkpoints")
    state_dir: str | None = Field(
        None, description="flink: URI for RocksDB checkpoints; the cluster's own state backend where absent"
    )
    restarts: int = Field(
        -1,
        ge=-1,
        le=2**31 - 1,
        description="flink: restarts of the job after failures; -1 leaves it to the cluster",
    )
    savepoint: str | None = Field(None, description="flink: savepoint or checkpoint to start from")

    def __getstate__(self) -> dict[Any, Any]:
        """What a pickle holds: all but the token; no worker needs it."""
        state = super().__getstate__()
        return state | {"__dict__": state["__dict__"] | {"worker_pool_token": None}}


class Config(Section):
    """Everything that can be set."""

    kafka: KafkaConfig = KafkaConfig()
    input: InputConfig = InputConfig()
    page: PageConfig = PageConfig()
    rights: RightsConfig = RightsConfig()
    copies: CopiesConfig = CopiesConfig()
    enrich: EnrichConfig = EnrichConfig()
    lake: LakeConfig = LakeConfig()
    batch: BatchConfig = BatchConfig()
    metrics: MetricsConfig = MetricsConfig()
    portable: PortableConfig = PortableConfig()
    on_data_loss: OnDataLoss = Field(
        OnDataLoss.FAIL,
        description="when the broker no longer has the next offset: fail, or skip what is gone and note "
        "the gap",
    )
