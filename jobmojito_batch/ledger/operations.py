"""The SQL of outcomes, and which function writes what the writer is asked to make durable."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import (
    Connection,
    and_,
    bindparam,
    delete,
    update,
)

from jobmojito_batch.columns import SETTLED_FOR_GOOD, Outcome
from jobmojito_batch.ledger.claims import begin_attempts, is_same_doubt, take_claims, take_over
from jobmojito_batch.ledger.positions import forget_position_ids, open_positions
from jobmojito_batch.ledger.requests import (
    BeginAttempt,
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
    close_openings,
    renew_leases,
    share_pauses,
    take_slots,
)
from jobmojito_batch.ledger.tables import (
    ClaimState,
    attempts,
    invitations,
    openings,
    run_rows,
)
from jobmojito_batch.ledger.writer import Apply

STATE_AFTER: Final = {
    Outcome.FAILED: ClaimState.OPEN,
    Outcome.NOT_SENT: ClaimState.OPEN,
    Outcome.UNKNOWN: ClaimState.UNKNOWN,
} | dict.fromkeys(SETTLED_FOR_GOOD, ClaimState.SETTLED)


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


def settle_doubts(connection: Connection, settled: Sequence[SettleDoubt]) -> list[bool]:
    """Record what look-ups showed, each only where the doubt is still the same."""
    return [_settle_doubt(connection, one) for one in settled]


def _settle_doubt(connection: Connection, one: SettleDoubt) -> bool:
    said = one.enrolment or Enrolment()
    code = one.error_code.value if one.error_code else None
    changed = connection.execute(
        update(invitations)
        .where(is_same_doubt(one))
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
