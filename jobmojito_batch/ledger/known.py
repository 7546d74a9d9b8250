"""What the ledger knows before a run: positions by key, and what became of invitations."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

import polars as pl
from sqlalchemy import Connection, Row, insert, select

from jobmojito_batch.ledger import owners
from jobmojito_batch.ledger.chunks import chunks
from jobmojito_batch.ledger.masks import PREFIX, forgotten_key, mask
from jobmojito_batch.ledger.tables import (
    IN_DOUBT,
    ClaimState,
    invitations,
    position_aliases,
    positions,
    runs,
)

HISTORY_CHUNK: Final = 20_000

HISTORY_SCHEMA: Final = {
    "position_id": pl.Int64(),
    "candidate_email": pl.String(),
    "state": pl.String(),
    "is_in_flight": pl.Boolean(),
    "held_by": pl.String(),
}
_HISTORY_READ: Final = {
    name: dtype for name, dtype in HISTORY_SCHEMA.items() if name != "is_in_flight"
}


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPosition:
    """A position the ledger has."""

    position_id: int
    position_def_set_id: str | None
    is_opened: bool
    is_unresolved: bool
    """No id is known and a first call for it (or its name) was lost: nobody may open it again."""


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
            found = frame.unique().join(masks, on="candidate_email")
            yield found.join(self.masked, on=["position_id", "mask"]).select(*HISTORY_SCHEMA)


def known_positions(
    connection: Connection, account: str, keys: Sequence[str], opening_keys: Sequence[str]
) -> tuple[dict[str, KnownPosition], set[str]]:
    """Positions by key, and those opening keys whose first call was lost."""
    lost = {
        key
        for chunk in chunks(opening_keys)
        for key in connection.scalars(_lost_openings(account, chunk))
    }
    found = {
        row.key: KnownPosition(
            position_id=row.id,
            position_def_set_id=row.position_def_set_id,
            is_opened=row.opened_at is not None,
            is_unresolved=row.position_def_set_id is None
            and row.opened_at is None
            and _has_lost_call(connection, row.id),
        )
        for chunk in chunks(keys)
        for row in connection.execute(_by_alias(account, chunk))
    }
    return found, lost


def history(connection: Connection, wanted: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """What became of the invitations in *wanted* (position_id, candidate_email)."""
    found: list[tuple[Any, ...]] = []
    alive: dict[str, bool] = {}
    forgotten = forgotten_key(connection)
    for (position_id,), group in wanted.group_by("position_id"):
        names = {email: email for email in group["candidate_email"].unique()}
        if forgotten is not None:
            names |= {mask(email, forgotten): email for email in list(names)}
        for chunk in chunks(list(names)):
            for row in connection.execute(_history(position_id, chunk)):
                is_claimed = row.state == ClaimState.CLAIMED
                in_flight = is_claimed and _remembered(alive, row, now)
                email = names[row.candidate_email]
                found.append((position_id, email, row.state, in_flight, row.run_id))
    return pl.DataFrame(found, schema=HISTORY_SCHEMA, orient="row")


def history_of(
    connection: Connection, position_ids: Sequence[int], now: datetime
) -> Iterator[pl.DataFrame]:
    """The same of all invitations of some positions, in frames of HISTORY_CHUNK rows at most."""
    for frame in _of_positions(connection, position_ids, now):
        yield frame.filter(~_is_masked())


def forgotten_of(
    connection: Connection, position_ids: Sequence[int], now: datetime
) -> Forgotten | None:
    """What `history_of` leaves out: people who were forgotten; None where nobody ever was."""
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
        if owners.is_alive(run.owner, run.lease_until, now)
    ]
    is_in_flight = (pl.col("state") == ClaimState.CLAIMED.value) & pl.col("held_by").is_in(living)
    reading = connection.execution_options(yield_per=HISTORY_CHUNK)
    for chunk in chunks(position_ids):
        for rows in reading.execute(_history_of(chunk)).partitions():
            frame = pl.DataFrame([tuple(row) for row in rows], schema=_HISTORY_READ, orient="row")
            yield frame.with_columns(is_in_flight.alias("is_in_flight")).select(*HISTORY_SCHEMA)


def _remembered(alive: dict[str, bool], row: Row[Any], now: datetime) -> bool:
    if row.run_id not in alive:
        alive[row.run_id] = owners.is_alive(row.owner, row.lease_until, now)
    return alive[row.run_id]


def _by_alias(account: str, keys: Sequence[str]) -> Any:  # noqa: ANN401 - a select
    return (
        select(
            position_aliases.c.key,
            positions.c.id,
            positions.c.position_def_set_id,
            positions.c.opened_at,
        )
        .join(positions, positions.c.id == position_aliases.c.position_id)
        .where(position_aliases.c.account == account, position_aliases.c.key.in_(keys))
    )


def _lost_openings(account: str, opening_keys: Sequence[str]) -> Any:  # noqa: ANN401 - a select
    return (
        select(positions.c.opening_key)
        .join(invitations, invitations.c.position_id == positions.c.id)
        .where(
            positions.c.account == account,
            positions.c.opening_key.in_(opening_keys),
            positions.c.position_def_set_id.is_(None),
            positions.c.opened_at.is_(None),
            IN_DOUBT,
        )
        .distinct()
    )


def _has_lost_call(connection: Connection, position_id: int) -> bool:
    query = select(invitations.c.id).where(invitations.c.position_id == position_id, IN_DOUBT)
    return connection.scalar(query.limit(1)) is not None


def _history(position_id: object, emails: Sequence[str]) -> Any:  # noqa: ANN401 - a select
    return (
        select(
            invitations.c.candidate_email,
            invitations.c.state,
            invitations.c.run_id,
            runs.c.owner,
            runs.c.lease_until,
        )
        .join(runs, runs.c.run_id == invitations.c.run_id)
        .where(
            invitations.c.position_id == position_id,
            invitations.c.candidate_email.in_(emails),
            invitations.c.state != ClaimState.OPEN,
        )
    )


_RUNS_THAT_HOLD: Final = select(runs.c.run_id, runs.c.owner, runs.c.lease_until).where(
    select(invitations.c.id)
    .where(invitations.c.run_id == runs.c.run_id, invitations.c.state == ClaimState.CLAIMED)
    .exists()
)


def _history_of(position_ids: Sequence[int]) -> Any:  # noqa: ANN401 - a select
    columns = invitations.c
    return select(
        columns.position_id, columns.candidate_email, columns.state, columns.run_id
    ).where(columns.position_id.in_(position_ids), columns.state != ClaimState.OPEN)


def _is_masked() -> pl.Expr:
    return pl.col("candidate_email").str.starts_with(PREFIX)


def ensure_positions(
    connection: Connection, wanted: Sequence[tuple[str, str, str | None]]
) -> dict[tuple[str, str], int]:
    """The ids of positions by (account, key), made where absent."""
    keys_of: dict[str, list[str]] = {}
    for account, key, _ in wanted:
        keys_of.setdefault(account, []).append(key)
    made = {
        (account, row.key): int(row.id)
        for account, keys in keys_of.items()
        for row in connection.execute(_by_alias(account, keys))
    }
    for account, key, opening_key in wanted:
        if (account, key) not in made:
            made[account, key] = _new_position(connection, account, key, opening_key)
    return made


def _new_position(connection: Connection, account: str, key: str, opening_key: str | None) -> int:
    given_id = key.removeprefix("id:") if key.startswith("id:") else None
    made = connection.execute(
        insert(positions)
        .values(account=account, opening_key=opening_key, position_def_set_id=given_id)
        .returning(positions.c.id)
    ).scalar_one()
    connection.execute(insert(position_aliases).values(account=account, key=key, position_id=made))
    return int(made)
