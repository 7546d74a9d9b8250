"""
A field that no column gives: said once, with what looks like it, and never a traceback.

Each needed field alone and all of them, however the program is started.
"""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobmojito_batch.cli import main
from jobmojito_batch.contract import POSITION_CORE, REQUIRED_ALWAYS, CreateRequest
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline import RunObserver, run_steps
from jobmojito_batch.sandbox import RunningSandbox
from tests.helpers import HEADERS, Run, friendly, people, read_results, write_input
from tests.shard_crew import Processes, invite_in_shards

NEEDED = (*REQUIRED_ALWAYS, *POSITION_CORE)
ALL = "all but the name"
EACH = [*NEEDED, ALL]


class Nobody(RunObserver):
    """Confirms whatever is shown, as a person who does not read."""

    confirms = True


@pytest.fixture
def a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    with RunningSandbox(friendly()) as sandbox:
        yield Run(tmp_path, sandbox, monkeypatch)


def without(folder: Path, missing: str, name: str = "people.csv") -> Path:
    """Three people, the column of that field left out."""
    fields = HEADERS.split(",")
    gone = set(NEEDED) - {"candidate_name"} if missing == ALL else {missing}
    keep = [i for i, field in enumerate(fields) if field not in gone]
    lines = [HEADERS, *people(3)]
    path = folder / name
    path.write_text("".join(",".join(line.split(",")[i] for i in keep) + "\n" for line in lines))
    return path


@pytest.mark.parametrize("missing", EACH)
def test_check_says_which_field_has_no_column(
    missing: str, a_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(without(a_run.folder, missing))]) == 1

    shown = capsys.readouterr().out
    assert f"no column gives {'candidate_email' if missing == ALL else missing}" in shown


@pytest.mark.parametrize("knows_them", [False, True], ids=["new-ledger", "known-people"])
@pytest.mark.parametrize("missing", EACH)
def test_an_unattended_run_is_held(
    missing: str, knows_them: bool, a_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2, no call, one sentence; also where the ledger has these people as unknown."""
    if knows_them:
        a_run.invite(write_input(a_run.folder, people(3), "first.csv"))
    calls = len(a_run.sandbox.log)

    assert a_run.invite(without(a_run.folder, missing)) == 2

    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("jobmojito-batch: people.csv: no column gives ")
    assert said.count("Nothing was sent") == 1
    assert len(a_run.sandbox.log) - calls <= 1  # the account is asked for its balance
    assert a_run.creates == (3 if knows_them else 0)


@pytest.mark.parametrize("missing", EACH)
async def test_a_person_who_goes_on_gets_every_row_with_its_outcome(
    missing: str, a_run: Run
) -> None:
    path = without(a_run.folder, missing)

    conclusion = (await run_steps(InviteParameters(inputs=[str(path)]), Nobody())).conclusion

    assert conclusion is not None
    assert conclusion.exit_code == 1
    assert [row["outcome"] for row in a_run.results] == ["invalid"] * 3
    assert a_run.creates == 0


@pytest.mark.parametrize("missing", EACH)
def test_a_file_of_an_inbox_goes_to_failed_and_the_others_are_sent(
    missing: str, a_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOBMOJITO_INBOX_STABLE_SECONDS", "0")
    box = a_run.folder / "inbox"
    box.mkdir()
    write_input(box, people(2, start=10), "good.csv")
    without(box, missing, "bad.csv")

    code = main(["invite", str(box), "--inbox", "--yes", "--no-prefect"])

    [reason] = (box / "failed").rglob("bad.csv.error.txt")
    assert code == 1
    assert a_run.creates == 2
    assert "bad.csv: no column gives " in reason.read_text()
    assert [path.name for path in (box / "done").rglob("good.csv")] == ["good.csv"]


def test_a_night_of_nothing_but_such_a_file_is_held(
    a_run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An e-mail column that was renamed; the sentence names the column that looks like it."""
    monkeypatch.setenv("JOBMOJITO_INBOX_STABLE_SECONDS", "0")
    box = a_run.folder / "inbox"
    box.mkdir()
    path = write_input(box, people(2))
    path.write_text(path.read_text().replace("candidate_email", "Reachable at", 1))

    assert main(["invite", str(box), "--inbox", "--yes", "--no-prefect"]) == 2

    said = capsys.readouterr().err
    assert "no column gives candidate_email" in said
    assert '--map "Reachable at=candidate_email"' in said
    assert a_run.creates == 0


@pytest.mark.parametrize(
    ("header", "field"),
    [
        pytest.param("Mail at work", "candidate_email", id="a-word-within"),
        pytest.param("Country of living", "candidate_country_code", id="another-word-for-it"),
        pytest.param("CV text here", "candidate_resume", id="a-short-word"),
        pytest.param("Jobtitel neu", "position_name", id="more-words"),
    ],
)
def test_the_column_that_looks_like_the_field_is_named(
    header: str, field: str, a_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_input(a_run.folder, people(2))
    path.write_text(path.read_text().replace(field, header, 1))

    main(["check", str(path), "--json"])

    [doubt] = json.loads(capsys.readouterr().out)["doubts"]
    assert doubt["kind"] == "missing column"
    assert f'--map "{header}={field}"' in doubt["option"]


@pytest.mark.parametrize("header", ["Referee email", "Email (Referee)", "Consultant Email"])
def test_an_address_of_somebody_else_is_not_proposed(
    header: str, a_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_input(a_run.folder, people(2))
    path.write_text(path.read_text().replace("candidate_email", header, 1))

    main(["check", str(path), "--json"])

    [doubt] = json.loads(capsys.readouterr().out)["doubts"]
    assert f'--map "{header}=' not in doubt["option"]
    assert f"those of '{header}' are somebody else's" in doubt["option"]


def test_a_value_for_all_rows_stands_in_for_the_column(a_run: Run) -> None:
    path = without(a_run.folder, "mojito_language_code")

    assert a_run.invite(path, "--set", "mojito_language_code=en") == 0
    assert a_run.creates == 3


@pytest.mark.parametrize(
    "field", [name for name in CreateRequest.model_fields if name not in NEEDED]
)
def test_a_field_that_is_not_needed_may_be_missing_and_may_be_blank(field: str, a_run: Run) -> None:
    """Alone in a file that has no other optional column, and without any cell in it."""
    path = a_run.folder / "people.csv"
    lines = [f"{HEADERS},{field}", *(f"{row}," for row in people(1))]
    path.write_text("\n".join(lines) + "\n")

    assert a_run.invite(path) == 0
    assert read_results(a_run.folder / "people.results.csv")[0]["outcome"] == "invited"


@pytest.mark.parametrize("missing", EACH)
def test_a_run_in_shards_has_every_row_with_its_outcome(missing: str, a_run: Run) -> None:
    """Where a person goes on: there is nothing to send, so no shard is begun."""
    parameters = InviteParameters(
        inputs=[str(without(a_run.folder, missing))],
        shards=2,
        shard_folder=str(a_run.folder / "shards"),
    )

    conclusion = asyncio.run(invite_in_shards(parameters, Processes()))

    assert conclusion.exit_code == 1
    assert [row["outcome"] for row in a_run.results] == ["invalid"] * 3
    assert a_run.creates == 0
