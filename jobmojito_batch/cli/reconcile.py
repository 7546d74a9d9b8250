"""`reconcile` and `forget`: what a person does to the ledger afterwards."""

import asyncio
from collections.abc import Sequence

from jobmojito_batch.cli.console import ask, err, print_json, say, say_warning
from jobmojito_batch.columns import Outcome
from jobmojito_batch.errors import BatchError
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.ledger import Ledger, StoredPerson
from jobmojito_batch.normalise import address_in
from jobmojito_batch.pipeline import Reconciled, reconcile
from jobmojito_batch.pipeline.run_signals import signal_unknowns
from jobmojito_batch.settings import Settings


def reconcile_ledger(settings: Settings, *, as_json: bool) -> int:
    """Settle what is unknown; 3 where something stays so."""
    with Ledger.existing(settings.ledger_url) as ledger:
        if ledger is None:
            say("nothing is unknown: there is no ledger yet")
            return ExitCode.OK
        done = asyncio.run(reconcile(settings, ledger, tell=_tell))
    signal_unknowns(settings, say_warning)
    _say(done)
    if as_json:
        print_json(
            {
                "schema_version": 1,
                "unknown": done.doubts,
                "outcomes": done.outcomes,
                "did_not_happen": done.counts.did_not_happen,
                "still_unknown": done.counts.left,
                "why": done.why_left,
                "in_flight_elsewhere": done.in_flight,
            }
        )
    return ExitCode.UNSETTLED if done.counts.left else ExitCode.OK


def _tell(total: int, left: int) -> None:
    if err().is_terminal and total:
        err().print(f"{total - left} of {total} settled", end="\r", markup=False)


def _say(done: Reconciled) -> None:
    say(f"unknown           {done.doubts}")
    for outcome, count in done.outcomes.items():
        meaning = "it did not happen; the next run sends it" if outcome == "failed" else "it exists"
        say(f"{outcome:<16}  {count}   {meaning}")
    for why, count in done.why_left.items():
        say(f"still unknown     {count}   {why}; look in JobMojito, or run reconcile again")
    if done.in_flight:
        say(f"in flight         {done.in_flight}   another process is sending these now")


def forget_person(settings: Settings, typed: str, *, asks: bool) -> int:
    """Erase a person from the ledger; asks first."""
    with Ledger.existing(settings.ledger_url) as ledger:
        if ledger is None:
            raise BatchError("there is no ledger yet; nobody is in it")
        spellings = {address_in(typed) or typed, typed}
        known = sum(ledger.people.traces_of(email) for email in spellings)
        if not known:
            say("the ledger does not have this address")
            return ExitCode.OK
        _say_what_jobmojito_holds([ledger.access.of(email) for email in spellings])
        if asks and not ask(
            f"Erase this person ({known} row{'s' * (known != 1)}) from the ledger? Links and "
            "results cannot be written again for them; a keyed hash stays, so that they are not "
            "invited twice."
        ):
            say("nothing was erased")
            return ExitCode.USAGE
        for email in spellings:
            ledger.people.forget(email)
    where = (
        "down to the bytes of the file"
        if settings.ledger_url.startswith("sqlite")
        else "old versions of the rows included; backups of the database still have them"
    )
    say(f"erased, {where}; results files, letters and reports that were written still have them")
    return ExitCode.OK


def _say_what_jobmojito_holds(stored: Sequence[StoredPerson]) -> None:
    """What is erased there by its own people alone, and by which ids; after this nobody knows."""
    sent = [
        invitation
        for person in stored
        for invitation in person.invitations
        if invitation["outcome"] != Outcome.FAILED.value
    ]
    if not sent:
        say("JobMojito was sent nothing of this person from this ledger")
        return
    say(
        "JobMojito still holds this person: the résumé, and what came of it. Its API has no call "
        "that erases; ask JobMojito (help.jobmojito.com, or whoever looks after your account), "
        "and name:"
    )
    for invitation in sent:
        position = (
            invitation["position_def_set_id"] or invitation["position"]["position_def_set_id"]
        )
        key = next(iter(invitation["keys"]), "").partition(":")[2]
        say(
            f"  candidate {invitation['profile_interview_id'] or '(id not known)'}, position "
            f"{position or key}, sent {invitation['claimed_at']:%Y-%m-%d}"
        )
