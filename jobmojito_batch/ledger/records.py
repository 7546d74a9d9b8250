"""Plain values that the ledger takes and tells, for which nothing of a database is loaded."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

import polars as pl

EXTERNAL: Final = "ext:"

HISTORY_SCHEMA: Final = {
    "position_id": pl.Int64(),
    "candidate_email": pl.String(),
    "state": pl.String(),
    "is_in_flight": pl.Boolean(),
    "held_by": pl.String(),
}
"""One invitation, and the run that holds it."""
PEOPLE_SCHEMA: Final = {
    "position_id": pl.Int64(),
    "candidate_email": pl.String(),
    "known_name": pl.String(),
    "known_external_id": pl.String(),
    "known_run": pl.String(),
    "known_source": pl.String(),
    "known_row": pl.Int64(),
}
"""One invitation; the run is the one that has the row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPosition:
    """A position the ledger has."""

    position_id: int
    position_def_set_id: str | None
    is_opened: bool
    is_unresolved: bool
    """No id is known and a first call for it (or its name) was lost: nobody may open it again."""


class KnownPositions(NamedTuple):
    """What is known of positions."""

    by_key: dict[str, KnownPosition]
    lost_names: set[str]
    """Opening keys whose first call was lost; it blocks the name under every other key, too."""


class Requisition(NamedTuple):
    """The position that an external id leads to."""

    position_id: int
    opening_key: str | None
    """The folded name of the row that made it."""


class InvitedUnder(NamedTuple):
    """A name that rows had which were invited to a position."""

    position_id: int
    name: str
    """As the first of them writes it."""
    first: int
    """The number of the first invitation under it: the lower, the older."""


class Noted(NamedTuple):
    """A key that leads to a position from now on."""

    account: str
    key: str
    position_id: int


def pair_key(external_id: str, opening_key: str) -> str:
    """The key of an external id beside one of its names."""
    return f"{EXTERNAL}{external_id}\x1f{opening_key}"


class Price(NamedTuple):
    """What rows of a kind have really cost."""

    kind: str
    rows: int
    credits: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DoneFile:
    """A content of an inbox that was read in one way, and whose rows were all settled."""

    key: str
    """Of content and reading."""
    name: str
    run_id: str | None
    """None for a file without rows."""
    done_at: datetime
    rows_to_repair: int
    """Rows that were invalid or failed: the same content goes again for them."""
