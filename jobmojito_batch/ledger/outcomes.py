"""The SQL of outcomes, and which function writes what the writer is asked to make durable."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, Delete, Engine, Update, and_, bindparam, delete, update

from jobmojito_batch.columns import SETTLED_FOR_GOOD, Outcome
from jobmojito_batch.ledger.claims import IS_SAME_DOUBT, begin_attempts, take_claims, take_over
from jobmojito_batch.ledger.leases import renew_leases
from jobmojito_batch.ledger.letters import end_letters, take_letters
from jobmojito_batch.ledger.positions import (
    close_openings,
    forget_position_ids,
    open_positions,
)
from jobmojito_batch.ledger.requests import (
    BeginAttempt,
    CloseOpening,
    EndAttempt,
    EndLetter,
    Enrolment,
    ForgetPositionId,
    OpenPosition,
    RenewLease,
    RowOutcome,
    SettleDoubt,
    SettleRows,
    SharePause,
    TakeClaim,
    TakeLetter,
    TakeOver,
    TakeSlots,
    UpgradeLink,
)
from jobmojito_batch.ledger.schema import ClaimState, attempts, invitations, openings, run_rows
from jobmojito_batch.ledger.shared_pace import share_pauses, take_slots
from jobmojito_batch.ledger.writer import Writer

STATE_AFTER: Final = {
    Outcome.FAILED: ClaimState.OPEN,
    Outcome.INVALID: ClaimState.OPEN,
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
    _each(connection, _GIVE_BACK, [_ended(attempt) for attempt in ended if attempt.is_free])
    _each(connection, _END_ATTEMPT, [_ended(attempt) for attempt in ended if not attempt.is_free])
    _each(
        connection,
        _GIVE_BACK_CLAIM,
        [
            {"of_invitation": attempt.invitation_id, "of_run": attempt.run_id}
            for attempt in ended
            if attempt.gives_back_claim
        ],
    )
    _each(
        connection,
        _LET_GO,
        [
            {"of_name": attempt.opened, "of_run": attempt.run_id}
            for attempt in ended
            if attempt.opened and _is_over(attempt)
        ],
    )
    final = [(attempt, attempt.row) for attempt in ended if attempt.row is not None]
    _each(connection, _SETTLE_INVITATION, [_settled(attempt, row) for attempt, row in final])
    _each(connection, _SETTLE_ROW, [_row_values(row) for _, row in final])
    return [None] * len(ended)


def _each(
    connection: Connection, statement: Update | Delete, values: list[dict[str, object]]
) -> None:
    if values:
        connection.execute(statement, values)


def _is_over(attempt: EndAttempt) -> bool:
    """Whether the attempt is in no doubt."""
    row = attempt.row
    return attempt.gives_back_claim or (row is not None and row.outcome is not Outcome.UNKNOWN)


def _ended(attempt: EndAttempt) -> dict[str, object]:
    return {
        "of_invitation": attempt.invitation_id,
        "of_run": attempt.run_id,
        "of_number": attempt.number,
        "at": attempt.at,
        "new_result": attempt.result,
        "new_status": attempt.http_status,
        "new_request_id": attempt.request_id,
    }


def _settled(attempt: EndAttempt, row: RowOutcome) -> dict[str, object]:
    said = attempt.enrolment or Enrolment()
    return {
        "of_invitation": attempt.invitation_id,
        "of_run": attempt.run_id,
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
        "new_unknown_since": attempt.at if row.outcome is Outcome.UNKNOWN else None,
    }


def _row_values(row: RowOutcome) -> dict[str, object]:
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
    _each(connection, _SETTLE_ROW, [_row_values(row) for some in settled for row in some.rows])
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
        [{"of_invitation": link.invitation_id, "new_url": link.interview_url} for link in minted],
    )
    connection.execute(
        _LINK_ROW, [{"of_run": link.run_id, "of_ordinal": link.ordinal} for link in minted]
    )
    return [None] * len(minted)


def settle_doubts(connection: Connection, settled: Sequence[SettleDoubt]) -> list[bool]:
    """Record what look-ups showed, each only if the doubt is still the same."""
    return [_settle_doubt(connection, doubt) for doubt in settled]


def _settle_doubt(connection: Connection, doubt: SettleDoubt) -> bool:
    said = doubt.enrolment or Enrolment()
    code = doubt.error_code.value if doubt.error_code else None
    invitation = connection.execute(
        _SETTLE_DOUBT,
        {
            "of_invitation": doubt.invitation_id,
            "seen_at": doubt.seen_at,
            "new_state": STATE_AFTER[doubt.outcome].value,
            "new_outcome": doubt.outcome.value,
            "new_status": said.status,
            "new_interview_url": said.interview_url,
            "new_reason": said.reason,
            "new_interview_def_set_id": said.interview_def_set_id,
            "new_profile_interview_id": said.profile_interview_id,
            "new_error_code": code,
            "new_settled_at": doubt.at,
        },
    ).first()
    if invitation is None:
        return False
    connection.execute(
        _SETTLE_UNKNOWN_ROWS,
        {
            "of_position": invitation.position_id,
            "of_email": invitation.candidate_email,
            "new_outcome": doubt.outcome.value,
            "new_error_code": code,
            "new_error_message": doubt.error_message,
            "new_settled_at": doubt.at,
        },
    )
    if doubt.opened:
        connection.execute(
            _LET_GO_OF_POSITION,
            {"of_name": doubt.opened, "of_position": invitation.position_id},
        )
    return True


_SETTLE_DOUBT = (
    update(invitations)
    .where(IS_SAME_DOUBT)
    .values(
        {
            name: bindparam(f"new_{name}")
            for name in (
                "state", "outcome", "status", "interview_url", "reason", "interview_def_set_id",
                "profile_interview_id", "error_code", "settled_at",
            )
        }
    )
    .values(unknown_since=None)
    .returning(invitations.c.position_id, invitations.c.candidate_email)
)  # fmt: skip
_SETTLE_UNKNOWN_ROWS = (
    update(run_rows)
    .where(
        run_rows.c.position_id == bindparam("of_position"),
        run_rows.c.candidate_email == bindparam("of_email"),
        run_rows.c.outcome == Outcome.UNKNOWN.value,
    )
    .values(
        outcome=bindparam("new_outcome"),
        error_code=bindparam("new_error_code"),
        error_field=None,
        error_message=bindparam("new_error_message"),
        settled_at=bindparam("new_settled_at"),
    )
)
_LET_GO_OF_POSITION = delete(openings).where(
    openings.c.name == bindparam("of_name"), openings.c.position_id == bindparam("of_position")
)


WRITES: Final = dict(
    (
        TakeClaim.written_by(take_claims),
        TakeOver.written_by(take_over),
        BeginAttempt.written_by(begin_attempts),
        EndAttempt.written_by(end_attempts),
        SettleDoubt.written_by(settle_doubts),
        SettleRows.written_by(settle_rows),
        UpgradeLink.written_by(upgrade_links),
        OpenPosition.written_by(open_positions),
        ForgetPositionId.written_by(forget_position_ids),
        CloseOpening.written_by(close_openings),
        RenewLease.written_by(renew_leases),
        TakeSlots.written_by(take_slots),
        SharePause.written_by(share_pauses),
        TakeLetter.written_by(take_letters),
        EndLetter.written_by(end_letters),
    )
)
"""What writes each kind of request."""


def writer_on(engine: Engine, *, in_flight: int) -> Writer:
    """What writes all of these."""
    return Writer(engine, WRITES, in_flight=in_flight)
