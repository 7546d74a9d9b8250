"""A night that stopped for a reason that can pass by itself, tried again until a time of day."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final

from jobmojito_batch.client import TokenSource, replaced_by, replacement_due
from jobmojito_batch.columns import ErrorCode, Outcome
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline.nightly.path_templates import zone_of
from jobmojito_batch.settings import Settings
from jobmojito_batch.summary import EarlierTries, Summary

PASSES_BY_ITSELF: Final = frozenset(
    {
        ErrorCode.INSUFFICIENT_CREDITS,
        ErrorCode.SERVICE_PAUSED,
        ErrorCode.BREAKER_OPEN,
        ErrorCode.UNREACHABLE,
    }
)
"""
Why a night stopped that is tried again: the account is filled up, the API comes back.

A token that is refused or may not do it needs a person, and a cap was meant.
"""
PAUSES_MINUTES: Final = (5, 10, 20, 30)
"""Before the second try, the third, the fourth; the last before each that follows."""
MOST_HOURS: Final = 12
"""A time of day that is farther ahead is past: the run was started after it, by hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NextTry:
    """A try that is waited for."""

    number: int
    """2 for the first that is made again."""
    code: ErrorCode
    """Why the one before stopped."""
    run_id: str
    """The run before."""
    seconds: float
    at: datetime
    """When, in the zone of the night."""
    until: datetime

    @property
    def sentence(self) -> str:
        """What a log, a terminal and the run's state say of it."""
        return (
            f"stopped by {self.code.replace('_', ' ')}: try {self.number} follows at "
            f"{self.at:%H:%M}, and no other begins after {self.until:%H:%M}"
        )


class Tries:
    """The tries of one night: each is a run of its own, and knows what the others did."""

    def __init__(
        self, parameters: InviteParameters, *, began: datetime, is_unattended: bool
    ) -> None:
        self.parameters = parameters
        """Those of the coming try."""
        self.earlier: list[Summary] = []
        self._began = began
        self._is_unattended = is_unattended

    def next_after(self, summary: Summary | None, *, now: datetime) -> NextTry | None:
        """The try that follows on one that ended so; None where it was the last."""
        asked, code = self.parameters, summary.stop_code if summary is not None else None
        if asked.retry_until is None or not self._is_unattended or summary is None or code is None:
            return None
        if summary.exit_code is not ExitCode.STOPPED or code not in PASSES_BY_ITSELF:
            return None
        until = end_of_tries(self._began, asked.retry_until, asked.time_zone)
        pause = timedelta(minutes=PAUSES_MINUTES[min(len(self.earlier), len(PAUSES_MINUTES) - 1)])
        if now + pause >= until:
            return None
        return NextTry(
            number=len(self.earlier) + 2,
            code=code,
            run_id=summary.run_id,
            seconds=pause.total_seconds(),
            at=(now + pause).astimezone(until.tzinfo),
            until=until,
        )

    def add(self, summary: Summary, settings: Settings | None) -> None:
        """A try is over and another follows: the bounds of the night hold for all of them."""
        self.earlier.append(summary)
        left: dict[str, object] = {}
        if self.parameters.limit is not None:
            left["limit"] = _rows_left(summary)
        if settings is not None and settings.max_credits_per_run is not None:
            unspent = settings.max_credits_per_run - summary.credits_estimated
            left["max_credits"] = max(0.0, unspent)
        self.parameters = self.parameters.model_copy(update=left)

    @property
    def earlier_runs(self) -> list[str]:
        """The runs of the tries before."""
        return [summary.run_id for summary in self.earlier]

    def told_with(self, conclusion: Summary, tokens: TokenSource) -> Summary:
        """With what is told of a run and not written: tries before it, its token's end."""
        told: dict[str, object] = {"earlier_tries": self._told}
        if conclusion.ended_at is not None:
            replaced = replaced_by(tokens.current())
            told["token_replaced_by"] = replaced
            told["token_due"] = replacement_due(replaced, conclusion.ended_at)
        return conclusion.model_copy(update=told)

    @property
    def _told(self) -> EarlierTries | None:
        if not self.earlier:
            return None
        spent = sum(summary.credits_estimated for summary in self.earlier)
        return EarlierTries(count=len(self.earlier), credits_estimated=spent)


def end_of_tries(began: datetime, time_of_day: str, time_zone: str | None) -> datetime:
    """
    When the night that *began* then is given up: the next such time of day in its zone.

    The beginning itself where that is MOST_HOURS ahead or more. Raises SettingsError.
    """
    zone = zone_of(time_zone)
    start = began.astimezone(zone)
    for day in (start.date(), start.date() + timedelta(days=1)):
        end = datetime.combine(day, time.fromisoformat(time_of_day), zone or start.tzinfo)
        if end.astimezone(began.tzinfo) > began:
            is_near = end.astimezone(began.tzinfo) - began < timedelta(hours=MOST_HOURS)
            return end if is_near else start
    return start


def _rows_left(summary: Summary) -> int:
    """Rows within a limit that were not sent."""
    beyond = summary.reasons.get(ErrorCode.LIMIT_REACHED, 0)
    return max(0, summary.outcomes[Outcome.NOT_SENT] - beyond)
