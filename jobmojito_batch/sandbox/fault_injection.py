"""How a fault is acted out: before, around or instead of the true answer."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from jobmojito_batch.contract import Status
from jobmojito_batch.sandbox.background_tasks import Works
from jobmojito_batch.sandbox.bodies import cdn_page, error_of
from jobmojito_batch.sandbox.request_record import Exchange
from jobmojito_batch.sandbox.scenario import Fault
from jobmojito_batch.sandbox.seeded_random import Chance
from jobmojito_batch.sandbox.wire import CutShort, Dripped, Dropped, Huge

Work = Callable[[], Awaitable[Response]]

_OK: Final = 200
_FOUND: Final = 302
_LINK: Final = "interview_url"
_STRANGER: Final = "somebody.else@example.net"


async def struck(
    fault: Fault, exchange: Exchange, work: Work, *, works: Works, chance: Chance
) -> Response:
    """Return the bad answer; the work is done, late or never, as the fault says."""
    if fault.disconnect == "meanwhile":
        works.start(_later(fault.hang, work))
        return Dropped()
    answer = None
    if fault.does_work and not fault.is_late_work:
        answer = await work()
    await asyncio.sleep(fault.hang)
    if fault.is_late_work:
        answer = await work()
    return _bad_answer(fault, exchange, answer, works=works, chance=chance)


async def _later(seconds: float, work: Work) -> None:
    await asyncio.sleep(seconds)
    await work()


def _bad_answer(
    fault: Fault, exchange: Exchange, answer: Response | None, *, works: Works, chance: Chance
) -> Response:
    if fault.status is not None:
        return error_of(fault, fault.status)
    if fault.disconnect == "midway" and answer is not None:
        return CutShort(answer.body, status_code=answer.status_code, headers=dict(answer.headers))
    if fault.disconnect is not None:
        return Dropped()
    if fault.garbage is not None:
        response = _garbage(fault, exchange, _members_of(answer, chance), chance)
        response.headers.update(fault.headers)
        return response
    if fault.slow_drip is not None and answer is not None:
        return Dripped(answer, fault.slow_drip, works)
    return answer or Response()


def _garbage(  # noqa: PLR0911 - one return for each kind
    fault: Fault, exchange: Exchange, members: dict[str, Any], chance: Chance
) -> Response:
    match fault.garbage:
        case "html":
            return cdn_page(_OK, "Just a moment...")
        case "truncated":
            text = json.dumps(members)
            return Response(text[: len(text) // 2], media_type="application/json")
        case "wrong_type":
            return JSONResponse(dict.fromkeys(members, 7) | {"status": [members.get("status")]})
        case "huge":
            return Huge()
        case "null_members":
            return JSONResponse(dict.fromkeys(members) | {"status": members.get("status")})
        case "no_link":
            return JSONResponse({k: v for k, v in members.items() if k != _LINK})
        case "null_link":
            return JSONResponse(members | {_LINK: None})
        case "other_candidate":
            return JSONResponse(_of_a_stranger(members, exchange, chance))
        case "redirect":
            return RedirectResponse(f"{exchange.root_url}/elsewhere", status_code=_FOUND)
        case _:
            return HTMLResponse("", headers={"content-type": "application/json"})


def _members_of(answer: Response | None, chance: Chance) -> dict[str, Any]:
    """Return the true answer's members, or made-up ones where no work was done."""
    members = json.loads(bytes(answer.body)) if answer is not None else None
    if isinstance(members, dict) and answer is not None and answer.status_code == _OK:
        return members
    return {
        "status": Status.AI_ACCEPT,
        "interview_url": None,
        "position_def_set_id": chance.uuid("nobody's position"),
        "interview_def_set_id": chance.uuid("nobody's definition"),
        "profile_interview_id": chance.uuid("nobody's enrolment"),
    }


def _of_a_stranger(members: dict[str, Any], exchange: Exchange, chance: Chance) -> dict[str, Any]:
    token = chance.token("stranger", exchange.number)
    return members | {
        "candidate_email": _STRANGER,
        "interview_url": f"{exchange.root_url}/interview?interview_token={token}",
        "profile_interview_id": chance.uuid("stranger", exchange.number),
    }
