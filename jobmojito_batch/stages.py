"""
How far a candidate is, by the rows that the result list has of one enrolment (spec section 10).

Pure: rows in, a standing out. One enrolment may come in several rows (its screening, its interview,
attempts): they are one. Words that the reference does not have are `unclear`, never guessed at.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from jobmojito_batch.columns import Decision, Stage
from jobmojito_batch.contract import FollowUpRow

SCREENING: Final = "pre-screening"
_DECIDED: Final = {
    "selected": Decision.SELECTED,
    "recruiter_accept": Decision.SELECTED,
    "rejected": Decision.REJECTED,
    "recruiter_reject": Decision.REJECTED,
}
"""Decisions of people, in the words of either list; the AI's own are recommendations."""
_UNDECIDED: Final = frozenset(
    {"", "undecided", "ai_accept", "ai_reject", "recruiter_action", "candidate_action",
     "already-applied"}
)  # fmt: skip
_FAILED: Final = ("fail", "abandon", "no speech", "no_speech", "error")
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the rows of one enrolment say; times are UTC without a zone."""

    stage: Stage
    decision: Decision | None = None
    score: float | None = None
    interview_result_id: str | None = None
    since: datetime | None = None
    """Since when, as far as the rows tell."""
    why: str = ""
    """Of an unclear one: the end of a sentence."""
    has_odd_decision: bool = False
    """A decision in words that this program does not know."""


def standing_of(rows: Iterable[FollowUpRow]) -> Standing:
    """
    How far one enrolment is.

    Of several attempts the newest that was submitted tells, else the newest; tests only where there
    is nothing else.
    """
    real = _without_tests(list(rows))
    leading = _leading(real)
    stage = stage_of(leading)
    decisions = _decisions(real, leading)
    return Standing(
        stage=stage,
        decision=decisions[0] if decisions else None,
        score=leading.score,
        interview_result_id=leading.interview_result_id,
        since=_since(leading, stage, real),
        why="JobMojito says a state that this program does not know" if stage is _UNCLEAR else "",
        has_odd_decision=any(_word(row.decision_status) not in _KNOWN for row in real),
    )


_UNCLEAR: Final = Stage.UNCLEAR
_KNOWN: Final = _UNDECIDED | _DECIDED.keys()


def stage_of(row: FollowUpRow) -> Stage:
    """How far one attempt is."""
    coach, status = _word(row.coach_status), _word(row.status)
    processing = _word(row.processing_status)
    if any(word in coach for word in _FAILED) or any(word in status for word in _FAILED):
        return Stage.FAILED
    if coach.startswith("completed"):
        return _finished(status, processing)
    if coach in {"started", "in progress", "in_progress"} or (not coach and row.interview_started):
        return Stage.STARTED
    is_untouched = coach in {"not started", "not_started"} or not row.interview_result_id
    if coach in {"", "not started", "not_started"} and is_untouched and not row.interview_started:
        return Stage.NOT_STARTED
    return Stage.UNCLEAR


def _finished(status: str, processing: str) -> Stage:
    if status == "draft":
        return Stage.NOT_SUBMITTED
    if status != "active":
        return Stage.UNCLEAR
    return Stage.FAILED if any(word in processing for word in _FAILED) else Stage.SUBMITTED


def is_screening(row: FollowUpRow) -> bool:
    """Whether it is the row of a screening, not of an interview."""
    is_named = _word(row.position_step) == SCREENING
    has_only = row.interview_result_pre_screening_id and not row.interview_result_id
    return is_named or (row.position_step is None and bool(has_only))


def _without_tests(rows: Sequence[FollowUpRow]) -> Sequence[FollowUpRow]:
    return [row for row in rows if not row.is_test] or rows


def _leading(rows: Sequence[FollowUpRow]) -> FollowUpRow:
    """The row that tells: an interview's before a screening's, submitted, then the newest."""

    def rank(row: FollowUpRow) -> tuple[bool, bool, datetime, datetime]:
        is_submitted = stage_of(row) is Stage.SUBMITTED and bool(row.interview_result_id)
        return (
            not is_screening(row) or row.interview_result_id is not None,
            is_submitted,
            _utc(row.created_at),
            _utc(row.updated_at),
        )

    return max(rows, key=rank)


def _decisions(rows: Sequence[FollowUpRow], leading: FollowUpRow) -> list[Decision]:
    """Decisions of people, that of the leading row first; a screening alone selects nobody."""
    interviews = [row for row in rows if not is_screening(row)]
    newest = sorted(interviews, key=lambda row: _utc(row.created_at), reverse=True)
    said = [_DECIDED.get(_word(row.decision_status)) for row in [leading, *newest]]
    screened = [_DECIDED.get(_word(row.decision_status)) for row in rows if is_screening(row)]
    if interviews:  # to have passed the screening is to be asked to the interview
        screened = [each for each in screened if each is Decision.REJECTED]
    return [each for each in [*said, *screened] if each is not None]


def _since(leading: FollowUpRow, stage: Stage, rows: Sequence[FollowUpRow]) -> datetime | None:
    if stage is Stage.NOT_STARTED:
        created = [row.created_at for row in rows if row.created_at is not None]
        return min(map(naive, created), default=None)
    moment = leading.updated_at or leading.created_at
    return naive(moment) if moment is not None else None


def naive(moment: datetime) -> datetime:
    """UTC without a zone, as the ledger keeps times."""
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _utc(moment: datetime | None) -> datetime:
    if moment is None:
        return _LONG_AGO
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _word(text: str | None) -> str:
    return (text or "").strip().lower()


# What follows


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is known of an invitation when somebody asks what to do."""

    stage: Stage
    decision: Decision | None
    has_link: bool
    link_days: float | None
    """How old the link is; None if there is none or nobody knows."""
    since_days: float | None
    why: str = ""
    has_odd_decision: bool = False


def what_to_do(case: Case, *, chase_days: float, renew_days: float) -> str:
    """What a person does next, in one sentence; the first that holds."""
    pending = _PENDING.get(case.stage, "")
    is_untouched = case.stage is Stage.NOT_STARTED
    is_lately = is_untouched and (case.since_days or 0.0) < chase_days
    link_days = case.link_days or 0.0
    told = (
        (case.stage is Stage.UNCLEAR, f"look in JobMojito: {case.why or 'nothing is certain'}"),
        (case.decision is not None, f"nothing: {case.decision}"),
        (case.has_odd_decision, "look in JobMojito: its decision is in words not known here"),
        (case.stage is Stage.SUBMITTED, "decide: submitted, and nobody has decided yet"),
        (
            is_untouched and not case.has_link,
            "decide: nobody has accepted them, so there is no link",
        ),
        (link_days > renew_days, f"renew the link: it is {link_days:.0f} days old ({pending})"),
        (case.stage is Stage.NOT_SUBMITTED, "ask to press submit: finished, and not submitted"),
        (is_lately, f"nothing yet: invited lately; remind after {chase_days:g} days"),
        (True, f"remind: {pending}"),
    )
    return next(sentence for holds, sentence in told if holds)


_PENDING: Final = {
    Stage.NOT_STARTED: "not started",
    Stage.STARTED: "started, and not finished",
    Stage.NOT_SUBMITTED: "finished, and not submitted",
    Stage.FAILED: "the attempt failed; the same link leads on",
}
