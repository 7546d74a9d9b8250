"""What became of invitations: kept beside them, and what the next look goes on from."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

import polars as pl
from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    and_,
    bindparam,
    func,
    or_,
    select,
    update,
)

from jobmojito_batch.columns import Decision, Stage
from jobmojito_batch.ledger.accounts import account_of, merchant_in
from jobmojito_batch.ledger.database import Database, chunks, inserting
from jobmojito_batch.ledger.masks import MASK_PREFIX
from jobmojito_batch.ledger.records import Price
from jobmojito_batch.ledger.results import RESULT_SCHEMA
from jobmojito_batch.ledger.schema import (
    ClaimState,
    credit_charges,
    followup_looks,
    followups,
    invitations,
    positions,
    run_rows,
    runs,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowedUp:
    """What a look came to, of one invitation; times are UTC without a zone."""

    stage: Stage
    decision: Decision | None = None
    score: float | None = None
    interview_result_id: str | None = None
    stage_since: datetime | None = None
    link_made_at: datetime | None = None
    checked_at: datetime
    why: str | None = None
    """Of an unclear one: the end of a sentence."""
    has_odd_decision: bool = False
    profile_id: str | None = None
    profile_interview_id: str | None = None
    definition_id: str | None = None
    rows: str | None = field(default=None, repr=False)
    """The enrolment's rows in the API's list, as far as they tell, as JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """An invitation, and what the last look came to; no repr shows a person or a link."""

    invitation_id: int
    position_id: int
    account: str
    opening_key: str | None
    candidate_email: str = field(repr=False)
    state: ClaimState
    outcome: str | None
    sent_at: datetime | None
    settled_at: datetime | None
    interview_url: str | None = field(repr=False)
    position_def_set_id: str | None
    interview_def_set_id: str | None
    profile_interview_id: str | None
    candidate_external_id: str | None = field(repr=False)
    run_id: str
    ordinal: int
    last: FollowedUp | None = None
    told: tuple[str | None, str | None, float | None] = (None, None, None)
    """Stage, decision and score as the last look that was written said."""
    replaced_at: datetime | None = None
    report_key: str | None = None

    @property
    def merchant(self) -> str:
        """Whose candidate it is."""
        return merchant_in(self.account)

    @property
    def enrolment_id(self) -> str | None:
        """The enrolment's id: as the API answered, else as a look found it."""
        id_by_look = self.last.profile_interview_id if self.last is not None else None
        return self.profile_interview_id or id_by_look

    @property
    def has_changed(self) -> bool:
        """Whether stage, decision or score are not what was last told."""
        if self.last is None:
            return False
        return self.told != (self.last.stage, self.last.decision, self.last.score)


class Look(NamedTuple):
    """What the next look at a definition's list goes on from."""

    newest_created: datetime | None
    newest_updated: datetime | None
    total: int | None


class LinkMade(NamedTuple):
    """A fresh link for an invitation."""

    invitation_id: int
    url: str
    at: datetime


class Charge(NamedTuple):
    """A charge of an invitation, as the account's credit ledger has it."""

    charge_id: str
    invitation_id: int
    event: str
    credits: float
    at: datetime | None
    kind: str


@dataclass(frozen=True, slots=True)
class FollowUps:
    """What became of invitations."""

    database: Database

    def of_token(self, base_url: str, merchant: str, environment: str) -> list[Followed]:
        """
        The invitations of an account, and of the merchants that its runs were made for.

        Without those that were refused or never sent, and people who were forgotten; oldest first.
        """
        own = positions.c.account == account_of(base_url, merchant, environment)
        of_its_runs = and_(
            runs.c.base_url == base_url,
            runs.c.merchant == merchant,
            runs.c.environment == environment,
        )
        query = _followed().where(or_(own, of_its_runs)).order_by(invitations.c.id)
        with self.database.reading() as connection:
            return [_read(row) for row in connection.execute(query)]

    def save(
        self,
        followed_up: Iterable[tuple[int, FollowedUp]],
        look: tuple[str, str, Look] | None,
        *,
        at: datetime,
    ) -> None:
        """Keep what a look found, and from where the next one goes on: both or neither."""
        rows = [_values(invitation_id, each) for invitation_id, each in followed_up]
        with self.database.writing() as connection:
            name = connection.dialect.name
            for some in chunks(rows):
                connection.execute(_upsert(name, followups, ["invitation_id"], _SAVED), list(some))
            if look is not None:
                account, definition_id, marks = look
                values = {
                    "account": account,
                    "definition_id": definition_id,
                    "looked_at": at,
                    **marks._asdict(),
                }
                keys = ["account", "definition_id"]
                rest = [column for column in values if column not in keys]
                connection.execute(_upsert(name, followup_looks, keys, rest), values)

    def looks(self, accounts: Sequence[str]) -> dict[tuple[str, str], Look]:
        """Definitions that were walked once, by account and id."""
        columns = followup_looks.c
        with self.database.reading() as connection:
            return {
                (row.account, row.definition_id): Look(
                    row.newest_created, row.newest_updated, row.total
                )
                for some in chunks(accounts)
                for row in connection.execute(
                    select(followup_looks).where(columns.account.in_(some))
                )
            }

    def tell(self, invitation_ids: Sequence[int]) -> None:
        """What is known of these was written to a file: later only what differs has changed."""
        with self.database.writing() as connection:
            for some in chunks(invitation_ids):
                connection.execute(
                    update(followups)
                    .where(followups.c.invitation_id.in_(some))
                    .values(
                        told_stage=followups.c.stage,
                        told_decision=followups.c.decision,
                        told_score=followups.c.score,
                    )
                )

    def renew_links(self, new_links: Sequence[LinkMade]) -> None:
        """The fresh links take the place of the old, which stay known as replaced."""
        old = invitations.c.interview_url
        of = invitations.c.id == bindparam("of")
        keep = (
            update(followups)
            .where(followups.c.invitation_id == bindparam("of"))
            .values(
                replaced_url=select(old).where(of).scalar_subquery(),
                replaced_at=bindparam("made_at"),
                link_made_at=bindparam("made_at"),
            )
        )
        renew = update(invitations).where(of).values(interview_url=bindparam("url"))
        with self.database.writing() as connection:
            for link in new_links:
                connection.execute(keep, {"of": link.invitation_id, "made_at": link.at})
                connection.execute(renew, {"of": link.invitation_id, "url": link.url})

    def add_report(self, invitation_id: int, key: str) -> None:
        """The report of a result was fetched."""
        with self.database.writing() as connection:
            connection.execute(
                update(followups)
                .where(followups.c.invitation_id == invitation_id)
                .values(report_key=key)
            )

    def frames(self, invitation_ids: Sequence[int]) -> Iterable[pl.DataFrame]:
        """
        Invitations as rows of results (RESULT_SCHEMA and `run_id`), in the order given.

        Each with the row that it was last sent for, as far as that is kept.
        """
        for some in chunks(invitation_ids):
            with self.database.reading() as connection:
                rows = {row.invitation_id: row for row in connection.execute(_as_results(some))}
            ordered_rows = [rows[each] for each in some if each in rows]
            schema = RESULT_SCHEMA | {"run_id": pl.String()}
            yield pl.DataFrame(
                [tuple(getattr(row, name) for name in schema) for row in ordered_rows],
                schema=schema,
                orient="row",
            ).with_columns(pl.col(pl.Datetime).dt.replace_time_zone("UTC"))

    # Credits

    def add_charges(self, account: str, charges: Sequence[Charge]) -> None:
        """Keep what invitations cost; a charge that is known stays as it is."""
        with self.database.writing() as connection:
            statement = inserting(connection.dialect.name, credit_charges)
            once = statement.on_conflict_do_nothing(index_elements=["account", "charge_id"])
            for some in chunks([{"account": account, **each._asdict()} for each in charges]):
                connection.execute(once, list(some))

    def prices(self, account: str) -> list[Price]:
        """What rows of each kind have really cost in an account, all charges of a row together."""
        columns = credit_charges.c
        query = (
            select(
                columns.kind,
                func.count(columns.invitation_id.distinct()),
                func.sum(columns.credits),
            )
            .where(columns.account == account)
            .group_by(columns.kind)
            .order_by(columns.kind)
        )
        with self.database.reading() as connection:
            return [Price(kind, rows, total) for kind, rows, total in connection.execute(query)]

    def rows_of(self, invitation_ids: Sequence[int]) -> dict[int, Row[Any]]:
        """Where invitations stand: run, source, row, cells; by id, as far as that is kept."""
        with self.database.reading() as connection:
            return {
                row.invitation_id: row
                for some in chunks(invitation_ids)
                for row in connection.execute(_as_results(some))
            }


_SAVED: Final = (
    "stage", "decision", "score", "interview_result_id", "stage_since", "link_made_at",
    "checked_at", "why", "has_odd_decision", "profile_id", "profile_interview_id",
    "definition_id", "rows",
)  # fmt: skip
_OF_INVITATION: Final = (
    "candidate_email", "state", "outcome", "sent_at", "settled_at", "interview_url",
    "position_def_set_id", "interview_def_set_id", "profile_interview_id", "run_id", "ordinal",
)  # fmt: skip


def _followed() -> Select[Any]:
    return (
        select(
            invitations.c.id,
            invitations.c.position_id,
            positions.c.account,
            positions.c.opening_key,
            *(invitations.c[name] for name in _OF_INVITATION),
            *(followups.c[name].label(f"last_{name}") for name in _SAVED),
            run_rows.c.candidate_external_id,
            followups.c.told_stage,
            followups.c.told_decision,
            followups.c.told_score,
            followups.c.replaced_at,
            followups.c.report_key,
        )
        .join(positions, positions.c.id == invitations.c.position_id)
        .join(runs, runs.c.run_id == invitations.c.run_id)
        .outerjoin(run_rows, _is_row_of())
        .outerjoin(followups, followups.c.invitation_id == invitations.c.id)
        .where(invitations.c.state != ClaimState.OPEN.value, _is_known())
    )


def _is_row_of() -> ColumnElement[bool]:
    """Of an invitation's run, or of the parent of the shard that sent it."""
    whole = func.coalesce(runs.c.parent_id, runs.c.run_id)
    return and_(run_rows.c.run_id == whole, run_rows.c.ordinal == invitations.c.ordinal)


def _is_known() -> ColumnElement[bool]:
    return ~invitations.c.candidate_email.startswith(MASK_PREFIX)


def _read(row: Row[Any]) -> Followed:
    return Followed(
        invitation_id=row.id,
        position_id=row.position_id,
        account=row.account,
        opening_key=row.opening_key,
        candidate_external_id=row.candidate_external_id,
        **{name: getattr(row, name) for name in _OF_INVITATION if name != "state"},
        state=ClaimState(row.state),
        last=_last(row),
        told=(row.told_stage, row.told_decision, row.told_score),
        replaced_at=row.replaced_at,
        report_key=row.report_key,
    )


def _last(row: Row[Any]) -> FollowedUp | None:
    if row.last_stage is None:
        return None
    values = {name: getattr(row, f"last_{name}") for name in _SAVED}
    decision = Decision(values["decision"]) if values["decision"] else None
    return FollowedUp(**(values | {"stage": Stage(values["stage"]), "decision": decision}))


def _values(invitation_id: int, followed_up: FollowedUp) -> dict[str, Any]:
    values = {name: getattr(followed_up, name) for name in _SAVED}
    return {"invitation_id": invitation_id, **values}


def _upsert(dialect_name: str, table: Any, keys: Sequence[str], rest: Sequence[str]) -> Any:  # noqa: ANN401 - of either dialect
    statement = inserting(dialect_name, table)
    return statement.on_conflict_do_update(
        index_elements=list(keys), set_={name: statement.excluded[name] for name in rest}
    )


def _as_results(invitation_ids: Sequence[int]) -> Select[Any]:
    """Invitations with the row they were last sent for: of their run, or of its shards' parent."""
    row, invitation = run_rows.c, invitations.c
    whole = func.coalesce(runs.c.parent_id, runs.c.run_id)
    return (
        select(
            invitation.id.label("invitation_id"),
            whole.label("run_id"),
            invitation.ordinal,
            func.coalesce(row.source, "").label("source"),
            row.row,
            invitation.outcome,
            invitation.error_code,
            row.error_field,
            row.error_message,
            row.attempts,
            invitation.http_status,
            invitation.sent_at,
            invitation.settled_at,
            row.candidate_external_id,
            row.candidate_name,
            invitation.candidate_email,
            row.position_name,
            row.position_def_set_id.label("row_position_def_set_id"),
            row.mojito_language_code,
            func.coalesce(row.cells, "{}").label("cells"),
            invitation.state,
            invitation.outcome.label("invitation_outcome"),
            invitation.run_id.label("held_by"),
            invitation.status,
            invitation.interview_url,
            invitation.reason,
            invitation.position_def_set_id,
            invitation.interview_def_set_id,
            invitation.profile_interview_id,
            invitation.http_status.label("invitation_http_status"),
            invitation.sent_at.label("invitation_sent_at"),
            invitation.settled_at.label("invitation_settled_at"),
            positions.c.position_def_set_id.label("known_position_def_set_id"),
            followups.c.replaced_at.label("link_renewed_at"),
        )
        .select_from(invitations)
        .join(positions, positions.c.id == invitation.position_id)
        .join(runs, runs.c.run_id == invitation.run_id)
        .outerjoin(run_rows, _is_row_of())
        .outerjoin(followups, followups.c.invitation_id == invitation.id)
        .where(invitation.id.in_(invitation_ids))
    )
