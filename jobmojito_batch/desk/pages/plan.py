"""Plan: what would be sent and what it costs, the questions that are left, and Send."""

from collections.abc import Sequence
from typing import Final

from starlette.responses import Response

from jobmojito_batch.desk.desk import said_of
from jobmojito_batch.desk.sends import (
    NotSentError,
    SeenPlan,
    SendState,
    begin,
    check_press,
    latest_of,
    plan_of,
)
from jobmojito_batch.desk.uploads import digest_of
from jobmojito_batch.desk.visit import Visit
from jobmojito_batch.pipeline import Planned
from jobmojito_batch.plan import Kind

MOST_NAMES: Final = 30
MOST_NOTES: Final = 30
_OTHER_PLAN: Final = (
    "The plan you saw is no longer true: another run has sent some of it, or the file, its "
    "corrections or the account changed. Nothing was sent. This is the plan as it is now."
)


def show(visit: Visit) -> Response:
    """The page."""
    return _page(visit, plan_of(visit.upload, visit.number("first") or None))


def answer(visit: Visit) -> Response:
    """Answers to questions, and another number to send."""
    upload = visit.upload
    before = set(upload.note.answered)
    said = {
        digest: text
        for name, text in visit.form.items()
        if name.startswith("doubt:") and (digest := name.removeprefix("doubt:")).isalnum()
    }
    kept = (before - said.keys()) | {digest for digest, text in said.items() if text == "yes"}
    if kept != before:
        upload.say(answered=sorted(kept))
    return _again(visit)


def send(visit: Visit) -> Response:
    """The press that sends: what was seen, once, or a sentence why not."""
    upload, limit = visit.upload, visit.number("limit") or None
    if (visit.number("first") or None) != limit:
        return _again(visit)  # another number was written: its plan has to be seen first
    try:
        check_press(upload, visit.number("number"))
        seen = plan_of(upload, limit)
        if seen.order.digest != visit.said("plan"):
            return _page(visit, seen, why=_OTHER_PLAN)
        if not seen.may_be_sent:
            return _page(visit, seen, why="Nothing was sent: this plan is not to be sent as it is.")
        begin(upload, seen.order)
    except NotSentError as exc:
        return visit.page("not_sent.html", status=409, why=str(exc))
    return visit.go(f"{visit.home}/progress")


def _again(visit: Visit) -> Response:
    first = visit.number("first")
    return visit.go(f"{visit.home}/plan", **({"first": first} if first else {}))


def _page(visit: Visit, seen: SeenPlan, *, why: str = "") -> Response:
    upload = visit.upload
    last = latest_of(upload)
    planned = seen.planned
    return visit.page(
        "plan.html",
        status=409 if why else 200,
        seen=seen,
        planned=planned,
        plan=planned.plan,
        classes=[
            (kind.value, count)
            for kind, count in planned.plan.counts.items()
            if count and kind is not Kind.TO_SEND
        ],
        names=planned.position_names[:MOST_NAMES],
        warnings=_short(_warnings(planned)),
        questions=[
            (digest_of(doubt), doubt, upload.has_answered(doubt))
            for doubt in planned.doubts
            if doubt.holds
        ],
        notes=[
            *(doubt.text for doubt in planned.doubts if not doubt.holds),
            *_short(planned.inputs.notes),
        ],
        why=why,
        is_going_on=last is not None and last.state is SendState.GOING_ON,
    )


def _warnings(planned: Planned) -> list[str]:
    own = planned.accounts.views.get(None)
    is_silent = own is not None and own.answer.http_status != 200  # noqa: PLR2004
    return [
        *planned.accounts.warnings,
        *planned.plan.warnings,
        *planned.preview.warnings,
        *([said_of(own)] if own is not None and is_silent else []),
    ]


def _short(texts: Sequence[str]) -> list[str]:
    more = len(texts) - MOST_NOTES
    return [*texts[:MOST_NOTES], *([f"… and {more} more"] if more > 0 else [])]
