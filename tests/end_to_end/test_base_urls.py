"""One service under several spellings of its base URL: nobody looks new by a spelling alone."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobmojito_batch.cli import main
from jobmojito_batch.errors import SettingsError
from jobmojito_batch.sandbox import RunningSandbox
from jobmojito_batch.settings import load_settings, may_be_one_service
from tests.helpers import Run, friendly, people, write_input


@pytest.fixture
def a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    with RunningSandbox(friendly()) as sandbox:
        yield Run(tmp_path, sandbox, monkeypatch)


SERVICE = "https://cool.jobmojito.com/functions/v1"


@pytest.mark.parametrize(
    ("spelling", "canonical"),
    [
        pytest.param("https://COOL.JobMojito.com/functions/v1", SERVICE, id="case-of-the-host"),
        pytest.param("HTTPS://cool.jobmojito.com/functions/v1", SERVICE, id="case-of-the-scheme"),
        pytest.param("https://cool.jobmojito.com:443/functions/v1", SERVICE, id="its-own-port"),
        pytest.param("https://cool.jobmojito.com/functions/v1//", SERVICE, id="slashes-at-the-end"),
        pytest.param("http://[::1]:80/v1/", "http://[::1]/v1", id="ipv6"),
        pytest.param("https://a.example:8443/V1", "https://a.example:8443/V1", id="all-that-tells"),
    ],
)
def test_a_base_url_has_one_spelling(spelling: str, canonical: str) -> None:
    assert load_settings(base_url=spelling).base_url == canonical


@pytest.mark.parametrize("port", ["abc", "0", "70000"])
def test_a_port_that_is_none_is_said_without_the_value(port: str) -> None:
    with pytest.raises(SettingsError, match="is no web address") as caught:
        load_settings(base_url=f"https://cool.jobmojito.com:{port}/functions/v1")

    assert port not in str(caught.value).replace("JOBMOJITO_BASE_URL", "")


@pytest.mark.parametrize(
    ("other", "may_be"),
    [
        pytest.param("https://abc.supabase.co/functions/v1", True, id="another-host-name"),
        pytest.param("https://cool.jobmojito.com/functions/v2", True, id="another-path"),
        pytest.param("http://127.0.0.1:8700/functions/v1", False, id="a-rehearsal-here"),
    ],
)
def test_two_addresses_may_be_one_service(other: str, *, may_be: bool) -> None:
    assert may_be_one_service(SERVICE, other) is may_be


def spelt(run: Run, host: str) -> str:
    return run.sandbox.base_url.replace("127.0.0.1", host)


def test_spellings_that_are_the_same_are_one_account(a_run: Run) -> None:
    path = write_input(a_run.folder, people(2))
    a_run.invite(path, "--base-url", spelt(a_run, "localhost"))

    for spelling in (spelt(a_run, "LocalHost"), spelt(a_run, "localhost") + "/"):
        assert a_run.invite(path, "--base-url", spelling.replace("http", "HTTP", 1)) == 0
        assert a_run.outcomes == {"already_done": 2}
    assert a_run.calls == 2


def test_people_who_are_known_under_another_name_of_this_machine_hold_the_run(
    a_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_input(a_run.folder, people(3))
    a_run.invite(path)
    other = spelt(a_run, "localhost")

    assert a_run.invite(path, "--base-url", other) == 2

    said = capsys.readouterr().err.splitlines()[-1]
    assert a_run.sandbox.base_url in said
    assert other in said
    assert "3 of the rows" in said
    assert "Nothing was sent" in said
    assert a_run.calls == 3


def test_check_shows_it_and_somebody_who_expects_them_is_obeyed(
    a_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_input(a_run.folder, people(2))
    a_run.invite(path)
    other = spelt(a_run, "localhost")

    assert main(["check", str(path), "--base-url", other]) == 1
    assert "in doubt" in capsys.readouterr().out
    assert a_run.invite(path, "--base-url", other, "--expect-at-most", "2") == 0
    assert a_run.outcomes == {"already_applied": 2}
    assert a_run.calls == 4


def test_other_people_and_another_label_are_no_question(a_run: Run) -> None:
    a_run.invite(write_input(a_run.folder, people(2)))
    other = spelt(a_run, "localhost")

    assert a_run.invite(write_input(a_run.folder, people(2, start=5)), "--base-url", other) == 0
    path = write_input(a_run.folder, people(2))
    assert a_run.invite(path, "--base-url", other, "--environment", "test") == 0
    assert a_run.calls == 6


def test_a_sandbox_on_another_port_is_another_service(a_run: Run) -> None:
    """Rehearsed yesterday, and today it has another port: nobody was paid for."""
    path = write_input(a_run.folder, people(2))
    a_run.invite(path)
    with RunningSandbox(friendly()) as second:
        assert a_run.invite(path, "--base-url", second.base_url) == 0


@pytest.mark.parametrize("command", ["invite", "reconcile"])
def test_a_ledger_of_before_keeps_the_spelling_that_it_has(command: str, a_run: Run) -> None:
    """Spellings were kept as they were given once: its people are known all the same."""
    path = write_input(a_run.folder, people(2))
    a_run.invite(path)
    with sqlite3.connect(a_run.ledger) as ledger:
        for table, column in (
            ("runs", "base_url"),
            ("positions", "account"),
            ("position_aliases", "account"),
        ):
            ledger.execute(
                f"UPDATE {table} SET {column} = replace({column}, 'http://127', 'HTTP://127')"  # noqa: S608
            )
        if command == "reconcile":
            ledger.execute("UPDATE invitations SET state = 'unknown', unknown_since = claimed_at")
    ledger.close()

    if command == "reconcile":
        assert main(["reconcile"]) == 0
    assert a_run.invite(path) == 0
    assert a_run.outcomes == {"already_done": 2}
    assert a_run.calls == 2
