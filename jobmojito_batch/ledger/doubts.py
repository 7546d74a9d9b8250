"""Invitations in doubt, as sending and settling need them: read only, see requests.SettleDoubt."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Row, Select, and_, bindparam, or_, select

from jobmojito_batch.columns import Outcome
from jobmojito_batch.ledger.accounts import account_of, environment_in, merchant_in
from jobmojito_batch.ledger.database import Database, chunks
from jobmojito_batch.ledger.owners import is_alive
from jobmojito_batch.ledger.positions import merged_into, opener_of
from jobmojito_batch.ledger.schema import IN_DOUBT, ClaimState, invitations, positions, runs


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

    @property
    def merchant(self) -> str:
        """Whose candidate it is: the token's own merchant's, or another's that the row named."""
        return merchant_in(self.account)


class Standing(NamedTuple):
    """Where an invitation stands, and the run that has or had it."""

    state: ClaimState
    outcome: Outcome | None
    run_id: str


@dataclass(frozen=True, slots=True)
class Doubts:
    """Invitations in doubt, and what became of them meanwhile."""

    database: Database

    def of_accounts(self, accounts: Sequence[str]) -> list[Doubted]:
        """Those of *accounts* that are unknown or claimed, the oldest first."""
        return self._doubted(_OF_ACCOUNTS, of_accounts=accounts)

    def all(self) -> list[Doubted]:
        """Those of every account."""
        return self._doubted(_ALL)

    def of_token(self, base_url: str, merchant: str, environment: str) -> list[Doubted]:
        """Those of an account, and those that its runs made for other merchants."""
        return self._doubted(
            _OF_TOKEN,
            of_account=account_of(base_url, merchant, environment),
            of_base_url=base_url,
            of_merchant=merchant,
            of_environment=environment,
        )

    def unknown_since(self, environment: str) -> list[datetime]:
        """Since when each unknown invitation of an environment is; nobody is sending those."""
        return [
            doubted.unknown_since
            for doubted in self.all()
            if not doubted.is_held and environment_in(doubted.account) == environment
        ]

    def once_in_doubt(self, wanted: Iterable[tuple[int, str]]) -> list[Doubted]:
        """
        Invitations by position id and e-mail, as settling needs them, whatever became of them.

        They are held: settling asks the ledger of them before it does anything.
        """
        emails_of: dict[int, list[str]] = {}
        for position_id, email in wanted:
            emails_of.setdefault(position_id, []).append(email)
        return [
            replace(doubted, is_held=True)
            for position_id, emails in emails_of.items()
            for some in chunks(emails)
            for doubted in self._doubted(_OF_PEOPLE, of_position=position_id, of_emails=some)
        ]

    def of_invitation(self, invitation_id: int) -> Doubted | None:
        """An invitation as settling needs it, whatever became of it; None if there is none."""
        return next(iter(self._doubted(_OF_ID, of_invitation=invitation_id)), None)

    def standing(self, invitation_id: int) -> Standing:
        """Where an invitation stands now."""
        with self.database.reading() as connection:
            row = connection.execute(_STANDING, {"of_invitation": invitation_id}).one()
        outcome = Outcome(row.outcome) if row.outcome else None
        return Standing(ClaimState(row.state), outcome, row.run_id)

    def is_being_opened(self, name: str) -> bool:
        """Whether somebody opens a name (`account|folded name`)."""
        with self.database.reading() as connection:
            return opener_of(connection, name) is not None

    def position_def_set_id(self, position_id: int) -> str | None:
        """A position's id in the API, as far as an answer has named it."""
        with self.database.reading() as connection:
            position_id = merged_into(connection, {position_id}).get(position_id, position_id)
            return connection.scalar(_GIVEN_ID, {"of_position": position_id})

    def _doubted(self, which: Select[Any], **values: object) -> list[Doubted]:
        with self.database.reading() as connection:
            rows = connection.execute(which, values).all()
            ids = _definitions(connection, {row.position_id for row in rows})
        now = self.database.clock()
        return [_doubted(row, ids[row.position_id], now) for row in rows]


_INVITATIONS: Final = (
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
_ALL: Final = _INVITATIONS.where(IN_DOUBT)
_OF_ACCOUNTS: Final = _ALL.where(positions.c.account.in_(bindparam("of_accounts", expanding=True)))
_OF_ACCOUNT: Final = positions.c.account == bindparam("of_account")
_OF_ITS_RUNS: Final = and_(
    runs.c.base_url == bindparam("of_base_url"),
    runs.c.merchant == bindparam("of_merchant"),
    runs.c.environment == bindparam("of_environment"),
)
_OF_TOKEN: Final = _ALL.where(or_(_OF_ACCOUNT, _OF_ITS_RUNS))
_OF_PEOPLE: Final = _INVITATIONS.where(
    invitations.c.position_id == bindparam("of_position"),
    invitations.c.candidate_email.in_(bindparam("of_emails", expanding=True)),
)
_OF_ID: Final = _INVITATIONS.where(invitations.c.id == bindparam("of_invitation"))
_STANDING: Final = select(invitations.c.state, invitations.c.outcome, invitations.c.run_id).where(
    invitations.c.id == bindparam("of_invitation")
)
_GIVEN_ID: Final = select(positions.c.position_def_set_id).where(
    positions.c.id == bindparam("of_position")
)
_DEFINITIONS: Final = (
    select(invitations.c.interview_def_set_id)
    .where(
        invitations.c.position_id == bindparam("of_position"),
        invitations.c.interview_def_set_id.is_not(None),
    )
    .distinct()
    .limit(20)
)


def _doubted(row: Row[Any], named: set[str], now: datetime) -> Doubted:
    ids = named | ({row.known_id} if row.known_id else set())
    is_held = row.state != ClaimState.UNKNOWN
    if row.state == ClaimState.CLAIMED:
        is_held = is_alive(row.owner, row.lease_until, now)
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


def _definitions(connection: Connection, position_ids: Collection[int]) -> dict[int, set[str]]:
    """The definition ids that answers named for these positions."""
    return {
        position_id: set(connection.scalars(_DEFINITIONS, {"of_position": position_id}))
        for position_id in position_ids
    }
