"""What a run leaves behind when it ends or dies: its claims in doubt, its other rows not sent."""

from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Connection, Engine, and_, func, select, update

from jobmojito_batch.columns import ErrorCode, Outcome
from jobmojito_batch.ledger.engine import adding, translated
from jobmojito_batch.ledger.families import family_of, is_among
from jobmojito_batch.ledger.tables import IN_DOUBT, ClaimState, invitations, run_rows

SWEEP_SLICE: Final = 50_000


def sweep(engine: Engine, run_id: str, code: ErrorCode, message: str) -> None:
    """
    Make rows that were never claimed not_sent, in slices, before the run is ended.

    Of millions of rows that a stop leaves over, few are left to do then while others wait.
    """
    last = select(func.max(run_rows.c.ordinal)).where(run_rows.c.run_id == run_id)
    with translated("reading"), engine.connect() as connection:
        count = 1 + (connection.scalar(last) or 0)
        family = family_of(connection, run_id)
    for start in range(0, count, SWEEP_SLICE):
        with translated("writing"), adding(engine) as connection:
            connection.execute(
                update(run_rows)
                .where(
                    run_rows.c.run_id == run_id,
                    run_rows.c.ordinal >= start,
                    run_rows.c.ordinal < start + SWEEP_SLICE,
                    run_rows.c.outcome.is_(None),
                    ~_has_call_in_doubt(family),
                )
                .values(_not_sent(code, message))
            )


def doubt_claims(connection: Connection, run_id: str, *, since: datetime) -> None:
    """What the run holds is unknown: nobody listens for the answers any more."""
    connection.execute(
        update(invitations)
        .where(invitations.c.run_id == run_id, invitations.c.state == ClaimState.CLAIMED)
        .values(
            state=ClaimState.UNKNOWN.value,
            outcome=Outcome.UNKNOWN.value,
            error_code=ErrorCode.INTERRUPTED.value,
            sent_at=invitations.c.claimed_at,
            unknown_since=since,
        )
    )


def settle_unreached(connection: Connection, run_id: str, code: ErrorCode, message: str) -> None:
    """Rows without an outcome: unknown where this run holds a call in doubt, else not_sent."""
    mine = and_(
        run_rows.c.run_id == run_id,
        run_rows.c.outcome.is_(None),
    )
    connection.execute(
        update(run_rows)
        .where(mine, _has_call_in_doubt(family_of(connection, run_id)))
        .values(
            outcome=Outcome.UNKNOWN.value,
            error_code=ErrorCode.INTERRUPTED.value,
            error_message=f"{message} while the call was under way: the interview may exist, so "
            "the row is not sent again; look the candidate up in JobMojito",
        )
    )
    connection.execute(update(run_rows).where(mine).values(_not_sent(code, message)))


def _has_call_in_doubt(family: list[str]) -> ColumnElement[bool]:
    """Whether the run (or a shard of it) holds the invitation of its row, without an outcome."""
    return (
        select(invitations.c.id)
        .where(
            invitations.c.position_id == run_rows.c.position_id,
            invitations.c.candidate_email == run_rows.c.candidate_email,
            is_among(invitations.c.run_id, family),
            invitations.c.ordinal == run_rows.c.ordinal,
            IN_DOUBT,
        )
        .exists()
    )


def _not_sent(code: ErrorCode, message: str) -> dict[str, str]:
    return {
        "outcome": Outcome.NOT_SENT.value,
        "error_code": code.value,
        "error_message": message,
    }
