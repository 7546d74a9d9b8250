"""merchant-candidate-list: rows, filters, order; and the pages of all lists."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from starlette.responses import JSONResponse, Response

from jobmojito_batch.sandbox.query import Query
from jobmojito_batch.sandbox.request_record import Exchange
from jobmojito_batch.sandbox.scenario import Scenario
from jobmojito_batch.sandbox.world import Enrolment, Merchant, World

_LIMIT: Final = 50
_MAX_LIMIT: Final = 1000
SCREENING: Final = "pre-screening"
INTERVIEW: Final = "interview"
OLDEST: Final = "created_at_oldest"
NEWEST: Final = "created_at_newest"
_CANDIDATE_TABS: Final = (INTERVIEW, SCREENING, "no-action", "leads", "")
_CANDIDATE_SOURCES: Final = ("invited", "registered", "")
_NAME_ORDERS: Final = ("name_accending", "name_decending")
_CANDIDATE_ORDERS: Final = (*_NAME_ORDERS, NEWEST, OLDEST)

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Which part of a list is asked for."""

    limit: int
    offset: int
    is_oldest_first: bool

    def answer(self, rows: Sequence[Row], written: Callable[[Row], dict[str, Any]]) -> JSONResponse:
        """Return the page of *rows*, which come oldest first."""
        total = len(rows)
        places = range(self.offset, min(self.offset + self.limit, total))
        chosen = [rows[at] if self.is_oldest_first else rows[-1 - at] for at in places]
        pagination = {
            "total": total,
            "limit": self.limit,
            "offset": self.offset,
            "has_more": self.offset + self.limit < total,
        }
        return JSONResponse({"data": [written(row) for row in chosen], "pagination": pagination})


class Candidates:
    """The list of enrolments of one sandbox."""

    def __init__(self, scenario: Scenario, world: World) -> None:
        self._scenario = scenario
        self._world = world

    async def listed(self, exchange: Exchange) -> Response:
        """Return enrolments, newest first unless asked."""
        await asyncio.sleep(self._scenario.lookup_latency)
        query = Query(exchange.request)
        merchant = query.merchant(self._world)
        order = query.one_of("order_by", _CANDIDATE_ORDERS, NEWEST)
        page = page_of(query, order)
        is_empty = query.one_of("tab", _CANDIDATE_TABS, "") in (INTERVIEW, "leads")
        is_empty |= query.one_of("source", _CANDIDATE_SOURCES, "") == "invited"
        is_empty |= bool(query.text("filter_emoji"))
        enrolments = [] if is_empty else with_text(merchant, query)
        if order in _NAME_ORDERS:  # a page begins with the last
            is_rising = order == "name_accending"
            enrolments = sorted(
                enrolments, key=lambda enrolment: enrolment.candidate.name, reverse=is_rising
            )
        return page.answer(enrolments, self._candidate_row)

    def _candidate_row(self, enrolment: Enrolment) -> dict[str, Any]:
        return {
            "id": enrolment.id,
            "profile_id": enrolment.profile_id,
            "merchant_id": enrolment.position.merchant_id,
            "name": enrolment.candidate.name,
            "email": enrolment.candidate.email,
            "email_auth": enrolment.candidate.email,
            "external_id": enrolment.candidate.external_id,
            "status": "active",
            "mojito_language_code": enrolment.position.language,
            "interview_count": 0,
            "pre_screening_count": 1,
            "created_at": iso(enrolment.created_at),
            "updated_at": iso(enrolment.created_at),
            "deleted_at": None,
        }


def page_of(query: Query, order: str) -> Page:
    """Return the page that a query asks for. Raises Refused."""
    return Page(
        limit=query.number("limit", _LIMIT, lowest=1, highest=_MAX_LIMIT),
        offset=query.number("offset", 0, lowest=0),
        is_oldest_first=order == OLDEST,
    )


def with_text(merchant: Merchant, query: Query) -> Sequence[Enrolment]:
    """Return the enrolments that a query's text fits, oldest first."""
    text = query.text("filter_text")
    return merchant.search(text) if text else merchant.enrolments


def iso(moment: datetime) -> str:
    """Return a time as JavaScript writes it."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
