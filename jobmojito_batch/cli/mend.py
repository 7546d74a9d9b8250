"""`reconcile` and `forget`: what a person does to the ledger afterwards."""

import asyncio

import typer

from jobmojito_batch.cli.talk import err, print_json, say
from jobmojito_batch.errors import BatchError
from jobmojito_batch.ledger import Ledger
from jobmojito_batch.pipeline import Reconciled, reconcile
from jobmojito_batch.settings import Settings

UNSETTLED = 3


def reconcile_ledger(settings: Settings, *, as_json: bool) -> int:
    """Settle what is unknown; 3 where something stays so."""
    ledger = Ledger.open_existing(settings.ledger_url)
    if ledger is None:
        say("nothing is unknown: there is no ledger yet")
        return 0
    try:
        done = asyncio.run(reconcile(settings, ledger, tell=_tell))
    finally:
        ledger.close()
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
    return UNSETTLED if done.counts.left else 0


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


def forget_person(settings: Settings, email: str, *, asks: bool) -> int:
    """Erase a person from the ledger; asks first."""
    ledger = Ledger.open_existing(settings.ledger_url)
    if ledger is None:
        raise BatchError("there is no ledger yet; nobody is in it")
    try:
        known = ledger.traces_of(email)
        if not known:
            say("the ledger does not have this address")
            return 0
        question = (
            f"Erase this person ({known} rows) from the ledger? Links and results cannot be "
            "written again for them; a keyed hash stays, so that they are not invited twice"
        )
        if asks and not typer.confirm(question, err=True):
            say("nothing was erased")
            return 2
        ledger.forget(email)
    finally:
        ledger.close()
    where = (
        "down to the bytes of the file"
        if settings.ledger_url.startswith("sqlite")
        else "old versions of the rows included; backups of the database still have them"
    )
    say(f"erased, {where}; results files that were written still have them")
    return 0
