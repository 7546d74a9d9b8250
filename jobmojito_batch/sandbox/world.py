"""
What the stand-in API knows: merchants and their positions, enrolments, credits.

No HTTP and no waiting here.
"""

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from jobmojito_batch.contract import Status
from jobmojito_batch.sandbox.scenario import KnownEnrolment, Scenario, is_uuid
from jobmojito_batch.sandbox.seeded_random import Chance

ACCEPTED: Final = frozenset({Status.AI_ACCEPT, Status.RECRUITER_ACCEPT})
REJECTED: Final = frozenset({Status.AI_REJECT, Status.RECRUITER_REJECT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A position and its interview definition."""

    id: str
    definition_id: str
    merchant_id: str
    name: str
    external_id: str | None
    language: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Who is to be enrolled; the e-mail exactly as sent is the identity, in each merchant."""

    email: str = field(repr=False)
    name: str = field(repr=False)
    external_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """A candidate on a position, with the decision."""

    id: str
    profile_id: str
    candidate: Candidate
    position: Position
    status: str
    created_at: datetime


class Merchant:
    """What belongs to one merchant: no other sees it, and no other pays for it."""

    def __init__(self, merchant_id: str, credits_left: float) -> None:
        self.id = merchant_id
        self.credits_left = credits_left
        self.enrolments: list[Enrolment] = []
        """Oldest first."""
        self.positions: dict[str, Position] = {}
        self._first_by_name: dict[str, Position] = {}
        self._first_by_external_id: dict[str, Position] = {}
        self._people = _TextIndex()

    def find_position(self, *, external_id: str | None, name: str | None) -> Position | None:
        """Return the oldest position by external id, else by name, both exactly as sent."""
        position = self._first_by_external_id.get(external_id) if external_id else None
        return position or (self._first_by_name.get(name) if name else None)

    def search(self, text: str) -> list[Enrolment]:
        """Return whose e-mail or name contains *text* in any case, oldest first."""
        return [self.enrolments[index] for index in self._people.find(text)]

    def add_position(self, position: Position) -> None:
        """Take the position in, even where one of that name exists."""
        self.positions[position.id] = position
        self._first_by_name.setdefault(position.name, position)
        if position.external_id:
            self._first_by_external_id.setdefault(position.external_id, position)

    def add_enrolment(self, enrolment: Enrolment) -> None:
        """Take the enrolment in."""
        self.enrolments.append(enrolment)
        self._people.add(enrolment.candidate.email, enrolment.candidate.name)


class World:
    """The state behind the endpoints; every look-up costs the same however much there is."""

    def __init__(self, scenario: Scenario, chance: Chance) -> None:
        self.positions: dict[str, Position] = {}
        """Of all merchants, like the enrolments."""
        self.enrolments: list[Enrolment] = []
        """Oldest first."""
        self._scenario = scenario
        self._chance = chance
        self._merchants: dict[str, Merchant] = {}
        self._opened = Counter[tuple[str, str]]()
        self._by_person: dict[tuple[str, str], Enrolment] = {}
        self._by_id: dict[str, Enrolment] = {}
        self._by_profile: dict[str, list[Enrolment]] = {}
        self._ahead = timedelta(seconds=scenario.clock_offset)
        self.moved: dict[str, datetime] = {}
        """Rows of the result list that were made anew, by id."""
        self.links: dict[str, datetime] = {}
        """When each link was made, by its token."""
        self.home = self._merchant(scenario.merchant_id or chance.uuid("merchant"))
        """The token's own merchant."""
        self._furnish()

    @property
    def credits_left(self) -> float:
        """What the token's own merchant has left."""
        return self.home.credits_left

    def now(self) -> datetime:
        """Return the time by the server's own clock."""
        return datetime.now(UTC) + self._ahead

    def advance(self, by: timedelta) -> None:
        """Put the server's clock forward."""
        self._ahead += by

    def merchant(self, merchant_id: str | None) -> Merchant | None:
        """Return the merchant asked for, the token's own by default; None for a forbidden one."""
        wanted = merchant_id.lower() if merchant_id else self.home.id
        if wanted != self.home.id and not self._may_act_for(wanted):
            return None
        return self._merchant(wanted)

    def open_position(
        self,
        merchant: Merchant,
        name: str,
        *,
        external_id: str | None = None,
        language: str | None = None,
        position_id: str | None = None,
    ) -> Position:
        """Insert a position, even where one of that name exists: the caller looked, once."""
        self._opened[merchant.id, name] += 1
        parts = (merchant.id, name, self._opened[merchant.id, name])
        position = Position(
            id=position_id or self._chance.uuid("position", *parts),
            definition_id=self._chance.uuid("definition", *parts),
            merchant_id=merchant.id,
            name=name,
            external_id=external_id,
            language=language,
        )
        self.positions[position.id] = position
        merchant.add_position(position)
        return position

    def enrolment_of(self, email: str, position: Position) -> Enrolment | None:
        """Return the enrolment of exactly this e-mail on exactly this position."""
        return self._by_person.get((email, position.id))

    def enrol(
        self,
        candidate: Candidate,
        position: Position,
        *,
        status: str | None = None,
        created_at: datetime | None = None,
    ) -> Enrolment:
        """Insert an enrolment; the decision depends on seed, e-mail and position name."""
        enrolment = Enrolment(
            id=self._chance.uuid("enrolment", candidate.email, position.id),
            profile_id=self._chance.uuid("profile", position.merchant_id, candidate.email),
            candidate=candidate,
            position=position,
            status=status or self._decide(candidate, position),
            created_at=created_at or self.now(),
        )
        self._by_person[candidate.email, position.id] = enrolment
        self._by_id[enrolment.id] = enrolment
        self._by_profile.setdefault(enrolment.profile_id, []).append(enrolment)
        self.enrolments.append(enrolment)
        self._merchant(position.merchant_id).add_enrolment(enrolment)
        return enrolment

    def enrolment_by_id(self, enrolment_id: str, merchant: Merchant) -> Enrolment | None:
        """Return the merchant's enrolment with this id (profile_interview_id)."""
        enrolment = self._by_id.get(enrolment_id)
        return enrolment if enrolment and enrolment.position.merchant_id == merchant.id else None

    def enrolments_of_profile(self, profile_id: str, merchant: Merchant) -> list[Enrolment]:
        """Return the merchant's enrolments of one person, oldest first."""
        enrolments = self._by_profile.get(profile_id, [])
        return [
            enrolment for enrolment in enrolments if enrolment.position.merchant_id == merchant.id
        ]

    def take_credits(self, merchant: Merchant) -> bool:
        """Charge one candidate; False, and nothing charged, where the credits are out."""
        price = self._scenario.credits_per_candidate
        if merchant.credits_left < price:
            return False
        merchant.credits_left -= price
        return True

    def return_credits(self, merchant: Merchant) -> None:
        """Undo one charge."""
        merchant.credits_left += self._scenario.credits_per_candidate

    def _may_act_for(self, merchant_id: str) -> bool:
        allowed = self._scenario.merchants
        return is_uuid(merchant_id) if allowed is None else merchant_id in allowed

    def _merchant(self, merchant_id: str) -> Merchant:
        if merchant_id not in self._merchants:
            self._merchants[merchant_id] = Merchant(merchant_id, self._scenario.credits)
        return self._merchants[merchant_id]

    def _decide(self, candidate: Candidate, position: Position) -> str:
        given = self._scenario.statuses.get(candidate.email)
        return given or self._chance.choice(
            self._scenario.decisions, "decision", candidate.email, position.name
        )

    def _furnish(self) -> None:
        for known in self._scenario.positions:
            self.open_position(
                self._merchant(known.merchant_id or self.home.id),
                known.name,
                external_id=known.external_id,
                position_id=known.id,
            )
        for enrolled in sorted(
            self._scenario.enrolments, key=lambda enrolment: -enrolment.hours_ago
        ):
            self._enrol_known(enrolled)

    def _enrol_known(self, known: KnownEnrolment) -> None:
        merchant = self._merchant(known.merchant_id or self.home.id)
        position = merchant.find_position(external_id=None, name=known.position)
        self.enrol(
            Candidate(email=known.email, name=known.name, external_id=known.external_id),
            position or self.open_position(merchant, known.position),
            status=known.status,
            created_at=self.now() - timedelta(hours=known.hours_ago),
        )


class _TextIndex:
    """
    Substring search over the texts of all entries as one search in one text.

    A list per look-up would make a run of n look-ups cost n squared in Python; this way the
    search is a single memory scan.
    """

    def __init__(self) -> None:
        self._text = bytearray()
        self._starts: list[int] = []

    def add(self, *texts: str) -> None:
        self._starts.append(len(self._text))
        self._text += b"\0".join(_searched(text) for text in texts) + b"\n"

    def find(self, text: str) -> list[int]:
        """Return the entries, by number; none reaches over two texts, or two entries."""
        wanted = text.lower().encode(errors="replace")
        if not wanted or b"\n" in wanted or b"\0" in wanted:
            return []
        indexes: list[int] = []
        at = self._text.find(wanted)
        while at >= 0:
            index = bisect_right(self._starts, at) - 1
            indexes.append(index)
            at = self._text.find(b"\n", at)
            at = self._text.find(wanted, at)
        return indexes


def _searched(text: str) -> bytes:
    return text.lower().encode(errors="replace").replace(b"\n", b" ").replace(b"\0", b" ")
