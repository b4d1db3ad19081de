"""TLS and SASL against a real broker that asks for both."""

from __future__ import annotations

import pickle
import socket
import threading
from pathlib import Path

import certifi
import pytest
from pydantic import SecretStr

from broker import PASSWORD, USER, Broker
from newsmill.config import BatchConfig, KafkaConfig, OnDataLoss
from newsmill.errors import ConfigError
from newsmill.sources import brokers, kafka as source

pytestmark = pytest.mark.kafka


@pytest.fixture
def secure(kafka: Broker) -> KafkaConfig:
    config = kafka.topic()
    kafka.send(config, [b"secret page"])
    return kafka.dev.kafka(config.topic, user=USER)


def values(config: KafkaConfig) -> list[bytes | None]:
    planned = source.plan(config, {}, BatchConfig(), OnDataLoss.FAIL)
    return [record.value for piece in planned.slices for record in source.read(config, piece)]


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"])
def test_topic_is_read_over_tls_when_the_password_is_right(secure: KafkaConfig, mechanism: str) -> None:
    assert values(secure.model_copy(update={"sasl_mechanism": mechanism})) == [b"secret page"]


def test_password_comes_from_a_file_or_the_environment(
    secure: KafkaConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = secure.model_copy(update={"sasl_password": None})
    (tmp_path / "password").write_text(PASSWORD + "\n", encoding="utf-8")
    assert values(bare.model_copy(update={"sasl_password_file": tmp_path / "password"})) == [b"secret page"]
    with pytest.raises(ConfigError, match=brokers.PASSWORD_VARIABLE):
        values(bare)
    monkeypatch.setenv(brokers.PASSWORD_VARIABLE, PASSWORD)
    assert values(bare) == [b"secret page"]


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-512", "PLAIN"])
def test_wrong_password_is_a_config_error_at_once(secure: KafkaConfig, mechanism: str) -> None:
    wrong = secure.model_copy(update={"sasl_password": SecretStr("nope"), "sasl_mechanism": mechanism})
    with pytest.raises(ConfigError, match=f"refuses the login of '{USER}' by {mechanism}") as caught:
        values(wrong)
    assert "nope" not in str(caught.value)


def test_certificate_of_another_authority_is_refused(secure: KafkaConfig) -> None:
    wrong = secure.model_copy(update={"ssl_ca_file": Path(certifi.where())})
    with pytest.raises(ConfigError, match=r"ssl_ca_file.*CERTIFICATE_VERIFY_FAILED"):
        values(wrong)


def test_certificate_of_another_host_is_refused(secure: KafkaConfig) -> None:
    wrong = secure.model_copy(update={"bootstrap": secure.bootstrap.replace("localhost", "127.0.0.1")})
    with pytest.raises(ConfigError, match=r"ssl_ca_file.*IP address mismatch"):
        values(wrong)


def test_listener_without_tls_is_refused_when_tls_is_set(kafka: Broker, secure: KafkaConfig) -> None:
    (problem,) = source.problems(secure.model_copy(update={"bootstrap": kafka.bootstrap}))
    assert "no broker answers" in problem


def test_listener_with_tls_is_hinted_at_when_tls_is_not_set(secure: KafkaConfig) -> None:
    (problem,) = source.problems(KafkaConfig(bootstrap=secure.bootstrap, topic=secure.topic))
    assert "does it ask for TLS" in problem


def test_alert_of_tls_is_hinted_at_when_it_comes_before_the_hang_up() -> None:
    alert = bytes.fromhex("15 0303 0002 02 50")  # fatal, internal error
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            with listener.accept()[0] as connection:
                connection.recv(4096)
                connection.sendall(alert)
                connection.recv(4096)

        threading.Thread(target=answer, daemon=True).start()
        (problem,) = source.problems(
            KafkaConfig(bootstrap=f"127.0.0.1:{listener.getsockname()[1]}", topic="t")
        )
    assert "Invalid frame length" in problem
    assert "does it ask for TLS" in problem


def test_password_is_in_no_pickle_and_no_text_of_the_settings(secure: KafkaConfig) -> None:
    assert PASSWORD.encode() not in pickle.dumps(secure)
    assert PASSWORD not in repr(secure)
