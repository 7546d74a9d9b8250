"""Credit caps: a call is reserved before it starts, given back only when it provably was free."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from jobmojito_batch.columns import ErrorCode
from jobmojito_batch.sending.waiters import Waiters

_ROUNDING: Final = 1e-9
"""Sums of 0.25 are exact; sums of other prices may be off by less than this."""


@dataclass(slots=True)
class Cap:
    """A bound on credits and what counts towards it already."""

    limit: float
    spent: float = 0.0
    code: ErrorCode = ErrorCode.CREDIT_CAP
    message: str = "the credit cap is reached; raise it and run again"


class Budget:
    """
    All caps of a run at once; who reserves waits while calls in flight may still give back.

    *balances* are what the merchants have left, by the merchant_id of a row: its calls count
    towards that one alone. None is the token's own merchant.
    """

    def __init__(
        self, caps: Iterable[Cap], balances: Mapping[str | None, Cap] | None = None
    ) -> None:
        self._of_all = tuple(caps)
        self._balances = dict(balances or {})
        self._in_flight = 0
        self._waiters = Waiters()

    async def reserve(self, credits_: float, merchant_id: str | None = None) -> bool:
        """Reserve before a call; False if no cap has room and none can come."""
        caps = self._caps(merchant_id)
        while not all(_has_room(cap, credits_) for cap in caps):
            if self._in_flight == 0:
                return False
            await self._waiters.wait()
        for cap in caps:
            cap.spent += credits_
        self._in_flight += 1
        return True

    def settle(self, credits_: float, merchant_id: str | None = None, *, is_free: bool) -> None:
        """The call ended: its credits are spent, or come back where it provably was free."""
        self._in_flight -= 1
        if is_free:
            for cap in self._caps(merchant_id):
                cap.spent -= credits_
        self.wake()

    def wake(self) -> None:
        """Have the waiting look again."""
        self._waiters.wake()

    def full(self, credits_: float, merchant_id: str | None = None) -> Cap:
        """The cap that has no room."""
        return next(cap for cap in self._caps(merchant_id) if not _has_room(cap, credits_))

    def _caps(self, merchant_id: str | None) -> tuple[Cap, ...]:
        balance = self._balances.get(merchant_id)
        return self._of_all if balance is None else (balance, *self._of_all)


def _has_room(cap: Cap, credits_: float) -> bool:
    return cap.spent + credits_ <= cap.limit + _ROUNDING
