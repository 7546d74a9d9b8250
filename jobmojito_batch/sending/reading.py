"""
Calls that create nothing: paced and paused like all others, and asked again where that may help.

A list may be asked for as often as it takes; a call that may cost something is made again only
where it provably did not run. What stops one reader stops the run: the next call would fare no
better.
"""

import random
from typing import Final, TypeVar

from jobmojito_batch.columns import ErrorCode
from jobmojito_batch.sending.context import Ask, SendContext
from jobmojito_batch.sending.flow_control import FlowControl
from jobmojito_batch.sending.retry import Tried, retrying
from jobmojito_batch.sending.window import Window
from jobmojito_batch.verdict import Action, Answer, Silence, Verdict

T = TypeVar("T")

_NO_CONNECTION: Final = (
    "no connection to the API; check the network and the base URL, then run again"
)
_STOPS: Final = {
    401: (ErrorCode.UNAUTHORIZED, "the API refused the token; get a fresh one and run again"),
    402: (ErrorCode.INSUFFICIENT_CREDITS, "the account has no credits left"),
    403: (ErrorCode.FORBIDDEN, "the token may not read this"),
    540: (ErrorCode.SERVICE_PAUSED, "the service is paused"),
}


class Reader:
    """Asks until there is an answer, the call is refused, or the run stops."""

    def __init__(self, context: SendContext, *, rng: random.Random | None = None) -> None:
        self._context = context
        self._flow_control = FlowControl(context, Window(context.policy.max_in_flight))
        self._retrying = retrying(
            context.policy.retry,
            is_stopping=context.stop_signal.is_set,
            may_retry=lambda: True,
            sleep=context.clock.sleep,
            rng=rng or random.Random(),  # noqa: S311 - jitter, not a secret
        )

    @property
    def is_stopping(self) -> bool:
        """Whether nothing more is asked."""
        return self._context.stop_signal.is_set()

    async def read(
        self, ask: Ask[T], *, is_free: bool = True, may_be_refused: bool = False
    ) -> T | None:
        """
        What the call gives; None where it was refused or the run stops.

        One that is not *is_free* is made again only where it did not run; where it
        *may_be_refused*, a 403 is an answer about this one thing and stops nothing.
        """
        read: list[T] = []
        attempts = 0
        has_renewed_token = False

        async def attempt() -> Tried:
            nonlocal attempts, has_renewed_token
            if not await self._context.may_look_up():
                return Tried(self._context.stop_signal.verdict())
            started = self._context.clock.now()
            token = self._context.tokens.current()
            answer, given = await ask(token=token)
            self._context.api_clock.hear(answer, at=self._context.clock.wall())
            if given is not None:
                read.append(given)
            verdict = _verdict(answer, is_read=given is not None, is_free=is_free)
            if answer.http_status == 401 and not has_renewed_token:  # noqa: PLR2004
                has_renewed_token = True
                if await self._context.tokens.renewed(token):
                    return Tried(_again(ErrorCode.UNAUTHORIZED))
            is_away = await self._flow_control.apply(verdict, answer, started)
            counts = verdict.code is not ErrorCode.RATE_LIMITED and not is_away
            attempts += counts
            return Tried(verdict, attempts, counts)

        tried: Tried = await self._retrying(attempt)
        if not read:
            self._stop_if_need_be(tried.verdict, may_be_refused=may_be_refused)
        return read[-1] if read else None

    def _stop_if_need_be(self, verdict: Verdict, *, may_be_refused: bool) -> None:
        is_refusal = verdict.code is ErrorCode.FORBIDDEN and may_be_refused
        if verdict.action is Action.FAIL or is_refusal or self.is_stopping:
            return
        self._context.stop_signal.stop(verdict.code or ErrorCode.SERVER_ERROR, verdict.message)


def _again(code: ErrorCode, message: str = "", *, is_trustworthy: bool = True) -> Verdict:
    return Verdict(action=Action.RETRY, code=code, message=message, is_trustworthy=is_trustworthy)


def _verdict(answer: Answer, *, is_read: bool, is_free: bool) -> Verdict:
    """What follows from how a reading call ended."""
    status = answer.http_status
    if is_read:
        return Verdict(action=Action.SETTLE)
    if answer.silence is Silence.NOT_DELIVERED:
        return _again(ErrorCode.UNREACHABLE, _NO_CONNECTION, is_trustworthy=False)
    if status == 429:  # noqa: PLR2004
        return _again(ErrorCode.RATE_LIMITED, "the API asked to slow down; run again later")
    if status is not None and (status < 500 or status in _STOPS) and status >= 400:  # noqa: PLR2004
        code, seen = _STOPS.get(status, (ErrorCode.REFUSED, "refused"))
        action = Action.STOP if status in _STOPS else Action.FAIL
        return Verdict(action=action, code=code, message=f"HTTP {status}: {seen}")
    seen = f"HTTP {status}" if status is not None else "no answer"
    message = f"{seen}: a list could not be read, time and again; run again later"
    again = _again(ErrorCode.SERVER_ERROR, message, is_trustworthy=False)
    return again if is_free else Verdict(action=Action.FAIL, code=again.code, message=seen)
