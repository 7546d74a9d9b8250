"""The SQL of what the writer is asked to make durable."""

import functools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import (
    Connection,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal_column,
    null,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from jobmojito_batch.columns import SETTLED_FOR_GOOD, Outcome
from jobmojito_batch.ledger.masks import key_in, mask
from jobmojito_batch.ledger.merging import MERGED, merged_into, note_merge
from jobmojito_batch.ledger.requests import (
    BeginAttempt,
    Claim,
    CloseOpening,
    EndAttempt,
    Enrolment,
    ForgetPositionId,
    OpenPosition,
    RenewLease,
    RowOutcome,
    SettleDoubt,
    SettleRows,
    SharePause,
    TakeClaim,
    TakeOver,
    TakeSlots,
    UpgradeLink,
)
from jobmojito_batch.ledger.sharing import (
    close_opening,
    close_openings,
    hold_opening,
    is_left_over,
    outlive_calls,
    renew_leases,
    share_pauses,
    take_slots,
)
from jobmojito_batch.ledger.tables import (
    ClaimState,
    attempts,
    invitations,
    meta,
    openings,
    position_aliases,
    positions,
    run_rows,
)
from jobmojito_batch.ledger.writer import Apply

ROUNDING: Final = 1e-9

STATE_AFTER: Final = {
    Outcome.FAILED: ClaimState.OPEN,
    Outcome.NOT_SENT: ClaimState.OPEN,
    Outcome.UNKNOWN: ClaimState.UNKNOWN,
} | dict.fromkeys(SETTLED_FOR_GOOD, ClaimState.SETTLED)


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
        .where(
            invitations.c.id == one.invitation_id,
            invitations.c.state == ClaimState.UNKNOWN,
            invitations.c.claimed_at == one.seen_at,
        )
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


_END_ATTEMPT = (
    update(attempts)
    .where(
        attempts.c.invitation_id == bindparam("of_invitation"),
        attempts.c.run_id == bindparam("of_run"),
        attempts.c.number == bindparam("of_number"),
    )
    .values(
        ended_at=bindparam("at"),
        result=bindparam("new_result"),
        http_status=bindparam("new_status"),
        request_id=bindparam("new_request_id"),
    )
)
_GIVE_BACK = _END_ATTEMPT.values(credits=0.0)

# Who slept until others took it for dead may come back with an answer: what they settled, or have
# under way by now, is not undone by it. (Not `=` for the run: while nothing is counted yet,
# PostgreSQL would rather go through all of its invitations by that index.)
_STILL_MINE = and_(
    invitations.c.id == bindparam("of_invitation"),
    invitations.c.run_id.is_not_distinct_from(bindparam("of_run")),
    invitations.c.state != ClaimState.SETTLED,
)
_GIVE_BACK_CLAIM = update(invitations).where(_STILL_MINE).values(state=ClaimState.OPEN.value)

_SETTLE_INVITATION = (
    update(invitations)
    .where(_STILL_MINE)
    .values(
        {
            name: bindparam(f"new_{name}")
            for name in (
                "state", "outcome", "status", "interview_url", "reason", "position_def_set_id",
                "interview_def_set_id", "profile_interview_id", "error_code", "http_status",
                "sent_at", "settled_at", "unknown_since",
            )
        }
    )
)  # fmt: skip

_LET_GO = delete(openings).where(
    openings.c.name == bindparam("of_name"), openings.c.run_id == bindparam("of_run")
)

_SETTLE_ROW = (
    update(run_rows)
    .where(run_rows.c.run_id == bindparam("of_run"), run_rows.c.ordinal == bindparam("of_ordinal"))
    .values(
        {
            name: bindparam(f"new_{name}")
            for name in (
                "outcome", "error_code", "error_field", "error_message", "attempts",
                "http_status", "sent_at", "settled_at",
            )
        }
    )
)  # fmt: skip


def end_attempts(connection: Connection, ended: Sequence[EndAttempt]) -> list[None]:
    """Record how attempts ended, and what that makes of their invitations and rows."""
    for statement, some in (
        (_GIVE_BACK, [one for one in ended if one.is_free]),
        (_END_ATTEMPT, [one for one in ended if not one.is_free]),
    ):
        if some:
            connection.execute(statement, [_ended(one) for one in some])
    if given_back := [one for one in ended if one.gives_back_claim]:
        connection.execute(
            _GIVE_BACK_CLAIM,
            [{"of_invitation": one.invitation_id, "of_run": one.run_id} for one in given_back],
        )
    if closed := [one for one in ended if one.opened and _is_over(one)]:
        connection.execute(
            _LET_GO, [{"of_name": one.opened, "of_run": one.run_id} for one in closed]
        )
    final = [one for one in ended if one.row is not None]
    if final:
        connection.execute(_SETTLE_INVITATION, [_settled(one) for one in final])
        connection.execute(_SETTLE_ROW, [row_values(one.row) for one in final if one.row])
    return [None] * len(ended)


def _is_over(one: EndAttempt) -> bool:
    """Whether the attempt is in no doubt."""
    return one.gives_back_claim or (one.row is not None and one.row.outcome is not Outcome.UNKNOWN)


def _ended(one: EndAttempt) -> dict[str, object]:
    return {
        "of_invitation": one.invitation_id,
        "of_run": one.run_id,
        "of_number": one.number,
        "at": one.at,
        "new_result": one.result,
        "new_status": one.http_status,
        "new_request_id": one.request_id,
    }


def _settled(one: EndAttempt) -> dict[str, object]:
    row, said = one.row, one.enrolment or Enrolment()
    assert row is not None  # noqa: S101 - the caller chose those with a row
    return {
        "of_invitation": one.invitation_id,
        "of_run": one.run_id,
        "new_state": STATE_AFTER[row.outcome].value,
        "new_outcome": row.outcome.value,
        "new_status": said.status,
        "new_interview_url": said.interview_url,
        "new_reason": said.reason,
        "new_position_def_set_id": said.position_def_set_id,
        "new_interview_def_set_id": said.interview_def_set_id,
        "new_profile_interview_id": said.profile_interview_id,
        "new_error_code": row.error_code.value if row.error_code else None,
        "new_http_status": row.http_status,
        "new_sent_at": row.sent_at,
        "new_settled_at": row.settled_at,
        "new_unknown_since": one.at if row.outcome is Outcome.UNKNOWN else None,
    }


def row_values(row: RowOutcome) -> dict[str, object]:
    """The bind values of an outcome."""
    return {
        "of_run": row.run_id,
        "of_ordinal": row.ordinal,
        "new_outcome": row.outcome.value,
        "new_error_code": row.error_code.value if row.error_code else None,
        "new_error_field": row.error_field,
        "new_error_message": row.error_message,
        "new_attempts": row.attempts,
        "new_http_status": row.http_status,
        "new_sent_at": row.sent_at,
        "new_settled_at": row.settled_at,
    }


def settle_rows(connection: Connection, settled: Sequence[SettleRows]) -> list[None]:
    """Record outcomes of rows that hold no claim."""
    values = [row_values(row) for one in settled for row in one.rows]
    if values:
        connection.execute(_SETTLE_ROW, values)
    return [None] * len(settled)


_LINK_INVITATION = (
    update(invitations)
    .where(invitations.c.id == bindparam("of_invitation"))
    .values(interview_url=bindparam("new_url"), outcome=Outcome.INVITED.value)
)
_LINK_ROW = (
    update(run_rows)
    .where(run_rows.c.run_id == bindparam("of_run"), run_rows.c.ordinal == bindparam("of_ordinal"))
    .values(outcome=Outcome.INVITED.value)
)


def upgrade_links(connection: Connection, minted: Sequence[UpgradeLink]) -> list[None]:
    """A minted link makes an accepted candidate invited."""
    connection.execute(
        _LINK_INVITATION,
        [{"of_invitation": one.invitation_id, "new_url": one.interview_url} for one in minted],
    )
    connection.execute(
        _LINK_ROW, [{"of_run": one.run_id, "of_ordinal": one.ordinal} for one in minted]
    )
    return [None] * len(minted)


def open_positions(connection: Connection, opened: Sequence[OpenPosition]) -> list[int]:
    """Remember that positions exist; gives for each the position to go on with."""
    return [_open_position(connection, one) for one in opened]


def _open_position(connection: Connection, one: OpenPosition) -> int:
    one = replace(one, position_id=_where_it_is(connection, one.position_id))
    connection.execute(
        update(positions).where(positions.c.id == one.position_id).values(opened_at=one.at)
    )
    if one.position_def_set_id is None:
        return one.position_id
    account = connection.scalar(
        select(positions.c.account).where(positions.c.id == one.position_id)
    )
    key = f"id:{one.position_def_set_id.lower()}"
    known = connection.scalar(
        select(position_aliases.c.position_id).where(
            position_aliases.c.account == account, position_aliases.c.key == key
        )
    )
    if known is None:
        connection.execute(
            insert(position_aliases).values(account=account, key=key, position_id=one.position_id)
        )
    elif known != one.position_id:
        _merge(connection, one.position_id, into=known)
    position_id = one.position_id if known is None else int(known)
    connection.execute(
        update(positions)
        .where(positions.c.id == position_id)
        .values(position_def_set_id=one.position_def_set_id, opened_at=one.at)
    )
    return position_id


def _where_it_is(connection: Connection, position_id: int) -> int:
    return merged_into(connection, {position_id}).get(position_id, position_id)


def _merge(connection: Connection, position_id: int, *, into: int) -> None:
    """
    Two names turned out to be one position: from here on they are one key.

    An invitation that both have stays where it is (it was made twice before we could know).
    """
    other = invitations.alias()
    connection.execute(
        update(invitations)
        .where(
            invitations.c.position_id == position_id,
            ~exists().where(
                other.c.position_id == into,
                other.c.candidate_email == invitations.c.candidate_email,
            ),
        )
        .values(position_id=into)
    )
    connection.execute(
        update(run_rows)
        .where(
            run_rows.c.position_id == position_id,
            ~exists().where(
                invitations.c.position_id == position_id,
                invitations.c.candidate_email == run_rows.c.candidate_email,
            ),
        )
        .values(position_id=into)
    )
    connection.execute(
        update(position_aliases)
        .where(position_aliases.c.position_id == position_id)
        .values(position_id=into)
    )
    note_merge(connection, position_id, into=into)


def forget_position_ids(connection: Connection, gone: Sequence[ForgetPositionId]) -> list[None]:
    """Drop ids that the API no longer knows, where they are still what we hold."""
    for one in gone:
        position_id = _where_it_is(connection, one.position_id)
        connection.execute(
            update(positions)
            .where(
                positions.c.id == position_id,
                positions.c.position_def_set_id == one.position_def_set_id,
            )
            .values(position_def_set_id=None, opened_at=None)
        )
        connection.execute(
            delete(position_aliases).where(
                position_aliases.c.position_id == position_id,
                position_aliases.c.key == f"id:{one.position_def_set_id.lower()}",
            )
        )
    return [None] * len(gone)


def settle_doubts(connection: Connection, settled: Sequence[SettleDoubt]) -> list[bool]:
    """Record what look-ups showed, each only where the doubt is still the same."""
    return [_settle_doubt(connection, one) for one in settled]


def _settle_doubt(connection: Connection, one: SettleDoubt) -> bool:
    said = one.enrolment or Enrolment()
    code = one.error_code.value if one.error_code else None
    changed = connection.execute(
        update(invitations)
        .where(
            invitations.c.id == one.invitation_id,
            invitations.c.state == ClaimState.UNKNOWN,
            invitations.c.claimed_at == one.seen_at,
        )
        .values(
            state=STATE_AFTER[one.outcome].value,
            outcome=one.outcome.value,
            status=said.status,
            interview_url=said.interview_url,
            reason=said.reason,
            interview_def_set_id=said.interview_def_set_id,
            profile_interview_id=said.profile_interview_id,
            error_code=code,
            settled_at=one.at,
            unknown_since=None,
        )
        .returning(invitations.c.position_id, invitations.c.candidate_email)
    ).first()
    if changed is None:
        return False
    connection.execute(
        update(run_rows)
        .where(
            run_rows.c.position_id == changed.position_id,
            run_rows.c.candidate_email == changed.candidate_email,
            run_rows.c.outcome == Outcome.UNKNOWN.value,
        )
        .values(
            outcome=one.outcome.value,
            error_code=code,
            error_field=None,
            error_message=one.error_message,
            settled_at=one.at,
        )
    )
    if one.opened:
        connection.execute(
            delete(openings).where(
                openings.c.name == one.opened, openings.c.position_id == changed.position_id
            )
        )
    return True


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


APPLIERS: Final[dict[type, Apply]] = {
    TakeClaim: take_claims,
    BeginAttempt: begin_attempts,
    EndAttempt: end_attempts,
    SettleRows: settle_rows,
    UpgradeLink: upgrade_links,
    OpenPosition: open_positions,
    ForgetPositionId: forget_position_ids,
    TakeOver: take_over,
    CloseOpening: close_openings,
    SettleDoubt: settle_doubts,
    RenewLease: renew_leases,
    TakeSlots: take_slots,
    SharePause: share_pauses,
}
