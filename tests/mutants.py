"""
Each safety rule taken out, one at a time, in a copy of the program: the tests named must go red.

`make mutants` runs it (minutes) and fails where a rule can be taken out unseen. docs/faults.md has
the same list in words.
"""

import os
import shutil
import subprocess
import sys
import tempfile
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


SETTLING = "tests/end_to_end/test_settling.py"
MAIN_JOB = "tests/end_to_end/test_main_job.py"
DOUBTS = "tests/adapters/test_ledger_doubts.py"

MUTANTS = (
    Mutant(
        "the claim: only what is open may be claimed",
        "jobmojito_batch/ledger/claims.py",
        "        where=invitations.c.state == literal_column(f\"'{ClaimState.OPEN.value}'\"),\n",
        "",
        ("tests/adapters/test_ledger.py",),
    ),
    Mutant(
        "the claim stands before the call",
        "jobmojito_batch/sending/sender.py",
        "            if start is None or not await self._claims.hold(call):\n",
        "            if start is None:\n",
        ("tests/unit/test_one_claim.py",),
    ),
    Mutant(
        "a claim that waited long is made sure of before the call",
        "jobmojito_batch/sending/claiming.py",
        "    return abs((self._common.at() - at).total_seconds()) > STALE_SECONDS\n",
        "    return False\n",
        ("tests/adapters/test_claiming.py",),
    ),
    Mutant(
        "the gate: the first row of a position goes alone",
        "jobmojito_batch/sending/gate.py",
        "            if position.door is Door.OPEN:\n",
        "            if position.door is not Door.SHUT:\n",
        ("tests/unit/test_gate.py", MAIN_JOB, "-k", "alone or first or gate or opens"),
    ),
    Mutant(
        "one opening over all processes",
        "jobmojito_batch/ledger/sharing.py",
        "            return str(held.run_id)\n",
        "            return None\n",
        (DOUBTS, "-k", "opens"),
    ),
    Mutant(
        "the settle wait",
        "jobmojito_batch/sending/settling.py",
        "        if left > 0:\n",
        "        if left > 1e9:\n",
        (SETTLING,),
    ),
    Mutant(
        "a doubt is taken over by one run alone",
        "jobmojito_batch/ledger/claims.py",
        "        invitations.c.id == one.invitation_id,\n"
        "        invitations.c.state == ClaimState.UNKNOWN,\n"
        "        invitations.c.claimed_at == one.seen_at,\n",
        "        invitations.c.id == one.invitation_id,\n",
        (DOUBTS,),
    ),
    Mutant(
        "the Retry-After pause",
        "jobmojito_batch/sending/reacting.py",
        "        common.pace.pause(asked)\n",
        "        common.pace.pause(0.0)\n",
        (MAIN_JOB, "-k", "retry_after"),
    ),
    Mutant(
        "the cap of a run",
        "jobmojito_batch/sending/budget.py",
        "    return cap.spent + credits_ <= cap.limit + _ROUNDING\n",
        "    return True\n",
        (MAIN_JOB, "-k", "cap"),
    ),
    Mutant(
        "the cap of a day, over processes",
        "jobmojito_batch/ledger/claims.py",
        "    return one.day_limit is None or spent + one.credits <= one.day_limit + ROUNDING\n",
        "    return True\n",
        (DOUBTS, "-k", "day"),
    ),
    Mutant(
        "one pace for all processes",
        "jobmojito_batch/ledger/sharing.py",
        "    first = max(due, earliest)\n",
        "    first = earliest\n",
        (DOUBTS, "-k", "starts"),
    ),
    Mutant(
        "the API's own clock when looking up",
        "jobmojito_batch/sending/looking.py",
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
    ),
    Mutant(
        "what outlives the drain is in doubt",
        "jobmojito_batch/ledger/ledger.py",
        "            doubt_claims(connection, run_id, since=at)\n",
        "",
        (DOUBTS, "-k", "drain"),
    ),
    Mutant(
        "an older unknown may be sent once more",
        "jobmojito_batch/pipeline/deliver.py",
        "    for kinds in (sent_kinds(prepared), [Kind.UNKNOWN.value]):\n",
        "    for kinds in (sent_kinds(prepared),):\n",
        (SETTLING, "-k", "earlier_run_lost"),
    ),
)


def survives(mutant: Mutant) -> bool:
    """Whether the tests stay green without the rule."""
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
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *mutant.tests],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": name},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
    return done.returncode != RED


def main() -> None:
    """Take each rule out and print what became of it."""
    alive = 0
    for mutant in MUTANTS:
        is_alive = survives(mutant)
        alive += is_alive
        sys.stdout.write(f"{'NOT SEEN' if is_alive else 'seen':9} {mutant.rule}\n")
        sys.stdout.flush()
    sys.exit(1 if alive else 0)


if __name__ == "__main__":
    main()
