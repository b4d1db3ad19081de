from __future__ import annotations

import importlib.metadata
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

import press_week
from newsmill.cli import app
from newsmill.config import Config, EnrichConfig, KafkaConfig, LakeConfig, MetricsConfig, PageConfig
from newsmill.observe import doctor
from newsmill.observe.doctor import Finding, Verdict, examine


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


@pytest.fixture
def config(tmp_path: Path, closed_port: int) -> Config:
    return Config(
        kafka=KafkaConfig(bootstrap=f"127.0.0.1:{closed_port}"),
        lake=LakeConfig(path=str(tmp_path / "lake")),
        enrich=EnrichConfig(enabled=False),
        page=PageConfig(processes=1),
    )


def finding(config: Config, check: str) -> Finding:
    return next(found for found in examine(config) if found.check == check)


def test_doctor_finds_only_the_broker_wrong_when_nothing_else_is(config: Config) -> None:
    findings = list(examine(config))
    assert [f.check for f in findings if f.verdict is Verdict.WRONG] == ["kafka"]
    assert all(f.mend for f in findings if f.verdict is not Verdict.RIGHT)
    assert doctor.wrong(findings)


def test_doctor_leaves_no_trace_when_the_lake_is_yet_to_be_made(config: Config, tmp_path: Path) -> None:
    list(examine(config))
    assert list(tmp_path.iterdir()) == []


def test_doctor_says_that_the_lake_can_not_be_written_when_a_file_is_in_its_way(
    config: Config, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    blocked = config.model_copy(update={"lake": LakeConfig(path=str(tmp_path / "file" / "lake"))})
    assert finding(blocked, "lake").verdict is Verdict.WRONG


def test_doctor_tells_of_the_lake_and_of_a_clock_behind_it_when_batches_are_from_the_future(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(press_week, "START", 4_102_444_800_000_000)  # 2100
    press_week.fill(Path(config.lake.path), records=2800, hours=6)
    found = finding(config, "lake")
    assert found.verdict is Verdict.RIGHT
    assert " records of 1 partition at " in found.found
    clock = finding(config, "clock")
    assert clock.verdict is Verdict.WRONG
    assert "behind the lake's newest batch" in clock.found


@pytest.mark.parametrize("end", ["lives", "ended", "killed"])
def test_doctor_says_who_writes_as_status_does_when_the_writer(end: str, config: Config) -> None:
    code = (
        "import sys; from newsmill.config import LakeConfig; from newsmill.lake.writer import Lake\n"
        "lake = Lake.open(LakeConfig(path=sys.argv[1])); print('open', flush=True); sys.stdin.read()\n"
        "lake.release()"
    )
    command = [sys.executable, "-c", code, config.lake.path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writing:
        assert writing.stdin is not None and writing.stdout is not None
        assert writing.stdout.readline() == b"open\n"
        if end == "killed":
            writing.kill()
        elif end == "ended":
            writing.stdin.close()
        if end != "lives":
            writing.wait()
        found = list(doctor._lake(config))[-1]
        who = f"process {writing.pid} on {socket.gethostname()}"
        assert found.check == "writer"
        assert found.found.startswith(
            f"{who} writes this lake ("
            if end == "lives"
            else f"nobody writes this lake now; the last was {who}, "
        )


def test_doctor_names_the_package_when_it_is_of_a_wrong_version(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ["pyarrow<2", "no-such-package>=1", "rich", "spacy>=3; extra == 'ner'"]
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: asked)
    found = finding(config, "packages")
    assert found.verdict is Verdict.WRONG
    assert "pyarrow" in found.found and "no-such-package is missing" in found.found
    assert "spacy" not in found.found and "rich" not in found.found


def test_doctor_names_the_port_when_it_is_taken(config: Config) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        taken = config.model_copy(update={"metrics": MetricsConfig(port=port)})
        assert finding(taken, "metrics").verdict is Verdict.WARNING


def test_doctor_advises_fewer_processes_when_there_are_more_than_cores(config: Config) -> None:
    many = config.model_copy(update={"page": PageConfig(processes=500)})
    found = finding(many, "machine")
    assert found.verdict is Verdict.WARNING and found.mend and "page.processes" in found.mend


def test_doctor_says_what_the_extraction_process_did_when_it_has_too_little_time(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_PAGE", b"<p>takes longer than a tick of the timer" * 20_000)
    hasty = config.model_copy(update={"page": PageConfig(processes=1, cpu_limit_s=0.000001)})
    found = finding(hasty, "extraction")
    assert found.verdict is Verdict.WRONG and "E_TIMEOUT" in found.found


def test_doctor_names_the_model_when_it_is_unknown(config: Config) -> None:
    odd = config.model_copy(update={"enrich": EnrichConfig(models=("tlh",))})
    found = finding(odd, "knowledge")
    assert found.verdict is Verdict.WRONG and "tlh" in found.found


def options(config: Config) -> Iterator[str]:
    for setting in (
        f"kafka.bootstrap={config.kafka.bootstrap}",
        f"lake.path={config.lake.path}",
        "enrich.enabled=false",
        "page.processes=1",
    ):
        yield from ("--set", setting)


def test_doctor_exits_with_1_and_prints_json_when_asked(config: Config) -> None:
    result = CliRunner().invoke(app, ["doctor", "--json", *options(config)])
    assert result.exit_code == 1
    findings = json.loads(result.stdout)
    assert {f["check"] for f in findings} >= {"packages", "kafka", "lake", "disk", "clock", "extraction"}


def test_doctor_prints_how_to_mend_what_is_wrong(config: Config) -> None:
    result = CliRunner().invoke(app, ["doctor", *options(config)])
    assert result.exit_code == 1
    assert "newsmill dev up" in result.stdout.replace("\n", " ")
