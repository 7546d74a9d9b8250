"""Invitations in doubt, as settling needs them: read only, see operations.SettleDoubt."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, Row, select

from jobmojito_batch.ledger import owners
from jobmojito_batch.ledger.sharing import is_left_over
from jobmojito_batch.ledger.tables import (
    IN_DOUBT,
    ClaimState,
    invitations,
    openings,
    positions,
    runs,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubted:
    """An invitation that was sent without a trustworthy answer, or that somebody is sending."""

    invitation_id: int
    position_id: int
    account: str
    opening_key: str | None
    """The folded name of the position."""
    definition_ids: frozenset[str]
    """Ids under which the API may list the position."""
    candidate_email: str = field(repr=False)
    state: ClaimState
    run_id: str
    error_code: str | None
    claimed_at: datetime
    unknown_since: datetime
    """When the call ended without an answer, or its owner's lease; for a claim, when it began."""
    is_held: bool
    """A living process has it, or has just settled it: the ledger tells what it comes to."""


def doubts(
    connection: Connection,
    now: datetime,
    *,
    accounts: Sequence[str] | None = None,
    invitation_id: int | None = None,
    invitations_of: tuple[int, Sequence[str]] | None = None,
) -> list[Doubted]:
    """
    All of *accounts* (None: of every account) that are in doubt, the oldest first.

    Or one, or those of a position and e-mails, whatever became of them: between hearing that
    somebody has it and asking for it here, they may have settled it.
    """
    query = (
        select(
            invitations,
            positions.c.account,
            positions.c.opening_key,
            positions.c.position_def_set_id.label("known_id"),
            runs.c.owner,
            runs.c.lease_until,
        )
        .join(positions, positions.c.id == invitations.c.position_id)
        .join(runs, runs.c.run_id == invitations.c.run_id)
        .order_by(invitations.c.id)
    )
    if invitation_id is not None:
        query = query.where(invitations.c.id == invitation_id)
    elif invitations_of is not None:
        position_id, emails = invitations_of
        query = query.where(
            invitations.c.position_id == position_id, invitations.c.candidate_email.in_(emails)
        )
    else:
        query = query.where(IN_DOUBT)
    if accounts is not None:
        query = query.where(positions.c.account.in_(accounts))
    rows = connection.execute(query).all()
    known = _definitions(connection, {row.position_id for row in rows})
    return [_doubted(row, known.get(row.position_id, set()), now) for row in rows]


def _doubted(row: Row[tuple[object, ...]], known: set[str], now: datetime) -> Doubted:
    ids = {*known, *([row.known_id] if row.known_id else [])}
    is_held = row.state != ClaimState.UNKNOWN
    if row.state == ClaimState.CLAIMED:
        is_held = owners.is_alive(row.owner, row.lease_until, now)
    return Doubted(
        invitation_id=row.id,
        position_id=row.position_id,
        account=row.account,
        opening_key=row.opening_key,
        definition_ids=frozenset(ids),
        candidate_email=row.candidate_email,
        state=ClaimState(row.state),
        run_id=row.run_id,
        error_code=row.error_code,
        claimed_at=row.claimed_at,
        unknown_since=row.unknown_since or row.claimed_at,
        is_held=is_held,
    )


def _definitions(connection: Connection, position_ids: set[int]) -> dict[int, set[str]]:
    """The definition ids that answers named for these positions."""
    found: dict[int, set[str]] = {}
    for position_id in position_ids:
        query = (
            select(invitations.c.interview_def_set_id)
            .where(
                invitations.c.position_id == position_id,
                invitations.c.interview_def_set_id.is_not(None),
            )
            .distinct()
            .limit(20)
        )
        found[position_id] = set(connection.scalars(query))
    return found


def is_being_opened(connection: Connection, name: str) -> bool:
    """Whether somebody holds the opening of a name."""
    held = connection.scalar(select(openings.c.name).where(openings.c.name == name))
    return held is not None and not is_left_over(connection, name)
