"""Plan: what would be sent and what it costs, the questions that are left, and Send."""

from dataclasses import dataclass, field
from typing import Final

from starlette.responses import Response

from jobmojito_batch.desk.open_uploads import SeenPlan
from jobmojito_batch.desk.sends import NotSentError, SendState, latest_of
from jobmojito_batch.desk.uploads import Upload, digest_of
from jobmojito_batch.desk.visit import Visit, number
from jobmojito_batch.desk.wording import KINDS
from jobmojito_batch.pipeline import Planned
from jobmojito_batch.plan import Kind
from jobmojito_batch.records import InputDoubt

MOST_NAMES: Final = 30
MOST_NOTES: Final = 30
_OTHER_PLAN: Final = (
    "The plan you saw is no longer true: another run has sent some of it, or the file, its "
    "corrections or the account changed. Nothing was sent. This is the plan as it is now."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A doubt of the input, as it is asked."""

    digest: str
    sentence: str
    option: str
    rows: tuple[int, ...]
    examples: tuple[str, ...] = field(repr=False)
    is_answered: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanView:
    """What the page shows."""

    classes: list[tuple[str, int]]
    rows: int
    to_send: int
    limit: int | None
    names: tuple[str, ...]
    to_create: int
    to_reuse: int
    credits: float
    credits_left: float | None
    seconds: float
    account: str
    environment: str
    warnings: list[str]
    notes: list[str]
    questions: list[Question]
    remarks: list[str]
    """Doubts that hold nothing."""
    may_be_sent: bool
    has_token: bool
    digest: str
    number: int


def show(visit: Visit) -> Response:
    """The page."""
    limit = number(visit.query.get("first", "")) or None
    return _page(visit, visit.open.plan(limit))


def answer(visit: Visit) -> Response:
    """Answers to questions, and another number to send."""
    upload = visit.open.upload
    kept = list(upload.note.answered)
    for name, text in visit.form.items():
        kind, _, digest = name.partition(":")
        if kind == "doubt" and text == "yes" and digest.isalnum():
            kept.append(digest)
    if kept != upload.note.answered:
        upload.say(answered=sorted(set(kept)))
    return _again(visit)


def send(visit: Visit) -> Response:
    """The press that sends: what was seen, once, or a sentence why not."""
    opened = visit.open
    limit = number(visit.said("limit")) or None
    if (number(visit.said("first")) or None) != limit:
        return _again(visit)  # another number was written: its plan has to be seen first
    pressed, count = visit.said("plan"), number(visit.said("number"), otherwise=-1)
    before = latest_of(opened.upload)
    if before is not None and before.number >= count:
        return _not_sent(visit, before.state is SendState.GOING_ON)
    seen = opened.plan(limit)
    if seen.order.digest != pressed:
        return _page(visit, seen, why=_OTHER_PLAN)
    if not seen.may_be_sent:
        return _page(visit, seen, why="Nothing was sent: answer the questions first.")
    try:
        opened.send(seen.order, seen.number)
    except NotSentError as exc:
        return _not_sent(visit, "already" in str(exc))
    return visit.go(f"{visit.home}/progress")


def _not_sent(visit: Visit, is_going_on: bool) -> Response:
    why = (
        "It is being sent already: this press sent nothing."
        if is_going_on
        else "This plan was sent already: this press sent nothing. What is left is in the plan as "
        "it is now."
    )
    return visit.page("not_sent.html", status=409, why=why, home=visit.home)


def _again(visit: Visit) -> Response:
    first = number(visit.said("first"))
    return visit.go(f"{visit.home}/plan", **({"first": str(first)} if first else {}))


def _page(visit: Visit, seen: SeenPlan, *, why: str = "") -> Response:
    upload = visit.open.upload
    last = latest_of(upload)
    is_going_on = last is not None and last.state is SendState.GOING_ON
    return visit.page(
        "plan.html",
        status=409 if why else 200,
        view=_view(seen, upload),
        why=why,
        is_going_on=is_going_on,
        home=visit.home,
    )


def _view(seen: SeenPlan, upload: Upload) -> PlanView:
    planned, plan = seen.planned, seen.planned.plan
    counts = {**plan.counts, Kind.TO_SEND: 0}
    classes = [(kind.value, count) for kind, count in counts.items() if count]
    merchant = planned.accounts.merchant
    settings = planned.settings
    return PlanView(
        classes=[(KINDS.get(name, "Left for later"), count) for name, count in classes],
        rows=planned.rows,
        to_send=plan.to_send,
        limit=seen.order.limit,
        names=planned.position_names[:MOST_NAMES],
        to_create=plan.positions_to_create,
        to_reuse=plan.positions_to_reuse,
        credits=plan.credits,
        credits_left=planned.accounts.own_credits_left,
        seconds=plan.seconds,
        account=settings.base_url + (f", merchant {merchant}" if merchant else ""),
        environment=settings.environment,
        warnings=_warnings(planned),
        notes=_short(list(planned.inputs.notes)),
        questions=[_question(doubt, upload) for doubt in planned.doubts if doubt.holds],
        remarks=[doubt.text for doubt in planned.doubts if not doubt.holds],
        may_be_sent=seen.may_be_sent and settings.has_token,
        has_token=settings.has_token,
        digest=seen.order.digest,
        number=seen.number,
    )


def _warnings(planned: Planned) -> list[str]:
    found = [*planned.accounts.warnings, *planned.plan.warnings, *planned.preview.warnings]
    for view in planned.accounts.views.values():
        if view.answer.http_status in {401, 403}:
            found.append("the API refuses the token: it has expired or is of another account")
        elif view.credits_left is None and view.answer.http_status is None:
            found.append("the API cannot be reached now: nothing can be sent until it can")
    return _short(found)


def _short(texts: list[str]) -> list[str]:
    more = len(texts) - MOST_NOTES
    return [*texts[:MOST_NOTES], *([f"… and {more} more"] if more > 0 else [])]


def _question(doubt: InputDoubt, upload: Upload) -> Question:
    return Question(
        digest=digest_of(doubt),
        sentence=doubt.sentence,
        option=doubt.option,
        rows=doubt.rows,
        examples=doubt.examples,
        is_answered=upload.has_answered(doubt),
    )
