"""What happened in a run: rows with their invitations, counts of them and of calls, its files."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

import polars as pl
from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    case,
    func,
    insert,
    or_,
    select,
    true,
)

from jobmojito_batch.columns import Outcome
from jobmojito_batch.ledger.database import Database
from jobmojito_batch.ledger.frames import frame_of, wide_frame_of
from jobmojito_batch.ledger.runs import family_of, is_among, of_run
from jobmojito_batch.ledger.schema import (
    attempts,
    followups,
    invitations,
    positions,
    run_rows,
    written_files,
)

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
    "mojito_language_code": pl.String(),
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
    "invitation_id": pl.Int64(),
    "link_renewed_at": pl.Datetime("us"),
}
SHOWS_LINK: Final = (Outcome.INVITED.value, Outcome.ALREADY_APPLIED.value)
"""A link beside review or rejected would be mailed by somebody who did not look."""
CREATED: Final = (Outcome.INVITED.value, Outcome.REVIEW.value, Outcome.REJECTED.value)
"""An interview of this run is there; whatever the platform thinks of the candidate."""
_IS_OF_ROW: Final = and_(
    invitations.c.position_id == run_rows.c.position_id,
    invitations.c.candidate_email == run_rows.c.candidate_email,
)


class RowReason(NamedTuple):
    """Where a row of a run came from, and why it ended as it did."""

    source: str
    row: int
    error_code: str | None
    error_field: str | None


class RowEnd(NamedTuple):
    """What a row of a run came to."""

    source: str
    row: int
    outcome: str | None
    error_message: str | None


class RowCounts(NamedTuple):
    """How many rows of a run there are of each kind."""

    outcomes: dict[Outcome, int]
    """Rows without one yet are left out."""
    reasons: dict[str, int]
    """By error code, the most frequent first."""


@dataclass(frozen=True, slots=True)
class Results:
    """What became of the rows and calls of runs."""

    database: Database

    # Rows

    def frames(
        self,
        run_id: str,
        *,
        only: Collection[Outcome] | None = None,
        without: Collection[str] = (),
    ) -> Iterator[pl.DataFrame]:
        """
        The rows of a run in input order, at most RESULT_CHUNK at a time (RESULT_SCHEMA).

        Those with some outcomes *only*, if it is given, and *without* columns that nobody looks at.
        Joined with their invitations by position and e-mail; each frame is read for itself.
        """
        schema = {name: dtype for name, dtype in RESULT_SCHEMA.items() if name not in without}
        after = -1
        while True:
            query = _results(run_id, after, only)
            asked = query.with_only_columns(*(query.selected_columns[name] for name in schema))
            with self.database.reading() as connection:
                rows = wide_frame_of(connection, asked, schema, apart="cells")
            if rows.is_empty():
                return
            after = rows["ordinal"][-1]
            yield rows.with_columns(pl.col(pl.Datetime).dt.replace_time_zone("UTC"))

    def page(
        self, run_id: str, *, outcome: str, text: str, start: int, most: int
    ) -> tuple[int, pl.DataFrame]:
        """
        How many rows of a run fit, and some of them (RESULT_SCHEMA).

        "" fits every *outcome*; *text* is looked for in name, address and position.
        """
        fits = [run_rows.c.outcome == outcome] if outcome else []
        if text:
            names = ("candidate_name", "candidate_email", "position_name", "candidate_external_id")
            has_it = (run_rows.c[name].icontains(text, autoescape=True) for name in names)
            fits.append(or_(*has_it))
        count = select(func.count()).where(run_rows.c.run_id == run_id, *fits)
        rows = _results(run_id, -1, None).where(*fits).limit(most).offset(start)
        with self.database.reading() as connection:
            total = int(connection.scalar(count) or 0)
            return total, frame_of(connection, rows, RESULT_SCHEMA)

    def row(self, run_id: str, ordinal: int) -> pl.DataFrame:
        """One row of a run (RESULT_SCHEMA); none where there is no such ordinal."""
        row = _results(run_id, ordinal - 1, None).where(run_rows.c.ordinal == ordinal)
        with self.database.reading() as connection:
            return frame_of(connection, row, RESULT_SCHEMA)

    def has_rows(self, run_id: str) -> bool:
        """Whether the rows of a run are still kept (docs/ledger.md, Retention)."""
        query = select(run_rows.c.ordinal).where(run_rows.c.run_id == run_id).limit(1)
        with self.database.reading() as connection:
            return connection.scalar(query) is not None

    def rows_in(self, run_id: str, outcome: Outcome, *, at_most: int) -> list[RowReason]:
        """The first rows of a run in an outcome."""
        query = (
            select(*(run_rows.c[name] for name in RowReason._fields))
            .where(run_rows.c.run_id == run_id, run_rows.c.outcome == outcome.value)
            .order_by(run_rows.c.ordinal)
            .limit(at_most)
        )
        with self.database.reading() as connection:
            return [RowReason(*row) for row in connection.execute(query)]

    def ends_of(self, run_id: str, ordinals: Collection[int]) -> list[RowEnd]:
        """What a few rows of a run came to."""
        query = (
            select(*(run_rows.c[name] for name in RowEnd._fields))
            .where(run_rows.c.run_id == run_id, run_rows.c.ordinal.in_(ordinals))
            .order_by(run_rows.c.ordinal)
        )
        with self.database.reading() as connection:
            return [RowEnd(*row) for row in connection.execute(query)]

    def outcomes(self, run_id: str) -> dict[Outcome, int]:
        """Rows of a run by outcome; rows without one yet are left out."""
        return self.counts(run_id).outcomes

    def counts(self, run_id: str) -> RowCounts:
        """Rows of a run by outcome and by error code, from one look at them."""
        row = run_rows.c
        query = select(row.outcome, row.error_code, func.count())
        by_kind = query.group_by(row.outcome, row.error_code).order_by(row.outcome)
        outcomes: Counter[Outcome] = Counter()
        reasons: Counter[str] = Counter()
        with self.database.reading() as connection:
            rows = of_run(connection, run_id)
            counted = connection.execute(by_kind.where(rows.condition), rows.values)
            for outcome, code, count in counted:
                if outcome is not None:
                    outcomes[Outcome(outcome)] += count
                if code is not None:
                    reasons[code] += count
        by_frequency = sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0]))
        return RowCounts(dict(outcomes), dict(by_frequency))

    def new_by_position(self, run_id: str) -> dict[str, int]:
        """
        Interviews that a run created, by position_def_set_id, the most first.

        By "" where the platform gave the position no id.
        """
        name, number = func.coalesce(positions.c.position_def_set_id, ""), func.count()
        query = (
            select(name, number)
            .select_from(run_rows)
            .join(positions, positions.c.id == run_rows.c.position_id)
            .where(run_rows.c.run_id == run_id, run_rows.c.outcome.in_(CREATED))
            .group_by(name)
            .order_by(number.desc(), name)
        )
        with self.database.reading() as connection:
            return {str(position): int(count) for position, count in connection.execute(query)}

    def outcomes_by_source(self, run_id: str) -> dict[str, dict[Outcome, int]]:
        """Rows of a run by source and outcome; a row without one yet counts as unknown."""
        outcome = func.coalesce(run_rows.c.outcome, Outcome.UNKNOWN.value)
        query = (
            select(run_rows.c.source, outcome, func.count())
            .where(run_rows.c.run_id == run_id)
            .group_by(run_rows.c.source, outcome)
        )
        counts: dict[str, dict[Outcome, int]] = {}
        with self.database.reading() as connection:
            for source, kind, count in connection.execute(query):
                counts.setdefault(source, {})[Outcome(kind)] = count
        return counts

    def people_with_link(self, run_id: str) -> tuple[int, int]:
        """How many people have a link: of this run, and of an earlier one alone."""
        row, invitation = run_rows.c, invitations.c
        is_old = row.outcome == Outcome.ALREADY_DONE.value
        shows = func.coalesce(case((is_old, invitation.outcome)), row.outcome).in_(SHOWS_LINK)
        is_new = func.max(case((row.outcome == Outcome.INVITED.value, 1), else_=0))
        with self.database.reading() as connection:
            rows = of_run(connection, run_id)
            people = (
                select(is_new.label("is_new"))
                .select_from(run_rows)
                .join(invitations, _IS_OF_ROW)
                .where(rows.condition, invitation.interview_url.is_not(None), shows)
                .group_by(row.candidate_email)
                .subquery()
            )
            number = func.count().label("people")
            query = select(people.c.is_new, number).group_by(people.c.is_new)
            groups = connection.execute(query, rows.values)
            counts = {int(some.is_new): int(some.people) for some in groups}
        return counts.get(1, 0), counts.get(0, 0)

    def invitation_counts(self) -> dict[str, int]:
        """Invitations by outcome, of all runs; `in_flight` for those without one."""
        query = select(invitations.c.outcome, func.count()).group_by(invitations.c.outcome)
        with self.database.reading() as connection:
            return {outcome or "in_flight": count for outcome, count in connection.execute(query)}

    # Calls

    def calls_of(self, run_id: str) -> int:
        """Calls to the create endpoint that a run began."""
        return self._count_calls(run_id)

    def retries_of(self, run_id: str) -> int:
        """Those of them that were not the first of their row."""
        return self._count_calls(run_id, attempts.c.number > 1)

    def _count_calls(self, run_id: str, *which: ColumnElement[bool]) -> int:
        with self.database.reading() as connection:
            is_own = is_among(attempts.c.run_id, family_of(connection, run_id))
            query = select(func.count()).select_from(attempts).where(is_own, *which)
            return int(connection.scalar(query) or 0)

    def credits_of(self, run_id: str) -> float:
        """Credits of a run's calls that cost or may have cost, by the price in the settings."""
        with self.database.reading() as connection:
            is_own = is_among(attempts.c.run_id, family_of(connection, run_id))
            return credits_of_calls(connection, is_own)

    def credits_since(self, moment: datetime) -> float:
        """Credits reserved since then and not given back: calls that cost or may have cost."""
        with self.database.reading() as connection:
            return credits_of_calls(connection, attempts.c.started_at >= moment)


def credits_of_calls(connection: Connection, which: ColumnElement[bool]) -> float:
    """What these calls cost or may have cost."""
    return float(connection.scalar(select(func.sum(attempts.c.credits)).where(which)) or 0.0)


def _results(run_id: str, after: int, only: Collection[Outcome] | None) -> Select[Any]:
    row, invitation = run_rows.c, invitations.c
    is_wanted = true() if only is None else row.outcome.in_([outcome.value for outcome in only])
    return (
        select(
            row.ordinal, row.source, row.row, row.outcome, row.error_code, row.error_field,
            row.error_message, row.attempts, row.http_status, row.sent_at, row.settled_at,
            row.candidate_external_id, row.candidate_name, row.candidate_email,
            row.position_name, row.position_def_set_id.label("row_position_def_set_id"),
            row.mojito_language_code,
            row.cells, invitation.state, invitation.outcome.label("invitation_outcome"),
            invitation.run_id.label("held_by"), invitation.status, invitation.interview_url,
            invitation.reason, invitation.position_def_set_id, invitation.interview_def_set_id,
            invitation.profile_interview_id,
            invitation.http_status.label("invitation_http_status"),
            invitation.sent_at.label("invitation_sent_at"),
            invitation.settled_at.label("invitation_settled_at"),
            positions.c.position_def_set_id.label("known_position_def_set_id"),
            invitation.id.label("invitation_id"),
            followups.c.replaced_at.label("link_renewed_at"),
        )
        .select_from(run_rows)
        .outerjoin(invitations, _IS_OF_ROW)
        .outerjoin(followups, followups.c.invitation_id == invitation.id)
        .outerjoin(positions, positions.c.id == row.position_id)
        .where(row.run_id == run_id, row.ordinal > after, is_wanted)
        .order_by(row.ordinal)
        .limit(RESULT_CHUNK)
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class WrittenFiles:
    """Hashes of files that were written. They tell of nobody, so nothing of them is forgotten."""

    database: Database

    def remember(self, hashes: Sequence[str]) -> None:
        """Files with this content are ours."""
        now = self.database.clock()
        with self.database.writing() as connection:
            known = written_files.c.sha256.in_(hashes)
            noted = set(connection.scalars(select(written_files.c.sha256).where(known)))
            new = [{"sha256": sha, "at": now} for sha in dict.fromkeys(hashes) if sha not in noted]
            if new:
                connection.execute(insert(written_files), new)

    def knows(self, sha256: str) -> bool:
        """Whether a file with this content is as it was written."""
        query = select(written_files.c.sha256).where(written_files.c.sha256 == sha256)
        with self.database.reading() as connection:
            return connection.scalar(query) is not None
