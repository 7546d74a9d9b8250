"""The systemd units: understood by systemd, little exposed, and the night happens on each day."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.channels import webhook

UNITS = Path(__file__).parents[2] / "deploy" / "systemd"
ALERT = UNITS.parent / "alert.sh"
SERVICES = sorted(path.name for path in UNITS.glob("*.service"))
ANALYZE = shutil.which("systemd-analyze")
needs_systemd = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not here")


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    assert ANALYZE is not None
    return subprocess.run(
        [ANALYZE, *arguments], capture_output=True, text=True, check=False, timeout=60, cwd=UNITS
    )


@needs_systemd
@pytest.mark.parametrize("unit", [*SERVICES, "jobmojito-night.timer"])
def test_a_unit_is_understood(unit: str) -> None:
    """Whatever it complains of, it is that the program is not installed where the unit has it."""
    said = analyze("verify", unit).stderr.splitlines()

    assert [line for line in said if unit in line and "is not executable" not in line] == []


@needs_systemd
@pytest.mark.parametrize("unit", SERVICES)
def test_a_service_is_little_exposed(unit: str) -> None:
    said = analyze("security", "--offline=true", "--threshold=40", unit)

    assert said.returncode == 0, said.stdout.splitlines()[-1:]


@pytest.mark.parametrize("unit", [name for name in SERVICES if "alert" not in name])
def test_what_fails_for_good_is_told_and_starts_within_bounds(unit: str) -> None:
    text = (UNITS / unit).read_text()

    assert "OnFailure=jobmojito-alert@%n.service" in text
    assert re.search(r"^StartLimitBurst=\d+$", text, re.MULTILINE)
    assert "ProtectProc" not in text.replace("ProtectProc= stays out", "")


@needs_systemd
@pytest.mark.parametrize(
    ("eve", "days"),
    [
        pytest.param("2027-03-27 12:00", ["2027-03-28", "2027-03-29"], id="an-hour-is-missing"),
        pytest.param("2027-10-30 12:00", ["2027-10-31", "2027-11-01"], id="an-hour-comes-twice"),
    ],
)
def test_the_night_happens_once_on_each_day(eve: str, days: list[str]) -> None:
    """At 02:30 the night of 28 March 2027 would be left out in Bratislava."""
    [when] = re.findall(
        r"^OnCalendar=(.*)$", (UNITS / "jobmojito-night.timer").read_text(), re.MULTILINE
    )

    said = analyze("calendar", "--iterations=2", f"--base-time={eve} UTC", when)

    found = re.findall(r"(?:elapse|Iter. #2): \w+ (\d{4}-\d\d-\d\d)", said.stdout)
    assert found == days, said.stdout


def test_a_failed_unit_is_told_by_a_hook_without_any_setting_of_the_program() -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not here")
    with webhook() as (url, heard):
        address = url.replace("json://", "http://").replace("user:made-up-password@", "")
        subprocess.run(
            [str(ALERT), "jobmojito-night.service"],
            env={"PATH": os.environ["PATH"], "ALERT_URL": address},
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=60,
        )

    [message] = heard
    assert message["text"].startswith("jobmojito-batch: jobmojito-night.service failed on ")
