"""Rules for Prometheus and a dashboard for Grafana: what they say of each kind of night."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from jobmojito_batch.columns import Outcome
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.pipeline.metrics import (
    KINDS,
    PREFIX,
    EndedRun,
    MetricsFile,
    Unknowns,
    read_samples,
)
from tests.helpers import a_summary

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / "deploy" / "monitoring"
NOW: Final = datetime(2026, 11, 26, 7, tzinfo=UTC)
"""Seven in the morning."""
HALF_PAST_THREE: Final = NOW - timedelta(hours=3.5)
NAMES: Final = {
    PREFIX + name + ("_total" if kind.type == "counter" else "") for name, kind in KINDS.items()
}
RULES: Final = {
    rule["alert"].removeprefix("Jobmojito"): rule
    for group in yaml.safe_load((FOLDER / "jobmojito.rules.yml").read_text("utf-8"))["groups"]
    for rule in group["rules"]
}
DASHBOARD: Final = json.loads((FOLDER / "jobmojito.dashboard.json").read_text("utf-8"))


def names_in(text: str) -> set[str]:
    return set(re.findall(rf"{PREFIX}\w+", text))


def expressions() -> list[str]:
    targets = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    return [*targets, *(rule["expr"] for rule in RULES.values())]


def test_rules_and_dashboard_name_only_what_there_is() -> None:
    used = set().union(*map(names_in, [*expressions(), json.dumps(DASHBOARD["templating"])]))
    assert used <= NAMES
    assert NAMES - used <= {PREFIX + "runs_total"}  # and the dashboard shows the rest


def test_each_rule_says_what_to_do() -> None:
    for rule in RULES.values():
        assert {"summary", "action"} <= rule["annotations"].keys()
        assert rule["labels"]["severity"] in {"warning", "critical"}
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))


def fires(rule: str, samples: dict[str, float], now: datetime) -> bool:
    """Whether a rule holds of one series: the few words of PromQL that the rules are made of."""
    expr = RULES[rule]["expr"]
    expr = re.sub(r"sum without \(outcome\) \((\w+)\)", r"\1", expr)
    expr = expr.replace("absent(", "is_absent(").replace(" unless ", " and not ")
    names: dict[str, Any] = {
        name: samples.get(name.removeprefix(PREFIX), float("nan")) for name in NAMES
    }
    names |= {"time": now.timestamp, "is_absent": lambda value: value != value}  # noqa: PLR0124
    return bool(eval(expr, {"__builtins__": {}}, names))  # noqa: S307 - our own rules


def alerts(path: Path, now: datetime = NOW) -> set[str]:
    samples: dict[str, float] = {}
    for (name, _), value in read_samples(path).items():
        samples[name] = samples.get(name, 0.0) + value
    return {rule for rule in RULES if fires(rule, samples, now)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """After a good night, which the file knows of."""
    path = tmp_path / "jobmojito.prom"
    ended(path, at=NOW - timedelta(days=1, hours=3), outcomes={Outcome.INVITED: 9}, rows=9)
    return path


def file_of(path: Path) -> MetricsFile:
    return MetricsFile(path, environment="live", series="abc")


def ended(
    path: Path,
    code: ExitCode = ExitCode.OK,
    *,
    at: datetime = NOW - timedelta(hours=3),
    unknown: int = 0,
    is_held: bool = False,
    **summary: Any,
) -> None:
    """A night that ended."""
    told = a_summary(exit_code=code, started_at=at, ended_at=at, credits_estimated=1, **summary)
    file_of(path).ends(
        EndedRun(
            at=at,
            exit_code=code,
            summary=told if summary else None,
            is_held=is_held,
            unknowns=Unknowns(count=unknown, oldest_seconds=600.0 * unknown),
        )
    )


# docs/nightly.md, "Which night it was": by figures and by alerts.

LATER: Final = {"killed": timedelta(hours=9), "late": timedelta(hours=1)}
"""After seven in the morning; of the others one looks at seven."""
FIGURES: Final[dict[str, str]] = {
    "good": "last_run_exit_code == 0 and last_run_rows > 0",
    "killed": "last_run_start > last_run_end and now - last_run_start > 12 * HOUR",
    "held": "last_run_held == 1",
    "failed": "last_run_exit_code == 2 and last_run_held == 0",
    "half wrong": "last_run_exit_code == 1 and last_run_rows > 0",
    "in doubt": "unknown_invitations > 0",
    "stopped": "last_run_exit_code in (4, 130, 143)",
    "empty": "last_run_exit_code == 0 and last_run_rows == 0",
    "late": "last_run_start > last_run_end and now - last_run_start <= 12 * HOUR",
    "never started": "now - last_run_start > 26 * HOUR",
}
"""What the page says of the figures, as a condition of a run that is over or of its beginning."""
OF_A_BEGINNING: Final = {"killed", "late", "never started"}


def play(night: str, path: Path) -> None:
    """Have the file know of such a night."""
    match night:
        case "good":
            ended(path, rows=9, outcomes={Outcome.INVITED: 9})
        case "killed" | "late":
            file_of(path).begins(HALF_PAST_THREE)
        case "held":
            ended(path, ExitCode.USAGE, is_held=True)
        case "failed":
            ended(path, ExitCode.USAGE)
        case "half wrong":
            outcomes = {Outcome.INVITED: 4, Outcome.INVALID: 5}
            ended(path, ExitCode.NEEDS_REPAIR, rows=9, outcomes=outcomes)
        case "in doubt":
            ended(path, ExitCode.UNSETTLED, rows=2, outcomes={Outcome.UNKNOWN: 2}, unknown=2)
        case "stopped":
            ended(path, ExitCode.STOPPED, rows=9, outcomes={Outcome.NOT_SENT: 9})
        case "empty":
            ended(path, rows=0)
        case _:
            assert night == "never started"


def is_so(night: str, path: Path, now: datetime) -> bool:
    """Whether the figures alone say that it was such a night."""
    samples: dict[str, float] = {}
    for (name, _), value in read_samples(path).items():
        short = name.removesuffix("_timestamp_seconds")
        samples[short] = samples.get(short, 0.0) + value
    goes_on = samples["last_run_start"] > samples["last_run_end"]
    is_old = now.timestamp() - samples["last_run_start"] > 26 * 3600
    if night not in OF_A_BEGINNING and (goes_on or is_old):
        return False  # the figures are of the night before
    nothing = {"last_run_rows": float("nan"), "unknown_invitations": 0.0}
    names = nothing | samples | {"now": now.timestamp(), "HOUR": 3600}
    return bool(eval(FIGURES[night], {"__builtins__": {}}, names))  # noqa: S307 - our own


def rows_of_the_page() -> dict[str, tuple[str, str, str]]:
    """Figures, alert and list of runs, by night."""
    text = (ROOT / "docs" / "nightly.md").read_text("utf-8")
    table = text.partition("| the night was |")[2].partition("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    return {night: (figures, alert, runs) for night, figures, alert, runs in cells}


@pytest.mark.parametrize("night", FIGURES)
def test_a_night_is_told_apart_by_figures_alone(path: Path, night: str) -> None:
    play(night, path)

    now = NOW + LATER.get(night, timedelta(0))
    assert [one for one in FIGURES if is_so(one, path, now)] == [night]


@pytest.mark.parametrize("night", FIGURES)
def test_a_night_is_told_apart_by_alerts_alone(path: Path, night: str) -> None:
    """One alert of its own, as the page has it; none of a good one."""
    play(night, path)

    _, alert, _ = rows_of_the_page()[night]
    wanted = {alert.removeprefix("Jobmojito")} - {"none"}
    assert alerts(path, NOW + LATER.get(night, timedelta(0))) == wanted


def test_the_page_has_every_night_with_figures_that_there_are_and_alerts_of_its_own() -> None:
    rows = rows_of_the_page()
    told = [alert for _, alert, _ in rows.values()]
    assert rows.keys() == FIGURES.keys()
    assert len(set(told)) == len(told)
    for figures, _, _ in rows.values():
        for name in re.findall(r"\b(?:last_run|unknown)_\w+", figures):
            assert PREFIX + name in NAMES


def test_a_good_night_is_quiet(path: Path) -> None:
    ended(path, rows=9, outcomes={Outcome.INVITED: 9})
    assert alerts(path) == set()


def test_a_killed_night(path: Path) -> None:
    file_of(path).begins(HALF_PAST_THREE)
    assert alerts(path) == set()  # it may still be going on
    assert alerts(path, NOW + timedelta(hours=9)) == {"Killed"}


def test_a_held_night(path: Path) -> None:
    ended(path, ExitCode.USAGE, is_held=True)
    assert alerts(path) == {"Held"}


def test_a_failed_night(path: Path) -> None:
    ended(path, ExitCode.USAGE)
    assert alerts(path) == {"Failed"}


def test_a_night_that_went_half_wrong(path: Path) -> None:
    ended(path, ExitCode.NEEDS_REPAIR, rows=9, outcomes={Outcome.INVITED: 4, Outcome.INVALID: 5})
    assert alerts(path) == {"NeedsRepair"}


def test_a_night_with_unknown_rows(path: Path) -> None:
    ended(path, ExitCode.UNSETTLED, rows=2, outcomes={Outcome.UNKNOWN: 2}, unknown=2)
    assert alerts(path) == {"Unsettled"}


@pytest.mark.parametrize("code", [ExitCode.STOPPED, ExitCode.TERMINATED])
def test_a_stopped_night(path: Path, code: ExitCode) -> None:
    ended(path, code, rows=9, outcomes={Outcome.NOT_SENT: 9})
    assert alerts(path) == {"Stopped"}


def test_an_empty_night(path: Path) -> None:
    ended(path, rows=0)
    assert alerts(path) == {"Empty"}


def test_a_late_night(path: Path) -> None:
    file_of(path).begins(HALF_PAST_THREE)
    assert alerts(path, NOW + timedelta(hours=1)) == {"Late"}


def test_a_night_that_never_started(path: Path) -> None:
    assert alerts(path) == {"NeverStarted"}
    assert "NoSuccess" in alerts(path, NOW + timedelta(days=3))


def test_figures_that_are_gone(tmp_path: Path) -> None:
    assert alerts(tmp_path / "none.prom") == {"MetricsGone"}


def test_a_token_that_expires_within_a_week(path: Path) -> None:
    for days, found in ((8, set[str]()), (6, {"TokenExpires"}), (-1, {"TokenExpires"})):
        ended(path, rows=9, outcomes={Outcome.INVITED: 9}, token_replaced_by=NOW + timedelta(days))
        assert alerts(path) == found
    ended(path, rows=9, outcomes={Outcome.INVITED: 9})
    assert alerts(path) == set()  # one that is renewed, or does not say
