"""
The position gate: the first row of a position whose id is not known goes alone.

Parallel first calls may create a position twice. Rows wait in the queue of their position; a
position hands out one row until it is open, then all of them. Positions do not wait for one
another, save for two that go by one name under different keys: the platform resolves by name.
"""

import heapq
from array import array
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import chain

from jobmojito_batch.sending.waiters import Waiters


class RowQueue:
    """
    The rows of a position that wait for their turn, in four bytes each.

    Ordinals in input order; a row that comes back stands first again.

    The ordinals of a file are handed out once and in order, so they lie in an array with a mark.
    """

    def __init__(self, ordinals: Iterable[int] = ()) -> None:
        self._ordinals = array("I", ordinals)
        self._next = 0
        self._back: deque[int] = deque()
        self._held = array("I")

    def hold_beyond(self, last: int) -> None:
        """Keep the rows after ordinal *last* back until `release`."""
        cut = bisect_right(self._ordinals, last)
        self._held = self._ordinals[cut:]
        self._ordinals = self._ordinals[:cut]

    def release(self) -> None:
        """Let the rows that were kept back have their turn."""
        self._ordinals.extend(self._held)
        self._held = array("I")

    def extend(self, ordinals: Iterable[int]) -> None:
        """Put rows at the end."""
        self._ordinals.extend(ordinals)

    def popleft(self) -> int:
        """Take the first. Raises IndexError if there is none."""
        if self._back:
            return self._back.popleft()
        first = self._ordinals[self._next]
        self._next += 1
        return first

    def appendleft(self, ordinal: int) -> None:
        """Put a row back to the head."""
        self._back.appendleft(ordinal)

    def clear(self) -> None:
        """Let all go."""
        self._ordinals = array("I")
        self._held = array("I")
        self._next = 0
        self._back.clear()

    def first(self) -> int:
        """The row whose turn is next. Raises IndexError if there is none."""
        return self._back[0] if self._back else self._ordinals[self._next]

    def __len__(self) -> int:
        """Those that may have their turn."""
        return len(self._back) + len(self._ordinals) - self._next

    def __iter__(self) -> Iterator[int]:
        yield from self._back
        yield from self._ordinals[self._next :]
        yield from self._held


class PositionState(Enum):
    """Whether a position's rows may go."""

    CLOSED = auto()
    OPENING = auto()
    OPEN = auto()
    SHUT = auto()
    """No row may go any more: refused as a whole, or unresolved."""


@dataclass(slots=True, eq=False, kw_only=True)
class Position:
    """A position during a run."""

    position_id: int
    account: str
    opening_key: str | None
    """Account and folded name; None where the rows name no position but its id."""
    position_def_set_id: str | None
    is_given: bool = False
    """The id stands in the input: if the API does not know it, it is not opened by name."""
    state: PositionState = PositionState.CLOSED
    is_in_doubt: bool = False
    """A first call for it was lost in an earlier run, or is on its way in another."""
    was_reopened: bool = field(default=False, init=False)
    exists: bool = False
    """Known to exist, be its id known or not."""
    is_offered: bool = field(default=False, init=False)
    """Whether the gate has an entry for it; entries are not taken out, they go stale."""
    queue: RowQueue = field(default_factory=RowQueue, repr=False)


@dataclass(slots=True, eq=False, kw_only=True)
class Job:
    """A row whose turn it is."""

    ordinal: int
    position: Position
    is_opening: bool
    position_def_set_id: str | None
    """The position's id when the row got its turn: should the id be forgotten meanwhile, the row
    meets a 404 and comes back, instead of going by name beside the row that opens it again."""


class PositionDispatcher:
    """Hands out rows in input order among those that may go, the openings first."""

    def __init__(self, positions: Iterable[Position]) -> None:
        self._ready: list[tuple[bool, int, int, Position]] = []
        self._opening = 0
        self._held_names: dict[str, deque[Position]] = {}
        self._waiters = Waiters()
        self._is_shut = False
        self._is_holding = False
        self._positions = list(positions)
        for position in self._positions:
            if position.state is PositionState.OPENING:  # by somebody else, or by a call in doubt
                self._hold(position)
            self._offer(position)

    def hold_beyond(self, first: int) -> tuple[int, ...]:
        """
        Hand out the *first* rows in input order alone, until `release`; gives which they are.

        Rows whose position is in doubt are none of them: they wait for what is looked up.
        """
        free = [
            position for position in self._positions if position.state is not PositionState.OPENING
        ]
        ordinals = heapq.nsmallest(first, chain.from_iterable(position.queue for position in free))
        if not ordinals:
            return ()
        self._is_holding = True
        for position in self._positions:
            last = -1 if position.state is PositionState.OPENING else ordinals[-1]
            position.queue.hold_beyond(last)
        return tuple(ordinals)

    @property
    def is_exhausted(self) -> bool:
        """Whether no row is left that may have its turn."""
        return not any(position.queue for position in self._positions)

    def release(self) -> None:
        """Let the rows that were held have their turn."""
        self._is_holding = False
        for position in self._positions:
            position.queue.release()
            self._offer(position)
        self._waiters.wake()

    def position(self, position_id: int) -> Position | None:
        """The one of an id of the ledger; an opening may give it another than it had."""
        same = (position for position in self._positions if position.position_id == position_id)
        return next(same, None)

    async def next(self) -> Job | None:
        """The next row that may go; waits while only an opening can bring one; None at the end."""
        while not self._is_shut:
            if (job := self._take()) is not None:
                return job
            if self._opening == 0 and not self._is_holding:
                return None
            await self._waiters.wait()
        return None

    def shut(self) -> None:
        """The run stops: nobody gets another row."""
        self._is_shut = True
        self._waiters.wake()

    def opened(self, position: Position) -> None:
        """The position exists: all its rows may go."""
        self._decided(position, PositionState.OPEN)

    def still_closed(self, position: Position) -> None:
        """The opening row was refused for its own sake: the next takes its place."""
        self._decided(position, PositionState.CLOSED)

    def shut_position(self, position: Position) -> list[int]:
        """No row of the position may go any more; gives those that had not."""
        rest = list(position.queue)
        position.queue.clear()
        self._decided(position, PositionState.SHUT)
        return rest

    def sharing_name(self, position: Position) -> list[Position]:
        """Positions under other keys that wait for the same name to be opened."""
        if position.opening_key is None:
            return []
        return list(self._held_names.get(position.opening_key, ()))

    def hold(self, position: Position) -> None:
        """Its id is gone: no row goes until `back` says that it may be opened again."""
        if position.state is not PositionState.OPENING:
            self._hold(position)

    def back(self, job: Job, *, opens_again: bool) -> None:
        """Put a row back to the head of its position; *opens_again* if that was held for it."""
        job.position.queue.appendleft(job.ordinal)
        if opens_again or job.is_opening:
            self._decided(job.position, PositionState.CLOSED)
        else:
            self._offer(job.position)

    def wait_for_elsewhere(self, job: Job) -> None:
        """Somebody else opens the name: the row goes back, and its position stays as it is."""
        job.position.queue.appendleft(job.ordinal)

    def _take(self) -> Job | None:
        """
        The first entry that still holds.

        Entries are not taken out when a state changes; a stale one is seen here.
        """
        while self._ready:
            *_, position = heapq.heappop(self._ready)
            position.is_offered = False
            if not position.queue or position.state in {PositionState.OPENING, PositionState.SHUT}:
                continue
            if position.state is PositionState.OPEN:
                job = _job(position, is_opening=False)
                self._offer(position)
                return job
            if not self._is_parked(position):
                return self._open(position)
        return None

    def _open(self, position: Position) -> Job:
        self._hold(position)
        return _job(position, is_opening=True)

    def _hold(self, position: Position) -> None:
        position.state = PositionState.OPENING
        self._opening += 1
        if position.opening_key is not None:
            self._held_names.setdefault(position.opening_key, deque())

    def _is_parked(self, position: Position) -> bool:
        """Whether another position opens this name now; then it waits behind that."""
        if position.opening_key is None or position.opening_key not in self._held_names:
            return False
        self._held_names[position.opening_key].append(position)
        return True

    def _decided(self, position: Position, state: PositionState) -> None:
        was_opening = position.state is PositionState.OPENING
        position.state = state
        if was_opening:
            self._opening -= 1
            if position.opening_key is not None:
                for other in self._held_names.pop(position.opening_key, ()):
                    self._offer(other)
        self._offer(position)
        self._waiters.wake()

    def _offer(self, position: Position) -> None:
        if position.is_offered or not position.queue:
            return
        if position.state in {PositionState.OPENING, PositionState.SHUT}:
            return
        position.is_offered = True
        entry = (
            position.state is PositionState.OPEN,
            position.queue.first(),
            id(position),
            position,
        )
        heapq.heappush(self._ready, entry)


def _job(position: Position, *, is_opening: bool) -> Job:
    return Job(
        ordinal=position.queue.popleft(),
        position=position,
        is_opening=is_opening,
        position_def_set_id=position.position_def_set_id,
    )
