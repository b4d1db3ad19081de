"""The endless job against what Beam's Flink runner takes: its job server can't run on every machine.

The pipeline is translated as it is submitted, and everything in it is held against the list in
`beam_2_77.yaml`, whose every part names the source that it was read from.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from apache_beam.internal import pickler
from apache_beam.options.pipeline_options import PortableOptions
from apache_beam.portability import common_urns
from apache_beam.portability.api import beam_job_api_pb2, beam_runner_api_pb2
from apache_beam.runners.portability.portable_runner import JobServiceHandle, PortableRunner

from newsmill.config import Config, KafkaConfig, LakeConfig, PortableConfig
from newsmill.runners import portable

FLINK: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("beam_2_77.yaml").read_text())
PICKLE = "beam:coder:pickled_python:v1"


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    lake = LakeConfig(path=str(tmp_path_factory.mktemp("gate") / "lake"))
    given = PortableConfig(
        worker_pool="127.0.0.1:50000",
        parallelism=2,
        state_dir="file:///checkpoints",
        restarts=10,
        savepoint="file:///checkpoints/savepoint-1",
    )
    return Config(lake=lake, portable=given)


@pytest.fixture(scope="module")
def proto(config: Config) -> Any:
    """The pipeline as it reaches the job service."""
    made = portable.pipeline(config, flink=True, once=False)
    environment = PortableRunner._create_environment(made.options)
    return made.to_runner_api(default_environment=environment)


def executed(proto: Any) -> Iterator[Any]:
    """The transforms that the runner looks at: leaves, and composites that it knows as they are."""

    def walk(name: str) -> Iterator[Any]:
        transform = proto.components.transforms[name]
        if transform.spec.urn in FLINK["transforms"]["native"] or not transform.subtransforms:
            yield transform
        else:
            for inner in transform.subtransforms:
                yield from walk(inner)

    for root in proto.root_transform_ids:
        yield from walk(root)


def pardos(proto: Any) -> Iterator[Any]:
    for transform in executed(proto):
        if transform.spec.urn == common_urns.primitives.PAR_DO.urn:
            yield beam_runner_api_pb2.ParDoPayload.FromString(transform.spec.payload)


def coders_used(proto: Any) -> dict[str, str]:
    """URN by coder id, of all that values on the wire or in state are coded with."""
    wanted = []
    for transform in executed(proto):
        for name in (*transform.inputs.values(), *transform.outputs.values()):
            wanted.append(proto.components.pcollections[name].coder_id)
    for payload in pardos(proto):
        wanted.append(payload.restriction_coder_id)
        for spec in payload.state_specs.values():
            wanted += [spec.bag_spec.element_coder_id, spec.read_modify_write_spec.coder_id]
    found: dict[str, str] = {}
    while wanted:
        name = wanted.pop()
        if name and name not in found:
            coder = proto.components.coders[name]
            found[name] = coder.spec.urn
            wanted += coder.component_coder_ids
    return found


def test_every_transform_is_one_that_flink_translates(proto: Any) -> None:
    known = {*FLINK["transforms"]["native"], *FLINK["transforms"]["staged"]}
    odd = {t.unique_name: t.spec.urn for t in executed(proto) if t.spec.urn not in known}
    assert odd == {}


def test_every_requirement_is_one_that_flink_meets(proto: Any) -> None:
    assert set(proto.requirements) <= set(FLINK["requirements"]["supported"])
    assert {"beam:requirement:pardo:stateful:v1", "beam:requirement:pardo:splittable_dofn:v1"} <= set(
        proto.requirements
    )


def test_every_state_is_of_a_kind_that_flink_keeps(proto: Any) -> None:
    specs = [spec for payload in pardos(proto) for spec in payload.state_specs.values()]
    assert len(specs) == 9
    assert {spec.WhichOneof("spec") for spec in specs} <= set(FLINK["states"]["specs"])
    assert {spec.protocol.urn for spec in specs} <= set(FLINK["states"]["protocols"])


def test_there_are_no_timers(proto: Any) -> None:
    timers = [name for payload in pardos(proto) for name in payload.timer_family_specs]
    assert len(timers) == FLINK["timers"]["wanted"]


def test_no_side_input_delays_a_stage(proto: Any) -> None:
    assert [name for payload in pardos(proto) for name in payload.side_inputs] == []


def test_every_coder_is_explicit_and_none_is_a_pickle(proto: Any) -> None:
    known = {*FLINK["coders"]["model"], *FLINK["coders"]["ours"], "beam:coder:tuple:v1"}
    used = coders_used(proto)
    assert PICKLE not in used.values()
    assert {name: urn for name, urn in used.items() if urn not in known} == {}


def test_the_walk_over_coders_sees_a_pickle(proto: Any) -> None:
    changed = beam_runner_api_pb2.Pipeline.FromString(proto.SerializeToString())
    for payload in pardos(changed):
        if payload.state_specs:
            spec = next(iter(payload.state_specs.values()))
            name = spec.bag_spec.element_coder_id or spec.read_modify_write_spec.coder_id
            changed.components.coders[name].spec.urn = PICKLE
            break
    assert PICKLE in coders_used(changed).values()


def test_everything_is_in_the_global_window(proto: Any) -> None:
    used = {
        proto.components.pcollections[name].windowing_strategy_id
        for t in executed(proto)
        for name in t.outputs.values()
    }
    windows = {proto.components.windowing_strategies[name].window_fn.urn for name in used}
    assert windows == set(FLINK["windows"]["wanted"])


def test_the_environment_is_the_worker_pool_and_nothing_is_downloaded(proto: Any) -> None:
    used = {t.environment_id for t in executed(proto) if t.environment_id}
    environments = [proto.components.environments[name] for name in used]
    assert {e.urn for e in environments} <= set(FLINK["environments"]["supported"])
    [environment] = environments
    assert environment.urn == common_urns.environments.EXTERNAL.urn
    payload = beam_runner_api_pb2.ExternalPayload.FromString(environment.payload)
    assert payload.endpoint.url == "127.0.0.1:50000"
    assert all(d.role_urn != "beam:artifact:role:pip_requirements_file:v1" for d in environment.dependencies)


def test_the_password_of_the_broker_is_nowhere_in_the_job(config: Config) -> None:
    canary = "c4n4ry-p4ssw0rd"
    kafka = KafkaConfig(
        security_protocol="SASL_SSL", sasl_mechanism="PLAIN", sasl_username="reader", sasl_password=canary
    )
    made = portable.pipeline(config.model_copy(update={"kafka": kafka}), flink=True, once=False)
    configs = []
    for payload in pardos(made.to_runner_api()):
        step = vars(pickler.loads(payload.do_fn.payload)[0])
        configs += [value.kafka for value in step.values() if isinstance(value, Config)]
    assert len(configs) == 4
    assert all(found.sasl_username == "reader" and found.sasl_password is None for found in configs)
    assert canary.encode() not in made.to_runner_api().SerializeToString()


def test_every_option_reaches_flink_under_a_name_that_it_knows(config: Config) -> None:
    kinds = beam_job_api_pb2.PipelineOptionType
    described = [
        beam_job_api_pb2.PipelineOptionDescriptor(name=name, type=kind, description="")
        for key, kind in (("integers", kinds.INTEGER), ("booleans", kinds.BOOLEAN), ("strings", kinds.STRING))
        for name in FLINK["options"][key]
    ] + [
        beam_job_api_pb2.PipelineOptionDescriptor(
            name=name, type=kinds.BOOLEAN, description="", default_value="true"
        )
        for name in FLINK["options"]["true_where_absent"]
    ]
    answer = beam_job_api_pb2.DescribePipelineOptionsResponse(options=described)
    service = SimpleNamespace(DescribePipelineOptions=lambda request, timeout: answer)
    options = portable.options(config, flink=True, once=True)
    sent = JobServiceHandle(service, options).get_pipeline_options()
    for flag in portable._flink_flags(config, once=True):
        name, _, value = flag.removeprefix("--").partition("=")
        key = f"beam:option:{name}:v1"
        assert key in sent, flag
        assert sent[key] == (value or name not in FLINK["options"]["true_where_absent"]), flag


@pytest.mark.parametrize("flink", [True, False])
def test_the_command_that_waits_outlives_beams_own_time_limit(config: Config, flink: bool) -> None:
    """Beam's default of 300 s ended the command of an endless job after five minutes."""
    waits = portable.options(config, flink=flink, once=False).view_as(PortableOptions).job_server_timeout
    assert int(waits) > 365 * 86_400


def test_a_state_backend_is_named_only_with_its_path() -> None:
    flags = portable._flink_flags(Config(), once=False)
    assert not any(flag.startswith("--state_backend") for flag in flags)
    assert any(flag.startswith("--checkpointing_interval=") for flag in flags)


def test_planner_rests_a_second_at_least_when_flink_cuts_what_the_worker_leaves_of_its_delay() -> None:
    """The worker subtracts what has passed since; Flink keeps whole seconds of the rest."""
    from newsmill.flow.streaming.read_stream import POLL_S

    passed = 0.01
    assert int(POLL_S - passed) >= 1


def test_output_of_a_bundle_waits_for_nothing_when_a_checkpoint_cuts_it() -> None:
    assert "--finish_bundle_before_checkpointing" in portable._flink_flags(Config(), once=False)


def test_source_ends_when_the_job_is_caught_up_and_only_then() -> None:
    def idle(once: bool) -> list[str]:
        flags = portable._flink_flags(Config(), once=once)
        return [flag for flag in flags if flag.startswith("--shutdown_sources_after_idle_ms=")]

    assert idle(True) == ["--shutdown_sources_after_idle_ms=1000"]
    assert idle(False) == []


def test_no_step_uses_a_file_sink_or_a_metric_that_flink_drops() -> None:
    """Beam's own file sinks are not exactly-once; distributions and gauges don't reach Prometheus."""
    from newsmill import flow

    files = list(Path(flow.__file__).parent.rglob("*.py"))
    assert len(files) > 20
    for file in files:
        text = file.read_text()
        assert "fileio" not in text, file
        assert "WriteToParquet" not in text, file
        assert "Metrics.distribution" not in text, file
        assert "Metrics.gauge" not in text, file
