"""What the ledger knows before a run: positions by key, and what became of invitations."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

import polars as pl
from sqlalchemy import Connection, Row, Select, bindparam, func, select

from jobmojito_batch.ledger.database import Database, chunks
from jobmojito_batch.ledger.frames import frames_of
from jobmojito_batch.ledger.invited_people import (
    accounts_of_positions,
    all_people,
    is_cheaper_by_address,
    people_at,
)
from jobmojito_batch.ledger.masks import MASK_PREFIX, forgotten_key, mask
from jobmojito_batch.ledger.owners import is_alive
from jobmojito_batch.ledger.positions import BY_KEYS
from jobmojito_batch.ledger.records import (
    HISTORY_SCHEMA,
    InvitedUnder,
    KnownPosition,
    KnownPositions,
    Requisition,
)
from jobmojito_batch.ledger.requisitions import (
    beside_ids,
    invited_under,
    known_keys,
    other_opening_keys,
    requisitions,
)
from jobmojito_batch.ledger.schema import IN_DOUBT, ClaimState, invitations, positions, runs

HISTORY_CHUNK: Final = 20_000
SCANNED_FOR_ONE: Final = 4
"""
Invitations that are read for one of the positions asked for, before an index is the better way: by
it each is a page of its own, and reading the table as it lies takes a quarter of the time.
"""

_HISTORY_READ: Final = {
    name: dtype for name, dtype in HISTORY_SCHEMA.items() if name != "is_in_flight"
}


class NamesOf(NamedTuple):
    """What positions are called by, beside the opening key that they were made with."""

    opening_keys: list[tuple[int, str]]
    invited: list[InvitedUnder]


class Forgotten(NamedTuple):
    """Invitations of people of whom only a mask of the address is left."""

    key: bytes
    masked: pl.DataFrame
    """HISTORY_SCHEMA with `mask` in place of candidate_email."""

    def among(self, wanted: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        """Those of them that have an address in *wanted*, under that (HISTORY_SCHEMA)."""
        for frame in wanted:
            emails = frame["candidate_email"].drop_nulls().unique()
            masks = pl.DataFrame(
                {"candidate_email": emails, "mask": [mask(email, self.key) for email in emails]},
                schema={"candidate_email": pl.String, "mask": pl.String},
            )
            wanted_masks = frame.unique().join(masks, on="candidate_email")
            yield wanted_masks.join(self.masked, on=["position_id", "mask"]).select(*HISTORY_SCHEMA)


@dataclass(frozen=True, slots=True)
class Lookups:
    """What is known of positions, invitations and accounts before anything is planned."""

    database: Database

    def known_positions(
        self, account: str, keys: Sequence[str], opening_keys: Sequence[str]
    ) -> KnownPositions:
        """Positions by key, and those opening keys whose first call was lost."""
        with self.database.reading() as connection:
            return KnownPositions(
                {
                    row.key: KnownPosition(
                        position_id=row.id,
                        position_def_set_id=row.position_def_set_id,
                        is_opened=row.opened_at is not None,
                        is_unresolved=row.position_def_set_id is None
                        and row.opened_at is None
                        and _has_lost_call(connection, row.id),
                    )
                    for chunk in chunks(keys)
                    for row in connection.execute(
                        BY_KEYS, {"of_account": account, "of_keys": chunk}
                    )
                },
                {
                    key
                    for chunk in chunks(opening_keys)
                    for key in connection.scalars(
                        _LOST_OPENINGS, {"of_account": account, "of_names": chunk}
                    )
                },
            )

    def requisitions(self, account: str, external_ids: Sequence[str]) -> dict[str, Requisition]:
        """The positions that external ids lead to."""
        with self.database.reading() as connection:
            return requisitions(connection, account, external_ids)

    def keys_among(self, account: str, keys: Sequence[str]) -> set[str]:
        """Those of the keys that lead to a position."""
        with self.database.reading() as connection:
            return known_keys(connection, account, keys)

    def names_of(self, position_ids: Sequence[int]) -> "NamesOf":
        """All that positions are called by; for the few where it is in question."""
        with self.database.reading() as connection:
            return NamesOf(
                list(other_opening_keys(connection, position_ids)),
                list(invited_under(connection, position_ids)),
            )

    def beside_ids(
        self, account: str, names: Collection[str], position_ids: Collection[int]
    ) -> list[tuple[str | None, int, str]]:
        """Opening key, id and key of positions that external ids lead to (`beside_ids`)."""
        with self.database.reading() as connection:
            return list(beside_ids(connection, account, names, position_ids))

    def history(self, wanted: pl.DataFrame) -> pl.DataFrame:
        """
        What became of invitations: `wanted` has position_id (Int64) and candidate_email (String).

        Gives HISTORY_SCHEMA, only for those that are not open; `is_in_flight` if a living process
        holds the claim.
        """
        now = self.database.clock()
        rows: list[tuple[object, ...]] = []
        alive: dict[str, bool] = {}
        of_positions: dict[int, dict[str, str]] = {}
        for position_id, email in zip(
            wanted["position_id"], wanted["candidate_email"], strict=True
        ):
            of_positions.setdefault(position_id, {})[email] = email
        with self.database.reading() as connection:
            key = forgotten_key(connection)
            for position_id, names in of_positions.items():
                if key is not None:
                    names |= {mask(email, key): email for email in list(names)}
                for chunk in chunks(list(names)):
                    asked = {"of_position": position_id, "of_emails": chunk}
                    for row in connection.execute(_HISTORY_OF_ROWS, asked):
                        is_claimed = row.state == ClaimState.CLAIMED
                        in_flight = is_claimed and _remembered(alive, row, now)
                        email = names[row.candidate_email]
                        rows.append((position_id, email, row.state, in_flight, row.run_id))
        return pl.DataFrame(rows, schema=HISTORY_SCHEMA, orient="row")

    def history_of(self, position_ids: Sequence[int]) -> Iterator[pl.DataFrame]:
        """
        The same of all invitations of some positions, save people who were forgotten.

        In frames of at most HISTORY_CHUNK rows: for inputs so large that looking each row up
        takes longer than reading what there is.
        """
        now = self.database.clock()
        with self.database.reading() as connection:
            for frame in _of_positions(connection, position_ids, now):
                yield frame.filter(~_is_masked())

    def forgotten_among(
        self, position_ids: Sequence[int], wanted: Iterable[pl.DataFrame]
    ) -> Iterator[pl.DataFrame]:
        """
        What `history_of` leaves out, under the addresses of *wanted* (position_id,
        candidate_email).
        """
        now = self.database.clock()
        with self.database.reading() as connection:
            forgotten = _forgotten_of(connection, position_ids, now)
        # Out of the transaction: *wanted* may take long to come.
        return iter(()) if forgotten is None else forgotten.among(wanted)

    def people(self, accounts: Sequence[str], emails: pl.Series | None) -> Iterator[pl.DataFrame]:
        """
        Who was invited in some accounts (PEOPLE_SCHEMA and `account`), in frames of bounded size.

        Those at *emails* at least; whoever was invited, where they are None or many.
        """
        with self.database.reading() as connection:
            of_account = accounts_of_positions(connection, accounts)
            if of_account.is_empty():
                return
            if emails is not None and is_cheaper_by_address(connection, len(emails)):
                frames = people_at(connection, emails.to_list())
            else:
                frames = all_people(connection)
            for frame in frames:
                yield frame.join(of_account, on="position_id")

    def merchants(self, base_url: str, environment: str) -> list[str]:
        """The merchants that runs were made for, under this URL and label."""
        asked = {"of_base_url": base_url, "of_environment": environment}
        with self.database.reading() as connection:
            return list(connection.scalars(_MERCHANTS, asked))

    def base_urls(self, environment: str) -> list[str]:
        """The base URLs that runs were made for under this label, as they were spelt then."""
        with self.database.reading() as connection:
            return sorted(connection.scalars(_BASE_URLS, {"of_environment": environment}))

    def opened_among(self, position_ids: Sequence[int]) -> int:
        """How many of the positions the API has answered for."""
        opened = select(func.count()).where(positions.c.opened_at.is_not(None))
        with self.database.reading() as connection:
            return sum(
                connection.scalar(opened.where(positions.c.id.in_(some))) or 0
                for some in chunks(position_ids)
            )


def _forgotten_of(
    connection: Connection, position_ids: Sequence[int], now: datetime
) -> Forgotten | None:
    """People who were forgotten; None if nobody ever was."""
    key = forgotten_key(connection)
    if key is None:
        return None
    masked = pl.concat(
        [
            pl.DataFrame(schema=HISTORY_SCHEMA),
            *(frame.filter(_is_masked()) for frame in _of_positions(connection, position_ids, now)),
        ]
    ).rename({"candidate_email": "mask"})
    return None if masked.is_empty() else Forgotten(key, masked)


def _of_positions(
    connection: Connection, position_ids: Sequence[int], now: datetime
) -> Iterator[pl.DataFrame]:
    living = [
        run.run_id
        for run in connection.execute(_RUNS_THAT_HOLD)
        if is_alive(run.owner, run.lease_until, now)
    ]
    is_in_flight = (pl.col("state") == ClaimState.CLAIMED.value) & pl.col("held_by").is_in(living)
    for frame in _read_of(connection, position_ids):
        yield frame.with_columns(is_in_flight.alias("is_in_flight")).select(*HISTORY_SCHEMA)


def _read_of(connection: Connection, position_ids: Sequence[int]) -> Iterator[pl.DataFrame]:
    """Position, address, state and run (_HISTORY_READ) of what is not open."""
    if _are_most(connection, position_ids):
        is_theirs = pl.col("position_id").is_in(list(position_ids))
        for frame in frames_of(connection, _HISTORY, _HISTORY_READ, rows=HISTORY_CHUNK):
            yield frame.filter(is_theirs)
        return
    for chunk in chunks(position_ids):
        of_these = _HISTORY.where(invitations.c.position_id.in_(chunk))
        yield from frames_of(connection, of_these, _HISTORY_READ, rows=HISTORY_CHUNK)


def _are_most(connection: Connection, position_ids: Sequence[int]) -> bool:
    """Whether the table is better read as it lies; counted by the index alone."""
    theirs = sum(
        connection.scalar(
            select(func.count())
            .select_from(invitations)
            .where(invitations.c.position_id.in_(chunk))
        )
        or 0
        for chunk in chunks(position_ids)
    )
    newest = connection.scalar(select(func.max(invitations.c.id))) or 0
    return newest <= SCANNED_FOR_ONE * theirs


def _remembered(alive: dict[str, bool], row: Row[Any], now: datetime) -> bool:
    if row.run_id not in alive:
        alive[row.run_id] = is_alive(row.owner, row.lease_until, now)
    return alive[row.run_id]


def _has_lost_call(connection: Connection, position_id: int) -> bool:
    return connection.scalar(_LOST_CALL, {"of_position": position_id}) is not None


_MERCHANTS: Final = (
    select(runs.c.merchant)
    .where(
        runs.c.base_url == bindparam("of_base_url"),
        runs.c.environment == bindparam("of_environment"),
    )
    .distinct()
)
_BASE_URLS: Final = (
    select(runs.c.base_url).where(runs.c.environment == bindparam("of_environment")).distinct()
)
_LOST_OPENINGS: Final = (
    select(positions.c.opening_key)
    .join(invitations, invitations.c.position_id == positions.c.id)
    .where(
        positions.c.account == bindparam("of_account"),
        positions.c.opening_key.in_(bindparam("of_names", expanding=True)),
        positions.c.position_def_set_id.is_(None),
        positions.c.opened_at.is_(None),
        IN_DOUBT,
    )
    .distinct()
)
_LOST_CALL: Final = (
    select(invitations.c.id)
    .where(invitations.c.position_id == bindparam("of_position"), IN_DOUBT)
    .limit(1)
)
_HISTORY_OF_ROWS: Final[Select[Any]] = (
    select(
        invitations.c.candidate_email,
        invitations.c.state,
        invitations.c.run_id,
        runs.c.owner,
        runs.c.lease_until,
    )
    .join(runs, runs.c.run_id == invitations.c.run_id)
    .where(
        invitations.c.position_id == bindparam("of_position"),
        invitations.c.candidate_email.in_(bindparam("of_emails", expanding=True)),
        invitations.c.state != ClaimState.OPEN,
    )
)
_RUNS_THAT_HOLD: Final = select(runs.c.run_id, runs.c.owner, runs.c.lease_until).where(
    select(invitations.c.id)
    .where(invitations.c.run_id == runs.c.run_id, invitations.c.state == ClaimState.CLAIMED)
    .exists()
)


_HISTORY: Final = select(
    invitations.c.position_id,
    invitations.c.candidate_email,
    invitations.c.state,
    invitations.c.run_id,
).where(invitations.c.state != ClaimState.OPEN)


def _is_masked() -> pl.Expr:
    return pl.col("candidate_email").str.starts_with(MASK_PREFIX)
