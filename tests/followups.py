"""A sandbox's world in this process, and a ledger in which its people were invited."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr
from sqlalchemy import insert

from jobmojito_batch.client import JobMojito, TokenSource
from jobmojito_batch.columns import Outcome
from jobmojito_batch.ledger import Ledger, account_of
from jobmojito_batch.ledger.schema import invitations, positions, run_rows, runs
from jobmojito_batch.parameters import FollowUpParameters
from jobmojito_batch.pipeline.followup import FollowUpSummary, follow_up
from jobmojito_batch.sandbox import Scenario, create_app
from jobmojito_batch.sandbox.request_handler import RequestHandler
from jobmojito_batch.sandbox.request_record import Endpoint
from jobmojito_batch.sandbox.world import Candidate, Enrolment
from jobmojito_batch.settings import Settings

BASE_URL = "http://127.0.0.1:8700/functions/v1"
RUN = "018f0000-0000-7000-8000-000000000001"
LAYOUT = (
    '[{"source": "people.csv", "headers": ["Mail", "Ref", "Team"], "delimiter": ",", '
    '"fields": {"candidate_email": 0, "candidate_external_id": 1}, "carried": [2], "dropped": []}]'
)


class Town:
    """People who were invited through a ledger, and the API that they are at."""

    def __init__(self, folder: Path, scenario: Scenario | None = None, url: str = "") -> None:
        self.app = create_app(scenario or Scenario())
        self.handler: RequestHandler = self.app.state.handler
        self.world = self.handler.world
        self.folder = folder
        self.settings = Settings(
            base_url=BASE_URL,
            api_token=SecretStr("made-up-token-of-the-tests"),
            ledger=url or str(folder / "ledger.sqlite"),
            requests_per_second=10_000,
        )
        self.people = 0
        self.enrolled: list[Enrolment] = []

    def enrol(self, count: int, *, on: int = 1, twice: int = 0) -> None:
        """*count* people evenly *on* positions, and *twice* of them on the next one, too."""
        home = self.world.home
        jobs = [self.world.open_position(home, f"Job {number}") for number in range(on)]
        at = self.world.now()
        for number in range(count):
            who = Candidate(
                email=f"p{number}@example.com", name=f"Ann Lee {number}", external_id=f"X-{number}"
            )
            places = [number % on, *([(number + 1) % on] if number < twice else [])]
            for place in places:
                made = at + timedelta(milliseconds=number)
                self.enrolled.append(self.world.enrol(who, jobs[place], created_at=made))

    def invite(self, enrolments: Sequence[Enrolment] | None = None, **more: Any) -> None:
        """Enter the enrolments in the ledger as one run; *more* are columns of all invitations."""
        chosen = self.enrolled if enrolments is None else enrolments
        ledger = Ledger.open(self.settings.ledger_url)
        account = account_of(self.settings.base_url, "", self.settings.environment)
        jobs = {each.position.id: each.position for each in chosen}
        numbers = {job: number for number, job in enumerate(jobs, start=1)}
        with ledger.database.writing() as connection:
            connection.execute(insert(runs), [_run(self.settings, len(chosen), self.world.now())])
            connection.execute(
                insert(positions),
                [
                    {
                        "id": numbers[job.id],
                        "account": account,
                        "opening_key": job.name.lower(),
                        "position_def_set_id": job.id,
                    }
                    for job in jobs.values()
                ],
            )
            rows = [_invitation(each, at, numbers) | more for at, each in enumerate(chosen)]
            connection.execute(insert(invitations), rows)
            connection.execute(
                insert(run_rows), [_row(each, at, numbers) for at, each in enumerate(chosen)]
            )
        ledger.close()

    def pass_days(self, days: float) -> None:
        self.world.advance(timedelta(days=days))

    def api(self, settings: Settings, tokens: TokenSource) -> JobMojito:
        return JobMojito(settings, tokens, transport=httpx.ASGITransport(self.app))

    async def follow_up(self, observer: Any = None, **parameters: Any) -> FollowUpSummary:
        given = {"results": str(self.folder / "all.followup.csv")} | parameters
        return await follow_up(
            FollowUpParameters(**given),
            observer,
            settings=self.settings,
            open_api=self.api,
            wall=self.world.now,
        )

    def calls(self, endpoint: Endpoint = Endpoint.RESULTS) -> int:
        return self.handler.calls[endpoint]


def _run(settings: Settings, rows: int, at: Any) -> dict[str, Any]:
    return {
        "run_id": RUN, "base_url": settings.base_url, "merchant": "",
        "environment": settings.environment, "state": "ended", "owner": "x",
        "started_at": at.replace(tzinfo=None), "rows": rows, "layouts": LAYOUT,
    }  # fmt: skip


def _invitation(each: Enrolment, ordinal: int, numbers: dict[str, int]) -> dict[str, Any]:
    at = each.created_at.replace(tzinfo=None)
    return {
        "id": ordinal + 1, "position_id": numbers[each.position.id],
        "candidate_email": each.candidate.email, "state": "settled", "run_id": RUN,
        "ordinal": ordinal, "claimed_at": at, "sent_at": at, "settled_at": at,
        "outcome": Outcome.INVITED.value, "status": each.status,
        "interview_url": f"https://example.com/i/{each.id}",
        "position_def_set_id": each.position.id,
        "interview_def_set_id": each.position.definition_id,
        "profile_interview_id": each.id,
    }  # fmt: skip


def _row(each: Enrolment, ordinal: int, numbers: dict[str, int]) -> dict[str, Any]:
    return {
        "run_id": RUN, "ordinal": ordinal, "source": "people.csv", "row": ordinal + 2,
        "position_id": numbers[each.position.id], "candidate_email": each.candidate.email,
        "candidate_name": each.candidate.name,
        "candidate_external_id": each.candidate.external_id, "position_name": each.position.name,
        "outcome": Outcome.INVITED.value, "attempts": 1,
        "cells": f'{{"0": "{each.candidate.email}", "1": "X", "2": "blue"}}',
    }  # fmt: skip
