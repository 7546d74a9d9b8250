"""
Posting letters: claimed before they are handed over, at most one a person and step.

A few connections take letters from one queue. What the server provably did not take waits and is
tried again a few times; what it may have taken is unknown, and no run posts it again by itself.
"""

import asyncio
import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from typing import Final

from jobmojito_batch.columns import ErrorCode, LetterOutcome, LetterStep
from jobmojito_batch.errors import LedgerError
from jobmojito_batch.ledger import (
    EndLetter,
    LetterClaim,
    LetterStanding,
    LetterState,
    TakeLetter,
    Writer,
)
from jobmojito_batch.letters.mail import NewId
from jobmojito_batch.letters.smtp import (
    Handed,
    Handing,
    OpenPostbox,
    Postbox,
    ServerAwayError,
    ServerClosedError,
)
from jobmojito_batch.sending import Clock, Pace, StopSignal

CONNECTIONS: Final = 2
PAUSES: Final = (3.0, 30.0, 120.0)
"""Seconds before a letter that was not taken, or a connection that was not made, is tried again."""
HELD_PAUSE: Final = 1.0
"""Seconds before a letter that another process posts is asked for again."""
MOST_REFUSED: Final = 25
"""So many letters in a row that are refused are no matter of their addresses."""
LEASE_SLACK: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ToPost:
    """A letter that is to be posted; no repr shows it."""

    invitation_id: int
    address: str
    message: Callable[[str, datetime], EmailMessage]
    """What it is, under a Message-ID, at a time."""

    def __repr__(self) -> str:
        return f"<ToPost {self.invitation_id}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """What became of a letter."""

    outcome: LetterOutcome
    at: datetime | None = None
    """UTC without a zone: when it was taken or handed over."""
    message: str | None = field(default=None, repr=False)
    """A sentence for a person; the server's words may name somebody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostingPolicy:
    """The bounds of a posting."""

    step: LetterStep
    again: bool
    sender: str
    delivery_seconds: float
    """How long handing over one letter may take; then nobody knows."""
    owner: str = ""
    """Who posts; this process if it is empty."""
    connections: int = CONNECTIONS
    pauses: Sequence[float] = PAUSES


@dataclass(order=True, slots=True)
class _Due:
    """A letter in the queue, by when it may be tried."""

    at: float
    number: int
    tries: int = field(compare=False)
    letter: ToPost = field(compare=False)


class Posting:
    """One posting of letters; `run` it once."""

    def __init__(
        self,
        letters: Iterable[ToPost],
        policy: PostingPolicy,
        *,
        writer: Writer,
        open_postbox: OpenPostbox,
        pace: Pace,
        clock: Clock,
        stop: StopSignal,
        new_id: NewId,
    ) -> None:
        self._policy = policy
        self._writer = writer
        self._open_postbox = open_postbox
        self._pace = pace
        self._clock = clock
        self._stop = stop
        self._new_id = new_id
        self._queue = [_Due(0.0, n, 0, letter) for n, letter in enumerate(letters)]
        self._total = len(self._queue)
        self._busy = 0
        self._refused = 0
        self.posted: dict[int, Posted] = {}
        """By invitation id, what became of each so far."""

    @property
    def counts(self) -> Counter[LetterOutcome]:
        """Letters by outcome."""
        return Counter(posted.outcome for posted in self.posted.values())

    @property
    def total(self) -> int:
        """How many there are."""
        return self._total

    async def run(self) -> None:
        """Post them until the end or a stop; each has its outcome then. Raises LedgerError."""
        workers = min(self._policy.connections, max(1, self._total))
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(workers):
                    group.create_task(self._work())
        except* LedgerError as several:
            raise several.exceptions[0] from None
        for due in self._queue:
            self._not_sent(due.letter, None)

    async def _work(self) -> None:
        postbox = self._open_postbox()
        try:
            while (due := await self._next()) is not None:
                try:
                    await self._try(postbox, due)
                finally:
                    self._busy -= 1
        finally:
            await postbox.close()

    async def _next(self) -> _Due | None:
        """The next letter that is due; None once all are through, or at a stop."""
        while not self._stop.is_set():
            if not self._queue and not self._busy:
                return None
            wait = self._queue[0].at - self._clock.now() if self._queue else HELD_PAUSE
            if wait <= 0:
                self._busy += 1
                return heapq.heappop(self._queue)
            await self._clock.sleep(min(wait, HELD_PAUSE))
        return None

    async def _try(self, postbox: Postbox, due: _Due) -> None:
        if not await self._is_open(postbox) or not await self._pace.turn(self._stop.is_set):
            heapq.heappush(self._queue, due)
            return
        message_id = self._new_id()
        claim = await self._claim(due.letter, message_id)
        if claim.standing is LetterStanding.MINE:
            handed = await self._handed(postbox, due.letter, message_id)
            await self._end(claim, message_id, handed)
            self._heed(due, handed)
        elif claim.standing is LetterStanding.HELD:
            self._later(due, HELD_PAUSE)
        else:
            self.posted[due.letter.invitation_id] = _POSTED[claim.standing](claim)

    async def _is_open(self, postbox: Postbox) -> bool:
        """Whether the server is there, before anything is claimed."""
        for pause in (*self._policy.pauses, None):
            try:
                await postbox.open()
            except ServerClosedError as exc:
                self._stop.stop(ErrorCode.UNAUTHORIZED, str(exc))
            except ServerAwayError as exc:
                if pause is None:
                    self._stop.stop(ErrorCode.UNREACHABLE, str(exc))
                else:
                    await self._nap(pause)
            else:
                return True
            if self._stop.is_set():
                return False
        return False

    async def _nap(self, seconds: float) -> None:
        until = self._clock.now() + seconds
        while not self._stop.is_set() and (left := until - self._clock.now()) > 0:
            await self._clock.sleep(min(left, HELD_PAUSE))

    async def _claim(self, letter: ToPost, message_id: str) -> LetterClaim:
        at = self._clock.at()
        return await self._writer.submit(
            TakeLetter(
                invitation_id=letter.invitation_id,
                candidate_email=letter.address,
                step=self._policy.step,
                day=at.date().isoformat(),
                again=self._policy.again,
                at=at,
                lease_seconds=self._policy.delivery_seconds + LEASE_SLACK,
                message_id=message_id,
                owner=self._policy.owner,
            )
        )

    async def _handed(self, postbox: Postbox, letter: ToPost, message_id: str) -> Handed:
        message = letter.message(message_id, self._clock.wall())
        try:
            async with asyncio.timeout(self._policy.delivery_seconds):
                return await postbox.hand_over(
                    message, sender=self._policy.sender, address=letter.address
                )
        except TimeoutError:
            await postbox.close()
            return Handed(handing=Handing.UNKNOWN, says="handing it over took too long")

    async def _end(self, claim: LetterClaim, message_id: str, handed: Handed) -> None:
        await self._writer.submit(
            EndLetter(
                letter_id=claim.letter_id,
                message_id=message_id,
                state=_STATE_AFTER.get(handed.handing),
                at=self._clock.at(),
                smtp_code=handed.code,
                error=handed.says or None,
            )
        )

    def _heed(self, due: _Due, handed: Handed) -> None:
        """What an answer means for its letter, and for the others."""
        at = self._clock.at()
        if handed.handing is Handing.TAKEN:
            self._refused = 0
        elif handed.handing is Handing.REFUSED:
            self._refused += 1
        if handed.handing is Handing.CLOSED:
            self._stop.stop(
                ErrorCode.FORBIDDEN,
                f"the mail server does not let this sender write (SMTP {handed.code}); correct "
                "JOBMOJITO_MAIL_FROM or --from",
            )
            self._not_sent(due.letter, handed)
        elif handed.handing is not Handing.NOT_TAKEN:
            outcome = _OUTCOME_AFTER[handed.handing]
            self._settle(due.letter, Posted(outcome=outcome, at=at, message=_said(handed)))
        elif due.tries < len(self._policy.pauses):
            self._later(due, self._policy.pauses[due.tries])
        else:
            self._not_sent(due.letter, handed)
        if self._refused >= MOST_REFUSED:
            self._stop.stop(
                ErrorCode.BREAKER_OPEN,
                f"the mail server refused {self._refused} letters in a row; look at what it says "
                "in the results, then run again",
            )

    def _later(self, due: _Due, seconds: float) -> None:
        is_held = seconds == HELD_PAUSE
        due.at = self._clock.now() + seconds
        due.tries += 0 if is_held else 1
        heapq.heappush(self._queue, due)

    def _not_sent(self, letter: ToPost, handed: Handed | None) -> None:
        reason = self._stop.reason
        says = _said(handed) if handed is not None else (reason.message if reason else None)
        self._settle(letter, Posted(outcome=LetterOutcome.NOT_SENT, message=says))

    def _settle(self, letter: ToPost, posted: Posted) -> None:
        self.posted[letter.invitation_id] = posted


_STATE_AFTER: Final = {
    Handing.TAKEN: LetterState.SENT,
    Handing.REFUSED: LetterState.REFUSED,
    Handing.UNKNOWN: LetterState.UNKNOWN,
}
"""The others give the claim back."""
_OUTCOME_AFTER: Final = {
    Handing.TAKEN: LetterOutcome.SENT,
    Handing.REFUSED: LetterOutcome.REFUSED,
    Handing.UNKNOWN: LetterOutcome.UNKNOWN,
}


def _said(handed: Handed) -> str | None:
    """What the server said, with what to do."""
    code = f"SMTP {handed.code}: " if handed.code is not None else ""
    match handed.handing:
        case Handing.TAKEN:
            return None
        case Handing.REFUSED:
            return f"{code}{handed.says}; correct the address, or reach them another way"
        case Handing.UNKNOWN:
            return f"{code}{handed.says}; {LOOK}"
        case _:
            return f"{code}{handed.says}; it was not taken, run again"


LOOK: Final = (
    "it may have arrived, so it is not posted again: look at the mail server, or ask them; --again "
    "on another day writes once more"
)


def _already(claim: LetterClaim) -> Posted:
    return Posted(outcome=LetterOutcome.ALREADY_SENT, at=claim.at)


def _unknown(claim: LetterClaim) -> Posted:
    says = f"handed over earlier without an answer; {LOOK}"
    return Posted(outcome=LetterOutcome.UNKNOWN, at=claim.at, message=says)


def _gone(_claim: LetterClaim) -> Posted:
    return Posted(outcome=LetterOutcome.NOT_SENT, message="the person was forgotten meanwhile")


_POSTED: Final = {
    LetterStanding.SENT: _already,
    LetterStanding.UNKNOWN: _unknown,
    LetterStanding.GONE: _gone,
}
