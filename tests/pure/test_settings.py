from pathlib import Path

import pytest

from newsmill.errors import ConfigError
from newsmill.settings import load, shown


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
    assert f"{file}:4: batch.max_records: input should be greater than 0, got -4" in found
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
