import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel
from structlog.testing import capture_logs

from newsmill.config import Config, LakeConfig
from newsmill.config.loading import load, shown
from newsmill.errors import ConfigError
from newsmill.lake import catalogs


def problems(tmp_path: Path, text: str, **more: object) -> tuple[str, ...]:
    file = tmp_path / "mill.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(file, **more)  # type: ignore[arg-type]
    return caught.value.problems


def test_settings_are_told_all_at_once_with_their_lines_when_several_are_wrong(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        "kafka:\n  topik: pages\nbatch:\n  max_records: -4\n  max_bytes: many\nlaek:\n  path: x\n",
    )
    assert len(found) == 4
    file = tmp_path / "mill.yaml"
    assert f"{file}:2: kafka.topik: unknown key; did you mean topic?" in found
    assert f"{file}:4: batch.max_records: must be greater than 0, got -4" in found
    assert any(p.startswith(f"{file}:5: batch.max_bytes: ") for p in found)
    assert f"{file}:6: laek: unknown key; did you mean lake?" in found


def test_settings_name_the_variable_when_the_environment_is_wrong(tmp_path: Path) -> None:
    found = problems(tmp_path, "", environment={"NEWSMILL__BATCH__MAX_RECORDS": "few", "NEWSMILL__X": "1"})
    assert any(p.startswith("NEWSMILL__BATCH__MAX_RECORDS: batch.max_records: ") for p in found)
    assert any(p.startswith("NEWSMILL__X: x: unknown key") for p in found)


def test_outside_checks_speak_too_when_settings_are_wrong(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        "kafka:\n  topik: pages\n  bootstrap: nowhere:1\n",
        checks=[lambda config: [f"kafka.bootstrap: {config.kafka.bootstrap} does not answer"]],
    )
    assert found[1] == "kafka.bootstrap: nowhere:1 does not answer"


def test_settings_refuse_a_secret_when_it_is_in_the_file(tmp_path: Path) -> None:
    found = problems(tmp_path, "kafka:\n  sasl_password: canary\n")
    assert "NEWSMILL__KAFKA__SASL_PASSWORD" in found[0]
    assert not any("canary" in problem for problem in found)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("- a list", "must be a mapping of sections"),
        ("kafka: [unclosed", ":1: "),
        ("kafka:\n\ttopic: x", ":2: "),
    ],
    ids=["list", "unclosed", "tab"],
)
def test_settings_name_the_line_when_the_file_is_no_yaml(tmp_path: Path, text: str, part: str) -> None:
    assert part in problems(tmp_path, text)[0]


def test_settings_say_so_when_the_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load(tmp_path / "none.yaml")


def test_options_win_over_environment_and_file(tmp_path: Path) -> None:
    file = tmp_path / "mill.yaml"
    file.write_text("kafka:\n  topic: from-file\n  group: from-file\n  bootstrap: from-file:1\n")
    result = load(
        file,
        environment={"NEWSMILL__KAFKA__TOPIC": "from-env", "NEWSMILL__KAFKA__GROUP": "from-env"},
        options={("kafka", "topic"): "from-option", ("lake", "path"): None},
    )
    kafka = result.config.kafka
    assert (kafka.topic, kafka.group, kafka.bootstrap) == ("from-option", "from-env", "from-file:1")
    assert result.origins[("kafka", "bootstrap")] == f"{file}:4"
    assert result.origins[("kafka", "group")] == "NEWSMILL__KAFKA__GROUP"


def test_sasl_settings_are_refused_when_parts_are_missing(tmp_path: Path) -> None:
    found = problems(tmp_path, "kafka:\n  security_protocol: SASL_SSL\n  ssl_ca_file: /none.pem\n")
    assert [p.split(": ")[1] for p in found] == [
        "kafka.sasl_mechanism",
        "kafka.sasl_username",
        "kafka.sasl_password",
        "kafka.ssl_ca_file",
    ]


def test_secrets_are_masked_when_settings_are_shown() -> None:
    result = load(None, environment={"NEWSMILL__KAFKA__SASL_PASSWORD": "canary"})
    rows = {key: value for key, value, _ in shown(result)}
    assert rows["kafka.sasl_password"] == "********"
    assert "canary" not in repr(result)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("kafka: {bootstrap: 'kafka://broker:9092'}", "kafka.bootstrap"),
        ("kafka: {bootstrap: broker}", "kafka.bootstrap"),
        ("kafka: {bootstrap: 'broker:9092,'}", "kafka.bootstrap"),
        ("kafka: {bootstrap: 'one:9092,two'}", "kafka.bootstrap"),
        ("kafka: {bootstrap: 'broker:0'}", "kafka.bootstrap"),
        ("kafka: {bootstrap: 'broker:99999'}", "kafka.bootstrap"),
        ("kafka: {bootstrap: 'broker:９０９２'}", "kafka.bootstrap"),
        ("kafka: {bootstrap: '::1:9092'}", "kafka.bootstrap"),
        ("kafka: {bootstrap: '[::1]'}", "kafka.bootstrap"),
        ("kafka: {bootstrap: ':9092'}", "kafka.bootstrap"),
        ("kafka: {topic: 'my pages'}", "kafka.topic"),
        ("kafka: {topic: ..}", "kafka.topic"),
        ("kafka: {topic: }", "kafka.topic"),
        ("kafka: {group: ''}", "kafka.group"),
        ("kafka: {dead_letter_topic: news-pages}", "kafka.dead_letter_topic"),
        ("kafka: {ssl_ca_file: /etc/hostname}", "kafka.ssl_ca_file"),
        ("kafka: {security_protocol: SSL, ssl_ca_file: /etc/hostname}", "kafka.ssl_ca_file"),
        ("kafka: {security_protocol: SSL, ssl_ca_file: /etc}", "kafka.ssl_ca_file"),
        ("kafka: {sasl_username: mill}", "kafka.sasl_username"),
        ("kafka: {security_protocol: SSL, sasl_mechanism: PLAIN}", "kafka.sasl_mechanism"),
        ("kafka: {sasl_password_file: /etc/hostname}", "kafka.sasl_password_file"),
        ("input: {avro_schema_files: {1: /none.avsc}}", "input.avro_schema_files"),
        ("input: {avro_schema_files: {1: /etc/hostname}}", "input.avro_schema_files"),
        ("input: {avro_schema_files: {-1: /none.avsc}}", "input.avro_schema_files"),
        ("input: {avro_schema_files: {first: /none.avsc}}", "input.avro_schema_files.first"),
        ("page: {site_overrides: /none.yaml}", "page.site_overrides"),
        ("page: {site_overrides: /etc}", "page.site_overrides"),
        ("page: {processes: 0}", "page.processes"),
        ("page: {processes: 99999999}", "page.processes"),
        ("enrich: {kb: /none}", "enrich.kb"),
        ("enrich: {kb: /etc}", "enrich.kb"),
        ("enrich: {models: [tlh]}", "enrich.models"),
        ("enrich: {models: en}", "enrich.models"),
        ("lake: {path: ''}", "lake.path"),
        ("lake: {path: 'ftp://host/lake'}", "lake.path"),
        ("lake: {path: 's3://bucket/lake'}", "lake.catalog"),
        ("lake: {catalog: {type: sqll, uri: x}}", "lake.catalog"),
        ("lake: {catalog: {type: in-memory}}", "lake.catalog"),
        ("lake: {catalog: {uri: 'sqlite:///x.db'}}", "lake.catalog"),
        ("lake: {catalog: {type: sql}}", "lake.catalog"),
        ("lake: {catalog: {type: sql, uri: x.db}}", "lake.catalog"),
        ("lake: {catalog: {type: sql, uri: 'foodb://host/x'}}", "lake.catalog"),
        ("lake: {catalog: {type: sql, uri: 'oracle://host/x'}}", "lake.catalog"),
        ("lake: {catalog_secrets_file: /none.yaml}", "lake.catalog_secrets_file"),
        ("lake: {catalog_secrets_file: /etc/hostname}", "lake.catalog_secrets"),
        ("lake: {namespace: a b}", "lake.namespace"),
        ("metrics: {port: 70000}", "metrics.port"),
        ("metrics: {host: ''}", "metrics.host"),
        ("portable: {job_endpoint: 'http://flink:8099'}", "portable.job_endpoint"),
        ("portable: {worker_pool: flink}", "portable.worker_pool"),
        ("portable: {artifact_endpoint: 8098}", "portable.artifact_endpoint"),
        ("portable: {parallelism: 200}", "portable.parallelism"),
        ("portable: {job_name: News Mill}", "portable.job_name"),
        ("copies: {horizon_days: 99999999999}", "copies.horizon_days"),
        ("copies: {min_containment: .nan}", "copies.min_containment"),
    ],
)
def test_wrong_value_is_told_with_its_setting_and_line_before_anything_starts(
    tmp_path: Path, text: str, key: str
) -> None:
    (problem,) = problems(tmp_path, text)
    assert problem.startswith((f"{tmp_path}/mill.yaml:1: {key}: ", f"configuration: {key}: "))


def numbers(model: type[BaseModel], path: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from numbers(inner, f"{path}{name}.")
        elif inner in (int, float) or set(get_args(inner)) & {int, float}:
            yield f"{path}{name}"


@pytest.mark.parametrize("value", ["inf", "-inf", "nan", "1e400", "-1e-300", f"{10**30}", "1e300", "''"])
@pytest.mark.parametrize("setting", sorted(set(numbers(Config)) - {"input.avro_schema_files"}))
def test_every_number_is_refused_when_it_is_none_or_without_measure(setting: str, value: str) -> None:
    with pytest.raises(ConfigError, match=setting.replace(".", r"\.")):
        load(options={tuple(setting.split(".")): value})


def test_sites_and_their_rules_are_checked_when_settings_are(tmp_path: Path) -> None:
    rules = tmp_path / "sites.yaml"
    rules.write_text("example.org:\n  body: ['div > p']\n  cut: [.x]\nexample.net:\n  remove: ['']\n")
    found = problems(tmp_path, f"page:\n  site_overrides: {rules}\n")
    assert len(found) == 2
    assert all(f"mill.yaml:2: page.site_overrides: {rules}: example." in problem for problem in found)


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("NEWSMILL_KAFKA_TOPIC", "NEWSMILL__KAFKA__TOPIC"),
        ("NEWSMILL__KAFKA_TOPIC", "kafka_topic"),
        ("NEWSMILL_KAFKA__TOPIC", "NEWSMILL__KAFKA__TOPIC"),
        ("newsmill__kafka__topic", "NEWSMILL__KAFKA__TOPIC"),
        ("NEWSMILL_KAFKA_TOPICS", "NEWSMILL__KAFKA__TOPIC"),
        ("NEWSMILL___LAKE__PATH", "lake"),
        ("NEWSMILL_ON_DATA_LOSS", "NEWSMILL__ON_DATA_LOSS"),
    ],
)
def test_variable_that_looks_like_a_setting_and_is_none_is_told(name: str, setting: str) -> None:
    with pytest.raises(ConfigError, match=setting):
        load(environment={name: "x"})


def test_variables_of_others_are_let_be() -> None:
    load(
        environment={
            "NEWSMILL": "/usr/bin/newsmill",
            "NEWSMILL_TEST": "1",
            "NEWSMILL_FAILPOINT": "",
            "NEWSMILL_HOME": "/srv",
            "NEWSMILL_METRICS_PORT": "tcp://10.0.0.1:9100",
            "NEWSMILL_METRICS_SERVICE_HOST": "10.0.0.1",
            "NEWSMILL_PORT_9100_TCP_ADDR": "10.0.0.1",
        }
    )


def test_sections_are_merged_empty_or_aside_when_the_file_says_so(tmp_path: Path) -> None:
    file = tmp_path / "mill.yaml"
    file.write_text(
        "x-all: &all\n  bootstrap: one:1\n  topic: merged\n"
        "kafka:\n  <<: *all\n  topic: own\nbatch:\npage: {}\nlake:\n  catalog:\n",
        encoding="utf-8",
    )
    result = load(file)
    assert (result.config.kafka.bootstrap, result.config.kafka.topic) == ("one:1", "own")
    assert result.origins[("kafka", "topic")] == f"{file}:6"
    assert result.origins[("kafka", "bootstrap")] == f"{file}:4"


@pytest.mark.parametrize(
    "text",
    [
        "kafka: &k {x: *k}\n",
        "kafka: {topic: a, topic: b}\n",
        "\x01",
        "a: b\n---\nc: d\n",
        "\x00",
        "? [a]\n: b\n",
    ],
    ids=["alias of itself", "key twice", "control character", "two documents", "zero", "key that is a list"],
)
def test_file_that_can_be_no_settings_is_refused_with_its_name(tmp_path: Path, text: str) -> None:
    assert all(problem.startswith(f"{tmp_path}/mill.yaml") for problem in problems(tmp_path, text))


def test_mappings_and_lists_are_given_as_text_when_they_are_set_from_outside() -> None:
    result = load(
        environment={
            "NEWSMILL__LAKE__CATALOG": "{type: sql, uri: 'sqlite:///x.db'}",
            "NEWSMILL__INPUT__AVRO_SCHEMA_FILES": "{}",
        },
        options={("lake", "catalog", "s3", "endpoint"): "http://127.0.0.1:9000", ("enrich", "models"): "[]"},
    )
    assert result.config.lake.catalog == {
        "type": "sql",
        "uri": "sqlite:///x.db",
        "s3.endpoint": "http://127.0.0.1:9000",
    }


SECRET = "canary-17"


@pytest.mark.parametrize(
    "catalog",
    [
        f"{{type: rest, uri: 'http://h', token: {SECRET}}}",
        f"{{type: rest, uri: 'http://h', credential: 'me:{SECRET}'}}",
        f"{{type: rest, uri: 'http://h', header.Authorization: 'Basic {SECRET}'}}",
        f"{{type: sql, uri: 'postgresql://mill:{SECRET}@db/lake'}}",
        f"{{type: sql, uri: 'postgresql://db/lake?user=mill&password={SECRET}'}}",
        f"{{type: sql, uri: 'sqlite:///x', s3.secret-access-key: {SECRET}}}",
        f"{{type: sql, uri: 'sqlite:///x', s3.session-token: {SECRET}}}",
        f"{{type: sql, uri: 'sqlite:///x', adls.account-key: {SECRET}}}",
        f"{{type: sql, uri: 'sqlite:///x', adls.connection-string: {SECRET}}}",
        f"{{type: sql, uri: 'sqlite:///x', gcs.oauth2.token: {SECRET}}}",
        f"{{type: sql, uri: {{password: {SECRET}}}}}",
        f"[{SECRET}]",
    ],
)
def test_secret_of_the_catalog_is_refused_in_the_file_and_never_printed(tmp_path: Path, catalog: str) -> None:
    found = problems(tmp_path, f"lake:\n  catalog: {catalog}\n")
    assert not any(SECRET in problem for problem in found)


def test_secrets_of_the_catalog_come_from_the_environment_or_a_file_and_are_in_no_pickle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "secrets.yaml"
    file.write_text(f"uri: sqlite:///{tmp_path}/{SECRET}.db\n", encoding="utf-8")
    name = catalogs.SECRETS_VARIABLE
    for environment in (
        {name: f"{{uri: 'sqlite:///{tmp_path}/{SECRET}.db'}}"},
        {f"{name}__URI": f"sqlite:///{tmp_path}/{SECRET}.db"},
        {"NEWSMILL__LAKE__CATALOG_SECRETS_FILE": str(file)},
    ):
        result = load(options={("lake", "catalog"): "{type: sql}"}, environment=environment)
        said = f"{result}{shown(result)}{result.config.model_dump_json()}{result.config.model_dump()}"
        assert SECRET not in said + pickle.dumps(result.config).decode("latin-1")
        travelled = LakeConfig.model_validate_json(result.config.lake.model_dump_json())
        for variable, value in environment.items():
            monkeypatch.setenv(variable, value)
        for config in (result.config.lake, travelled, pickle.loads(pickle.dumps(result.config.lake))):
            assert SECRET in catalogs.properties(config)["uri"]
        for variable in environment:
            monkeypatch.delenv(variable)


def test_secret_is_refused_in_the_file_also_when_it_is_meant_for_the_environment(tmp_path: Path) -> None:
    for text in (f"{{token: {SECRET}}}", SECRET, f"[{SECRET}]"):
        found = problems(tmp_path, f"lake:\n  catalog_secrets: {text}\n")
        assert "NEWSMILL__LAKE__CATALOG_SECRETS" in found[0]
        assert not any(SECRET in problem for problem in found)


@pytest.mark.parametrize(
    ("old", "new", "value"), [("slots", "processes", 5), ("learn_blocks", "learn_boilerplate", True)]
)
def test_setting_under_its_old_name_is_read_and_warned_of(
    tmp_path: Path, old: str, new: str, value: int | bool
) -> None:
    file = tmp_path / "mill.yaml"
    file.write_text(f"page:\n  {old}: {str(value).lower()}\n")
    with capture_logs() as logs:
        loaded = load(file)
    assert getattr(loaded.config.page, new) == value
    assert loaded.origins[("page", new)] == f"{file}:2"
    assert [(log["log_level"], log["event"]) for log in logs] == [
        ("warning", f"page.{old} is now page.{new}: the old name is still read")
    ]
    assert load(environment={f"NEWSMILL__PAGE__{old.upper()}": str(value).lower()}).config == loaded.config


def test_setting_that_is_given_under_both_names_is_a_mistake(tmp_path: Path) -> None:
    file = tmp_path / "mill.yaml"
    file.write_text("page:\n  slots: 3\n  processes: 4\n")
    with pytest.raises(ConfigError, match=r":2: page\.slots: is the old name of page\.processes"):
        load(file)
