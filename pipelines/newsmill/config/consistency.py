"""Settings that are each right, but can't go together or name something that is not there or not right.

Nothing outside this machine is asked.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

from newsmill.config import Config, EnvelopeFormat, KafkaConfig, KeepBody, SecurityProtocol
from newsmill.errors import ConfigError

Problem = tuple[str, str]
"""A setting, dots between the names of its path, and what is wrong with it."""


TLS_FILES = ("ssl_ca_file", "ssl_cert_file", "ssl_key_file")


def problems(config: Config) -> Iterator[Problem]:
    """All that can be known to be wrong before anything starts."""
    for check in (_security, _certificates, _topics, _schemas, _sites, _knowledge, _plugins, _lake, _flink):
        yield from check(config)


def _security(config: Config) -> Iterator[Problem]:
    """Parts of a login or of TLS that miss others, or that the protocol does not use."""
    kafka = config.kafka
    protocol = kafka.security_protocol
    sasl, tls = protocol.value.startswith("SASL"), protocol.value.endswith("SSL")
    if sasl and kafka.sasl_mechanism is None:
        yield "kafka.sasl_mechanism", "is needed for SASL: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"
    if sasl and kafka.sasl_username is None:
        yield "kafka.sasl_username", "is needed for SASL"
    if sasl and kafka.sasl_password is None and kafka.sasl_password_file is None:
        yield (
            "kafka.sasl_password",
            "is needed: set NEWSMILL__KAFKA__SASL_PASSWORD or kafka.sasl_password_file",
        )
    for key in ("sasl_mechanism", "sasl_username", "sasl_password_file"):
        if not sasl and getattr(kafka, key) is not None:
            yield f"kafka.{key}", f"has no effect with security_protocol {protocol.value}: {_instead(tls)}"
    for key in TLS_FILES:
        if not tls and getattr(kafka, key) is not None:
            other = SecurityProtocol.SASL_SSL if sasl else SecurityProtocol.SSL
            yield f"kafka.{key}", f"has no effect with security_protocol {protocol.value}: set {other.value}"
    if (kafka.ssl_cert_file is None) != (kafka.ssl_key_file is None):
        yield "kafka.ssl_cert_file", "ssl_cert_file and ssl_key_file go together"


def _instead(tls: bool) -> str:
    return "set SASL_SSL" if tls else "set SASL_SSL or SASL_PLAINTEXT"


def _certificates(config: Config) -> Iterator[Problem]:
    """Files of the connection to the broker."""
    kafka, readable = config.kafka, True
    if not kafka.security_protocol.value.endswith("SSL") and any(getattr(kafka, key) for key in TLS_FILES):
        return  # told already
    for key in (*TLS_FILES, "sasl_password_file"):
        path = getattr(kafka, key)
        if path is not None and (why := _unreadable(path)):
            readable = False
            yield f"kafka.{key}", why
    if not readable:
        return
    if kafka.ssl_ca_file is not None:
        try:
            ssl.create_default_context(cafile=kafka.ssl_ca_file)
        except (ssl.SSLError, ValueError):
            yield "kafka.ssl_ca_file", f"{kafka.ssl_ca_file}: holds no certificate in PEM"
    if kafka.ssl_cert_file is not None and kafka.ssl_key_file is not None:
        yield from _own_certificate(kafka, kafka.ssl_cert_file, kafka.ssl_key_file)
    if kafka.sasl_password_file is not None:
        try:
            password = kafka.sasl_password_file.read_text(encoding="utf-8").rstrip("\r\n")
        except UnicodeDecodeError:
            yield "kafka.sasl_password_file", f"{kafka.sasl_password_file}: is not UTF-8 text"
            return
        if not password or "\n" in password:
            yield "kafka.sasl_password_file", f"{kafka.sasl_password_file}: must hold one line, the password"


def _own_certificate(kafka: KafkaConfig, certificate: Path, key: Path) -> Iterator[Problem]:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, key, password=_no_password)
    except (ssl.SSLError, ValueError) as error:
        yield "kafka.ssl_cert_file", f"{certificate} and {key} are no certificate and its key in PEM: {error}"


def _no_password() -> str:
    """Asked for only where the key is encrypted: nobody is there who could type one."""
    raise ValueError("the key is encrypted")


def _topics(config: Config) -> Iterator[Problem]:
    if config.kafka.dead_letter_topic == config.kafka.topic:
        yield "kafka.dead_letter_topic", "is the topic that is read: its records would come back for ever"


def _schemas(config: Config) -> Iterator[Problem]:
    """Avro schemas that pages come with."""
    if not config.input.avro_schema_files:
        return
    from newsmill.sources.envelopes import avro_schema

    if config.input.format not in (EnvelopeFormat.AUTO, EnvelopeFormat.AVRO):
        yield "input.avro_schema_files", f"has no effect with input.format {config.input.format.value}"
    for number, path in config.input.avro_schema_files.items():
        if not 0 <= number < 2**32:
            yield "input.avro_schema_files", f"{number}: ids of a Schema Registry are from 0 to 4294967295"
            continue
        try:
            avro_schema(path)
        except ConfigError as error:
            yield "input.avro_schema_files", str(error)


def _sites(config: Config) -> Iterator[Problem]:
    """Rules for single sites."""
    if config.page.site_overrides is None:
        return
    from newsmill.page import overrides

    try:
        overrides.load(config.page.site_overrides)
    except ConfigError as error:
        yield from (("page.site_overrides", problem) for problem in error.problems)


def _knowledge(config: Config) -> Iterator[Problem]:
    """The knowledge base and the models."""
    folder = config.enrich.kb
    if folder is not None:
        from newsmill.knowledge.gazetteer import Gazetteer

        if not folder.is_dir():
            yield "enrich.kb", f"no such folder: {folder}; `newsmill kb build` makes one"
        else:
            try:
                Gazetteer.open(folder)
            except ConfigError as error:
                yield from (("enrich.kb", problem) for problem in error.problems)
    if config.enrich.models:
        from newsmill.knowledge.recognisers.statistical import problems

        yield from (("enrich.models", problem) for problem in problems(config.enrich.models))


def _plugins(config: Config) -> Iterator[Problem]:
    """Parts of other packages: each is made once, so that a broken one is told before anything starts."""
    for setting, names, open_all in (
        ("input.envelopes", config.input.envelopes, _envelopes),
        ("page.extractors", config.page.extractors, _extractors),
        ("enrich.enrichers", config.enrich.enrichers, _enrichers),
        ("enrich.steps", config.enrich.steps, _steps),
        ("lake.sinks", config.lake.sinks, _sinks),
    ):
        try:
            if names:
                open_all(config)
        except ConfigError as error:
            yield from ((setting, problem) for problem in error.problems)


def _envelopes(config: Config) -> None:
    from newsmill.sources import foreign_envelopes

    foreign_envelopes.open_all(config.input)


def _extractors(config: Config) -> None:
    from newsmill.page import foreign_extractors

    foreign_extractors.open_all(config.page)


def _enrichers(config: Config) -> None:
    from newsmill.knowledge import steps

    steps.steps(config.enrich)


def _steps(config: Config) -> None:
    from newsmill.knowledge import article_steps

    article_steps.open_all(config.enrich)


def _sinks(config: Config) -> None:
    from newsmill.lake import sinks

    sinks.open_all(config.lake)


def _lake(config: Config) -> Iterator[Problem]:
    """The lake's place, its catalog, and whether what it shall keep goes together."""
    lake = config.lake
    if lake.keep_raw and config.copies.keep_body is KeepBody.NONE:
        yield "lake.keep_raw", "keeps each page whole, and copies.keep_body is none: choose one"
    from newsmill.lake import locations

    if why := locations.problem(lake.path):
        yield "lake.path", f"{why}, got {locations.shown(lake.path)!r}"
        return
    if lake.catalog or lake.catalog_secrets or lake.catalog_secrets_file:
        from newsmill.lake import catalogs

        yield from ((f"lake.{key}", why) for key, why in catalogs.problems(lake))
    elif locations.local_path(lake.path) is None:
        yield (
            "lake.catalog",
            "is needed for an object store, e.g. {type: sql, uri: postgresql://…}",
        )


def _flink(config: Config) -> Iterator[Problem]:
    from newsmill.workers.pool_token import pool_token

    portable = config.portable
    try:
        pool_token(portable.worker_pool_token, portable.worker_pool_token_file)
    except ConfigError as error:
        key, _, why = str(error).partition(": ")
        yield key, why
    if portable.parallelism > portable.max_parallelism:
        yield (
            "portable.parallelism",
            f"must not be greater than max_parallelism, {portable.parallelism} > {portable.max_parallelism}",
        )


def _unreadable(path: Path) -> str | None:
    """Why a file can't be read; None if it can."""
    if not path.exists():
        return f"no such file: {path}"
    try:
        with path.open("rb"):
            return None
    except OSError as error:
        return f"{path}: can't be read: {error.strerror}"
