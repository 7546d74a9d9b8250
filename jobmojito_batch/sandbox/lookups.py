"""The neighbours: status, lists, languages, and the link of an enrolment that exists."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final

from babel import Locale
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from jobmojito_batch.contract import LANGUAGE_CODES
from jobmojito_batch.sandbox.bodies import jobmojito_error
from jobmojito_batch.sandbox.chance import Chance
from jobmojito_batch.sandbox.create import link_for
from jobmojito_batch.sandbox.exchange import Exchange
from jobmojito_batch.sandbox.scenario import Scenario
from jobmojito_batch.sandbox.world import ACCEPTED, REJECTED, Enrolment, World

_NOT_FOUND: Final = 404
_UNPROCESSABLE: Final = 422
_LIMIT: Final = 50
_MAX_LIMIT: Final = 1000
_INVITATIONS_PER_CREDIT: Final = 4
_STEP: Final = "pre-screening"
_LINK_TYPE: Final = "interview-for-profile"
_BABEL_CODES: Final = {"br": "pt_BR"}
"""Where the platform's code means something else in CLDR (`br` is Breton there)."""


class Lookups:
    """The endpoints that change nothing."""

    def __init__(self, scenario: Scenario, world: World, chance: Chance) -> None:
        self._scenario = scenario
        self._world = world
        self._chance = chance

    async def status(self, _exchange: Exchange) -> Response:
        """Return credits, quota and totals of the token's merchant."""
        await self._wait()
        left, total = self._world.credits_left, len(self._world.enrolments)
        limit = int(self._scenario.credits * _INVITATIONS_PER_CREDIT)
        return JSONResponse(
            {
                "profile_id": self._chance.uuid("caller"),
                "default_merchant_id": self._world.merchant_id,
                "merchant_id": self._world.merchant_id,
                "credits_interview_monthly": left,
                "credits_interview_monthly_limit": self._scenario.credits,
                "credits_interview_extra": 0,
                "credits_interview_single": 0,
                "definitions_active": len(self._world.positions),
                "interviews_without_credits": 0,
                "interviews_undecided": 0,
                "interviews_ongoing": 0,
                "interview_results": total,
                "candidates": total,
                "candidates_history": [total] + [0] * 13,
                "interview_result_history": [total] + [0] * 13,
                "subscription_type": "Growth",
                "subscription_status": "active",
                "invitations_sent": total,
                "invitations_limit": limit,
                "invitations_available": max(0, limit - total),
            }
        )

    async def results(self, exchange: Exchange) -> Response:
        """Return results, newest first; filters: filter_text, step, the two interview ids."""
        await self._wait()
        return self._page(exchange, self._result_row)

    async def candidates(self, exchange: Exchange) -> Response:
        """Return enrolments, newest first."""
        await self._wait()
        return self._page(exchange, self._candidate_row)

    async def languages(self, _exchange: Exchange) -> Response:
        """Return the platform's languages by their English names."""
        await self._wait()
        return JSONResponse({"languages": _languages()})

    async def link(self, exchange: Exchange) -> Response:
        """Return a new link for an enrolment, as a bare JSON string."""
        await self._wait()
        members = exchange.members
        if members.get("type") != _LINK_TYPE:
            return jobmojito_error(_UNPROCESSABLE, "Field is invalid.", "type")
        for name in ("interview_profile_id", "interview_id"):
            if not exchange.text(name):
                return jobmojito_error(_UNPROCESSABLE, "Field is required.", name)
        enrolment = self._enrolment_for_link(
            str(members["interview_profile_id"]), str(members["interview_id"])
        )
        if enrolment is None:
            return jobmojito_error(_NOT_FOUND, "Candidate not found for this interview.")
        return JSONResponse(link_for(exchange, enrolment, self._chance))

    async def _wait(self) -> None:
        await asyncio.sleep(self._scenario.lookup_latency)

    def _enrolment_for_link(self, profile: str, interview: str) -> Enrolment | None:
        wants = self._scenario.token_wants
        by_enrolment = self._world.enrolment_by_id(profile)
        known = (
            self._world.enrolments_of_profile(profile) if wants != "profile_interview_id" else []
        )
        if by_enrolment is not None and wants != "profile_id":
            known = [by_enrolment]
        return next(
            (one for one in known if interview in (one.position.id, one.position.definition_id)),
            None,
        )

    def _page(self, exchange: Exchange, row: Callable[[Enrolment], dict[str, Any]]) -> Response:
        limit = _number(exchange.request, "limit", _LIMIT, lowest=1, highest=_MAX_LIMIT)
        offset = _number(exchange.request, "offset", 0, lowest=0)
        if limit is None or offset is None:
            name = "limit" if limit is None else "offset"
            return jobmojito_error(_UNPROCESSABLE, "Field is invalid.", name)
        found = self._found(exchange.request)
        total = len(found)
        newest_first = [found[-1 - at] for at in range(offset, min(offset + limit, total))]
        pagination = {
            "total": total,
            "limit": limit,
            "offset": offset,
            "has_more": offset + limit < total,
        }
        return JSONResponse({"data": [row(one) for one in newest_first], "pagination": pagination})

    def _found(self, request: Request) -> Sequence[Enrolment]:
        wanted = request.query_params
        found: Sequence[Enrolment] = self._world.enrolments
        if enrolment_id := wanted.get("profile_interview_id"):
            found = _existing([self._world.enrolment_by_id(enrolment_id)])
        if text := wanted.get("filter_text"):
            found = _both(self._world.search(text), found, self._world.enrolments)
        if definition := wanted.get("interview_id"):
            found = [
                one for one in found if definition in (one.position.id, one.position.definition_id)
            ]
        return [] if wanted.get("step") not in (None, "", _STEP) else found

    def _result_row(self, enrolment: Enrolment) -> dict[str, Any]:
        return {
            "id": self._chance.uuid("position result", enrolment.id),
            "interview_result_id": self._chance.uuid("result", enrolment.id),
            "interview_result_pre_screening_id": self._chance.uuid("screening", enrolment.id),
            "merchant_id": self._world.merchant_id,
            "profile_id": enrolment.profile_id,
            "profile_interview_id": enrolment.id,
            "definition_id": enrolment.position.definition_id,
            "candidate_name": enrolment.candidate.name,
            "candidate_email": enrolment.candidate.email,
            "position_name": enrolment.position.name,
            "position_step": _STEP,
            "type": "interview",
            "external_id": enrolment.candidate.external_id,
            "mojito_language_code": enrolment.position.language,
            "status": "active",
            "coach_status": None,
            "decision_status": _decision(enrolment.status),
            "interview_started": False,
            "is_test": self._scenario.environment == "test",
            "score": None,
            "created_at": _iso(enrolment.created_at),
            "updated_at": _iso(enrolment.created_at),
        }

    def _candidate_row(self, enrolment: Enrolment) -> dict[str, Any]:
        return {
            "id": enrolment.id,
            "profile_id": enrolment.profile_id,
            "merchant_id": self._world.merchant_id,
            "name": enrolment.candidate.name,
            "email": enrolment.candidate.email,
            "email_auth": enrolment.candidate.email,
            "external_id": enrolment.candidate.external_id,
            "status": "active",
            "mojito_language_code": enrolment.position.language,
            "interview_count": 0,
            "pre_screening_count": 1,
            "created_at": _iso(enrolment.created_at),
            "updated_at": _iso(enrolment.created_at),
            "deleted_at": None,
        }


def _existing(found: Iterable[Enrolment | None]) -> list[Enrolment]:
    return [one for one in found if one is not None]


def _both(
    searched: list[Enrolment], found: Sequence[Enrolment], everybody: Sequence[Enrolment]
) -> list[Enrolment]:
    """Return who is in both lists; *searched* itself where *found* still is everybody."""
    if found is everybody:
        return searched
    ids = {one.id for one in found}
    return [one for one in searched if one.id in ids]


def _decision(status: str) -> str:
    if status in ACCEPTED:
        return "selected"
    return "rejected" if status in REJECTED else "undecided"


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _number(
    request: Request, name: str, default: int, *, lowest: int, highest: int | None = None
) -> int | None:
    """Return a whole number of the query; None where it is none or out of bounds."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit()):
        return None
    number = int(text)
    return None if number < lowest or (highest is not None and number > highest) else number


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
