"""The first rows of a run go alone; whether the others follow is decided when they are through."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from jobmojito_batch.columns import SETTLED_FOR_GOOD, ErrorCode, Outcome
from jobmojito_batch.sending.context import SendContext

LOOK_SECONDS: Final = 0.1
"""How often it is looked whether they are through."""
_SETTLED: Final = SETTLED_FOR_GOOD | {Outcome.ALREADY_DONE, Outcome.DUPLICATE}


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstRows:
    """What came of the first rows."""

    ordinals: tuple[int, ...]
    waiting: int
    """The rows that wait for them."""
    outcomes: dict[Outcome, int]
    """Theirs, and of rows that follow from them: of a position that was refused as a whole."""

    @property
    def are_settled(self) -> bool:
        """Whether each of them came to an end that needs nobody's repair and no looking up."""
        unsettled = sum(n for outcome, n in self.outcomes.items() if outcome not in _SETTLED)
        return not unsettled and sum(self.outcomes.values()) >= len(self.ordinals)


MayGoOn = Callable[[FirstRows], Awaitable[bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstGate:
    """How many go first, and who says whether the others follow."""

    count: int
    may_go_on: MayGoOn


async def pass_gate(
    gate: FirstGate,
    context: SendContext,
    *,
    are_through: Callable[[], bool],
    first_rows: Callable[[], FirstRows],
    release: Callable[[], None],
) -> None:
    """Wait until the first rows are through and have it decided; what else stops the run wins."""
    stop_signal = context.stop_signal
    while not are_through():
        if stop_signal.is_set():
            return
        await context.clock.sleep(LOOK_SECONDS)
    deciding = asyncio.ensure_future(gate.may_go_on(first_rows()))
    stopping = asyncio.create_task(stop_signal.wait())
    either: set[asyncio.Future[bool] | asyncio.Future[None]] = {deciding, stopping}
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if stop_signal.is_set():
            return
        if deciding.result():
            release()
        else:
            stop_signal.stop(
                ErrorCode.LIMIT_REACHED,
                f"only the first {gate.count} were to be sent; run again to send the rest",
            )
    finally:
        deciding.cancel()
        stopping.cancel()
