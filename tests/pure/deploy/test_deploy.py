"""The deployment files: right by their schemas, safe by default, and every option in them is understood."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from copy import deepcopy
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import certifi
import jsonschema
import kubernetes_validate
import pytest
import typer
import yaml

from newsmill.cli import app
from newsmill.config.loading import load
from newsmill.workers import worker_pool

DEPLOY = Path(__file__).parents[3] / "deploy"
KUBERNETES = "1.34"
MOUNTED = {
    "NEWSMILL__KAFKA__SASL_PASSWORD": "from the secret",
    "NEWSMILL__KAFKA__SSL_CA_FILE": certifi.where(),
}
FLINK: dict[str, Any] = yaml.safe_load((DEPLOY.parent / "tests/pure/flink/beam_2_77.yaml").read_text())
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
DIRECT: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.direct.yaml").read_text())
OVERLAYS = ("direct", "flink")
MANIFESTS = [
    (str(file.relative_to(DEPLOY / "kubernetes")), document)
    for file in sorted((DEPLOY / "kubernetes").rglob("*.yaml"))
    if file.name not in ("kustomization.yaml", "mill-config.yaml")
    for document in yaml.safe_load_all(file.read_text())
]
FLINK_DEPLOYMENT: dict[str, Any] = yaml.safe_load(
    Path(__file__).with_name("flink_deployment.yaml").read_text()
)


def newsmill_commands() -> Iterator[tuple[str, list[str], list[str]]]:
    """(where, program, arguments) of everything that is started from our image."""
    for where, services in (("compose", SERVICES), ("compose.direct", DIRECT["services"])):
        for name, service in services.items():
            if service.get("image", "").startswith("newsmill:"):
                yield f"{where} {name}", service.get("entrypoint", ["newsmill"]), service["command"]
    for file, document in MANIFESTS:
        for container in containers(document):
            if container.get("image") == "newsmill":
                yield f"{file} {container['name']}", container.get("command", ["newsmill"]), container["args"]


def containers(document: Any) -> Iterator[dict[str, Any]]:
    """Every container named anywhere in a manifest."""
    if isinstance(document, dict):
        for key in ("containers", "initContainers"):
            yield from document.get(key, ())
        for value in document.values():
            yield from containers(value)
    elif isinstance(document, list):
        for value in document:
            yield from containers(value)


def job_server_arguments() -> dict[str, list[str]]:
    found = {"compose": SERVICES["job-server"]["command"]}
    for file, document in MANIFESTS:
        for container in containers(document):
            if container["name"] == "job-server":
                found[file] = container["args"]
    return found


@pytest.mark.parametrize("compose", [COMPOSE, DIRECT], ids=["flink", "direct"])
def test_compose_file_fits_the_compose_specification(compose: dict[str, Any]) -> None:
    schema = files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json"
    jsonschema.validate(compose, json.loads(schema.read_text()))


def test_compose_file_of_the_direct_runner_extends_services_that_are_there() -> None:
    for name, service in DIRECT["services"].items():
        if "extends" in service:
            assert (DEPLOY / service["extends"]["file"]).is_file()
            base = SERVICES[service["extends"]["service"]]
            for volume in base.get("volumes", ()):
                source = volume.partition(":")[0]
                assert source in DIRECT["volumes"] or (DEPLOY / source).exists(), f"{name}: {volume}"
            assert set(base.get("depends_on", ())) <= set(DIRECT["services"])


def test_compose_schema_refuses_what_is_wrong() -> None:
    schema = json.loads((files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json").read_text())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"services": {"a": {"image": "a:1", "portz": []}}}, schema)


@pytest.mark.parametrize(
    ("file", "document"), MANIFESTS, ids=lambda m: m if isinstance(m, str) else m["kind"]
)
def test_manifest_fits_its_schema(file: str, document: dict[str, Any]) -> None:
    if document["kind"] != "FlinkDeployment":
        kubernetes_validate.validate(document, KUBERNETES, strict=True)
        return
    jsonschema.validate(document, FLINK_DEPLOYMENT)
    spec = document["spec"]
    for template in (spec["podTemplate"], spec["taskManager"]["podTemplate"]):
        pod = {"metadata": {}, **template}
        kubernetes_validate.validate(pod, KUBERNETES, strict=True)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("taskmanager",), {}),
        (("taskManager", "replica"), 4),
        (("taskManager", "replicas"), "4"),
        (("jobManager", "resource", "cpus"), 1),
        (("flinkConfiguration", "taskmanager.numberOfTaskSlots"), 2),
        (("flinkVersion",), "1.20"),
        (("mode",), "session"),
    ],
)
def test_flink_deployment_is_refused_when_a_name_or_a_type_is_wrong(
    place: tuple[str, ...], value: Any
) -> None:
    [deployment] = [d for _, d in MANIFESTS if d["kind"] == "FlinkDeployment"]
    changed = deepcopy(deployment)
    inner = changed["spec"]
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(changed, FLINK_DEPLOYMENT)


@pytest.mark.parametrize("overlay", ["base", *OVERLAYS])
def test_kustomization_names_the_files_that_are_there(overlay: str) -> None:
    folder = DEPLOY / "kubernetes" / overlay
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    named = {
        *kustomization["resources"],
        *(f for made in kustomization.get("configMapGenerator", ()) for f in made["files"]),
    } - {"../base"}
    assert named == {file.name for file in folder.glob("*.yaml")} - {"kustomization.yaml"}
    assert ("../base" in kustomization["resources"]) == (overlay != "base")


def rendered(overlay: str) -> list[dict[str, Any]]:
    """What `kubectl apply -k` would send."""
    if shutil.which("kubectl") is None:
        pytest.skip("no kubectl, which has kustomize")
    done = subprocess.run(
        ["kubectl", "kustomize", str(DEPLOY / "kubernetes" / overlay)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_overlay_is_whole_when_rendered(overlay: str) -> None:
    documents = rendered(overlay)
    named = {(d["kind"], d["metadata"]["name"]) for d in documents}
    maps = {name for kind, name in named if kind == "ConfigMap"}
    for document in documents:
        if document["kind"] != "FlinkDeployment":
            kubernetes_validate.validate(document, KUBERNETES, strict=True)
        if document["kind"] != "Namespace":
            assert document["metadata"]["namespace"] == "newsmill"
        for pod in pods(document):
            assert ("ServiceAccount", pod.get("serviceAccountName", "mill")) in named
            for volume in pod.get("volumes", ()):
                if "configMap" in volume:
                    assert volume["configMap"]["name"] in maps
            for container in (*pod.get("containers", ()), *pod.get("initContainers", ())):
                assert container.get("image", "newsmill:0.1.0") != "newsmill", "without a version"
    runs = [c for d in documents for c in containers(d) if c.get("args", [""])[0] == "run"]
    assert [("--runner" in run["args"]) for run in runs] == [overlay == "flink"]
    assert {"CronJob", "PodDisruptionBudget", "NetworkPolicy"} <= {kind for kind, _ in named}


def pods(document: Any) -> Iterator[dict[str, Any]]:
    """Every specification of a pod in a manifest."""
    if isinstance(document, dict):
        if "containers" in document:
            yield document
        for value in document.values():
            yield from pods(value)
    elif isinstance(document, list):
        for value in document:
            yield from pods(value)


def test_direct_runner_is_one_pod_that_is_asked_for_health_and_given_time_to_stop() -> None:
    [mill] = [d for _, d in MANIFESTS if d["kind"] == "StatefulSet"]
    assert mill["spec"]["replicas"] == 1
    pod = mill["spec"]["template"]["spec"]
    [run] = pod["containers"]
    port = load(DEPLOY / "kubernetes/direct/mill-config.yaml", environment=MOUNTED).config.metrics.port
    assert run["ports"] == [{"name": "metrics", "containerPort": port}]
    probes = {name: run[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")}
    assert probes == {"startup": "/health", "liveness": "/health", "readiness": "/ready"}
    assert pod["terminationGracePeriodSeconds"] >= 600
    [service] = [d for _, d in MANIFESTS if d["kind"] == "Service"]
    assert service["metadata"]["name"] == mill["spec"]["serviceName"]


def test_memory_of_the_direct_runner_is_what_its_settings_take() -> None:
    config = load(DEPLOY / "kubernetes/direct/mill-config.yaml", environment=MOUNTED).config
    [mill] = [d for _, d in MANIFESTS if d["kind"] == "StatefulSet"]
    limit = mill["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"]
    needed = config.batch.memory_mb + config.page.processes * config.page.memory_limit_mb
    assert int(limit.removesuffix("Gi")) * 1074 >= needed + 1000


@pytest.mark.parametrize("document", [d for _, d in MANIFESTS if d["kind"] == "PodDisruptionBudget"])
def test_disruption_budget_lets_nodes_be_drained(document: dict[str, Any]) -> None:
    assert document["spec"]["maxUnavailable"] == 1


@pytest.mark.parametrize(("where", "program", "arguments"), newsmill_commands(), ids=lambda v: str(v))
def test_every_option_is_one_that_newsmill_accepts(
    where: str, program: list[str], arguments: list[str]
) -> None:
    if program == ["python", "-m", "newsmill.workers.worker_pool"]:
        given = worker_pool.parser().parse_args(arguments)
        assert worker_pool.address(given.address).loopback, f"{where}: {given.address}"
        return
    assert program == ["newsmill"]
    command = typer.main.get_command(app)
    context = command.make_context("newsmill", list(arguments), resilient_parsing=False)
    with context:
        inner = command.get_command(context, arguments[0])
        inner.make_context(arguments[0], list(arguments[1:]), parent=context)


def test_there_are_eight_commands_to_check() -> None:
    assert len(list(newsmill_commands())) == 8


@pytest.mark.parametrize("file", ["mill.yaml", "kubernetes/flink/mill-config.yaml"])
def test_settings_are_right_and_their_ports_are_those_of_the_job_server(file: str) -> None:
    portable = load(DEPLOY / file, environment=MOUNTED if "kubernetes" in file else {}).config.portable
    for arguments in job_server_arguments().values():
        assert f"--job-port={portable.job_endpoint.rpartition(':')[2]}" in arguments
        assert portable.artifact_endpoint is not None
        assert f"--artifact-port={portable.artifact_endpoint.rpartition(':')[2]}" in arguments
    pools = [arguments for _, program, arguments in newsmill_commands() if "worker_pool" in program[-1]]
    assert all(portable.worker_pool in arguments for arguments in pools)


@pytest.mark.parametrize(("where", "arguments"), job_server_arguments().items())
def test_job_server_options_are_known_and_it_listens_on_loopback(where: str, arguments: list[str]) -> None:
    names = [argument.removeprefix("--").partition("=")[0] for argument in arguments]
    assert set(names) <= set(FLINK["job_server"]["options"])
    assert "--job-host=127.0.0.1" in arguments


def test_published_ports_are_on_loopback_only() -> None:
    services = [*SERVICES.values(), *DIRECT["services"].values()]
    ports = [port for service in services for port in service.get("ports", ())]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_what_runs_code_for_whoever_reaches_it_shares_the_network_of_its_only_caller() -> None:
    assert SERVICES["worker-pool"]["network_mode"] == "service:taskmanager"
    assert SERVICES["mill"]["network_mode"] == "service:job-server"
    assert not any("ports" in SERVICES[name] for name in ("worker-pool", "mill", "job-server", "taskmanager"))


def test_every_image_has_a_version() -> None:
    images = [service["image"] for service in SERVICES.values()]
    images += [service["image"] for service in DIRECT["services"].values() if "image" in service]
    for _, document in MANIFESTS:
        images += [c["image"] for c in containers(document) if "image" in c]
        if document["kind"] == "FlinkDeployment":
            images.append(document["spec"]["image"])
    for image in images:
        assert image == "newsmill" or re.search(r":v?\d+\.\d+", image), image


def test_versions_of_beam_and_flink_are_the_same_everywhere() -> None:
    images = [service["image"] for service in SERVICES.values()]
    images += [c["image"] for _, d in MANIFESTS for c in containers(d) if "image" in c]
    [cluster] = [d for _, d in MANIFESTS if d["kind"] == "FlinkDeployment"]
    servers = {image for image in images if "job_server" in image}
    assert servers == {f"apache/beam_flink1.20_job_server:{version('apache-beam')}"}
    flinks = {image for image in (*images, cluster["spec"]["image"]) if image.startswith("flink:")}
    [flink] = flinks
    assert flink.startswith("flink:1.20.")
    assert cluster["spec"]["flinkVersion"] == "v1_20"


def test_containers_of_ours_may_do_nothing_but_run() -> None:
    for service in (SERVICES["worker-pool"], SERVICES["mill"], DIRECT["services"]["mill"]):
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in service["security_opt"]
    for _, document in MANIFESTS:
        for container in containers(document):
            if container.get("image") == "newsmill":
                context = container["securityContext"]
                assert context["readOnlyRootFilesystem"] is True
                assert context["runAsUser"] == 10001
                assert context["allowPrivilegeEscalation"] is False


def test_no_secret_is_in_a_file() -> None:
    for file in DEPLOY.rglob("*.y*ml"):
        for line in file.read_text().splitlines():
            key, _, value = line.partition(":")
            if re.search(r"password|secret_?key|token", key, re.IGNORECASE) and value.strip():
                assert re.match(r"\s*(\$\{|false|\{name|\{secretName)", value), f"{file}: {line}"


def test_dockerfile_takes_image_sh_for_its_steps_and_drops_root() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    assert [line for line in lines if line.startswith("USER ")][-1] == "USER 10001:10001"
    steps = [line.removeprefix("RUN ") for line in lines if line.startswith("RUN ")]
    assert all(step.startswith(("apt-get update && apt-get install", "sh ")) for step in steps), steps
    assert [step.split()[2] for step in steps if step.startswith("sh ")] == ["install", "user"]
    ignored = (DEPLOY.parent / ".dockerignore").read_text().split()
    sent = [line.removeprefix("!") for line in ignored if line.startswith("!")]
    for line in lines:
        if line.startswith("COPY ") and "--from" not in line:
            for source in line.split()[1:-1]:
                assert (DEPLOY.parent / source).exists(), source
                assert any(source == kept or Path(source).match(kept) for kept in sent), source


@pytest.mark.parametrize(
    ("scrapes", "services", "mill"),
    [("cluster.yml", SERVICES, "job-server"), ("direct.yml", DIRECT["services"], "mill")],
    ids=["flink", "direct"],
)
def test_prometheus_scrapes_what_compose_runs(scrapes: str, services: dict[str, Any], mill: str) -> None:
    found = yaml.safe_load((DEPLOY / "prometheus" / scrapes).read_text())
    targets = [t for job in found["scrape_configs"] for s in job["static_configs"] for t in s["targets"]]
    assert {target.partition(":")[0] for target in targets} <= set(services)
    port = load(DEPLOY / "mill.yaml", environment={}).config.metrics.port
    assert f"{mill}:{port}" in targets
    assert f"--config.file=/etc/prometheus/{scrapes}" in services["prometheus"]["command"]
    for rules in found["rule_files"]:
        assert (DEPLOY / "prometheus" / rules).exists()


def test_mounted_files_are_there() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert source in COMPOSE["volumes"] or (DEPLOY / source).exists(), volume
