"""Settings as they are given on the command line."""

from __future__ import annotations

import socket

import pytest

from newsmill.cli.options import loaded
from newsmill.cli.run import metrics_problems
from newsmill.config import Config, MetricsConfig
from newsmill.errors import ConfigError


def test_a_list_is_set_when_it_is_written_as_in_the_file() -> None:
    assert loaded(None, ["enrich.models=[en, fr]"]).config.enrich.models == ("en", "fr")
    assert loaded(None, ["enrich.models=[]"]).config.enrich.models == ()


def test_a_list_is_refused_when_it_is_not_closed() -> None:
    with pytest.raises(ConfigError, match=r"enrich\.models"):
        loaded(None, ["enrich.models=[en"])


def test_an_address_in_brackets_stays_a_text_when_it_looks_like_a_list() -> None:
    brokers = "[::1]:9092,[2001:db8::2]:9092"
    assert loaded(None, [f"kafka.bootstrap={brokers}"]).config.kafka.bootstrap == brokers


def test_port_that_is_taken_is_told_before_the_run_starts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (problem,) = metrics_problems(Config(metrics=MetricsConfig(port=port)))
        assert problem.startswith(f"metrics.port: can't listen on 127.0.0.1:{port}: ")
    assert metrics_problems(Config(metrics=MetricsConfig(port=port))) == []
    assert metrics_problems(Config()) == []
