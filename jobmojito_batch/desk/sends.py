"""
Presses of Send that counted: a folder each, made once, and the process that carries it out.

    sends/N/order.json     which plan was pressed: its digest, how many, for how many
    sends/N/owner          the process, by its id and start time
    sends/N/progress.json  where it stands, by the process
    sends/N/end.json       how it ended, by the process

The number is part of the plan's digest, and making the folder is what only one press can do. So a
second press, another tab or the back button meets a folder that is there, or a plan of another N.
"""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Final, TypeVar

import polars as pl
import psutil
from pydantic import BaseModel, ConfigDict

from jobmojito_batch.columns import ORDINAL
from jobmojito_batch.desk.uploads import Upload, write_json
from jobmojito_batch.errors import BatchError
from jobmojito_batch.ledger import is_alive, owner_of
from jobmojito_batch.pipeline import Planned
from jobmojito_batch.plan import KIND, Kind

M = TypeVar("M", bound=BaseModel)
COMMAND: Final = "desk-send"
_children: Final[list["subprocess.Popen[bytes]"]] = []
"""Of this server: asked for their end, so that none stays a zombie."""


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

    digest: str
    limit: int | None = None
    to_send: int
    pressed_at: datetime


class Progress(BaseModel):
    """Where the process stands; counts alone."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    run_id: str = ""
    total: int = 0
    settled: int = 0
    in_flight: int = 0
    in_doubt: int = 0
    seconds: float = 0.0
    is_away: bool = False
    outcomes: dict[str, int] = {}


class End(BaseModel):
    """How it ended."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    run_id: str | None = None
    """None where nothing was begun."""
    exit_code: int = 2
    sentence: str
    stop_message: str | None = None
    files: dict[str, str] = {}


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
    def order(self) -> Order | None:
        """What was pressed; None where the desk died over it."""
        return _read(self.folder / "order.json", Order)

    @property
    def progress(self) -> Progress:
        """Where it stands."""
        return _read(self.folder / "progress.json", Progress) or Progress()

    @property
    def end(self) -> End | None:
        """How it ended; None before."""
        return _read(self.folder / "end.json", End)

    @property
    def run_id(self) -> str | None:
        """The run in the ledger, once there is one."""
        return self.progress.run_id or None

    @property
    def state(self) -> SendState:
        """Where it stands."""
        lives = self._lives()  # asked first: it writes its end before it goes
        end = self.end
        if end is not None:
            return SendState.ENDED if end.run_id else SendState.NOT_BEGUN
        return SendState.GOING_ON if lives else SendState.BROKEN_OFF

    def _lives(self) -> bool:
        for child in _children:
            child.poll()
        with suppress(OSError, ValueError):
            return is_alive((self.folder / "owner").read_text(encoding="utf-8"))
        return False

    def stop(self) -> None:
        """Have the process drain: calls in flight end, nothing more is sent."""
        with suppress(OSError, ValueError, psutil.NoSuchProcess):
            owner = (self.folder / "owner").read_text(encoding="utf-8")
            if is_alive(owner):
                psutil.Process(int(owner.rsplit("|", 2)[1])).send_signal(signal.SIGTERM)


def _read(file: Path, model: type[M]) -> M | None:
    try:
        return model.model_validate_json(file.read_bytes())
    except (OSError, ValueError):
        return None


def sends_of(upload: Upload) -> list[Send]:
    """All of an upload, the first first."""
    folder = upload.folder / "sends"
    numbers = [int(one.name) for one in folder.glob("*") if one.name.isdigit()]
    return [Send(upload, number) for number in sorted(numbers)]


def latest_of(upload: Upload) -> Send | None:
    """The latest of an upload."""
    sends = sends_of(upload)
    return sends[-1] if sends else None


def digest_of_plan(planned: Planned, upload: Upload, *, number: int, limit: int | None) -> str:
    """What a plan is known by: what it reads, for which account, whom it sends, at which press."""
    to_send = planned.plan.rows.filter(pl.col(KIND) == Kind.TO_SEND.value).select(ORDINAL)
    settings = planned.settings
    parts = [
        str(number),
        upload.content(limit),
        settings.base_url,
        planned.accounts.merchant,
        settings.environment,
        f"{planned.plan.credits:g}",
        json.dumps({kind.value: count for kind, count in planned.plan.counts.items()}),
        *planned.plan.keys_to_create,
        ",".join(map(str, to_send.collect()[ORDINAL])),
    ]
    return sha256("\0".join(parts).encode()).hexdigest()


def begin(upload: Upload, order: Order, *, number: int) -> Send:
    """
    Send a plan, in a process of its own that outlives the desk.

    Raises NotSentError where this or another press has done so.
    """
    before = latest_of(upload)
    if before is not None and before.state is SendState.GOING_ON:
        raise NotSentError("it is being sent already: this press sends nothing")
    if number != (0 if before is None else before.number + 1):
        raise NotSentError(
            "this plan was sent already: this press sends nothing. What is left is in the plan as "
            "it is now"
        )
    send = Send(upload, number)
    try:
        send.folder.parent.mkdir(mode=0o700, exist_ok=True)
        send.folder.mkdir(mode=0o700)
    except FileExistsError:
        raise NotSentError("another press sent it: this one sends nothing") from None
    write_json(send.folder / "order.json", order.model_dump(mode="json"))
    _start(send)
    return send


def _start(send: Send) -> None:
    command = [sys.executable, "-m", "jobmojito_batch", COMMAND, str(send.folder)]
    log = os.open(send.folder / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        child = subprocess.Popen(  # noqa: S603 - ourselves
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    except OSError as exc:
        raise BatchError(f"the sending did not start ({exc.strerror}); nothing was sent") from exc
    finally:
        os.close(log)
    _children.append(child)
    with suppress(psutil.NoSuchProcess):
        note_owner(send.folder, psutil.Process(child.pid))


def note_owner(folder: Path, process: psutil.Process) -> None:
    """Keep which process carries the send out."""
    (folder / "owner").write_text(owner_of(process), encoding="utf-8")


def as_order(planned: Planned, digest: str, limit: int | None) -> Order:
    """The order of a plan, pressed now."""
    return Order(
        digest=digest, limit=limit, to_send=planned.plan.to_send, pressed_at=datetime.now(UTC)
    )


def keep_end(folder: Path, end: End) -> None:
    """Keep how a send ended."""
    write_json(folder / "end.json", end.model_dump())
