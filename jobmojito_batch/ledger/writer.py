"""
One writer: claims and outcomes of all workers share commits.

It drains what is waiting, commits once, wakes the waiters; while it commits, the next batch
gathers. No timer: a fixed window would cap the throughput at in-flight / (2 x window), measured
(reference, performance section 5).
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from jobmojito_batch.errors import LedgerError
from jobmojito_batch.ledger.engine import translated, writing

MAX_BATCH: Final = 1000

Apply = Callable[[Connection, list[Any]], list[Any]]
"""Does all operations of one kind in a transaction; gives a result for each, in order."""


@dataclass(slots=True, eq=False)
class _Waiting:
    operation: Any
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[Any]"
    result: Any = field(default=None)


class Writer:
    """A thread that owns all writes of a run; `submit` returns once the write is durable."""

    def __init__(self, engine: Engine, appliers: dict[type, Apply]) -> None:
        self._engine = engine
        self._appliers = appliers
        self._waiting: deque[_Waiting] = deque()
        self._wake = threading.Condition()
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, name="ledger-writer", daemon=True)
        self._thread.start()

    async def submit(self, operation: object) -> Any:  # noqa: ANN401 - by kind of operation
        """Have it written; the result after the commit. Raises LedgerError."""
        loop = asyncio.get_running_loop()
        waiting = _Waiting(operation, loop, loop.create_future())
        with self._wake:
            if self._is_closing:
                raise LedgerError("the ledger is closed")
            self._waiting.append(waiting)
            self._wake.notify()
        # Shielded: a cancelled worker must not undo the waiting of a write that is under way.
        return await asyncio.shield(waiting.future)

    def close(self) -> None:
        """Write what is waiting, then end the thread."""
        with self._wake:
            self._is_closing = True
            self._wake.notify()
        self._thread.join()

    def _run(self) -> None:
        while batch := self._drain():
            error: LedgerError | None = None
            try:
                with translated("writing"), writing(self._engine) as connection:
                    self._apply(connection, batch)
            except LedgerError as exc:
                error = exc
            except (SQLAlchemyError, OSError, RuntimeError) as exc:
                error = LedgerError(f"the ledger: writing failed ({type(exc).__name__})")
            _answer(batch, error)

    def _drain(self) -> list[_Waiting]:
        with self._wake:
            while not self._waiting and not self._is_closing:
                self._wake.wait()
            count = min(len(self._waiting), MAX_BATCH)
            return [self._waiting.popleft() for _ in range(count)]

    def _apply(self, connection: Connection, batch: list[_Waiting]) -> None:
        """
        Kind by kind, so that each kind is one executemany.

        A row has at most one operation waiting, so the order between kinds does not matter.
        """
        kinds: dict[type, list[_Waiting]] = {}
        for waiting in batch:
            kinds.setdefault(type(waiting.operation), []).append(waiting)
        for kind, members in kinds.items():
            results = self._appliers[kind](connection, [member.operation for member in members])
            for member, result in zip(members, results, strict=True):
                member.result = result


def _answer(batch: list[_Waiting], error: LedgerError | None) -> None:
    """Wake the waiters, one hop into each loop for the whole batch."""
    loops = {waiting.loop for waiting in batch}
    for loop in loops:
        mine = [waiting for waiting in batch if waiting.loop is loop]
        if not loop.is_closed():
            loop.call_soon_threadsafe(_resolve, mine, error)


def _resolve(batch: list[_Waiting], error: LedgerError | None) -> None:
    for waiting in batch:
        if waiting.future.done():
            continue
        if error is not None:
            waiting.future.set_exception(error)
        else:
            waiting.future.set_result(waiting.result)
