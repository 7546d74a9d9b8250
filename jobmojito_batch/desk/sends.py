"""
Presses of Send that counted: a folder each, made once, and the process that carries it out.

    sends/N/order.json     which plan was pressed: its digest, how many, for how many
    sends/N/send.owner     the process, by its id and start time
    sends/N/run.json       the run that it began
    sends/N/progress.json  where that stands
    sends/N/end.json       how it ended

The number is part of the plan's digest, and making the folder is what only one press can do. So a
second press, another tab or the back button meets a folder that is there, or a plan of another N.
"""

import json
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Final

import polars as pl
from pydantic import BaseModel, ConfigDict

from jobmojito_batch.columns import ORDINAL
from jobmojito_batch.desk.errands import Errand
from jobmojito_batch.desk.uploads import Upload, Uploads, read_json, write_json
from jobmojito_batch.errors import BatchError
from jobmojito_batch.ledger import Ledger
from jobmojito_batch.pipeline import Planned, planned_again
from jobmojito_batch.plan import KIND, Kind
from jobmojito_batch.sending import Progress

COMMAND: Final = "desk-send"


class NotSentError(BatchError):
    """A press of Send that sends nothing, and why."""


class SendState(StrEnum):
    """Where a send stands."""

    GOING_ON = "going_on"
    ENDED = "ended"
    NOT_BEGUN = "not_begun"
    """Its process found that the plan is none any more, or that it may not send."""
    BROKEN_OFF = "broken_off"
    """Its process is gone without a word."""


class Order(BaseModel):
    """What was pressed."""

    model_config = ConfigDict(frozen=True)

    number: int
    """Which press it is for: a plan that was pressed is another one the next time."""
    digest: str
    limit: int | None = None
    to_send: int


class End(BaseModel):
    """How it ended."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    run_id: str | None = None
    """None where nothing was begun."""
    sentence: str
    files: dict[str, str] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenPlan:
    """A plan as a person sees it, and the order that pressing Send gives."""

    planned: Planned
    order: Order
    may_be_sent: bool
    """Whether there is a token and something to send, and all that would hold it is answered."""


@dataclass(frozen=True, slots=True)
class Send:
    """One press that counted."""

    upload: Upload
    number: int

    @property
    def folder(self) -> Path:
        """Where all is kept of it."""
        return self.upload.folder / "sends" / str(self.number)

    @property
    def errand(self) -> Errand:
        """The process that carries it out."""
        return Errand(self.folder, "send")

    @property
    def order(self) -> Order | None:
        """What was pressed; None where the desk died over it."""
        return read_json(self.folder / "order.json", Order)

    @property
    def progress(self) -> Progress | None:
        """Where its run stands; None before there is one."""
        return read_json(self.folder / "progress.json", Progress)

    @property
    def end(self) -> End | None:
        """How it ended; None before."""
        return read_json(self.folder / "end.json", End)

    @property
    def run_id(self) -> str | None:
        """The run in the ledger, once there is one."""
        end = self.end
        return end.run_id if end is not None else read_json(self.folder / "run.json", str)

    @property
    def state(self) -> SendState:
        """Where it stands."""
        lives = self.errand.is_going_on  # asked first: it writes its end before it goes
        if (end := self.end) is not None:
            return SendState.ENDED if end.run_id else SendState.NOT_BEGUN
        return SendState.GOING_ON if lives else SendState.BROKEN_OFF


def sends_of(upload: Upload) -> list[Send]:
    """All of an upload, the first first."""
    folder = upload.folder / "sends"
    numbers = [int(press.name) for press in folder.glob("*") if press.name.isdecimal()]
    return [Send(upload, number) for number in sorted(numbers)]


def latest_of(upload: Upload) -> Send | None:
    """The latest of an upload."""
    return next(reversed(sends_of(upload)), None)


def send_of(uploads: Uploads, run_id: str) -> Send | None:
    """The press that a run came of, where it came of one here."""
    sends = (send for upload in uploads.all() for send in sends_of(upload))
    return next((send for send in sends if send.run_id == run_id), None)


def digest_of_plan(planned: Planned, content: str, *, number: int) -> str:
    """What a plan is known by: what it reads, for which account, whom it sends, at which press."""
    to_send = planned.plan.rows.filter(pl.col(KIND) == Kind.TO_SEND.value).select(ORDINAL)
    settings = planned.settings
    parts = [
        str(number),
        content,
        settings.base_url,
        planned.accounts.merchant,
        settings.environment,
        f"{planned.plan.credits:g}",
        json.dumps({kind.value: count for kind, count in planned.plan.counts.items()}),
        *planned.plan.keys_to_create,
        ",".join(map(str, to_send.collect()[ORDINAL])),
    ]
    return sha256("\0".join(parts).encode()).hexdigest()


def plan_of(upload: Upload, limit: int | None) -> SeenPlan:
    """What would be sent of an upload now. Raises BatchError."""
    with upload.lock:
        content = upload.content(limit)  # first: what changes meanwhile makes it another plan
        checked = upload.checked(whole=True).planned
        with Ledger.existing(checked.settings.ledger_url) as ledger:
            planned = planned_again(checked, ledger, limit=limit)
        before = latest_of(upload)
        number = 0 if before is None else before.number + 1
        digest = digest_of_plan(planned, content, number=number)
    holds = (doubt.holds and not upload.has_answered(doubt) for doubt in planned.doubts)
    to_send = planned.plan.to_send
    return SeenPlan(
        planned=planned,
        order=Order(number=number, digest=digest, limit=limit, to_send=to_send),
        may_be_sent=planned.settings.has_token and to_send > 0 and not any(holds),
    )


def check_press(upload: Upload, number: int) -> None:
    """Raises NotSentError where a plan of this number was pressed, or another is being sent."""
    before = latest_of(upload)
    if before is not None and before.state is SendState.GOING_ON:
        raise NotSentError("it is being sent already: this press sent nothing")
    if before is not None and before.number >= number:
        raise NotSentError(
            "this plan was sent already: this press sent nothing. What is left is in the plan as "
            "it is now"
        )


def begin(upload: Upload, order: Order) -> None:
    """
    Send a plan, in a process of its own that outlives the desk.

    Raises NotSentError where this or another press has done so.
    """
    check_press(upload, order.number)
    send = Send(upload, order.number)
    try:
        send.folder.parent.mkdir(mode=0o700, exist_ok=True)
        send.folder.mkdir(mode=0o700)
    except FileExistsError:
        raise NotSentError("another press sent it: this press sent nothing") from None
    write_json(send.folder / "order.json", order)
    send.errand.start(COMMAND, str(send.folder))
