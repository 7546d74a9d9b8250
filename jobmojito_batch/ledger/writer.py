"""
One writer: claims and outcomes of all workers share commits.

It drains what is waiting, commits once, wakes the waiters; while it commits, the next batch
gathers. Where hardly anybody waits it gives the others 4 ms to join: a batch costs about 1 ms
whatever it holds, and thousands in flight come and go one by one (decision 0016). That caps pairs
a second at in-flight / 8 ms; calls, which take seconds, never get near. Where thousands may be in
flight it is up to 16 ms, at the same cap for a thousand and more.

With SQLite the statements run in the event loop and only waiting for the lock and the flush in a
thread. The driver lets go of the interpreter around every statement, and a busy loop gives it back
late: with the statements in the thread the sending phase reached 0.43 of a bare loop
(benchmarks/run.py, two pairs), at 6 statements a row.

A server can go away. Until COMMIT is sent nothing of a batch can stay, so it is written again, for
half a minute. Where the connection breaks during COMMIT nobody knows: that is neither success nor
failure, so the run stops, and the next one finds what is there.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import Final, TypeVar, cast

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from jobmojito_batch.errors import LedgerError
from jobmojito_batch.ledger import postgresql
from jobmojito_batch.ledger.database import BUSY_SECONDS, translated
from jobmojito_batch.ledger.requests import Request, Write

MAX_BATCH: Final = 100
GATHER_SECONDS: Final = 0.004
MOST_GATHER_SECONDS: Final = 0.016
_GATHER_SECONDS_EACH: Final = 4e-6
"""For each call that may be in flight: with a thousand it comes to GATHER_SECONDS."""
ENOUGH: Final = 16
"""So many are written without waiting for more."""
FIRST_PAUSE_SECONDS: Final = 0.1
MOST_PAUSE_SECONDS: Final = 5.0

R = TypeVar("R")
T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _Waiting:
    request: object
    durable: "asyncio.Future[object]"
    result: object = None


class Writer:
    """All writes of a run, in one loop; `submit` returns once the write is durable."""

    def __init__(
        self, engine: Engine, writes: Mapping[type[object], Write], *, in_flight: int = 0
    ) -> None:
        self._engine = engine.execution_options(immediate=True)
        self._writes = writes
        self._gather_seconds = gather_seconds(in_flight)
        self._waiting: deque[_Waiting] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        self._writing: asyncio.Task[None] | None = None
        self._is_closed = False

    async def submit(self, request: Request[R], *, is_urgent: bool = False) -> R:
        """
        Have it written; the result after the commit. Raises LedgerError.

        *is_urgent* puts it before all that wait: what all of them wait for in the end.
        """
        if self._is_closed:
            raise LedgerError("the ledger is closed")
        loop = asyncio.get_running_loop()
        waiting = _Waiting(request, loop.create_future())
        if is_urgent:
            self._waiting.appendleft(waiting)
        else:
            self._waiting.append(waiting)
        if self._writing is None or self._writing.done():
            self._writing = loop.create_task(self._drain())
        # A cancelled worker leaves its write to be made; nobody reads the future then.
        # What the request's kind promises is what its write gives: `Request.written_by`.
        return cast("R", await asyncio.shield(waiting.durable))

    async def close(self) -> None:
        """Write what is waiting, then let go of the thread."""
        self._is_closed = True
        if self._writing is not None:
            await self._writing
        self._thread.shutdown()

    async def _drain(self) -> None:
        while self._waiting:
            if len(self._waiting) < ENOUGH:
                await asyncio.sleep(self._gather_seconds)
            count = min(len(self._waiting), MAX_BATCH)
            batch = [self._waiting.popleft() for _ in range(count)]
            error: LedgerError | None = None
            try:
                with translated("writing"):
                    await self._write(batch)
            except LedgerError as exc:
                error = exc
            except Exception as exc:  # noqa: BLE001 - whatever it is, nobody waits for ever
                error = LedgerError(f"the ledger: writing failed ({type(exc).__name__})")
            _answer(batch, error)

    async def _write(self, batch: list[_Waiting]) -> None:
        connection = await self._applied(batch)
        try:
            await self._in_thread(lambda: _commit(connection))
        except DBAPIError as exc:
            if not exc.connection_invalidated:
                raise
            raise LedgerError(
                "the ledger: the connection broke in the middle of a commit, so nobody knows "
                "whether it took effect. The run stops; the next one finds out, and looks up what "
                "was claimed before it sends any of it again"
            ) from None

    async def _applied(self, batch: list[_Waiting]) -> Connection:
        """A transaction with the batch in it; tried again while a server is away or busy."""
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + BUSY_SECONDS
        pause_seconds = FIRST_PAUSE_SECONDS
        while True:
            try:
                return await self._tried(batch)
            except DBAPIError as exc:
                is_server = self._engine.dialect.name == "postgresql"
                may = is_server and postgresql.may_go_again(exc)
                if not may or loop.time() + pause_seconds > give_up_at:
                    raise
            await asyncio.sleep(pause_seconds)
            pause_seconds = min(2 * pause_seconds, MOST_PAUSE_SECONDS)

    async def _tried(self, batch: list[_Waiting]) -> Connection:
        connection = await self._in_thread(self._begun)
        try:
            if connection.dialect.name == "sqlite":
                self._apply(connection, batch)
            else:  # a server answers over a network; the loop does not wait for that
                await self._in_thread(lambda: self._apply(connection, batch))
        except BaseException:
            await self._in_thread(connection.close)
            raise
        return connection

    def _begun(self) -> Connection:
        connection = self._engine.connect()
        try:
            connection.begin()
        except BaseException:
            connection.close()
            raise
        return connection

    async def _in_thread(self, step: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, step)

    def _apply(self, connection: Connection, batch: list[_Waiting]) -> None:
        """
        Kind by kind, so that each kind is one executemany.

        A row has at most one request waiting, so the order between kinds does not matter.
        """
        kinds: dict[type[object], list[_Waiting]] = {}
        for waiting in batch:
            kinds.setdefault(type(waiting.request), []).append(waiting)
        for kind, members in kinds.items():
            results = self._writes[kind](connection, [member.request for member in members])
            for member, result in zip(members, results, strict=True):
                member.result = result


def gather_seconds(in_flight: int) -> float:
    """How long others may join a batch where so many calls may be in flight."""
    return min(max(GATHER_SECONDS, in_flight * _GATHER_SECONDS_EACH), MOST_GATHER_SECONDS)


def _commit(connection: Connection) -> None:
    with closing(connection):
        connection.commit()


def _answer(batch: list[_Waiting], error: LedgerError | None) -> None:
    for waiting in batch:
        if waiting.durable.done():
            continue
        if error is None:
            waiting.durable.set_result(waiting.result)
        else:
            waiting.durable.set_exception(error)
