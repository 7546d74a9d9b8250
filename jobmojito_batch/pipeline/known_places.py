"""
The positions of an input beside what the ledger knows of them.

A job that is written with its external id in one row or run and without in another is one position,
where only one external id stands beside that name.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import polars as pl

from jobmojito_batch.columns import OPENING_KEY, POSITION_KEY
from jobmojito_batch.ledger import KnownPosition, Ledger
from jobmojito_batch.plan import ACCOUNT, PLACE, POSITION

IS_ADOPTED: Final = "is_adopted"
"""Boolean: the key leads nowhere yet, and will lead to a position that is known by another key."""
_EXTERNAL: Final = "ext:"
_NAME: Final = "name:"


class Place(NamedTuple):
    """A position of the input."""

    number: int
    account: str
    key: str
    name: str | None
    """Its opening key."""

    @property
    def is_external(self) -> bool:
        """Whether it goes by an external id."""
        return self.key.startswith(_EXTERNAL)

    @property
    def is_named(self) -> bool:
        """Whether it goes by its name alone."""
        return self.key.startswith(_NAME)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownNames:
    """What the ledger has of the names of places that it does not know by their key."""

    by_name: Mapping[str, KnownPosition]
    """The positions that go by a name alone."""
    beside_ids: Mapping[str, Mapping[int, KnownPosition]]
    """The positions that were made under a name by an external id."""
    have_ids: frozenset[int]
    """Those positions that an external id leads to."""


def with_ledger(places: pl.DataFrame, ledger: Ledger | None) -> pl.DataFrame:
    """
    The positions with what the ledger knows: POSITION, has_id, is_unresolved, known_id, IS_ADOPTED.

    Two keys of one position have one POSITION.
    """
    columns = (PLACE, ACCOUNT, POSITION_KEY, OPENING_KEY)
    by_account: dict[str, list[Place]] = defaultdict(list)
    for values in places.select(columns).iter_rows():
        place = Place(*values)
        by_account[place.account].append(place)
    facts: dict[int, _Facts] = {}
    for account, mine in by_account.items():
        facts |= _facts_of(account, mine, ledger)
    in_order = [facts[number] for number in places[PLACE]]
    return places.with_columns(
        pl.Series(POSITION, [fact.position for fact in in_order], pl.Int64),
        pl.Series("has_id", [fact.has_id for fact in in_order], pl.Boolean),
        pl.Series("is_unresolved", [fact.is_unresolved for fact in in_order], pl.Boolean),
        pl.Series("known_id", [fact.known_id for fact in in_order], pl.String),
        pl.Series(IS_ADOPTED, [fact.is_adopted for fact in in_order], pl.Boolean),
    )


class _Facts(NamedTuple):
    position: int
    has_id: bool
    is_unresolved: bool
    known_id: str | None
    is_adopted: bool = False


def _facts_of(account: str, places: Sequence[Place], ledger: Ledger | None) -> dict[int, _Facts]:
    known: dict[str, KnownPosition] = {}
    lost: set[str] = set()
    if ledger is not None:
        known, lost = ledger.lookups.known_positions(
            account,
            [place.key for place in places],
            [place.name for place in places if place.name is not None],
        )
    new = [place for place in places if place.key not in known and place.name is not None]
    adopted = adoptions(places, known, _known_names(account, new, ledger))
    facts = {
        place.number: _facts(
            place,
            known.get(place.key) or adopted.get(place.number),
            is_lost=place.name in lost,
            is_adopted=place.number in adopted,
        )
        for place in places
    }
    for number, other in shared(places, facts).items():
        facts[number] = facts[other]._replace(is_adopted=True)
    return facts


def _known_names(account: str, new: Sequence[Place], ledger: Ledger | None) -> KnownNames:
    if ledger is None or not new:
        return KnownNames(by_name={}, beside_ids={}, have_ids=frozenset())
    names = {place.name for place in new if place.name is not None}
    by_key, _ = ledger.lookups.known_positions(account, [f"{_NAME}{name}" for name in names], [])
    by_name = {key.removeprefix(_NAME): position for key, position in by_key.items()}
    named = {position.position_id for position in by_name.values()}
    beside = ledger.lookups.beside_ids(account, names, named)
    key_of = {position_id: key for _, position_id, key in beside}
    positions, _ = ledger.lookups.known_positions(account, list(key_of.values()), [])
    beside_ids: dict[str, dict[int, KnownPosition]] = defaultdict(dict)
    for name, position_id, _ in beside:
        if name in names:
            beside_ids[name][position_id] = positions[key_of[position_id]]
    return KnownNames(by_name=by_name, beside_ids=beside_ids, have_ids=frozenset(key_of))


def adoptions(
    places: Sequence[Place], known: Mapping[str, KnownPosition], names: KnownNames
) -> dict[int, KnownPosition]:
    """
    The positions of the ledger that new keys belong to, by the number of the place.

    A name without an id belongs to the one position that an id made under it; an id to the position
    of its name, if no other id stands beside that. Where there are several, to none of them.
    """
    ids_of = _new_ids_of(places, known)
    adopted: dict[int, KnownPosition] = {}
    for place in places:
        if place.key in known or place.name is None:
            continue
        candidates: list[KnownPosition] = []
        if place.is_named:
            candidates = list(names.beside_ids.get(place.name, {}).values())
        elif place.is_external and len(ids_of[place.name]) == 1 and place.name in names.by_name:
            by_name = names.by_name[place.name]
            candidates = [by_name] if by_name.position_id not in names.have_ids else []
        if len(candidates) == 1:
            adopted[place.number] = candidates[0]
    return adopted


def _new_ids_of(
    places: Sequence[Place], known: Mapping[str, KnownPosition]
) -> dict[str, list[Place]]:
    """By name the places of an external id that the ledger does not know."""
    ids_of: dict[str, list[Place]] = defaultdict(list)
    for place in places:
        if place.is_external and place.key not in known and place.name is not None:
            ids_of[place.name].append(place)
    return ids_of


def shared(places: Sequence[Place], facts: Mapping[int, _Facts]) -> dict[int, int]:
    """New names without an id → the one place of the input that has an id beside that name."""
    ids_of: dict[str, list[Place]] = defaultdict(list)
    for place in places:
        if place.is_external and place.name is not None:
            ids_of[place.name].append(place)
    return {
        place.number: ids_of[place.name][0].number
        for place in places
        if place.is_named
        and place.name is not None
        and facts[place.number].position < 0
        and len(ids_of[place.name]) == 1
    }


def _facts(place: Place, known: KnownPosition | None, *, is_lost: bool, is_adopted: bool) -> _Facts:
    is_given = place.key.startswith("id:")
    if known is None:
        return _Facts(-1 - place.number, is_given, is_lost and not is_given, None)
    is_open = known.position_def_set_id is not None or known.is_opened or is_given
    return _Facts(
        known.position_id,
        is_open,
        not is_open and (is_lost or known.is_unresolved),
        known.position_def_set_id,
        is_adopted,
    )
