"""merchant-result-list: a row for the screening and for each attempt, as far as they are by now."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from starlette.responses import Response

from jobmojito_batch.sandbox.lists import (
    INTERVIEW,
    NEWEST,
    OLDEST,
    SCREENING,
    Page,
    iso,
    page_of,
    with_text,
)
from jobmojito_batch.sandbox.lives import Attempt, Lives
from jobmojito_batch.sandbox.query import Query
from jobmojito_batch.sandbox.request_record import Exchange
from jobmojito_batch.sandbox.scenario import Scenario
from jobmojito_batch.sandbox.seeded_random import Chance
from jobmojito_batch.sandbox.world import ACCEPTED, REJECTED, Enrolment, Merchant, World

_UPDATED: Final = "updated_at_newest"
_STEPS: Final = (SCREENING, INTERVIEW)
_NO_DATE: Final = "Invalid Date"
_TYPES: Final = (
    INTERVIEW, "coaching", "assessment", "public_avatar", "persona", "persona_interview",
)  # fmt: skip
_TABS: Final = (
    "decided-rejected", "undecided", "shortlist", "decided-selected", "completed", "incomplete",
    "archived-interview", "public_avatar", "archived-public_avatar", "",
)  # fmt: skip
_ORDERS: Final = ("score", NEWEST, OLDEST, _UPDATED)
_SELECTED: Final = frozenset({"selected", *ACCEPTED})
_REJECTED: Final = frozenset({"rejected", *REJECTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """A row: a screening (no attempt), or an attempt at the interview."""

    id: str
    enrolment: Enrolment
    step: str
    attempt: Attempt | None
    decision: str
    created_at: datetime
    updated_at: datetime


class Results:
    """The result list of one sandbox."""

    def __init__(self, scenario: Scenario, world: World, chance: Chance) -> None:
        self._scenario = scenario
        self._world = world
        self._chance = chance
        self._lives = Lives(scenario.lives, chance)

    async def listed(self, exchange: Exchange) -> Response:
        """Return results, newest first unless asked."""
        await asyncio.sleep(self._scenario.lookup_latency)
        query = Query(exchange.request)
        merchant = query.merchant(self._world)
        order = query.one_of("order_by", _ORDERS, NEWEST)
        page = page_of(query, order)
        lines = self._sorted(self._lines(self._searched(query, merchant), query), order)
        answer = page.answer(lines, self._row)
        if order == OLDEST:
            self._move(lines, page)
        return answer

    def _searched(self, query: Query, merchant: Merchant) -> Sequence[Enrolment]:
        enrolment_id = query.uuid("profile_interview_id")
        definition_id = query.uuid("interview_id")
        enrolments = with_text(merchant, query)
        if enrolment_id is not None:
            by_id = self._world.enrolment_by_id(enrolment_id, merchant)
            is_there = by_id is not None and (
                enrolments is merchant.enrolments or by_id in enrolments
            )
            enrolments = [by_id] if by_id is not None and is_there else []
        if definition_id is not None:
            enrolments = [
                enrolment
                for enrolment in enrolments
                if definition_id
                in (enrolment.position.id.lower(), enrolment.position.definition_id)
            ]
        return enrolments

    def _lines(self, enrolments: Sequence[Enrolment], query: Query) -> list[_Line]:
        """Return the rows that are left when type, tab, step and what nobody has are looked at."""
        kind = query.one_of("type", _TYPES, INTERVIEW)
        tab = query.one_of("tab", _TABS, "")
        step = query.one_of("step", (*_STEPS, ""), "")
        if kind != INTERVIEW or query.text("risks") or query.text("filter_emoji"):
            return []
        now = self._world.now()
        lines = [
            line
            for enrolment in enrolments
            for line in self._of(enrolment, now)
            if step in ("", line.step)
        ]
        return [line for line in lines if tab == "" or tab in _tabs(line)]

    def _of(self, enrolment: Enrolment, now: datetime) -> Iterator[_Line]:
        if self._scenario.rows_per_enrolment == 1:
            decision = _in_one_word(enrolment.status)
            yield self._line((enrolment.id,), enrolment, SCREENING, None, decision)
            return
        yield self._line((enrolment.id, SCREENING), enrolment, SCREENING, None, enrolment.status)
        for attempt in self._lives.attempts(enrolment, now):
            more = () if attempt.number == 1 else (attempt.number,)
            parts = (enrolment.id, INTERVIEW, *more)
            yield self._line(parts, enrolment, INTERVIEW, attempt, attempt.decision)

    def _line(
        self,
        parts: tuple[object, ...],
        enrolment: Enrolment,
        step: str,
        attempt: Attempt | None,
        decision: str,
    ) -> _Line:
        row_id = self._chance.uuid("position result", *parts)
        moved = self._world.moved.get(row_id)
        created = attempt.created_at if attempt is not None else enrolment.created_at
        updated = attempt.updated_at if attempt is not None else enrolment.created_at
        return _Line(
            id=row_id,
            enrolment=enrolment,
            step=step,
            attempt=attempt,
            decision=decision,
            created_at=moved or created,
            updated_at=max(updated, moved) if moved is not None else updated,
        )

    def _sorted(self, lines: list[_Line], order: str) -> Sequence[_Line]:
        """Return them as `Page` wants them: the first of the oldest-first order first."""
        if order == _UPDATED:
            return sorted(lines, key=lambda line: line.updated_at)
        if order == "score":
            return sorted(lines, key=_score)
        return sorted(lines, key=lambda line: line.created_at)

    def _move(self, lines: Sequence[_Line], page: Page) -> None:
        """Have some rows of a page that has a next one be made anew meanwhile."""
        shown = lines[page.offset : page.offset + page.limit]
        if page.offset + page.limit < len(lines):
            for line in shown:
                if self._chance.share("moved", line.id) < self._scenario.moved_rows:
                    self._world.moved.setdefault(line.id, self._world.now())

    def _row(self, line: _Line) -> dict[str, Any]:
        enrolment, is_screening = line.enrolment, line.step == SCREENING
        screening_id = self._chance.uuid("screening", enrolment.id)
        untouched = Attempt(number=1, created_at=line.created_at, updated_at=line.updated_at)
        return {
            "id": line.id,
            "interview_result_pre_screening_id": screening_id if is_screening else None,
            "merchant_id": enrolment.position.merchant_id,
            "profile_id": enrolment.profile_id,
            "profile_interview_id": enrolment.id,
            "definition_id": enrolment.position.definition_id,
            "candidate_name": enrolment.candidate.name,
            "candidate_email": enrolment.candidate.email,
            "position_name": enrolment.position.name,
            "position_step": line.step,
            "position_result_step_id": self._chance.uuid("step", enrolment.id, line.step),
            "type": INTERVIEW,
            "external_id": enrolment.candidate.external_id,
            "mojito_language_code": enrolment.position.language,
            "is_test": self._scenario.environment == "test",
            "created_at": self._created_at(line),
            "updated_at": iso(line.updated_at),
            **(line.attempt or untouched).members(),
            "decision_status": line.decision,
        }

    def _created_at(self, line: _Line) -> str:
        is_odd = line.enrolment.candidate.email.lower() in self._scenario.unreadable_dates
        return _NO_DATE if is_odd and line.step == SCREENING else iso(line.created_at)


def _score(line: _Line) -> float:
    score = line.attempt.score if line.attempt is not None else None
    return -1.0 if score is None else score


def _tabs(line: _Line) -> set[str]:
    is_submitted = line.attempt is not None and line.attempt.is_submitted
    done = "completed" if is_submitted else "incomplete"
    if line.decision in _SELECTED:
        return {"decided-selected", done}
    return {"decided-rejected" if line.decision in _REJECTED else "undecided", done}


def _in_one_word(status: str) -> str:
    if status in ACCEPTED:
        return "selected"
    return "rejected" if status in REJECTED else "undecided"
