"""The SQL of claims: who may make a call, durable before it starts."""

import functools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    delete,
    func,
    insert,
    literal_column,
    null,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from jobmojito_batch.ledger.masks import key_in, mask
from jobmojito_batch.ledger.merging import MERGED, merged_into
from jobmojito_batch.ledger.requests import BeginAttempt, Claim, SettleDoubt, TakeClaim, TakeOver
from jobmojito_batch.ledger.sharing import close_opening, hold_opening, is_left_over, outlive_calls
from jobmojito_batch.ledger.tables import ClaimState, attempts, invitations, meta, openings

ROUNDING: Final = 1e-9


@functools.cache
def _upsert_claims(dialect_name: str) -> Any:  # noqa: ANN401 - a dialect's own insert
    """No parameters but the rows': with any, SQLAlchemy would send one row at a time."""
    dialect = postgresql if dialect_name == "postgresql" else sqlite
    statement = dialect.insert(invitations)
    new = statement.excluded
    return statement.on_conflict_do_update(
        index_elements=["position_id", "candidate_email"],
        set_={
            "state": new.state,
            "run_id": new.run_id,
            "ordinal": new.ordinal,
            "claimed_at": new.claimed_at,
            "outcome": null(),
            "error_code": null(),
            "unknown_since": null(),
        },
        where=invitations.c.state == literal_column(f"'{ClaimState.OPEN.value}'"),
    ).returning(invitations.c.id, invitations.c.position_id, invitations.c.candidate_email)


_FACTS = select(meta)


def take_claims(connection: Connection, wanted: Sequence[TakeClaim]) -> list[Claim]:
    """Claim what is free; the unique constraint, not this code, keeps one claim per invitation."""
    facts = {row.key: row.value for row in connection.execute(_FACTS)}
    wanted = _where_merged(connection, wanted) if MERGED in facts else wanted
    first: dict[tuple[int, str], TakeClaim] = {}
    refused: dict[int, Claim] = {}
    forgotten = _forgotten(connection, wanted, key_in(facts))
    spent = _spent_today(connection, wanted)
    fresh: set[str] = set()
    for claim in wanted:
        key = (claim.position_id, claim.candidate_email)
        if key in first:
            continue
        denied = _denied(connection, claim, forgotten.get(key), spent, fresh)
        if denied is not None:
            refused[id(claim)] = denied
            continue
        spent += claim.credits
        first[key] = claim
    taken = _taken(connection, first)
    for key, claim in first.items():
        if claim.opens and key not in taken:
            close_opening(connection, claim.opens, claim.run_id, claim.ordinal)
    mine = {id(first[key]): invitation_id for key, invitation_id in taken.items()}
    others = _standing(
        connection,
        {
            (claim.position_id, claim.candidate_email)
            for claim in wanted
            if id(claim) not in mine and id(claim) not in refused
        },
    )
    return [
        _claim(claim, mine[id(claim)])
        if id(claim) in mine
        else refused.get(id(claim)) or others[claim.position_id, claim.candidate_email]
        for claim in wanted
    ]


def _taken(
    connection: Connection, first: dict[tuple[int, str], TakeClaim]
) -> dict[tuple[int, str], int]:
    """The invitations that were free, each with its first attempt; by position and e-mail."""
    if not first:
        return {}
    claims = first.values()
    outlive_calls(connection, {claim.run_id for claim in claims}, max(one.at for one in claims))
    rows = connection.execute(
        _upsert_claims(connection.dialect.name),
        [
            {
                "position_id": claim.position_id,
                "candidate_email": claim.candidate_email,
                "state": ClaimState.CLAIMED.value,
                "run_id": claim.run_id,
                "ordinal": claim.ordinal,
                "claimed_at": claim.at,
            }
            for claim in claims
        ],
    ).all()
    taken = {(row.position_id, row.candidate_email): row.id for row in rows}
    if taken:
        connection.execute(insert(attempts), [_attempt(taken[key], first[key]) for key in taken])
    return taken


def _where_merged(connection: Connection, wanted: Sequence[TakeClaim]) -> list[TakeClaim]:
    """
    The claims under the positions that theirs were merged into.

    Another process may have merged them since this one planned: under the old id an invitation
    that both have would be free.
    """
    into = merged_into(connection, {claim.position_id for claim in wanted})
    return [
        replace(claim, position_id=into[claim.position_id]) if claim.position_id in into else claim
        for claim in wanted
    ]


def _forgotten(
    connection: Connection, wanted: Sequence[TakeClaim], key: bytes | None
) -> dict[tuple[int, str], Claim]:
    """Invitations of people who were forgotten since, by position and e-mail."""
    if key is None:
        return {}
    masked = {(one.position_id, mask(one.candidate_email, key)): one for one in wanted}
    return {
        (masked[where].position_id, masked[where].candidate_email): replace(found, ordinal=-1)
        for where, found in _standing(connection, set(masked), may_be_absent=True).items()
    }


def _denied(
    connection: Connection,
    claim: TakeClaim,
    forgotten: Claim | None,
    spent: float,
    fresh: set[str],
) -> Claim | None:
    """Why a claim may not even be tried: a forgotten person, the day's credits, another opening."""
    blank = Claim(
        invitation_id=0,
        is_mine=False,
        state=ClaimState.OPEN,
        run_id=claim.run_id,
        ordinal=claim.ordinal,
    )
    if not _fits_day(claim, spent):
        return replace(blank, is_over_day_limit=True)
    if forgotten is not None:
        return forgotten
    holder = None
    if claim.opens:
        # Of this very transaction: its claim is not there yet, so it would look left over.
        is_fresh = claim.opens in fresh
        holder = claim.run_id if is_fresh else hold_opening(connection, claim)
        fresh.add(claim.opens)
    if holder is not None:
        return replace(
            blank, state=ClaimState.CLAIMED, run_id=holder, ordinal=-1, is_opened_elsewhere=True
        )
    return None


def _fits_day(one: TakeClaim | TakeOver | BeginAttempt, spent: float) -> bool:
    return one.day_limit is None or spent + one.credits <= one.day_limit + ROUNDING


def _spent_today(
    connection: Connection, wanted: Sequence[TakeClaim | TakeOver | BeginAttempt]
) -> float:
    """Credits of the UTC day that calls cost or may have cost; asked where there is a bound."""
    bounded = next((one for one in wanted if one.day_limit is not None), None)
    if bounded is None:
        return 0.0
    midnight = bounded.at.replace(hour=0, minute=0, second=0, microsecond=0)
    total = connection.scalar(
        select(func.sum(attempts.c.credits)).where(attempts.c.started_at >= midnight)
    )
    return float(total or 0.0)


def is_same_doubt(one: TakeOver | SettleDoubt) -> ColumnElement[bool]:
    """The invitation, as long as it is the doubt that was looked up: nobody took it since."""
    return and_(
        invitations.c.id == one.invitation_id,
        invitations.c.state == ClaimState.UNKNOWN,
        invitations.c.claimed_at == one.seen_at,
    )


def take_over(connection: Connection, wanted: Sequence[TakeOver]) -> list[Claim]:
    """Claim unknown invitations anew, each only where it is still the doubt that was settled."""
    return [_take_over(connection, one) for one in wanted]


def _take_over(connection: Connection, one: TakeOver) -> Claim:
    if not _fits_day(one, _spent_today(connection, [one])):
        return Claim(
            invitation_id=one.invitation_id,
            is_mine=False,
            state=ClaimState.UNKNOWN,
            run_id=one.run_id,
            ordinal=one.ordinal,
            is_over_day_limit=True,
        )
    if one.opens and (holder := _other_opening(connection, one)):
        return Claim(
            invitation_id=one.invitation_id,
            is_mine=False,
            state=ClaimState.CLAIMED,
            run_id=holder,
            ordinal=-1,
            is_opened_elsewhere=True,
        )
    changed = connection.execute(
        update(invitations)
        .where(is_same_doubt(one))
        .values(
            state=ClaimState.CLAIMED.value,
            run_id=one.run_id,
            ordinal=one.ordinal,
            claimed_at=one.at,
            unknown_since=None,
            outcome=None,
        )
    )
    if changed.rowcount == 1:
        if one.opens:
            connection.execute(delete(openings).where(openings.c.name == one.opens))
            hold_opening(connection, one)
        outlive_calls(connection, {one.run_id}, one.at)
        connection.execute(insert(attempts), [_attempt(one.invitation_id, one)])
        return _claim(one, one.invitation_id)
    found = connection.execute(
        select(invitations.c.state, invitations.c.run_id).where(
            invitations.c.id == one.invitation_id
        )
    ).one()
    return Claim(
        invitation_id=one.invitation_id,
        is_mine=False,
        state=ClaimState(found.state),
        run_id=found.run_id,
        ordinal=-1,
    )


def _claim(one: TakeClaim | TakeOver, invitation_id: int) -> Claim:
    return Claim(
        invitation_id=invitation_id,
        is_mine=True,
        state=ClaimState.CLAIMED,
        run_id=one.run_id,
        ordinal=one.ordinal,
    )


def _standing(
    connection: Connection, keys: set[tuple[int, str]], *, may_be_absent: bool = False
) -> dict[tuple[int, str], Claim]:
    """Who has these invitations (position and e-mail), and how they stand."""
    if not keys:
        return {}
    both = tuple_(invitations.c.position_id, invitations.c.candidate_email)
    columns = ("id", "position_id", "candidate_email", "state", "run_id", "ordinal")
    query = select(*(invitations.c[name] for name in columns)).where(both.in_(sorted(keys)))
    found = {
        (row.position_id, row.candidate_email): Claim(
            invitation_id=row.id,
            is_mine=False,
            state=ClaimState(row.state),
            run_id=row.run_id,
            ordinal=row.ordinal,
        )
        for row in connection.execute(query)
    }
    assert may_be_absent or len(found) == len(keys)  # noqa: S101 - the upsert met them
    return found


def _attempt(invitation_id: int, one: TakeClaim | TakeOver | BeginAttempt) -> dict[str, object]:
    return {
        "invitation_id": invitation_id,
        "run_id": one.run_id,
        "number": one.number,
        "started_at": one.at,
        "credits": one.credits,
    }


def begin_attempts(connection: Connection, begun: Sequence[BeginAttempt]) -> list[bool]:
    """Note further attempts before they start; False where the claim or the credits are gone."""
    spent = _spent_today(connection, begun)
    query = select(invitations.c.id, invitations.c.run_id).where(
        invitations.c.id.in_({one.invitation_id for one in begun}),
        invitations.c.state == ClaimState.CLAIMED,
    )
    held = {(row.id, row.run_id) for row in connection.execute(query)}
    granted: list[BeginAttempt] = []
    may: list[bool] = []
    for one in begun:
        may.append((one.invitation_id, one.run_id) in held and _fits_day(one, spent))
        if may[-1]:
            spent += one.credits
            granted.append(one)
    if granted:
        outlive_calls(connection, {one.run_id for one in granted}, max(one.at for one in granted))
        connection.execute(insert(attempts), [_attempt(one.invitation_id, one) for one in granted])
    return may


def _other_opening(connection: Connection, one: TakeOver) -> str | None:
    """The run of another row that opens the name now; the lost call itself does not count."""
    held = connection.execute(
        select(openings.c.run_id, openings.c.ordinal).where(openings.c.name == one.opens)
    ).first()
    lost = connection.execute(
        select(invitations.c.run_id, invitations.c.ordinal).where(
            invitations.c.id == one.invitation_id
        )
    ).one()
    if held is None or (held.run_id, held.ordinal) == (lost.run_id, lost.ordinal):
        return None
    return None if is_left_over(connection, one.opens or "") else str(held.run_id)
