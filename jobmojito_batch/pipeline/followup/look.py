"""
A look at what became of invitations: lists are read, rows joined, what was found is kept.

Definition by definition: all invitations that the ledger has of one are looked at together, since
its list is read anyway. Nothing here knows a terminal, a file or Prefect.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from pydantic import TypeAdapter

from jobmojito_batch.client import merchant_of
from jobmojito_batch.columns import Stage
from jobmojito_batch.contract import FollowUpRow
from jobmojito_batch.ledger import ClaimState, Followed, FollowedUp, Look
from jobmojito_batch.pipeline.followup.join import Joined, definition_of, joined
from jobmojito_batch.pipeline.followup.lists import Listed, Lists
from jobmojito_batch.sending import Reader, SendContext
from jobmojito_batch.stages import is_screening, standing_of

AT_ONCE: Final = 4
"""Definitions whose lists are read at a time."""
PAGE_ROWS: Final = 1000
ROWS_EACH: Final = 2
"""Rows that an enrolment has in the list, as a rule: its screening and its interview."""
MOST_REPAIRS: Final = 20
"""Candidates whom a whole list does not have, and who are asked for by themselves."""
NOT_LISTED: Final = "its list does not have this enrolment"
NOT_PERMITTED: Final = "the token may not look this candidate up"
IN_FLIGHT: Final = "the invitation is being sent just now"

_ROWS: Final = TypeAdapter(list[FollowUpRow])
_KEPT: Final = {"__all__": set(FollowUpRow.model_fields) - {"candidate_email"}}

Tell = Callable[[int, int], None]
"""Told how many definitions there are to look at, and how many were."""


@dataclass(frozen=True, slots=True)
class _Batch:
    """Invitations whose rows are in one list."""

    account: str
    definition_id: str | None
    mine: list[Followed] = field(repr=False)


@dataclass(slots=True)
class Seen:
    """Whom the look reached, and why not others: ids of invitations."""

    checked: set[int] = field(default_factory=set)
    why_not: dict[int, str] = field(default_factory=dict)


class Looker:
    """Looks at the invitations of an account."""

    def __init__(self, context: SendContext, *, tell: Tell | None = None) -> None:
        self._context = context
        self._reader = Reader(context)
        self._followups = context.ledger.followups
        self._own = merchant_of(context.tokens.current())
        self._tell = tell
        self._repairs = MOST_REPAIRS
        self.seen = Seen()

    async def look(self, every: Sequence[Followed], wanted: set[int]) -> Seen:
        """
        Look at the *wanted* among *every* invitation of the account.

        Gives whom it reached: fewer where the run stops. Raises LedgerError.
        """
        batches = self._batches(every, wanted)
        looks = await asyncio.to_thread(
            self._followups.looks, sorted({batch.account for batch in batches})
        )
        few = asyncio.Semaphore(AT_ONCE)
        done = 0

        async def in_turn(batch: _Batch) -> None:
            nonlocal done
            async with few:
                if not self._reader.is_stopping:
                    look = looks.get((batch.account, batch.definition_id or ""))
                    await self._look_at(batch, look, wanted)
            done += 1
            if self._tell is not None:
                self._tell(len(batches), done)

        await asyncio.gather(*map(in_turn, batches))
        return self.seen

    def _batches(self, every: Sequence[Followed], wanted: set[int]) -> list[_Batch]:
        """By account and definition; only those with somebody who is wanted."""
        definitions = definition_of(every)
        batches: dict[tuple[str, str | None], _Batch] = {}
        for of in every:
            definition = of.interview_def_set_id or definitions.get(of.position_id)
            key = of.account, definition
            batches.setdefault(key, _Batch(*key, [])).mine.append(of)
        return [
            batch
            for batch in batches.values()
            if any(of.invitation_id in wanted for of in batch.mine)
        ]

    def _lists(self, batch: _Batch) -> Lists:
        merchant = batch.mine[0].merchant
        return Lists(
            reader=self._reader,
            api=self._context.api,
            merchant_id=merchant if merchant != self._own else None,
        )

    async def _look_at(self, batch: _Batch, look: Look | None, wanted: set[int]) -> None:
        lists = self._lists(batch)
        asked = [of for of in batch.mine if of.invitation_id in wanted]
        pages = -(-len(batch.mine) * ROWS_EACH // PAGE_ROWS)
        is_few = len(asked) < pages or (batch.definition_id is None and len(asked) <= MOST_REPAIRS)
        if look is None and is_few:
            await self._one_by_one(lists, batch, asked)
            return
        if look is None or batch.definition_id is None:
            listed = await lists.whole(batch.definition_id)
        else:
            listed = await lists.since(batch.definition_id, look)
        if listed is None:
            self._not_reached(batch.mine)
            return
        await self._take(lists, batch, look, listed)

    async def _take(self, lists: Lists, batch: _Batch, look: Look | None, listed: Listed) -> None:
        """Join what was listed, ask for those whom it lacks, keep what was found."""
        by_row = listed.rows.values()
        matched = await asyncio.to_thread(
            joined, batch.mine, by_row, definition_id=batch.definition_id
        )
        at = self._context.clock.at()
        lacking = [of for of in batch.mine if _is_lacking(of, matched, is_whole=listed.is_whole)]
        news = _news(batch.mine, matched, at, is_whole=listed.is_whole, lacking=lacking)
        marks = None
        if batch.definition_id is not None and (listed.is_whole or listed.is_increment):
            marks = (batch.account, batch.definition_id, listed.look(look))
        await self._save(news, marks, at)
        await self._repair(lists, batch, lacking, listed)

    async def _repair(
        self, lists: Lists, batch: _Batch, lacking: list[Followed], listed: Listed
    ) -> None:
        """Those whom the list lacks: by themselves as long as that is few calls, else anew."""
        if not lacking:
            return
        pages = -(-len(batch.mine) * ROWS_EACH // PAGE_ROWS)
        if listed.is_increment and len(lacking) > pages:
            whole = await lists.whole(batch.definition_id)
            if whole is None:
                self._not_reached(batch.mine)
            else:
                await self._take(lists, batch, None, whole)
            return
        some = [of for of in lacking if of.last is None][: self._repairs]
        self._repairs -= len(some)
        await self._one_by_one(lists, batch, some)
        rest = [of for of in lacking if of not in some and of.last is None]
        at = self._context.clock.at()
        await self._save(
            [(of.invitation_id, _unclear(of, NOT_LISTED, at)) for of in rest], None, at
        )

    async def _one_by_one(self, lists: Lists, batch: _Batch, asked: Iterable[Followed]) -> None:
        for of in asked:
            if self._reader.is_stopping:
                return
            listed = await lists.of_candidate(
                enrolment_id=of.enrolment_id,
                email=of.candidate_email,
                definition_id=batch.definition_id,
            )
            if listed is None:
                self._not_reached([of])
                continue
            at = self._context.clock.at()
            matched = joined([of], listed.rows.values(), definition_id=batch.definition_id)
            is_there = of.invitation_id in matched.rows or of.invitation_id in matched.why
            if not is_there:
                matched.why[of.invitation_id] = NOT_LISTED
            await self._save(_news([of], matched, at, is_whole=True, lacking=[]), None, at)

    def _not_reached(self, mine: Sequence[Followed]) -> None:
        """Their list cannot be read: it is refused, or the run stops, which says why by itself."""
        if not self._reader.is_stopping:
            self.seen.why_not |= dict.fromkeys((of.invitation_id for of in mine), NOT_PERMITTED)

    async def _save(
        self,
        news: list[tuple[int, FollowedUp]],
        marks: tuple[str, str, Look] | None,
        at: datetime,
    ) -> None:
        if news or marks:
            await asyncio.to_thread(self._followups.save, news, marks, at=at)
        self.seen.checked.update(invitation_id for invitation_id, _ in news)


def _is_lacking(of: Followed, matched: Joined, *, is_whole: bool) -> bool:
    """Whether the list should have had it: it has all, or the invitation was never looked at."""
    is_there = of.invitation_id in matched.rows or of.invitation_id in matched.why
    return not is_there and (is_whole or of.last is None)


def _news(
    mine: Sequence[Followed],
    matched: Joined,
    at: datetime,
    *,
    is_whole: bool,
    lacking: Sequence[Followed],
) -> list[tuple[int, FollowedUp]]:
    """What the look says of each; of whom nothing is new, that it was looked."""
    out = {of.invitation_id for of in lacking}
    news = []
    for of in mine:
        rows = matched.rows.get(of.invitation_id)
        if rows is not None:
            news.append((of.invitation_id, _found(of, rows, at, is_whole=is_whole)))
        elif of.invitation_id in matched.why:
            news.append((of.invitation_id, _unclear(of, matched.why[of.invitation_id], at)))
        elif of.last is not None and of.invitation_id not in out:
            news.append((of.invitation_id, replace(of.last, checked_at=at)))
        elif of.last is not None:
            news.append((of.invitation_id, _unclear(of, NOT_LISTED, at)))
    return news


def _found(
    of: Followed, rows: Sequence[FollowUpRow], at: datetime, *, is_whole: bool
) -> FollowedUp:
    """What the rows of an enrolment say, together with those of earlier looks."""
    last = of.last
    if not is_whole and last is not None and last.rows:
        before = {row.id: row for row in _ROWS.validate_json(last.rows)}
        rows = list((before | {row.id: row for row in rows}).values())
    standing = standing_of(rows)
    is_same = last is not None and last.stage is standing.stage
    interviews = [row for row in rows if not is_screening(row)]
    return FollowedUp(
        stage=standing.stage,
        decision=standing.decision,
        score=standing.score,
        interview_result_id=standing.interview_result_id,
        stage_since=last.stage_since if is_same and last is not None else standing.since,
        link_made_at=_link_made_at(of),
        checked_at=at,
        why=standing.why or None,
        has_odd_decision=standing.has_odd_decision,
        profile_id=_first(row.profile_id for row in rows),
        profile_interview_id=_first(row.profile_interview_id for row in rows),
        definition_id=_first(row.definition_id for row in [*interviews, *rows]),
        rows=_ROWS.dump_json(list(rows), include=_KEPT, exclude_none=True).decode(),
    )


def _unclear(of: Followed, why: str, at: datetime) -> FollowedUp:
    if of.state is ClaimState.CLAIMED:
        why = IN_FLIGHT
    last = of.last
    is_same = last is not None and last.stage is Stage.UNCLEAR
    return FollowedUp(
        stage=Stage.UNCLEAR,
        stage_since=last.stage_since if is_same and last is not None else at,
        link_made_at=_link_made_at(of),
        checked_at=at,
        why=why,
    )


def _link_made_at(of: Followed) -> datetime | None:
    """When the link that stands was made: by a look, else with the outcome."""
    if not of.interview_url:
        return None
    known = of.last.link_made_at if of.last is not None else None
    return known or of.settled_at


def _first(values: Iterable[str | None]) -> str | None:
    return next((value for value in values if value), None)


def counted(mine: Iterable[Followed]) -> Mapping[Stage, int]:
    """How many are in each stage; who was never looked at is unclear."""
    counts = Counter(of.last.stage if of.last is not None else Stage.UNCLEAR for of in mine)
    return {stage: counts[stage] for stage in Stage}
