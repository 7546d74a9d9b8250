"""The invitations of an account as letters need them: whose, of which row, how far they are."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import polars as pl
from sqlalchemy import ColumnElement, Select, and_, column, func, inspect, or_, select, table

from jobmojito_batch.ledger.accounts import account_of
from jobmojito_batch.ledger.database import Database, chunks
from jobmojito_batch.ledger.erasure import MASK_PREFIX
from jobmojito_batch.ledger.results import RESULT_SCHEMA
from jobmojito_batch.ledger.schema import ClaimState, invitations, positions, run_rows, runs

_FOLLOWUPS: Final = table("followups", column("invitation_id"), column("stage"), column("decision"))
"""What following up keeps, as far as it is looked at here."""


class Stand(NamedTuple):
    """How far the candidate of an invitation was when somebody looked last."""

    stage: str
    decision: str | None


@dataclass(frozen=True, slots=True)
class Addressed:
    """Invitations and their rows."""

    database: Database

    def of_token(self, base_url: str, merchant: str, environment: str) -> pl.DataFrame:
        """
        The invitations of an account, and of the merchants that its runs were made for.

        As position_id, candidate_email, invitation_id; oldest first, nobody who was forgotten.
        """
        own = positions.c.account == account_of(base_url, merchant, environment)
        of_its_runs = and_(
            runs.c.base_url == base_url,
            runs.c.merchant == merchant,
            runs.c.environment == environment,
        )
        query = (
            select(invitations.c.position_id, invitations.c.candidate_email, invitations.c.id)
            .join(positions, positions.c.id == invitations.c.position_id)
            .join(runs, runs.c.run_id == invitations.c.run_id)
            .where(or_(own, of_its_runs), invitations.c.state != ClaimState.OPEN.value, _IS_KNOWN)
            .order_by(invitations.c.id)
        )
        with self.database.reading() as connection:
            rows = [tuple(row) for row in connection.execute(query)]
        return pl.DataFrame(rows, schema=_IDS, orient="row")

    def of_run(self, run_id: str) -> dict[int, int]:
        """The invitation of each row of a run that has one, by ordinal."""
        row, invitation = run_rows.c, invitations.c
        query = (
            select(row.ordinal, invitation.id)
            .join(
                invitations,
                and_(
                    invitation.position_id == row.position_id,
                    invitation.candidate_email == row.candidate_email,
                ),
            )
            .where(row.run_id == run_id, _IS_KNOWN)
        )
        with self.database.reading() as connection:
            return {found.ordinal: found.id for found in connection.execute(query)}

    def frames(self, invitation_ids: Sequence[int]) -> Iterator[pl.DataFrame]:
        """
        Invitations as rows of results (RESULT_SCHEMA, `invitation_id`, `run_id`), in this order.

        Each with the row that it was last sent for, as far as that is kept.
        """
        for some in chunks(invitation_ids):
            with self.database.reading() as connection:
                rows = {row.invitation_id: row for row in connection.execute(_as_results(some))}
            there = [rows[each] for each in some if each in rows]
            yield pl.DataFrame(
                [tuple(getattr(row, name) for name in ADDRESSED_SCHEMA) for row in there],
                schema=ADDRESSED_SCHEMA,
                orient="row",
            ).with_columns(pl.col(pl.Datetime).dt.replace_time_zone("UTC"))

    def stands(self, invitation_ids: Iterable[int]) -> dict[int, Stand]:
        """How far candidates were at the last look; nothing of those whom nobody looked at."""
        found: dict[int, Stand] = {}
        with self.database.reading() as connection:
            if not inspect(connection).has_table(_FOLLOWUPS.name):
                return found
            for some in chunks(list(invitation_ids)):
                query = select(_FOLLOWUPS).where(_FOLLOWUPS.c.invitation_id.in_(some))
                for row in connection.execute(query):
                    found[row.invitation_id] = Stand(row.stage, row.decision)
        return found


_IDS: Final = {
    "position_id": pl.Int64,
    "candidate_email": pl.String,
    "invitation_id": pl.Int64,
}
ADDRESSED_SCHEMA: Final = RESULT_SCHEMA | {"invitation_id": pl.Int64(), "run_id": pl.String()}
_IS_KNOWN: Final = ~invitations.c.candidate_email.startswith(MASK_PREFIX)


def _as_results(invitation_ids: Sequence[int]) -> Select[Any]:
    """Invitations with the row they were last sent for: of their run, or of its shards' parent."""
    whole = func.coalesce(runs.c.parent_id, runs.c.run_id)
    is_row_of = and_(run_rows.c.run_id == whole, run_rows.c.ordinal == invitations.c.ordinal)
    return (
        select(*(_read(name) for name in ADDRESSED_SCHEMA))
        .select_from(invitations)
        .join(positions, positions.c.id == invitations.c.position_id)
        .join(runs, runs.c.run_id == invitations.c.run_id)
        .outerjoin(run_rows, is_row_of)
        .where(invitations.c.id.in_(invitation_ids))
    )


def _read(name: str) -> ColumnElement[Any]:
    """A column of the results, of an invitation whose row may be gone."""
    of_invitation = {
        "outcome": invitations.c.outcome,
        "error_code": invitations.c.error_code,
        "candidate_email": invitations.c.candidate_email,
        "held_by": invitations.c.run_id,
        "invitation_id": invitations.c.id,
        "invitation_outcome": invitations.c.outcome,
        "run_id": runs.c.run_id,
        "known_position_def_set_id": positions.c.position_def_set_id,
        "row_position_def_set_id": run_rows.c.position_def_set_id,
        "attempts": func.coalesce(run_rows.c.attempts, 0),
        "cells": func.coalesce(run_rows.c.cells, "{}"),
    }
    if name in of_invitation:
        return of_invitation[name].label(name)
    own = name.removeprefix("invitation_")
    of_row = run_rows.c.get(name)
    found = of_row if of_row is not None and own == name else invitations.c[own]
    return found.label(name)
