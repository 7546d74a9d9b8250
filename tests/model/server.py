"""The API as the model has it: what it did is the truth, whatever the client heard."""

import asyncio
import json
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx

from tests.model.clock import BEGINNING, World

READ_TIMEOUT = 10.0
PATIENCE = READ_TIMEOUT + 1.0
"""The client's whole time for a call: connecting and reading."""
SETTLE = 20.0


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


GOOD = Fate("answer")


class Server(httpx.AsyncBaseTransport):
    """Creates, look-ups and links; effects come in virtual time, crashes of clients or not."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.fates: list[Fate] = []
        self.may_look = True
        self.starts: list[float] = []
        self.posts: list[tuple[float, str, str]] = []
        self.may_have_cost = 0
        self.positions: dict[str, list[str]] = {}
        self.enrolments: list[dict[str, Any]] = []
        self._coming: list[tuple[float, dict[str, str], bool]] = []

    @property
    def effects(self) -> Counter[tuple[str, str]]:
        """How often each invitation took effect, those still to come included."""
        done = Counter((one["candidate_email"], one["position_name"]) for one in self.enrolments)
        done.update((body["candidate_email"], self._name(body)) for _, body, _ in self._coming)
        return done

    def advance(self) -> None:
        """Let the effects come whose time is there."""
        now = self.world.seconds + 1e-6
        for moment, body, was_there in [one for one in self._coming if one[0] <= now]:
            self._take_effect(moment, body, was_there=was_there)
        self._coming = [one for one in self._coming if one[0] > now]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.advance()
        self.starts.append(self.world.seconds)
        path = request.url.path.rpartition("/")[2]
        if path == "merchant-result-list":
            return self._listed(request)
        body = json.loads(request.content)
        if path == "job-interview-token":
            return self._said(200, "https://links.example/" + body["interview_profile_id"])
        return await self._created(body)

    async def _created(self, body: dict[str, str]) -> httpx.Response:
        fate = self.fates.pop(0) if self.fates else GOOD
        name = self._name(body)
        self.posts.append((self.world.seconds, body["candidate_email"], name))
        if fate.kind == "never_left":
            await asyncio.sleep(min(fate.seconds, 0.5))
            raise httpx.ConnectError("no connection")
        known = self._existing(body["candidate_email"], name)
        refused = fate.kind == "refused"
        self.may_have_cost += not refused
        was_there = name in self.positions
        if fate.happens and not refused and known is None:
            ends = min(fate.seconds, PATIENCE)  # the client waits no longer
            delay = ends + (fate.effect_after if fate.kind != "answer" else 0.0)
            self._coming.append((self.world.seconds + delay, body, was_there))
        await asyncio.sleep(fate.seconds)
        self.advance()
        if fate.kind == "lost":
            raise httpx.ReadError("connection lost")
        if fate.kind != "answer":
            headers = {"retry-after": fate.retry_after} if fate.retry_after else {}
            content = (
                {"code": "BOOT_ERROR", "message": "x"} if fate.status == 503 else {"error": "x"}
            )
            return self._said(fate.status, content, headers)
        made = known or self._existing(body["candidate_email"], name) or {}
        return self._said(
            200,
            {
                "status": "already-applied" if known else "ai_accept",
                "interview_url": "https://links.example/x",
                "position_def_set_id": self.positions.get(name, ["none"])[0],
                "interview_def_set_id": f"def-{name}",
                "profile_interview_id": made.get("profile_interview_id"),
            },
        )

    def _take_effect(self, moment: float, body: dict[str, str], *, was_there: bool) -> None:
        name = self._name(body)
        if not was_there:  # two first calls that overlap make twins
            self.positions.setdefault(name, []).append(
                f"id-{name}-{len(self.positions.get(name, []))}"
            )
        self.enrolments.append(
            {
                "profile_id": f"p-{len(self.enrolments)}",
                "profile_interview_id": f"e-{len(self.enrolments)}",
                "definition_id": f"def-{name}",
                "candidate_email": body["candidate_email"],
                "position_name": name,
                "decision_status": "selected",
                "created_at": (BEGINNING + timedelta(seconds=moment)).isoformat(),
            }
        )

    def _existing(self, email: str, name: str) -> dict[str, Any] | None:
        return next(
            (
                one
                for one in self.enrolments
                if (one["candidate_email"], one["position_name"]) == (email, name)
            ),
            None,
        )

    def _name(self, body: dict[str, str]) -> str:
        if "position_name" in body:
            return body["position_name"]
        wanted = body["position_def_set_id"]
        return next(name for name, ids in self.positions.items() if wanted in ids)

    def _listed(self, request: httpx.Request) -> httpx.Response:
        if not self.may_look:
            return self._said(403, {"error": "no"})
        [email] = parse_qs(request.url.query.decode())["filter_text"]
        rows = [one for one in self.enrolments if one["candidate_email"] == email]
        return self._said(200, {"data": rows[::-1], "pagination": {"has_more": False}})

    def _said(
        self, status: int, content: object, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        date = self.world.wall().strftime("%a, %d %b %Y %H:%M:%S GMT")
        return httpx.Response(status, json=content, headers={"date": date, **(headers or {})})
