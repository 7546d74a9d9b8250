"""
Each safety rule taken out, one at a time, in a copy of the program: the tests named must go red.

A rule with `lives` must be missed by `prove` as well, among so many. `make mutants` runs both
(minutes) and fails where a rule can be taken out unseen. docs/faults.md has the same list in words.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
COPIED = ("jobmojito_batch", "flows", "tests", "data", "pyproject.toml", "README.md")
RED = 1
"""pytest's exit code where tests ran and some failed; others are not what is asked for."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A rule, the line that holds it, what is left without it, and the tests that guard it."""

    rule: str
    file: str
    line: str
    instead: str
    tests: tuple[str, ...]
    lives: int = 0
    """Of `prove`: among so many, from seed 0 on, one breaks a promise; 0, it does not see it."""


SETTLING = "tests/end_to_end/test_settling.py"
MAIN_JOB = "tests/end_to_end/test_main_job.py"
DOUBTS = "tests/adapters/test_ledger_doubts.py"
FIELD = "tests/end_to_end/test_field.py"
ENV_FILES = "tests/adapters/test_env_files.py"
MERCHANTS = "tests/end_to_end/test_merchants.py"
TOKENS = "tests/model/test_tokens.py"
VERDICT = "tests/unit/test_verdict.py"
TRIES = "tests/end_to_end/test_tries.py"

MUTANTS = (
    Mutant(
        "the claim: only what is open may be claimed",
        "jobmojito_batch/ledger/claims.py",
        "        where=invitations.c.state == literal_column(f\"'{ClaimState.OPEN.value}'\"),\n",
        "",
        ("tests/adapters/test_ledger.py",),
        lives=100,
    ),
    Mutant(
        "the claim stands before the call",
        "jobmojito_batch/sending/caller.py",
        "            if start is None or not await self.claims.hold(call):\n",
        "            if start is None:\n",
        ("tests/unit/test_one_claim.py",),
        lives=20,
    ),
    Mutant(
        "a claim that waited long is made sure of before the call",
        "jobmojito_batch/sending/claiming.py",
        "        return abs((self._context.clock.at() - at).total_seconds()) > STALE_SECONDS\n",
        "        return False\n",
        ("tests/adapters/test_claiming.py",),
    ),
    Mutant(
        "the gate: the first row of a position goes alone",
        "jobmojito_batch/sending/dispatch.py",
        "            if position.state is PositionState.OPEN:\n",
        "            if position.state is not PositionState.SHUT:\n",
        ("tests/unit/test_dispatch.py", MAIN_JOB, "-k", "alone or first or gate or opens"),
        lives=50,
    ),
    Mutant(
        "one opening over all processes",
        "jobmojito_batch/ledger/positions.py",
        "    return Opener(opening.run_id, opening.ordinal)\n",
        "    return None\n",
        (DOUBTS, "-k", "opens"),
        lives=100,
    ),
    Mutant(
        "the settle wait",
        "jobmojito_batch/sending/settling.py",
        "        if left > 0:\n",
        "        if left > 1e9:\n",
        (SETTLING,),
        lives=50,
    ),
    Mutant(
        "a doubt is taken over by one run alone",
        "jobmojito_batch/ledger/claims.py",
        "    invitations.c.state == ClaimState.UNKNOWN,\n"
        '    invitations.c.claimed_at == bindparam("seen_at"),\n',
        "",
        (DOUBTS,),
        lives=200,
    ),
    Mutant(
        "a late 401 is of the token that its call was made with",
        "jobmojito_batch/sending/caller.py",
        "tokens.renewed(call.token):\n",
        "tokens.renewed(self._context.tokens.current()):\n",
        (TOKENS, "-k", "in_flight"),
    ),
    Mutant(
        "a look-up is asked again once with a fresh token",
        "jobmojito_batch/sending/context.py",
        "            has_renewed_token = True\n",
        "            pass\n",
        (TOKENS, "-k", "ever_new"),
    ),
    Mutant(
        "a reason in a 200 is the account's only where it cannot be the candidate's",
        "jobmojito_batch/verdict.py",
        "means_account(text) if _is_success(answer) else mentions",
        "mentions",
        (VERDICT,),
    ),
    Mutant(
        "an answer with a link or an enrolment is a decision, whatever it says of credits",
        "jobmojito_batch/verdict.py",
        "    if body is None or is_decision(answer):\n",
        "    if body is None:\n",
        (VERDICT,),
    ),
    Mutant(
        "an empty balance makes nothing of a conflict",
        "jobmojito_batch/sending/credit_probe.py",
        "may_have_run=verdict.action is not Action.FAIL",
        "may_have_run=False",
        ("tests/end_to_end/test_afterwards.py", "-k", "conflict"),
    ),
    Mutant(
        "the Retry-After pause",
        "jobmojito_batch/sending/flow_control.py",
        "        context.pace.pause(asked)\n",
        "        context.pace.pause(0.0)\n",
        (MAIN_JOB, "-k", "retry_after"),
    ),
    Mutant(
        "the cap of a run",
        "jobmojito_batch/sending/budget.py",
        "    return cap.spent + credits_ <= cap.limit + _ROUNDING\n",
        "    return True\n",
        (MAIN_JOB, "-k", "cap"),
        lives=100,
    ),
    Mutant(
        "the cap of a day, over processes",
        "jobmojito_batch/ledger/claims.py",
        "    return call.day_limit is None or spent + call.credits <= call.day_limit + ROUNDING\n",
        "    return True\n",
        (DOUBTS, "-k", "day"),
        lives=100,
    ),
    Mutant(
        "one pace for all processes",
        "jobmojito_batch/ledger/shared_pace.py",
        "    first = max(due, earliest)\n",
        "    first = earliest\n",
        (DOUBTS, "-k", "starts"),
        lives=150,
    ),
    Mutant(
        "the API's own clock when looking up",
        "jobmojito_batch/sending/match.py",
        "        + timedelta(seconds=clock_ahead_seconds)\n",
        "",
        (SETTLING, "-k", "clock"),
    ),
    Mutant(
        "the lease of an owner on another host",
        "jobmojito_batch/ledger/owners.py",
        "        return lease_until is None or now is None or lease_until > now\n",
        "        return True\n",
        (DOUBTS, "-k", "another_host"),
        lives=100,
    ),
    Mutant(
        "what outlives the drain is in doubt",
        "jobmojito_batch/ledger/runs.py",
        "            doubt_claims(connection, run_id, since=at)\n",
        "",
        (DOUBTS, "-k", "drain"),
    ),
    Mutant(
        "an older unknown may be sent once more",
        "jobmojito_batch/pipeline/register.py",
        "    for kinds, may_go in ((kinds_to_send, True), (in_doubt, False)):\n",
        "    for kinds, may_go in ((kinds_to_send, True),):\n",
        (SETTLING, "-k", "earlier_run_lost"),
    ),
    Mutant(
        "the merchant of a row in its look-ups",
        "jobmojito_batch/sending/settling.py",
        "        return doubt.of.merchant if doubt.of.merchant != own else None\n",
        "        return None\n",
        (MERCHANTS,),
    ),
    Mutant(
        "the merchant of a row in a link minted for its answer",
        "jobmojito_batch/sending/recorder.py",
        "            merchant_id=call.merchant_id,\n",
        "",
        (MERCHANTS,),
    ),
    Mutant(
        "a link that an answer lacked is minted",
        "jobmojito_batch/sending/recorder.py",
        "            await self._mint_missing_link(call)\n",
        "",
        (MAIN_JOB, "-k", "link"),
    ),
    Mutant(
        "reconcile takes what was sent for others",
        "jobmojito_batch/ledger/doubts.py",
        "_OF_TOKEN: Final = _ALL.where(or_(_OF_ACCOUNT, _OF_ITS_RUNS))\n",
        "_OF_TOKEN: Final = _ALL.where(_OF_ACCOUNT)\n",
        (MERCHANTS,),
    ),
    Mutant(
        "rows of one enrolment are one",
        "jobmojito_batch/sending/match.py",
        "        by_enrolment.setdefault(row.profile_interview_id or number, []).append(row)\n",
        "        by_enrolment.setdefault(number, []).append(row)\n",
        ("tests/unit/test_match.py",),
    ),
    Mutant(
        "a fresh connection for a paid call",
        "jobmojito_batch/client/transport.py",
        "should_close=should_close or not self._keeps)\n",
        "should_close=should_close)\n",
        ("tests/adapters/test_client.py", "-k", "idle"),
    ),
    Mutant(
        "the floor of a résumé",
        "jobmojito_batch/normalise/resumes.py",
        "        is_enough = len(rest) >= least and 2 * sum(map(str.isalpha, rest)) >= least\n",
        "        is_enough = True\n",
        (FIELD,),
    ),
    Mutant(
        "an id with several names is no position",
        "jobmojito_batch/pipeline/requisitions.py",
        "has_others=len(of_one_id) > 1",
        "has_others=len(of_one_id) > 9",
        (FIELD,),
    ),
    Mutant(
        "a rounded number is no id",
        "jobmojito_batch/normalise/ids.py",
        "    return pl.when(~is_no_id(text)).then(text)\n",
        "    return text\n",
        (FIELD,),
    ),
    Mutant(
        "a letter that is unknown is not posted again",
        "jobmojito_batch/ledger/letters.py",
        "    LetterState.UNKNOWN: LetterStanding.UNKNOWN,\n",
        "",
        ("tests/adapters/test_ledger_letters.py",),
    ),
    Mutant(
        "a letter that a living process posts is left to it",
        "jobmojito_batch/ledger/letters.py",
        "            if _is_held(row, wish.at):\n",
        "            if False:\n",
        ("tests/adapters/test_ledger_letters.py",),
    ),
    Mutant(
        "a letter whose process died is unknown",
        "jobmojito_batch/ledger/letters.py",
        "            _orphan(connection, [row.id])\n",
        "            continue\n",
        ("tests/adapters/test_ledger_letters.py",),
    ),
    Mutant(
        "no answer after DATA is no knowledge",
        "jobmojito_batch/letters/smtp.py",
        "            return Handed(handing=Handing.UNKNOWN, says=says)\n",
        "            return Handed(handing=Handing.NOT_TAKEN, says=says)\n",
        ("tests/adapters/test_letter_smtp.py",),
    ),
    Mutant(
        "a folder's .env sets nothing that runs commands or says where data goes",
        "jobmojito_batch/env_files.py",
        "    taken = {name: value for name, value in values.items() if name in harmless}\n",
        "    taken = dict(values)\n",
        (ENV_FILES, "-k", "folder"),
    ),
    Mutant(
        "a .env of somebody else is not read",
        "jobmojito_batch/env_files.py",
        "    if file.st_uid != os.geteuid():\n",
        "    if file.st_uid < 0:\n",
        (ENV_FILES, "-k", "somebody_else"),
    ),
    Mutant(
        "the rest waits for the first rows",
        "jobmojito_batch/sending/first_rows.py",
        "    while not are_through():\n",
        "    while False:\n",
        ("tests/end_to_end/test_first_rows.py",),
    ),
    Mutant(
        "unsettled first rows hold the rest",
        "jobmojito_batch/sending/first_rows.py",
        "        if deciding.result():\n",
        "        if deciding.result() or True:\n",
        ("tests/end_to_end/test_first_rows.py",),
    ),
    Mutant(
        "opening a ledger waits for a lock",
        "jobmojito_batch/ledger/database.py",
        "    stop=stop_after_delay(BUSY_SECONDS),\n",
        "    stop=stop_after_delay(0),\n",
        ("tests/adapters/test_ledger.py", "-k", "opening"),
    ),
    Mutant(
        "a night is tried again only for what can pass by itself",
        "jobmojito_batch/pipeline/nightly/tries.py",
        "        if summary.exit_code is not ExitCode.STOPPED or code not in PASSES_BY_ITSELF:\n",
        "        if summary.exit_code is not ExitCode.STOPPED:\n",
        (TRIES,),
    ),
    Mutant(
        "a limit holds for all tries of a night together",
        "jobmojito_batch/pipeline/nightly/tries.py",
        '            left["limit"] = _rows_left(summary)\n',
        "            pass\n",
        (TRIES,),
    ),
    Mutant(
        "a credit cap holds for all tries of a night together",
        "jobmojito_batch/pipeline/nightly/tries.py",
        '            left["max_credits"] = max(0.0, unspent)\n',
        "            pass\n",
        (TRIES,),
    ),
)


def unseen_by(mutant: Mutant) -> list[str]:
    """Who should have seen that the rule is gone, and did not."""
    with without_rule(mutant) as folder:
        pytest = _ran(folder, "pytest", "-q", "-x", "-p", "no:cacheprovider", *mutant.tests)
        unseen = [] if pytest.returncode == RED else ["tests"]
        if mutant.lives and not _breaks_lives(folder, mutant.lives):
            unseen.append("prove")
    return unseen


def _breaks_lives(folder: Path, lives: int) -> bool:
    """Whether `prove` comes to its end on the changed program, and to a broken promise."""
    words = ("prove", "--seeds", str(lives), "--jobs", "1", "--json")
    said = _ran(folder, "jobmojito_batch", *words).stdout
    return bool(said) and json.loads(said)["failing"] > 0


@contextmanager
def without_rule(mutant: Mutant) -> Iterator[Path]:
    """A folder with the program, and the rule taken out of it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in COPIED:
            source = HERE / part
            (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / part)
        changed = folder / mutant.file
        text = changed.read_text("utf-8")
        if text.count(mutant.line) != 1:
            raise SystemExit(
                f"{mutant.rule}: {mutant.file} has its line {text.count(mutant.line)}x"
            )
        changed.write_text(text.replace(mutant.line, mutant.instead), "utf-8")
        yield folder


def _ran(folder: Path, *module: str) -> "subprocess.CompletedProcess[bytes]":
    """A module, run on the changed program."""
    return subprocess.run(
        [sys.executable, "-m", *module],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=False,
    )


def main() -> None:
    """Take each rule out and print what became of it."""
    alive = 0
    for mutant in MUTANTS:
        unseen = unseen_by(mutant)
        alive += bool(unseen)
        seen = "tests, prove" if mutant.lives else "tests"
        said = f"NOT SEEN by {' nor '.join(unseen)}" if unseen else f"seen by {seen}"
        sys.stdout.write(f"{said:22} {mutant.rule}\n")
        sys.stdout.flush()
    sys.exit(1 if alive else 0)


if __name__ == "__main__":
    main()
