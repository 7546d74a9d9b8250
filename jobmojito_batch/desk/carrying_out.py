"""The process that Send starts: plans again, and sends if it is the plan that was seen."""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

from jobmojito_batch.desk.sends import (
    End,
    Order,
    Progress,
    Send,
    digest_of_plan,
    keep_end,
    note_owner,
)
from jobmojito_batch.desk.uploads import Upload, write_json
from jobmojito_batch.errors import BatchError, SettingsError
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline import ReadyRun, RunObserver, RunResult
from jobmojito_batch.plan import Kind
from jobmojito_batch.sending import Progress as RunProgress

_BETWEEN_SECONDS: Final = 0.4
"""How often the page can see something new."""

Run = Callable[[InviteParameters, RunObserver], RunResult]


class OrderObserver(RunObserver):
    """Holds the run to what a person has seen and pressed, and writes down where it stands."""

    confirms = True

    def __init__(self, send: Send, order: Order) -> None:
        self._send = send
        self._order = order
        self._written = 0.0
        self.run_id = ""
        """Empty before it begins."""
        self.refusal = ""
        """Why the plan was not carried out."""

    def may_send(self, run: ReadyRun) -> bool:
        """Whether it is the plan that was pressed, and all its doubts are answered."""
        planned, upload = run.planned, self._send.upload
        if any(doubt.holds and not upload.has_answered(doubt) for doubt in planned.doubts):
            self.refusal = "the file leaves a question open now; answer it in the plan"
            return False
        digest = digest_of_plan(planned, upload, number=self._send.number, limit=self._order.limit)
        if digest != self._order.digest:
            counts = planned.plan.counts
            self.refusal = (
                f"the plan is no longer true: {self._order.to_send} invitations were to be sent, "
                f"now it would be {planned.plan.to_send} ({counts[Kind.ALREADY_DONE]} are done, "
                f"{counts[Kind.UNKNOWN]} under way or unknown), since another run has sent some, "
                "or the file, its corrections or the account changed; look at the plan as it is now"
            )
            return False
        return True

    def begins(self, run: ReadyRun) -> None:
        """From here on the page can tell of the run."""
        self.run_id = run.planned.run_id
        self._write(Progress(run_id=self.run_id, total=run.planned.plan.to_send))
        super().begins(run)

    def progress(self, progress: RunProgress) -> None:
        """Write it down, now and then."""
        now = time.monotonic()
        if now - self._written >= _BETWEEN_SECONDS:
            self._written = now
            with suppress(BatchError):  # a full disk costs the bar, never the run
                self._write(_progress_of(self.run_id, progress))

    def _write(self, progress: Progress) -> None:
        write_json(self._send.folder / "progress.json", progress.model_dump())


def _progress_of(run_id: str, progress: RunProgress) -> Progress:
    return Progress(
        run_id=run_id,
        total=progress.total,
        settled=progress.settled,
        in_flight=progress.in_flight,
        in_doubt=progress.in_doubt,
        seconds=progress.seconds,
        is_away=progress.is_away,
        outcomes={name.value: n for name, n in progress.outcomes.items() if n},
    )


def carry_out(folder: Path, run: Run) -> int:
    """Carry the order in *folder* out by *run*; gives the exit code. Raises SettingsError."""
    note_owner(folder, psutil.Process())
    send = Send(Upload(folder.parent.parent), int(folder.name))
    order = send.order
    if order is None or send.end is not None:
        raise SettingsError(f"{folder}: holds no order that is open")
    observer = OrderObserver(send, order)
    try:
        end = _end_of(run(send.upload.parameters(order.limit), observer), observer)
    except BatchError as exc:
        end = End(sentence=f"{exc}. Nothing was sent")
    keep_end(folder, end)
    return end.exit_code


def _end_of(result: RunResult, observer: OrderObserver) -> End:
    summary = result.conclusion
    if summary is not None:
        return End(
            run_id=summary.run_id,
            exit_code=int(summary.exit_code),
            sentence=summary.sentence,
            stop_message=summary.stop_message,
            files=dict(summary.files.written()),
        )
    if result.was_declined:
        return End(sentence=f"Nothing was sent: {observer.refusal}")
    error = result.error
    if error is not None and not isinstance(error, BatchError):
        raise error
    if result.has_begun:
        return End(run_id=observer.run_id, exit_code=4, sentence=f"The run stopped: {error}")
    return End(sentence=f"Nothing was sent: {error}")
