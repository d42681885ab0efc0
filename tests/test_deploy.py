"""What Laurel is deployed with: it names settings, metrics, commands and files that exist, and opens nothing."""

import asyncio
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import PROCESS_COLLECTOR, CollectorRegistry
from ruamel.yaml import YAML
from typer.testing import CliRunner

from laurel import health, wiring
from laurel.catalogue_file import read_catalogue
from laurel.cli import app
from laurel.settings import describe_settings, read_settings
from rules.keys import TenantId
from streams.metrics import Metrics

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
COMPOSE = ROOT / "docker-compose.yml"
DOCUMENT = ROOT / "docs" / "deploy.md"
DASHBOARD = DEPLOY / "grafana" / "dashboards" / "laurel.json"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
OURS = ("topics", "catalogue", "worker", "delivery")

# What Prometheus itself adds to a series, and what our scraping says of a process.
SCRAPED_LABELS = {"job", "instance", "role", "le", "agent"}
# PromQL: what stands where a metric's name could, and is none.
OPERATORS = {"and", "or", "unless", "offset", "bool"}
GROUPINGS = r"\b(by|on|without|ignoring|group_left|group_right)\s*\(([^)]*)\)"

# Keys of a service that Compose 1.29 and 2 both read.
SERVICE_KEYS = {
    *("image", "build", "command", "entrypoint", "environment", "healthcheck", "depends_on", "ports", "volumes"),
    *("restart", "read_only", "cap_drop", "security_opt", "tmpfs", "stop_grace_period"),
}


def read(path: Path) -> Any:
    return YAML(typ="safe", pure=True).load(path)


def load_all(text: str) -> list[dict[str, Any]]:
    return list(YAML(typ="safe", pure=True).load_all(text))


def containers(thing: dict[str, Any]) -> list[dict[str, Any]]:
    pod = thing.get("spec", {}).get("template", {}).get("spec", {})
    return list(pod.get("containers", ()))


def with_defaults(value: str) -> str:
    """Put in what Compose would, with nothing set."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)


def version() -> str:
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"])


def pins(path: Path) -> dict[str, str]:
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", path.read_text(), re.MULTILINE))


def pinned(lines: list[str]) -> set[tuple[str, str]]:
    """Requirements as a lock file writes them."""
    parted = [line.partition("==") for line in lines]
    return {(re.sub(r"[._]+", "-", name), number) for name, _, number in parted}


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return dict(read(COMPOSE)["services"])


@pytest.fixture(scope="module")
def objects() -> list[dict[str, Any]]:
    paths = [
        KUBERNETES / name for name in read(KUBERNETES / "kustomization.yaml")["resources"] if name.endswith("yaml")
    ]
    return [thing for path in paths for thing in load_all(path.read_text())]


@pytest.fixture(scope="module")
def dashboard() -> dict[str, Any]:
    return dict(json.loads(DASHBOARD.read_text()))


def rules() -> list[dict[str, Any]]:
    return [rule for group in read(DEPLOY / "prometheus" / "rules.yml")["groups"] for rule in group["rules"]]


# Compose


def test_compose_says_only_what_both_composes_read(services: dict[str, Any]) -> None:
    text = COMPOSE.read_text()
    named = set(read(COMPOSE)["volumes"])

    assert "version" not in read(COMPOSE)
    assert "\t" not in text
    for name, service in services.items():
        assert set(service) <= SERVICE_KEYS, name
        assert set(service.get("depends_on", ())) <= set(services), name
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert (ROOT / source).exists() if source.startswith("./") else source in named, volume


@pytest.mark.stack
@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="no docker-compose; its structure is checked above")
def test_docker_compose_reads_the_file_and_the_second_worker(tmp_path: Path, services: dict[str, Any]) -> None:
    second = tmp_path / "second.yml"
    second.write_text(second_worker())
    files = ["-f", str(COMPOSE), "-f", str(second)]

    done = subprocess.run(
        ["docker-compose", "--project-directory", str(ROOT), *files, "config", "--services"],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == {*services, "worker-2"}


def test_every_port_is_bound_to_this_machine_alone_and_once(services: dict[str, Any]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", ())]

    assert ports
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port) for port in ports)
    assert len({port.split(":")[1] for port in ports}) == len(ports)


def test_images_are_pinned_and_ours_have_our_version(services: dict[str, Any]) -> None:
    for name, service in services.items():
        tag = service["image"].partition(":")[2]
        assert re.match(r"v?\d+\.\d+", tag), name
    assert {services[name]["image"] for name in OURS} == {f"laurel:{version()}"}
    assert read(KUBERNETES / "kustomization.yaml")["images"] == [
        {"name": "laurel", "newName": "laurel", "newTag": version()}
    ]
    assert f"-t laurel:{version()} ." in DOCKERFILE
    assert f"laurel:{version()}" in second_worker()
    assert services["kafka"]["image"] == services["sources"]["image"] == f"apache/kafka:{kafka_version()}"


def kafka_version() -> str:
    """The Kafka that tests run on."""
    return str(re.findall(r"<kafka.version>(.*)</kafka.version>", (DEPLOY / "kafka" / "pom.xml").read_text())[0])


def test_our_services_are_confined(services: dict[str, Any]) -> None:
    for name in OURS:
        service = services[name]
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
    for service in services.values():
        assert service["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", OURS)
def test_a_service_of_ours_is_told_settings_that_it_reads(name: str, services: dict[str, Any]) -> None:
    environ = {key: with_defaults(value) for key, value in services[name]["environment"].items()}

    settings = read_settings(environ)

    assert settings.config == Path("/etc/laurel/config.yaml")
    assert "./deploy/laurel:/etc/laurel:ro" in services[name]["volumes"]
    assert (settings.database is not None) == (name == "delivery")


def test_a_broker_listens_where_settings_look_for_it(services: dict[str, Any]) -> None:
    kafka = services["kafka"]["environment"]

    assert services["worker"]["environment"]["LAUREL_BROKER"] in kafka["KAFKA_ADVERTISED_LISTENERS"]
    assert read_settings({}).broker in kafka["KAFKA_ADVERTISED_LISTENERS"]
    assert kafka["KAFKA_LOG_DIRS"] == services["kafka"]["volumes"][0].partition(":")[2]


def test_the_sources_of_the_configuration_are_made(services: dict[str, Any]) -> None:
    made = re.findall(r"for topic in ([a-z -]+);", services["sources"]["command"][0])[0].split()

    assert made == [source["topic"] for source in read(DEPLOY / "laurel" / "config.yaml")["sources"]]


def second_worker() -> str:
    """The override in the documentation."""
    return str(re.findall(r"```yaml\n(services:.*?)```", DOCUMENT.read_text(), re.DOTALL)[0])


def test_the_second_worker_differs_from_the_first_in_its_name_alone(services: dict[str, Any]) -> None:
    second = YAML(typ="safe", pure=True).load(second_worker())["services"]["worker-2"]
    first = {key: value for key, value in services["worker"].items() if key not in {"build", "ports", "depends_on"}}
    log_level = {"LAUREL_LOG_LEVEL": first["environment"]["LAUREL_LOG_LEVEL"]}

    assert second["environment"]["LAUREL_WORKER_NAME"] == "worker-2"
    assert first["environment"]["LAUREL_WORKER_NAME"] == "worker-1"
    assert second | {"environment": second["environment"] | log_level | {"LAUREL_WORKER_NAME": "worker-1"}} == first


# What is said to Laurel


def texts() -> Iterator[Path]:
    yield from (COMPOSE, DOCUMENT, DEPLOY / "Dockerfile")
    for directory in ("kubernetes", "prometheus", "grafana", "laurel"):
        yield from (path for path in (DEPLOY / directory).rglob("*") if path.is_file())


@pytest.mark.parametrize("path", list(texts()), ids=lambda path: path.name)
def test_every_variable_is_a_setting(path: Path) -> None:
    known = {row.variable for row in describe_settings()}

    assert set(re.findall(r"\bLAUREL_[A-Z_]+", path.read_text())) <= known | {"LAUREL_"}


def test_configuration_and_catalogue_have_no_faults() -> None:
    settings = read_settings({"LAUREL_CONFIG": str(DEPLOY / "laurel" / "config.yaml")})
    config = wiring.config_of(settings)

    assert {source.dialect for source in config.sources} == {"laurel", "brightspace"}
    assert [catalogue.tenant for catalogue in wiring.catalogues_of(config)] == ["example"]
    assert read_catalogue(DEPLOY / "laurel" / "catalogue.yaml", TenantId("check")).credentials


def commands() -> Iterator[list[str]]:
    services = read(COMPOSE)["services"]
    yield from (services[name]["command"] for name in OURS)
    for path in KUBERNETES.glob("*.yaml"):
        yield from (container["args"] for thing in load_all(path.read_text()) for container in containers(thing))
    for line in re.findall(r"(?:^|`|-- |delivery )laurel ([a-z][^`\n]*)", DOCUMENT.read_text(), re.MULTILINE):
        yield shlex.split(line)


@pytest.mark.parametrize("command", list(commands()), ids=" ".join)
def test_every_command_is_one(command: list[str]) -> None:
    done = CliRunner().invoke(app, [*command, "--help"])

    assert done.exit_code == 0, done.output


# The image


def test_the_image_holds_all_that_the_wheel_is_made_of() -> None:
    built = tomllib.loads((ROOT / "pyproject.toml").read_text())
    copied = {name for line in re.findall(r"^COPY (?!--)(.*) \S+$", DOCKERFILE, re.MULTILINE) for name in line.split()}
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    packages = built["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]

    assert copied == allowed
    assert {*packages, "pyproject.toml", built["project"]["readme"], *built["project"]["license-files"]} <= copied
    assert all((ROOT / name).exists() for name in copied)


def test_the_image_is_locked_by_the_same_versions_as_our_tests() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    runs, builds = pins(DEPLOY / "requirements.lock"), pins(DEPLOY / "build.lock")
    tests = pins(ROOT / "requirements.lock")
    tools = {line.partition("==")[0] for line in project["project"]["optional-dependencies"]["embedded"]}

    assert runs.items() <= tests.items()
    assert builds.items() <= tests.items()
    assert pinned(project["project"]["dependencies"]) <= runs.items()
    assert pinned(project["build-system"]["requires"]) <= builds.items()
    assert not {*tools, "pytest", "mypy", "hatchling"} & runs.keys()


@pytest.mark.parametrize("path", sorted(DEPLOY.glob("*.lock")), ids=lambda path: path.name)
def test_a_lock_has_a_hash_for_everything_and_names_no_place(path: Path) -> None:
    text = path.read_text()

    assert "://" not in text
    assert all("--hash=sha256:" in block for block in re.split(r"\n(?=[A-Za-z0-9])", text))


def test_the_image_runs_as_nobody_in_particular_and_keeps_state_in_a_volume() -> None:
    last = DOCKERFILE.rpartition("\nFROM ")[2]

    assert re.search(r"^USER 10001:10001$", last, re.MULTILINE)
    assert re.search(r"^VOLUME /var/lib/laurel$", last, re.MULTILINE)
    assert re.search(r'^ENTRYPOINT \["laurel"\]\nCMD \["worker"\]$', last, re.MULTILINE)
    environ = dict(re.findall(r"\b(LAUREL_\w+)=(\S+)", last))
    assert (read_settings(environ).http_host, read_settings(environ).data_dir) == ("0.0.0.0", Path("/var/lib/laurel"))  # noqa: S104 - in a container


@pytest.mark.stack
async def test_the_health_check_sees_a_worker_and_sees_its_absence() -> None:
    async def nothing() -> None: ...

    _, *arguments = json.loads(re.findall(r"^HEALTHCHECK .* CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)[0])
    registry = CollectorRegistry()
    runner, port = await health.serve(
        host="127.0.0.1", port=0, registry=registry, observe=nothing, not_ready=lambda: ["the broker"]
    )

    async def checked() -> int:
        environ = {"LAUREL_HTTP_PORT": str(port), "http_proxy": "http://127.0.0.1:9"}
        process = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, env=environ, stderr=asyncio.subprocess.DEVNULL
        )
        return await process.wait()

    try:
        assert await checked() == 0
    finally:
        await runner.cleanup()
    assert await checked() != 0


# Kubernetes


def test_kustomize_finds_its_files() -> None:
    for directory in (KUBERNETES, DEPLOY / "laurel"):
        said = read(directory / "kustomization.yaml")
        files = [file for generator in said["configMapGenerator"] for file in generator.get("files", ())]
        assert all((directory / name).exists() for name in [*said.get("resources", ()), *files])


@pytest.mark.stack
@pytest.mark.skipif(shutil.which("kubectl") is None, reason="no kubectl; its structure is checked beside")
def test_kubectl_builds_the_whole() -> None:
    built = subprocess.run(["kubectl", "kustomize", KUBERNETES], capture_output=True, text=True, check=True).stdout
    maps = {thing["metadata"]["name"] for thing in load_all(built) if thing["kind"] == "ConfigMap"}

    asked = set(re.findall(r"name: (laurel-(?:files|settings)\S*)", built))
    assert asked == maps


def test_pods_are_confined_and_read_their_settings(objects: list[dict[str, Any]]) -> None:
    pods = [thing["spec"]["template"] for thing in objects if containers(thing)]

    assert len(pods) == 3
    for pod in pods:
        [container] = pod["spec"]["containers"]
        assert pod["spec"]["securityContext"]["runAsNonRoot"]
        assert pod["spec"]["securityContext"]["runAsUser"] == 10001
        assert pod["spec"]["enableServiceLinks"] is False
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert {"configMapRef": {"name": "laurel-settings"}} in container["envFrom"]
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        assert {volume["name"] for volume in pod["spec"]["volumes"]} <= mounted


def test_the_settings_of_the_pods_are_read(objects: list[dict[str, Any]]) -> None:
    [generator] = read(KUBERNETES / "kustomization.yaml")["configMapGenerator"]
    settings = read_settings(dict(line.split("=", 1) for line in generator["literals"]))
    [stream] = [thing for thing in objects if thing["kind"] == "StatefulSet"]

    assert settings.config == Path("/etc/laurel/config.yaml")
    assert stream["spec"]["replicas"] <= settings.partitions


def test_a_stream_worker_has_a_name_and_a_volume_of_its_own(objects: list[dict[str, Any]]) -> None:
    [stream] = [thing for thing in objects if thing["kind"] == "StatefulSet"]
    [container] = containers(stream)
    [claim] = stream["spec"]["volumeClaimTemplates"]

    assert {"name": "LAUREL_WORKER_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}} in container["env"]
    assert {"name": claim["metadata"]["name"], "mountPath": "/var/lib/laurel"} in container["volumeMounts"]


def test_workers_are_asked_whether_they_live_and_whether_they_are_ready(objects: list[dict[str, Any]]) -> None:
    for thing in objects:
        if thing["kind"] in {"StatefulSet", "Deployment"}:
            [container] = containers(thing)
            assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
            assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
            assert container["ports"] == [{"name": "http", "containerPort": read_settings({}).http_port}]


# Prometheus and Grafana


def exported() -> set[str]:
    """The names under which metrics are scraped."""
    registry, names = CollectorRegistry(), set()
    Metrics(registry)
    for metric in [*registry.collect(), *PROCESS_COLLECTOR.collect()]:
        match metric.type:
            case "counter":
                names.add(f"{metric.name}_total")
            case "histogram":
                names |= {f"{metric.name}_{part}" for part in ("bucket", "sum", "count")}
            case _:
                names.add(metric.name)
    return names


def label_names() -> set[str]:
    metrics = Metrics(CollectorRegistry())
    return {label for metric in vars(metrics).values() for label in metric._labelnames}


def expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in rules())
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))


def names_in(expression: str) -> set[str]:
    """The metrics that an expression reads."""
    bare = re.sub(r'"[^"]*"', "", expression)
    bare = re.sub(GROUPINGS, " ", re.sub(r"\{[^}]*\}|\[[^\]]*\]", " ", bare))
    bare = re.sub(r"\boffset\s+\w+|\b\d+(\.\d+)?\w*", " ", bare)
    return set(re.findall(r"[a-zA-Z_:][\w:]*(?!\s*\()(?![\w:])", bare)) - OPERATORS


def labels_in(expression: str) -> set[str]:
    matched = re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*"', expression)
    grouped = [name for _, inside in re.findall(GROUPINGS, expression) for name in re.findall(r"\w+", inside)]
    return {*matched, *grouped}


def test_names_and_labels_are_found_in_an_expression() -> None:
    expression = (
        'sum by (job) (rate(a_total{kind="b_total"}[5m])) > on (job) group_left () 0.05 * x:y unless d offset 5m'
    )

    assert names_in(expression) == {"a_total", "x:y", "d"}
    assert labels_in(expression) == {"job", "kind"}


@pytest.mark.parametrize("expression", list(expressions()))
def test_an_expression_reads_metrics_and_labels_that_exist(expression: str) -> None:
    recorded = {rule["record"] for rule in rules() if "record" in rule}

    assert names_in(expression)
    assert names_in(expression) <= exported() | recorded | {"up"}
    assert labels_in(expression) <= label_names() | SCRAPED_LABELS
    assert expression.count("(") == expression.count(")")


def test_the_dashboard_shows_every_metric(dashboard: dict[str, Any]) -> None:
    shown = {name for panel in dashboard["panels"] for t in panel.get("targets", ()) for name in names_in(t["expr"])}
    registry = CollectorRegistry()
    Metrics(registry)

    for metric in registry.collect():
        assert any(re.fullmatch(rf"{metric.name}(_total|_bucket|_sum|_count)?", name) for name in shown), metric.name


def test_alerts_say_how_bad_it_is_and_what_to_do() -> None:
    alerts = [rule for rule in rules() if "alert" in rule]

    assert len({alert["alert"] for alert in alerts}) == len(alerts) > 0
    for alert in alerts:
        assert set(alert) <= {"alert", "expr", "for", "labels", "annotations"}
        assert alert["labels"]["severity"] in {"critical", "warning"}
        assert re.fullmatch(r"\d+m", alert.get("for", "0m"))
        assert all(alert["annotations"][part].endswith(".") for part in ("summary", "runbook")), alert["alert"]


def test_the_documentation_lists_the_alerts() -> None:
    listed = re.findall(r"^\| `(Laurel\w+)` \|", DOCUMENT.read_text(), re.MULTILINE)

    assert listed == [rule["alert"] for rule in rules() if "alert" in rule]


def test_prometheus_asks_the_services_by_the_roles_that_they_have(services: dict[str, Any]) -> None:
    config = read(DEPLOY / "prometheus" / "prometheus.yml")
    [job] = config["scrape_configs"]

    assert all((DEPLOY / "prometheus" / name).is_file() for name in config["rule_files"])
    for group in job["static_configs"]:
        [target] = group["targets"]
        name, _, port = target.partition(":")
        assert services[name]["command"] == ["worker", "--role", group["labels"]["role"]]
        assert int(port) == read_settings({}).http_port


def test_panels_say_what_they_show_from_where_and_in_which_unit(dashboard: dict[str, Any]) -> None:
    panels = dashboard["panels"]
    shown = [panel for panel in panels if panel["type"] != "row"]

    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({panel["title"] for panel in panels}) == len(panels)
    for panel in shown:
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["targets"]
        sources = [panel["datasource"], *[target["datasource"] for target in panel["targets"]]]
        assert all(source == {"type": "prometheus", "uid": "${datasource}"} for source in sources)
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])


def test_no_panel_lies_over_another(dashboard: dict[str, Any]) -> None:
    places = [panel["gridPos"] for panel in dashboard["panels"]]

    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, other in combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        assert beside or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]


def test_grafana_finds_the_dashboard_and_its_source(services: dict[str, Any], dashboard: dict[str, Any]) -> None:
    provisioning = DEPLOY / "grafana" / "provisioning"
    [source] = read(provisioning / "datasources" / "prometheus.yaml")["datasources"]
    [provider] = read(provisioning / "dashboards" / "laurel.yaml")["providers"]
    grafana = services["grafana"]

    assert (source["type"], source["url"]) == ("prometheus", "http://prometheus:9090")
    assert f"./deploy/grafana/dashboards:{provider['options']['path']}:ro" in grafana["volumes"]
    home = Path(grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert home == Path(provider["options"]["path"]) / DASHBOARD.name
    assert [variable["name"] for variable in dashboard["templating"]["list"]] == ["datasource", "instance"]
