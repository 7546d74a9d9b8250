"""What the stand-in API knows: positions, enrolments, credits. No HTTP and no waiting here."""

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from jobmojito_batch.contract import Status
from jobmojito_batch.sandbox.chance import Chance
from jobmojito_batch.sandbox.scenario import KnownEnrolment, Scenario

ACCEPTED: Final = frozenset({Status.AI_ACCEPT, Status.RECRUITER_ACCEPT})
REJECTED: Final = frozenset({Status.AI_REJECT, Status.RECRUITER_REJECT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A position and its interview definition."""

    id: str
    definition_id: str
    name: str
    external_id: str | None
    language: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Who is to be enrolled; the e-mail exactly as sent is the identity."""

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


class World:
    """The state behind the endpoints; every look-up costs the same however much there is."""

    def __init__(self, scenario: Scenario, chance: Chance) -> None:
        self.positions: dict[str, Position] = {}
        self.enrolments: list[Enrolment] = []
        """Oldest first."""
        self.credits_left = scenario.credits
        self.merchant_id = scenario.merchant_id or chance.uuid("merchant")
        self._scenario = scenario
        self._chance = chance
        self._first_by_name: dict[str, Position] = {}
        self._first_by_external_id: dict[str, Position] = {}
        self._opened = Counter[str]()
        self._by_person: dict[tuple[str, str], Enrolment] = {}
        self._by_id: dict[str, Enrolment] = {}
        self._by_profile: dict[str, list[Enrolment]] = {}
        self._emails = _EmailIndex()
        self._furnish()

    def now(self) -> datetime:
        """Return the time by the server's own clock."""
        return datetime.now(UTC) + timedelta(seconds=self._scenario.clock_offset)

    def find_position(self, *, external_id: str | None, name: str | None) -> Position | None:
        """Return the oldest position by external id, else by name, both exactly as sent."""
        found = self._first_by_external_id.get(external_id) if external_id else None
        return found or (self._first_by_name.get(name) if name else None)

    def open_position(
        self,
        name: str,
        *,
        external_id: str | None = None,
        language: str | None = None,
        position_id: str | None = None,
    ) -> Position:
        """Insert a position, even where one of that name exists: the caller looked, once."""
        self._opened[name] += 1
        position = Position(
            id=position_id or self._chance.uuid("position", name, self._opened[name]),
            definition_id=self._chance.uuid("definition", name, self._opened[name]),
            name=name,
            external_id=external_id,
            language=language,
        )
        self.positions[position.id] = position
        self._first_by_name.setdefault(name, position)
        if external_id:
            self._first_by_external_id.setdefault(external_id, position)
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
            profile_id=self._chance.uuid("profile", candidate.email),
            candidate=candidate,
            position=position,
            status=status or self._decide(candidate, position),
            created_at=created_at or self.now(),
        )
        self._by_person[candidate.email, position.id] = enrolment
        self._by_id[enrolment.id] = enrolment
        self._by_profile.setdefault(enrolment.profile_id, []).append(enrolment)
        self._emails.add(candidate.email)
        self.enrolments.append(enrolment)
        return enrolment

    def enrolment_by_id(self, enrolment_id: str) -> Enrolment | None:
        """Return the enrolment with this id (profile_interview_id)."""
        return self._by_id.get(enrolment_id)

    def enrolments_of_profile(self, profile_id: str) -> list[Enrolment]:
        """Return all enrolments of one person, oldest first."""
        return self._by_profile.get(profile_id, [])

    def search(self, text: str) -> list[Enrolment]:
        """Return the enrolments whose e-mail contains *text* in any case, oldest first."""
        return [self.enrolments[index] for index in self._emails.find(text)]

    def take_credits(self) -> bool:
        """Charge one candidate; False, and nothing charged, where the credits are out."""
        price = self._scenario.credits_per_candidate
        if self.credits_left < price:
            return False
        self.credits_left -= price
        return True

    def return_credits(self) -> None:
        """Undo one charge."""
        self.credits_left += self._scenario.credits_per_candidate

    def _decide(self, candidate: Candidate, position: Position) -> str:
        given = self._scenario.statuses.get(candidate.email)
        return given or self._chance.choice(
            self._scenario.decisions, "decision", candidate.email, position.name
        )

    def _furnish(self) -> None:
        for known in self._scenario.positions:
            self.open_position(known.name, external_id=known.external_id, position_id=known.id)
        for enrolled in self._scenario.enrolments:
            self._enrol_known(enrolled)

    def _enrol_known(self, known: KnownEnrolment) -> None:
        position = self.find_position(external_id=None, name=known.position)
        self.enrol(
            Candidate(email=known.email, name=known.name, external_id=known.external_id),
            position or self.open_position(known.position),
            status=known.status,
            created_at=self.now() - timedelta(hours=known.hours_ago),
        )


class _EmailIndex:
    """
    Substring search over all e-mails as one search in one text.

    A list per look-up would make a run of n look-ups cost n squared in Python; this way the
    search is a single memory scan.
    """

    def __init__(self) -> None:
        self._text = bytearray()
        self._starts: list[int] = []

    def add(self, email: str) -> None:
        self._starts.append(len(self._text))
        self._text += email.lower().encode(errors="replace") + b"\n"

    def find(self, text: str) -> list[int]:
        wanted = text.lower().encode(errors="replace")
        if not wanted or b"\n" in wanted:
            return []
        found: list[int] = []
        at = self._text.find(wanted)
        while at >= 0:
            index = bisect_right(self._starts, at) - 1
            found.append(index)
            at = self._text.find(b"\n", at)
            at = self._text.find(wanted, at)
        return found
