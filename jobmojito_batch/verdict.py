"""
What an answer proves. One pure function; its table test is the policy document.

Source: spec section 1 (resend only what provably did not run) and the retry table of the API
reference, section 4.3. The order of the cases matters: an answer that says the credits are out
stops the run whatever its status.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from jobmojito_batch.columns import ErrorCode, Outcome
from jobmojito_batch.contract import (
    BY_ID_OMITS,
    CreateResponse,
    ErrorBody,
    OtherBody,
    PlatformErrorBody,
    Status,
    texts_of,
)
from jobmojito_batch.credit_words import (
    may_mean_account,
    means_account,
    mentions_lack_of_credits,
)
from jobmojito_batch.urls import is_loopback

CLIENT_CLOSED_REQUEST: Final = 499
PROJECT_PAUSED: Final = 540


class Silence(StrEnum):
    """Why there is no HTTP answer to judge."""

    NOT_DELIVERED = "not_delivered"
    """Not a byte of the request left: name, connection, TLS, proxy or pool."""
    NO_ANSWER = "no_answer"
    """Sent, and nothing came in time."""
    CONNECTION_LOST = "connection_lost"
    """The connection broke after the request may have left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back of one call, or did not. No `repr` of it shows a body."""

    http_status: int | None = None
    silence: Silence | None = None
    body: CreateResponse | ErrorBody | PlatformErrorBody | OtherBody | None = None
    """None where the body is no JSON object."""
    platform_code: str | None = None
    """The platform's own code, from the body or the sb-error-code header."""
    retry_after: str | None = None
    """The header as it came: seconds, a date, or anything."""
    request_id: str | None = None
    server_date: datetime | None = None
    """The Date header: the API's clock, to the second."""
    pause_seconds: float | None = None
    """Until the API's own count of requests starts anew, where a header says that it is used up."""
    seconds: float = 0.0


class Action(StrEnum):
    """What the sender does with a row after a call."""

    SETTLE = "settle"
    RETRY = "retry"
    """It provably did not run: the same row may be sent again."""
    RENEW_TOKEN = "renew_token"  # noqa: S105 - the name of an action
    FAIL = "fail"
    """Refused: nothing was created, nothing more for this row in this run."""
    UNKNOWN = "unknown"
    STOP = "stop"
    """The next row would fare no better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """An answer, understood."""

    action: Action
    outcome: Outcome | None = None
    """Set for SETTLE; for STOP it is UNKNOWN where the row itself may have run."""
    code: ErrorCode | None = None
    field: str | None = None
    message: str = ""
    whole_position: bool = False
    """The refusal is the position's: its other rows would meet the same."""
    is_free: bool = False
    """Provably cost nothing, so its reserved credits are given back."""
    is_trustworthy: bool = True
    """False where the call counts towards the breaker."""


POSITION_FIELDS: Final = frozenset(
    {*BY_ID_OMITS, "position_def_set_id", "interview_template_id", "merchant_id"}
)

_OUTCOMES: Final = {
    Status.AI_ACCEPT: Outcome.INVITED,
    Status.RECRUITER_ACCEPT: Outcome.INVITED,
    Status.RECRUITER_ACTION: Outcome.REVIEW,
    Status.AI_REJECT: Outcome.REJECTED,
    Status.RECRUITER_REJECT: Outcome.REJECTED,
    Status.ALREADY_APPLIED: Outcome.ALREADY_APPLIED,
}

_BLANK: Final = re.compile(r"\s")


def judge(answer: Answer) -> Verdict:
    """What the answer proves and what follows; see the table in tests/unit/test_verdict.py."""
    if answer.silence is not None:
        return _judge_silence(answer.silence)
    status = answer.http_status or 0
    if _says_credits_are_out(answer):
        return out_of_credits(status)
    if _is_success(answer):
        return _judge_success(answer)
    return _judge_status(status, answer)


def _judge_silence(silence: Silence) -> Verdict:
    match silence:
        case Silence.NOT_DELIVERED:
            return Verdict(
                action=Action.RETRY,
                code=ErrorCode.UNREACHABLE,
                message="no connection to the API; nothing was sent. Check the network and the "
                "base URL, then run again",
                is_free=True,
                is_trustworthy=False,
            )
        case Silence.NO_ANSWER:
            return _unknown(ErrorCode.NO_ANSWER, "no answer came in time")
        case Silence.CONNECTION_LOST:
            return _unknown(ErrorCode.CONNECTION_LOST, "the connection broke before the answer")


def _judge_success(answer: Answer) -> Verdict:
    if not isinstance(answer.body, CreateResponse):
        return _unknown(ErrorCode.UNREADABLE_ANSWER, "the answer could not be read")
    try:
        outcome = _OUTCOMES[Status(answer.body.status)]
    except ValueError:
        outcome = Outcome.REVIEW  # a status we do not know: a person decides
    if outcome is Outcome.INVITED and not is_safe_link(answer.body.interview_url):
        outcome = Outcome.REVIEW
    return Verdict(action=Action.SETTLE, outcome=outcome)


def _judge_status(status: int, answer: Answer) -> Verdict:  # noqa: C901, PLR0911 - a table
    match status:
        case 401:
            return Verdict(
                action=Action.RENEW_TOKEN,
                code=ErrorCode.UNAUTHORIZED,
                message="the API refused the token; get a fresh one and run again",
                is_free=True,
            )
        case 402:
            return out_of_credits(status)
        case 403:
            return _stop(ErrorCode.FORBIDDEN, "the token may not do this", status)
        case 540:
            return _stop(ErrorCode.SERVICE_PAUSED, "the service is paused", status)
        case 429:
            return Verdict(
                action=Action.RETRY,
                code=ErrorCode.RATE_LIMITED,
                message="the API asked to slow down until patience ended; run again later",
                is_free=True,
            )
        case 503 if answer.platform_code == "BOOT_ERROR":  # the function never started
            return Verdict(
                action=Action.RETRY,
                code=ErrorCode.SERVER_ERROR,
                message="the API could not start; run again later",
                is_free=True,
                is_trustworthy=False,
            )
        case 409:  # unclear: it may exist already, so it is not sent again blind
            return _unknown(ErrorCode.CONFLICT, "the API reports a conflict", is_trustworthy=True)
        case 408 | 499:  # somebody on the way gave up waiting; who had what by then is unclear
            return _unknown(ErrorCode.NO_ANSWER, f"HTTP {status}: gave up waiting on the way")
        case _ if 400 <= status < 500:  # noqa: PLR2004
            return _refused(status, answer)
        case _ if 300 <= status < 400:  # noqa: PLR2004
            return _unknown(ErrorCode.UNREADABLE_ANSWER, f"HTTP {status}: a redirect, not followed")
        case _:
            return _unknown(ErrorCode.SERVER_ERROR, f"HTTP {status}: the API failed on the way")


def _refused(status: int, answer: Answer) -> Verdict:
    body = answer.body
    field = body.name if isinstance(body, ErrorBody) else None
    code = {404: ErrorCode.NOT_FOUND, 413: ErrorCode.TOO_LARGE}.get(status, ErrorCode.REFUSED)
    about = f", field {field}" if field else ""
    advice = {
        ErrorCode.NOT_FOUND: "the API knows no such position; check position_def_set_id and the "
        "base URL",
        ErrorCode.TOO_LARGE: "the row is too large for the API; shorten the résumé",
        ErrorCode.REFUSED: "the API refused the row; correct it and send it again",
    }[code]
    return Verdict(
        action=Action.FAIL,
        code=code,
        field=field,
        message=f"HTTP {status}{about}: {advice}",
        whole_position=code is ErrorCode.NOT_FOUND or field in POSITION_FIELDS,
        is_free=True,
    )


def _unknown(code: ErrorCode, seen: str, *, is_trustworthy: bool = False) -> Verdict:
    return Verdict(
        action=Action.UNKNOWN,
        outcome=Outcome.UNKNOWN,
        code=code,
        message=f"{seen}: the interview may exist and may have cost credits, so the row is not "
        "sent again; look the candidate up in JobMojito",
        is_trustworthy=is_trustworthy,
    )


def out_of_credits(status: int, *, may_have_run: bool = False) -> Verdict:
    """
    The stop that follows where the text of an answer, or the account, says so.

    A 5xx *may_have_run* anyhow; so may what does not say it itself and refused nothing.
    """
    return _stop(
        ErrorCode.INSUFFICIENT_CREDITS,
        "the account is out of credits",
        status,
        may_have_run=may_have_run,
    )


def _stop(code: ErrorCode, seen: str, status: int, *, may_have_run: bool = False) -> Verdict:
    may_have_run = may_have_run or (status >= 500 and status != PROJECT_PAUSED)  # noqa: PLR2004
    return Verdict(
        action=Action.STOP,
        outcome=Outcome.UNKNOWN if may_have_run else None,
        code=code,
        message=f"HTTP {status}: {seen}; the run stopped here. Mend that and run again",
        is_free=not may_have_run and status >= 400,  # noqa: PLR2004
        is_trustworthy=not may_have_run,
    )


def _says_credits_are_out(answer: Answer) -> bool:
    body = answer.body
    if body is None or is_decision(answer):
        return False
    text = texts_of(body)
    if isinstance(body, CreateResponse) and body.status not in set(Status):
        return mentions_lack_of_credits(f"{body.status} {text}")
    # In a 200 a reason may be about the candidate, and what was created is not created again.
    return means_account(text) if _is_success(answer) else mentions_lack_of_credits(text)


def may_mean_no_credits(answer: Answer) -> bool:
    """Whether a 200 that proves nothing may say that credits are out: the account tells."""
    body = answer.body
    if body is None or not _is_success(answer) or is_decision(answer):
        return False
    return may_mean_account(texts_of(body))


def is_decision(answer: Answer) -> bool:
    """Whether there is an enrolment, whatever else it says: an answer with its link or its id."""
    body = answer.body
    return isinstance(body, CreateResponse) and bool(
        body.profile_interview_id or is_safe_link(body.interview_url)
    )


def _is_success(answer: Answer) -> bool:
    return 200 <= (answer.http_status or 0) < 300  # noqa: PLR2004


def is_safe_link(link: str | None) -> bool:
    """Whether a link may be handed on: https, or http to this machine (the sandbox)."""
    if not link or _BLANK.search(link):
        return False
    try:
        parts = urlsplit(link)
        host = parts.hostname
    except ValueError:
        return False
    if not host:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
