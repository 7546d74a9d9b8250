"""
What candidates do as time goes on: they start, finish, forget to submit, fail, are decided.

By the seed and the sandbox's own clock, which may be put forward; nobody has to wait for days.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from jobmojito_batch.sandbox.scenario import LifeTimes
from jobmojito_batch.sandbox.seeded_random import Chance
from jobmojito_batch.sandbox.world import ACCEPTED, REJECTED, Enrolment

_FIRST_DAYS: Final = 1.5
"""Nobody starts before: what happened within a day and a half of an invitation is nothing."""
_INTERVIEW: Final = timedelta(minutes=35)
_THINKING: Final = timedelta(minutes=10)
_SCORES: Final = 101
_FAILURES: Final = ("failed", "abandoned", "no speech")
_IN_OTHER_WORDS: Final = {"selected": "recruiter_accept", "rejected": "recruiter_reject"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt at the interview, as far as it had come at a moment."""

    number: int
    created_at: datetime
    updated_at: datetime
    result_id: str | None = None
    coach_status: str | None = None
    status: str = "active"
    processing_status: str | None = None
    score: float | None = None
    decision: str = "undecided"
    is_started: bool = False
    charged_at: datetime | None = None
    """When it cost something."""

    @property
    def is_submitted(self) -> bool:
        """Whether the candidate pressed submit."""
        return self.score is not None

    def members(self) -> dict[str, Any]:
        """What of a row of the result list is the attempt's."""
        return {
            "interview_result_id": self.result_id,
            "interview_started": self.is_started,
            "coach_status": self.coach_status,
            "status": self.status,
            "processing_status": self.processing_status,
            "score": self.score,
            "decision_status": self.decision,
        }


class Lives:
    """The attempts of each enrolment, at any moment."""

    def __init__(self, times: LifeTimes, chance: Chance) -> None:
        self._times = times
        self._chance = chance

    def attempts(self, enrolment: Enrolment, now: datetime) -> list[Attempt]:
        """The attempts so far, the first first; there is always one, before its start, too."""
        return list(self._attempts(enrolment, now))

    def _attempts(self, enrolment: Enrolment, now: datetime) -> Iterator[Attempt]:
        start = self._start(enrolment)
        if start is None or now < start:
            created_at = enrolment.created_at
            decision = "rejected" if enrolment.status in REJECTED else "undecided"
            yield Attempt(number=1, created_at=created_at, updated_at=created_at, decision=decision)
            return
        has_failed = self._is(enrolment, "fails", self._times.fails)
        if not has_failed:
            yield self._going_well(enrolment, 1, enrolment.created_at, start, now)
            return
        yield self._failing(enrolment, start, now)
        again = start + _INTERVIEW + timedelta(days=1)
        if self._is(enrolment, "again", self._times.tries_again) and now >= again:
            yield self._going_well(enrolment, 2, again, again, now)

    def _start(self, enrolment: Enrolment) -> datetime | None:
        if enrolment.status not in ACCEPTED or not self._is(
            enrolment, "starts", self._times.starts
        ):
            return None
        days = _FIRST_DAYS + self._share(enrolment, "start") * self._times.start_days
        return enrolment.created_at + timedelta(days=days)

    def _failing(self, enrolment: Enrolment, start: datetime, now: datetime) -> Attempt:
        if now < start + _INTERVIEW:
            return self._attempt(enrolment, 1, enrolment.created_at, start, coach="started")
        at = start + _INTERVIEW
        how = _FAILURES[int(self._share(enrolment, "how") * len(_FAILURES))]
        return self._attempt(enrolment, 1, enrolment.created_at, at, coach=how, charged_at=at)

    def _going_well(
        self, enrolment: Enrolment, number: int, created: datetime, start: datetime, now: datetime
    ) -> Attempt:
        finish = start + _INTERVIEW
        if now < finish or not self._is(enrolment, "finishes", self._times.finishes):
            return self._attempt(enrolment, number, created, start, coach="started", status="draft")
        submit = finish + _THINKING
        if now < submit or not self._is(enrolment, "submits", self._times.submits):
            return self._attempt(
                enrolment, number, created, finish, coach="completed", status="draft"
            )
        decide = submit + timedelta(days=self._share(enrolment, "day") * self._times.decide_days)
        is_decided = now >= decide and self._is(enrolment, "decides", self._times.decides)
        return self._attempt(
            enrolment,
            number,
            created,
            decide if is_decided else submit,
            coach="completed" if self._share(enrolment, "long") < 0.8 else _STOPPED_EARLY,  # noqa: PLR2004
            score=float(int(self._share(enrolment, "score", number) * _SCORES)),
            decision=self._decision(enrolment) if is_decided else "undecided",
            charged_at=submit,
        )

    def _attempt(
        self,
        enrolment: Enrolment,
        number: int,
        created: datetime,
        updated: datetime,
        *,
        coach: str,
        status: str = "active",
        score: float | None = None,
        decision: str = "undecided",
        charged_at: datetime | None = None,
    ) -> Attempt:
        return Attempt(
            number=number,
            created_at=created,
            updated_at=updated,
            result_id=self._chance.uuid("result", enrolment.id, number),
            coach_status=coach,
            status=status,
            processing_status="completed" if score is not None else None,
            score=score,
            decision=decision,
            is_started=True,
            charged_at=charged_at,
        )

    def _decision(self, enrolment: Enrolment) -> str:
        word = "selected" if self._is(enrolment, "selects", self._times.selects) else "rejected"
        is_odd = self._is(enrolment, "words", self._times.other_words)
        return _IN_OTHER_WORDS[word] if is_odd else word

    def _is(self, enrolment: Enrolment, what: str, share: float) -> bool:
        return self._share(enrolment, what) < share

    def _share(self, enrolment: Enrolment, *what: object) -> float:
        return self._chance.share("life", enrolment.id, *what)


_STOPPED_EARLY: Final = "completed, stopped early"
