"""job-interview-create-for-candidate-with-token: one candidate, enrolled, screened, invited."""

import asyncio
from typing import Any, Final

from pydantic import ValidationError
from starlette.responses import JSONResponse, Response

from jobmojito_batch.contract import POSITION_CORE, CreateRequest, PdfExportAutoConfig, Status
from jobmojito_batch.sandbox.bodies import (
    NOT_FOUND,
    UNPROCESSABLE,
    Refused,
    invalid,
    missing,
    out_of_credits,
)
from jobmojito_batch.sandbox.log import RequestLog
from jobmojito_batch.sandbox.request_record import Exchange
from jobmojito_batch.sandbox.scenario import Scenario
from jobmojito_batch.sandbox.seeded_random import Chance
from jobmojito_batch.sandbox.world import (
    ACCEPTED,
    REJECTED,
    Candidate,
    Enrolment,
    Merchant,
    Position,
    World,
)

_HALF: Final = 0.5
TOKEN_END: Final = 24
"""So much of a link's token tells it from all others."""


class Creator:
    """
    The endpoint's work.

    Not atomic, on purpose: a position is looked up when the call begins and inserted when it
    ends, so first calls that overlap create it twice.
    """

    def __init__(self, scenario: Scenario, world: World, chance: Chance, log: RequestLog) -> None:
        self._scenario = scenario
        self._world = world
        self._chance = chance
        self._log = log

    async def create(self, exchange: Exchange) -> Response:
        """Enrol the candidate, or say why not."""
        _check(exchange)
        merchant = self._merchant(exchange)
        position = self._find_position(exchange, merchant)
        if not self._must_charge(exchange, position):
            return await self._enrol(exchange, merchant, position, has_paid=False)
        if not self._world.take_credits(merchant):
            return out_of_credits(self._scenario)
        return await self._enrol(exchange, merchant, position, has_paid=True)

    def _merchant(self, exchange: Exchange) -> Merchant:
        """Return whom it is for; a token that may act for nobody else acts for its own."""
        if self._scenario.merchants == ():
            return self._world.home
        merchant = self._world.merchant(exchange.text("merchant_id"))
        if merchant is None:
            raise Refused(UNPROCESSABLE, "Merchant not found.", "merchant_id")
        return merchant

    def _find_position(self, exchange: Exchange, merchant: Merchant) -> Position | None:
        position_id = exchange.text("position_def_set_id")
        if position_id is None:
            return merchant.find_position(
                external_id=exchange.text("position_external_id"),
                name=exchange.text("position_name"),
            )
        if position_id not in merchant.positions:  # another merchant's is not found either
            raise Refused(NOT_FOUND, "Position not found.")
        return merchant.positions[position_id]

    def _must_charge(self, exchange: Exchange, position: Position | None) -> bool:
        """Tell whether the candidate is new to the position as far as the look-up shows."""
        email = exchange.email or ""
        return position is None or self._world.enrolment_of(email, position) is None

    async def _enrol(
        self,
        exchange: Exchange,
        merchant: Merchant,
        existing: Position | None,
        *,
        has_paid: bool,
    ) -> Response:
        await asyncio.sleep(self._seconds(exchange, opens_position=existing is None))
        position = existing or self._open_position(exchange, merchant)
        known = self._world.enrolment_of(exchange.email or "", position)
        if known and has_paid:  # somebody was quicker while this call was under way
            self._world.return_credits(merchant)
        enrolment = known or self._world.enrol(_candidate_of(exchange), position)
        status = Status.ALREADY_APPLIED if known else enrolment.status
        self._log.write(
            exchange.entry(
                "created",
                position_name=position.name,
                position_id=position.id,
                position_created=existing is None,
                merchant_id=None if merchant is self._world.home else merchant.id,
                status=str(status),
                charged=0.0 if known else self._scenario.credits_per_candidate,
            )
        )
        return JSONResponse(self._answer(exchange, enrolment, str(status)))

    def _seconds(self, exchange: Exchange, *, opens_position: bool) -> float:
        spread = self._chance.share("latency", exchange.call) * 2 - 1
        seconds = self._scenario.latency * (1 + self._scenario.jitter * spread)
        return seconds + (self._scenario.seconds_to_open if opens_position else 0.0)

    def _open_position(self, exchange: Exchange, merchant: Merchant) -> Position:
        return self._world.open_position(
            merchant,
            exchange.text("position_name") or "",
            external_id=exchange.text("position_external_id"),
            language=exchange.text("mojito_language_code"),
        )

    def _answer(self, exchange: Exchange, enrolment: Enrolment, status: str) -> dict[str, Any]:
        """Always a status and an interview_url; which one, and what else, is up to the branch."""
        link = link_for(exchange, enrolment, self._chance, self._world)
        answer: dict[str, Any] = {
            "status": status,
            "interview_url": link if status in ACCEPTED else None,
            "position_def_set_id": enrolment.position.id,
            "interview_def_set_id": enrolment.position.definition_id,
            "profile_interview_id": enrolment.id,
        }
        if status == Status.ALREADY_APPLIED:
            is_kind = self._chance.share("link again", enrolment.id) < _HALF
            answer["interview_url"] = link if is_kind else None
            answer["reason"] = "The candidate has already applied for this position."
        elif status in REJECTED:
            answer["interview_url"] = ""
            answer["reason"] = "The resume does not match the requirements of the position."
        if exchange.members.get("is_embedded") is True:
            answer["embed_id"] = self._chance.uuid("embed", enrolment.position.id)
            answer["embed_signing_key"] = self._chance.uuid("signing key", enrolment.position.id)
        return answer


def link_for(exchange: Exchange, enrolment: Enrolment, chance: Chance, world: World) -> str:
    """Return a link that opens the interview for a while; every call mints another token."""
    token = chance.token("link", enrolment.id, exchange.number)
    world.links[token[-TOKEN_END:]] = world.now()
    return f"{exchange.root_url}/interview?interview_token={token}"


def _candidate_of(exchange: Exchange) -> Candidate:
    return Candidate(
        email=exchange.email or "",
        name=exchange.text("candidate_name") or "",
        external_id=exchange.text("candidate_external_id"),
    )


def _check(exchange: Exchange) -> None:
    """Raise a 422 that names the first field at fault, by the contract."""
    if not exchange.is_readable:
        raise Refused(UNPROCESSABLE, "Request body must be a JSON object.")
    name = (
        _wrong_field(exchange.members)
        or _wrong_null(exchange.members)
        or _missing_position_field(exchange)
    )
    if name is not None:
        raise missing(name) if exchange.members.get(name) in (None, "") else invalid(name)


def _wrong_field(members: dict[str, Any]) -> str | None:
    known = {
        key: _as_declared(key, value)
        for key, value in members.items()
        if key in CreateRequest.model_fields
    }
    try:
        CreateRequest.model_validate(known, strict=True)
    except ValidationError as exc:
        faults = exc.errors(include_url=False, include_input=False)
        # Unknown members are dropped at every depth; only the contract's own can be wrong.
        wrong = [fault["loc"][0] for fault in faults if fault["type"] != "extra_forbidden"]
        return str(wrong[0]) if wrong else None
    return None


def _as_declared(name: str, value: object) -> object:
    """Read 3.0 as an integer, which it is in JSON."""
    if name == "max_followups" and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _wrong_null(members: dict[str, Any]) -> str | None:
    """The report's switches are the only members that may be left out and not be null."""
    config = members.get("pdf_export_auto_config") or {}
    is_wrong = any(config.get(name, "") is None for name in PdfExportAutoConfig.model_fields)
    return "pdf_export_auto_config" if is_wrong else None


def _missing_position_field(exchange: Exchange) -> str | None:
    if exchange.text("position_def_set_id"):
        return None
    return next((name for name in POSITION_CORE if exchange.members.get(name) in (None, "")), None)
