"""The files of a deployment say what the installed Prefect and this program understand."""

import io
import json
import re
import shlex
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import jsonschema
import kubernetes_validate
import pytest
import typer
import yaml
from dockerfile_parse import DockerfileParser
from prefect.flows import load_flow_from_entrypoint
from prefect.settings.models.root import Settings as PrefectSettings
from pydantic import BaseModel

from jobmojito_batch.cli.app import app
from jobmojito_batch.cli.worker import GRACE_SECONDS, REPORT_SECONDS
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.parameters import FollowUpParameters, InviteParameters
from jobmojito_batch.settings import Settings

ROOT = Path(__file__).parents[2]
NOT_PREFECTS = {"NO_PROXY", "DO_NOT_TRACK"}
COMMAND = typer.main.get_command(app)
COMPOSE: Final = yaml.safe_load((ROOT / "deploy" / "compose" / "compose.yaml").read_text())
SERVICES: Final[dict[str, Any]] = COMPOSE["services"]
KUBERNETES: Final = ROOT / "deploy" / "kubernetes" / "worker.yaml"
MANIFESTS: Final[dict[str, Any]] = {
    one["kind"]: one for one in yaml.safe_load_all(KUBERNETES.read_text())
}
IMAGE: Final = DockerfileParser(
    fileobj=io.BytesIO((ROOT / "Containerfile").read_bytes()), env_replace=False
).structure
STOP_SECONDS: Final = GRACE_SECONDS + REPORT_SECONDS
"""How long a worker may take to leave."""


def variables(text: str) -> dict[str, str]:
    """Every variable of an environment file, those in comments too."""
    found = re.findall(r"^#?([A-Z][A-Z0-9_]+)=(.*)$", text, flags=re.MULTILINE)
    return dict(found)


def settings_of(model: type[BaseModel]) -> set[str]:
    """The environment variables that a settings model reads."""
    names: set[str] = set()
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            names |= settings_of(field.annotation)
        else:
            prefix: Any = model.model_config.get("env_prefix", "")
            names.add(f"{prefix}{name}".upper())
    return names


def test_every_variable_of_the_environment_file_is_a_setting_of_the_installed_prefect() -> None:
    named = set(variables((ROOT / "deploy" / "prefect.env").read_text())) - NOT_PREFECTS

    assert named
    assert named <= settings_of(PrefectSettings)


def test_the_values_of_the_environment_file_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in variables((ROOT / "deploy" / "prefect.env").read_text()).items():
        monkeypatch.setenv(name, value)

    settings = PrefectSettings()

    assert settings.server.analytics_enabled is False
    assert settings.server.services.db_vacuum.enabled == {"events", "flow_runs"}
    assert settings.server.services.db_vacuum.retention_period.days == 90
    assert settings.flows.heartbeat_frequency == 60
    assert settings.server.ephemeral.enabled is False


def deployments() -> dict[str, Any]:
    return {
        one["name"]: one
        for one in yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    }


def test_the_deployments_name_the_flow_and_the_run_form_takes_their_parameters() -> None:
    for deployment in deployments().values():
        file, _, name = deployment["entrypoint"].partition(":")
        assert load_flow_from_entrypoint(f"{ROOT / file}:{name}").fn.__name__ == name
        if "parameters" in deployment:
            model = FollowUpParameters if name == "follow_up" else InviteParameters
            model.model_validate(deployment["parameters"]["parameters"])


def test_a_night_is_scheduled_in_a_zone_and_never_beside_another_one() -> None:
    nightly, by_hand = deployments()["nightly-worker"], deployments()["import"]

    assert nightly["schedules"] == [{"cron": "30 3 * * *", "timezone": "Europe/Bratislava"}]
    assert nightly["concurrency_limit"] == {"limit": 1, "collision_strategy": "CANCEL_NEW"}
    assert by_hand["concurrency_limit"]["collision_strategy"] == "ENQUEUE"
    assert "schedules" not in by_hand


def test_the_units_start_commands_that_there_are_with_options_that_they_have() -> None:
    seen = 0
    for unit in (ROOT / "deploy" / "systemd").glob("*.service"):
        for line in re.findall(
            r"^ExecStart=\S*/jobmojito-batch (.*)$", unit.read_text(), re.MULTILINE
        ):
            name, *arguments = shlex.split(line)
            command = COMMAND.commands[name]  # type: ignore[attr-defined]
            command.make_context(name, arguments)
            seen += 1
    assert seen == 3


def test_serve_is_not_restarted_where_its_deployment_was_given_to_somebody_else() -> None:
    """Restarted, it would take it back, and the other one back from it, by turns."""
    unit = (ROOT / "deploy" / "systemd" / "jobmojito-serve.service").read_text()

    assert re.findall(r"^RestartPreventExitStatus=(.*)$", unit, re.MULTILINE) == [
        str(ExitCode.STOPPED)
    ]


def test_the_container_copies_what_the_package_is_built_from() -> None:
    copied = re.findall(r"^COPY (.*) \S+$", (ROOT / "Containerfile").read_text(), re.MULTILINE)

    for path in " ".join(copied).split():
        assert (ROOT / path).exists()
    wheel = (ROOT / "pyproject.toml").read_text()
    assert "--constraint constraints.txt" in (ROOT / "Containerfile").read_text()
    assert 'packages = ["jobmojito_batch"]' in wheel
    assert {"jobmojito_batch", "flows"} <= {*" ".join(copied).split()}


def check_command(words: list[str]) -> None:
    """A command of ours has the options that it is given."""
    _, name, *arguments = words
    COMMAND.commands[name].make_context(name, arguments)  # type: ignore[attr-defined]


def check_settings(names: set[str]) -> None:
    """What is ours or Prefect's among variables is a setting that there is."""
    ours = {f"JOBMOJITO_{name.upper()}" for name in Settings.model_fields}
    assert {name for name in names if name.startswith("JOBMOJITO_")} <= ours
    assert {name for name in names if name.startswith("PREFECT_")} <= settings_of(PrefectSettings)


def image_values(instruction: str) -> list[str]:
    return [one["value"] for one in IMAGE if one["instruction"] == instruction]


# The image


def test_the_image_is_no_roots_names_a_version_and_says_how_it_is() -> None:
    [user], [health] = image_values("USER"), image_values("HEALTHCHECK")
    tag = image_values("FROM")[0].partition(":")[2]

    assert user not in {"root", "0"}
    assert tag not in {"", "latest"}
    check_command(json.loads(health.partition("CMD")[2]))


def test_the_image_is_of_the_pins_and_nothing_is_added_from_elsewhere() -> None:
    runs = " ".join(image_values("RUN"))

    assert "--constraint constraints.txt" in runs
    assert not image_values("ADD")
    assert not re.search(r"curl|wget|https?:|apt-get", runs)
    assert "TOKEN" not in " ".join([*image_values("ENV"), *image_values("ARG")])


# Compose


def test_the_compose_file_is_one_by_the_specifications_schema() -> None:
    schema = files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"

    jsonschema.validate(COMPOSE, json.loads(schema.read_text()))


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_a_version_a_health_and_opens_its_ports_to_this_machine_alone(
    name: str,
) -> None:
    service = SERVICES[name]

    assert service["image"].partition(":")[2] not in {"", "latest"}
    assert "healthcheck" in service or name == "setup"
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    assert "privileged" not in service
    if name != "postgres":  # its entry point begins as root, and lets go of it
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]


def test_the_containers_of_a_night_are_given_time_to_drain_and_start_what_there_is() -> None:
    assert int(SERVICES["worker"]["stop_grace_period"].removesuffix("s")) > STOP_SECONDS
    check_command(SERVICES["worker"]["command"])
    for service in SERVICES.values():
        for file in [service["env_file"]] if "env_file" in service else []:
            assert (ROOT / "deploy" / "compose" / file).is_file()
        if service["image"].startswith("jobmojito-batch"):
            check_settings(set(service["environment"]))


def test_the_same_program_is_server_and_worker_and_it_is_this_version() -> None:
    version = re.findall(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    ours = [one["image"] for one in SERVICES.values() if "jobmojito" in one["image"]]
    pods = MANIFESTS["Deployment"]["spec"]["template"]["spec"]["containers"]

    assert {one.rpartition(":")[2] for one in [*ours, pods[0]["image"]]} == set(version)


def test_no_secret_is_in_the_files_and_each_that_is_used_is_a_file() -> None:
    for service in SERVICES.values():
        assert set(service.get("secrets", [])) <= COMPOSE["secrets"].keys()
        for name, value in (service.get("environment") or {}).items():
            assert not re.search(r"(PASSWORD|TOKEN|SECRET)$", name)
            assert not re.search(r"://[^/@]*:[^/@]*@", str(value))
    assert all(set(one) == {"file"} for one in COMPOSE["secrets"].values())
    assert "Secret" not in MANIFESTS


def test_what_is_measured_is_read_where_it_is_written() -> None:
    """Of the folder on the host, mounted read-only into the exporter."""
    written = SERVICES["worker"]["environment"]["JOBMOJITO_METRICS"]
    [data] = SERVICES["worker"]["volumes"]
    [read] = SERVICES["node-exporter"]["volumes"]
    host, inside = data.rsplit(":", 1)

    assert read == f"{written.rpartition('/')[0].replace(inside, host, 1)}:/textfile:ro"
    assert "--collector.textfile.directory=/textfile" in SERVICES["node-exporter"]["command"]


# Kubernetes


@pytest.mark.parametrize("kind", MANIFESTS)
def test_a_manifest_is_one_by_the_schemas_of_kubernetes(kind: str) -> None:
    kubernetes_validate.validate(MANIFESTS[kind], "1.34", strict=True)


def test_a_pod_is_nobodys_root_writes_no_image_and_has_time_to_drain() -> None:
    spec = MANIFESTS["Deployment"]["spec"]["template"]["spec"]
    [container] = spec["containers"]
    writable = {one["mountPath"] for one in container["volumeMounts"] if not one.get("readOnly")}

    assert spec["securityContext"]["runAsNonRoot"] is True
    assert f"--uid {spec['securityContext']['runAsUser']} " in " ".join(image_values("RUN"))
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert spec["terminationGracePeriodSeconds"] > STOP_SECONDS
    assert writable == {"/data", "/cache", "/tmp"}
    assert "livenessProbe" not in container  # it would cut paid calls where the server is away
    check_command(container["command"])
    check_settings({*MANIFESTS["ConfigMap"]["data"], *(one["name"] for one in container["env"])})


def test_what_the_manifests_say_of_one_another_fits() -> None:
    labels = MANIFESTS["Deployment"]["spec"]["template"]["metadata"]["labels"]
    [container] = MANIFESTS["Deployment"]["spec"]["template"]["spec"]["containers"]

    for kind in ("Deployment", "PodDisruptionBudget"):
        assert MANIFESTS[kind]["spec"]["selector"]["matchLabels"] == labels
    assert container["envFrom"] == [
        {"configMapRef": {"name": MANIFESTS["ConfigMap"]["metadata"]["name"]}}
    ]
