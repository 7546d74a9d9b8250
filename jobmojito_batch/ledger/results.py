"""What happened in a run: its rows with their invitations, and counts of them."""

from collections.abc import Collection, Iterator
from typing import Any, Final

import polars as pl
from sqlalchemy import Connection, Engine, and_, func, select, true

from jobmojito_batch.columns import Outcome
from jobmojito_batch.ledger.engine import translated
from jobmojito_batch.ledger.tables import invitations, positions, run_rows

RESULT_CHUNK: Final = 10_000
RESULT_SCHEMA: Final = {
    "ordinal": pl.Int64(),
    "source": pl.String(),
    "row": pl.Int64(),
    "outcome": pl.String(),
    "error_code": pl.String(),
    "error_field": pl.String(),
    "error_message": pl.String(),
    "attempts": pl.Int64(),
    "http_status": pl.Int64(),
    "sent_at": pl.Datetime("us"),
    "settled_at": pl.Datetime("us"),
    "candidate_external_id": pl.String(),
    "candidate_name": pl.String(),
    "candidate_email": pl.String(),
    "position_name": pl.String(),
    "row_position_def_set_id": pl.String(),
    "cells": pl.String(),
    "state": pl.String(),
    "invitation_outcome": pl.String(),
    "held_by": pl.String(),
    "status": pl.String(),
    "interview_url": pl.String(),
    "reason": pl.String(),
    "position_def_set_id": pl.String(),
    "interview_def_set_id": pl.String(),
    "profile_interview_id": pl.String(),
    "invitation_http_status": pl.Int64(),
    "invitation_sent_at": pl.Datetime("us"),
    "invitation_settled_at": pl.Datetime("us"),
    "known_position_def_set_id": pl.String(),
}


def result_frames(
    engine: Engine, run_id: str, *, only: Collection[Outcome] | None = None
) -> Iterator[pl.DataFrame]:
    """The rows of a run in input order, RESULT_CHUNK at a time, each read for itself."""
    after = -1
    while True:
        with translated("reading"), engine.connect() as connection:
            rows = connection.execute(_results(run_id, after, only)).all()
        if not rows:
            return
        after = rows[-1].ordinal
        yield pl.DataFrame(
            [tuple(row) for row in rows], schema=RESULT_SCHEMA, orient="row"
        ).with_columns(pl.col(pl.Datetime).dt.replace_time_zone("UTC"))


def rows_in(
    connection: Connection, run_id: str, outcome: Outcome, *, at_most: int
) -> list[tuple[str, int, str | None, str | None]]:
    """The first rows of a run in an outcome: source, row, error code, error field."""
    columns = (run_rows.c[name] for name in ("source", "row", "error_code", "error_field"))
    query = (
        select(*columns)
        .where(run_rows.c.run_id == run_id, run_rows.c.outcome == outcome.value)
        .order_by(run_rows.c.ordinal)
        .limit(at_most)
    )
    return [tuple(row) for row in connection.execute(query)]


def count_rows(connection: Connection, run_id: str, column: str) -> list[tuple[str, int]]:
    """Rows of a run by what stands in a column; those with nothing in it are left out."""
    what = run_rows.c[column]
    query = (
        select(what, func.count())
        .where(run_rows.c.run_id == run_id, what.is_not(None))
        .group_by(what)
        .order_by(what)
    )
    return [(str(value), int(count)) for value, count in connection.execute(query)]


def _results(run_id: str, after: int, only: Collection[Outcome] | None) -> Any:  # noqa: ANN401
    row, invitation = run_rows.c, invitations.c
    is_wanted = true() if only is None else row.outcome.in_([one.value for one in only])
    return (
        select(
            row.ordinal, row.source, row.row, row.outcome, row.error_code, row.error_field,
            row.error_message, row.attempts, row.http_status, row.sent_at, row.settled_at,
            row.candidate_external_id, row.candidate_name, row.candidate_email,
            row.position_name, row.position_def_set_id.label("row_position_def_set_id"),
            row.cells, invitation.state, invitation.outcome.label("invitation_outcome"),
            invitation.run_id.label("held_by"), invitation.status, invitation.interview_url,
            invitation.reason, invitation.position_def_set_id, invitation.interview_def_set_id,
            invitation.profile_interview_id,
            invitation.http_status.label("invitation_http_status"),
            invitation.sent_at.label("invitation_sent_at"),
            invitation.settled_at.label("invitation_settled_at"),
            positions.c.position_def_set_id.label("known_position_def_set_id"),
        )
        .select_from(run_rows)
        .outerjoin(
            invitations,
            and_(
                invitation.position_id == row.position_id,
                invitation.candidate_email == row.candidate_email,
            ),
        )
        .outerjoin(positions, positions.c.id == row.position_id)
        .where(row.run_id == run_id, row.ordinal > after, is_wanted)
        .order_by(row.ordinal)
        .limit(RESULT_CHUNK)
    )  # fmt: skip
