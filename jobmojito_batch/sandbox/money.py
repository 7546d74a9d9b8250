"""The credit ledger (merchant-analytics-credits-used) and reports (job-interview-pdf)."""

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from starlette.responses import JSONResponse, Response

from jobmojito_batch.sandbox.bodies import UNPROCESSABLE, Refused, invalid, missing
from jobmojito_batch.sandbox.lists import NEWEST, iso, page_of
from jobmojito_batch.sandbox.lives import Lives
from jobmojito_batch.sandbox.query import Query
from jobmojito_batch.sandbox.request_record import Exchange
from jobmojito_batch.sandbox.scenario import Scenario, is_uuid
from jobmojito_batch.sandbox.seeded_random import Chance
from jobmojito_batch.sandbox.world import Enrolment, Merchant, World

_VALID: Final = timedelta(minutes=15)
_AGAIN: Final = timedelta(seconds=2)


class Money:
    """What was charged, and what can be had for it."""

    def __init__(self, scenario: Scenario, world: World, chance: Chance) -> None:
        self._scenario = scenario
        self._world = world
        self._chance = chance
        self._lives = Lives(scenario.lives, chance)

    async def used(self, exchange: Exchange) -> Response:
        """Return the charges of a merchant, newest first."""
        await asyncio.sleep(self._scenario.lookup_latency)
        query = Query(exchange.request)
        merchant = query.merchant(self._world)
        definition = query.uuid("interview_id")
        rows = [
            row
            for row in self._charges(merchant)
            if definition in (None, row["parent_object_uuid"], row["definition_id"])
        ]
        return page_of(query, NEWEST).answer(
            sorted(rows, key=lambda row: str(row["event_date"])), _without_definition
        )

    async def report(self, exchange: Exchange) -> Response:
        """Return where the report of a result lies for a while."""
        await asyncio.sleep(self._scenario.lookup_latency)
        if exchange.members.get("export_type") != "pdf":
            raise invalid("export_type")
        result_id = exchange.members.get("interview_result_id")
        if not result_id:
            raise missing("interview_result_id")
        if not isinstance(result_id, str) or not is_uuid(result_id):
            raise invalid("interview_result_id")
        if not self._is_submitted(result_id.lower()):
            raise Refused(UNPROCESSABLE, "Result not found.", "interview_result_id")
        key = self._chance.uuid("report", result_id)
        return JSONResponse(
            {
                "pdf_export_url": f"{exchange.root_url}/report/{key}.pdf",
                "pdf_export_valid_until": iso(self._world.now() + _VALID),
            }
        )

    def _is_submitted(self, result_id: str) -> bool:
        now = self._world.now()
        return any(
            attempt.result_id == result_id and attempt.is_submitted
            for enrolment in self._world.enrolments
            for attempt in self._lives.attempts(enrolment, now)
        )

    def _charges(self, merchant: Merchant) -> Iterator[dict[str, Any]]:
        now = self._world.now()
        for enrolment in merchant.enrolments:
            screening = self._chance.uuid("screening", enrolment.id)
            price = self._scenario.credits_per_candidate
            yield self._charge(enrolment, "pre_screening", price, enrolment.created_at, screening)
            if enrolment.candidate.email.lower() in self._scenario.charged_twice:
                again = enrolment.created_at + _AGAIN
                yield self._charge(enrolment, "pre_screening", price, again, screening)
            for attempt in self._lives.attempts(enrolment, now):
                if attempt.charged_at is not None:
                    times = self._scenario.lives
                    event, amount = (
                        ("interview", times.interview_credits)
                        if attempt.is_submitted
                        else ("interview_failed", times.failed_credits)
                    )
                    yield self._charge(
                        enrolment, event, amount, attempt.charged_at, str(attempt.result_id)
                    )
        yield from self._strange(merchant, now)

    def _strange(self, merchant: Merchant, now: datetime) -> Iterator[dict[str, Any]]:
        """Charges of somebody else's doing."""
        for number in range(self._scenario.strange_charges):
            parts = ("strange", merchant.id, number)
            yield {
                "id": self._chance.uuid("charge", *parts),
                "event_date": iso(now - timedelta(seconds=number)),
                "event": "pre_screening",
                "credit_amount": self._scenario.credits_per_candidate,
                "stats": None,
                "candidate_name": "Somebody Else",
                "profile_id": self._chance.uuid("profile", *parts),
                "profile_interview_id": self._chance.uuid("enrolment", *parts),
                "object_uuid": self._chance.uuid("screening", *parts),
                "parent_object_uuid": self._chance.uuid("position", *parts),
                "definition_id": None,
            }

    def _charge(
        self, enrolment: Enrolment, event: str, amount: float, at: datetime, thing: str
    ) -> dict[str, Any]:
        return {
            "id": self._chance.uuid("charge", enrolment.id, event, thing, at),
            "event_date": iso(at),
            "event": event,
            "credit_amount": amount,
            "stats": None,
            "candidate_name": enrolment.candidate.name,
            "profile_id": enrolment.profile_id,
            "profile_interview_id": enrolment.id,
            "object_uuid": thing,
            "parent_object_uuid": enrolment.position.id,
            "definition_id": enrolment.position.definition_id,
        }


def _without_definition(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "definition_id"}
