"""
The result list of the API, read page by page while it may change.

Walked whole once, the oldest first, so that what comes meanwhile is at the end; later only what is
newer than the last look. Pages overlap, rows are told apart by their ids, and the list's own total
says whether something was missed.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from jobmojito_batch.client import JobMojito
from jobmojito_batch.contract import FollowUpPage, FollowUpRow
from jobmojito_batch.ledger import Look
from jobmojito_batch.sending import Reader
from jobmojito_batch.stages import naive

OVERLAP_SHARE: Final = 10
"""A tenth of each page is read again with the next: rows may have moved up meanwhile."""
OVERLAP: Final = timedelta(minutes=10)
"""So much before the newest of the last look a later one goes back."""
OLDEST: Final = "created_at_oldest"
NEWEST: Final = "updated_at_newest"
MOST_PAGES: Final = 10_000


@dataclass(slots=True)
class Listed:
    """Rows of a list by their ids, and what the list says of itself."""

    rows: dict[object, FollowUpRow] = field(default_factory=dict, repr=False)
    total: int | None = None
    is_whole: bool = False
    """Everything that the list has was seen."""
    is_increment: bool = False
    """Only what is newer than the last look was asked for."""

    def add(self, page: FollowUpPage) -> None:
        """Take the rows of a page in; a row that is there already is replaced."""
        for row in page.data:
            self.rows[_key(row)] = row
        if page.pagination.total is not None:
            self.total = page.pagination.total

    @property
    def lacks_rows(self) -> bool:
        """Whether the list has more rows than were seen."""
        return self.total is not None and len(self.rows) < self.total

    def look(self, before: Look | None = None) -> Look:
        """What the next look goes on from."""
        last = before or Look(None, None, None)
        return Look(
            newest_created=_newest(last.newest_created, (r.created_at for r in self.rows.values())),
            newest_updated=_newest(last.newest_updated, (r.updated_at for r in self.rows.values())),
            total=self.total,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Lists:
    """Reads lists for one merchant."""

    reader: Reader
    api: JobMojito
    merchant_id: str | None
    """None for the token's own."""

    async def whole(self, definition_id: str | None) -> Listed | None:
        """
        All rows of a definition (None: of the merchant); None where they cannot be read.

        Where rows are missing in the end, those that changed last are looked at, and then all of
        them once more.
        """
        listed = Listed()
        if not await self._walk(definition_id, listed):
            return None
        if listed.lacks_rows:
            page = await self._page(definition_id, NEWEST, 0)
            if page is not None:
                listed.add(page)
        if listed.lacks_rows and not await self._walk(definition_id, listed):
            return None
        listed.is_whole = not listed.lacks_rows
        return listed

    async def since(self, definition_id: str, look: Look) -> Listed | None:
        """
        The rows of a definition that are newer than a look; all of them where it misses some.

        None where they cannot be read.
        """
        if look.newest_updated is None or look.newest_created is None:
            return await self.whole(definition_id)
        listed = Listed(is_increment=True)
        since = look.newest_updated - OVERLAP
        offset = 0
        for _ in range(MOST_PAGES):
            page = await self._page(definition_id, NEWEST, offset)
            if page is None:
                return None
            listed.add(page)
            if not page.pagination.has_more or not page.data or _reaches(page, since):
                break
            offset += _stride(page)
        if look.total is not None and listed.total is not None:
            new = sum(
                _is_after(row.created_at, look.newest_created) for row in listed.rows.values()
            )
            if listed.total > look.total + new:
                return await self.whole(definition_id)
        return listed

    async def of_candidate(
        self, *, enrolment_id: str | None, email: str, definition_id: str | None
    ) -> Listed | None:
        """The rows of one candidate: of the enrolment where it is known, else of the address."""
        by_id = enrolment_id is not None
        page = await self.reader.read(
            partial(
                self.api.definition_results,
                None if by_id else definition_id,
                order_by=OLDEST,
                profile_interview_id=enrolment_id,
                email=None if by_id else email,
                merchant_id=self.merchant_id,
            ),
            may_be_refused=True,
        )
        if page is None:
            return None
        listed = Listed()
        listed.add(page)
        listed.is_whole = not page.pagination.has_more
        return listed

    async def _walk(self, definition_id: str | None, listed: Listed) -> bool:
        offset = 0
        for _ in range(MOST_PAGES):
            page = await self._page(definition_id, OLDEST, offset)
            if page is None:
                return False
            listed.add(page)
            if not page.pagination.has_more or not page.data:
                break
            offset += _stride(page)
        return True

    async def _page(
        self, definition_id: str | None, order_by: str, offset: int
    ) -> FollowUpPage | None:
        return await self.reader.read(
            partial(
                self.api.definition_results,
                definition_id,
                order_by=order_by,
                offset=offset,
                merchant_id=self.merchant_id,
            ),
            may_be_refused=self.merchant_id is not None,
        )


def _key(row: FollowUpRow) -> object:
    return row.id or (
        row.profile_interview_id,
        row.candidate_email,
        row.position_step,
        row.interview_result_id,
        row.created_at,
    )


def _stride(page: FollowUpPage) -> int:
    return max(1, len(page.data) - len(page.data) // OVERLAP_SHARE)


def _reaches(page: FollowUpPage, since: datetime) -> bool:
    """Whether a page has rows from before; those without a time say nothing."""
    return any(row.updated_at is not None and naive(row.updated_at) < since for row in page.data)


def _is_after(moment: datetime | None, other: datetime) -> bool:
    return moment is not None and naive(moment) > other


def _newest(before: datetime | None, moments: Iterable[datetime | None]) -> datetime | None:
    known = [naive(moment) for moment in moments if moment is not None]
    return max([*known, *([before] if before is not None else [])], default=None)
