"""`prove`: a life is its number's, a broken promise is seen and can be played again."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

import pytest
from sqlalchemy import Connection, Engine, or_, update

from jobmojito_batch.cli import main
from jobmojito_batch.cli.prove import prove_lives, tell_life
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.ledger import Claim, ClaimState, Ledger, TakeClaim, Writer
from jobmojito_batch.ledger.claims import take_claims
from jobmojito_batch.ledger.database import Clock
from jobmojito_batch.ledger.outcomes import WRITES
from jobmojito_batch.ledger.schema import invitations
from jobmojito_batch.simulation import Figures, Promise, Tally, live, many, prove

ENOUGH = 40
"""Lives among which somebody meets a ledger that forgets claims."""


def forgetful(connection: Connection, wanted: Sequence[TakeClaim]) -> list[Claim]:
    """Whoever asks for an invitation gets it, as if nobody had claimed it."""
    same = [
        (invitations.c.position_id == wish.position_id)
        & (invitations.c.candidate_email == wish.candidate_email)
        for wish in wanted
    ]
    connection.execute(update(invitations).where(or_(*same)).values(state=ClaimState.OPEN.value))
    return take_claims(connection, wanted)


class ForgetfulLedger(Ledger):
    """A ledger without the rule that a claim is taken once."""

    def writer(self, *, in_flight: int = 0) -> Writer:
        writes = {**WRITES, TakeClaim: forgetful}
        return Writer(self.database.engine, writes, in_flight=in_flight)  # type: ignore[arg-type]


def forgetful_ledger(engine: Engine, clock: Clock) -> Ledger:
    return ForgetfulLedger(engine, clock)


def story_of(seed: int) -> list[str]:
    story: list[str] = []
    live(seed, tell=story.append)
    return story


def test_a_life_is_the_same_in_every_process() -> None:
    """Whatever its strings hash to, and whatever was lived before."""
    seeds = range(12)
    here = [story_of(seed) for seed in seeds]
    code = (
        "import json, sys; from tests.model.test_prove import story_of; "
        f"json.dump([story_of(seed) for seed in {seeds!r}], sys.stdout)"
    )
    there = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONHASHSEED": "1"},
        stdout=subprocess.PIPE,
        check=True,
    ).stdout

    assert here == json.loads(there)
    assert here == [story_of(seed) for seed in seeds]
    assert any("killed" in line for story in here for line in story)


def test_two_processes_come_to_the_same_as_one() -> None:
    alone, together = Tally(), Tally()
    prove(range(8), alone)
    prove(range(8), together, jobs=2)

    assert together.figures == alone.figures
    assert together.figures.lives == 8


def test_a_ledger_that_forgets_claims_is_found_out(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 1, the seeds, and a command that plays the first of them again."""
    code = prove_lives(range(ENOUGH), jobs=1, as_json=True, open_ledger=forgetful_ledger)

    said = capsys.readouterr()
    summary = json.loads(said.out)
    assert code == ExitCode.NEEDS_REPAIR
    assert summary["twins"] >= 1
    assert summary["lives"] == ENOUGH
    first = summary["failing_seeds"][0]
    assert f"prove --seed {first}" in said.err
    assert live(first).violations == ()  # the program itself keeps it

    assert tell_life(first, as_json=False, open_ledger=forgetful_ledger) == ExitCode.NEEDS_REPAIR
    assert "BROKEN" in capsys.readouterr().out


def test_a_broken_life_ends_with_its_first_broken_promise() -> None:
    lived = [live(seed, open_ledger=forgetful_ledger) for seed in range(ENOUGH)]

    kinds = {violation.promise for life in lived for violation in life.violations}
    assert Promise.ONE_ENROLMENT in kinds
    assert all(life.figures.lives == 1 for life in lived)


def test_the_command_tells_what_it_came_to(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["prove", "--seeds", "5", "--from", "3", "--jobs", "1", "--json"])

    said = capsys.readouterr()
    summary = json.loads(said.out)
    assert code == ExitCode.OK
    assert summary["lives"] == summary["asked"] == 5
    assert summary["first_seed"] == 3
    assert summary["failing_seeds"] == []
    assert summary["creates"] >= summary["invitations"] >= 1
    for promise in Promise:
        assert summary[promise.value.replace(" ", "_")] == 0
        assert promise.value in said.err
    assert "no promise was broken" in said.err


def test_one_life_is_told_in_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prove", "--seed", "7"]) == ExitCode.OK

    told = capsys.readouterr().out
    assert "step    " in told
    assert "create  p0@example.com as nurse" in told

    assert main(["prove", "--seed", "7", "--json"]) == ExitCode.OK
    assert json.loads(capsys.readouterr().out)["story"] == told.splitlines()


def test_ctrl_c_ends_it_at_once_with_the_figures_so_far() -> None:
    """As a terminal does it: everybody of the group gets the signal."""
    with subprocess.Popen(
        [sys.executable, "-m", "jobmojito_batch", "prove", "--seeds", "100000", "--jobs", "2"],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stderr is not None
        first = process.stderr.readline()
        os.killpg(process.pid, signal.SIGINT)
        rest = process.stderr.read()

    assert process.returncode == ExitCode.INTERRUPTED
    assert "100,000 lives" in first
    assert "interrupted" in rest
    assert "Traceback" not in rest


def test_ctrl_c_that_another_thread_takes_does_not_cut_a_start_short() -> None:
    """Those of polars, say: what is being started would read half of what it is to do."""
    is_over = threading.Event()
    other = threading.Thread(target=is_over.wait)
    other.start()
    assert other.ident is not None
    steps = []

    def start() -> None:
        with many._deaf_to_ctrl_c():
            signal.pthread_kill(other.ident or 0, signal.SIGINT)
            time.sleep(0.01)
            steps.append("started")

    try:
        with pytest.raises(KeyboardInterrupt):
            start()
    finally:
        is_over.set()
        other.join()

    assert steps == ["started"]


def test_figures_add_up() -> None:
    one = Figures(lives=1, creates=2, most_creates=2, failing=(5,))
    other = Figures(lives=2, creates=1, most_creates=1, failing=(3,))

    both = one + other
    assert (both.lives, both.creates, both.most_creates) == (3, 3, 2)
    assert both.failing == (3, 5)
