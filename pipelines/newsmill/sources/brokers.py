"""Connections to Kafka's brokers: credentials, consumers that are kept, patience when none answers."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from kafka import KafkaConsumer
from kafka.errors import (
    AuthorizationError,
    KafkaConnectionError,
    KafkaError,
    RetriableError,
    SaslAuthenticationFailedError,
)
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector

from newsmill.config import KafkaConfig, SecurityProtocol
from newsmill.errors import ConfigError
from newsmill.runtime.retrying import Retrying, retry as retry_errors
from newsmill.sources import header_names

header_names.install()

PASSWORD_VARIABLE: Final = "NEWSMILL__KAFKA__SASL_PASSWORD"
NO_TOPIC: Final = "the broker has no topic"
"""What a problem with a topic that is absent says, before its name."""
FETCH_BYTES: Final = 2_097_152
"""Bytes asked for at once. A larger record comes all the same: since KIP-74 (Kafka 0.10.1) a broker
sends the first batch at any size. More costs CPU, since what is fetched past a slice is thrown away."""
CONNECT_MS: Final = 5_000

_Result = TypeVar("_Result")


def client_options(config: KafkaConfig) -> dict[str, Any]:
    """The options of any kafka-python client (consumer, producer, admin) for this connection.

    The password comes from the settings, else from `sasl_password_file`, else from the environment
    variable `NEWSMILL__KAFKA__SASL_PASSWORD`, so that it need not travel to workers.

    Raises:
        ConfigError: When SASL is set and no password is found.
    """
    options: dict[str, Any] = {
        "bootstrap_servers": [server.strip() for server in config.bootstrap.split(",")],
        "client_id": "newsmill",
        "security_protocol": config.security_protocol.value,
    }
    if config.security_protocol in (SecurityProtocol.SSL, SecurityProtocol.SASL_SSL):
        for option, path in (
            ("ssl_cafile", config.ssl_ca_file),
            ("ssl_certfile", config.ssl_cert_file),
            ("ssl_keyfile", config.ssl_key_file),
        ):
            if path is not None:
                options[option] = str(path)
    if _login(config):
        options["sasl_mechanism"] = config.sasl_mechanism
        options["sasl_plain_username"] = config.sasl_username
        options["sasl_plain_password"] = _password(config)
    return options


_idle: dict[KafkaConfig, list[KafkaConsumer]] = {}
_idle_lock = threading.Lock()
_of_parent: list[dict[KafkaConfig, list[KafkaConsumer]]] = []


def _leave_to_parent() -> None:
    """A forked child neither uses its parent's connections nor closes them."""
    global _idle, _idle_lock
    _of_parent.append(_idle)
    _idle, _idle_lock = {}, threading.Lock()


os.register_at_fork(after_in_child=_leave_to_parent)


@contextmanager
def consumer(config: KafkaConfig) -> Iterator[KafkaConsumer]:
    """A consumer for this thread alone; kept for the next call unless something went wrong."""
    with _idle_lock:
        kept = _idle.get(config)
        client = kept.pop() if kept else None
    if client is None:
        client = KafkaConsumer(
            **client_options(config),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            check_crcs=True,
            allow_auto_create_topics=False,
            fetch_max_bytes=FETCH_BYTES,
            max_partition_fetch_bytes=FETCH_BYTES,
            metrics_enabled=False,
        )
    try:
        yield client
    except BaseException:
        client.close()
        raise
    with _idle_lock:
        _idle.setdefault(config, []).append(client)


def close_idle(config: KafkaConfig | None = None) -> None:
    """Close the connections that are kept for the next call: all, or those of one setting.

    Kept for a broker that is away, they would try to reach it for ever.
    """
    with _idle_lock:
        idle = [c for key in list(_idle) if config in (None, key) for c in _idle.pop(key)]
    for client in idle:
        client.close()


def retrying(config: KafkaConfig) -> Retrying:
    """Retries of calls to these brokers."""
    return Retrying(_named(config), config.patience_s)


def _named(config: KafkaConfig) -> str:
    return f"kafka at {config.bootstrap}"


def retry(call: Callable[[], _Result], config: KafkaConfig) -> _Result:
    """The call's result; what may pass on another try is tried again, for ever or for `patience_s`.

    Raises:
        ConfigError: The broker refuses the credentials.
        Transient: It did not pass within `patience_s`.
    """

    def reached() -> _Result:
        try:
            reach(config)
            return call()
        except (AuthorizationError, SaslAuthenticationFailedError) as error:
            raise ConfigError(f"kafka at {config.bootstrap} refuses: {said(error)}") from error

    return retry_errors(
        reached, _named(config), errors=(RetriableError,), why=said, limit_s=config.patience_s
    )


def reach(config: KafkaConfig) -> None:
    """Open one connection, log in, and close it: kafka-python's own clients only say that they timed out.

    Raises:
        ConfigError: The certificate or the credentials are refused.
        KafkaConnectionError: No broker answers.
    """
    options = client_options(config)
    why = ""
    for server in options["bootstrap_servers"]:
        for tries_left in (1, 0):
            try:
                _connect(options | {"bootstrap_servers": [server]})
                return
            except KafkaError as error:
                why = f"{server}: {said(error)}"
                dropped = _DROPPED in why
                if "CERTIFICATE_VERIFY_FAILED" in why:
                    raise ConfigError(f"kafka.ssl_ca_file: the certificate can't be trusted: {why}") from None
                if not (dropped and _login(config)) and not isinstance(error, SaslAuthenticationFailedError):
                    if dropped or _TLS_ALERT.search(why):
                        why += "; does it ask for TLS (kafka.security_protocol)?"
                    break
                if not tries_left:
                    raise ConfigError(
                        f"kafka.sasl_username: {server} refuses the login of {config.sasl_username!r} by "
                        f"{config.sasl_mechanism}: wrong user name or password"
                    ) from None
            time.sleep(0.5)  # a broker that is being stopped hangs up too
    close_idle(config)
    raise KafkaConnectionError(f"no broker answers: {why}")


_DROPPED: Final = "socket disconnected"
"""What kafka-python says when the broker hangs up, as it does after a wrong password."""
_TLS_ALERT: Final = re.compile(
    "Invalid frame length: (?:" + "|".join(str(0x15030000 + (minor << 8)) for minor in range(5)) + r")\b"
)
"""What it says where a TLS alert comes before the hang-up: it takes the alert's first four bytes (type 21,
version 3.0 to 3.4 and half of the length: RFC 8446, 5.1) for the length of an answer."""


def said(error: Exception) -> str:
    """An error's own words, without the number and name of its class that kafka-python puts before them."""
    return re.sub(rf"^(?:\[Error -?\d+\] )?{type(error).__name__}: ", "", str(error))


def _login(config: KafkaConfig) -> bool:
    return config.security_protocol in (SecurityProtocol.SASL_PLAINTEXT, SecurityProtocol.SASL_SSL)


def _connect(options: dict[str, Any]) -> None:
    net = NetworkSelector()
    manager = KafkaConnectionManager(net, **options)
    node = manager.cluster.bootstrap_brokers()[0].node_id

    async def attempt() -> None:
        await manager.get_connection(
            node, timeout_ms=CONNECT_MS, pop_on_close=False, refresh_metadata_on_err=False
        )

    try:
        manager.run(attempt)
    finally:
        manager.close()
        net.close()


def _password(config: KafkaConfig) -> str:
    if config.sasl_password is not None:
        return config.sasl_password.get_secret_value()
    if config.sasl_password_file is not None:
        return config.sasl_password_file.read_text(encoding="utf-8").rstrip("\r\n")
    found = os.environ.get(PASSWORD_VARIABLE)
    if found is None:
        raise ConfigError(f"kafka.sasl_password: set {PASSWORD_VARIABLE} or kafka.sasl_password_file")
    return found
