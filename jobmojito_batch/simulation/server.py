"""The API as the simulation has it: what it did is the truth, whatever the client heard."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qs

import httpx

from jobmojito_batch.simulation.clock import BEGINNING, World

READ_TIMEOUT: Final = 10.0
PATIENCE: Final = READ_TIMEOUT + 1.0
"""The client's whole time for a call: connecting and reading."""
SETTLE: Final = 20.0

Tell = Callable[[str], None]
Invitation = tuple[str, str]
"""E-mail and position, as the API tells them apart."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one create call."""

    kind: str
    """answer, refused, or a way to lose it: never_left, lost, status."""
    happens: bool = True
    """Whether it takes effect."""
    seconds: float = 1.0
    """Until the client hears, or is left alone."""
    effect_after: float = 0.0
    """How long after the client's end of the call its effect comes; within the settle time."""
    status: int = 200
    retry_after: str | None = None
    field: str | None = None
    """The field that a refusal names."""

    def __str__(self) -> str:
        if self.kind == "answer":
            return f"answered after {self.seconds:g} s"
        if self.kind == "never_left":
            return "no connection"
        if self.kind == "refused":
            return f"refused with {self.status}"
        how = "lost" if self.kind == "lost" else f"answered with {self.status}"
        what = f"takes effect, {self.effect_after:g} s later" if self.happens else "has no effect"
        return f"{how} after {self.seconds:g} s; {what}"


GOOD: Final = Fate("answer")
GONE: Final = Fate("refused", happens=False, status=404, field="position_def_set_id")


@dataclass(slots=True)
class _Coming:
    """An effect that is on its way."""

    body: dict[str, str]
    was_there: bool
    """Whether its position existed when the call began."""
    moment: float = 0.0


class Server(httpx.AsyncBaseTransport):
    """Creates, look-ups and links; effects come in virtual time, crashes of clients or not."""

    def __init__(self, world: World, tell: Tell | None = None) -> None:
        self.world = world
        self._tell = tell
        self.fates: list[Fate] = []
        self.may_look = True
        self.clock_ahead = timedelta(0)
        """How far the API's clock is ahead of the client's."""
        self.starts: list[float] = []
        self.creates: Counter[Invitation] = Counter()
        """Calls to the paid endpoint, by invitation."""
        self.late_creates: Counter[Invitation] = Counter()
        """Of them those for somebody who was enrolled before the call began."""
        self.lost_answers = 0
        """Creates whose client heard nothing that it may trust."""
        self.may_have_cost = 0
        self.positions: dict[str, list[str]] = {}
        self._positions_made = 0
        self.enrolments: list[dict[str, Any]] = []
        self._coming: list[_Coming] = []
        self._gone: dict[str, str] = {}

    @property
    def effects(self) -> Counter[Invitation]:
        """How often each invitation took effect, those still to come included."""
        done = Counter(
            (enrolment["candidate_email"], enrolment["position_name"])
            for enrolment in self.enrolments
        )
        done.update(
            (coming.body["candidate_email"], self._name(coming.body)) for coming in self._coming
        )
        return done

    def forget_positions(self) -> None:
        """Somebody deletes the positions: their ids are unknown, their names are free again."""
        self._gone |= {
            position_id: name for name, ids in self.positions.items() for position_id in ids
        }
        self.positions.clear()

    def advance(self) -> None:
        """Let the effects come whose time is there."""
        now = self.world.seconds + 1e-6
        for coming in [coming for coming in self._coming if coming.moment <= now]:
            self._take_effect(coming)
        self._coming = [coming for coming in self._coming if coming.moment > now]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer, or raise what the network would."""
        self.advance()
        self.starts.append(self.world.seconds)
        path = request.url.path.rpartition("/")[2]
        if path == "merchant-result-list":
            return self._listed(request)
        if path == "merchant-status":
            return self._said(200, {"credits_interview_monthly": 1_000})
        body = json.loads(request.content)
        if path == "job-interview-token":
            return self._said(200, "https://links.example/" + body["interview_profile_id"])
        return await self._created(body)

    async def _created(self, body: dict[str, str]) -> httpx.Response:
        fate = self.fates.pop(0) if self.fates else GOOD
        name = self._name(body)
        if body.get("position_def_set_id") in self._gone:  # it refuses, heard or not
            is_heard = fate.kind in {"answer", "status"}
            fate = GONE if is_heard else replace(fate, happens=False)
        known = self._existing(body["candidate_email"], name)
        self._note(body["candidate_email"], name, fate, is_known=known is not None)
        if fate.kind == "never_left":
            await asyncio.sleep(min(fate.seconds, 0.5))
            raise httpx.ConnectError("no connection")
        refused = fate.kind == "refused"
        self.may_have_cost += not refused
        coming = _Coming(body=body, was_there=name in self.positions)
        after = fate.effect_after if fate.kind != "answer" else 0.0
        if fate.happens and not refused and known is None:
            ends = min(fate.seconds, PATIENCE)  # the client waits no longer
            coming.moment = self.world.seconds + ends + after
            self._coming.append(coming)
        try:
            await asyncio.sleep(fate.seconds)
        except asyncio.CancelledError:  # it left earlier: the settle time counts from here
            coming.moment = min(coming.moment, self.world.seconds + after)
            raise
        self.advance()
        if fate.kind == "lost":
            raise httpx.ReadError("connection lost")
        if fate.kind != "answer":
            headers = {"retry-after": fate.retry_after} if fate.retry_after else {}
            content = (
                {"code": "BOOT_ERROR", "message": "x"}
                if fate.status == HTTPStatus.SERVICE_UNAVAILABLE
                else {"error": "x", **({"name": fate.field} if fate.field else {})}
            )
            return self._said(fate.status, content, headers)
        enrolment = known or self._existing(body["candidate_email"], name) or {}
        return self._said(
            200,
            {
                "status": "already-applied" if known else "ai_accept",
                "interview_url": "https://links.example/x",
                "position_def_set_id": self.positions.get(name, ["none"])[0],
                "interview_def_set_id": f"def-{name}",
                "profile_interview_id": enrolment.get("profile_interview_id"),
            },
        )

    def _note(self, email: str, name: str, fate: Fate, *, is_known: bool) -> None:
        self.creates[email, name] += 1
        self.late_creates[email, name] += is_known and fate.kind != "never_left"
        self.lost_answers += fate.kind in {"lost", "status"} or fate.seconds >= PATIENCE
        if self._tell is not None:
            at_all = ", who is enrolled" if is_known else ""
            self._tell(f"create  {email} as {name}{at_all}: {fate}")

    def _take_effect(self, coming: "_Coming") -> None:
        moment, body = coming.moment, coming.body
        name = self._name(body)
        if self._tell is not None:
            self._tell(f"effect  {body['candidate_email']} is enrolled as {name} (at {moment:.3f})")
        if not coming.was_there:  # two first calls that overlap make twins
            self._positions_made += 1
            self.positions.setdefault(name, []).append(f"id-{name}-{self._positions_made}")
        self.enrolments.append(
            {
                "profile_id": f"p-{len(self.enrolments)}",
                "profile_interview_id": f"e-{len(self.enrolments)}",
                "definition_id": f"def-{name}",
                "candidate_email": body["candidate_email"],
                "position_name": name,
                "decision_status": "selected",
                "created_at": self._api_time(moment).isoformat(),
            }
        )

    def _existing(self, email: str, name: str) -> dict[str, Any] | None:
        return next(
            (
                enrolment
                for enrolment in self.enrolments
                if (enrolment["candidate_email"], enrolment["position_name"]) == (email, name)
            ),
            None,
        )

    def _name(self, body: dict[str, str]) -> str:
        if "position_name" in body:
            return body["position_name"]
        wanted = body["position_def_set_id"]
        if wanted in self._gone:
            return self._gone[wanted]
        return next(name for name, ids in self.positions.items() if wanted in ids)

    def _api_time(self, moment: float) -> datetime:
        return BEGINNING + timedelta(seconds=moment) + self.clock_ahead

    def _listed(self, request: httpx.Request) -> httpx.Response:
        if not self.may_look:
            return self._said(403, {"error": "no"})
        [email] = parse_qs(request.url.query.decode())["filter_text"]
        rows = [enrolment for enrolment in self.enrolments if enrolment["candidate_email"] == email]
        if self._tell is not None:
            self._tell(f"look    {email}: {len(rows)} enrolled")
        return self._said(200, {"data": rows[::-1], "pagination": {"has_more": False}})

    def _said(
        self, status: int, content: object, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        date = self._api_time(self.world.seconds).strftime("%a, %d %b %Y %H:%M:%S GMT")
        return httpx.Response(status, json=content, headers={"date": date, **(headers or {})})
