"""The neighbours: status, languages, and the link of an enrolment that exists."""

import asyncio
from functools import cache
from typing import Any, Final

from babel import Locale
from starlette.responses import JSONResponse, Response

from jobmojito_batch.contract import LANGUAGE_CODES
from jobmojito_batch.sandbox.bodies import (
    UNPROCESSABLE,
    Refused,
    forbidden_merchant,
    invalid,
    missing,
)
from jobmojito_batch.sandbox.create import link_for
from jobmojito_batch.sandbox.query import Query
from jobmojito_batch.sandbox.request_record import Exchange
from jobmojito_batch.sandbox.scenario import Scenario, is_uuid
from jobmojito_batch.sandbox.seeded_random import Chance
from jobmojito_batch.sandbox.world import Enrolment, Merchant, World

_INVITATIONS_PER_CREDIT: Final = 4
_LINK_TYPE: Final = "interview-for-profile"
_BABEL_CODES: Final = {"br": "pt_BR"}
"""Where the platform's code means something else in CLDR (`br` is Breton there)."""


class Lookups:
    """The endpoints that change nothing."""

    def __init__(self, scenario: Scenario, world: World, chance: Chance) -> None:
        self._scenario = scenario
        self._world = world
        self._chance = chance

    async def status(self, exchange: Exchange) -> Response:
        """Return credits, quota and totals of a merchant; none of the numbers need be whole."""
        await self._wait()
        merchant = Query(exchange.request).merchant(self._world)
        total = len(merchant.enrolments)
        limit = self._scenario.credits * _INVITATIONS_PER_CREDIT
        balances = {
            "credits_interview_monthly": merchant.credits_left,
            "credits_interview_monthly_limit": self._scenario.credits,
            "credits_interview_extra": 0,
            "credits_interview_single": 0,
            "invitations_sent": total,
            "invitations_limit": limit,
            "invitations_available": limit - total,
        } | dict(self._scenario.merchant_status)
        return JSONResponse(
            {
                "profile_id": self._chance.uuid("caller"),
                "default_merchant_id": self._world.home.id,
                "merchant_id": merchant.id,
                "definitions_active": len(merchant.positions),
                "interviews_without_credits": 0,
                "interviews_undecided": 0,
                "interviews_ongoing": 0,
                "interview_results": total,
                "candidates": total,
                "candidates_history": [total] + [0] * 13,
                "interview_result_history": [total] + [0] * 13,
                "subscription_type": "Growth",
                "subscription_status": "active",
            }
            | {name: _as_in_javascript(number) for name, number in balances.items()}
        )

    async def languages(self, _exchange: Exchange) -> Response:
        """Return the platform's languages by their English names."""
        await self._wait()
        return JSONResponse({"languages": _languages()})

    async def link(self, exchange: Exchange) -> Response:
        """Return a new link for an enrolment, as a bare JSON string; a miss is a 422, too."""
        await self._wait()
        members = exchange.members
        if members.get("type") != _LINK_TYPE:
            raise invalid("type")
        merchant = self._merchant(members)
        profile, interview = (
            _id(members, member) for member in ("interview_profile_id", "interview_id")
        )
        enrolment = self._enrolment_for_link(merchant, profile, interview)
        if enrolment is None:
            raise Refused(UNPROCESSABLE, "Interview not found.", "interview_id")
        return JSONResponse(link_for(exchange, enrolment, self._chance, self._world))

    def _merchant(self, members: dict[str, Any]) -> Merchant:
        is_given = members.get("merchant_id") is not None
        merchant = self._world.merchant(_id(members, "merchant_id") if is_given else None)
        if merchant is None:
            raise forbidden_merchant()
        return merchant

    async def _wait(self) -> None:
        await asyncio.sleep(self._scenario.lookup_latency)

    def _enrolment_for_link(
        self, merchant: Merchant, profile: str, interview: str
    ) -> Enrolment | None:
        wants = self._scenario.token_wants
        known: list[Enrolment] = []
        if wants != "profile_interview_id":
            known = self._world.enrolments_of_profile(profile, merchant)
        by_enrolment = self._world.enrolment_by_id(profile, merchant)
        if by_enrolment is not None and wants != "profile_id":
            known = [by_enrolment]
        return next(
            (
                enrolment
                for enrolment in known
                if interview in (enrolment.position.id.lower(), enrolment.position.definition_id)
            ),
            None,
        )


def _id(members: dict[str, Any], name: str) -> str:
    value = members.get(name)
    if value in (None, ""):
        raise missing(name)
    if not isinstance(value, str) or not is_uuid(value):
        raise invalid(name)
    return value.lower()


def _as_in_javascript(number: float | None) -> float | None:
    """Return 40 for 40.0: JSON knows no difference, and the API writes none."""
    return int(number) if number is not None and number == int(number) else number


@cache
def _languages() -> list[dict[str, Any]]:
    rows = [_language(code) for code in LANGUAGE_CODES]
    return sorted(rows, key=lambda row: str(row["name_english"]))


def _language(code: str) -> dict[str, Any]:
    locale = Locale.parse(_BABEL_CODES.get(code, code))
    return {
        "code": code,
        "name_english": locale.english_name or code,
        "name_local": locale.display_name or code,
        "flag_image": "",
        "flag_emoji": "",
        "flag_unicode": "",
        "coaching_interface": True,
        "interview_interface": True,
        "admin_interface": True,
        "accents": [],
    }
