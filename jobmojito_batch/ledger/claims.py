"""The SQL of claims: who may make a call, durable before it starts."""

import functools
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from sqlalchemy import (
    Connection,
    and_,
    bindparam,
    func,
    insert,
    literal_column,
    null,
    select,
    tuple_,
    update,
)
from sqlalchemy.sql.dml import ReturningInsert

from jobmojito_batch.ledger.database import inserting
from jobmojito_batch.ledger.leases import outlive_calls
from jobmojito_batch.ledger.masks import key_in, mask
from jobmojito_batch.ledger.positions import (
    MERGED,
    Opener,
    close_openings,
    hold_opening,
    merged_into,
    opener_of,
)
from jobmojito_batch.ledger.requests import (
    BeginAttempt,
    Claim,
    CloseOpening,
    TakeClaim,
    TakeOver,
)
from jobmojito_batch.ledger.schema import ClaimState, attempts, invitations, meta

ROUNDING: Final = 1e-9

Key = tuple[int, str]
"""What is claimed: a position's id and an e-mail."""


def take_claims(connection: Connection, wanted: Sequence[TakeClaim]) -> list[Claim]:
    """Claim what is free; the unique constraint, not this code, keeps one claim per invitation."""
    facts = {row.key: row.value for row in connection.execute(_FACTS)}
    if MERGED in facts:
        wanted = _where_merged(connection, wanted)
    admission = _Admission(connection, wanted, key_in(facts))
    tried: dict[Key, int] = {}
    refused: dict[int, Claim] = {}
    for number, wish in enumerate(wanted):
        if _key(wish) in tried:  # of several the first has it
            continue
        refusal = admission.refusal_of(wish)
        if refusal is None:
            admission.admit(wish)
            tried[_key(wish)] = number
        else:
            refused[number] = refusal
    ids = _take_free(connection, [wanted[number] for number in tried.values()])
    mine = {tried[key]: invitation_id for key, invitation_id in ids.items()}
    _close_openings(connection, (wanted[number] for number in tried.values() if number not in mine))
    lost = set(range(len(wanted))) - mine.keys() - refused.keys()
    standing = _standing(connection, {_key(wanted[number]) for number in lost})
    return [
        refused.get(number)
        or (_granted(wish, mine[number]) if number in mine else standing[_key(wish)])
        for number, wish in enumerate(wanted)
    ]


_FACTS = select(meta)


def _key(wish: TakeClaim) -> Key:
    return wish.position_id, wish.candidate_email


def _where_merged(connection: Connection, wanted: Sequence[TakeClaim]) -> list[TakeClaim]:
    """
    The claims under the positions that theirs were merged into.

    Another process may have merged them since this one planned: under the old id an invitation
    that both have would be free.
    """
    into = merged_into(connection, {wish.position_id for wish in wanted})
    return [
        replace(wish, position_id=into[wish.position_id]) if wish.position_id in into else wish
        for wish in wanted
    ]


class _Admission:
    """Which claims of a transaction may be tried; to be asked and told in their order."""

    def __init__(
        self, connection: Connection, wanted: Sequence[TakeClaim], forgotten_key: bytes | None
    ) -> None:
        self._connection = connection
        self._forgotten = _forgotten(connection, wanted, forgotten_key)
        self._spent = _spent_today(connection, wanted)
        self._opens: dict[str, Opener] = {}

    def refusal_of(self, wish: TakeClaim) -> Claim | None:
        """The day's credits are spent, the person was forgotten, or another row opens the name."""
        if not _fits_day(wish, self._spent):
            return _over_day_limit(wish, 0, ClaimState.OPEN)
        if forgotten := self._forgotten.get(_key(wish)):
            return forgotten
        if wish.opens is None:
            return None
        # One of this very transaction has no claim yet, so it would look left over.
        opener = self._opens.get(wish.opens) or opener_of(self._connection, wish.opens)
        if opener is None or opener == Opener(wish.run_id, wish.ordinal):
            return None
        return _opened_elsewhere(opener, 0)

    def admit(self, wish: TakeClaim) -> None:
        """It is tried: its credits are spent, and it opens its name, if it is to."""
        self._spent += wish.credits
        if wish.opens is not None:
            hold_opening(self._connection, wish)
            self._opens[wish.opens] = Opener(wish.run_id, wish.ordinal)


def _forgotten(
    connection: Connection, wanted: Sequence[TakeClaim], key: bytes | None
) -> dict[Key, Claim]:
    """
    Invitations of people who were forgotten since.

    One that is open reads as settled: nobody may claim it, and nobody is waited for.
    """
    if key is None:
        return {}
    masked = {(wish.position_id, mask(wish.candidate_email, key)): _key(wish) for wish in wanted}
    return {
        masked[place]: replace(
            claim,
            ordinal=-1,
            state=ClaimState.SETTLED if claim.state is ClaimState.OPEN else claim.state,
        )
        for place, claim in _standing(connection, set(masked)).items()
    }


def _take_free(connection: Connection, wanted: Sequence[TakeClaim]) -> dict[Key, int]:
    """The ids of the invitations that were free: claimed now, each with its first attempt."""
    if not wanted:
        return {}
    outlive_calls(connection, {wish.run_id for wish in wanted}, max(wish.at for wish in wanted))
    rows = connection.execute(
        _upsert_claims(connection.dialect.name),
        [
            {
                "position_id": wish.position_id,
                "candidate_email": wish.candidate_email,
                "state": ClaimState.CLAIMED.value,
                "run_id": wish.run_id,
                "ordinal": wish.ordinal,
                "claimed_at": wish.at,
            }
            for wish in wanted
        ],
    )
    ids = {(position_id, email): invitation_id for invitation_id, position_id, email in rows}
    begun = [_attempt(ids[_key(wish)], wish) for wish in wanted if _key(wish) in ids]
    if begun:
        connection.execute(_BEGIN, begun)
    return ids


@functools.cache
def _upsert_claims(dialect_name: str) -> ReturningInsert[int, int, str]:
    """No parameters but the rows': with any, SQLAlchemy would send one row at a time."""
    statement = inserting(dialect_name, invitations)
    new = statement.excluded
    return statement.on_conflict_do_update(
        index_elements=["position_id", "candidate_email"],
        set_={
            "state": new.state,
            "run_id": new.run_id,
            "ordinal": new.ordinal,
            "claimed_at": new.claimed_at,
            "outcome": null(),
            "error_code": null(),
            "unknown_since": null(),
        },
        where=invitations.c.state == literal_column(f"'{ClaimState.OPEN.value}'"),
    ).returning(invitations.c.id, invitations.c.position_id, invitations.c.candidate_email)


def _close_openings(connection: Connection, lost: Iterable[TakeClaim]) -> None:
    """What did not get its claim opens nothing."""
    close_openings(
        connection,
        [
            CloseOpening(name=wish.opens, run_id=wish.run_id, ordinal=wish.ordinal)
            for wish in lost
            if wish.opens is not None
        ],
    )


def _standing(connection: Connection, keys: set[Key]) -> dict[Key, Claim]:
    """Who has these invitations, and how they stand."""
    if not keys:
        return {}
    return {
        (row.position_id, row.candidate_email): Claim(
            invitation_id=row.id,
            is_mine=False,
            state=ClaimState(row.state),
            run_id=row.run_id,
            ordinal=row.ordinal,
        )
        for row in connection.execute(_CLAIMS, {"of_keys": sorted(keys)})
    }


_BEGIN: Final = insert(attempts)
_KEY: Final = tuple_(invitations.c.position_id, invitations.c.candidate_email)
_CLAIMS: Final = select(
    invitations.c.id,
    invitations.c.position_id,
    invitations.c.candidate_email,
    invitations.c.state,
    invitations.c.run_id,
    invitations.c.ordinal,
).where(_KEY.in_(bindparam("of_keys", type_=_KEY.type, expanding=True)))


def take_over(connection: Connection, wanted: Sequence[TakeOver]) -> list[Claim]:
    """Claim unknown invitations anew, each only if it is still the doubt that was settled."""
    return [_take_over(connection, wish) for wish in wanted]


def _take_over(connection: Connection, wish: TakeOver) -> Claim:
    if not _fits_day(wish, _spent_today(connection, [wish])):
        return _over_day_limit(wish, wish.invitation_id, ClaimState.UNKNOWN)
    if wish.opens and (opener := _other_opener(connection, wish.opens, wish.invitation_id)):
        return _opened_elsewhere(opener, wish.invitation_id)
    taken = connection.execute(
        _TAKE_OVER,
        {
            "of_invitation": wish.invitation_id,
            "seen_at": wish.seen_at,
            "new_run": wish.run_id,
            "new_ordinal": wish.ordinal,
            "new_at": wish.at,
        },
    )
    if taken.rowcount != 1:
        return _held_by_another(connection, wish.invitation_id)
    if wish.opens:
        hold_opening(connection, wish)
    outlive_calls(connection, {wish.run_id}, wish.at)
    connection.execute(_BEGIN, [_attempt(wish.invitation_id, wish)])
    return _granted(wish, wish.invitation_id)


IS_SAME_DOUBT: Final = and_(
    invitations.c.id == bindparam("of_invitation"),
    invitations.c.state == ClaimState.UNKNOWN,
    invitations.c.claimed_at == bindparam("seen_at"),
)
"""The invitation, as long as it is the doubt that was looked up: nobody took it since."""
_TAKE_OVER: Final = (
    update(invitations)
    .where(IS_SAME_DOUBT)
    .values(
        state=ClaimState.CLAIMED.value,
        run_id=bindparam("new_run"),
        ordinal=bindparam("new_ordinal"),
        claimed_at=bindparam("new_at"),
        unknown_since=None,
        outcome=None,
    )
)


def _other_opener(connection: Connection, name: str, invitation_id: int) -> Opener | None:
    """The row that opens the name now, if it is not that of the lost call itself."""
    lost = connection.execute(_HOLDER, {"of_invitation": invitation_id}).one()
    opener = opener_of(connection, name)
    return None if opener == Opener(lost.run_id, lost.ordinal) else opener


def _held_by_another(connection: Connection, invitation_id: int) -> Claim:
    held = connection.execute(_HOLDER, {"of_invitation": invitation_id}).one()
    return Claim(
        invitation_id=invitation_id,
        is_mine=False,
        state=ClaimState(held.state),
        run_id=held.run_id,
        ordinal=-1,
    )


_HOLDER: Final = select(invitations.c.state, invitations.c.run_id, invitations.c.ordinal).where(
    invitations.c.id == bindparam("of_invitation")
)


def begin_attempts(connection: Connection, begun: Sequence[BeginAttempt]) -> list[bool]:
    """Note further attempts before they start; False if the claim or the credits are gone."""
    spent = _spent_today(connection, begun)
    asked = {"of_invitations": list({attempt.invitation_id for attempt in begun})}
    held = {(row.id, row.run_id) for row in connection.execute(_HELD, asked)}
    granted: list[BeginAttempt] = []
    may: list[bool] = []
    for attempt in begun:
        may.append((attempt.invitation_id, attempt.run_id) in held and _fits_day(attempt, spent))
        if may[-1]:
            spent += attempt.credits
            granted.append(attempt)
    if granted:
        outlive_calls(
            connection,
            {attempt.run_id for attempt in granted},
            max(attempt.at for attempt in granted),
        )
        connection.execute(
            _BEGIN, [_attempt(attempt.invitation_id, attempt) for attempt in granted]
        )
    return may


_HELD: Final = select(invitations.c.id, invitations.c.run_id).where(
    invitations.c.id.in_(bindparam("of_invitations", expanding=True)),
    invitations.c.state == ClaimState.CLAIMED,
)


def _attempt(invitation_id: int, call: TakeClaim | TakeOver | BeginAttempt) -> dict[str, object]:
    return {
        "invitation_id": invitation_id,
        "run_id": call.run_id,
        "number": call.number,
        "started_at": call.at,
        "credits": call.credits,
    }


def _fits_day(call: TakeClaim | TakeOver | BeginAttempt, spent: float) -> bool:
    return call.day_limit is None or spent + call.credits <= call.day_limit + ROUNDING


def _spent_today(
    connection: Connection, wanted: Sequence[TakeClaim | TakeOver | BeginAttempt]
) -> float:
    """Credits of the UTC day that calls cost or may have cost; asked if there is a bound."""
    bounded = next((call for call in wanted if call.day_limit is not None), None)
    if bounded is None:
        return 0.0
    midnight = bounded.at.replace(hour=0, minute=0, second=0, microsecond=0)
    return float(connection.scalar(_SPENT, {"since": midnight}) or 0.0)


_SPENT: Final = select(func.sum(attempts.c.credits)).where(
    attempts.c.started_at >= bindparam("since")
)


# What is answered


def _granted(wish: TakeClaim | TakeOver, invitation_id: int) -> Claim:
    return Claim(
        invitation_id=invitation_id,
        is_mine=True,
        state=ClaimState.CLAIMED,
        run_id=wish.run_id,
        ordinal=wish.ordinal,
    )


def _over_day_limit(wish: TakeClaim | TakeOver, invitation_id: int, state: ClaimState) -> Claim:
    return Claim(
        invitation_id=invitation_id,
        is_mine=False,
        state=state,
        run_id=wish.run_id,
        ordinal=wish.ordinal,
        is_over_day_limit=True,
    )


def _opened_elsewhere(opener: Opener, invitation_id: int) -> Claim:
    return Claim(
        invitation_id=invitation_id,
        is_mine=False,
        state=ClaimState.CLAIMED,
        run_id=opener.run_id,
        ordinal=-1,
        is_opened_elsewhere=True,
    )
