"""Rows that act for another merchant: everything about them is asked for in its name."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from jobmojito_batch.cli import main
from jobmojito_batch.sandbox import Fault, RunningSandbox, creates_per_invitation
from tests.helpers import HEADERS, Run, friendly, people

OURS = "0a6f626d-0000-4000-8000-000000000001"
THEIRS = "0a6f626d-0000-4000-8000-000000000002"


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as entered:
        yield entered


def a_run(
    stack: ExitStack, folder: Path, monkeypatch: pytest.MonkeyPatch, **scenario: object
) -> Run:
    made = friendly(merchant_id=OURS, **scenario)
    return Run(folder, stack.enter_context(RunningSandbox(made)), monkeypatch)


def written(folder: Path, *, ours: int, theirs: int) -> Path:
    """Rows of the token's own merchant, then of another, of one position name."""
    rows = people(ours + theirs)
    merchants = [""] * ours + [THEIRS] * theirs
    lines = [f"{row},{one}" for row, one in zip(rows, merchants, strict=True)]
    path = folder / "people.csv"
    path.write_text("\n".join([f"{HEADERS},merchant_id", *lines]) + "\n", encoding="utf-8")
    return path


LOST = (Fault(call=(1, 3, 5, 6), disconnect="after"),)


def test_a_lost_answer_of_another_merchant_is_found_and_not_paid_again(
    stack: ExitStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = a_run(stack, tmp_path, monkeypatch, faults=LOST)

    code = run.settle(written(tmp_path, ours=2, theirs=5))

    assert (code, run.outcomes) == (0, {"invited": 7})
    assert set(creates_per_invitation(run.sandbox.log).values()) == {1}
    assert all(row["interview_url"] for row in run.results)


def test_reconcile_settles_what_was_sent_for_another_merchant(
    stack: ExitStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = a_run(stack, tmp_path, monkeypatch, faults=LOST)
    path = written(tmp_path, ours=2, theirs=5)
    assert run.invite(path) == 3

    assert main(["reconcile"]) == 0

    assert run.invite(path) == 0  # which looks nobody up itself
    assert set(creates_per_invitation(run.sandbox.log).values()) == {1}
    assert all(row["interview_url"] for row in run.results)


def test_who_may_not_look_at_one_merchant_still_settles_the_others(
    stack: ExitStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = tuple(f"p{n}@example.com" for n in range(4, 7))
    run = a_run(
        stack,
        tmp_path,
        monkeypatch,
        faults=(*LOST, Fault(endpoint="merchant-result-list", emails=theirs, status=403)),
    )

    assert run.settle(written(tmp_path, ours=4, theirs=3)) == 3
    unknown = {row["candidate_email"] for row in run.results if row["outcome"] == "unknown"}
    assert unknown
    assert unknown <= set(theirs)


def test_a_link_that_an_answer_lacked_is_minted_in_the_merchants_name(
    stack: ExitStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = a_run(stack, tmp_path, monkeypatch, faults=(Fault(garbage="null_link"),))

    assert run.settle(written(tmp_path, ours=2, theirs=2)) == 0

    assert run.outcomes == {"invited": 4}
    assert all(row["interview_url"] for row in run.results)


def test_two_spellings_of_a_merchant_are_one(
    stack: ExitStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = a_run(stack, tmp_path, monkeypatch)
    path = written(tmp_path, ours=0, theirs=3)
    assert run.settle(path) == 0
    path.write_text(path.read_text(encoding="utf-8").replace(THEIRS, THEIRS.upper()), "utf-8")

    assert run.settle(path) == 0
    assert run.outcomes == {"already_done": 3}


def test_each_merchant_pays_for_its_own(
    stack: ExitStack,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A credit each is four rows: the fifth of one is stopped, whatever the other has left."""
    run = a_run(stack, tmp_path, monkeypatch, credits=1)

    code = run.settle(written(tmp_path, ours=4, theirs=5))

    assert (
        f"merchant {THEIRS} has 1 credits left and the plan takes about 1.25"
        in capsys.readouterr().err
    )
    assert (code, run.outcomes) == (4, {"invited": 8, "not_sent": 1})
