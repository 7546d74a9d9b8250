"""
What invitations really cost: the account's credit ledger, joined to ours.

Each charge is an invitation's, an old unknown's (sent, and never settled), or not ours. The second
charge for one thing is named.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, Final

import polars as pl

from jobmojito_batch.client import merchant_of
from jobmojito_batch.contract import CreditRow
from jobmojito_batch.ledger import Charge, ClaimState, Followed
from jobmojito_batch.pipeline.prices import kind_of
from jobmojito_batch.pipeline.source_layout import DURATION, TEMPLATE, Layout, from_json
from jobmojito_batch.publish import write_results
from jobmojito_batch.sending import Reader, SendContext
from jobmojito_batch.stages import naive

MARGIN: Final = timedelta(minutes=10)
"""The API's clock may be behind ours: the period begins so long before the first call."""
SCREENING_EVENT: Final = "pre_screening"
MOST_PAGES: Final = 10_000
COLUMNS: Final = (
    "belongs_to", "charged_twice", "event", "credits", "charged_at", "source", "row", "run_id",
    "outcome", "candidate_external_id", "candidate_email", "position_name",
    "profile_interview_id", "charge_id",
)  # fmt: skip


class Owner(StrEnum):
    """Whose a charge is."""

    INVITATION = "invitation"
    UNKNOWN = "old unknown"
    NOT_OURS = "not ours"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assigned:
    """A charge, and whose it is."""

    charge: CreditRow = field(repr=False)
    owner: Owner
    of: Followed | None
    is_again: bool = False
    """It was charged before for the same thing."""

    @property
    def amount(self) -> float:
        """In credits."""
        return self.charge.credit_amount or 0.0


def assigned(charges: Iterable[CreditRow], every: Iterable[Followed]) -> list[Assigned]:
    """Each charge with the invitation that it is of; in the order given."""
    known = _Known(every)
    owners = [(charge, known.owner_of(charge)) for charge in charges]
    again = _charged_again(owners)
    return [
        Assigned(charge=charge, owner=_owner(of), of=of, is_again=number in again)
        for number, (charge, of) in enumerate(owners)
    ]


def _owner(of: Followed | None) -> Owner:
    if of is None:
        return Owner.NOT_OURS
    return Owner.UNKNOWN if of.state is ClaimState.UNKNOWN else Owner.INVITATION


class _Known:
    """Invitations by what a charge may name."""

    def __init__(self, every: Iterable[Followed]) -> None:
        self._by_id: dict[str, Followed] = {}
        self._by_profile: dict[str, list[Followed]] = {}
        for of in every:
            last = of.last
            result = last.interview_result_id if last is not None else None
            profile = last.profile_id if last is not None else None
            for name in (of.profile_interview_id, of.enrolment_id, result):
                if name:
                    self._by_id.setdefault(name, of)
            if profile:
                self._by_profile.setdefault(profile, []).append(of)

    def owner_of(self, charge: CreditRow) -> Followed | None:
        """By the enrolment, by the thing that was charged, by a person who has one invitation."""
        for name in (charge.profile_interview_id, charge.object_uuid, charge.parent_object_uuid):
            if name and name in self._by_id:
                return self._by_id[name]
        if charge.profile_interview_id:
            return None  # it names an enrolment, and that is none of ours
        of_person = self._by_profile.get(charge.profile_id or "", [])
        return of_person[0] if len(of_person) == 1 else None


def _charged_again(owners: Sequence[tuple[CreditRow, Followed | None]]) -> set[int]:
    """
    The numbers of charges that repeat an earlier one.

    A candidate is screened once; of everything else the thing charged tells one from another.
    """
    seen: set[object] = set()
    again: set[int] = set()
    by_time = sorted(enumerate(owners), key=lambda pair: _moment(pair[1][0]))
    for number, (charge, of) in by_time:
        if of is None or not charge.credit_amount or charge.credit_amount < 0:
            continue
        what = None if charge.event == SCREENING_EVENT else charge.object_uuid or number
        key = (of.invitation_id, charge.event, what)
        if key in seen:
            again.add(number)
        seen.add(key)
    return again


def _moment(charge: CreditRow) -> tuple[datetime, str]:
    at = naive(charge.event_date) if charge.event_date is not None else datetime.min  # noqa: DTZ901
    return at, charge.id or ""


async def read_charges(
    context: SendContext, merchant: str, since: datetime
) -> list[CreditRow] | None:
    """The charges of a merchant since a moment (UTC); None where they cannot be read."""
    reader = Reader(context)
    own = merchant_of(context.tokens.current())
    charges: dict[object, CreditRow] = {}
    offset = 0
    for _ in range(MOST_PAGES):
        page = await reader.read(
            partial(
                context.api.credits_used,
                offset=offset,
                merchant_id=merchant if merchant != own else None,
            ),
            may_be_refused=True,
        )
        if page is None:
            return None
        for (
            row
        ) in page.data:  # newest first: what comes meanwhile shows a row twice, never hides one
            charges.setdefault(row.id or (offset, len(charges)), row)
        dated = [naive(row.event_date) for row in page.data if row.event_date is not None]
        if not page.pagination.has_more or not page.data or (dated and min(dated) < since):
            break
        offset += len(page.data)
    return [
        row for row in charges.values() if row.event_date is None or naive(row.event_date) >= since
    ]


def period_of(mine: Iterable[Followed]) -> datetime | None:
    """From when on invitations may have cost something; None if there are none."""
    moments = [moment for of in mine if (moment := of.sent_at or of.settled_at) is not None]
    return min(moments) - MARGIN if moments else None


# Files and prices


def write_credits(target: Path, charges: Sequence[Assigned], rows: Mapping[int, Any]) -> None:
    """One row a charge; *rows* are the ledger's, by invitation."""
    write_results(target, _frames(charges, rows), COLUMNS)


def _frames(charges: Sequence[Assigned], rows: Mapping[int, Any]) -> Iterator[pl.DataFrame]:
    if charges:
        schema = dict.fromkeys(COLUMNS, pl.String()) | {
            "row": pl.Int64(),
            "charged_at": pl.Datetime("us"),
        }
        lines = [_line(each, rows) for each in charges]
        frame = pl.DataFrame(lines, schema=schema, orient="row")
        yield frame.with_columns(pl.col("charged_at").dt.replace_time_zone("UTC"))


def _line(each: Assigned, rows: Mapping[int, Any]) -> tuple[object, ...]:
    charge, of = each.charge, each.of
    row = rows.get(of.invitation_id) if of is not None else None
    at = naive(charge.event_date) if charge.event_date is not None else None
    return (
        each.owner.value,
        "yes" if each.is_again else None,
        charge.event,
        f"{each.amount:g}",
        at,
        row.source if row is not None else None,
        row.row if row is not None else None,
        row.run_id if row is not None else None,
        of.outcome if of is not None else None,
        of.candidate_external_id if of is not None else None,
        of.candidate_email if of is not None else None,
        row.position_name if row is not None else None,
        charge.profile_interview_id,
        charge.id,
    )


def kept_charges(
    charges: Sequence[Assigned], rows: Mapping[int, Any], layouts: Mapping[str, str]
) -> list[Charge]:
    """What later estimates learn from: charges of invitations, once each."""
    read = {run_id: _by_source(from_json(text)) for run_id, text in layouts.items()}
    return [
        Charge(
            charge_id=str(each.charge.id),
            invitation_id=each.of.invitation_id,
            event=each.charge.event or "",
            credits=each.amount,
            at=naive(each.charge.event_date) if each.charge.event_date is not None else None,
            kind=_kind_of(rows.get(each.of.invitation_id), read),
        )
        for each in charges
        if each.of is not None and each.charge.id and not each.is_again
    ]


def _by_source(layouts: Sequence[Layout]) -> dict[str, Layout]:
    return {layout.source: layout for layout in layouts}


def _kind_of(row: Any, layouts: Mapping[str, Mapping[str, Layout]]) -> str:  # noqa: ANN401 - a row of the ledger
    layout = layouts.get(row.run_id, {}).get(row.source) if row is not None else None
    if layout is None:
        return kind_of(None, None)
    cells = _cells(row.cells)
    return kind_of(layout.value_in(cells, TEMPLATE), layout.value_in(cells, DURATION))


def _cells(text: str) -> dict[str, str]:
    cells = json.loads(text)
    return cells if isinstance(cells, dict) else {}
