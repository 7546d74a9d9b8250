"""
The position gate: the first row of a position whose id is not known goes alone.

Parallel first calls may create a position twice. Rows wait in the queue of their position; a
position hands out one row until it is open, then all of them. Positions do not wait for one
another, save for two that go by one name under different keys: the platform resolves by name.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum, auto

from jobmojito_batch.sending.row_queue import RowQueue


class Door(Enum):
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
    opening_key: str | None
    """Account and folded name; None where the rows name no position but its id."""
    position_def_set_id: str | None
    is_given: bool = False
    """The id stands in the input: where the API does not know it, it is not opened by name."""
    door: Door = Door.CLOSED
    is_in_doubt: bool = False
    """A first call for it was lost in an earlier run, or is on its way in another."""
    was_reopened: bool = False
    exists: bool = False
    """Known to exist, be its id known or not."""
    is_offered: bool = False
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


class Gate:
    """Hands out rows in input order among those that may go, the openings first."""

    def __init__(self, positions: Iterable[Position]) -> None:
        self._ready: list[tuple[bool, int, int, Position]] = []
        self._opening = 0
        self._held_names: dict[str, deque[Position]] = {}
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_shut = False
        for position in positions:
            if position.door is Door.OPENING:  # by somebody else, or by a call in doubt
                self._hold(position)
            self._offer(position)

    async def next(self) -> Job | None:
        """The next row that may go; waits while only an opening can bring one; None at the end."""
        while not self._is_shut:
            if (job := self._take()) is not None:
                return job
            if self._opening == 0:
                return None
            await self._news()
        return None

    def shut(self) -> None:
        """The run stops: nobody gets another row."""
        self._is_shut = True
        self._wake()

    def opened(self, position: Position) -> None:
        """The position exists: all its rows may go."""
        self._decided(position, Door.OPEN)

    def still_closed(self, position: Position) -> None:
        """The opening row was refused for its own sake: the next takes its place."""
        self._decided(position, Door.CLOSED)

    def shut_position(self, position: Position) -> list[int]:
        """No row of the position may go any more; gives those that had not."""
        rest = list(position.queue)
        position.queue.clear()
        self._decided(position, Door.SHUT)
        return rest

    def sharing_name(self, position: Position) -> list[Position]:
        """Positions under other keys that wait for the same name to be opened."""
        if position.opening_key is None:
            return []
        return list(self._held_names.get(position.opening_key, ()))

    def hold(self, position: Position) -> None:
        """Its id is gone: no row goes until `back` says that it may be opened again."""
        if position.door is not Door.OPENING:
            self._hold(position)

    def back(self, job: Job, *, opens_again: bool) -> None:
        """Put a row back to the head of its position; *opens_again* where that was held for it."""
        job.position.queue.appendleft(job.ordinal)
        if opens_again or job.is_opening:
            self._decided(job.position, Door.CLOSED)
        else:
            self._offer(job.position)

    def wait_for_elsewhere(self, job: Job) -> None:
        """Somebody else opens the name: the row goes back, and its position stays as it is."""
        job.position.queue.appendleft(job.ordinal)

    def _take(self) -> Job | None:
        """
        The first entry that still holds.

        Entries are not taken out when a door changes; a stale one is seen here.
        """
        while self._ready:
            *_, position = heapq.heappop(self._ready)
            position.is_offered = False
            if not position.queue or position.door in {Door.OPENING, Door.SHUT}:
                continue
            if position.door is Door.OPEN:
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
        position.door = Door.OPENING
        self._opening += 1
        if position.opening_key is not None:
            self._held_names.setdefault(position.opening_key, deque())

    def _is_parked(self, position: Position) -> bool:
        """Whether another position opens this name now; then it waits behind that."""
        if position.opening_key is None or position.opening_key not in self._held_names:
            return False
        self._held_names[position.opening_key].append(position)
        return True

    def _decided(self, position: Position, door: Door) -> None:
        was_opening = position.door is Door.OPENING
        position.door = door
        if was_opening:
            self._opening -= 1
            if position.opening_key is not None:
                for other in self._held_names.pop(position.opening_key, ()):
                    self._offer(other)
        self._offer(position)
        self._wake()

    def _offer(self, position: Position) -> None:
        if position.is_offered or not position.queue:
            return
        if position.door in {Door.OPENING, Door.SHUT}:
            return
        position.is_offered = True
        entry = (position.door is Door.OPEN, position.queue.first(), id(position), position)
        heapq.heappush(self._ready, entry)

    async def _news(self) -> None:
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        await future

    def _wake(self) -> None:
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(None)


def _job(position: Position, *, is_opening: bool) -> Job:
    return Job(
        ordinal=position.queue.popleft(),
        position=position,
        is_opening=is_opening,
        position_def_set_id=position.position_def_set_id,
    )
