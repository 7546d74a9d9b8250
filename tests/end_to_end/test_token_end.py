"""A token that ends within days is said wherever somebody looks, and never shown itself."""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jobmojito_batch.cli import main
from jobmojito_batch.flows.artifacts import summary_markdown
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline import Attention, RunObserver, run_steps
from jobmojito_batch.sandbox import RunningSandbox
from tests.adapters.test_metrics import samples_of
from tests.helpers import Run, friendly, people, write_input

NOW = datetime.now(UTC).replace(microsecond=0)
IN_THREE_DAYS = NOW + timedelta(days=3)


def a_token(*, issued: datetime | None = None, expires: datetime = IN_THREE_DAYS) -> str:
    claims = {"exp": int(expires.timestamp())}
    if issued is not None:
        claims["iat"] = int(issued.timestamp())
    middle = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{middle}.c2ln"


@pytest.mark.parametrize(
    ("token", "is_told"),
    [
        pytest.param(a_token(), True, id="says-no-issue"),
        pytest.param(a_token(issued=NOW - timedelta(days=27)), True, id="of-a-month"),
        pytest.param(a_token(issued=NOW - timedelta(days=1)), False, id="renewed"),
        pytest.param(a_token(expires=NOW + timedelta(days=8)), False, id="not-yet"),
        pytest.param("no-jwt", False, id="says-nothing"),
    ],
)
async def test_a_token_that_ends_within_days_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, token: str, *, is_told: bool
) -> None:
    with RunningSandbox(friendly()) as sandbox:
        Run(tmp_path, sandbox, monkeypatch)
        monkeypatch.setenv("JOBMOJITO_API_TOKEN", token)

        night = await run_steps(
            InviteParameters(inputs=[str(write_input(tmp_path, people(2)))]), RunObserver()
        )

    page = summary_markdown(night.concluded, Attention())
    due = f"the API token expires at {IN_THREE_DAYS:%Y-%m-%d %H:%M} UTC"
    assert (due in page) is is_told
    assert [alert.sentence.startswith(due) for alert in night.alerts] == [True] * is_told
    assert token not in page + str(night.alerts) + repr(night)


def test_plan_end_and_figures_say_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    metrics = tmp_path / "jobmojito.prom"
    with RunningSandbox(friendly()) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        monkeypatch.setenv("JOBMOJITO_API_TOKEN", a_token())
        monkeypatch.setenv("JOBMOJITO_METRICS", str(metrics))

        path = write_input(tmp_path, people(2))
        main(["check", str(path)])
        planned = " ".join("".join(capsys.readouterr()).split())
        run.invite(path)
        ended = " ".join(capsys.readouterr().err.split())

    due = "the API token expires at"
    assert (planned.count(due), ended.count(due)) == (1, 2)  # the second with its own plan
    [expires] = samples_of(metrics)["token_expires_timestamp_seconds"].values()
    assert expires == IN_THREE_DAYS.timestamp()
    assert a_token() not in planned + ended + metrics.read_text()
