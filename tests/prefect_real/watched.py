"""A run with every kind of outcome, of people whose names can be searched for."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from jobmojito_batch.sandbox import Fault, RunningSandbox, Scenario
from tests.helpers import RESUME, TOKEN, a_row, write_input
from tests.prefect_real.house import Json, Night, PrefectHouse

SURNAME: Final = "Quellenhofer"
DOMAIN: Final = "seeded-people.example.com"
SENTENCE: Final = "Kept bees on the roof of the Zwettlburg opera"
LAND: Final = "Atlantisburgia"
ACCEPTED: Final = 30
SENT: Final = ACCEPTED + 3

NOT_TO_BE_FOUND: Final = (SURNAME, DOMAIN, "Zwettlburg", LAND, TOKEN, "interview_token")
"""Of the person: name, address, résumé, a cell that is no country; the token; any link."""


@dataclass(frozen=True, kw_only=True)
class Watched:
    """The run that the watcher finds in the morning, and one that was stopped."""

    house: PrefectHouse
    night: Night
    run_id: str
    ended: Json
    stopped: Json


@contextmanager
def watched_runs(house: PrefectHouse, folder: Path) -> Iterator[Watched]:
    """Two runs that have ended: with every outcome, and stopped by the API."""
    with RunningSandbox(_scenario()) as sandbox:
        night = Night(house, folder, sandbox, house.by_hand["id"])
        first = night.start(write_input(folder, _rows(), "candidates.csv"), max_in_flight=8)
        ended = house.wait_for_end(first)
        path = write_input(folder, [_row("broke"), _row("late")], "more.csv")
        stopped = house.wait_for_end(night.start(path))
        yield Watched(house=house, night=night, run_id=first, ended=ended, stopped=stopped)


def _row(name: str, *, country: str = "SK") -> str:
    row = a_row(f"{name}@{DOMAIN}", name=f"{name.title()} {SURNAME}", country=country)
    return row.replace(RESUME, SENTENCE)


def _rows() -> list[str]:
    rows = [_row(f"p{n}") for n in range(ACCEPTED)]
    rows += [_row("rejected"), _row("echoed"), _row("lost"), _row("p0")]
    rows += [_row("stranger", country=LAND)]
    rows += [_row("two").replace("two@", f"one@{DOMAIN} two@")]
    rows += [_row("noaddress").replace(f"noaddress@{DOMAIN}", f"{SURNAME} without at")]
    return rows


def _scenario() -> Scenario:
    def says(name: str) -> str:
        return f"{name}@{DOMAIN} ({name.title()} {SURNAME}) is not welcome"

    return Scenario(
        latency=0.3,
        jitter=0.5,
        decisions={"ai_accept": 1.0},
        statuses={f"rejected@{DOMAIN}": "ai_reject", f"p7@{DOMAIN}": "recruiter_action"},
        faults=(
            Fault(
                email=f"echoed@{DOMAIN}",
                status=422,
                body="jobmojito",
                message=says("echoed"),
                name="candidate_email",
            ),
            Fault(email=f"lost@{DOMAIN}", status=500, body="text", message=says("lost")),
            Fault(email=f"broke@{DOMAIN}", status=402, body="jobmojito", message=says("broke")),
            Fault(endpoint="merchant-result-list", status=403, message=says("lost")),
        ),
    )
