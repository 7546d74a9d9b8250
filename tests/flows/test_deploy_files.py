"""The files of a deployment say what the installed Prefect and this program understand."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from prefect.flows import load_flow_from_entrypoint
from prefect.settings.models.root import Settings as PrefectSettings
from pydantic import BaseModel

from jobmojito_batch.cli.app import app
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.parameters import FollowUpParameters, InviteParameters

ROOT = Path(__file__).parents[2]
NOT_PREFECTS = {"NO_PROXY", "DO_NOT_TRACK"}
COMMAND = typer.main.get_command(app)


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
